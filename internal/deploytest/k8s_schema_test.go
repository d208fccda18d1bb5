package deploytest_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/yannh/kubeconform/pkg/validator"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// overlays are what is applied to clusters: all that there are, an operator's own too.
func overlays(t *testing.T) (names []string) {
	t.Helper()
	all, err := os.ReadDir(filepath.Join(root, "deploy", "k8s", "overlays"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range all {
		if dir.IsDir() {
			names = append(names, dir.Name())
		}
	}
	if !slices.Contains(names, "dev") || !slices.Contains(names, "prod") {
		t.Fatalf("the overlays are %v", names)
	}
	return names
}

// kustomizing is held while kustomize works, which keeps its schemas in variables of the
// package that it reads without their lock (kyaml 0.20, openapi.IsNamespaceScoped).
var kustomizing sync.Mutex

// kustomize builds what is in a folder as `kubectl kustomize` does, and gives the objects'
// YAML.
func kustomize(dir string) (objects [][]byte, err error) {
	kustomizing.Lock()
	defer kustomizing.Unlock()
	all, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, err
	}
	for _, r := range all.Resources() {
		b, err := r.AsYAML()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.CurId(), err)
		}
		objects = append(objects, b)
	}
	return objects, nil
}

// kustomized builds an overlay.
func kustomized(t *testing.T, overlay string) [][]byte {
	t.Helper()
	objects, err := kustomize(filepath.Join(root, "deploy", "k8s", "overlays", overlay))
	if err != nil {
		t.Fatalf("overlay %s: %v", overlay, err)
	}
	return objects
}

// invalid says what kubeconform has against manifests.
func invalid(v validator.Validator, manifests string) (problems []string) {
	for _, r := range v.Validate("", io.NopCloser(strings.NewReader(manifests))) {
		switch r.Status {
		case validator.Valid, validator.Empty:
		case validator.Invalid, validator.Error, validator.Skipped:
			sig, _ := r.Resource.Signature()
			if sig != nil {
				problems = append(problems, sig.Kind+" "+sig.Name+": "+r.Err.Error())
				continue
			}
			problems = append(problems, r.Err.Error())
		}
	}
	return problems
}

// TestK8sSchemas: every object has its kind's fields and no others.
func TestK8sSchemas(t *testing.T) {
	t.Parallel()
	v, err := validator.New([]string{filepath.Join(schemas(t), "{{ .ResourceKind }}{{ .KindSuffix }}.json")}, validator.Opts{Strict: true, KubernetesVersion: "1.37.2"})
	if err != nil {
		t.Fatal(err)
	}
	for _, overlay := range overlays(t) {
		objects := kustomized(t, overlay)
		if n := len(objects); n < 16 {
			t.Errorf("overlay %s has %d objects", overlay, n)
		}
		for _, p := range invalid(v, string(bytes.Join(objects, []byte("---\n")))) {
			t.Errorf("overlay %s: %s", overlay, p)
		}
	}
	// And it tells what is wrong.
	for name, tt := range map[string]struct{ manifest, says string }{
		"an unknown field":           {"apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {prots: []}", "prots"},
		"a wrong type":               {"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicas: two, selector: {}, template: {}}", "replicas"},
		"a field that is missing":    {"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {selector: {}}", "template"},
		"deep down":                  {"apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: x, readinessProbe: {httpGte: {}}}]}", "httpGte"},
		"a custom field":             {"apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: x}\nspec: {scaleTargetRef: {name: x}, triggers: [], minReplicas: 1}", "minReplicas"},
		"a custom field of monitors": {"apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: x}\nspec: {selector: {}, endpoints: [{prot: x}]}", "prot"},
		"an unknown kind":            {"apiVersion: apps/v1\nkind: Deploiment\nmetadata: {name: x}", "Deploiment"},
		"not any more":               {"apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: x}", "PodDisruptionBudget"},
	} {
		if problems := strings.Join(invalid(v, tt.manifest), "\n"); !strings.Contains(problems, tt.says) {
			t.Errorf("%s: found %q; want %q", name, problems, tt.says)
		}
	}
}
