package s3blob_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/blob/blobtest"
	"github.com/tintypehq/tintype/internal/blob/s3blob"
	"github.com/tintypehq/tintype/internal/testserver"
)

func run(t *testing.T, server *testserver.S3Server, change func(*s3blob.Config), traits blobtest.Traits) {
	t.Helper()
	blobtest.Run(t, func(t *testing.T) blob.Store {
		t.Helper()
		return open(t, server, change)
	}, traits)
}

func plainUploads(cfg *s3blob.Config) { cfg.PlainUploads = true }

func TestVersity(t *testing.T) {
	t.Parallel()
	run(t, testserver.Versity(t), nil, blobtest.Traits{})
}

func TestVersityPlainUploads(t *testing.T) {
	t.Parallel()
	run(t, testserver.Versity(t), plainUploads, blobtest.Traits{})
}

func TestVersityTLS(t *testing.T) {
	t.Parallel()
	server := testserver.VersityTLS(t)
	run(t, server, nil, blobtest.Traits{Client: trusting(t, server.CA)})
}

// trusting gives a client for a server's own certificate.
func trusting(t *testing.T, ca []byte) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		t.Fatal("no certificate")
	}
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}}
}

// TestNoFramingIsKept looks at what a browser would get of a body that was
// sent aws-chunked.
func TestNoFramingIsKept(t *testing.T) {
	t.Parallel()
	testNoFramingIsKept(t, testserver.Versity(t))
}

func testNoFramingIsKept(t *testing.T, server *testserver.S3Server) {
	t.Helper()
	s := open(t, server, nil)
	content := data(20 << 20) // three chunks
	if _, err := put(t.Context(), s, "key", content, true); err != nil {
		t.Fatal(err)
	}
	link, err := s.Presign(t.Context(), "key", "", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || n != int64(len(content)) || resp.Header.Get("Content-Encoding") != "" {
		t.Errorf("%d bytes, %v, %v", n, err, resp.Header)
	}
}

// TestPrefixes has two stores in one bucket.
func TestPrefixes(t *testing.T) {
	t.Parallel()
	server := testserver.Versity(t)
	one := open(t, server, func(cfg *s3blob.Config) { cfg.Prefix = "/one/" })
	two := open(t, server, func(cfg *s3blob.Config) { cfg.Prefix = "two" })
	all := open(t, server, func(cfg *s3blob.Config) { cfg.Prefix = "" })
	for s, content := range map[*s3blob.Store]string{one: "1", two: "2"} {
		if _, err := put(t.Context(), s, "key", []byte(content), true); err != nil {
			t.Fatal(err)
		}
	}
	for key, want := range map[string]string{"one/key": "1", "two/key": "2"} {
		if got := read(t, all, key); string(got) != want {
			t.Errorf("%s holds %q", key, got)
		}
	}
}

// TestPublicEndpoint has callers come by another name than we.
func TestPublicEndpoint(t *testing.T) {
	t.Parallel()
	server := testserver.Versity(t)
	public := strings.Replace(server.Endpoint, "127.0.0.1", "localhost", 1)
	s := open(t, server, func(cfg *s3blob.Config) { cfg.PublicEndpoint = public })
	link, err := s.Presign(t.Context(), "key", "", time.Minute)
	if err != nil || !strings.HasPrefix(link, public+"/"+server.Bucket+"/") {
		t.Errorf("%s, %v", link, err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestDefaultCredentials leaves them to the SDK's own chain.
func TestDefaultCredentials(t *testing.T) { // not parallel: it sets the environment
	server := testserver.Versity(t)
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	none := func(cfg *s3blob.Config) { cfg.AccessKeyID, cfg.SecretAccessKey = "", "" }
	err := open(t, server, none).Check(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "storage.s3.access_key_id: is empty") {
		t.Errorf("without any: %v", err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", server.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", server.SecretKey)
	if err := open(t, server, none).Check(t.Context()); err != nil {
		t.Errorf("from the environment: %v", err)
	}
}

func TestBadConfig(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]s3blob.Config{
		"storage.s3.prefix": {Bucket: "b", AccessKeyID: "a", Prefix: "a b"},
		"certificate":       {Bucket: "b", AccessKeyID: "a", CA: []byte("no PEM")},
	} {
		if _, err := s3blob.New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %s", err, want)
		}
	}
}
