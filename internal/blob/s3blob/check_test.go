package s3blob_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/blob/s3blob"
	"github.com/tintypehq/tintype/internal/testserver"
)

// mistakes are what operators get wrong, and the setting that Check must name.
var mistakes = []struct {
	name    string
	setting string
	make    func(t *testing.T, cfg *s3blob.Config)
}{
	{"no such bucket", "bucket", func(_ *testing.T, cfg *s3blob.Config) { cfg.Bucket = "no-such-bucket" }},
	{"unknown key", "access_key_id", func(_ *testing.T, cfg *s3blob.Config) { cfg.AccessKeyID = "AKIDUNKNOWN" }},
	{"wrong secret", "secret_access_key", func(_ *testing.T, cfg *s3blob.Config) { cfg.SecretAccessKey = "wrong" }},
	{"wrong region", "region", func(_ *testing.T, cfg *s3blob.Config) { cfg.Region = "eu-central-9" }},
	{"nobody listens", "endpoint", func(t *testing.T, cfg *s3blob.Config) {
		t.Helper()
		ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		cfg.Endpoint = "http://" + ln.Addr().String()
		_ = ln.Close()
	}},
	{"no such host", "endpoint", func(_ *testing.T, cfg *s3blob.Config) { cfg.Endpoint = "http://s3.invalid" }},
	{"TLS to a plain server", "endpoint", func(_ *testing.T, cfg *s3blob.Config) {
		cfg.Endpoint = strings.Replace(cfg.Endpoint, "http:", "https:", 1)
	}},
	{"another kind of server", "endpoint", func(t *testing.T, cfg *s3blob.Config) {
		t.Helper()
		cfg.Endpoint = website(t, http.StatusOK)
	}},
	{"a server that knows no such page", "endpoint", func(t *testing.T, cfg *s3blob.Config) {
		t.Helper()
		cfg.Endpoint = website(t, http.StatusNotFound)
	}},
	{unreached, "public_endpoint", func(_ *testing.T, cfg *s3blob.Config) {
		cfg.PublicEndpoint = "http://s3.invalid"
	}},
	{"another server where callers come", "public_endpoint", func(t *testing.T, cfg *s3blob.Config) {
		t.Helper()
		cfg.PublicEndpoint = website(t, http.StatusOK)
	}},
}

// website starts a server that is not S3.
func website(t *testing.T, status int) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = w.Write([]byte("<html>Welcome to the default page</html>"))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// unreached is the one that is no failure of the store.
const unreached = "nobody listens where callers come"

func testMistakes(t *testing.T, server *testserver.S3Server) {
	t.Helper()
	for _, tt := range mistakes {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := open(t, server, func(cfg *s3blob.Config) {
				cfg.Prefix = ""
				cfg.ConnectTimeout = 2 * time.Second
				tt.make(t, cfg)
			})
			err := s.Check(t.Context())
			if err == nil || !strings.HasPrefix(err.Error(), "storage.s3."+tt.setting+":") {
				t.Errorf("got %v\nwant it to name storage.s3.%s", err, tt.setting)
			}
			if unproven := tt.name == unreached; errors.Is(err, blob.ErrUnproven) != unproven {
				t.Errorf("the store works all the same: want %v of %v", unproven, err)
			}
			if err != nil && strings.Contains(err.Error(), server.SecretKey) {
				t.Errorf("the secret is shown: %v", err)
			}
			t.Log(err)
		})
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	testMistakes(t, testserver.Versity(t))
}

// TestSilentPublicEndpoint: an address that swallows what is sent there proves nothing,
// and leaves the rest of the check its time.
func TestSilentPublicEndpoint(t *testing.T) {
	t.Parallel()
	server := testserver.Versity(t)
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // connects, and nobody answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	s := open(t, server, func(cfg *s3blob.Config) { cfg.PublicEndpoint = "http://" + ln.Addr().String() })
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	if err := s.Check(ctx); !errors.Is(err, blob.ErrUnproven) {
		t.Errorf("%v, want %v", err, blob.ErrUnproven)
	}
	noProbe(t, server)
}

// TestCheckCutShort: nothing is left behind where the time is over in the middle.
func TestCheckCutShort(t *testing.T) {
	t.Parallel()
	server := testserver.Versity(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	public := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(public.Close)
	s := open(t, server, func(cfg *s3blob.Config) { cfg.PublicEndpoint = public.URL })
	if err := s.Check(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
	noProbe(t, server)
}

// noProbe looks through a server's files until there is none of a check: the server
// may still be at work on what was cut off.
func noProbe(t *testing.T, server *testserver.S3Server) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); ; <-tick.C {
		left, err := probes(server.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%q are left", left)
		}
	}
}

// probes are the files of checks in a folder.
func probes(dir string) (found []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if path != dir && errors.Is(err, fs.ErrNotExist) { // it has gone while we look
			return nil
		}
		if err == nil && !d.IsDir() && strings.Contains(path, ".check") {
			found = append(found, path)
		}
		return err
	})
	return found, err
}
