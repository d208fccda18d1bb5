package deploytest_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestK8sComponentsAlone: each component works in a copy of prod, with its images from
// the operator's registry and others' by a version.
func TestK8sComponentsAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "deploy", "k8s"))); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlays", "prod", "kustomization.yaml")
	prod, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	components, err := os.ReadDir(filepath.Join(dir, "components"))
	if err != nil || len(components) < 4 {
		t.Fatalf("%v, %v", components, err)
	}
	for _, component := range components {
		var k map[string]any
		changed := strings.ReplaceAll(string(prod), "newName: registry.example.com/", "newName: registry.mine.example/")
		if err := yaml.Unmarshal([]byte(changed), &k); err != nil {
			t.Fatal(err)
		}
		k["components"] = []string{"../../components/" + component.Name()}
		b, err := yaml.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		all, err := kustomize(filepath.Dir(file))
		if err != nil {
			t.Errorf("%s: %v", component.Name(), err)
			continue
		}
		for _, m := range manifests(t, all) {
			if m.Spec.Template == nil {
				continue
			}
			for _, c := range slices.Concat(m.Spec.Template.Spec.Containers, m.Spec.Template.Spec.InitContainers) {
				ours := strings.Contains(c.Image, "tintype")
				if !exact.MatchString(c.Image) || ours && !strings.HasPrefix(c.Image, "registry.mine.example/") {
					t.Errorf("%s: the image of %s/%s is %s", component.Name(), m.Metadata.Name, c.Name, c.Image)
				}
			}
		}
	}
}
