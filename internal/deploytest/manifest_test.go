package deploytest_test

import (
	"maps"
	"testing"

	"sigs.k8s.io/yaml"
)

// manifest is what the tests look at of any object.
type manifest struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name        string            `json:"name"`
		Namespace   string            `json:"namespace"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec       spec              `json:"spec"`
	Data       map[string]string `json:"data"`
	StringData map[string]string `json:"stringData"`
}

type spec struct {
	Template        *template   `json:"template"`
	Replicas        *int        `json:"replicas"`
	MinReplicas     int         `json:"minReplicas"`
	MaxReplicas     int         `json:"maxReplicas"`
	MinReplicaCount int         `json:"minReplicaCount"`
	ScaleTargetRef  named       `json:"scaleTargetRef"`
	MaxUnavailable  any         `json:"maxUnavailable"`
	MinAvailable    any         `json:"minAvailable"`
	Selector        selector    `json:"selector"`
	PodSelector     labels      `json:"podSelector"`
	PolicyTypes     []string    `json:"policyTypes"`
	Ingress         []peering   `json:"ingress"`
	Egress          []peering   `json:"egress"`
	Ports           []port      `json:"ports"`
	Endpoints       []port      `json:"endpoints"`
	Triggers        []trigger   `json:"triggers"`
	Groups          []ruleGroup `json:"groups"`
	Rules           []hostRule  `json:"rules"`
}

// hostRule is an Ingress's.
type hostRule struct {
	HTTP struct {
		Paths []struct {
			Path     string `json:"path"`
			PathType string `json:"pathType"`
		} `json:"paths"`
	} `json:"http"`
}

type named struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// labels is a selector with matchLabels.
type labels struct {
	MatchLabels map[string]string `json:"matchLabels"`
}

// selector is one with matchLabels, or a Service's, which has none.
type selector map[string]any

func (s selector) labels() map[string]string {
	out := map[string]string{}
	from := map[string]any(s)
	if inner, ok := s["matchLabels"].(map[string]any); ok {
		from = inner
	}
	for k, v := range from {
		out[k], _ = v.(string)
	}
	return out
}

type peering struct {
	From  []peer `json:"from"`
	To    []peer `json:"to"`
	Ports []struct {
		Port any `json:"port"`
	} `json:"ports"`
}

type peer struct {
	PodSelector       *labels `json:"podSelector"`
	NamespaceSelector *labels `json:"namespaceSelector"`
}

type port struct {
	Name          string `json:"name"`
	Port          any    `json:"port"`
	TargetPort    any    `json:"targetPort"`
	ContainerPort int    `json:"containerPort"`
}

type trigger struct {
	Type     string            `json:"type"`
	Metadata map[string]string `json:"metadata"`
}

type ruleGroup struct {
	Name string `json:"name"`
}

type template struct {
	Metadata struct {
		Labels map[string]string `json:"labels"`
	} `json:"metadata"`
	Spec struct {
		ServiceAccountName            string      `json:"serviceAccountName"`
		AutomountServiceAccountToken  *bool       `json:"automountServiceAccountToken"`
		EnableServiceLinks            *bool       `json:"enableServiceLinks"`
		HostNetwork                   bool        `json:"hostNetwork"`
		TerminationGracePeriodSeconds int         `json:"terminationGracePeriodSeconds"`
		SecurityContext               security    `json:"securityContext"`
		TopologySpreadConstraints     []any       `json:"topologySpreadConstraints"`
		Containers                    []container `json:"containers"`
		InitContainers                []container `json:"initContainers"`
		Volumes                       []volume    `json:"volumes"`
	} `json:"spec"`
}

type security struct {
	RunAsNonRoot             bool  `json:"runAsNonRoot"`
	RunAsUser                int   `json:"runAsUser"`
	Privileged               bool  `json:"privileged"`
	AllowPrivilegeEscalation *bool `json:"allowPrivilegeEscalation"`
	ReadOnlyRootFilesystem   bool  `json:"readOnlyRootFilesystem"`
	Capabilities             struct {
		Add  []string `json:"add"`
		Drop []string `json:"drop"`
	} `json:"capabilities"`
	SeccompProfile struct {
		Type string `json:"type"`
	} `json:"seccompProfile"`
}

type container struct {
	Name    string   `json:"name"`
	Image   string   `json:"image"`
	Command []string `json:"command"`
	Args    []string `json:"args"`
	Ports   []port   `json:"ports"`
	Env     []struct {
		Name      string `json:"name"`
		Value     string `json:"value"`
		ValueFrom struct {
			SecretKeyRef *struct {
				Name string `json:"name"`
				Key  string `json:"key"`
			} `json:"secretKeyRef"`
		} `json:"valueFrom"`
	} `json:"env"`
	EnvFrom []struct {
		SecretRef    *named `json:"secretRef"`
		ConfigMapRef *named `json:"configMapRef"`
	} `json:"envFrom"`
	Resources struct {
		Requests map[string]string `json:"requests"`
		Limits   map[string]string `json:"limits"`
	} `json:"resources"`
	Lifecycle struct {
		PreStop struct {
			Sleep struct {
				Seconds int `json:"seconds"`
			} `json:"sleep"`
		} `json:"preStop"`
	} `json:"lifecycle"`
	ReadinessProbe, LivenessProbe *struct {
		HTTPGet struct {
			Path string `json:"path"`
			Port any    `json:"port"`
		} `json:"httpGet"`
	}
	SecurityContext security `json:"securityContext"`
}

type volume struct {
	Name      string          `json:"name"`
	ConfigMap *named          `json:"configMap"`
	HostPath  *map[string]any `json:"hostPath"`
}

// set is all the objects of an overlay.
type set []manifest

func overlay(t *testing.T, name string) set {
	t.Helper()
	return manifests(t, kustomized(t, name))
}

// manifests reads what kustomize has built.
func manifests(t *testing.T, objects [][]byte) (all set) {
	t.Helper()
	for _, b := range objects {
		var m manifest
		if err := yaml.Unmarshal(b, &m); err != nil {
			t.Fatalf("%v:\n%s", err, b)
		}
		all = append(all, m)
	}
	return all
}

// of gives the objects of a kind.
func (s set) of(kind string) (out set) {
	for _, m := range s {
		if m.Kind == kind {
			out = append(out, m)
		}
	}
	return out
}

// find gives one object.
func (s set) find(kind, name string) *manifest {
	for i := range s {
		if s[i].Kind == kind && s[i].Metadata.Name == name {
			return &s[i]
		}
	}
	return nil
}

// workloads are what has pods.
func (s set) workloads() (out set) {
	for _, m := range s {
		if m.Spec.Template != nil {
			out = append(out, m)
		}
	}
	return out
}

// selects tells whether pods with these labels are meant. An empty selector means all.
func selects(want, pod map[string]string) bool {
	for k, v := range want {
		if pod[k] != v {
			return false
		}
	}
	return true
}

// selected gives the workloads whose pods a selector means.
func (s set) selected(want map[string]string) (out set) {
	for _, m := range s.workloads() {
		if selects(want, m.Spec.Template.Metadata.Labels) {
			out = append(out, m)
		}
	}
	return out
}

// environment is what a container of the overlay gets. A Secret that the operator makes
// has the example's keys.
func (s set) environment(t *testing.T, c container) map[string]string {
	t.Helper()
	env := map[string]string{}
	for _, from := range c.EnvFrom {
		switch {
		case from.ConfigMapRef != nil:
			m := s.find("ConfigMap", from.ConfigMapRef.Name)
			if m == nil {
				t.Errorf("%s: there is no ConfigMap %s", c.Name, from.ConfigMapRef.Name)
				continue
			}
			maps.Copy(env, m.Data)
		case from.SecretRef != nil:
			maps.Copy(env, s.secret(t, from.SecretRef.Name))
		}
	}
	for _, e := range c.Env {
		env[e.Name] = e.Value
	}
	return env
}
