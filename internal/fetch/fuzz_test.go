package fetch_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fetch"
)

// FuzzURL: without a name server nothing passes but a public address, written as
// one, over http or https.
func FuzzURL(f *testing.F) {
	for _, addr := range inside() {
		f.Add("http://" + addr + "/")
		f.Add("https://[" + addr + "]:8443/x?y#z")
	}
	for _, seed := range []string{"http://8.8.8.8/", "HTTP://8.8.8.8:80", "https://u@8.8.8.8", "//8.8.8.8", "http:8.8.8.8", "http://0x8080808/", "http://[::ffff:8.8.8.8%25x]/", "http://8.8.8.8:22/"} {
		f.Add(seed)
	}
	noName := errors.New("there are no names")
	c := fetch.New(fetch.Config{AllowHTTP: true, Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, noName }}})
	f.Cleanup(c.Close)
	f.Fuzz(func(t *testing.T, text string) {
		err := c.CheckHost(t.Context(), text)
		if err != nil {
			e, ok := errors.AsType[*fetch.Error](err)
			if !ok || !errors.Is(err, fetch.ErrForbidden) && !errors.Is(err, fetch.ErrUnreachable) || e.Message() == "" {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		u, parseErr := url.Parse(text)
		if parseErr != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
			t.Fatalf("%q passes", text)
		}
		addr, err := netip.ParseAddr(u.Hostname())
		if err != nil {
			if strings.EqualFold(strings.TrimSuffix(u.Hostname(), "."), "localhost") {
				t.Errorf("%q passes", text)
			}
			return // the system's own list of hosts
		}
		if addr = addr.Unmap(); !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() {
			t.Errorf("%q passes", text)
		}
	})
}

// FuzzAnswerHead: what a server says of ranges and pauses is sensible or not
// believed.
func FuzzAnswerHead(f *testing.F) {
	for _, seed := range [][2]string{{"bytes 0-1/2", "7"}, {"bytes 5-9/*", "Fri, 31 Dec 1999 23:59:59 GMT"}, {"bytes -/", "-1"}, {"bytes 9223372036854775807-/9223372036854775807", "99999999999999999999"}} {
		f.Add(seed[0], seed[1])
	}
	now := time.Unix(1_800_000_000, 0)
	f.Fuzz(func(t *testing.T, span, pause string) {
		if first, total, ok := fetch.ContentRange(span); ok && (first < 0 || total != -1 && total <= first) {
			t.Errorf("%q: %d of %d", span, first, total)
		}
		if d := fetch.RetryAfter(pause, now); d < 0 || d > 24*time.Hour {
			t.Errorf("%q: %s", pause, d)
		}
	})
}
