package fetch_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/tintypehq/tintype/internal/fetch"
)

const credential = "c4naryK3yQ8v2mWx"

func authorize(h http.Header) { h.Set("Authorization", "Bearer "+credential) }

// TestCredentialStaysAtItsOrigin: it goes to the host that the link names, also
// over a redirect there, and to no other; not even back from one.
func TestCredentialStaysAtItsOrigin(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := map[string]string{}
	note := func(r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got[r.URL.Path] = r.Header.Get("Authorization")
	}
	var own string
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		note(r)
		http.Redirect(w, r, own+"/back", http.StatusFound)
	})
	first := serve(t, func(w http.ResponseWriter, r *http.Request) {
		note(r)
		switch r.URL.Path {
		case "/start":
			http.Redirect(w, r, "/next", http.StatusTemporaryRedirect)
		case "/next":
			http.Redirect(w, r, other.URL+"/other", http.StatusFound)
		default:
			serveContent(`"v1"`)(w, r)
		}
	})
	own = first.URL
	c := newClient(t, nil)
	resp, err := c.Get(t.Context(), own+"/start", fetch.Options{Offset: 5, IfRange: `"v1"`, Authorize: authorize})
	if err != nil || resp.Offset != 5 {
		t.Fatalf("%+v, %v", resp, err)
	}
	read(t, resp)
	mu.Lock()
	defer mu.Unlock()
	const bearer = "Bearer " + credential
	want := map[string]string{"/start": bearer, "/next": bearer, "/other": "", "/back": ""}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// TestNoErrorQuotesTheCredential: what is no HTTP stands in the error about it.
func TestNoErrorQuotesTheCredential(t *testing.T) {
	t.Parallel()
	c := newClient(t, nil)
	for _, answer := range []string{credential + " 200 OK\r\n\r\n", "HTTP/1.1 " + credential + "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: " + credential + "\r\n\r\n"} {
		url := raw(t, answer, func(conn net.Conn) { hangUp(conn) })
		_, err := c.Get(t.Context(), url, fetch.Options{Authorize: authorize})
		if err == nil || strings.Contains(err.Error(), credential) {
			t.Errorf("got %v", err)
		}
	}
}
