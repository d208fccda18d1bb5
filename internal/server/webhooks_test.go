package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/internal/webhook"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// told is a house whose callers may have receivers told.
func told(t *testing.T, change ...func(*server.Config)) *house {
	t.Helper()
	sender := webhook.New(webhook.Config{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Timeout: 2 * time.Second})
	t.Cleanup(sender.Close)
	return open(t, configure(func(c *server.Config) {
		c.Webhooks = server.Webhooks{Sender: sender, Signed: true, Endpoints: 2}
		for _, f := range change {
			f(c)
		}
	}))
}

// wantError checks an answer's error.
func (h *house) wantError(a answer, status int, param, says string) {
	h.Helper()
	var e struct {
		Error struct{ Message, Param string }
	}
	if err := json.Unmarshal([]byte(a.body), &e); err != nil || a.status != status || e.Error.Param != param || !strings.Contains(e.Error.Message, says) {
		h.Errorf("%d %s; want %d, %q, %q", a.status, a.body, status, param, says)
	}
}

func TestWebhookFields(t *testing.T) {
	t.Parallel()
	h := told(t)
	id := h.create(videos, `{"prompt":"x","webhook_url":" http://127.0.0.1:9/h?a=b "}`)
	j, err := h.store.Get(t.Context(), id)
	h.must(err)
	if w := j.Spec.Webhook; w == nil || w.URL != "http://127.0.0.1:9/h?a=b" || w.Origin != h.url || !slices.Equal(w.Events, job.FinalEventTypes()) {
		t.Errorf("%+v", w)
	}
	id = h.create(images, `{"prompt":"x","webhook_url":"http://127.0.0.1:9/","webhook_events":["job.succeeded","job.queued","job.queued"]}`)
	if j, err = h.store.Get(t.Context(), id); err != nil || !slices.Equal(j.Spec.Webhook.Events, []job.EventType{"job.queued", "job.succeeded"}) {
		t.Errorf("%+v, %v", j.Spec.Webhook, err)
	}
	for body, want := range map[string]struct{ param, says string }{
		`"webhook_url":"https://10.0.0.1/"`:                                            {"webhook_url", "webhooks.allow_private"},
		`"webhook_url":"ftp://127.0.0.1/"`:                                             {"webhook_url", "https://"},
		`"webhook_url":"http://93.184.216.34/"`:                                        {"webhook_url", "Use https"},
		`"webhook_url":7`:                                                              {"webhook_url", "must be a string"},
		`"webhook_events":["job.queued"]`:                                              {"webhook_events", "without webhook_url"},
		`"webhook_url":"http://127.0.0.1/","webhook_events":"job.queued"`:              {"webhook_events", "a list"},
		`"webhook_url":"http://127.0.0.1/","webhook_events":[]`:                        {"webhook_events", "is empty"},
		`"webhook_url":"http://127.0.0.1/","webhook_events":["job.queued","job.done"]`: {"webhook_events[1]", `"job.done". Allowed: job.queued, job.admitted, job.submitted, job.progress, job.media, job.succeeded, job.failed, job.canceled, job.recovered.`},
	} {
		h.wantError(h.call(http.MethodPost, images, `{"prompt":"x",`+body+`}`), 400, want.param, want.says)
	}
	unsigned := told(t, func(c *server.Config) { c.Webhooks.Signed = false })
	unsigned.wantError(unsigned.call(http.MethodPost, images, `{"prompt":"x","webhook_url":"http://127.0.0.1/"}`), 400, "webhook_url", "webhooks.secret")
}

// endpoint makes an endpoint.
func (h *house) endpoint(body string, headers ...string) tintype.WebhookEndpoint {
	h.Helper()
	a := h.call(http.MethodPost, "/v1/webhooks", body, headers...)
	var e tintype.WebhookEndpoint
	if a.status != http.StatusCreated {
		h.Fatalf("%d %s", a.status, a.body)
	}
	h.must(json.Unmarshal([]byte(a.body), &e))
	return e
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	h := told(t)
	e := h.endpoint(`{"url":"http://127.0.0.1:9/a","description":"mine"}`)
	if !strings.HasPrefix(e.ID, "we_") || !strings.HasPrefix(e.Secret, "whsec_") || e.Object != "webhook_endpoint" || e.Status != "enabled" || len(e.Events) != 4 || e.Description != "mine" || e.OldSecretUntil != nil {
		t.Errorf("%+v", e)
	}
	at := "/v1/webhooks/" + e.ID
	list := h.call(http.MethodGet, "/v1/webhooks", "")
	if list.status != 200 || !strings.Contains(list.body, e.ID) || strings.Contains(list.body, "whsec_") {
		t.Errorf("%d %s", list.status, list.body)
	}
	changed := h.call(http.MethodPost, at, `{"status":"disabled","events":["job.media"],"description":""}`)
	var c tintype.WebhookEndpoint
	h.must(json.Unmarshal([]byte(changed.body), &c))
	if c.Status != "disabled" || len(c.Events) != 1 || c.URL != e.URL || c.Description != "" || c.Secret != "" {
		t.Errorf("%s", changed.body)
	}
	rotated := h.call(http.MethodPost, at+"/rotate", "")
	var r tintype.WebhookEndpoint
	h.must(json.Unmarshal([]byte(rotated.body), &r))
	if r.Secret == "" || r.Secret == e.Secret || r.OldSecretUntil == nil {
		t.Errorf("%s", rotated.body)
	}
	h.endpoint(`{"url":"http://127.0.0.1:9/b"}`)
	h.wantError(h.call(http.MethodPost, "/v1/webhooks", `{"url":"http://127.0.0.1:9/c"}`), 400, "", "as many webhook endpoints")
	for body, want := range map[string]struct{ param, says string }{
		`{}`:                             {"url", "required"},
		`{"url":"https://192.168.1.1/"}`: {"url", "not a public address"},
		`{"url":"http://127.0.0.1/","events":["x"]}`:                                   {"events[0]", "Allowed: job.queued"},
		`{"url":"http://127.0.0.1/","status":"off"}`:                                   {"status", `"off"`},
		`{"url":"http://127.0.0.1/","description":"` + strings.Repeat("é", 201) + `"}`: {"description", "201 characters"},
	} {
		h.wantError(h.call(http.MethodPost, "/v1/webhooks", body), 400, want.param, want.says)
	}
	for _, call := range [][2]string{{"GET", at}, {"POST", at}, {"DELETE", at}, {"POST", at + "/rotate"}, {"POST", at + "/test"}, {"GET", "/v1/webhooks/we_x"}, {"GET", "/v1/webhooks/" + e.ID[3:]}} {
		h.wantError(h.call(call[0], call[1], "{}", "Authorization", "Bearer "+otherKey), 404, "", "no such webhook endpoint")
	}
	if a := h.call(http.MethodDelete, at, ""); a.status != 200 || !strings.Contains(a.body, `"deleted":true`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	h.wantError(h.call(http.MethodGet, at, ""), 404, "", "no such webhook endpoint")
}

func TestEndpointIsTested(t *testing.T) {
	t.Parallel()
	h := told(t)
	got := make(chan *tintype.WebhookEvent, 2)
	secret := ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		e, err := tintype.VerifyWebhook(secret, r.Header, b)
		if err != nil {
			t.Error(err)
		}
		got <- e
		w.WriteHeader(http.StatusTeapot)
	}))
	defer srv.Close()
	e := h.endpoint(`{"url":"` + srv.URL + `"}`)
	secret = e.Secret
	a := h.call(http.MethodPost, "/v1/webhooks/"+e.ID+"/test", "")
	var try tintype.WebhookAttempt
	h.must(json.Unmarshal([]byte(a.body), &try))
	if a.status != 200 || try.Status != 418 || try.Error == nil || !strings.Contains(*try.Error, "418") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if event := <-got; event.Type != tintype.EventWebhookTest || event.Data.ID != e.ID {
		t.Errorf("%+v", event)
	}
}

// TestDeliveriesAreShown: each try is on the job and in the history, for whoever
// owns the job, and may be begun anew.
func TestDeliveriesAreShown(t *testing.T) {
	t.Parallel()
	h := told(t)
	id := h.create(images, `{"prompt":"x","webhook_url":"http://127.0.0.1:9/","webhook_events":["job.queued","job.failed"]}`)
	ctx := t.Context()
	list, _, err := h.store.ClaimDeliveries(ctx, id, "w", time.Minute, 8)
	h.must(err)
	h.must(h.store.Delivered(ctx, list[0], "w", redisstore.Tried{
		Outcome: redisstore.TryFailed, Try: job.WebhookTry{At: time.Now(), Status: 500, Error: "The receiver answered with status 500.", Took: 30 * time.Millisecond}, Keep: time.Hour,
	}))
	h.fail(id, fault.New(fault.ContentPolicy, "Refused."))
	j, _ := h.job(id, "")
	if w := j.Webhook; w == nil || w.Pending != 1 || w.Failed != 1 || w.LastFailure == nil || w.LastFailure.Status != 500 || w.LastFailure.Delivery != "1.job" {
		t.Errorf("%+v", w)
	}
	at := "/v1/jobs/" + string(id) + "/deliveries"
	var shown tintype.WebhookList[tintype.WebhookDelivery]
	a := h.call(http.MethodGet, at, "")
	h.must(json.Unmarshal([]byte(a.body), &shown))
	if len(shown.Data) != 2 || shown.Data[0].Type != tintype.EventFailed || shown.Data[0].Status != "pending" || shown.Data[0].NextAt == nil || shown.Data[0].Endpoint != nil {
		t.Errorf("%s", a.body)
	}
	if d := shown.Data[1]; d.ID != "1.job" || d.EventID != fmt.Sprintf("evt_%s_1", id) || d.Status != "failed" || d.FinishedAt == nil || len(d.Attempts) != 1 || d.Attempts[0].DurationMS != 30 || *d.Attempts[0].Error == "" {
		t.Errorf("%s", a.body)
	}
	again := h.call(http.MethodPost, at+"/1.job/redeliver", "")
	if again.status != 202 || !strings.Contains(again.body, `"status":"pending"`) {
		t.Errorf("%d %s", again.status, again.body)
	}
	h.wantError(h.call(http.MethodPost, at+"/9.job/redeliver", ""), 404, "", "no such delivery")
	other := []string{"Authorization", "Bearer " + otherKey}
	h.wantError(h.call(http.MethodGet, at, "", other...), 404, "", "no such job")
	h.wantError(h.call(http.MethodPost, at+"/1.job/redeliver", "", other...), 404, "", "no such job")
}

// TestNothingToSignWith: who is refused is sent another way only where that is open.
func TestNothingToSignWith(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		signed, seal bool
		job, own     string // what is said to webhook_url, and to a new endpoint; empty: it is taken
	}{
		{"no secret", false, true, "no secret to sign with (setting webhooks.secret). Its operator can set one; or make an endpoint with a secret of your own: POST /v1/webhooks.", ""},
		{"no keys", true, false, "", "since its operator has set no security.keys. Send webhook_url with each request instead."},
		{
			"neither", false, false, "webhook_url: this server has nothing to sign with: its operator must set webhooks.secret, or security.keys for endpoints with secrets of their own.",
			"This server has nothing to sign with: its operator must set security.keys, or webhooks.secret for webhook_url.",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := told(t, func(c *server.Config) {
				c.Webhooks.Signed = tt.signed
				if !tt.seal {
					rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
					t.Cleanup(func() { _ = rdb.Close() })
					c.Store = redisstore.New(redisstore.Config{Client: rdb})
				}
			})
			if tt.job != "" {
				h.wantError(h.call(http.MethodPost, images, `{"prompt":"x","webhook_url":"http://127.0.0.1/"}`), 400, "webhook_url", tt.job)
			}
			if a := h.call(http.MethodPost, "/v1/webhooks", `{"url":"http://127.0.0.1:9/a"}`); tt.own != "" {
				h.wantError(a, 403, "", tt.own)
			} else if a.status != 201 {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
}

func TestNoWebhooksHere(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.wantError(h.call(http.MethodPost, "/v1/webhooks", `{"url":"https://93.184.216.34/"}`), 404, "", "delivers no webhooks")
	h.wantError(h.call(http.MethodPost, images, `{"prompt":"x","webhook_url":"https://93.184.216.34/"}`), 400, "webhook_url", "delivers no webhooks")
}

func TestWebhookBody(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	d := &redisstore.Delivery{Job: "j", Seq: 9, Type: job.EventSucceeded, State: job.Succeeded, At: at}
	media := func(n int) (all []job.Media) {
		for i := range n {
			all = append(all, job.Media{Name: fmt.Sprintf("image-%d.png", i), Role: job.Primary, ContentType: "image/png", SHA256: strings.Repeat("a", 64)})
		}
		return all
	}
	log := func(n int) []job.Event { return make([]job.Event, n) }
	done := func(files int) *job.Job {
		return &job.Job{ID: "j", Secret: "s", State: job.Succeeded, Spec: job.Spec{Kind: job.Image, Model: "m"}, Media: media(files), Webhooks: &job.WebhookState{Pending: 1}}
	}
	failed := &job.Job{ID: "j", State: job.Failed, Spec: job.Spec{Kind: job.Image}, Failure: fault.New(fault.GenerationFailed, strings.Repeat("字", 9000))}
	for name, tt := range map[string]struct {
		origin string
		job    *job.Job
		log    []job.Event
		cut    []string
		files  int
	}{
		"usual":             {"https://o", done(2), log(9), nil, 2},
		"a long history":    {"https://o", done(2), log(900), []string{"data.timeline"}, 2},
		"many files":        {"https://o", done(90), log(9), []string{"data.timeline", "data.choices"}, 90},
		"too many files":    {"https://o", done(900), log(9), []string{"data.timeline", "data.choices", "data.media"}, 0},
		"a long failure":    {"https://o", failed, log(9), []string{"data.timeline", "data.error.message"}, 0},
		"gone":              {"https://o", nil, nil, []string{"data"}, 0},
		"by an absurd name": {"https://" + strings.Repeat("o", 5500), done(1), log(9), []string{"data.timeline", "data.choices", "data.media"}, 0},
		"by a longer one":   {"https://" + strings.Repeat("o", 60000), done(1), log(9), []string{"data"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body, err := server.WebhookBody(tt.origin, d, tt.job, tt.log)
			var e tintype.WebhookEvent
			if err == nil {
				err = json.Unmarshal(body, &e)
			}
			if err != nil || len(body) >= server.WebhookBytes {
				t.Fatalf("%d bytes, %v", len(body), err)
			}
			if e.Type != tintype.EventSucceeded || !e.Timestamp.Equal(at) || e.Data.ID != "j" || !e.Data.Status.Final() || len(e.Data.Media) != tt.files {
				t.Errorf("%+v", e)
			}
			if !slices.Equal(e.Truncated, tt.cut) {
				t.Errorf("told that %q are missing, want %q", e.Truncated, tt.cut)
			}
			if e.Data.Webhook != nil || tt.files > 0 && !strings.HasPrefix(e.Data.Media[0].URL, "https://o/v1/media/js/") {
				t.Errorf("%+v", e.Data)
			}
		})
	}
}
