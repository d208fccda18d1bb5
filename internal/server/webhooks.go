package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/webhook"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// Webhooks says what callers may have told to receivers. The worker tells it.
type Webhooks struct {
	// Sender checks addresses and sends tests. Nil: there are no webhooks here.
	Sender *webhook.Sender

	// Signed: there is a secret for what goes to a job's own webhook_url.
	Signed bool

	Rotation  time.Duration // how long two secrets sign after a rotation; zero: 24 h
	Endpoints int           // most of one tenant; zero: 16
}

// testsAtOnce is how many tests of endpoints this server sends at once.
const testsAtOnce = 16

func (s *Server) webhookRoutes(e *echo.Echo) {
	e.POST("/v1/webhooks", s.createEndpoint)
	e.GET("/v1/webhooks", s.listEndpoints)
	e.GET("/v1/webhooks/:endpoint", s.getEndpoint)
	e.POST("/v1/webhooks/:endpoint", s.changeEndpoint)
	e.DELETE("/v1/webhooks/:endpoint", s.deleteEndpoint)
	e.POST("/v1/webhooks/:endpoint/rotate", s.rotateEndpoint)
	e.POST("/v1/webhooks/:endpoint/test", s.testEndpoint)
	e.GET("/v1/jobs/:id/deliveries", s.listDeliveries)
	e.POST("/v1/jobs/:id/deliveries/:delivery/redeliver", s.redeliver)
}

// readWebhook reads where the caller of a job wants to be told; nil if nowhere.
func (s *Server) readWebhook(c echo.Context, f fields) (*job.Webhook, error) {
	address, err := f.text("webhook_url")
	if err != nil {
		return nil, err
	}
	events, err := readEvents(f, "webhook_events")
	address = strings.TrimSpace(address)
	switch {
	case err != nil:
		return nil, err
	case address == "" && !f.missing("webhook_events"):
		return nil, fault.New(fault.Invalid, "webhook_events: says nothing without webhook_url. Name the address, or leave the field out: the endpoints of /v1/webhooks have events of their own.").WithParam("webhook_events")
	case address == "":
		return nil, nil //nolint:nilnil // the caller wants none
	case s.cfg.Webhooks.Sender == nil:
		return nil, fault.New(fault.Invalid, "webhook_url: this server delivers no webhooks.").WithParam("webhook_url")
	case !s.cfg.Webhooks.Signed && s.cfg.Store.CanSeal():
		return nil, fault.New(fault.Invalid, "webhook_url: this server has no secret to sign with (setting webhooks.secret). Its operator can set one; or make an endpoint with a secret of your own: POST /v1/webhooks.").WithParam("webhook_url")
	case !s.cfg.Webhooks.Signed:
		return nil, fault.New(fault.Invalid, "webhook_url: this server has nothing to sign with: its operator must set webhooks.secret, or security.keys for endpoints with secrets of their own.").WithParam("webhook_url")
	}
	if err := s.cfg.Webhooks.Sender.Check(c.Request().Context(), "webhook_url", address); err != nil {
		return nil, err
	}
	return &job.Webhook{URL: address, Events: events, Origin: s.origin(c)}, nil
}

// readEvents reads names of events; without any those of a job's end.
func readEvents(f fields, name string) ([]job.EventType, error) {
	if f.missing(name) {
		return job.FinalEventTypes(), nil
	}
	var words []string
	if json.Unmarshal(f[name], &words) != nil {
		return nil, wrongType(name, "a list of names of events", f[name])
	}
	allowed := strings.ReplaceAll(job.JoinEventTypes(job.EventTypes()), ",", ", ")
	events, wrong := job.ParseEventTypes(words)
	switch {
	case wrong >= 0:
		param := fmt.Sprintf("%s[%d]", name, wrong)
		return nil, fault.Newf(fault.Invalid, "%s: there is no event %q. Allowed: %s.", param, clip(words[wrong]), allowed).WithParam(param)
	case len(events) == 0:
		return nil, fault.Newf(fault.Invalid, "%s: is empty. Leave it out for the events of a job's end, or name some of: %s.", name, allowed).WithParam(name)
	}
	return events, nil
}

// listDeliveries serves GET /v1/jobs/{id}/deliveries, newest event first.
func (s *Server) listDeliveries(c echo.Context) error {
	j, err := s.findJob(c, ScopeRead)
	if err != nil {
		return err
	}
	list, err := s.cfg.Store.Deliveries(c.Request().Context(), j.ID)
	if err != nil {
		return err
	}
	out := tintype.WebhookList[tintype.WebhookDelivery]{Object: "list", Data: []tintype.WebhookDelivery{}}
	for _, d := range slices.Backward(list) {
		if d.Tenant == j.Tenant {
			out.Data = append(out.Data, deliveryView(d))
		}
	}
	return s.answerWebhooks(c, http.StatusOK, out)
}

// redeliver serves POST /v1/jobs/{id}/deliveries/{delivery}/redeliver: all tries
// begin anew, the first of them now.
func (s *Server) redeliver(c echo.Context) error {
	j, err := s.findJob(c, ScopeGenerate)
	if err != nil {
		return err
	}
	d, err := s.cfg.Store.Redeliver(c.Request().Context(), j.ID, c.Param("delivery"))
	if err != nil {
		return err
	}
	return s.answerWebhooks(c, http.StatusAccepted, deliveryView(d))
}

func (s *Server) answerWebhooks(c echo.Context, status int, v any) error {
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	s.writeJSON(c, status, v)
	return nil
}

func deliveryView(d *redisstore.Delivery) tintype.WebhookDelivery {
	v := tintype.WebhookDelivery{
		ID: d.Name(), Object: tintype.ObjectWebhookDelivery, EventID: job.WebhookID(d.Job, d.Seq), Type: tintype.EventType(d.Type),
		Status: string(d.Status), CreatedAt: d.At, FinishedAt: moment(d.Ended), AttemptsAll: d.Attempts,
	}
	if d.To != redisstore.OwnAddress {
		v.Endpoint = &d.To
	}
	if d.Status == redisstore.DeliveryPending {
		v.NextAt = moment(d.Due)
	}
	for _, t := range d.Shown {
		t.Deliver = ""
		v.Attempts = append(v.Attempts, attemptView(t))
	}
	return v
}

func attemptView(t job.WebhookTry) tintype.WebhookAttempt {
	v := tintype.WebhookAttempt{At: t.At, Status: t.Status, DurationMS: t.Took.Milliseconds(), Delivery: t.Deliver}
	if t.Error != "" {
		v.Error = &t.Error
	}
	return v
}

// webhookView is how a job's deliveries stand; nil if there are none.
func webhookView(w *job.WebhookState) *tintype.WebhookState {
	if w == nil {
		return nil
	}
	v := &tintype.WebhookState{Pending: w.Pending, Delivered: w.Delivered, Failed: w.Failed}
	if w.Last != nil {
		last := attemptView(*w.Last)
		v.LastFailure = &last
	}
	return v
}
