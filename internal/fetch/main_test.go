package fetch_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/internal/fetch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.MustParsePrefix("127.0.0.1/32") // 127.0.0.2 stays forbidden

// newClient makes a client that may reach 127.0.0.1 and waits briefly.
func newClient(t *testing.T, change func(*fetch.Config)) *fetch.Client {
	t.Helper()
	cfg := fetch.Config{
		AllowPrivate:    []netip.Prefix{loopback},
		AllowHTTP:       true,
		ConnectTimeout:  5 * time.Second,
		HeaderTimeout:   5 * time.Second,
		IdleReadTimeout: 5 * time.Second,
	}
	if change != nil {
		change(&cfg)
	}
	c := fetch.New(cfg)
	t.Cleanup(c.Close)
	return c
}

// serve starts a server whose handlers are told when the test ends.
func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// getAll fetches a whole file of at most so many bytes.
func getAll(t *testing.T, c *fetch.Client, rawURL string, maxBytes int64) ([]byte, error) {
	t.Helper()
	resp, err := c.Get(t.Context(), rawURL, fetch.Options{MaxBytes: maxBytes})
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	return io.ReadAll(resp.Body)
}

func portOf(t *testing.T, rawURL string) string {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

// listen2 listens on 127.0.0.2, which no client here may reach, and returns
// its URL and a channel that gets each connection.
func listen2(t *testing.T) (string, <-chan string) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	reached := make(chan string, 10)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		reached <- r.RemoteAddr
	}))
	_ = s.Listener.Close()
	s.Listener = ln
	s.Start()
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "127.0.0.1", "127.0.0.2", 1), reached
}
