package tintype_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/tintypehq/tintype/pkg/tintype"
)

const (
	endpointAnswer = `{"id":"we_1","object":"webhook_endpoint","url":"https://h/hook","description":"","events":["job.succeeded"],
 "status":"enabled","disabled_reason":"","created_at":"2026-11-27T05:00:00Z","secret":"whsec_MDEy","old_secret_until":null}`
	deliveryAnswer = `{"id":"6.job","object":"webhook_delivery","event_id":"evt_job-1_6","type":"job.succeeded","endpoint":null,"status":"pending",
 "created_at":"2026-11-27T05:00:00Z","next_attempt_at":null,"finished_at":null,"attempt_count":0,"attempts":[]}`
	attemptAnswer = `{"at":"2026-11-27T05:00:00Z","status":500,"error":"It is ill.","duration_ms":3}`
	goneEndpoint  = `{"id":"we_1","object":"webhook_endpoint","deleted":true}`
)

// webhookCalls are those of the WebhookService.
func webhookCalls() []call {
	const hooks, deliveries, aJSON = "/v1/webhooks", "/v1/jobs/a%2Fb/deliveries", "application/json"
	none := ""
	change := tintype.WebhookChange{Description: &none, Status: tintype.WebhookDisabled}
	made := tintype.WebhookRequest{URL: "https://h/hook", Events: []tintype.EventType{tintype.EventSucceeded}}
	return []call{
		{
			"Webhooks.Create", func(ctx context.Context, c *tintype.Client) error { _, err := c.Webhooks.Create(ctx, made); return err },
			"POST", hooks, `{"url":"https://h/hook","events":["job.succeeded"]}`, "", aJSON, answer(201, endpointAnswer),
		},
		{
			"Webhooks.List", func(ctx context.Context, c *tintype.Client) error { _, err := c.Webhooks.List(ctx); return err },
			"GET", hooks, "", "", aJSON, answer(200, `{"object":"list","data":[`+endpointAnswer+`]}`),
		},
		{
			"Webhooks.Get", func(ctx context.Context, c *tintype.Client) error { _, err := c.Webhooks.Get(ctx, "a/b"); return err },
			"GET", hooks + "/a%2Fb", "", "", aJSON, answer(200, endpointAnswer),
		},
		{
			"Webhooks.Update", func(ctx context.Context, c *tintype.Client) error {
				_, err := c.Webhooks.Update(ctx, "a/b", change)
				return err
			},
			"POST", hooks + "/a%2Fb", `{"description":"","status":"disabled"}`, "", aJSON, answer(200, endpointAnswer),
		},
		{
			"Webhooks.Delete", func(ctx context.Context, c *tintype.Client) error { return c.Webhooks.Delete(ctx, "a/b") },
			"DELETE", hooks + "/a%2Fb", "", "", aJSON, answer(200, goneEndpoint),
		},
		{
			"Webhooks.Rotate", func(ctx context.Context, c *tintype.Client) error {
				_, err := c.Webhooks.Rotate(ctx, "a/b")
				return err
			},
			"POST", hooks + "/a%2Fb/rotate", "", "", aJSON, answer(200, endpointAnswer),
		},
		{
			"Webhooks.Test", func(ctx context.Context, c *tintype.Client) error { _, err := c.Webhooks.Test(ctx, "a/b"); return err },
			"POST", hooks + "/a%2Fb/test", "", "", aJSON, answer(200, attemptAnswer),
		},
		{
			"Webhooks.Deliveries", func(ctx context.Context, c *tintype.Client) error {
				_, err := c.Webhooks.Deliveries(ctx, "a/b")
				return err
			},
			"GET", deliveries, "", "", aJSON, answer(200, `{"object":"list","data":[`+deliveryAnswer+`]}`),
		},
		{
			"Webhooks.Redeliver", func(ctx context.Context, c *tintype.Client) error {
				_, err := c.Webhooks.Redeliver(ctx, "a/b", "6/job")
				return err
			},
			"POST", deliveries + "/6%2Fjob/redeliver", "", "", aJSON, answer(202, deliveryAnswer),
		},
	}
}

func allFailed(t *testing.T, failures map[string]error) {
	t.Helper()
	for name, err := range failures {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestEmptyWebhookIDSendsNothing: a path without the id would be another call's.
func TestEmptyWebhookIDSendsNothing(t *testing.T) {
	t.Parallel()
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("request to %s", r.URL) })
	failures := map[string]error{"Delete": c.Webhooks.Delete(t.Context(), "")}
	_, failures["Get"] = c.Webhooks.Get(t.Context(), "")
	_, failures["Update"] = c.Webhooks.Update(t.Context(), "", tintype.WebhookChange{})
	_, failures["Rotate"] = c.Webhooks.Rotate(t.Context(), "")
	_, failures["Test"] = c.Webhooks.Test(t.Context(), "")
	_, failures["Deliveries"] = c.Webhooks.Deliveries(t.Context(), "")
	_, failures["Redeliver"] = c.Webhooks.Redeliver(t.Context(), "", "6.job")
	_, failures["Redeliver nothing"] = c.Webhooks.Redeliver(t.Context(), "job-1", "")
	allFailed(t, failures)
}

// TestWebhookCallsAreSentOnce: only what changes nothing is asked for again.
func TestWebhookCallsAreSentOnce(t *testing.T) {
	t.Parallel()
	m := &mill{steps: []http.HandlerFunc{lost}}
	c := serve(t, m.ServeHTTP)
	_, err := c.Webhooks.Create(t.Context(), tintype.WebhookRequest{URL: "https://h/hook"})
	failures := map[string]error{"Create": err, "Delete": c.Webhooks.Delete(t.Context(), "we_1")}
	_, failures["Update"] = c.Webhooks.Update(t.Context(), "we_1", tintype.WebhookChange{URL: "https://h/other"})
	_, failures["Rotate"] = c.Webhooks.Rotate(t.Context(), "we_1")
	_, failures["Test"] = c.Webhooks.Test(t.Context(), "we_1")
	_, failures["Redeliver"] = c.Webhooks.Redeliver(t.Context(), "job-1", "6.job")
	allFailed(t, failures)
	equal(t, "asked", len(m.said()), len(failures))
}

// TestForeignWebhookAnswers: what is no endpoint is not given as one.
func TestForeignWebhookAnswers(t *testing.T) {
	t.Parallel()
	c := serve(t, answer(200, `{"hello":"world"}`))
	_, create := c.Webhooks.Create(t.Context(), tintype.WebhookRequest{URL: "https://h/hook"})
	_, get := c.Webhooks.Get(t.Context(), "we_1")
	allFailed(t, map[string]error{"Create": create, "Get": get, "Delete": c.Webhooks.Delete(t.Context(), "we_1")})
}

// TestWebhookReceiverFails: what the receiver does wrong is no error of the call.
func TestWebhookReceiverFails(t *testing.T) {
	t.Parallel()
	c := serve(t, answer(200, attemptAnswer))
	try, err := c.Webhooks.Test(t.Context(), "we_1")
	if err != nil || try.Status != 500 || try.Error == nil || *try.Error != "It is ill." || try.DurationMS != 3 {
		t.Errorf("%+v, %v", try, err)
	}
	c = serve(t, answer(200, envelope))
	if _, err := c.Webhooks.Test(t.Context(), "we_1"); err == nil {
		t.Error("an error of the API: no error")
	}
}
