package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/testserver"
)

// TestDoctor examines what is well, and each part that is not.
func TestDoctor(t *testing.T) {
	t.Parallel()
	redis, forgetful := testserver.Redis(t), testserver.Redis(t, "--appendonly", "no", "--maxmemory", "1mb", "--maxmemory-policy", "allkeys-lru")
	narrow := testserver.Redis(t, "--user", "default", "on", "nopass", "~*", "&*", "+@all", "-@scripting")
	bucket := testserver.Versity(t)
	upstream := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(upstream.Close)
	well := []string{
		"TINTYPE_REDIS_URL=redis://" + redis.Addr, "TINTYPE_AUTH_PASS_THROUGH=false", "TINTYPE_ARK_API_KEYS=k",
		"TINTYPE_UPSTREAMS_0_BASE_URL=" + upstream.URL, "TINTYPE_UPSTREAMS_0_ALLOW_PRIVATE=true",
		"TINTYPE_STORAGE_S3_ENDPOINT=" + bucket.Endpoint, "TINTYPE_STORAGE_S3_BUCKET=" + bucket.Bucket,
		"TINTYPE_STORAGE_S3_ACCESS_KEY_ID=" + bucket.AccessKey, "TINTYPE_STORAGE_S3_SECRET_ACCESS_KEY=" + bucket.SecretKey,
	}
	profile := func(text string) []string {
		file := filepath.Join(t.TempDir(), "profile.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{
			"TINTYPE_ARK_API_KEYS=", "TINTYPE_UPSTREAMS_0_NAME=web", "TINTYPE_UPSTREAMS_0_DRIVER=doubaoweb", "TINTYPE_UPSTREAMS_0_BASE_URL=",
			"TINTYPE_UPSTREAMS_0_PROFILE=" + file, "TINTYPE_UPSTREAMS_0_ACCOUNTS_0_ID=web-1", "TINTYPE_UPSTREAMS_0_ACCOUNTS_0_KEY=session",
			"TINTYPE_MODELS_0_NAME=web", "TINTYPE_MODELS_0_KIND=image", "TINTYPE_MODELS_0_ID=web",
		}
	}
	tests := []struct {
		name    string
		environ []string // over those that are well
		code    int
		want    []string // each in some line
	}{
		{"all is well", nil, 0, []string{
			"ok       redis        redis://", "ok       redis        version ", "ok       redis        keeps what it has confirmed", "ok       clock        ",
			"ok       bucket       " + bucket.Bucket + " at " + bucket.Endpoint + " can be written", "ok       upstream ark " + upstream.URL + " answers (accounts: 1)",
		}},
		{"fences in the bucket", []string{"TINTYPE_WORKER_SUBMIT_FENCE=redis+s3"}, 0, []string{"ok       bucket       writes a fence once alone"}},
		{"a Redis that forgets", []string{"TINTYPE_REDIS_URL=redis://" + forgetful.Addr}, 0, []string{
			"warning  redis        appendonly is no, not yes", "warning  redis        maxmemory-policy is allkeys-lru, not noeviction", "% of its maxmemory",
		}},
		{"a Redis without scripts", []string{"TINTYPE_REDIS_URL=redis://" + narrow.Addr}, 1, []string{"failure  redis        redis.username: this user may not run scripts"}},
		{"no Redis", []string{"TINTYPE_REDIS_URL=redis://:hunter2@127.0.0.1:1"}, 1, []string{"failure  redis        redis.url: no Redis answers at redis://", "connection refused", "ok       bucket "}},
		{"a wrong secret", []string{"TINTYPE_STORAGE_S3_SECRET_ACCESS_KEY=wrong"}, 1, []string{"failure  bucket       storage.s3.secret_access_key: "}},
		{"links that lead nowhere from here", []string{"TINTYPE_STORAGE_S3_PUBLIC_ENDPOINT=http://127.0.0.1:1"}, 0, []string{"ok       bucket       ", "warning  bucket       storage.s3.public_endpoint: "}},
		{"links that lead elsewhere", []string{"TINTYPE_STORAGE_S3_PUBLIC_ENDPOINT=" + upstream.URL}, 1, []string{"failure  bucket       storage.s3.public_endpoint: "}},
		{"no upstream", []string{"TINTYPE_UPSTREAMS_0_BASE_URL=http://127.0.0.1:1"}, 1, []string{"failure  upstream ark base_url: http://127.0.0.1:1 cannot be reached from here: connection refused"}},
		{"a profile's own address", profile("base_url: " + upstream.URL + "\n"), 0, []string{"ok       upstream web " + upstream.URL + " answers (accounts: 1)"}},
		{"a profile that is none", profile("base_url: [\n"), 1, []string{"failure  upstream web profile: "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := call(t, append(slices.Clip(well), tt.environ...), "doctor")
			if code != tt.code || (code != 0) != strings.Contains(stderr, "tintype doctor: ") || strings.Contains(stdout+stderr, "hunter2") {
				t.Errorf("exit %d, want %d\n%s%s", code, tt.code, stdout, stderr)
			}
			for _, want := range tt.want {
				if !strings.Contains(stdout, want) {
					t.Errorf("%q is missing from\n%s", want, stdout)
				}
			}
		})
	}
	if code, _, stderr := call(t, nil, "doctor"); code != 2 || !strings.Contains(stderr, "redis.url") {
		t.Errorf("without settings: exit %d\n%s", code, stderr)
	}
}

// lifecycle is the address of a store that has the given rules before one that has
// none, and refuses to tell them where there are none.
func lifecycle(t *testing.T, server *testserver.S3Server, rules string) string {
	t.Helper()
	target, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	through := &httputil.ReverseProxy{Transport: &http.Transport{DisableKeepAlives: true}, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // the signature holds it
	}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !r.URL.Query().Has("lifecycle"):
			through.ServeHTTP(w, r)
		case rules == "":
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
		default:
			_, _ = io.WriteString(w, "<LifecycleConfiguration>"+rules+"</LifecycleConfiguration>")
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestDoctorExpiry holds the rules of a bucket, which somebody has made long ago,
// against what the settings need today.
func TestDoctorExpiry(t *testing.T) {
	t.Parallel()
	redis, bucket := testserver.Redis(t), testserver.Versity(t)
	upstream := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(upstream.Close)
	rule := func(id, dir string, days int) string {
		return fmt.Sprintf("<Rule><ID>%s</ID><Status>Enabled</Status><Filter><Prefix>%s</Prefix></Filter><Expiration><Days>%d</Days></Expiration></Rule>", id, dir, days)
	}
	const (
		well  = "ok       bucket       no rule of it removes what jobs or files still promise\n"
		again = " days, and the settings need 31: links go before their time. Run `tintype bucket init` again after each change of a retention, a deadline or a harvest\n"
	)
	for _, tt := range []struct {
		name    string
		rules   string
		setting string // over the defaults
		want    string
	}{
		{"as made", rule("tintype-jobs", "jobs/", 10) + rule("tintype-files", "files/", 30), "", well},
		{"jobs are kept longer", rule("tintype-jobs", "jobs/", 10), "TINTYPE_RETENTION_JOBS=28d", "warning  bucket       its rule tintype-jobs removes jobs/ after 10" + again},
		{"requests may ask for longer", rule("tintype-jobs", "jobs/", 10), "TINTYPE_RETENTION_MAX=28d", "warning  bucket       its rule tintype-jobs removes jobs/ after 10" + again},
		{"files are kept longer", rule("tintype-jobs", "jobs/", 10) + rule("tintype-files", "files/", 14), "TINTYPE_RETENTION_FILES=30d", "warning  bucket       its rule tintype-files removes files/ after 14 days, and the settings need 30: "},
		{"jobs are waited for longer", rule("tintype-jobs", "jobs/", 10), "TINTYPE_VIDEO_HARVEST=2d", "warning  bucket       its rule tintype-jobs removes jobs/ after 10 days, and the settings need 12: "},
		{"of somebody else", rule("spring-clean", "", 3), "", "warning  bucket       its rule spring-clean removes jobs/ after 3 days, and the settings need 10: links go before their time. It is not one of `tintype bucket init`: have it spare the folder, or shorten what is set under retention\n"},
		{"nobody tells", "", "", "ok       bucket       whether its rules remove what jobs still promise is not known: storage.s3.access_key_id: the key needs s3:GetLifecycleConfiguration on the bucket"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			environ := []string{
				"TINTYPE_REDIS_URL=redis://" + redis.Addr, "TINTYPE_AUTH_PASS_THROUGH=false", "TINTYPE_ARK_API_KEYS=k",
				"TINTYPE_UPSTREAMS_0_BASE_URL=" + upstream.URL, "TINTYPE_UPSTREAMS_0_ALLOW_PRIVATE=true",
				"TINTYPE_STORAGE_S3_ENDPOINT=" + lifecycle(t, bucket, tt.rules), "TINTYPE_STORAGE_S3_BUCKET=" + bucket.Bucket,
				"TINTYPE_STORAGE_S3_ACCESS_KEY_ID=" + bucket.AccessKey, "TINTYPE_STORAGE_S3_SECRET_ACCESS_KEY=" + bucket.SecretKey,
			}
			if tt.setting != "" {
				environ = append(environ, tt.setting)
			}
			code, stdout, stderr := call(t, environ, "doctor")
			if code != 0 || !strings.Contains(stdout, tt.want) || strings.Contains(stdout, well) != (tt.want == well) {
				t.Errorf("exit %d\n%s%s\nwant %s", code, stdout, stderr, tt.want)
			}
		})
	}
}

// TestHealth asks programs that are ready, are not, and are not there.
func TestHealth(t *testing.T) {
	t.Parallel()
	status := http.StatusServiceUnavailable
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"status":"not_ready","redis":"unreachable"}`))
	})
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	addr := strings.TrimPrefix(srv.URL, "http://")
	everywhere := "0.0.0.0" + strings.TrimPrefix(addr, "127.0.0.1")
	for _, tt := range []struct {
		name   string
		status int
		args   []string
		code   int
		says   string
	}{
		{"ready", http.StatusOK, []string{"--addr", addr}, 0, ""},
		{"on all interfaces", http.StatusOK, []string{"--addr", everywhere}, 0, ""},
		{"not ready", http.StatusServiceUnavailable, []string{"--addr", addr}, 1, "503 Service Unavailable: redis unreachable, status not_ready"},
		{"alive all the same", http.StatusServiceUnavailable, []string{"--addr", addr, "--live"}, 0, ""},
		{"not there", 0, []string{"--addr", "127.0.0.1:1"}, 1, "nothing listens at 127.0.0.1:1"},
		{"no address", 0, []string{"--addr", "what is this"}, 1, "no address of the form host:port"},
		{"something else", 0, []string{srv.URL + "/healthz"}, 0, ""},
		{"something that is not well", http.StatusServiceUnavailable, []string{srv.URL + "/readyz"}, 1, "503 Service Unavailable"},
		{"something that is not there", 0, []string{"http://127.0.0.1:1/"}, 1, "http://127.0.0.1:1/ cannot be asked"},
		{"something without a scheme", 0, []string{"127.0.0.1:1"}, 1, "no address of the form host:port"},
		{"two at once", 0, []string{"http://127.0.0.1:1/", "--addr", addr}, 2, "leave --addr"},
	} {
		status = tt.status
		code, stdout, stderr := call(t, nil, append([]string{"health"}, tt.args...)...)
		if code != tt.code || stdout != "" || !strings.Contains(stderr, tt.says) || (code == 0) != (stderr == "") {
			t.Errorf("%s: exit %d %q %q", tt.name, code, stdout, stderr)
		}
	}
	// Where it listens is said by its settings, too.
	if code, _, stderr := call(t, []string{"TINTYPE_SERVER_ADDR=127.0.0.1:1"}, "health"); code != 1 || !strings.Contains(stderr, "127.0.0.1:1") {
		t.Errorf("by the settings: exit %d %q", code, stderr)
	}
}
