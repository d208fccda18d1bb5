package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/internal/upstream"
)

// gallery has pictures at /0, /1 and so on, each as wide as 100 and its number. It
// shows at most how many were asked for at once.
type gallery struct {
	url  string
	gate func(path string, r *http.Request) // before a picture goes out

	mu       sync.Mutex
	now, top int
}

func openGallery(t *testing.T, gate func(string, *http.Request)) *gallery {
	t.Helper()
	g := &gallery{gate: gate}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.count(1)
		defer g.count(-1)
		g.gate(r.URL.Path, r)
		n := 0
		if _, err := fmt.Sscanf(r.URL.Path, "/%d", &n); err != nil {
			_, _ = w.Write([]byte("no picture"))
			return
		}
		_, _ = w.Write(picture(t, 100+n, 100))
	}))
	t.Cleanup(web.Close)
	g.url = web.URL
	return g
}

func (g *gallery) count(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now += n
	g.top = max(g.top, g.now)
}

func (g *gallery) most() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.top
}

func (g *gallery) ask(paths ...string) string {
	links := []string{}
	for _, p := range paths {
		links = append(links, g.url+p)
	}
	list, _ := json.Marshal(links)
	return fmt.Sprintf(`{"prompt":"x","images":%s}`, list)
}

func manyImages(t *testing.T, more ...func(*server.Config)) func(*options) {
	t.Helper()
	return configure(func(c *server.Config) {
		for _, f := range more {
			f(c)
		}
		r, err := upstream.NewRegistry([]upstream.Model{{
			Name: "m", Kind: upstream.ImageModel, Upstream: "ark", ID: seedream, Ratios: []string{"1:1"}, ReferenceImages: 14,
		}})
		if err != nil {
			t.Fatal(err)
		}
		c.Models = r
	})
}

// TestImagesAreFetchedTogether: four at once, never more, and in the order of the
// request whichever comes first.
func TestImagesAreFetchedTogether(t *testing.T) {
	t.Parallel()
	const atOnce, all = 4, 14
	h := open(t, manyImages(t))
	var mu sync.Mutex
	waiting, open := 0, make(chan struct{})
	g := openGallery(t, func(_ string, r *http.Request) {
		mu.Lock()
		if waiting++; waiting == atOnce {
			close(open)
		}
		mu.Unlock()
		select { // nobody is served before four have come
		case <-open:
		case <-r.Context().Done():
		}
	})
	var paths []string
	for i := range all {
		paths = append(paths, fmt.Sprintf("/%d", i))
	}
	a := h.call(http.MethodPost, images, g.ask(paths...), "Prefer", "respond-async")
	if a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	spec := h.get(job.ID(a.header.Get("X-Job-Id"))).Spec
	for i, in := range spec.Inputs() {
		if in.Width != 100+i || filepath.Base(in.Key) != fmt.Sprintf("input-%d.png", i) {
			t.Errorf("%d is %+v", i, in)
		}
	}
	if n := len(spec.Inputs()); n != all || g.most() != atOnce {
		t.Errorf("%d images, %d at once", n, g.most())
	}
}

// TestFirstWrongImageIsNamed: whichever fails first, the first of the request is
// told, those behind it are not waited for, and nothing is kept.
func TestFirstWrongImageIsNamed(t *testing.T) {
	t.Parallel()
	h := open(t, manyImages(t))
	later, came, gone := make(chan struct{}), make(chan struct{}), make(chan struct{})
	g := openGallery(t, func(path string, r *http.Request) {
		switch path {
		case "/bad":
			<-later // until the one behind it has failed
			<-came
		case "/worse":
			close(later)
		case "/3":
			close(came)
			<-r.Context().Done() // never comes
			close(gone)
		}
	})
	a := h.call(http.MethodPost, images, g.ask("/0", "/bad", "/worse", "/3", "/4", "/5"))
	if code, param, _ := errorOf(t, a.body); a.status != 400 || code != "invalid_image" || param != "images[1]" {
		t.Errorf("%d %s", a.status, a.body)
	}
	<-gone
	if kept, err := filepath.Glob(filepath.Join(h.dir, "*", "jobs", "*", "input-*")); err != nil || len(kept) != 0 {
		t.Errorf("left: %v, %v", kept, err)
	}
}

// TestImagesTogetherAreBudgeted: each of those that are held counts, and all of it is
// given back, also by a request that failed.
func TestImagesTogetherAreBudgeted(t *testing.T) {
	t.Parallel()
	pic := picture(t, 500, 400) // 200 KB: the fourth has no room
	h := open(t, manyImages(t, func(c *server.Config) { c.Limits.BodyBudget = int64(len(pic))*4 - 1 }))
	for range 5 {
		full := make(chan struct{})
		open := sync.OnceFunc(func() { close(full) })
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(pic[:len(pic)-1])
			_ = http.NewResponseController(w).Flush()
			select { // nobody gets the rest before one was refused
			case <-full:
			case <-r.Context().Done():
				open()
			}
			_, _ = w.Write(pic[len(pic)-1:])
		}))
		t.Cleanup(web.Close)
		t.Cleanup(open)
		g := &gallery{url: web.URL}
		a := h.call(http.MethodPost, images, g.ask("/1", "/2", "/3", "/4", "/5"), "Prefer", "respond-async")
		if code, _, _ := errorOf(t, a.body); a.status != 503 || code != "queue_full" {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if a = h.call(http.MethodPost, images, g.ask("/6"), "Prefer", "respond-async"); a.status != 202 {
			t.Errorf("alone: %d %s", a.status, a.body)
		}
	}
}
