package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// errNotYet means that something is still waited for.
var errNotYet = errors.New("it has not happened yet")

// readAll reads to the end and gives what came, also when it broke off.
func readAll(r io.Reader) ([]byte, error) {
	var b bytes.Buffer
	_, err := b.ReadFrom(r)
	return b.Bytes(), err
}

// follow reads a stream until enough of it has come, or to its end. What comes
// with an error is the part before it.
func (c *cluster) follow(ctx context.Context, r request, enough func([]frame) bool) (*http.Response, []byte, error) {
	resp, err := c.open(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	var all []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := resp.Body.Read(buf)
		all = append(all, buf[:n]...)
		if err != nil || enough(framesOf(all)) {
			return resp, all, err
		}
	}
}

// seqs are the numbers of a stream's events, in the order in which they came.
func seqs(frames []frame) (out []int64) {
	for _, f := range frames {
		if n := f.seq(); n > 0 {
			out = append(out, n)
		}
	}
	return out
}

// generating tells whether a stream has come to the upstream's work.
func generating(frames []frame) bool {
	return slices.ContainsFunc(frames, func(f frame) bool { return strings.Contains(f.field("data"), `"phase":"generating"`) })
}

// TestAPIKilledUnderAStream: a stream that broke off with its API goes on at
// the other one from the last event that came: nothing lost, nothing twice. In
// both dialects, and whether the stream was the answer to the create call or
// was opened later.
func TestAPIKilledUnderAStream(t *testing.T) {
	t.Parallel()
	c := start(t)
	dead, alive := c.apis[0], c.apis[1]
	ctx, cancel := context.WithTimeout(t.Context(), callWithin)
	defer cancel()
	type broken struct {
		name, id string
		resume   string // path
		got      []byte
		resp     *http.Response
	}
	var streams []*broken

	resp, got, err := c.follow(ctx, request{
		url: dead.base() + videoPath, key: gatewayKey,
		body: encode(fields{"prompt": c.prompt("waves sim:ready=4s"), "stream": true}),
	}, generating)
	if err != nil {
		t.Fatal(err)
	}
	id := resp.Header.Get("X-Job-Id")
	streams = append(streams, &broken{"create call", id, videoPath + "/" + id + "/events", got, resp})
	id = c.post(dead, videoPath, gatewayKey, c.prompt("waves sim:ready=4s"))
	for name, path := range map[string]string{"events": "/v1/jobs/" + id + "/events", "chunks": videoPath + "/" + id + "/events"} {
		resp, got, err := c.follow(ctx, request{url: dead.base() + path, key: gatewayKey}, generating)
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, &broken{name, id, path, got, resp})
	}

	dead.kill9(t)
	for _, s := range streams {
		rest, err := readAll(s.resp.Body)
		_ = s.resp.Body.Close()
		if err == nil {
			t.Errorf("%s: the stream ended as if it were whole", s.name)
		}
		first := framesOf(append(s.got, rest...))
		told := seqs(first)
		if len(told) == 0 {
			t.Fatalf("%s: no event before the end: %q", s.name, s.got)
		}
		again := c.call(request{url: alive.base() + s.resume, key: gatewayKey, headers: []string{
			"Last-Event-ID", strconv.FormatInt(told[len(told)-1], 10),
		}})
		all := append(told, seqs(framesOf(again.body))...)
		whole := c.call(request{url: alive.base() + s.resume, key: gatewayKey})
		if want := seqs(framesOf(whole.body)); !slices.Equal(all, want) || want[0] != 1 {
			t.Errorf("%s: before and after the crash came %v, the log has %v", s.name, all, want)
		}
		for i, n := range all {
			if n != int64(i+1) {
				t.Errorf("%s: event %d has the number %d", s.name, i+1, n)
			}
		}
		if problem := ended(s.name, again, whole, first); problem != "" {
			t.Error(problem)
		}
		after := c.call(request{url: alive.base() + s.resume + fmt.Sprintf("?after=%d", all[len(all)-1]), key: gatewayKey})
		if after.status != http.StatusNoContent {
			t.Errorf("%s: after the last event there is %d %q, not 204", s.name, after.status, after.body)
		}
	}
}

// ended: the second part ends as the whole does, and its events are those of
// the whole.
func ended(name string, again, whole answer, first []frame) string {
	entire, before := durable(framesOf(whole.body)), len(durable(first))
	for i, f := range durable(framesOf(again.body)) {
		if before+i >= len(entire) || !sameEvent(f, entire[before+i]) {
			return fmt.Sprintf("%s: event %d is %q, in the whole log %q", name, before+i+1, f.lines, entire[min(before+i, len(entire)-1)].lines)
		}
	}
	last := func(a answer) string { f := framesOf(a.body); return f[len(f)-1].field("data") }
	if last(again) != last(whole) || !strings.Contains(string(again.body), "succeeded") && last(again) != "[DONE]" {
		return fmt.Sprintf("%s ends with %.300s", name, last(again))
	}
	return ""
}

// sameEvent compares events that were told at different times: what the record
// holds beside its log is told as it is by then.
func sameEvent(a, b frame) bool {
	plain := func(f frame) string {
		o, err := f.object()
		if err != nil {
			return f.field("data") // [DONE]
		}
		if j, ok := o["job"].(fields); ok {
			delete(j, "expires_at") // retention begins with the end
			delete(j, "usage")
			delete(j, "eta") // from twenty measured jobs on, and none of a final one
		}
		return f.field("id") + f.field("event") + encode(o)
	}
	return plain(a) == plain(b)
}

// durable are the events with a number.
func durable(frames []frame) []frame {
	return slices.DeleteFunc(slices.Clone(frames), func(f frame) bool { return f.seq() == 0 })
}
