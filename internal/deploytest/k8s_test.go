package deploytest_test

import (
	"encoding/base64"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/internal/deploytest"
)

func eachOverlay(t *testing.T, check func(t *testing.T, s set)) {
	t.Helper()
	for _, name := range overlays(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, overlay(t, name))
		})
	}
}

// secret gives what is in a Secret: of the overlay, or of the example that the
// operator fills in.
func (s set) secret(t *testing.T, name string) map[string]string {
	t.Helper()
	out := map[string]string{}
	if m := s.find("Secret", name); m != nil {
		for k, v := range m.Data {
			b, err := base64.StdEncoding.DecodeString(v)
			if err != nil {
				t.Error(err)
			}
			out[k] = string(b)
		}
		return out
	}
	if name != "tintype-secrets" {
		t.Errorf("nothing tells to make a Secret %s", name)
	}
	for line := range strings.Lines(read(t, "deploy/k8s/secrets.env.example")) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(k, "#") {
			out[k] = v
		}
	}
	for k, v := range map[string]string{
		"ARK_API_KEY": "filled-in", "GATEWAY_KEY": "tt_filled_in_for_callers", "ADMIN_KEY": "tt_filled_in_for_operators", "TENANT_SECRET": "filled_in_for_digests",
		"WEBHOOK_SECRET": "whsec_b25seS1mb3ItZGV2ZWxvcG1lbnQtb25seS1mb3ItZGU=", "SECURITY_KEY": "2026-11-27:b25seS1mb3ItZGV2ZWxvcG1lbnQtb25seS1mb3ItZGU=",
	} {
		if out[k] != "" {
			t.Errorf("secrets.env.example has a %s that everybody knows", k)
		}
		out[k] = v
	}
	return out
}

// TestK8sPodsAreRestricted: as the Pod Security Standard "restricted" wants it, and a
// little more: a root that cannot be written to, and no way to Kubernetes' API.
func TestK8sPodsAreRestricted(t *testing.T) {
	t.Parallel()
	eachOverlay(t, func(t *testing.T, s set) {
		t.Helper()
		for _, m := range s.workloads() {
			p := m.Spec.Template.Spec
			if !p.SecurityContext.RunAsNonRoot || p.SecurityContext.RunAsUser == 0 || p.SecurityContext.SeccompProfile.Type != "RuntimeDefault" || p.HostNetwork {
				t.Errorf("%s: its pods are not restricted: %+v", m.Metadata.Name, p.SecurityContext)
			}
			if p.AutomountServiceAccountToken == nil || *p.AutomountServiceAccountToken || p.EnableServiceLinks == nil || *p.EnableServiceLinks {
				t.Errorf("%s: a token for the API, or the names of all Services, are in its pods", m.Metadata.Name)
			}
			for _, c := range slices.Concat(p.Containers, p.InitContainers) {
				sc := c.SecurityContext
				if sc.Privileged || sc.AllowPrivilegeEscalation == nil || *sc.AllowPrivilegeEscalation || !sc.ReadOnlyRootFilesystem ||
					!slices.Equal(sc.Capabilities.Drop, []string{"ALL"}) || len(sc.Capabilities.Add) > 0 {
					t.Errorf("%s/%s: its container is not restricted: %+v", m.Metadata.Name, c.Name, sc)
				}
				if c.Resources.Requests["cpu"] == "" || c.Resources.Requests["memory"] == "" || c.Resources.Limits["memory"] == "" {
					t.Errorf("%s/%s: requests for CPU and memory, and a limit for memory, are needed", m.Metadata.Name, c.Name)
				}
				if tag := c.Image[strings.LastIndex(c.Image, ":")+1:]; tag != "dev" && !exact.MatchString(c.Image) {
					t.Errorf("%s/%s: %s is not pinned", m.Metadata.Name, c.Name, c.Image)
				}
				if long := m.Kind != "Job"; long && (c.ReadinessProbe == nil || c.LivenessProbe == nil) {
					t.Errorf("%s/%s: has no probes", m.Metadata.Name, c.Name)
				}
			}
			for _, v := range p.Volumes {
				if v.HostPath != nil || v.ConfigMap != nil && s.find("ConfigMap", v.ConfigMap.Name) == nil {
					t.Errorf("%s: volume %s is the node's, or of nothing", m.Metadata.Name, v.Name)
				}
			}
		}
		for _, ns := range s.of("Namespace") {
			if ns.Metadata.Labels["pod-security.kubernetes.io/enforce"] != "restricted" {
				t.Errorf("namespace %s enforces nothing", ns.Metadata.Name)
			}
		}
	})
}

// settings are those of a container of ours.
func (s set) settings(t *testing.T, m manifest) *config.Config {
	t.Helper()
	c := m.Spec.Template.Spec.Containers[0]
	r := config.ForWorker
	if c.Name == "api" {
		r = config.ForAPI
	}
	file := filepath.Join(t.TempDir(), "tintype.yaml")
	for _, v := range m.Spec.Template.Spec.Volumes {
		if v.ConfigMap != nil {
			if err := os.WriteFile(file, []byte(s.find("ConfigMap", v.ConfigMap.Name).Data["tintype.yaml"]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	source := config.Source{Role: r, File: file}
	env := s.environment(t, c)
	for k, v := range env {
		source.Environ = append(source.Environ, k+"="+v)
	}
	// An operator's own file may take more from their Secret than the example has.
	if text, err := os.ReadFile(file); err == nil && string(text) != read(t, "deploy/k8s/base/tintype.yaml") {
		for _, v := range regexp.MustCompile(`\$\{(\w+)\}`).FindAllStringSubmatch(string(text), -1) {
			if _, known := env[v[1]]; !known {
				source.Environ = append(source.Environ, v[1]+"=filled-in")
			}
		}
	}
	if i := slices.Index(c.Args, "--roles"); i >= 0 {
		source.Flags = []config.Flag{{Name: "--roles", Setting: "worker.roles", Value: c.Args[i+1]}}
	}
	cfg, err := config.Load(source)
	if err != nil {
		t.Fatalf("%s: %v", m.Metadata.Name, err)
	}
	return cfg
}

// TestK8sGraces: what a program may take for its end, Kubernetes gives it.
func TestK8sGraces(t *testing.T) {
	t.Parallel()
	eachOverlay(t, func(t *testing.T, s set) {
		t.Helper()
		for _, name := range []string{"tintype-api", "tintype-worker-submit", "tintype-worker-mirror"} {
			m := s.find("Deployment", name)
			c := s.settings(t, *m)
			p := m.Spec.Template.Spec
			given := time.Duration(p.TerminationGracePeriodSeconds) * time.Second
			before := time.Duration(p.Containers[0].Lifecycle.PreStop.Sleep.Seconds) * time.Second
			want := before + c.Worker.ShutdownGrace + 15*time.Second
			if name == "tintype-api" {
				want = before + c.Server.ShutdownGrace + 10*time.Second
				if before < 5*time.Second || c.Server.ShutdownDelay < 5*time.Second {
					t.Errorf("preStop is %s, server.shutdown_delay %s: the Service and load balancers need a moment to forget a pod", before, c.Server.ShutdownDelay)
				}
			}
			if given != want {
				t.Errorf("%s: terminationGracePeriodSeconds is %s; its settings make it %s", name, given, want)
			}
		}
	})
}

// TestK8sOperator: the runbook's commands have a key, in every overlay, and webhooks what
// they need; and nobody can try in Redis what was asked for.
func TestK8sOperator(t *testing.T) {
	t.Parallel()
	eachOverlay(t, func(t *testing.T, s set) {
		t.Helper()
		c := s.settings(t, *s.find("Deployment", "tintype-api"))
		checkOperator(t, "tintype-api", c)
		if c.Webhooks.Secret.IsZero() || len(c.Security.Keys) == 0 {
			t.Error("a worker has the role webhook, and nobody can ask for one: webhooks.secret or security.keys is missing")
		}
		if c.Auth.TenantSecret.IsZero() {
			t.Error("auth.tenant_secret is missing: digests of prompts and idempotency keys are plain")
		}
	})
}

// TestK8sRoles: each stage of the worker runs somewhere, and once only is decided where.
func TestK8sRoles(t *testing.T) {
	t.Parallel()
	eachOverlay(t, func(t *testing.T, s set) {
		t.Helper()
		var roles []string
		for _, m := range s.selected(map[string]string{"tintype.dev/worker": "true"}) {
			for _, r := range s.settings(t, m).Worker.Roles {
				roles = append(roles, string(r))
			}
		}
		slices.Sort(roles)
		if want := []string{"mirror", "poll", "submit", "sweep", "webhook"}; !slices.Equal(roles, want) {
			t.Errorf("the workers' roles are %v; want each of %v once", roles, want)
		}
	})
}

// TestK8sScaling: what scales exists, never to nothing, and nothing else says how many;
// no budget holds up a drain.
func TestK8sScaling(t *testing.T) {
	t.Parallel()
	eachOverlay(t, func(t *testing.T, s set) {
		t.Helper()
		for _, m := range slices.Concat(s.of("HorizontalPodAutoscaler"), s.of("ScaledObject")) {
			target := s.find(m.Spec.ScaleTargetRef.Kind, m.Spec.ScaleTargetRef.Name)
			if target == nil || target.Spec.Replicas != nil {
				t.Errorf("%s %s scales what is not there, or says itself how many it is", m.Kind, m.Metadata.Name)
			}
			if max(m.Spec.MinReplicas, m.Spec.MinReplicaCount) < 1 {
				t.Errorf("%s %s goes to nothing", m.Kind, m.Metadata.Name)
			}
			for _, trigger := range m.Spec.Triggers {
				if trigger.Metadata["ignoreNullValues"] != "false" || !strings.Contains(trigger.Metadata["query"], "max by") && !strings.Contains(trigger.Metadata["query"], "max(") {
					t.Errorf("%s: takes no figure for none, or adds up what every sweeper shows: %v", m.Metadata.Name, trigger.Metadata)
				}
				for _, metric := range regexp.MustCompile(`tintype_\w+\{[^}]*\}`).FindAllString(trigger.Metadata["query"], -1) {
					if !strings.Contains(metric, `namespace="`+target.Metadata.Namespace+`"`) {
						t.Errorf("%s: %s is of other installations as well", m.Metadata.Name, metric)
					}
				}
			}
		}
		for _, m := range s.of("PodDisruptionBudget") {
			if m.Spec.MinAvailable != nil || m.Spec.MaxUnavailable == nil || len(s.selected(m.Spec.Selector.labels())) != 1 {
				t.Errorf("budget %s can hold up a drain, or is not of one Deployment", m.Metadata.Name)
			}
		}
		for _, m := range s.of("Deployment") {
			if m.Metadata.Labels["app.kubernetes.io/name"] == "tintype" && len(m.Spec.Template.Spec.TopologySpreadConstraints) < 2 {
				t.Errorf("%s may all be on one node or in one zone", m.Metadata.Name)
			}
		}
	})
}

// TestK8sServices: each Service, and each monitor, finds pods, and the ports that it
// names.
func TestK8sServices(t *testing.T) {
	t.Parallel()
	eachOverlay(t, func(t *testing.T, s set) {
		t.Helper()
		for _, m := range s.of("Service") {
			pods := s.selected(m.Spec.Selector.labels())
			if len(pods) == 0 {
				t.Errorf("Service %s selects nothing", m.Metadata.Name)
			}
			for _, pod := range pods {
				for _, want := range m.Spec.Ports {
					if !slices.ContainsFunc(pod.Spec.Template.Spec.Containers[0].Ports, func(has port) bool { return has.Name == want.TargetPort }) {
						t.Errorf("Service %s: %s has no port %v", m.Metadata.Name, pod.Metadata.Name, want.TargetPort)
					}
				}
			}
		}
		for _, m := range s.of("ServiceMonitor") {
			found := 0
			for _, service := range s.of("Service") {
				if selects(m.Spec.Selector.labels(), service.Metadata.Labels) {
					found++
					if service.Spec.Ports[0].Name != m.Spec.Endpoints[0].Port {
						t.Errorf("monitor %s: Service %s has no port %v", m.Metadata.Name, service.Metadata.Name, m.Spec.Endpoints[0].Port)
					}
				}
			}
			if found != 1 {
				t.Errorf("monitor %s selects %d Services", m.Metadata.Name, found)
			}
		}
	})
	if prod := overlay(t, "prod"); len(prod.of("ServiceMonitor")) != 2 || len(prod.of("ScaledObject")) != 2 || len(prod.of("PrometheusRule")) != 1 {
		t.Error("the overlay prod lacks its components")
	}
}

// TestK8sIngress: each path of the API is there for callers, and what it shows of itself
// to Prometheus is not.
func TestK8sIngress(t *testing.T) {
	t.Parallel()
	var document struct{ Paths map[string]any }
	if err := yaml.Unmarshal([]byte(read(t, "internal/openapi/openapi.yaml")), &document); err != nil || len(document.Paths) < 20 {
		t.Fatalf("%d paths, %v", len(document.Paths), err)
	}
	eachOverlay(t, func(t *testing.T, s set) {
		t.Helper()
		for _, m := range s.of("Ingress") {
			open := func(path string) bool {
				return slices.ContainsFunc(m.Spec.Rules, func(r hostRule) bool {
					for _, p := range r.HTTP.Paths {
						if path == p.Path || p.PathType == "Prefix" && strings.HasPrefix(path, strings.TrimSuffix(p.Path, "/")+"/") {
							return true
						}
					}
					return false
				})
			}
			for _, path := range slices.Concat(slices.Collect(maps.Keys(document.Paths)), []string{"/openapi.json", "/docs", "/docs/index.css", "/admin/v1/accounts", "/admin/queues", "/healthz", "/readyz"}) {
				if !open(path) && path != "/metrics" {
					t.Errorf("Ingress %s has no way to %s", m.Metadata.Name, path)
				}
			}
			if open("/metrics") {
				t.Errorf("Ingress %s shows /metrics to everybody", m.Metadata.Name)
			}
		}
	})
}

// allowed tells whether a policy lets pods with these labels reach a port of others,
// by both sides' policies.
func (s set) allowed(from, to map[string]string, at int) bool {
	side := func(self map[string]string, rules func(spec) []peering, peers func(peering) []peer, other map[string]string) bool {
		for _, policy := range s.of("NetworkPolicy") {
			if !selects(policy.Spec.PodSelector.MatchLabels, self) {
				continue
			}
			for _, rule := range rules(policy.Spec) {
				open := slices.ContainsFunc(rule.Ports, func(p struct {
					Port any `json:"port"`
				},
				) bool {
					return p.Port == float64(at)
				})
				named := slices.ContainsFunc(peers(rule), func(p peer) bool {
					return p.PodSelector != nil && p.NamespaceSelector == nil && selects(p.PodSelector.MatchLabels, other)
				})
				if open && named {
					return true
				}
			}
		}
		return false
	}
	return side(from, func(s spec) []peering { return s.Egress }, func(p peering) []peer { return p.To }, to) &&
		side(to, func(s spec) []peering { return s.Ingress }, func(p peering) []peer { return p.From }, from)
}

// TestK8sNetwork: everything is closed, and what has to be open is, on both sides.
func TestK8sNetwork(t *testing.T) {
	t.Parallel()
	eachOverlay(t, func(t *testing.T, s set) {
		t.Helper()
		for _, m := range s.workloads() {
			closed := slices.ContainsFunc(s.of("NetworkPolicy"), func(p manifest) bool {
				return len(p.Spec.Ingress)+len(p.Spec.Egress) == 0 && slices.Equal(p.Spec.PolicyTypes, []string{"Ingress", "Egress"}) && selects(p.Spec.PodSelector.MatchLabels, m.Spec.Template.Metadata.Labels)
			})
			if !closed {
				t.Errorf("%s: nothing closes the network of its pods", m.Metadata.Name)
			}
		}
	})
	dev := overlay(t, "dev")
	pod := func(kind, name string) map[string]string { return dev.find(kind, name).Spec.Template.Metadata.Labels }
	for _, from := range []string{"tintype-api", "tintype-worker-submit", "tintype-worker-mirror"} {
		for to, at := range map[string]int{"tintype-redis": 6379, "tintype-minio": 9000} {
			if !dev.allowed(pod("Deployment", from), pod("StatefulSet", to), at) {
				t.Errorf("%s cannot reach %s", from, to)
			}
		}
		if !dev.allowed(pod("Deployment", from), pod("Deployment", "tintype-sim"), 9000) {
			t.Errorf("%s cannot reach the simulator", from)
		}
	}
	if !dev.allowed(pod("Job", "tintype-bucket"), pod("StatefulSet", "tintype-minio"), 9000) {
		t.Error("the bucket's job cannot reach the store")
	}
	if dev.allowed(pod("Deployment", "tintype-sim"), pod("StatefulSet", "tintype-redis"), 6379) || dev.allowed(pod("Deployment", "tintype-api"), pod("Deployment", "tintype-worker-submit"), 9090) {
		t.Error("what has nothing to do with each other can reach each other")
	}
}

// TestK8sSecrets: what is secret is in no ConfigMap, and the base has no Secret.
func TestK8sSecrets(t *testing.T) {
	t.Parallel()
	prod := overlay(t, "prod")
	if len(prod.of("Secret")) > 0 {
		t.Error("the overlay prod makes a Secret of what stands in git")
	}
	for _, m := range prod.of("ConfigMap") {
		for file, text := range m.Data {
			for _, line := range regexp.MustCompile(`(?m)^\s*(- )?(\w*(key|secret|password|secret_access_key)): *[^$\s#"].*$`).FindAllString(text, -1) {
				t.Errorf("%s/%s has a secret in it: %s", m.Metadata.Name, file, line)
			}
		}
	}
	// Each variable that the settings ask for is in the example, and the other way round.
	asked := map[string]bool{}
	for _, v := range regexp.MustCompile(`\$\{(\w+)`).FindAllStringSubmatch(read(t, "deploy/k8s/base/tintype.yaml"), -1) {
		asked[v[1]] = true
	}
	if has := prod.secret(t, "tintype-secrets"); !slices.Equal(slices.Sorted(maps.Keys(has)), slices.Sorted(maps.Keys(asked))) {
		t.Errorf("secrets.env.example has %v; base/tintype.yaml asks for %v", slices.Sorted(maps.Keys(has)), slices.Sorted(maps.Keys(asked)))
	}
}

// TestK8sRules: the rules are those of deploy/monitoring/rules.
func TestK8sRules(t *testing.T) {
	t.Parallel()
	want, err := deploytest.PrometheusRule(filepath.Join(root, "deploy", "monitoring", "rules"))
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, "deploy/k8s/components/prometheus/rules.yaml"); got != string(want) {
		t.Error("deploy/k8s/components/prometheus/rules.yaml is not what deploy/monitoring/rules has: run `make k8s-rules`")
	}
}

// TestPrometheusRule joins files, whatever stands before their groups.
func TestPrometheusRule(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"a.yaml": "# Why.\ngroups:\n  - name: one\n    rules: []\n", "b.yaml": "groups:\n\n  - name: two\n    rules: []\n", "c.txt": "no rules"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := deploytest.PrometheusRule(dir)
	if err != nil || !strings.HasSuffix(string(got), "\n  groups:\n    - name: one\n      rules: []\n\n    - name: two\n      rules: []\n") {
		t.Errorf("%v\n%s", err, got)
	}
	if err := os.WriteFile(filepath.Join(dir, "d.yaml"), []byte("groups: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := deploytest.PrometheusRule(dir); err == nil || !strings.Contains(err.Error(), "d.yaml") {
		t.Errorf("a file of another shape: %v", err)
	}
}
