package deploytest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/tintypehq/tintype/internal/testserver"
)

// topology is what docker-compose.yml describes, of local programs: with the same
// commands and the same environment, but for the addresses.
type topology struct {
	project   *types.Project
	addresses map[string]string // "redis:6379" → "127.0.0.1:23456"
	api       map[string]*testserver.OwnProgram
	buckets   string
}

// here exchanges the addresses in a text, be it a setting, an argument or nginx's.
func (tp *topology) here(text string) string {
	for from, to := range tp.addresses {
		text = regexp.MustCompile(`\b`+regexp.QuoteMeta(from)+`\b`).ReplaceAllString(text, to)
	}
	return text
}

// free takes an address for a service's port.
func (tp *topology) free(t *testing.T, names ...string) string {
	t.Helper()
	addr, err := testserver.FreeAddr(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		tp.addresses[name] = addr
	}
	return addr
}

// said is where a program listens that was told, once it has said a word.
func said(addr, word string) func(string) string {
	return func(line string) string {
		if strings.Contains(line, word) {
			return "http://" + addr
		}
		return ""
	}
}

// environment gives a service's own, with the addresses of here.
func (tp *topology) environment(name string) (env []string) {
	for _, v := range variables(tp.project.Services[name]) {
		switch variable, _, _ := strings.Cut(v, "="); variable {
		case "TINTYPE_SERVER_ADDR":
			v = variable + "=" + tp.addresses[name+":8080"]
		case "TINTYPE_WORKER_ADDR":
			v = variable + "=" + tp.addresses[name+":9090"]
		}
		env = append(env, tp.here(v))
	}
	return env
}

// program is the path of a program of a compose service's image, as its target has it.
func (tp *topology) program(t *testing.T, name, path string) string {
	t.Helper()
	d := readDockerfile(t, read(t, "Dockerfile"))
	return program(d.image(d.final(tp.project.Services[name].Build.Target)), path)
}

// start starts the services that docker compose starts without a profile.
func start(t *testing.T, env ...string) *topology {
	t.Helper()
	tp := &topology{project: composed(t, env), addresses: map[string]string{}, api: map[string]*testserver.OwnProgram{}, buckets: t.TempDir()}
	tp.addresses["redis:6379"] = testserver.Redis(t, tp.project.Services["redis"].Command[1:]...).Addr
	tp.startStore(t)
	tp.free(t, "localhost:8080")
	tp.free(t, "localhost:8081")
	tp.startSim(t)
	tp.initBucket(t)
	for _, name := range []string{"api-1", "api-2"} {
		addr := tp.free(t, name+":8080")
		tp.api[name] = testserver.Program(t, tp.program(t, name, tp.project.Services[name].Entrypoint[0]), nil, tp.environment(name), said(addr, `"addr":"`+addr))
	}
	addr := tp.free(t, "worker:9090")
	testserver.Program(t, tp.program(t, "worker", tp.project.Services["worker"].Entrypoint[0]), nil, tp.environment("worker"), said(addr, `"addr":"`+addr))
	tp.startNginx(t)
	return tp
}

// startStore starts the versitygw of the tests as the image would start its own.
func (tp *topology) startStore(t *testing.T) {
	t.Helper()
	build := exec.Command("go", "tool", "-n", "versitygw")
	build.Dir = filepath.Join(root, "internal", "tools", "versitygw")
	path, err := build.Output()
	if err != nil {
		t.Fatalf("versitygw (`make setup-test` builds it): %v", err)
	}
	addr := tp.free(t, "s3:7070")
	// Another name for the same port, so that the two endpoints can be told apart.
	tp.addresses["localhost:7070"] = strings.Replace(addr, "127.0.0.1", "localhost", 1)
	args := []string{"-c", `echo started; exec "$0" "$@"`, strings.TrimSpace(string(path))} // it says nothing by itself
	for _, arg := range tp.project.Services["s3"].Command {
		switch arg {
		case ":7070":
			arg = addr
		case "/buckets":
			arg = tp.buckets
		}
		args = append(args, arg)
	}
	testserver.Program(t, "/bin/sh", args, nil, said(addr, "started"))
}

// startSim starts what the image's target sim starts, and asks for its health as the image
// does.
func (tp *topology) startSim(t *testing.T) {
	t.Helper()
	addr := tp.free(t, "sim:9000", "0.0.0.0:9000", "127.0.0.1:9000")
	d := readDockerfile(t, read(t, "Dockerfile"))
	s := d.final(tp.project.Services["sim"].Build.Target)
	line := append(commands[*instructions.EntrypointCommand](d, s)[0].CmdLine, commands[*instructions.CmdCommand](d, s)[0].CmdLine...)
	for i, arg := range line {
		line[i] = tp.here(arg)
	}
	testserver.Program(t, tp.program(t, "sim", line[0]), line[1:], nil, said(addr, "http://"+addr))
	check := commands[*instructions.HealthCheckCommand](d, s)[0].Health.Test[1:]
	for i, arg := range check {
		check[i] = tp.here(arg)
	}
	if said, err := exec.CommandContext(t.Context(), tp.program(t, "sim", check[0]), check[1:]...).CombinedOutput(); err != nil {
		t.Errorf("the simulator's health: %v\n%s", err, said)
	}
}

// initBucket runs the one-shot job, twice, as it may.
func (tp *topology) initBucket(t *testing.T) {
	t.Helper()
	if there, err := os.ReadDir(tp.buckets); err != nil || len(there) > 0 {
		t.Fatalf("the store is not empty: %v, %v", there, err)
	}
	for range 2 {
		job := exec.Command(tp.program(t, "bucket", "/usr/local/bin/tintype"), tp.project.Services["bucket"].Command...)
		job.Env = tp.environment("bucket")
		if said, err := job.CombinedOutput(); err != nil {
			t.Fatalf("bucket init: %v\n%s", err, said)
		}
	}
}

func (tp *topology) startNginx(t *testing.T) {
	t.Helper()
	var conf strings.Builder
	for _, v := range tp.project.Services["nginx"].Volumes {
		if v.Target == "/etc/nginx/nginx.conf" { // TestNginxMain
			continue
		}
		b, err := os.ReadFile(v.Source)
		if err != nil {
			t.Fatal(err)
		}
		conf.Write(b)
	}
	text := conf.String()
	for from, to := range map[string]string{
		// Debian's nginx is older than the image's and cannot ask for names again; here
		// they are addresses.
		"resolver 127.0.0.11 valid=2s;": "", " resolve;": ";",
		"listen 8080;": "listen " + tp.addresses["localhost:8080"] + ";",
		"listen 8081;": "listen " + tp.addresses["localhost:8081"] + ";",
	} {
		if !strings.Contains(text, from) {
			t.Fatalf("nginx is not told %q", from)
		}
		text = strings.ReplaceAll(text, from, to)
	}
	testserver.Nginx(t, tp.here(text), "http://"+tp.addresses["localhost:8080"])
}

// make has media made through one of nginx's ports and gives its link.
func (tp *topology) make(t *testing.T, port, path, prompt string) string {
	t.Helper()
	body := strings.NewReader(fmt.Sprintf(`{"prompt": %q}`, prompt))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+tp.addresses[port]+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer pooled")
	req.Header.Set("Content-Type", "application/json")
	status, answer, _ := do(t, http.DefaultClient, req)
	var a struct{ Data []struct{ URL string } }
	if err := json.Unmarshal(answer, &a); err != nil || status != http.StatusOK || len(a.Data) != 1 {
		t.Fatalf("POST %s through %s: %d %s", path, port, status, answer)
	}
	if own := "http://" + tp.addresses["localhost:8080"] + "/v1/media/"; !strings.HasPrefix(a.Data[0].URL, own) {
		t.Fatalf("the link is %s, which the host cannot open: want %s…", a.Data[0].URL, own)
	}
	return a.Data[0].URL
}

func do(t *testing.T, client *http.Client, req *http.Request) (int, []byte, http.Header) {
	t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", req.URL, err)
	}
	return resp.StatusCode, b, resp.Header
}

func get(t *testing.T, client *http.Client, url string) (int, []byte, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, client, req)
}

// stored tells whether a file of the bucket has these bytes.
func (tp *topology) stored(t *testing.T, want []byte) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(tp.buckets, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		found = found || bytes.Equal(b, want)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return found
}

// TestComposeTopology starts what docker-compose.yml describes and has media made
// through both nginxes; then one API goes, and nobody notices.
func TestComposeTopology(t *testing.T) {
	t.Parallel()
	tp := start(t)
	for _, tt := range []struct{ port, path, magic string }{
		{"localhost:8080", "/v1/images/generations", "\xff\xd8\xff"},
		{"localhost:8081", "/v1/images/generations", "\xff\xd8\xff"},
		{"localhost:8080", "/v1/video/generations", "ftyp"},
	} {
		t.Run(tt.port+tt.path, func(t *testing.T) {
			link := tp.make(t, tt.port, tt.path, "waves at "+tt.port)
			status, b, _ := get(t, http.DefaultClient, link)
			if status != http.StatusOK || !bytes.Contains(b[:min(16, len(b))], []byte(tt.magic)) || !tp.stored(t, b) {
				t.Errorf("%s: %d, %d bytes, which begin with %q; in the bucket: %t", link, status, len(b), b[:min(16, len(b))], tp.stored(t, b))
			}
		})
	}
	// Prometheus asks each process by itself; by the front door nobody does.
	t.Run("metrics", func(t *testing.T) {
		for at, want := range map[string]int{"localhost:8080": http.StatusNotFound, "api-1:8080": http.StatusOK, "worker:9090": http.StatusOK} {
			for _, path := range []string{"/metrics", "//metrics", "/v1/../metrics"} {
				if status, b, _ := get(t, http.DefaultClient, "http://"+tp.addresses[at]+path); status != want && (want == http.StatusNotFound || path == "/metrics") {
					t.Errorf("%s of %s: %d %.80s", path, at, status, b)
				}
			}
		}
		// What the alerts on what saturates first look at: docs/capacity.md.
		for at, want := range map[string]string{"worker:9090": "\ntintype_redis_memory_limit_bytes 1.073741824e+09\n", "api-1:8080": "\ntintype_http_waiters_limit 20000\n"} {
			if _, b, _ := get(t, http.DefaultClient, "http://"+tp.addresses[at]+"/metrics"); !bytes.Contains(b, []byte(want)) {
				t.Errorf("%s does not show %q", at, want)
			}
		}
	})
	// As docs/runbook.md has it for one machine, with what the compose file gives by itself.
	t.Run("the operator", func(t *testing.T) {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for end := time.Now().Add(40 * time.Second); ; <-tick.C { // a look at Redis that failed is kept for some seconds
			line := exec.CommandContext(t.Context(), program(service, "/usr/local/bin/tintype"), "accounts")
			line.Env = []string{"TINTYPE_URL=http://" + tp.addresses["localhost:8080"], "TINTYPE_ADMIN_KEY=tt_operator_of_this_machine"}
			said, err := line.CombinedOutput()
			if err == nil && bytes.Contains(said, []byte("sim-1")) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("tintype accounts: %v\n%s", err, said)
			}
		}
	})
	t.Run("one API goes", func(t *testing.T) {
		if err := syscall.Kill(tp.api["api-1"].PID(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		const calls = 6
		for i := range calls {
			tp.make(t, "localhost:8080", "/v1/images/generations", fmt.Sprintf("after the stop %d", i))
		}
		_, ledger, _ := get(t, http.DefaultClient, "http://"+tp.addresses["sim:9000"]+"/_sim/ledger")
		if paid := strings.Count(string(ledger), `"prompt": "after the stop`) + strings.Count(string(ledger), `"prompt":"after the stop`); paid != calls {
			t.Errorf("%d calls were paid for %d times", calls, paid)
		}
	})
}

// TestComposeRedirect: with MEDIA_DELIVERY=redirect the link leads to the store by the
// name that the host knows it under, and opens.
func TestComposeRedirect(t *testing.T) {
	t.Parallel()
	tp := start(t, "MEDIA_DELIVERY=redirect")
	link := tp.make(t, "localhost:8080", "/v1/images/generations", "a tintype of a fox")
	still := &http.Client{Transport: http.DefaultTransport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	status, _, head := get(t, still, link)
	signed := head.Get("Location")
	if status != http.StatusFound || !strings.HasPrefix(signed, "http://"+tp.addresses["localhost:7070"]+"/") {
		t.Fatalf("%s: %d to %q; want the store's public endpoint", link, status, signed)
	}
	if status, b, _ := get(t, http.DefaultClient, signed); status != http.StatusOK || !tp.stored(t, b) {
		t.Errorf("%s: %d, %d bytes", signed, status, len(b))
	}
}
