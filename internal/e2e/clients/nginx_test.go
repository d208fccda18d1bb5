package clients_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/testserver"
)

// A real nginx, and jobs that take longer than it lets a connection be silent.
const tooLong = "sim:ready=90s "

// bareNginx has no setting but where it listens and whom it stands before.
func bareNginx(addr, api string) string {
	return fmt.Sprintf("server { listen %s; location / { proxy_pass http://%s; } }", addr, api)
}

var tlsLines = regexp.MustCompile(`(?m)^.*ssl_certificate.*$`)

// ownNginx is the configuration that this repository ships, without TLS.
func ownNginx(t *testing.T, addr, api string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "deploy", "nginx", "tintype.conf"))
	if err != nil {
		t.Fatal(err)
	}
	text := tlsLines.ReplaceAllString(string(b), "")
	for from, to := range map[string]string{"listen 443 ssl;": "listen " + addr + ";", "server 127.0.0.1:8080;": "server " + api + ";"} {
		if strings.Count(text, from) != 1 {
			t.Fatalf("deploy/nginx/tintype.conf has not one %q", from)
		}
		text = strings.Replace(text, from, to, 1)
	}
	return text
}

// nginx starts one and gives its origin.
func nginx(t *testing.T, conf func(addr string) string) string {
	t.Helper()
	addr, err := testserver.FreeAddr(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	origin := "http://" + addr
	testserver.Nginx(t, conf(addr), origin)
	return origin
}

// usual are the waiting times that a server has by default.
var usual = map[string]string{"WAIT_SILENCE": "15s", "WAIT_INTERVAL": "15s", "WAIT_WINDOW": "50s"}

// proxies starts a service with its own times of waiting and both nginxes.
func proxies(t *testing.T) (s *service, bare, own string) {
	t.Helper()
	s = start(t, usual)
	api := strings.TrimPrefix(s.apis[0].URL(), "http://")
	bare = nginx(t, func(addr string) string { return bareNginx(addr, api) })
	own = nginx(t, func(addr string) string { return ownNginx(t, addr, api) })
	return s, bare, own
}

// TestNginx: films of 90 s reach both SDKs through an nginx with its bare defaults
// in every way of waiting, and through one set up right in silence, and each is paid
// for once.
func TestNginx(t *testing.T) {
	t.Parallel()
	s, bare, own := proxies(t)
	for place, through := range map[string]struct {
		base string
		keys []string
	}{
		"bare": {bare, []string{website, window, patient}}, // where it ends a silent call with 504, the SDK comes back
		"own":  {own, []string{patient}},
	} {
		for name, make := range sdks {
			t.Run(place+"/"+name, func(t *testing.T) {
				t.Parallel()
				var calls []call
				for _, key := range through.keys {
					calls = append(calls, call{Kind: "video", Prompt: tooLong + place + " " + name + " " + key, Key: key, Retries: 4})
				}
				s.check(t, calls, make(t, through.base, len(calls), calls))
				charged := s.charges(t)
				for _, c := range calls {
					if charged[c.Prompt] != 1 {
						t.Errorf("%q was paid for %d times", c.Prompt, charged[c.Prompt])
					}
				}
			})
		}
	}
	for _, name := range []string{"python", "curl"} { // which make no call again
		t.Run("bare/"+name, func(t *testing.T) {
			t.Parallel()
			prompt := tooLong + "bare " + name
			var got ways
			visit(t, &got, nil, s.whereTo(bare, website), append(visitors[name].argv, prompt)...)
			if !strings.HasSuffix(got.Video, ".mp4") || len(get(t, got.Video)) < 1000 || s.charges(t)[prompt] != 1 {
				t.Errorf("%q, paid for %d times", got.Video, s.charges(t)[prompt])
			}
		})
	}
}

// TestNginxByHand: what nginx itself makes of silence, streams, links and large
// bodies.
func TestNginxByHand(t *testing.T) {
	t.Parallel()
	_, bare, own := proxies(t)
	post := func(t *testing.T, base, key, body string) (status int, answer string, head time.Duration) {
		t.Helper()
		began := time.Now()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/video/generations", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		head = time.Since(began)
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		return resp.StatusCode, string(b), head
	}
	body := func(prompt, more string) string { return fmt.Sprintf(`{"prompt":%q%s}`, prompt, more) }
	for _, tt := range []struct {
		name, base, key, body string
		status                int
		says                  string
	}{
		{"bare/hold is cut", bare, patient, body(tooLong+"cut", ""), 504, "nginx"},
		{"own/hold", own, patient, body(tooLong+"held", ""), 200, "video-0.mp4"},
		{"bare/keepalive", bare, website, body(tooLong+"alive", ""), 200, "video-0.mp4"},
		{"bare/window", bare, window, body(tooLong+"window", ""), 409, "wait_timeout"},
		{"bare/stream", bare, patient, body(tooLong+"streamed", `,"stream":true`), 200, "data: [DONE]"},
		{"own/stream", own, patient, body(tooLong+"streamed too", `,"stream":true`), 200, "data: [DONE]"},
		{"bare/large", bare, patient, body("x", `,"more":"`+strings.Repeat("x", 2<<20)+`"`), 413, "nginx"},
		{"own/large", own, patient, body("x", `,"more":"`+strings.Repeat("x", 2<<20)+`"`), 200, "video-0.mp4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			status, answer, head := post(t, tt.base, tt.key, tt.body)
			if status != tt.status || !strings.Contains(answer, tt.says) {
				t.Errorf("%d %.300s; want %d with %s", status, answer, tt.status, tt.says)
			}
			if early := strings.Contains(tt.name, "stream") && head > 10*time.Second || strings.Contains(tt.name, "keepalive") && head > 30*time.Second; early {
				t.Errorf("the head came after %s: nginx has held it back", head)
			}
		})
	}
	t.Run("own/links", func(t *testing.T) {
		t.Parallel()
		_, answer, _ := post(t, own, patient, body("a film", ""))
		i := strings.Index(answer, own+"/v1/media/")
		if i < 0 {
			t.Fatalf("no link through the proxy in %s", answer)
		}
		link, _, _ := strings.Cut(answer[i:], `"`)
		link, _, _ = strings.Cut(link, ")")
		whole := get(t, link)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Range", "bytes=10-19")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if part, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusPartialContent || !bytes.Equal(part, whole[10:20]) {
			t.Errorf("%d, %d bytes, %v", resp.StatusCode, len(part), err)
		}
	})
}

// TestAnnounced: an SDK that says how long it waits gets what takes longer than
// that, since it is answered before it gives up.
func TestAnnounced(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"WAIT_SILENCE": "1m", "WAIT_INTERVAL": "1m"})
	for name, make := range sdks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := []call{
				{Kind: "video", Prompt: "sim:ready=12s hold by " + name, Key: patient, Timeout: 5, Retries: 6},
				{Kind: "image", Prompt: "sim:ready=12s keepalive by " + name, Key: website, Timeout: 5, Retries: 6},
			}
			s.check(t, calls, make(t, s.apis[0].URL(), len(calls), calls))
			charged := s.charges(t)
			for _, c := range calls {
				if charged[c.Prompt] != 1 {
					t.Errorf("%q was paid for %d times", c.Prompt, charged[c.Prompt])
				}
			}
		})
	}
}
