package sim_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim"
)

// video makes a video and returns its link.
func (k *kit) video(prompt string) string {
	k.t.Helper()
	id := k.create(videoOf(prompt))
	k.clock.Advance(6 * time.Second)
	v := k.get(id)
	if v.Content == nil {
		k.t.Fatalf("no video: %+v", v)
	}
	return v.Content.VideoURL
}

func TestLink(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	link := k.video("x")
	form := regexp.MustCompile(`^http://127\.0\.0\.1:\d+/tos/ark-content-generation-cn-beijing/doubao-seedance-1-0-pro/02[0-9a-f]{51}\.mp4\?X-Tos-Algorithm=TOS4-HMAC-SHA256&X-Tos-Credential=[^&]+&X-Tos-Date=20261123T080006Z&X-Tos-Expires=86400&X-Tos-SignedHeaders=host&X-Tos-Signature=[0-9a-f]{64}$`)
	if !form.MatchString(link) {
		t.Error(link)
	}
	whole := k.must(200, "GET", link, "")
	for _, h := range []string{"ETag", "Content-Length", "Accept-Ranges"} {
		if whole.header.Get(h) == "" {
			t.Errorf("no %s: %v", h, whole.header)
		}
	}
	if a := k.must(200, "HEAD", link, ""); a.header.Get("Content-Length") != fmt.Sprint(len(whole.body)) || len(a.body) != 0 {
		t.Errorf("%v", a.header)
	}
	k.must(405, "POST", link, "")

	marked := k.image(imageOf("x", obj{"watermark": true})).Data[0].URL
	if !strings.Contains(marked, "&x-tos-process=image%2Fwatermark") || !strings.Contains(marked, "_0.jpeg?") {
		t.Error(marked)
	}
	for name, bad := range map[string]string{
		"path":      strings.Replace(link, "seedance-1-0", "seedance-1-1", 1),
		"date":      strings.Replace(link, "20261123T080006Z", "20271123T080006Z", 1),
		"expiry":    strings.Replace(link, "Expires=86400", "Expires=864000", 1),
		"signature": link[:len(link)-1] + "0",
		"cut":       link[:len(link)-70],
		"none":      strings.SplitN(link, "?", 2)[0],
		"more":      link + "&x=1",
		"encoding":  strings.Replace(marked, "%2F", "/", 1),
		"order":     strings.Replace(strings.Replace(link, "X-Tos-SignedHeaders=host&", "", 1), "&X-Tos-Signature", "&X-Tos-SignedHeaders=host&X-Tos-Signature", 1) + "&",
	} {
		if bad == link {
			bad += "0"
		}
		if a := k.must(403, "GET", bad, ""); !strings.Contains(string(a.body), "<Error><Code>AccessDenied</Code>") {
			t.Errorf("%s: %s", name, a.body)
		}
	}
}

func TestLinkExpires(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	link := k.video("x")
	k.clock.Advance(24*time.Hour - 1)
	k.must(200, "GET", link, "")
	k.clock.Advance(1)
	if a := k.must(403, "GET", link, ""); !strings.Contains(string(a.body), "expired") {
		t.Errorf("%s", a.body)
	}
}

func TestFreshLinkFromTheTask(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	for _, tt := range []struct {
		tag  string
		want []int
	}{
		{"sim:expired", []int{403, 200, 200}},
		{"sim:expired,times=2", []int{403, 403, 200}},
		{"nothing", []int{200, 200, 200}},
	} {
		id := k.create(videoOf("x "+tt.tag, obj{"return_last_frame": true, "resolution": "480p"}))
		k.get(id) // a look before it is ready does not count
		k.clock.Advance(6 * time.Second)
		for i, want := range tt.want {
			c := k.get(id).Content
			k.must(want, "GET", c.VideoURL, "")
			if i == 0 {
				k.must(want, "GET", c.LastFrame, "")
			}
		}
	}
	k.must(403, "GET", k.image(imageOf("x sim:expired")).Data[0].URL, "")
}

func TestMaxReads(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *sim.Config) { c.MaxReads = 2; c.LinkTTL = time.Hour })
	link := k.video("x")
	if !strings.Contains(link, "&X-Tos-Max-Requests=2&") || !strings.Contains(link, "X-Tos-Expires=3600&") {
		t.Error(link)
	}
	k.must(200, "GET", link, "")
	k.must(206, "GET", link, "", "Range", "bytes=0-1")
	k.must(403, "GET", link, "")
}

func TestRange(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	link := k.video("x sim:size=1MB")
	whole := k.must(200, "GET", link, "")
	if len(whole.body) != 1<<20 {
		t.Fatalf("%d bytes", len(whole.body))
	}
	for _, tt := range []struct {
		ranges   string
		from, to int
	}{
		{"bytes=0-0", 0, 1},
		{"bytes=100-199", 100, 200},
		{"bytes=50000-", 50000, 1 << 20},
		{"bytes=-7", 1<<20 - 7, 1 << 20},
		{"bytes=90000-900000", 90000, 900001},
	} {
		a := k.must(206, "GET", link, "", "Range", tt.ranges)
		if !bytes.Equal(a.body, whole.body[tt.from:tt.to]) {
			t.Errorf("%s: %d bytes differ", tt.ranges, len(a.body))
		}
		if want := fmt.Sprintf("bytes %d-%d/%d", tt.from, tt.to-1, 1<<20); a.header.Get("Content-Range") != want {
			t.Errorf("%s, want %s", a.header.Get("Content-Range"), want)
		}
	}
	k.must(416, "GET", link, "", "Range", "bytes=1048576-")
	if a := k.must(200, "GET", link, "", "Range", "bytes=0-1", "If-Range", `"another"`); len(a.body) != 1<<20 {
		t.Errorf("%d bytes", len(a.body))
	}
	k.must(206, "GET", link, "", "Range", "bytes=0-1", "If-Range", whole.header.Get("ETag"))
	if n := k.sim.Ledger().Submissions[0].MediaReads; n != 9 {
		t.Errorf("%d reads in the ledger", n)
	}
}

// Padded media must still be what it says.
func TestSize(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	jpeg := k.image(imageOf("x sim:size=2MB", obj{"model": "doubao-seedream-3-0-t2i-250415", "size": "1024x512"})).Data[0].URL
	png := k.image(imageOf("x sim:size=5MB", obj{"model": "doubao-seedream-5-0-pro-260628", "size": "1K", "output_format": "png"})).Data[0].URL
	for link, want := range map[string]int{jpeg: 2 << 20, png: 5 << 20} {
		a := k.must(200, "GET", link, "")
		if len(a.body) != want {
			t.Errorf("%d bytes, want %d", len(a.body), want)
		}
		if img, format, err := image.Decode(bytes.NewReader(a.body)); err != nil || img.Bounds().Dx() != 1024 {
			t.Errorf("%s: %v", format, err)
		}
	}
	a := k.must(200, "GET", k.video("x sim:size=3MB"), "")
	names := boxes(t, a.body)
	if len(a.body) != 3<<20 || names[0] != "ftyp" || names[len(names)-1] != "free" {
		t.Errorf("%d bytes, %v", len(a.body), names)
	}
	head := k.must(200, "HEAD", k.video("x sim:size=8GB"), "")
	if head.header.Get("Content-Length") != fmt.Sprint(8<<30) {
		t.Errorf("%v", head.header)
	}
	end := k.must(206, "GET", k.video("y sim:size=8GB"), "", "Range", "bytes=-1000000")
	if len(end.body) != 1_000_000 {
		t.Errorf("%d bytes", len(end.body))
	}
}

// boxes are the names of the boxes at the top level of an MP4, which must
// fill it exactly.
func boxes(t *testing.T, data []byte) []string {
	t.Helper()
	var out []string
	for len(data) > 0 {
		if len(data) < 16 {
			t.Fatalf("%d bytes left over after %v", len(data), out)
		}
		n := uint64(binary.BigEndian.Uint32(data))
		if n == 1 {
			n = binary.BigEndian.Uint64(data[8:])
		}
		out = append(out, string(data[4:8]))
		if n < 8 || n > uint64(len(data)) {
			t.Fatalf("box %s of %d bytes in %d", out[len(out)-1], n, len(data))
		}
		data = data[n:]
	}
	return out
}

func TestMediaFaults(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	link := k.video("x sim:truncate=media,times=1")
	a := k.must(200, "GET", link, "")
	if !errors.Is(a.err, io.ErrUnexpectedEOF) {
		t.Errorf("truncate: %v", a.err)
	}
	whole := k.must(200, "GET", link, "")
	if n := len(whole.body) / 2; whole.err != nil || len(a.body) != n || !bytes.Equal(a.body, whole.body[:n]) {
		t.Errorf("truncate: %d of %d bytes", len(a.body), len(whole.body))
	}
	a = k.must(200, "GET", k.video("x sim:html"), "")
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || !strings.HasPrefix(string(a.body), "<!DOCTYPE") {
		t.Errorf("html: %v", a.header)
	}
	a = k.must(200, "GET", k.video("x sim:notlength"), "", "Range", "bytes=5-")
	if a.header.Get("Content-Length") != "" || !bytes.Equal(a.body, whole.body) {
		t.Errorf("nolength: %v, %d bytes", a.header, len(a.body))
	}
	k.must(500, "GET", k.video("x sim:500,on=media"), "")
	if a = k.must(429, "GET", k.video("x sim:429=4,on=media"), ""); a.header.Get("Retry-After") != "4" {
		t.Errorf("429: %v", a.header)
	}
	if _, err := k.do(t.Context(), "GET", k.video("x sim:drop,on=media"), ""); !errors.Is(err, io.EOF) {
		t.Errorf("drop: %v", err)
	}
	if a = k.must(200, "GET", k.video("x sim:empty,on=media"), ""); len(a.body) != 0 {
		t.Errorf("empty: %d bytes", len(a.body))
	}
	link = k.video("x sim:redirect,on=media,times=1")
	k.must(200, "GET", k.must(307, "GET", link, "").header.Get("Location"), "")
}

func TestStall(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	link := k.video("x sim:stall,times=1")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	a, err := k.do(ctx, "GET", link, "")
	if err != nil || !errors.Is(a.err, context.DeadlineExceeded) {
		t.Fatalf("%v %v", err, a.err)
	}
	rest := k.must(206, "GET", link, "", "Range", fmt.Sprintf("bytes=%d-", len(a.body)))
	names := boxes(t, append(a.body, rest.body...))
	if len(a.body) == 0 || names[0] != "ftyp" {
		t.Errorf("%d bytes before the stall, %v", len(a.body), names)
	}
}
