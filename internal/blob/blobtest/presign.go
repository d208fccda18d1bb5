package blobtest

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/blob"
)

func testPresign(t *testing.T, s blob.Store, traits Traits) {
	p, ok := s.(blob.Presigner)
	if !ok {
		return // a store need not be one
	}
	content := data(5000, 10)
	put(t, s, "signed/clip.mp4", content, "video/mp4")
	link := presign(t, p, "signed/clip.mp4", "猫 1.mp4", time.Minute)
	status, header, body := open(t, traits, link, "")
	if status != http.StatusOK || !bytes.Equal(body, content) || header.Get("Content-Type") != "video/mp4" {
		t.Errorf("status %d, %v, %d bytes: %.300s", status, header, len(body), body)
	}
	if _, params, err := mime.ParseMediaType(header.Get("Content-Disposition")); err != nil || params["filename"] != "猫 1.mp4" {
		t.Errorf("Content-Disposition %q", header.Get("Content-Disposition"))
	}
	plain := presign(t, p, "signed/clip.mp4", "", time.Minute)
	if status, header, body := open(t, traits, plain, "bytes=10-19"); status != http.StatusPartialContent || !bytes.Equal(body, content[10:20]) {
		t.Errorf("a range: status %d, %v, %d bytes", status, header, len(body))
	}
	missing := presign(t, p, "signed/missing.mp4", "", time.Minute)
	if status, _, _ := open(t, traits, missing, ""); status != http.StatusNotFound {
		t.Errorf("a missing key: status %d", status)
	}
	if status, _, _ := open(t, traits, plain+"x", ""); status != http.StatusForbidden && status != http.StatusBadRequest {
		t.Errorf("a forged link: status %d", status)
	}
	for _, ttl := range []time.Duration{0, -time.Second, 8 * 24 * time.Hour} {
		if link, err := p.Presign(t.Context(), "signed/clip.mp4", "", ttl); err == nil {
			t.Errorf("a link for %v: %s", ttl, link)
		}
	}
	testExpiry(t, p, traits)
}

// testExpiry waits for a link of one second to end.
func testExpiry(t *testing.T, p blob.Presigner, traits Traits) {
	t.Helper()
	link := presign(t, p, "signed/clip.mp4", "", time.Second)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for range 50 {
		status, _, _ := open(t, traits, link, "")
		if status == http.StatusForbidden {
			return
		}
		if status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		<-tick.C
	}
	t.Error("a link of one second still works after ten")
}

func presign(t *testing.T, p blob.Presigner, key, filename string, ttl time.Duration) string {
	t.Helper()
	link, err := p.Presign(t.Context(), key, filename, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// open asks for a link as a browser would, without a credential.
func open(t *testing.T, traits Traits, link, ranges string) (int, http.Header, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if ranges != "" {
		req.Header.Set("Range", ranges)
	}
	resp, err := traits.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, body
}
