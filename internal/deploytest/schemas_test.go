package deploytest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// module is a Go module that holds schemas. Its zip is 21 MB at most; Go's checksum
// database and the sum here say that it is the right one.
type module struct{ path, version, sum string }

var (
	kubernetes         = module{"k8s.io/kubernetes", "v1.37.2", "h1:A2VDEiObzkYqFTKhSsn0ZEb0RlLEXpHWj93gi2HqEwE="}
	keda               = module{"github.com/kedacore/keda/v2", "v2.21.0", "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps="}
	prometheusOperator = module{"github.com/prometheus-operator/prometheus-operator", "v0.85.0", "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s="}
)

// folder gives the folder of the module, which is downloaded if it is not there.
func (m module) folder(t *testing.T) string {
	t.Helper()
	var found struct{ Dir, Sum, Error string }
	cmd := exec.Command("go", "mod", "download", "-json", m.path+"@"+m.version)
	cmd.Dir = t.TempDir() // belongs to no module, so that none is changed
	out, err := cmd.Output()
	if err == nil || len(out) > 0 {
		err = json.Unmarshal(out, &found)
	}
	if err != nil || found.Error != "" || found.Sum != m.sum {
		t.Fatalf("%s %s: %v %s, sum %s; want %s", m.path, m.version, err, found.Error, found.Sum, m.sum)
	}
	return found.Dir
}

// schemas writes a JSON schema for each kind that the API server knows, with the
// custom ones of KEDA and the prometheus-operator, and gives their folder. They allow
// no field that is not in them.
func schemas(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	writeBuiltin(t, dir)
	for _, crds := range []string{
		filepath.Join(keda.folder(t), "config", "crd", "bases", "keda.sh_scaledobjects.yaml"),
		filepath.Join(prometheusOperator.folder(t), "example", "prometheus-operator-crd", "monitoring.coreos.com_servicemonitors.yaml"),
		filepath.Join(prometheusOperator.folder(t), "example", "prometheus-operator-crd", "monitoring.coreos.com_prometheusrules.yaml"),
	} {
		writeCustom(t, dir, crds)
	}
	return dir
}

// schemaName is the file of a kind, as kubeconform asks for it.
func schemaName(group, version, kind string) string {
	name := strings.ToLower(kind)
	if short, _, _ := strings.Cut(group, "."); short != "" {
		name += "-" + strings.ToLower(short)
	}
	return name + "-" + strings.ToLower(version) + ".json"
}

const definitionsFile = "_definitions.json"

func writeBuiltin(t *testing.T, dir string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(kubernetes.folder(t), "api", "openapi-spec", "swagger.json"))
	if err != nil {
		t.Fatal(err)
	}
	var swagger struct {
		Definitions map[string]any `json:"definitions"`
	}
	if err := json.Unmarshal(b, &swagger); err != nil {
		t.Fatal(err)
	}
	for name, d := range swagger.Definitions {
		definition, _ := d.(map[string]any)
		kinds, _ := definition["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) == 1 { // else it is what all groups share, such as DeleteOptions
			k, _ := kinds[0].(map[string]any)
			writeJSON(t, filepath.Join(dir, schemaName(fmt.Sprint(k["group"]), fmt.Sprint(k["version"]), fmt.Sprint(k["kind"]))),
				map[string]any{"$ref": definitionsFile + "#/definitions/" + name})
		}
	}
	strict(swagger.Definitions)
	writeJSON(t, filepath.Join(dir, definitionsFile), map[string]any{"definitions": swagger.Definitions})
}

func writeCustom(t *testing.T, dir, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Group    string                `json:"group"`
			Names    struct{ Kind string } `json:"names"`
			Versions []struct {
				Name   string `json:"name"`
				Schema struct {
					OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(b, &crd); err != nil || len(crd.Spec.Versions) == 0 {
		t.Fatalf("%s: %v", file, err)
	}
	for _, v := range crd.Spec.Versions {
		strict(v.Schema.OpenAPIV3Schema)
		writeJSON(t, filepath.Join(dir, schemaName(crd.Spec.Group, v.Name, crd.Spec.Names.Kind)), v.Schema.OpenAPIV3Schema)
	}
}

// strict forbids the fields that a schema does not name, as the API server does when
// it is asked to be strict, and says what "int-or-string" means.
func strict(schema any) {
	switch s := schema.(type) {
	case map[string]any:
		properties, isObject := s["properties"].(map[string]any)
		if _, open := s["additionalProperties"]; isObject && !open && s["x-kubernetes-preserve-unknown-fields"] != true {
			s["additionalProperties"] = false
		}
		if s["format"] == "int-or-string" || s["x-kubernetes-int-or-string"] == true {
			delete(s, "type")
			s["oneOf"] = []any{map[string]any{"type": "string"}, map[string]any{"type": "integer"}}
			delete(s, "anyOf")
		}
		for name, inner := range s {
			if name != "properties" {
				strict(inner)
			}
		}
		for _, inner := range properties { // a property may be named "format" itself
			strict(inner)
		}
	case []any:
		for _, inner := range s {
			strict(inner)
		}
	}
}

func writeJSON(t *testing.T, file string, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err == nil {
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
