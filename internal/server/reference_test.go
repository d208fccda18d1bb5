package server_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestReference reads the page as a browser does: with all that it loads, none of
// it from another host.
func TestReference(t *testing.T) {
	t.Parallel()
	h := open(t)
	document := h.call(http.MethodGet, "/openapi.json", "", "Authorization", "")
	if document.status != http.StatusOK || !strings.Contains(document.body, `"openapi"`) {
		t.Fatalf("%d %.100s", document.status, document.body)
	}
	page := h.call(http.MethodGet, "/docs", "", "Authorization", "")
	if page.status != http.StatusOK || !strings.Contains(page.body, "/openapi.json") || !strings.Contains(page.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Fatalf("%d %v %.300s", page.status, page.header, page.body)
	}
	loaded := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page.body, -1)
	if len(loaded) < 3 {
		t.Fatalf("the page loads %q", loaded)
	}
	for _, one := range loaded {
		path, ok := strings.CutPrefix(one[1], "/docs/")
		if !ok {
			t.Errorf("the page loads %s, which is not ours", one[1])
			continue
		}
		resp := h.open(t.Context(), http.MethodGet, "/docs/"+path, http.NoBody, "Authorization", "")
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", one[1], resp.StatusCode)
		}
	}
}
