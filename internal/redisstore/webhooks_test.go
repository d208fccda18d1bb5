package redisstore_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// hooked has a job's own address told of events.
func hooked(events ...job.EventType) func(*redisstore.NewJob) {
	return func(n *redisstore.NewJob) {
		n.Spec.Webhook = &job.Webhook{URL: "https://r.example/<&>", Events: events, Origin: "https://api.example"}
	}
}

const secretText = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

func (b bench) endpoint(t *testing.T, id, tenant string, events ...job.EventType) {
	t.Helper()
	e := redisstore.Endpoint{ID: id, Tenant: tenant, URL: "https://r.example/" + id, Events: events, Origin: "https://o", Description: "mine"}
	if _, err := b.AddEndpoint(t.Context(), e, account.NewSecret(secretText), 2); err != nil {
		t.Fatal(err)
	}
}

func (b bench) names(t *testing.T, id job.ID) (names []string) {
	t.Helper()
	list, err := b.Deliveries(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		names = append(names, d.Name()+" "+string(d.Type)+" "+string(d.Status))
	}
	return names
}

func wantNames(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("deliveries %q, want %q", got, want)
	}
}

// testToldWithTheEvent: whoever wants to know an event has a delivery of it as
// soon as the event is there, in a line or not.
func testToldWithTheEvent(t *testing.T, b bench) {
	b.endpoint(t, "we_1", "key:test", job.EventAdmitted, job.EventCanceled)
	b.endpoint(t, "we_2", "key:other", job.EventTypes()...)
	first, _ := b.accept(t, hooked(job.EventQueued, job.EventCanceled))
	wantNames(t, b.names(t, first), "1.job job.queued pending", "2.we_1 job.admitted pending")
	b.accept(t)
	waits, _ := b.accept(t, hooked(job.EventQueued)) // both slots are taken
	wantNames(t, b.names(t, waits), "1.job job.queued pending")
	plain, _ := b.accept(t, func(n *redisstore.NewJob) { n.Spec.Prompt = `{"webhook":{"url":"https://x","events":["job.queued"]}}` })
	wantNames(t, b.names(t, plain))
	if _, _, err := b.Cancel(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	wantNames(t, b.names(t, first), "1.job job.queued pending", "2.we_1 job.admitted pending", "3.job job.canceled pending", "3.we_1 job.canceled pending")
	j := b.get(t, first)
	if w := j.Webhooks; w == nil || w.Pending != 4 || w.Delivered != 0 || w.Last != nil {
		t.Errorf("%+v", w)
	}
	if hook := j.Spec.Webhook; hook == nil || hook.URL != "https://r.example/<&>" {
		t.Errorf("%+v", hook)
	}
	list, _ := b.Deliveries(t.Context(), first)
	if d := list[0]; d.URL != "https://r.example/<&>" || d.Origin != "https://api.example" || d.Tenant != "key:test" || d.State != job.Queued || d.At.IsZero() {
		t.Errorf("%+v", d)
	}
}

func (b bench) claim(t *testing.T, id job.ID, token string) []*redisstore.Delivery {
	t.Helper()
	list, now, err := b.ClaimDeliveries(t.Context(), id, token, lease, 8)
	if err != nil || now.IsZero() {
		t.Fatal(err, now)
	}
	return list
}

func (b bench) settle(t *testing.T, d *redisstore.Delivery, token string, tried redisstore.Tried) {
	t.Helper()
	tried.Keep = time.Hour
	if err := b.Delivered(t.Context(), d, token, tried); err != nil {
		t.Fatal(err)
	}
}

// ring waits until somebody must look at deliveries.
func (b bench) ring(t *testing.T) redisstore.Undelivered {
	t.Helper()
	for deadline := time.Now().Add(40 * time.Second); time.Now().Before(deadline); {
		u, err := b.RingUndelivered(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(u.Bells) > 0 {
			return u
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Fatal("nobody was rung for")
	return redisstore.Undelivered{}
}

// testDelivery: a delivery has one holder, is rung for until it is made, and has
// one end.
func testDelivery(t *testing.T, b bench) {
	id, _ := b.accept(t, hooked(job.EventQueued))
	u := b.ring(t)
	if len(u.Bells) != 1 || u.Bells[0].Job != id || u.Bells[0].Stage != job.StageWebhook || u.Pending != 1 {
		t.Errorf("%+v", u)
	}
	one := b.claim(t, id, "one")
	if len(one) != 1 || len(b.claim(t, id, "one")) != 1 || len(b.claim(t, id, "two")) != 0 {
		t.Fatal("it is not one holder's")
	}
	next := b.ring(t) // the first holder is gone
	if next.Bells[0].N == u.Bells[0].N || next.Oldest <= 0 {
		t.Errorf("%+v after %+v", next, u)
	}
	two := b.claim(t, id, "two")
	if len(two) != 1 {
		t.Fatal("the claim did not lapse")
	}
	b.settle(t, one[0], "one", redisstore.Tried{Outcome: redisstore.TryFailed, Try: job.WebhookTry{Error: "late"}})
	if d, _ := b.Deliveries(t.Context(), id); d[0].Status != redisstore.DeliveryPending || d[0].Attempts != 0 {
		t.Errorf("who lost it has ended it: %+v", d[0])
	}
	b.settle(t, two[0], "two", redisstore.Tried{Outcome: redisstore.TryRetry, Wait: time.Hour, Body: []byte("{}"), Try: job.WebhookTry{Status: 500, Error: "500"}})
	if j := b.get(t, id); j.Webhooks.Last == nil || j.Webhooks.Last.Error != "500" || j.Webhooks.Last.Deliver != "1.job" || j.Webhooks.Pending != 1 {
		t.Errorf("%+v", j.Webhooks)
	}
	if len(b.claim(t, id, "hasty")) != 0 {
		t.Error("it is tried before its time")
	}
	if _, err := b.Redeliver(t.Context(), id, "1.job"); err != nil {
		t.Fatal(err)
	}
	b.ring(t)
	three := b.claim(t, id, "three")
	if len(three) != 1 || string(three[0].Body) != "{}" || three[0].Tries != 0 || three[0].Attempts != 1 {
		t.Fatalf("%+v", three)
	}
	// What was taken counts, whoever took it there.
	b.settle(t, one[0], "one", redisstore.Tried{Outcome: redisstore.TryDelivered, Try: job.WebhookTry{Status: 200}})
	b.settle(t, three[0], "three", redisstore.Tried{Outcome: redisstore.TryFailed, Try: job.WebhookTry{Error: "x"}})
	wantNames(t, b.names(t, id), "1.job job.queued delivered")
	u, err := b.RingUndelivered(t.Context(), 10)
	if err != nil || len(u.Bells) != 0 || u.Pending != 0 || u.Oldest != 0 {
		t.Errorf("%+v, %v", u, err)
	}
	if w := b.get(t, id).Webhooks; w.Pending != 0 || w.Delivered != 1 || w.Failed != 0 {
		t.Errorf("%+v", w)
	}
	for _, key := range []string{"{tt}:deliveries:" + string(id), "{tt}:delivery:" + string(id) + ".1.job"} {
		if ttl := b.rdb.PTTL(t.Context(), key).Val(); ttl <= 0 || ttl > time.Hour {
			t.Errorf("%s is kept for %s", key, ttl)
		}
	}
}

// testRedeliver: what has ended begins anew, with all its tries.
func testRedeliver(t *testing.T, b bench) {
	id, _ := b.accept(t, hooked(job.EventQueued, job.EventAdmitted))
	for _, d := range b.claim(t, id, "w") {
		b.settle(t, d, "w", redisstore.Tried{Outcome: redisstore.TryFailed, Try: job.WebhookTry{Error: "no"}})
	}
	d, err := b.Redeliver(t.Context(), id, "1.job")
	if err != nil || d.Status != redisstore.DeliveryPending || d.Tries != 0 || d.Attempts != 1 || !d.Ended.IsZero() {
		t.Fatalf("%+v, %v", d, err)
	}
	if w := b.get(t, id).Webhooks; w.Pending != 1 || w.Failed != 1 {
		t.Errorf("%+v", w)
	}
	for _, key := range []string{"{tt}:deliveries:" + string(id), "{tt}:delivery:" + string(id) + ".1.job"} {
		if b.rdb.PTTL(t.Context(), key).Val() > 0 {
			t.Errorf("%s expires before it is delivered", key)
		}
	}
	b.ring(t)
	if list := b.claim(t, id, "x"); len(list) != 1 || list[0].Seq != 1 {
		t.Fatalf("%+v", list)
	}
	for _, name := range []string{"1.we_x", "9.job", "job", "", "x.job", "1"} {
		_, err := b.Redeliver(t.Context(), id, name)
		wantFault(t, err, fault.NotFound)
	}
}

// testTriesShown: the newest tries are shown, however many there were.
func testTriesShown(t *testing.T, b bench) {
	id, _ := b.accept(t, hooked(job.EventQueued))
	for n := range 25 {
		list := b.claim(t, id, "w")
		if len(list) != 1 {
			t.Fatalf("try %d: %+v", n, list)
		}
		b.settle(t, list[0], "w", redisstore.Tried{Outcome: redisstore.TryRetry, Try: job.WebhookTry{Status: 400 + n}})
	}
	list, _ := b.Deliveries(t.Context(), id)
	if d := list[0]; d.Attempts != 25 || len(d.Shown) != 20 || d.Shown[0].Status != 405 || d.Shown[19].Status != 424 {
		t.Errorf("%d, %+v", d.Attempts, d.Shown)
	}
}

// testGone: who wants no more gets no more.
func testGone(t *testing.T, b bench) {
	b.endpoint(t, "we_1", "key:test", job.EventTypes()...)
	id, _ := b.accept(t, hooked(job.EventTypes()...))
	list := b.claim(t, id, "w")
	if len(list) != 4 {
		t.Fatalf("%+v", list)
	}
	for _, d := range list {
		b.settle(t, d, "w", redisstore.Tried{Outcome: redisstore.TryGone, Try: job.WebhookTry{Status: 410, Error: "gone"}})
	}
	if _, _, err := b.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if n := len(b.names(t, id)); n != 4 {
		t.Errorf("%d deliveries, want no more than 4", n)
	}
	e, err := b.Endpoint(t.Context(), "key:test", "we_1")
	if err != nil || e.Enabled || !e.Gone {
		t.Errorf("%+v, %v", e, err)
	}
	on := true
	if e, err = b.ChangeEndpoint(t.Context(), "key:test", "we_1", redisstore.EndpointChange{Enabled: &on}); err != nil || !e.Enabled || e.Gone {
		t.Errorf("%+v, %v", e, err)
	}
	again, _ := b.accept(t)
	if n := len(b.names(t, again)); n == 0 {
		t.Error("an endpoint that is back is not told")
	}
}

// testEndpoints: a tenant's endpoints are its own, and their secrets are sealed.
func testEndpoints(t *testing.T, b bench) {
	ctx := t.Context()
	b.endpoint(t, "we_2", "key:test", job.EventSucceeded)
	b.endpoint(t, "we_1", "key:test", job.EventFailed)
	_, err := b.AddEndpoint(ctx, redisstore.Endpoint{ID: "we_3", Tenant: "key:test"}, account.NewSecret(secretText), 2)
	wantFault(t, err, fault.Invalid)
	_, err = b.AddEndpoint(ctx, redisstore.Endpoint{ID: "we_1", Tenant: "key:thief"}, account.NewSecret(secretText), 2)
	wantFault(t, err, fault.NotFound)
	list, err := b.Endpoints(ctx, "key:test")
	if err != nil || len(list) != 2 || list[0].ID != "we_1" || !list[0].Enabled || list[0].Description != "mine" || list[0].CreatedAt.IsZero() || list[0].Secrets[0].Reveal() != secretText {
		t.Fatalf("%+v, %v", list, err)
	}
	kept := b.rdb.HGetAll(ctx, "{tt}:endpoint:we_1").Val()
	for field, v := range kept {
		if strings.Contains(v, secretText[6:20]) {
			t.Errorf("%s holds the secret", field)
		}
	}
	first, second := strings.Replace(secretText, "MDEy", "MDEx", 1), strings.Replace(secretText, "MDEy", "MDEz", 1)
	e, err := b.RotateEndpoint(ctx, "key:test", "we_1", account.NewSecret(first), time.Hour)
	if err != nil || e.OldUntil.IsZero() || len(e.Secrets) != 2 || e.Secrets[0].Reveal() != first || e.Secrets[1].Reveal() != secretText {
		t.Fatalf("%+v, %v", e, err)
	}
	// So short a time may be over before the answer is read.
	e, err = b.RotateEndpoint(ctx, "key:test", "we_1", account.NewSecret(second), 100*time.Millisecond)
	if err != nil || e.Secrets[0].Reveal() != second || len(e.Secrets) == 2 && (e.Secrets[1].Reveal() != first || e.OldUntil.IsZero()) {
		t.Fatalf("%+v, %v", e, err)
	}
	for deadline := time.Now().Add(40 * time.Second); len(e.Secrets) != 1; {
		if e, err = b.Endpoint(ctx, "key:test", "we_1"); err != nil || time.Now().After(deadline) {
			t.Fatalf("the old secret signs for ever: %+v, %v", e, err)
		}
		<-time.After(5 * time.Millisecond)
	}
	if e.Secrets[0].Reveal() != second || !e.OldUntil.IsZero() {
		t.Errorf("%+v", e)
	}
	for _, err := range []error{
		b.DropEndpoint(ctx, "key:thief", "we_1"), b.DropEndpoint(ctx, "key:test", "we_9"),
		errOf(b.Endpoint(ctx, "key:thief", "we_1")), errOf(b.ChangeEndpoint(ctx, "key:thief", "we_1", redisstore.EndpointChange{})),
		errOf(b.RotateEndpoint(ctx, "key:thief", "we_1", account.NewSecret(second), time.Hour)),
	} {
		wantFault(t, err, fault.NotFound)
	}
	if err := b.DropEndpoint(ctx, "key:test", "we_1"); err != nil {
		t.Fatal(err)
	}
	if list, _ = b.Endpoints(ctx, "key:test"); len(list) != 1 {
		t.Errorf("%+v", list)
	}
	keyless := redisstore.New(redisstore.Config{Client: b.rdb})
	_, err = keyless.AddEndpoint(ctx, redisstore.Endpoint{ID: "we_4", Tenant: "key:x"}, account.NewSecret(secretText), 2)
	wantFault(t, err, fault.PermissionDenied)
}

func errOf(_ *redisstore.Endpoint, err error) error { return err }
