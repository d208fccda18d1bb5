package worker_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/webhook"
	"github.com/tintypehq/tintype/internal/worker"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// inbox is a receiver on this machine that keeps what it was sent.
type inbox struct {
	testing.TB
	url    string
	answer func(n int, w http.ResponseWriter, r *http.Request) // n counts requests from 1
	news   chan struct{}

	mu     sync.Mutex
	secret account.Secret // as the receiver knows it
	got    []letter
}

// letter is one request that a receiver had.
type letter struct {
	id, kind string
	status   string // of the job, as told
	at       time.Time
	err      error // of verifying it
}

// openInbox opens a receiver. A nil answer is 200.
func openInbox(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *inbox {
	t.Helper()
	b := &inbox{TB: t, secret: webhook.NewSecret(), answer: answer, news: make(chan struct{}, 1000)}
	srv := httptest.NewServer(b)
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	b.url = srv.URL + "/hook"
	return b
}

func (b *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	l := letter{id: r.Header.Get("Webhook-Id"), at: time.Now()}
	b.mu.Lock()
	var e *tintype.WebhookEvent
	if e, l.err = tintype.VerifyWebhook(b.secret.Reveal(), r.Header, body); l.err == nil {
		l.kind, l.status = string(e.Type), string(e.Data.Status)
	}
	b.got = append(b.got, l)
	n := len(b.got)
	b.mu.Unlock()
	b.news <- struct{}{}
	if b.answer != nil {
		b.answer(n, w, r)
	}
}

// learn gives the receiver another secret, which holds for what comes from then on.
func (b *inbox) learn(secret account.Secret) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.secret = secret
}

func (b *inbox) letters() []letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.got)
}

// await waits until there are so many letters.
func (b *inbox) await(n int) []letter {
	b.Helper()
	late := time.NewTimer(30 * time.Second)
	defer late.Stop()
	for {
		if got := b.letters(); len(got) >= n {
			return got
		}
		select {
		case <-b.news:
		case <-late.C:
			b.Fatalf("%d letters came, want %d: %+v", len(b.letters()), n, b.letters())
		}
	}
}

// tells has a job's own address told of events.
func (b *inbox) tells(events ...job.EventType) func(*redisstore.NewJob) {
	if events == nil {
		events = job.FinalEventTypes()
	}
	return func(n *redisstore.NewJob) {
		n.Spec.Webhook = &job.Webhook{URL: b.url, Events: events, Origin: "https://api.example"}
	}
}

// plainBody stands in for the API's way to write an event down.
func plainBody(_ string, d *redisstore.Delivery, j *job.Job, _ []job.Event) ([]byte, error) {
	data := map[string]any{"id": d.Job, "object": "job", "status": d.State}
	if j != nil {
		data["status"], data["model"] = j.State, j.Spec.Model
	}
	return json.Marshal(map[string]any{"type": d.Type, "timestamp": d.At, "data": data})
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// telling is a worker that delivers, in a hurry, signed with some secrets.
func telling(t *testing.T, secrets ...account.Secret) func(*worker.Config) {
	t.Helper()
	const timeout = 3 * time.Second
	sender := webhook.New(webhook.Config{AllowPrivate: loopback, Timeout: timeout})
	t.Cleanup(sender.Close)
	return func(c *worker.Config) {
		c.Roles = append(c.Roles, worker.RoleWebhook)
		c.Webhooks = worker.Webhooks{
			Send: sender.Send, Body: plainBody, Secrets: secrets, Timeout: timeout, Busy: 20 * time.Millisecond,
			Schedule: webhook.Schedule{10 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond},
		}
	}
}

// onlyTelling leaves everything else undone, so that nothing but what a test has
// written is told.
func onlyTelling(c *worker.Config) {
	c.Roles = []worker.Role{worker.RoleWebhook, worker.RoleSweep}
}

// awaitTold waits until a job has no delivery that is still to be made. One that is
// not final may have more of them later.
func (r *rig) awaitTold(t *testing.T, id job.ID) *job.Job {
	t.Helper()
	return r.await(t, id, "told", func(j *job.Job) bool {
		return j.Webhooks != nil && j.Webhooks.Pending == 0
	})
}

func (r *rig) deliveries(t *testing.T, id job.ID) []*redisstore.Delivery {
	t.Helper()
	list, err := r.store.Deliveries(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// status answers with a status.
func status(code int) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func TestReceiversAreTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := openInbox(t, nil)
	r.start(t, telling(t, b.secret))
	video := r.submit(t, job.Video, "told", b.tells(job.EventTypes()...))
	failed := r.submit(t, job.Image, "refused sim:sensitive", b.tells())
	silent := r.submit(t, job.Image, "nobody is told")
	r.awaitFinal(t, video)
	if j := r.awaitTold(t, video); j.Webhooks.Failed != 0 || j.Webhooks.Delivered != int(j.Version) {
		t.Errorf("%d events, %+v", j.Version, j.Webhooks)
	}
	r.awaitTold(t, failed)
	if j := r.awaitFinal(t, silent); j.Webhooks != nil {
		t.Errorf("a job without receivers has %+v", j.Webhooks)
	}
	ids := map[string]bool{}
	for _, l := range b.letters() {
		if l.err != nil || ids[l.id] {
			t.Errorf("%+v", l)
		}
		ids[l.id] = true
	}
	log, err := r.store.Events(t.Context(), video, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range log {
		i := slices.IndexFunc(b.letters(), func(l letter) bool { return l.id == job.WebhookID(video, e.Seq) })
		if i < 0 || b.letters()[i].kind != string(e.Type) || b.letters()[i].status != string(e.State) {
			t.Errorf("event %d, %s in %s, was told as %d: %+v", e.Seq, e.Type, e.State, i, b.letters())
		}
	}
	if last := r.deliveries(t, failed); len(last) != 1 || last[0].Type != job.EventFailed || last[0].Status != redisstore.DeliveryDelivered {
		t.Errorf("%+v", last)
	}
}

// TestReceiversThatFail: what each answer means for the delivery.
func TestReceiversThatFail(t *testing.T) {
	t.Parallel()
	hang := func(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	slow := func(_ int, w http.ResponseWriter, r *http.Request) { // a head, and a body without an end
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	for name, tt := range map[string]struct {
		answer    func(int, http.ResponseWriter, *http.Request)
		tries     int
		delivered int
		says      string // in the last failure
	}{
		"500 twice": {func(n int, w http.ResponseWriter, _ *http.Request) {
			if n < 3 {
				w.WriteHeader(500)
			}
		}, 3, 1, "status 500"},
		"500 for ever": {status(500), 4, 0, "status 500"},
		"404":          {status(404), 4, 0, "status 404"},
		"410":          {status(410), 1, 0, "it wants no more"},
		"redirect": {func(_ int, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, 4, 0, "Redirects are not followed"},
		"201":       {status(201), 1, 1, ""},
		"no answer": {hang, 4, 0, "within 3s"},
		"slow body": {slow, 1, 1, ""},
		"endless body": {func(_ int, w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}, 1, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			b := openInbox(t, tt.answer)
			r.start(t, telling(t, b.secret), onlyTelling)
			id := r.submit(t, job.Image, "a cat", b.tells(job.EventQueued))
			j := r.awaitTold(t, id)
			got := b.letters()
			if len(got) != tt.tries || j.Webhooks.Delivered != tt.delivered || j.Webhooks.Failed != 1-tt.delivered {
				t.Errorf("%d tries, %+v", len(got), j.Webhooks)
			}
			for _, l := range got {
				if l.id != got[0].id || l.err != nil {
					t.Errorf("%+v is another event than %s", l, got[0].id)
				}
			}
			d := r.deliveries(t, id)[0]
			if d.Attempts != tt.tries || len(d.Shown) != tt.tries {
				t.Errorf("%d of %d tries are shown, want %d", len(d.Shown), d.Attempts, tt.tries)
			}
			last := j.Webhooks.Last
			if (last == nil) != (tt.says == "") || last != nil && !strings.Contains(last.Error, tt.says) {
				t.Errorf("the last failure is %+v, want %q", last, tt.says)
			}
		})
	}
}

func TestReceiverAsksForTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := openInbox(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	r.start(t, telling(t, b.secret), onlyTelling)
	r.awaitTold(t, r.submit(t, job.Image, "a cat", b.tells(job.EventQueued)))
	got := b.await(2)
	if waited := got[1].at.Sub(got[0].at); waited < 2*time.Second {
		t.Errorf("it came again after %s", waited)
	}
}

// TestPrivateReceiver: a worker whose operator has opened no network does not go
// there, whatever the API let through.
func TestPrivateReceiver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := openInbox(t, nil)
	strict := webhook.New(webhook.Config{Timeout: 10 * time.Second})
	t.Cleanup(strict.Close)
	r.start(t, telling(t, b.secret), onlyTelling, func(c *worker.Config) { c.Webhooks.Send = strict.Send })
	for _, to := range []string{b.url, strings.Replace(b.url, "http:", "https:", 1)} {
		j := r.awaitTold(t, r.submit(t, job.Image, "a cat", b.tells(job.EventQueued), func(n *redisstore.NewJob) { n.Spec.Webhook.URL = to }))
		if j.Webhooks.Failed != 1 || !strings.Contains(j.Webhooks.Last.Error, "not allowed") || strings.Contains(j.Webhooks.Last.Error, "127.0.0.1") {
			t.Errorf("%s: %+v %+v", to, j.Webhooks, j.Webhooks.Last)
		}
	}
	if n := len(b.letters()); n != 0 {
		t.Errorf("%d letters came", n)
	}
}

// TestDeadReceiverKeepsNobodyWaiting: many deliveries to one that never answers
// stand beside one to another.
func TestDeadReceiverKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	over, answers := context.WithCancel(t.Context())
	defer answers() // also when the test fails: whoever hangs is waited for
	dead := openInbox(t, func(int, http.ResponseWriter, *http.Request) { <-over.Done() })
	b := openInbox(t, nil)
	sender := webhook.New(webhook.Config{AllowPrivate: loopback, Timeout: time.Minute})
	t.Cleanup(sender.Close)
	var ids []job.ID
	for range 12 {
		ids = append(ids, r.submit(t, job.Image, "for the dead", dead.tells(job.EventQueued)))
	}
	ids = append(ids, r.submit(t, job.Image, "for the living", b.tells(job.EventQueued)))
	r.start(t, telling(t, b.secret), onlyTelling, func(c *worker.Config) { // the rig's webhook server has four hands
		c.Webhooks.Send, c.Webhooks.Timeout = sender.Send, time.Minute
		c.Webhooks.PerReceiver, c.Webhooks.PerTenant = 2, 3
	})
	b.await(1)
	if n := len(dead.letters()); n > 2 {
		t.Errorf("%d tries to the dead were under way, want 2 at most", n)
	}
	answers()
	for _, id := range ids {
		if j := r.awaitTold(t, id); j.Webhooks.Delivered != 1 {
			t.Errorf("%+v", j.Webhooks)
		}
	}
}

// TestWorkerDiesInMidDelivery: whoever claimed a delivery and never says what came
// of it does not keep it.
func TestWorkerDiesInMidDelivery(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := openInbox(t, nil)
	id := r.submit(t, job.Image, "a cat", b.tells(job.EventQueued))
	list, _, err := r.store.ClaimDeliveries(t.Context(), id, "dead", 300*time.Millisecond, 8)
	if err != nil || len(list) != 1 {
		t.Fatalf("claimed %+v, %v", list, err)
	}
	r.start(t, telling(t, b.secret), onlyTelling)
	if j := r.awaitTold(t, id); j.Webhooks.Delivered != 1 {
		t.Errorf("%+v", j.Webhooks)
	}
	if got := b.letters(); len(got) != 1 || got[0].id != job.WebhookID(id, list[0].Seq) {
		t.Errorf("%+v", got)
	}
}

// TestDeletedJobIsStillTold: the event outlives its job's record; of a job that
// nobody knows any more, the event alone is told.
func TestDeletedJobIsStillTold(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := openInbox(t, nil)
	stop := r.start(t)
	id := r.submit(t, job.Image, "a cat", b.tells())
	archived := r.submit(t, job.Image, "a cat in the archive", b.tells())
	for _, one := range []job.ID{id, archived} {
		r.awaitFinal(t, one)
		r.awaitArchived(t, one)
	}
	stop()
	ctx := t.Context()
	r.rdb.Del(ctx, "{tt}:job:"+string(id), "{tt}:ev:"+string(id), "{tt}:job:"+string(archived), "{tt}:ev:"+string(archived))
	if err := r.blobs.Delete(ctx, id.Dir()+"job.json"); err != nil {
		t.Fatal(err)
	}
	r.start(t, telling(t, b.secret))
	told := map[string]string{}
	for _, l := range b.await(2) {
		told[l.id] = l.kind + " " + l.status
	}
	if len(told) != 2 || len(b.letters()) != 2 {
		t.Errorf("told %v", told)
	}
	for one := range maps.Values(told) {
		if one != "job.succeeded succeeded" {
			t.Errorf("told %v", told)
		}
	}
	r.awaitUndelivered(t, 0)
	if n := r.rdb.Exists(ctx, "{tt}:job:"+string(id)).Val(); n != 0 {
		t.Error("the deletion was undone")
	}
}

// awaitArchived waits until a job's record is in the bucket.
func (r *rig) awaitArchived(t *testing.T, id job.ID) {
	t.Helper()
	r.until(t, "archived", func() bool {
		return r.rdb.ZScore(t.Context(), "{tt}:archive", string(id)).Err() != nil
	})
}

// awaitUndelivered waits until so many deliveries are still to be made.
func (r *rig) awaitUndelivered(t *testing.T, want int64) {
	t.Helper()
	r.until(t, "delivered", func() bool { return r.rdb.ZCard(t.Context(), "{tt}:undelivered").Val() == want })
}

func (r *rig) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("it was never %s", what)
		}
	}
}

// TestGoneEndpointIsDisabled: an endpoint that answers 410 is told nothing more.
func TestGoneEndpointIsDisabled(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	gone, b := openInbox(t, status(http.StatusGone)), openInbox(t, nil)
	ctx := t.Context()
	for id, box := range map[string]*inbox{"we_a": gone, "we_b": b} {
		e := redisstore.Endpoint{ID: id, Tenant: "key:t", URL: box.url, Events: []job.EventType{job.EventSubmitted, job.EventSucceeded}, Origin: "https://x"}
		if _, err := r.store.AddEndpoint(ctx, e, box.secret, 16); err != nil {
			t.Fatal(err)
		}
	}
	r.start(t, telling(t))
	finish := func(kind job.Kind, prompt string) { // and all of it is told
		id := r.submit(t, kind, prompt)
		r.awaitFinal(t, id)
		r.awaitTold(t, id)
	}
	finish(job.Video, "one sim:ready=10s") // the first letter is answered before there is a second event
	finish(job.Image, "two")
	e, err := r.store.Endpoint(ctx, "key:t", "we_a")
	if err != nil || e.Enabled || !e.Gone {
		t.Errorf("%+v, %v", e, err)
	}
	if n := len(gone.letters()); n != 1 {
		t.Errorf("the one that is gone had %d letters", n)
	}
	for _, l := range b.await(4) {
		if l.err != nil {
			t.Errorf("%+v", l)
		}
	}
	// It comes back: with a new secret, beside which the old one signs.
	secret := webhook.NewSecret()
	if _, err := r.store.RotateEndpoint(ctx, "key:t", "we_b", secret, time.Hour); err != nil {
		t.Fatal(err)
	}
	finish(job.Image, "three")
	b.learn(secret)
	finish(job.Image, "four")
	for _, l := range b.await(8) {
		if l.err != nil {
			t.Errorf("during a rotation: %+v", l)
		}
	}
}
