package fetch_test

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/fetch"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	c := newClient(t, func(cfg *fetch.Config) { cfg.AllowPrivate = nil })
	tests := []struct {
		host    string
		allowed bool
	}{
		{"93.184.216.34", true},
		{"1.1.1.1:8443", true},
		{"[2606:4700:4700::1111]", true},
		{"[::ffff:93.184.216.34]", true},
		{"1.1.1.1:25", false},
		{"1.1.1.1:22", false},
		{"127.0.0.1", false},
		{"127.255.255.254", false},
		{"0.0.0.0", false},
		{"0.1.2.3", false},
		{"10.0.0.1", false},
		{"172.16.0.1", false},
		{"172.31.255.255", false},
		{"192.168.1.1", false},
		{"100.64.0.1", false},
		{"100.127.255.255", false},
		{"169.254.169.254", false},
		{"192.0.0.8", false},
		{"198.18.0.1", false},
		{"203.0.113.1", false},
		{"224.0.0.1", false},
		{"239.255.255.250", false},
		{"240.0.0.1", false},
		{"255.255.255.255", false},
		{"[::]", false},
		{"[::1]", false},
		{"[::ffff:127.0.0.1]", false},
		{"[::ffff:10.0.0.1]", false},
		{"[::ffff:a9fe:a9fe]", false},
		{"[::127.0.0.1]", false},
		{"[64:ff9b::7f00:1]", false},
		{"[64:ff9b::a9fe:a9fe]", false},
		{"[64:ff9b::5db8:d822]", false}, // public behind NAT64: only if the operator opens it
		{"[64:ff9b:1::a00:1]", false},
		{"[2002:7f00:1::]", false},
		{"[2002:a00:1::1]", false},
		{"[2001:0:4136:e378:8000:63bf:f5ff:fffe]", false},
		{"[2001:db8::1]", false},
		{"[fe80::1]", false},
		{"[fe80::1%25lo]", false},
		{"[fec0::1]", false},
		{"[fc00::1]", false},
		{"[fd12:3456::1]", false},
		{"[ff02::1]", false},
		{"[100::1]", false},
	}
	for _, tt := range tests {
		t.Run(tt.host, func(t *testing.T) {
			t.Parallel()
			err := c.CheckHost(t.Context(), "http://"+tt.host+"/x")
			if tt.allowed && err != nil {
				t.Errorf("CheckHost: %v", err)
			}
			if !tt.allowed && !errors.Is(err, fetch.ErrForbidden) {
				t.Errorf("CheckHost: %v, want ErrForbidden", err)
			}
			if tt.allowed {
				return // no test leaves this machine
			}
			_, err = c.Get(t.Context(), "http://"+tt.host+"/x", fetch.Options{})
			if !errors.Is(err, fetch.ErrForbidden) {
				t.Errorf("Get: %v, want ErrForbidden", err)
			}
			f, _ := errors.AsType[*fetch.Error](err)
			if port := strings.HasPrefix(tt.host, "1.1.1.1:"); errors.Is(err, fetch.ErrPort) != port || strings.Contains(f.Message(), "port") != port {
				t.Errorf("Get: %v (%s), want ErrPort: %t", err, f.Message(), port)
			}
		})
	}
}

func TestNAT64OpensPublicAddressesOnly(t *testing.T) {
	t.Parallel()
	c := newClient(t, func(cfg *fetch.Config) {
		cfg.AllowPrivate = []netip.Prefix{netip.MustParsePrefix("64:ff9b::/96")}
	})
	if err := c.CheckHost(t.Context(), "http://[64:ff9b::5db8:d822]/"); err != nil {
		t.Errorf("a public address behind NAT64: %v", err)
	}
	for _, host := range []string{"[64:ff9b::7f00:1]", "[64:ff9b::a00:1]", "[64:ff9b::a9fe:a9fe]"} {
		if err := c.CheckHost(t.Context(), "http://"+host+"/"); !errors.Is(err, fetch.ErrForbidden) {
			t.Errorf("%s: %v, want ErrForbidden", host, err)
		}
	}
}

func TestURLForms(t *testing.T) {
	t.Parallel()
	strict := newClient(t, func(cfg *fetch.Config) { cfg.AllowHTTP = false })
	if err := strict.CheckHost(t.Context(), "http://1.1.1.1/"); !errors.Is(err, fetch.ErrForbidden) {
		t.Errorf("http without AllowHTTP: %v", err)
	}
	c := newClient(t, nil)
	for _, u := range []string{
		"", "/etc/passwd", "file:///etc/passwd", "ftp://1.1.1.1/", "gopher://1.1.1.1/", "data:image/png;base64,AA==",
		"http:1.1.1.1", "http://", "http:///x", "https://user:secret@1.1.1.1/", "http://user@1.1.1.1/", "http://[::1", "http://a b/", "http://1.1.1.1:99999/",
		"javascript:alert(1)", "//1.1.1.1/x",
	} {
		if err := c.CheckHost(t.Context(), u); !errors.Is(err, fetch.ErrForbidden) {
			t.Errorf("CheckHost(%q): %v, want ErrForbidden", u, err)
		}
		if u == "http://1.1.1.1:99999/" {
			continue // fails at the dial
		}
		_, err := c.Get(t.Context(), u, fetch.Options{})
		if !errors.Is(err, fetch.ErrForbidden) {
			t.Errorf("Get(%q): %v, want ErrForbidden", u, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error quotes the URL: %v", err)
		}
	}
}

// TestRebinding has a name that is public when it is checked and private when
// it is dialled.
func TestRebinding(t *testing.T) {
	t.Parallel()
	forbiddenURL, reached := listen2(t)
	c := newClient(t, func(cfg *fetch.Config) {
		cfg.Resolver = resolver(t, []string{"93.184.216.34"}, []string{"127.0.0.2"})
	})
	target := "http://rebind.example:" + portOf(t, forbiddenURL) + "/"
	if err := c.CheckHost(t.Context(), target); err != nil {
		t.Fatalf("the first answer is public: %v", err)
	}
	if _, err := c.Get(t.Context(), target, fetch.Options{}); !errors.Is(err, fetch.ErrForbidden) {
		t.Errorf("got %v, want ErrForbidden", err)
	}
	if len(reached) != 0 {
		t.Error("the private address was reached")
	}
}

func TestCheckHostRefusesMixedAnswers(t *testing.T) {
	t.Parallel()
	c := newClient(t, func(cfg *fetch.Config) {
		cfg.Resolver = resolver(t, []string{"93.184.216.34", "10.0.0.1"})
	})
	if err := c.CheckHost(t.Context(), "https://mixed.example/"); !errors.Is(err, fetch.ErrForbidden) {
		t.Errorf("got %v, want ErrForbidden", err)
	}
}

func TestUnknownName(t *testing.T) {
	t.Parallel()
	c := newClient(t, func(cfg *fetch.Config) { cfg.Resolver = resolver(t, nil) })
	if err := c.CheckHost(t.Context(), "https://nobody.example/"); !errors.Is(err, fetch.ErrUnreachable) {
		t.Errorf("CheckHost: %v, want ErrUnreachable", err)
	}
	if _, err := c.Get(t.Context(), "https://nobody.example/", fetch.Options{}); !errors.Is(err, fetch.ErrUnreachable) {
		t.Errorf("Get: %v, want ErrUnreachable", err)
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	forbiddenURL, reached := listen2(t)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Referer") != "" || r.Header.Get("Cookie") != "" {
			t.Errorf("referrer %q, cookie %q", r.Header.Get("Referer"), r.Header.Get("Cookie"))
		}
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		switch r.URL.Path {
		case "/private":
			w.Header().Set("Location", forbiddenURL+"/secret")
		case "/file":
			w.Header().Set("Location", "file:///etc/passwd")
		case "/credentials":
			w.Header().Set("Location", "http://u:p@"+r.Host+"/end")
		case "/broken":
			w.Header().Set("Location", "http://[::1")
		case "/loop":
			w.Header().Set("Location", "/loop")
		case "/relative":
			w.Header().Set("Location", "end")
		case "/end":
			_, _ = w.Write([]byte("here"))
			return
		}
		w.WriteHeader(http.StatusFound)
	})
	c := newClient(t, nil)
	for _, path := range []string{"/private", "/file", "/credentials", "/broken", "/loop"} {
		if _, err := c.Get(t.Context(), s.URL+path, fetch.Options{}); !errors.Is(err, fetch.ErrForbidden) {
			t.Errorf("%s: %v, want ErrForbidden", path, err)
		}
	}
	if len(reached) != 0 {
		t.Error("the private address was reached")
	}
	if b, err := getAll(t, c, s.URL+"/relative?signature=x", 10); err != nil || string(b) != "here" {
		t.Errorf("a good redirect: %q, %v", b, err)
	}
	none := newClient(t, func(cfg *fetch.Config) { cfg.MaxRedirects = -1 })
	if _, err := none.Get(t.Context(), s.URL+"/relative", fetch.Options{}); !errors.Is(err, fetch.ErrForbidden) {
		t.Errorf("with no redirects allowed: %v", err)
	}
}

func TestNoProxyFromEnvironment(t *testing.T) { // not parallel: it sets the environment
	proxy := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the proxy was asked") })
	t.Setenv("HTTP_PROXY", proxy.URL)
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("direct")) })
	c := newClient(t, func(cfg *fetch.Config) { cfg.Resolver = resolver(t, []string{"127.0.0.1"}) })
	b, err := getAll(t, c, "http://media.example:"+portOf(t, s.URL)+"/", 10)
	if err != nil || string(b) != "direct" {
		t.Errorf("%q, %v", b, err)
	}
}
