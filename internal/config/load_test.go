package config_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/config"
)

// A deployment's smallest file, with a line for what a test wants to add.
const (
	smallHead = `redis: {url: "redis://localhost"}
storage: {s3: {bucket: media}}
auth: {tenant_secret: 0123456789abcdef}
security: {keys: ["a:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]}
`
	smallUpstreams = `upstreams: [{name: ark, accounts: [{id: a, key: k}]}]
`
)

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "t.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// problems checks a file and gives its problems without the directory.
func problems(t *testing.T, s config.Source, text string) []string {
	t.Helper()
	if text != "" {
		s.File = write(t, text)
	}
	var lines []string
	for _, p := range config.Check(s) {
		lines = append(lines, strings.ReplaceAll(p.String(), filepath.Dir(s.File)+"/", ""))
	}
	return lines
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func load(t *testing.T, s config.Source, text string) *config.Config {
	t.Helper()
	if text != "" {
		s.File = write(t, text)
	}
	c, err := config.Load(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEmbeddedNeedsNothing(t *testing.T) {
	t.Parallel()
	c := load(t, config.Source{Role: config.ForEmbedded}, "")
	if c.Server.Addr != "127.0.0.1:8080" || c.Storage.Driver != config.DiskStorage || c.Storage.File.Dir != "./data" {
		t.Errorf("server %q, storage %q in %q", c.Server.Addr, c.Storage.Driver, c.Storage.File.Dir)
	}
	if !c.Redis.Embedded() || !c.PooledOpen() || !c.Sim.Enabled {
		t.Errorf("redis embedded %t, pooled %t, sim %t: all should be true", c.Redis.Embedded(), c.PooledOpen(), c.Sim.Enabled)
	}
	if len(c.Upstreams) != 1 || c.Upstreams[0].Driver != config.SimDriver || len(c.Upstreams[0].Accounts) != 1 {
		t.Fatalf("upstreams: %+v", c.Upstreams)
	}
	if a := c.Upstreams[0].Accounts[0]; !strings.HasPrefix(a.Key.Reveal(), "sim-") || a.MaxInFlight != 10 || !a.Enabled {
		t.Errorf("the simulator's account: %+v", a)
	}
}

func TestEmbeddedWithAnUpstreamHasNoSimulator(t *testing.T) {
	t.Parallel()
	c := load(t, config.Source{Role: config.ForEmbedded, Environ: []string{"TINTYPE_ARK_API_KEYS=k1, k2"}}, "")
	if c.Sim.Enabled || len(c.Upstreams) != 1 {
		t.Fatalf("sim %t, upstreams %+v", c.Sim.Enabled, c.Upstreams)
	}
	u := c.Upstreams[0]
	if u.Name != "ark" || u.BaseURL != config.DefaultArkURL || len(u.Accounts) != 2 {
		t.Fatalf("upstream: %+v", u)
	}
	if a := u.Accounts[1]; a.ID != "ark-2" || a.Key.Reveal() != "k2" || a.MaxInFlight != 10 {
		t.Errorf("second account: %+v with key %q", a, a.Key.Reveal())
	}
}

func TestDefaultModels(t *testing.T) {
	t.Parallel()
	c := load(t, config.Source{Role: config.ForEmbedded}, "")
	defaults := map[config.ModelKind]string{}
	for _, m := range c.Models {
		if m.Default {
			defaults[m.Kind] += m.Name
		}
		if m.Family == "" || m.Upstream != "sim" {
			t.Errorf("%s: family %q, upstream %q", m.Name, m.Family, m.Upstream)
		}
	}
	for kind, want := range map[config.ModelKind]string{"chat": "doubao", "image": "Seedream 4.0", "video": "doubao-video"} {
		if defaults[kind] != want {
			t.Errorf("default for %s: %q, want %q", kind, defaults[kind], want)
		}
	}
}

func TestFileThenEnvironmentThenFlags(t *testing.T) {
	t.Parallel()
	file := "wait: {silence: 1s, interval: 2s, window: 3s}\n"
	c := load(t, config.Source{
		Role:    config.ForEmbedded,
		Environ: []string{"TINTYPE_WAIT_INTERVAL=20s", "TINTYPE_WAIT_WINDOW=30s"},
		Flags:   []config.Flag{{Name: "--window", Setting: "wait.window", Value: "300s"}},
	}, file)
	got := []time.Duration{c.Wait.Recheck, c.Wait.Silence, c.Wait.Interval, c.Wait.Window}
	want := []time.Duration{5 * time.Second, time.Second, 20 * time.Second, 300 * time.Second}
	if !slices.Equal(got, want) {
		t.Errorf("default, file, variable, flag: %v, want %v", got, want)
	}
}

func TestFlagsMakeAnUpstream(t *testing.T) {
	t.Parallel()
	c := load(t, config.Source{Role: config.ForEmbedded, Flags: []config.Flag{
		{Name: "--upstream", Setting: "upstreams[0].name", Value: "ark"},
		{Name: "--key", Setting: "upstreams[0].accounts[0].key", Value: "k"},
		{Name: "--key", Setting: "upstreams[0].accounts[0].id", Value: "mine"},
	}}, "")
	if u := c.Upstreams[0]; u.Driver != config.ArkDriver || len(u.Accounts) != 1 || u.Accounts[0].Key.Reveal() != "k" || c.Models[0].Upstream != "ark" {
		t.Errorf("upstream: %+v", u)
	}
}

func TestConfigVariableNamesTheFile(t *testing.T) {
	t.Parallel()
	file := write(t, "limits: {prompt_runes: 7}\n")
	c := load(t, config.Source{Role: config.ForEmbedded, Environ: []string{"TINTYPE_CONFIG=" + file}}, "")
	if c.Limits.PromptRunes != 7 {
		t.Errorf("prompt_runes: %d, want 7 from the file", c.Limits.PromptRunes)
	}
}

func TestEveryVariableOfAList(t *testing.T) {
	t.Parallel()
	env := []string{
		"TINTYPE_REDIS_URL=rediss://u:p@host:1/2",
		"TINTYPE_STORAGE_S3_BUCKET=b",
		"TINTYPE_SECURITY_KEYS=a:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=,b:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDI=",
		"TINTYPE_AUTH_TENANT_SECRET=0123456789abcdef",
		"TINTYPE_FETCH_ALLOW_PRIVATE=10.1.2.3/16, fd00::/8",
		"TINTYPE_SERVER_CORS_ALLOWED_ORIGINS=[]",
		"TINTYPE_WORKER_ROLES=poll,sweep",
		"TINTYPE_UPSTREAMS_0_NAME=ark",
		"TINTYPE_LOG_LEVEL=",
	}
	for _, i := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"} {
		env = append(env, "TINTYPE_UPSTREAMS_0_ACCOUNTS_"+i+"_KEY=key"+i, "TINTYPE_UPSTREAMS_0_ACCOUNTS_"+i+"_ID=id"+i)
	}
	c := load(t, config.Source{Environ: env}, "")
	if a := c.Upstreams[0].Accounts; len(a) != 11 || a[10].ID != "id10" || a[2].Key.Reveal() != "key2" {
		t.Errorf("accounts: %+v", a)
	}
	if len(c.Security.Keys) != 2 || len(c.Server.CORS.AllowedOrigins) != 0 || len(c.Worker.Roles) != 2 {
		t.Errorf("keys %v, origins %v, roles %v", c.Security.Keys, c.Server.CORS.AllowedOrigins, c.Worker.Roles)
	}
	if p := c.Fetch.AllowPrivate; len(p) != 2 || p[0].String() != "10.1.0.0/16" {
		t.Errorf("allow_private: %v", p)
	}
	if c.Redis.URL.Reveal() != "rediss://u:p@host:1/2" || c.Log.Level != config.LevelInfo {
		t.Errorf("redis.url %q, log.level %q", c.Redis.URL.Reveal(), c.Log.Level)
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	c := load(t, config.Source{
		Role:    config.ForEmbedded,
		Environ: []string{"HOST=h", "N=7", "EMPTY=", "TINTYPE_MINE=not a setting, but the file refers to it"},
	}, `
server: {addr: "${HOST}:80${MISSING:-80}"}
limits:
  prompt_runes: ${N}
  body: ${EMPTY:-1MB}
storage: {file: {dir: "a$${b}${EMPTY}$c${TINTYPE_MINE}"}}
`)
	if c.Server.Addr != "h:8080" || c.Limits.PromptRunes != 7 || c.Limits.Body != 1e6 {
		t.Errorf("addr %q, prompt_runes %d, body %s", c.Server.Addr, c.Limits.PromptRunes, c.Limits.Body)
	}
	if want := "a${b}$cnot a setting, but the file refers to it"; c.Storage.File.Dir != want {
		t.Errorf("dir: %q, want %q", c.Storage.File.Dir, want)
	}
}

// Texts stay as they are written, whatever YAML would make of them.
func TestTextsStayTexts(t *testing.T) {
	t.Parallel()
	c := load(t, config.Source{Role: config.ForEmbedded}, `
upstreams:
  - name: 0123
    accounts:
      - {id: 1e3, key: 0x10}
      - id: no
        key: |-
          two
models: [{name: 1.10, kind: video, id: doubao-seedance-2-5-260628, ratios: "16:9,1:1"}]
redis:
`)
	a := c.Upstreams[0].Accounts
	if c.Upstreams[0].Name != "0123" || a[0].ID != "1e3" || a[0].Key.Reveal() != "0x10" || a[1].ID != "no" || a[1].Key.Reveal() != "two" {
		t.Errorf("upstream %q, accounts %+v", c.Upstreams[0].Name, a)
	}
	if m := c.Models[0]; m.Name != "1.10" || m.Ratios[0] != "16:9" || m.Family != config.Seedance25 || !m.Default || m.Upstream != "0123" {
		t.Errorf("model: %+v", m)
	}
}

func TestKubernetesServiceLinksAreNotOurs(t *testing.T) {
	t.Parallel()
	expect(t, problems(t, config.Source{Role: config.ForEmbedded, Environ: []string{
		"TINTYPE_API_PORT=tcp://10.0.0.1:80", "TINTYPE_API_PORT_80_TCP=tcp://10.0.0.1:80", "TINTYPE_API_PORT_80_TCP_ADDR=10.0.0.1",
		"TINTYPE_API_SERVICE_HOST=10.0.0.1", "TINTYPE_API_SERVICE_PORT=80", "TINTYPE_API_SERVICE_PORT_HTTP=80",
	}}, ""))
}

// Of a gateway key only its digest is kept, and that is as good as the key.
func TestGatewayKeysAreForgotten(t *testing.T) {
	t.Parallel()
	const key = "tt_0123456789abcdef"
	sum := sha256.Sum256([]byte(key))
	c := load(t, config.Source{
		Role:    config.ForEmbedded,
		Environ: []string{"TINTYPE_AUTH_KEYS_1_NAME=b", "TINTYPE_AUTH_KEYS_1_SHA256=" + strings.Repeat("0a", 32), "TINTYPE_AUTH_KEYS_1_SCOPES=admin"},
	}, "auth: {keys: [{name: a, key: "+key+"}]}\n")
	if k := c.Auth.Keys[0]; !k.Key.IsZero() || k.SHA256 != hex.EncodeToString(sum[:]) || !slices.Equal(k.Scopes, []config.Scope{config.ScopeGenerate, config.ScopeRead}) {
		t.Errorf("%+v, key %q", k, k.Key.Reveal())
	}
	if k := c.Auth.Keys[1]; k.SHA256 != strings.Repeat("0a", 32) || !slices.Equal(k.Scopes, []config.Scope{config.ScopeAdmin}) {
		t.Errorf("%+v", k)
	}
	if shown := c.String(); strings.Contains(shown, key) || !strings.Contains(shown, hex.EncodeToString(sum[:])) {
		t.Errorf("shown:\n%s", shown)
	}
}
