package e2e_test

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// clocked is a body that was read as it came.
type clocked struct {
	head   time.Duration // when the head was there
	spaces []time.Duration
	rest   []byte // what came behind the spaces
	end    time.Duration
}

// watch makes a call and notes when each space of its answer comes.
func (c *cluster) watch(r request) (*http.Response, clocked) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.ctx(), callWithin)
	defer cancel()
	began := time.Now()
	resp, err := c.open(ctx, r)
	if err != nil {
		c.Fatal(err)
	}
	defer resp.Body.Close()
	got := clocked{head: time.Since(began)}
	buf := make([]byte, 64<<10)
	for {
		n, err := resp.Body.Read(buf)
		for _, b := range buf[:n] {
			if b == ' ' && len(got.rest) == 0 {
				got.spaces = append(got.spaces, time.Since(began))
			} else {
				got.rest = append(got.rest, b)
			}
		}
		if err != nil {
			got.end = time.Since(began)
			return resp, got
		}
	}
}

// near tells whether a moment is not before another, and at most as much after it as
// a test may be kept from running: hundreds of callers of others share its process, and
// it was six seconds once. internal/server holds the times narrowly.
func near(got, want time.Duration) bool {
	return got >= want-20*time.Millisecond && got <= want+12*time.Second
}

// TestKeepalive holds a blocking call of some seconds against B2: silence, then
// 200 and a space now and then, then the answer.
func TestKeepalive(t *testing.T) {
	t.Parallel()
	c := start(t, "TINTYPE_WAIT_SILENCE=4s", "TINTYPE_WAIT_INTERVAL=1s")
	t.Run("success", func(t *testing.T) {
		t.Parallel()
		c := c.in(t)
		resp, got := c.watch(request{url: c.apis[0].base() + videoPath, key: pooled, body: encode(fields{"prompt": c.prompt("waves sim:ready=7s")})})
		checkPulse(t, resp, got)
		a := answer{status: 200, header: resp.Header, body: got.rest}
		_, video := linksOf(got.rest)
		for _, f := range checkWhole(a, videoAnswer(a.jobID(), "doubao-video", video)) {
			t.Error(f)
		}
	})
	t.Run("failure", func(t *testing.T) {
		t.Parallel()
		c := c.in(t)
		resp, got := c.watch(request{url: c.apis[1].base() + videoPath, key: pooled, body: encode(fields{"prompt": c.prompt("waves sim:ready=6s sim:fail")})})
		checkPulse(t, resp, got)
		o, err := answer{body: got.rest}.object()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range like("body", o, errorBody("content_policy_violation", anything)) {
			t.Error(f)
		}
		if !bytes.HasPrefix(got.rest, []byte(`{"error":`)) {
			t.Errorf("%s", got.rest)
		}
	})
	t.Run("failure before the first space", func(t *testing.T) {
		t.Parallel()
		c := c.in(t)
		a := c.call(request{url: c.apis[0].base() + imagePath, key: pooled, body: encode(fields{"prompt": c.prompt("a cat sim:reject")})})
		code := struct{ Error struct{ Code string } }{}
		c.into(a, &code)
		if a.status != 400 || code.Error.Code != "content_policy_violation" || a.header.Get("X-Should-Retry") != "false" {
			t.Errorf("%d %v %s", a.status, a.header, a.body)
		}
	})
	t.Run("a key that holds", func(t *testing.T) {
		t.Parallel()
		c := c.in(t)
		resp, got := c.watch(request{url: c.apis[0].base() + videoPath, key: holdKey, body: encode(fields{"prompt": c.prompt("waves sim:ready=3s sim:fail")})})
		if resp.StatusCode != 400 || len(got.spaces) != 0 || got.head < 3*time.Second {
			t.Errorf("%s after %s, spaces %v", resp.Status, got.head, got.spaces)
		}
	})
	t.Run("a key that comes back", func(t *testing.T) {
		t.Parallel()
		c := c.in(t)
		resp, got := c.watch(request{url: c.apis[1].base() + videoPath, key: windowKey, body: encode(fields{"prompt": c.prompt("waves sim:ready=8s")})})
		if resp.StatusCode != 409 || resp.Header.Get("Retry-After-Ms") != "100" || resp.Header.Get("X-Job-Id") == "" || !near(got.head, time.Second) {
			t.Errorf("%s after %s: %v", resp.Status, got.head, resp.Header)
		}
		c.succeeded(c.apis[0], windowKey, resp.Header.Get("X-Job-Id"))
	})
}

// checkPulse: the head after the silence, then a space each second.
func checkPulse(t *testing.T, resp *http.Response, got clocked) {
	t.Helper()
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Content-Length": "", "Content-Encoding": "",
		"X-Accel-Buffering": "no", "Cache-Control": "no-cache, no-transform",
	} {
		if v := resp.Header.Get(name); v != want {
			t.Errorf("%s is %q, not %q", name, v, want)
		}
	}
	if resp.StatusCode != 200 || resp.Header.Get("X-Job-Id") == "" || resp.Header.Get("X-Request-Id") == "" {
		t.Errorf("%s %v", resp.Status, resp.Header)
	}
	if !near(got.head, 4*time.Second) || len(got.spaces) < 2 {
		t.Errorf("the head came after %s, spaces after %v", got.head, got.spaces)
	}
	for i, at := range got.spaces {
		if want := 4*time.Second + time.Duration(i)*time.Second; !near(at, want) {
			t.Errorf("space %d came after %s, not %s", i+1, at, want)
		}
	}
}

// TestPrefer holds the Prefer header against B2.
func TestPrefer(t *testing.T) {
	t.Parallel()
	c := start(t)
	post := func(t *testing.T, path, prompt, prefer string) answer {
		t.Helper()
		return c.in(t).call(request{
			url: c.apis[0].base() + path, key: gatewayKey, body: encode(fields{"prompt": c.prompt(prompt)}), headers: []string{"Prefer", prefer},
		})
	}
	handle := func(t *testing.T, a answer, applied string) {
		t.Helper()
		o, err := a.object()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range like("body", o, liveJob(a.jobID(), "video", "doubao-video")) {
			t.Error(f)
		}
		if a.status != 202 || a.header.Get("Location") != "/v1/jobs/"+a.jobID() || a.header.Get("Retry-After") == "" || a.header.Get("Preference-Applied") != applied {
			t.Errorf("%d %v", a.status, a.header)
		}
	}
	t.Run("respond-async", func(t *testing.T) {
		a := post(t, videoPath, "waves sim:ready=5s", "respond-async")
		handle(t, a, "respond-async")
		c.in(t).succeeded(c.apis[1], gatewayKey, a.jobID())
	})
	t.Run("wait too short", func(t *testing.T) {
		a := post(t, videoPath, "waves sim:ready=8s", "wait=1")
		handle(t, a, "wait=1")
		if !near(a.took, time.Second) {
			t.Errorf("after %s", a.took)
		}
	})
	t.Run("wait long enough", func(t *testing.T) {
		a := post(t, imagePath, "a cat", "wait=60")
		link, _ := linksOf(a.body)
		for _, f := range checkWhole(a, imageAnswer(a.jobID(), "Seedream 4.0", link)) {
			t.Error(f)
		}
		if a.header.Get("Preference-Applied") != "wait=60" {
			t.Errorf("%v", a.header)
		}
	})
	t.Run("long poll", func(t *testing.T) {
		c := c.in(t)
		id := c.post(c.apis[0], videoPath, gatewayKey, c.prompt("waves sim:ready=2s"))
		for seq := 1; ; seq++ {
			a := c.call(request{url: c.apis[1].base() + "/v1/jobs/" + id + "?wait=20&after=" + strconv.Itoa(seq), key: gatewayKey})
			var j jobView
			c.into(a, &j)
			if len(j.Timeline) <= seq && !j.final() {
				t.Fatalf("after event %d the answer has %d: %s", seq, len(j.Timeline), a.body)
			}
			if j.final() {
				break
			}
			seq = len(j.Timeline) - 1
		}
	})
}

// TestCallerGoesAway: a caller that disconnects stops nothing, however it was
// waiting.
func TestCallerGoesAway(t *testing.T) {
	t.Parallel()
	c := start(t, "TINTYPE_WAIT_SILENCE=300ms", "TINTYPE_IMAGE_SUBMIT_TIMEOUT=40s", "TINTYPE_WORKER_SHUTDOWN_GRACE=40s")
	for name, body := range map[string]fields{
		"blocking": {"prompt": c.prompt("waves sim:ready=2s")},
		"stream":   {"prompt": c.prompt("waves sim:ready=2s"), "stream": true},
	} {
		t.Run(name, func(t *testing.T) {
			c := c.in(t)
			ctx, leave := context.WithCancel(t.Context())
			resp, err := c.open(ctx, request{url: c.apis[0].base() + videoPath, key: ownKey, body: encode(body)})
			if err != nil {
				t.Fatal(err)
			}
			leave()
			_ = resp.Body.Close()
			c.succeeded(c.apis[1], ownKey, resp.Header.Get("X-Job-Id"))
		})
	}
	t.Run("before the head", func(t *testing.T) {
		c := c.in(t)
		prompt := c.prompt("a cat sim:ready=15s")
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error)
		go func() {
			_, err := c.open(ctx, request{url: c.apis[0].base() + imagePath, key: holdKey, body: encode(fields{"prompt": prompt})})
			left <- err
		}()
		c.awaitSubmission(prompt)
		leave()
		if err := <-left; err == nil {
			t.Fatal("it was answered before it left")
		}
		jobs, err := c.records(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range jobs {
			if strings.Contains(j.spec.Prompt, prompt) {
				c.succeeded(c.apis[1], holdKey, j.id)
				return
			}
		}
		t.Error("its job is gone")
	})
}
