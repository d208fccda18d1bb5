package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/tintypehq/tintype/pkg/tintype"
)

// receiver is told of events, and does not answer as long as it is deaf.
type receiver struct {
	*httptest.Server

	secret string

	mu     sync.Mutex
	deaf   bool
	wait   chan struct{}       // closed when it is no longer deaf
	tries  map[string]int      // by webhook-id
	events map[string][]string // taken, by webhook-id: their type and job
	wrong  []error
}

func openReceiver(t *testing.T, secret string) *receiver {
	t.Helper()
	r := &receiver{secret: secret, wait: make(chan struct{}), tries: map[string]int{}, events: map[string][]string{}, deaf: true}
	r.Server = httptest.NewServer(r)
	t.Cleanup(func() {
		r.hear()
		r.CloseClientConnections()
		r.Close()
	})
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	e, err := tintype.VerifyWebhook(r.secret, req.Header, body)
	r.mu.Lock()
	if err != nil {
		r.wrong = append(r.wrong, err)
		r.mu.Unlock()
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.tries[e.ID]++
	deaf, wait := r.deaf, r.wait
	r.mu.Unlock()
	if deaf {
		select {
		case <-wait:
		case <-req.Context().Done():
			return
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events[e.ID] = append(r.events[e.ID], fmt.Sprintf("%s %s %s", e.Type, e.Data.ID, e.Data.Status))
}

// hear ends the deafness; whoever waits is answered.
func (r *receiver) hear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.deaf {
		r.deaf = false
		close(r.wait)
	}
}

// hookSecret holds the canary, as every secret of a cluster.
func hookSecret() string { return "whsec_" + sealKey("")[1:] }

// TestWorkersKilledInMidDelivery: whatever a worker is just telling when it is
// killed is told again by another one, under the same id.
func TestWorkersKilledInMidDelivery(t *testing.T) {
	t.Parallel()
	secret := hookSecret()
	r := openReceiver(t, secret)
	c := start(t, "TINTYPE_WEBHOOKS_SECRET="+secret, "TINTYPE_WEBHOOKS_ALLOW_PRIVATE=127.0.0.0/8", "TINTYPE_WEBHOOKS_TIMEOUT=3s", "TINTYPE_WEBHOOKS_SCHEDULE=1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s")
	want := map[string]string{}
	var ids []string
	for i := range 6 {
		path, prompt, end := imagePath, "a cat", "succeeded"
		switch i % 3 {
		case 1:
			path = videoPath
		case 2:
			prompt, end = "a cat sim:sensitive", "failed"
		}
		a := c.call(request{
			url: c.apis[i%2].base() + path, key: gatewayKey, headers: []string{"Prefer", "respond-async"},
			body: encode(fields{"prompt": c.prompt(prompt), "webhook_url": r.URL}),
		})
		if a.status != http.StatusAccepted {
			t.Fatalf("%d %s", a.status, a.body)
		}
		ids = append(ids, a.jobID())
		want[a.jobID()] = end
	}
	for _, id := range ids {
		c.awaitJob(c.apis[0], gatewayKey, id, jobView.final)
	}
	for _, w := range c.workers { // each dies while it tells
		c.awaitGauge(w, "webhooks_undelivered", func(v float64) bool { return v > 0 })
		r.awaitTry(t)
		w.kill9(t)
	}
	c.run(c.workers...)
	r.hear()
	ctx, cancel := context.WithTimeout(c.ctx(), callWithin)
	defer cancel()
	err := until(ctx, func() error {
		n, err := c.rdb.ZCard(ctx, key("undelivered")).Result()
		if err == nil && n > 0 {
			err = fmt.Errorf("%d deliveries are not made", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	told := map[string]bool{}
	for id, events := range r.events {
		for _, e := range events {
			if e != events[0] {
				t.Errorf("%s is %q and %q", id, events[0], e)
			}
		}
		told[events[0]] = true
	}
	for id, end := range want {
		if !told["job."+end+" "+id+" "+end] {
			t.Errorf("the end of job %s, %s, was not told: %v", id, end, told)
		}
	}
	if len(r.events) != len(want) || len(r.wrong) > 0 {
		t.Errorf("%d ids for %d ends; refused: %v", len(r.events), len(want), r.wrong)
	}
	again := 0
	for _, n := range r.tries {
		again += n - 1
	}
	t.Logf("%d events took %d tries", len(r.events), len(r.events)+again)
	if again == 0 {
		t.Error("no worker died in mid delivery")
	}
}

// awaitTry waits until a new try is under way.
func (r *receiver) awaitTry(t *testing.T) {
	t.Helper()
	count := func() (n int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, tries := range r.tries {
			n += tries
		}
		return n
	}
	before := count()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := until(ctx, func() error {
		if count() == before {
			return errNotYet
		}
		return nil
	})
	if err != nil {
		t.Fatal("nothing is being told: ", err)
	}
}
