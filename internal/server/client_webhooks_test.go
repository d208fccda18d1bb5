package server_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/tintypehq/tintype/pkg/tintype"
)

// TestClientWebhooks: our client makes an endpoint, changes it, has it tested by
// the secret that it was told, and deletes it.
func TestClientWebhooks(t *testing.T) {
	t.Parallel()
	h := told(t)
	c, ctx := h.client(h.url).Webhooks, t.Context()
	secrets := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if e, err := tintype.VerifyWebhook(<-secrets, r.Header, body); err != nil || e.Type != tintype.EventWebhookTest {
			t.Errorf("%+v, %v", e, err)
		}
	}))
	defer receiver.Close()

	made, err := c.Create(ctx, tintype.WebhookRequest{URL: receiver.URL, Description: "mine"})
	h.must(err)
	none := ""
	changed, err := c.Update(ctx, made.ID, tintype.WebhookChange{Description: &none, Status: tintype.WebhookDisabled, Events: []tintype.EventType{tintype.EventMedia}})
	h.must(err)
	if changed.URL != receiver.URL || changed.Description != "" || changed.Status != tintype.WebhookDisabled || !slices.Equal(changed.Events, []tintype.EventType{tintype.EventMedia}) {
		t.Errorf("%+v", changed)
	}
	unchanged, err := c.Update(ctx, made.ID, tintype.WebhookChange{})
	h.must(err)
	seen, err := c.Get(ctx, made.ID)
	h.must(err)
	if unchanged.Status != changed.Status || len(seen.Events) != 1 || seen.Secret != "" {
		t.Errorf("%+v, %+v", unchanged, seen)
	}
	rotated, err := c.Rotate(ctx, made.ID)
	h.must(err)
	if rotated.Secret == "" || rotated.Secret == made.Secret || rotated.OldSecretUntil == nil {
		t.Errorf("%+v", rotated)
	}
	for _, secret := range []string{made.Secret, rotated.Secret} {
		secrets <- secret
		try, err := c.Test(ctx, made.ID)
		h.must(err)
		if try.Status != http.StatusOK || try.Error != nil {
			t.Errorf("%+v", try)
		}
	}
	receiver.Close()
	if try, err := c.Test(ctx, made.ID); err != nil || try.Status != 0 || try.Error == nil {
		t.Errorf("nobody there: %+v, %v", try, err)
	}
	h.must(c.Delete(ctx, made.ID))
	if list, err := c.List(ctx); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestClientDeliveries: our client sees a job's deliveries and begins one anew.
func TestClientDeliveries(t *testing.T) {
	t.Parallel()
	h := told(t)
	c, ctx := h.client(h.url), t.Context()
	job, err := c.Images.Submit(ctx, tintype.ImageRequest{
		Prompt: "x", WebhookURL: "http://127.0.0.1:9/", WebhookEvents: []tintype.EventType{tintype.EventQueued},
	})
	h.must(err)
	list, err := c.Webhooks.Deliveries(ctx, job.ID)
	h.must(err)
	if len(list) != 1 || list[0].Type != tintype.EventQueued || list[0].Endpoint != nil {
		t.Fatalf("%+v", list)
	}
	again, err := c.Webhooks.Redeliver(ctx, job.ID, list[0].ID)
	h.must(err)
	if again.ID != list[0].ID || again.NextAt == nil {
		t.Errorf("%+v", again)
	}
}
