package server_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/server"
)

// routes lists the routes of the house, so that one that is added later is held
// to the rules of all.
func (h *house) routes() [][2]string {
	h.Helper()
	cfg := h.cfg
	cfg.Metrics = nil // a registry takes each metric once
	srv, err := server.New(cfg)
	h.must(err)
	return server.Routes(srv)
}

// open to all: what needs no credential, or has it in its path.
func needsKey(path string) bool {
	return strings.HasPrefix(path, "/v1/") && !strings.HasPrefix(path, "/v1/media/")
}

// TestEveryRouteNeedsACredential: but for health, metrics and media links.
func TestEveryRouteNeedsACredential(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := string(h.create(images, `{"prompt":"x"}`))
	for _, route := range h.routes() {
		method, path := route[0], strings.ReplaceAll(route[1], ":id", id)
		if !needsKey(path) {
			continue
		}
		a := h.call(method, path, "{}", "Authorization", "")
		if method == http.MethodHead {
			if a.status != 401 || a.body != "" {
				t.Errorf("%s %s: %d %s", method, path, a.status, a.body)
			}
			continue
		}
		if code, _, _ := errorOf(t, a.body); a.status != 401 || code != "authentication_error" {
			t.Errorf("%s %s: %d %s", method, path, a.status, a.body)
		}
	}
}

// scopeOf is what a route needs.
func scopeOf(method string) server.Scope {
	if method == http.MethodGet || method == http.MethodHead {
		return server.ScopeRead
	}
	return server.ScopeGenerate
}

// TestScopes: a key does what its scopes say, on every route, and nothing else;
// admin gives neither of the others.
func TestScopes(t *testing.T) {
	t.Parallel()
	keyOf := func(s server.Scope) string { return "tt_only_" + string(s) }
	all := []server.Scope{server.ScopeGenerate, server.ScopeRead, server.ScopeAdmin}
	h := open(t, configure(func(c *server.Config) {
		for _, s := range all {
			c.Auth.Keys = append(c.Auth.Keys, server.GatewayKey{Name: string(s), SHA256: sha256.Sum256([]byte(keyOf(s))), Scopes: []server.Scope{s}})
		}
	}))
	unknown := string(job.NewID(time.Now()))
	for _, route := range h.routes() {
		method, path := route[0], strings.ReplaceAll(route[1], ":id", unknown)
		if !needsKey(path) {
			continue
		}
		for _, has := range all {
			// A call that is let through is refused for what it asks, not for its scope.
			a := h.call(method, path, `{"model":"nope"}`, "Authorization", "Bearer "+keyOf(has))
			need := scopeOf(method)
			if method == http.MethodHead {
				if (a.status != 403) != (has == need) {
					t.Errorf("%s %s with the scope %s: %d", method, path, has, a.status)
				}
				continue
			}
			if !strings.Contains(a.body, "permission_denied") != (has == need) {
				t.Errorf("%s %s with the scope %s: %d %s", method, path, has, a.status, a.body)
			}
			if has == need {
				continue
			}
			code, param, message := errorOf(t, a.body)
			if a.status != 403 || code != "permission_denied" || param != "Authorization" || a.header.Get("X-Should-Retry") != "false" ||
				!strings.Contains(message, fmt.Sprintf("%q", need)) || !strings.Contains(message, "auth.keys[].scopes") {
				t.Errorf("%s %s: %d %v %s", method, path, a.status, a.header, a.body)
			}
		}
	}
	h.nothingHappened()
	for _, key := range []string{gatewayKey, "pooled", "sim-own"} { // whoever has no scopes of its own has the usual ones
		if a := h.call(http.MethodGet, "/v1/models", "", "Authorization", "Bearer "+key); a.status != 200 {
			t.Errorf("%s reads: %d %s", key, a.status, a.body)
		}
		h.create(images, `{"prompt":"x"}`, "Authorization", "Bearer "+key)
	}
}
