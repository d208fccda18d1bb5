package e2e_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// The headers of B5.
const (
	idemKey    = "Idempotency-Key"
	replayed   = "Idempotency-Replayed"
	retryCount = "X-Stainless-Retry-Count"
)

// spoken is how a call wants its answer.
type spoken string

const (
	blocking spoken = "blocking"
	streamed spoken = "stream"
	waited   spoken = "wait"
	async    spoken = "async"
)

// repeatCase is a call, and a second one that may be the same to the service.
type repeatCase struct {
	name   string
	first  []string // its headers; it goes to the first API, and waits for nothing
	done   bool     // the first job is final when the second call comes
	second []string
	how    spoken
	path   string // of the second call; empty: that of the first
	key    string // the second call's credential; empty: that of the first
	other  bool   // the second call has another prompt
	own    bool   // the second call makes a job of its own
	status int    // zero: as how it was asked
}

// The second call goes to the second API, always.
func repeatCases() []repeatCase {
	key, retry, first := []string{idemKey, "order-1"}, []string{retryCount, "1"}, []string{retryCount, "0"}
	return []repeatCase{
		{name: "key, running, blocking", first: key, second: key, how: blocking},
		{name: "key, running, stream", first: key, second: key, how: streamed},
		{name: "key, running, wait", first: key, second: key, how: waited},
		{name: "key, running, async", first: key, second: key, how: async},
		{name: "key, quoted", first: key, second: []string{idemKey, `"order-1"`}, how: blocking},
		{name: "key, final, blocking", first: key, done: true, second: key, how: blocking},
		{name: "key, final, stream", first: key, done: true, second: key, how: streamed},
		{name: "key, final, wait", first: key, done: true, second: key, how: waited},
		{name: "key, final, async", first: key, done: true, second: key, how: async},
		{name: "key, another body", first: key, second: key, how: async, other: true, status: http.StatusUnprocessableEntity},
		{name: "key, another path", first: key, second: key, how: blocking, path: imagePath, own: true},
		{name: "key, another tenant", first: key, second: key, how: blocking, key: holdKey, own: true},
		{name: "key, another's credential", first: key, second: key, how: blocking, key: ownKey, own: true},
		{name: "another key", first: key, second: []string{idemKey, "order-2"}, how: blocking, own: true},
		{name: "retry, running, blocking", first: first, second: retry, how: blocking},
		{name: "retry, running, stream", first: first, second: retry, how: streamed},
		{name: "retry, final", first: first, done: true, second: []string{retryCount, "2"}, how: blocking},
		{name: "retry of a call without a count", second: retry, how: blocking},
		{name: "retry of another body", first: first, second: retry, how: blocking, other: true, own: true},
		{name: "retry of another tenant", first: first, second: retry, how: blocking, key: holdKey, own: true},
		{name: "a second call on purpose", first: first, second: first, how: blocking, own: true},
		{name: "a second call without a count", how: blocking, own: true},
	}
}

// TestOneRequestOneGeneration: contract B5 over two API processes.
func TestOneRequestOneGeneration(t *testing.T) {
	t.Parallel()
	c := start(t)
	for i, tt := range repeatCases() {
		tt.first, tt.second = ownKeys(i, tt.first), ownKeys(i, tt.second)
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := c.in(t)
			prompt := c.prompt("waves sim:ready=1500ms")
			first := c.call(request{url: c.apis[0].base() + videoPath, key: gatewayKey, body: encode(fields{"prompt": prompt}), headers: append([]string{"Prefer", "respond-async"}, tt.first...)})
			id := first.jobID()
			if first.status != http.StatusAccepted || first.header.Get(replayed) != "" {
				t.Fatalf("%d %v", first.status, first.header)
			}
			if tt.done {
				c.succeeded(c.apis[0], gatewayKey, id)
			}
			second := c.call(tt.again(c, prompt))
			c.checkSecond(tt, id, second)
			c.succeeded(c.apis[1], gatewayKey, id)
			want := 1
			if tt.own && !tt.other {
				want = 2
			}
			if n := c.charges(prompt); n != want {
				t.Errorf("charged %d times, not %d", n, want)
			}
		})
	}
}

// ownKeys gives each case idempotency keys of its own.
func ownKeys(i int, headers []string) []string {
	out := slices.Clone(headers)
	for k := range out {
		out[k] = strings.Replace(out[k], "order", fmt.Sprintf("case-%d", i), 1)
	}
	return out
}

// again is the second call.
func (tt repeatCase) again(c *cluster, prompt string) request {
	if tt.other {
		prompt = c.prompt("clouds")
	}
	body := fields{"prompt": prompt}
	headers := slices.Clone(tt.second)
	switch tt.how {
	case blocking:
	case streamed:
		body["stream"] = true
	case waited:
		headers = append(headers, "Prefer", "wait=60")
	case async:
		headers = append(headers, "Prefer", "respond-async")
	}
	path, key := videoPath, gatewayKey
	if tt.path != "" {
		path = tt.path
	}
	if tt.key != "" {
		key = tt.key
	}
	return request{url: c.apis[1].base() + path, key: key, body: encode(body), headers: headers}
}

// checkSecond holds the second answer against what the case wants.
func (c *cluster) checkSecond(tt repeatCase, first string, a answer) {
	c.Helper()
	status := http.StatusOK
	if tt.how == async {
		status = http.StatusAccepted
	}
	if tt.status != 0 {
		status = tt.status
	}
	if a.status != status {
		c.Errorf("the second call: %d %s", a.status, a.body)
	}
	if tt.status != 0 {
		return
	}
	if same := a.jobID() == first; same == tt.own || (a.header.Get(replayed) == "true") != same {
		c.Errorf("the second call has job %s, the first %s; %v", a.jobID(), first, a.header)
	}
	switch tt.how {
	case async:
	case streamed:
		if got := seqs(framesOf(a.body)); len(got) == 0 || got[0] != 1 || !strings.HasSuffix(string(a.body), "[DONE]\n\n") {
			c.Errorf("not the whole log: %v %s", got, a.body)
		}
	case blocking, waited:
		if !strings.Contains(string(a.body), `"choices"`) || !strings.Contains(string(a.body), "/v1/media/") {
			c.Errorf("no media: %s", a.body)
		}
	}
}

// TestManyCallsOneKey: twenty calls with one key at once, at two APIs, each with
// its own copy of an input image: one job, one charge, one stored copy.
func TestManyCallsOneKey(t *testing.T) {
	t.Parallel()
	c := start(t)
	prompt := c.prompt("a cat")
	var requests []request
	for i := range 20 {
		requests = append(requests, request{
			url: c.apis[i%2].base() + imagePath, key: ownKey, headers: []string{idemKey, "k"},
			body: encode(fields{"prompt": prompt, "image": base64.StdEncoding.EncodeToString(photograph()), "stream": i%5 == 4}),
		})
	}
	ids := map[string]int{}
	for _, call := range c.together(requests) {
		if call.err != nil || call.answer.status != http.StatusOK || !strings.Contains(string(call.answer.body), "/v1/media/") {
			t.Errorf("%v %d %s", call.err, call.answer.status, call.answer.body)
		}
		ids[call.answer.jobID()]++
	}
	if len(ids) != 1 || c.charges(prompt) != 1 {
		t.Errorf("jobs %v, %d charges", ids, c.charges(prompt))
	}
	objects, _, err := c.bucket(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	inputs := 0
	for name := range objects {
		if strings.Contains(name, "/input-") {
			inputs++
		}
	}
	if inputs != 1 {
		t.Errorf("%d input images are kept", inputs)
	}
}

// TestRepeatsOverARestartOfRedis: what tells a repeat is as durable as the job.
func TestRepeatsOverARestartOfRedis(t *testing.T) {
	t.Parallel()
	c := start(t)
	type posted struct {
		prompt, id string
		headers    []string
	}
	var all []posted
	for i, headers := range [][]string{{idemKey, "running"}, {idemKey, "final"}, {retryCount, "0"}} {
		p := posted{prompt: c.prompt("waves sim:ready=4s"), headers: headers}
		if i == 1 {
			p.prompt = c.prompt("waves")
		}
		a := c.call(request{url: c.apis[0].base() + videoPath, key: gatewayKey, body: encode(fields{"prompt": p.prompt}), headers: append([]string{"Prefer", "respond-async"}, headers...)})
		p.id = a.jobID()
		all = append(all, p)
	}
	c.succeeded(c.apis[0], gatewayKey, all[1].id)
	all[2].headers = []string{retryCount, "1"}
	if err := c.redis.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		a := c.call(request{url: c.apis[1].base() + videoPath, key: gatewayKey, body: encode(fields{"prompt": p.prompt}), headers: p.headers})
		if a.status != http.StatusOK || a.jobID() != p.id || a.header.Get(replayed) != "true" {
			t.Errorf("%v: %d %v %s", p.headers, a.status, a.header, a.body)
		}
		if n := c.charges(p.prompt); n != 1 {
			t.Errorf("%v: charged %d times", p.headers, n)
		}
	}
}

// TestCutCallsComeBack: calls that were cut before they had an answer find their
// jobs: two equal ones a job each.
func TestCutCallsComeBack(t *testing.T) {
	t.Parallel()
	c := start(t)
	prompt := c.prompt("waves sim:ready=15s")
	body := encode(fields{"prompt": prompt})
	ctx, cut := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for i := range cap(ended) {
		go func() {
			resp, err := c.open(ctx, request{url: c.apis[i].base() + videoPath, key: holdKey, body: body, headers: []string{retryCount, "0"}})
			if err == nil {
				_ = resp.Body.Close()
			}
			ended <- err
		}()
	}
	c.awaitJobs(2)
	cut()
	for range cap(ended) {
		if err := <-ended; err == nil {
			t.Error("a call was answered before it was cut")
		}
	}
	ids := map[string]bool{}
	for i, call := range c.together([]request{
		{url: c.apis[1].base() + videoPath, key: holdKey, body: body, headers: []string{retryCount, "1"}},
		{url: c.apis[0].base() + videoPath, key: holdKey, body: body, headers: []string{retryCount, "1"}},
	}) {
		a := call.answer
		if call.err != nil || a.status != http.StatusOK || a.header.Get(replayed) != "true" {
			t.Errorf("retry %d: %v %d %s", i+1, call.err, a.status, a.body)
		}
		ids[a.jobID()] = true
	}
	if len(ids) != 2 || c.charges(prompt) != 2 {
		t.Errorf("jobs %v, %d charges", ids, c.charges(prompt))
	}
}

// TestWindowsLeadToOneJob: an SDK that is sent away by 409 again and again ends
// with its own job's answer.
func TestWindowsLeadToOneJob(t *testing.T) {
	t.Parallel()
	c := start(t)
	prompt := c.prompt("waves sim:ready=6s")
	id, sentAway := "", 0
	for try := 0; ; try++ {
		a := c.call(request{
			url: c.apis[try%2].base() + videoPath, key: windowKey, body: encode(fields{"prompt": prompt}), headers: []string{retryCount, fmt.Sprint(try)},
		})
		if try == 0 {
			id = a.jobID()
		}
		if a.jobID() != id || a.status != http.StatusConflict && a.status != http.StatusOK || try > 20 {
			t.Fatalf("try %d: %d job %s, not %s: %s", try+1, a.status, a.jobID(), id, a.body)
		}
		if a.status == http.StatusOK {
			break
		}
		sentAway++
	}
	if sentAway < 2 || c.charges(prompt) != 1 {
		t.Errorf("sent away %d times, charged %d times", sentAway, c.charges(prompt))
	}
}

// TestAbsorbingIsOff: with retention.absorb 0s only a key tells a repeat.
func TestAbsorbingIsOff(t *testing.T) {
	t.Parallel()
	c := start(t, "TINTYPE_RETENTION_ABSORB=0s", "TINTYPE_AUTH_KEYS_2_WAIT_MODE=hold")
	prompt := c.prompt("waves")
	for _, tt := range []struct {
		headers []string
		jobs    int // so far
	}{
		{[]string{retryCount, "0"}, 1},
		{[]string{retryCount, "1"}, 2},
		{[]string{idemKey, "k"}, 3},
		{[]string{idemKey, "k", retryCount, "1"}, 3},
	} {
		a := c.call(request{url: c.apis[tt.jobs%2].base() + videoPath, key: gatewayKey, body: encode(fields{"prompt": prompt}), headers: tt.headers})
		if a.status != http.StatusOK || c.charges(prompt) != tt.jobs {
			t.Errorf("%v: %d, %d charges, not %d", tt.headers, a.status, c.charges(prompt), tt.jobs)
		}
	}
}

// cutShort makes a call whose connection breaks while it waits for its job.
func (c *cluster) cutShort(r request, prompt string) {
	c.Helper()
	ctx, cut := context.WithCancel(c.ctx())
	left := make(chan struct{})
	go func() {
		defer close(left)
		if resp, err := c.open(ctx, r); err == nil {
			resp.Body.Close()
		}
	}()
	c.awaitSubmission(prompt)
	<-time.After(200 * time.Millisecond) // a repeated call arrives, too
	cut()
	<-left
}

// TestCutCallsAreRetried: the connection breaks while the caller waits, as often
// as it likes; who comes back, with its key or saying that it retries, gets what
// the first call has made.
func TestCutCallsAreRetried(t *testing.T) {
	t.Parallel()
	c := start(t)
	for name, headers := range map[string][]string{
		"by key":   {"Idempotency-Key", "another-key"},
		"by count": {"X-Stainless-Retry-Count", "1"},
	} {
		prompt := c.prompt("waves sim:ready=5s")
		r := request{url: c.apis[0].base() + videoPath, key: ownKey, body: encode(fields{"prompt": prompt})}
		if name == "by key" {
			r.headers = headers
		}
		for i := range 3 {
			c.cutShort(r, prompt)
			r.url, r.headers = c.apis[(i+1)%2].base()+videoPath, headers
		}
		a := c.call(r)
		if a.status != http.StatusOK || a.header.Get("Idempotency-Replayed") != "true" || !strings.Contains(string(a.body), ".mp4") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if n := c.charges(prompt); n != 1 {
			t.Errorf("%s: charged %d times", name, n)
		}
	}
}
