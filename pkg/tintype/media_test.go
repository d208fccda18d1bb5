package tintype_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/pkg/tintype"
)

// film stands for a file; it is longer than any buffer on its way.
var film = bytes.Repeat([]byte("not really a film\n"), 100_000)

func TestDownload(t *testing.T) {
	t.Parallel()
	bucket := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" { // as MinIO does with a presigned link
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = w.Write(film)
	}))
	t.Cleanup(bucket.Close)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer k-1" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.URL.Path == "/redirect.mp4" {
			http.Redirect(w, r, bucket.URL+"/film.mp4?X-Amz-Signature=secret", http.StatusFound)
			return
		}
		_, _ = w.Write(film)
	}))
	t.Cleanup(api.Close)
	c, err := tintype.NewClient(api.URL, tintype.WithHTTPClient(api.Client()), tintype.WithKey("k-1"))
	if err != nil {
		t.Fatal(err)
	}
	want := sha256.Sum256(film)
	for name, link := range map[string]string{
		"streamed": api.URL + "/film.mp4", "without a host": "/film.mp4",
		"redirected": api.URL + "/redirect.mp4", "in the bucket": bucket.URL + "/film.mp4",
	} {
		var file bytes.Buffer
		n, err := c.Media.Download(t.Context(), tintype.Media{URL: link, SHA256: hex.EncodeToString(want[:])}, &file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		equal(t, name+": size", n, int64(len(film)))
		equal(t, name+": bytes", bytes.Equal(file.Bytes(), film), true)
	}
}

// fullDisk takes a little and then fails.
type fullDisk struct{ room int }

var errFull = errors.New("no space left")

func (d *fullDisk) Write(b []byte) (int, error) {
	n := min(len(b), d.room)
	d.room -= n
	if n < len(b) {
		return n, errFull
	}
	return n, nil
}

func TestDownloadThatFails(t *testing.T) {
	t.Parallel()
	apiError := func(status int) func(error) bool {
		return func(err error) bool {
			e, ok := errors.AsType[*tintype.APIError](err)
			return ok && e.Status == status
		}
	}
	for _, tt := range []struct {
		name  string
		h     http.HandlerFunc
		w     io.Writer
		check func(error) bool
		n     int64
	}{
		{"gone", answer(410, `{"error":{"message":"Expired.","type":"t","param":null,"code":"not_found"}}`), io.Discard, apiError(410), 0},
		{"no content", status(204), io.Discard, apiError(204), 0},
		{"another file", answer(200, "x"), io.Discard, func(err error) bool { return errors.Is(err, tintype.ErrWrongFile) }, 1},
		{"full disk", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(film) }, &fullDisk{room: 10}, func(err error) bool { return errors.Is(err, errFull) }, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n, err := serve(t, tt.h, tintype.WithRetries(0)).Media.Download(t.Context(), tintype.Media{URL: "/film.mp4", SHA256: strings.Repeat("0", 64)}, tt.w)
			if err == nil || !tt.check(err) {
				t.Errorf("error is %v", err)
			}
			equal(t, "size", n, tt.n)
		})
	}
}

func TestDownloadOfNoLink(t *testing.T) {
	t.Parallel()
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("request to %s", r.URL) })
	for _, link := range []string{"", "data:image/png;base64,AA==", "ftp://h/x", "file:///etc/passwd", "http://%zz"} {
		if _, err := c.Media.Download(t.Context(), tintype.Media{URL: link}, io.Discard); err == nil {
			t.Errorf("%q: no error", link)
		}
	}
}

// The signature of a presigned link is for nobody's log.
func TestErrorsShowNoSignature(t *testing.T) {
	t.Parallel()
	c := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, tintype.WithRetries(0))
	_, err := c.Media.Download(t.Context(), tintype.Media{URL: "/film.mp4?X-Amz-Signature=secret"}, io.Discard)
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "/film.mp4") {
		t.Errorf("error is %v", err)
	}
}
