package doubaoweb_test

import (
	"bytes"
	"fmt"
	stdimage "image"
	"image/png"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/sim"
)

// TestReferences are uploaded before anything is paid, and seen by the upstream.
func TestReferences(t *testing.T) {
	t.Parallel()
	eachDialect(t, func(t *testing.T, k *kit) {
		s := image("a cat")
		s.Image, s.References = picture(t, 40, 30), [][]byte{picture(t, 20, 20)}
		if got := k.submit(t, s); len(got.Sources) != 1 {
			t.Errorf("got %+v", got)
		}
		v := video("a cat")
		v.Image = picture(t, 40, 30)
		k.submit(t, v)
		for _, fault := range []string{"web-denied", "web-crc", "web-uri", "500", "empty", "drop", "web-waf"} {
			if err := k.sim.AddFault(sim.Rule{Match: "*", Op: "upload", Fault: fault}); err != nil {
				t.Fatal(err)
			}
			_, err := k.Submit(t.Context(), acc(), s)
			if e := fails(t, err); e.Outcome != upstream.NotSent && e.Outcome != upstream.Rejected {
				t.Errorf("%s: got %v", fault, e)
			}
			k.sim.ClearFaults()
		}
		if n := k.sim.Ledger().Totals.Submissions; n != 2 {
			t.Errorf("%d submissions, want 2", n)
		}
	})
}

func TestUnusableImages(t *testing.T) {
	t.Parallel()
	k := newKit(t, profile(t, "upload: {max_bytes: 100, region: cn-north-1, service: imagex}"))
	for _, data := range [][]byte{[]byte("no image"), picture(t, 400, 300)} {
		s := image("a cat")
		s.Image = data
		_, err := k.Submit(t.Context(), acc(), s)
		if e := fails(t, err); e.Outcome != upstream.Rejected || e.Fault.Param != "image" {
			t.Errorf("got %v", e)
		}
	}
	two := video("a cat")
	two.Image, two.References = picture(t, 8, 8), [][]byte{picture(t, 8, 8)}
	last := image("a cat")
	last.LastFrame = picture(t, 8, 8)
	for _, s := range []upstream.Submission{two, last} {
		_, err := k.Submit(t.Context(), acc(), s)
		if e := fails(t, err); e.Class != upstream.InvalidInput || e.Outcome != upstream.Rejected {
			t.Errorf("got %v", e)
		}
	}
	if n := k.sim.Ledger().Totals.Submissions; n != 0 {
		t.Errorf("%d submissions", n)
	}
}

// TestUploadHosts: an image goes where the upstream says, and only if the profile
// names that host too.
func TestUploadHosts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		api, bytes string // the hosts that are handed out; "own" is the server's
		uploads    bool
	}{
		{"own", "own", true},
		{"", "own", true},
		{"evil.example", "own", false},
		{"own", "evil.example", false},
		{"own", "169.254.169.254", false},
		{"own", "own@evil.example", false},
		{"own", "own/..", false},
		{"own", "", false},
	} {
		var sent, submits atomic.Int64
		root, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
			own := func(host string) string { return strings.Replace(host, "own", r.Host, 1) }
			switch {
			case strings.HasPrefix(r.URL.Path, "/alice/"):
				_, _ = fmt.Fprintf(w, `{"code":0,"data":{"service_id":"s","upload_host":%q,"upload_auth_token":{"access_key":"a","secret_key":"b","session_token":"c"}}}`, own(tt.api))
			case r.URL.Query().Get("Action") == "ApplyImageUpload":
				if api := r.URL.Path; (api == "/") != (tt.api == "own") || r.Header.Get("Cookie") != "" {
					t.Errorf("%+v: asked at %s with the cookies %q", tt, api, r.Header.Get("Cookie"))
				}
				_, _ = fmt.Fprintf(w, `{"Result":{"UploadAddress":{"StoreInfos":[{"StoreUri":"t/1.png","Auth":"x"}],"UploadHosts":[%q],"SessionKey":"k"}}}`, own(tt.bytes))
			case strings.HasPrefix(r.URL.Path, "/upload/v1/t/"):
				sent.Add(1)
				_, _ = io.WriteString(w, `{"code":2000}`)
			case r.URL.Query().Get("Action") == "CommitImageUpload":
				_, _ = io.WriteString(w, `{"Result":{"Results":[{"Uri":"t/1.png","UriStatus":2000}]}}`)
			default:
				submits.Add(1)
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = io.WriteString(w, streamA)
			}
		})
		s := image("a cat")
		s.Image = picture(t, 8, 8)
		_, err := driver(t, root, profile(t)).Submit(t.Context(), acc(), s)
		if (err == nil) != tt.uploads || (sent.Load() == 1) != tt.uploads || (submits.Load() == 1) != tt.uploads {
			t.Errorf("%+v: sent %d, submitted %d, %v", tt, sent.Load(), submits.Load(), err)
		}
		if err != nil && fails(t, err).Outcome != upstream.NotSent {
			t.Errorf("%+v: got %v", tt, err)
		}
	}
}

// picture is a PNG.
func picture(t *testing.T, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, stdimage.NewNRGBA(stdimage.Rect(0, 0, w, h))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
