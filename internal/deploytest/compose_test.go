package deploytest_test

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/tintypehq/tintype/internal/config"
)

// everything are all the profiles.
var everything = []string{"ark", "minio", "monitoring"}

// composed reads docker-compose.yml as `docker compose` does.
func composed(t *testing.T, env []string, profiles ...string) *types.Project {
	t.Helper()
	return composedOf(t, []string{filepath.Join(root, "docker-compose.yml")}, env, profiles...)
}

// composedOf is composed of several files.
func composedOf(t *testing.T, files, env []string, profiles ...string) *types.Project {
	t.Helper()
	o, err := cli.NewProjectOptions(files, cli.WithWorkingDirectory(root), cli.WithEnv(env), cli.WithProfiles(profiles),
		cli.WithDiscardEnvFile, cli.WithInterpolation(true), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestComposeProfiles(t *testing.T) {
	t.Parallel()
	usual := []string{"api-1", "api-2", "bucket", "nginx", "redis", "s3", "sim", "worker"}
	for profile, more := range map[string][]string{
		"":           nil,
		"ark":        {"ark", "ark-api-1", "ark-api-2", "ark-bucket", "ark-worker"},
		"minio":      {"minio"},
		"monitoring": {"grafana", "prometheus"},
	} {
		want := slices.Sorted(slices.Values(append(slices.Clone(usual), more...)))
		if got := slices.Sorted(maps.Keys(composed(t, nil, profile).Services)); !slices.Equal(got, want) {
			t.Errorf("profile %q: %v; want %v", profile, got, want)
		}
	}
	// Named alone, Ark does without the simulator; what is named is in its profile.
	ark := []string{"ark", "ark-api-1", "ark-api-2", "ark-bucket", "ark-worker", "bucket", "redis", "s3"}
	for names, want := range map[string][]string{"ark": ark, "ark grafana": append(slices.Clone(ark), "grafana", "prometheus")} {
		p, err := composed(t, nil).WithServicesEnabled(strings.Fields(names)...)
		if err != nil {
			t.Fatal(err)
		}
		p, err = p.WithSelectedServices(strings.Fields(names))
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Sorted(maps.Keys(p.Services)); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("docker compose up %s: %v; want %v", names, got, want)
		}
	}
}

// TestComposeImages: what is pulled is pinned, and what is built can be.
func TestComposeImages(t *testing.T) {
	t.Parallel()
	for name, s := range composed(t, []string{"VERSION=v1.2.3", "REVISION=5fc4343"}, everything...).Services {
		if s.Build == nil {
			if !exact.MatchString(s.Image) {
				t.Errorf("%s: %s is not pinned to a version", name, s.Image)
			}
			continue
		}
		file := s.Build.Dockerfile
		if !filepath.IsAbs(file) {
			file = filepath.Join(s.Build.Context, file)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := readDockerfile(t, string(b)); s.Build.Target != "" && d.stage(s.Build.Target) == nil {
			t.Errorf("%s: %s has no target %s", name, file, s.Build.Target)
		}
		if args := s.Build.Args; name != "minio" && (args["VERSION"] == nil || *args["VERSION"] != "v1.2.3" || args["REVISION"] == nil || *args["REVISION"] != "5fc4343") {
			t.Errorf("%s: its image does not say of which source it is: %v", name, args)
		}
		if s.PullPolicy != "" && s.PullPolicy != "build" {
			t.Errorf("%s: is pulled (%s), though nobody has put it anywhere", name, s.PullPolicy)
		}
	}
}

// variables gives a service's environment as a program gets it.
func variables(s types.ServiceConfig) (env []string) {
	for name, value := range s.Environment {
		if value != nil {
			env = append(env, name+"="+*value)
		}
	}
	return env
}

// role tells which of our programs a service is; false: none with settings.
func role(s types.ServiceConfig) (config.Role, bool) {
	switch {
	case slices.Equal(s.Entrypoint, types.ShellCommand{"/usr/local/bin/api"}):
		return config.ForAPI, true
	case slices.Equal(s.Entrypoint, types.ShellCommand{"/usr/local/bin/worker"}), slices.Equal(s.Command, types.ShellCommand{"bucket", "init"}):
		return config.ForWorker, true
	}
	return "", false
}

// TestComposeSettings: every variable is a setting, and nothing is missing.
func TestComposeSettings(t *testing.T) {
	t.Parallel()
	p := composed(t, []string{"ARK_API_KEYS=a,b", "GATEWAY_KEY=tt_of_the_compose_file", "ADMIN_KEY=tt_of_the_operator", "TENANT_SECRET=of_the_compose_file"}, everything...)
	checked := 0
	for name, s := range p.Services {
		r, ours := role(s)
		if !ours {
			for variable := range s.Environment {
				if strings.HasPrefix(variable, "TINTYPE_") {
					t.Errorf("%s: %s goes to no program of ours", name, variable)
				}
			}
			continue
		}
		checked++
		c, err := config.Load(config.Source{Role: r, Environ: variables(s)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkGrace(t, name, s, c)
		checkEndpoints(t, p, name, c)
		checkOperator(t, name, c)
		if c.Auth.TenantSecret.IsZero() {
			t.Errorf("%s: auth.tenant_secret is missing: digests of prompts and idempotency keys are plain", name)
		}
	}
	// Without a value of its own the simulated service has the file's, and Ark's starts, too.
	if c, err := config.Load(config.Source{Role: config.ForAPI, Environ: variables(composed(t, nil).Services["api-1"])}); err != nil || c.Auth.TenantSecret.IsZero() {
		t.Errorf("nobody's tenant_secret: %v", err)
	}
	ark := composed(t, []string{"ARK_API_KEYS=a,b", "GATEWAY_KEY=tt_of_the_compose_file", "ADMIN_KEY=tt_of_the_operator"}, "ark").Services["ark-api-1"]
	if _, err := config.Load(config.Source{Role: config.ForAPI, Environ: variables(ark)}); err != nil {
		t.Errorf("Ark without a tenant_secret: %v", err)
	}
	if checked != 8 {
		t.Errorf("%d services have settings; want 2 × (2 api, worker, bucket)", checked)
	}
}

// TestComposeWithAFile: the override of docs/deploy.md gives each program a settings' file
// whose log.level counts, beside the variables.
func TestComposeWithAFile(t *testing.T) {
	t.Parallel()
	block := regexp.MustCompile("(?s)```yaml\n(# docker-compose.override.yml.*?)```").FindStringSubmatch(read(t, "docs/deploy.md"))
	if block == nil {
		t.Fatal("docs/deploy.md has no docker-compose.override.yml")
	}
	override, settings := filepath.Join(t.TempDir(), "override.yml"), filepath.Join(t.TempDir(), "tintype.yaml")
	for file, text := range map[string]string{override: block[1], settings: "log: {level: debug}\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := composedOf(t, []string{filepath.Join(root, "docker-compose.yml"), override}, nil)
	for name, r := range map[string]config.Role{"api-1": config.ForAPI, "api-2": config.ForAPI, "worker": config.ForWorker} {
		s := p.Services[name]
		named := s.Environment["TINTYPE_CONFIG"]
		if named == nil || len(s.Volumes) != 1 || s.Volumes[0].Target != filepath.Dir(*named) || !s.Volumes[0].ReadOnly {
			t.Errorf("%s: its file is %v in %v", name, named, s.Volumes)
			continue
		}
		s.Environment["TINTYPE_CONFIG"] = &settings
		c, err := config.Load(config.Source{Role: r, Environ: variables(s)})
		if err != nil || c.File() != settings || c.Log.Level != "debug" || len(c.Upstreams) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// checkGrace: Docker does not kill what still finishes its work.
func checkGrace(t *testing.T, name string, s types.ServiceConfig, c *config.Config) {
	t.Helper()
	grace := c.Worker.ShutdownGrace
	switch {
	case slices.Contains(s.Command, "bucket"):
		return
	case strings.Contains(name, "api"):
		grace = c.Server.ShutdownGrace
	}
	if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) < grace+5*time.Second {
		t.Errorf("%s: stop_grace_period is %v, its own grace %s: give it 5 s more at least", name, s.StopGracePeriod, grace)
	}
}

// checkOperator: the routes that the runbook's commands need are there, by a key of
// their own, which generates nothing.
func checkOperator(t *testing.T, name string, c *config.Config) {
	t.Helper()
	for _, k := range c.Auth.Keys {
		if slices.Equal(k.Scopes, []config.Scope{config.ScopeRead, config.ScopeAdmin}) {
			return
		}
	}
	t.Errorf("%s: no gateway key has the scopes read and admin", name)
}

// checkEndpoints: one way to the store leads to a service by its name, the other
// from the host to the same port of the same service.
func checkEndpoints(t *testing.T, p *types.Project, name string, c *config.Config) {
	t.Helper()
	inside, err1 := url.Parse(c.Storage.S3.Endpoint)
	outside, err2 := url.Parse(c.Storage.S3.PublicEndpoint)
	if err1 != nil || err2 != nil {
		t.Errorf("%s: %v %v", name, err1, err2)
		return
	}
	store, ok := p.Services[inside.Hostname()]
	if !ok || outside.Hostname() != "localhost" {
		t.Errorf("%s: writes to %s and signs for %s", name, inside, outside)
		return
	}
	for _, port := range store.Ports {
		if fmt.Sprint(port.Target) == inside.Port() && port.Published == outside.Port() {
			return
		}
	}
	t.Errorf("%s: %s is not published as %s", name, inside, outside)
}

// TestComposeOtherStore: MinIO, or any other, by two variables.
func TestComposeOtherStore(t *testing.T) {
	t.Parallel()
	p := composed(t, []string{"S3_ENDPOINT=http://minio:9000", "S3_PUBLIC_ENDPOINT=http://localhost:9000"}, "minio")
	for _, name := range []string{"api-1", "worker", "bucket"} {
		c, err := config.Load(config.Source{Role: config.ForWorker, Environ: variables(p.Services[name])})
		if err != nil {
			t.Fatal(err)
		}
		checkEndpoints(t, p, name, c)
	}
	if d := p.Services["bucket"].DependsOn["minio"]; d.Condition != types.ServiceConditionHealthy || d.Required {
		t.Errorf("the bucket is made without waiting for MinIO, or never without it: %+v", d)
	}
}

// TestComposeArkWithoutKeys: it says what is missing.
func TestComposeArkWithoutKeys(t *testing.T) {
	t.Parallel()
	s := composed(t, nil, "ark").Services["ark-bucket"]
	_, err := config.Load(config.Source{Role: config.ForAPI, Environ: variables(s)})
	if err == nil || !strings.Contains(err.Error(), "TINTYPE_ARK_API_KEYS") || !strings.Contains(err.Error(), "auth.keys[0]: needs key") || !strings.Contains(err.Error(), "auth.keys[1]: needs key") {
		t.Errorf("without keys: %v", err)
	}
}

// TestComposeIsOfThisMachine: nothing is published to other machines, and every
// file that is mounted is there.
func TestComposeIsOfThisMachine(t *testing.T) {
	t.Parallel()
	published := map[string]string{}
	for name, s := range composed(t, nil, everything...).Services {
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s: %d is published on %q", name, port.Target, port.HostIP)
			}
			if other := published[port.Published]; other != "" {
				t.Errorf("%s and %s both want port %s", name, other, port.Published)
			}
			published[port.Published] = name
		}
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if !v.ReadOnly {
				t.Errorf("%s may write to %s", name, v.Source)
			}
		}
		if s.Build != nil && (!s.ReadOnly || !slices.Contains(s.CapDrop, "ALL")) {
			t.Errorf("%s has a root that it can write to, or capabilities", name)
		}
	}
}

// TestComposeRedis keeps what it has acknowledged, and refuses what it cannot keep.
func TestComposeRedis(t *testing.T) {
	t.Parallel()
	s := composed(t, nil).Services["redis"]
	for flag, want := range map[string]string{"--appendonly": "yes", "--appendfsync": "always", "--maxmemory": "1gb", "--maxmemory-policy": "noeviction"} {
		if at := slices.Index(s.Command, flag); at < 0 || s.Command[at+1] != want {
			t.Errorf("%s is not %s", flag, want)
		}
	}
	if s.MemLimit < 3<<29 {
		t.Errorf("mem_limit is %d: rewriting its file takes Redis half as much again as its data", s.MemLimit)
	}
}

var (
	comments = regexp.MustCompile(`(?m)^\s*#.*\n`)
	spaces   = regexp.MustCompile(`\s+`)
)

// TestNginxAlike: what the compose file mounts says what the file for a host says,
// but for names, TLS and addresses.
func TestNginxAlike(t *testing.T) {
	t.Parallel()
	rest := func(file string) string {
		text := comments.ReplaceAllString(read(t, file), "")
		_, rest, found := strings.Cut(text, "client_max_body_size")
		if !found {
			t.Fatalf("%s has no client_max_body_size", file)
		}
		return spaces.ReplaceAllString(rest, " ")
	}
	if own, compose := rest("deploy/nginx/tintype.conf"), rest("deploy/nginx/compose.conf"); own != compose {
		t.Errorf("tintype.conf:\n%s\ncompose.conf:\n%s", own, compose)
	}
	if bare := comments.ReplaceAllString(read(t, "deploy/nginx/bare.conf"), ""); strings.Count(bare, ";") != 2 {
		t.Errorf("bare.conf sets more than where it listens and whom it stands before:\n%s", bare)
	}
}

// TestNginxMain: nginx takes its main file, which lets one of its processes carry all the
// callers that two APIs are made for.
func TestNginxMain(t *testing.T) {
	t.Parallel()
	const callers = 2 * 10_000 // docs/deploy.md
	text := read(t, "deploy/nginx/nginx.conf")
	number := func(name string) (n int) {
		if m := regexp.MustCompile(`(?m)^\s*` + name + `\s+(\d+);`).FindStringSubmatch(text); m != nil {
			n, _ = strconv.Atoi(m[1])
		}
		return n
	}
	if connections, files := number("worker_connections"), number("worker_rlimit_nofile"); connections < 2*callers || files <= connections {
		t.Errorf("%d connections and %d files for %d callers", connections, files, callers)
	}
	for _, name := range []string{"nginx", "ark"} {
		if !slices.ContainsFunc(composed(t, nil, everything...).Services[name].Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == "/etc/nginx/nginx.conf" }) {
			t.Errorf("%s has the image's main file", name)
		}
	}
	// As it stands, but for where this machine has things.
	dir := t.TempDir()
	here := strings.NewReplacer("/run/nginx.pid", dir+"/pid", "/var/log/nginx/error.log", "stderr", "/var/log/nginx/access.log", dir+"/access.log",
		"/etc/nginx/conf.d/", dir+"/", "user  nginx;", "")
	file := filepath.Join(dir, "nginx.main")
	if err := os.WriteFile(file, []byte(here.Replace(text)), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx" // where Debian has it, and not every PATH does
	}
	if said, err := exec.CommandContext(t.Context(), path, "-t", "-p", dir, "-c", file).CombinedOutput(); err != nil || strings.Contains(string(said), "[warn]") {
		t.Errorf("nginx -t: %v\n%s", err, said)
	}
}

// TestPrometheusTargets: it scrapes every program, by names that exist, and reads the
// rules from where they are mounted.
func TestPrometheusTargets(t *testing.T) {
	t.Parallel()
	text := read(t, "deploy/prometheus/prometheus.yml")
	p := composed(t, nil, everything...)
	for name, s := range p.Services {
		r, ours := role(s)
		if !ours || slices.Contains(s.Command, "bucket") {
			continue
		}
		port := map[config.Role]string{config.ForAPI: "8080", config.ForWorker: "9090"}[r]
		line := regexp.MustCompile(`names: \[[^\]]*\b` + regexp.QuoteMeta(name) + `\b[^\]]*\], type: A, port: ` + port)
		if !line.MatchString(text) {
			t.Errorf("%s is not scraped on %s", name, port)
		}
	}
	for _, names := range regexp.MustCompile(`names: \[([^\]]*)\]`).FindAllStringSubmatch(text, -1) {
		for name := range strings.SplitSeq(names[1], ", ") {
			if _, ok := p.Services[name]; !ok {
				t.Errorf("there is no service %s", name)
			}
		}
	}
	// Two installations are told apart by their namespace.
	if !strings.Contains(text, "regex: 'ark-.*', target_label: namespace, replacement: ark}") || strings.Count(text, "relabel_configs: ") != strings.Count(text, "dns_sd_configs:") {
		t.Error("what Ark's programs show is not told apart from the simulated ones'")
	}
	mounted := slices.ContainsFunc(p.Services["prometheus"].Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == "/etc/prometheus/rules" })
	if !mounted || !strings.Contains(text, "rule_files: [/etc/prometheus/rules/*.yaml]") {
		t.Error("the rules are not read from where they are mounted")
	}
	dashboards := slices.ContainsFunc(p.Services["grafana"].Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == "/etc/grafana/dashboards" })
	if !dashboards || !strings.Contains(read(t, "deploy/grafana/provisioning/dashboards/tintype.yaml"), "path: /etc/grafana/dashboards\n") {
		t.Error("the dashboards are not read from where they are mounted")
	}
}
