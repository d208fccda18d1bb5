package server

import (
	"cmp"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/webhook"
	"github.com/tintypehq/tintype/pkg/tintype"
)

const (
	endpointPrefix      = "we_"
	maxDescriptionRunes = 200
)

func errNoWebhooks() error {
	return fault.New(fault.NotFound, "This server delivers no webhooks.")
}

// keepsSecrets refuses what needs a secret of an endpoint where none can be kept.
func (s *Server) keepsSecrets() error {
	switch {
	case s.cfg.Store.CanSeal():
		return nil
	case s.cfg.Webhooks.Signed:
		return fault.New(fault.PermissionDenied, "This server can keep no endpoint's secret, since its operator has set no security.keys. Send webhook_url with each request instead.")
	}
	return fault.New(fault.PermissionDenied, "This server has nothing to sign with: its operator must set security.keys, or webhooks.secret for webhook_url.")
}

func errNoEndpoint() error {
	return fault.New(fault.NotFound, "There is no such webhook endpoint. GET /v1/webhooks lists yours.")
}

// createEndpoint serves POST /v1/webhooks. The secret is shown here and never
// again.
func (s *Server) createEndpoint(c echo.Context) error {
	who, f, err := s.endpointCall(c)
	if err != nil {
		return err
	}
	change, err := s.readEndpoint(c, f)
	if err != nil {
		return err
	}
	if change.URL == nil {
		return fault.New(fault.Invalid, "url: required. Say where events are to be sent.").WithParam("url")
	}
	if change.Enabled != nil {
		return fault.New(fault.Invalid, "status: a new endpoint is enabled. Leave the field out.").WithParam("status")
	}
	e := redisstore.Endpoint{
		ID: endpointPrefix + string(job.NewID(time.Now())), Tenant: who.tenant, URL: *change.URL, Events: change.Events, Origin: s.origin(c),
	}
	if change.Description != nil {
		e.Description = *change.Description
	}
	if e.Events == nil {
		e.Events = job.FinalEventTypes()
	}
	if err := s.keepsSecrets(); err != nil {
		return err
	}
	secret := webhook.NewSecret()
	made, err := s.cfg.Store.AddEndpoint(c.Request().Context(), e, secret, cmp.Or(s.cfg.Webhooks.Endpoints, 16))
	if err != nil {
		return err
	}
	return s.answerWebhooks(c, http.StatusCreated, endpointView(made, secret))
}

// listEndpoints serves GET /v1/webhooks, oldest first.
func (s *Server) listEndpoints(c echo.Context) error {
	who, err := s.authenticate(c, ScopeRead)
	if err != nil {
		return err
	}
	list, err := s.cfg.Store.Endpoints(c.Request().Context(), who.tenant)
	if err != nil {
		return err
	}
	out := tintype.WebhookList[tintype.WebhookEndpoint]{Object: "list", Data: []tintype.WebhookEndpoint{}}
	for _, e := range list {
		out.Data = append(out.Data, endpointView(e, account.Secret{}))
	}
	return s.answerWebhooks(c, http.StatusOK, out)
}

// getEndpoint serves GET /v1/webhooks/{endpoint}.
func (s *Server) getEndpoint(c echo.Context) error {
	_, e, err := s.findEndpoint(c, ScopeRead)
	if err != nil {
		return err
	}
	return s.answerWebhooks(c, http.StatusOK, endpointView(e, account.Secret{}))
}

// changeEndpoint serves POST /v1/webhooks/{endpoint}: what is not named stays.
func (s *Server) changeEndpoint(c echo.Context) error {
	who, e, err := s.findEndpoint(c, ScopeGenerate)
	if err != nil {
		return err
	}
	_, f, err := s.endpointCall(c)
	if err != nil {
		return err
	}
	change, err := s.readEndpoint(c, f)
	if err != nil {
		return err
	}
	if change.URL != nil {
		origin := s.origin(c)
		change.Origin = &origin
	}
	if e, err = s.cfg.Store.ChangeEndpoint(c.Request().Context(), who.tenant, e.ID, change); err != nil {
		return err
	}
	return s.answerWebhooks(c, http.StatusOK, endpointView(e, account.Secret{}))
}

// deleteEndpoint serves DELETE /v1/webhooks/{endpoint}.
func (s *Server) deleteEndpoint(c echo.Context) error {
	who, e, err := s.findEndpoint(c, ScopeGenerate)
	if err != nil {
		return err
	}
	if err := s.cfg.Store.DropEndpoint(c.Request().Context(), who.tenant, e.ID); err != nil {
		return err
	}
	return s.answerWebhooks(c, http.StatusOK, tintype.DeletedWebhook{ID: e.ID, Object: tintype.ObjectWebhookEndpoint, Deleted: true})
}

// rotateEndpoint serves POST /v1/webhooks/{endpoint}/rotate: a new secret, beside
// which the old one signs for a while.
func (s *Server) rotateEndpoint(c echo.Context) error {
	who, e, err := s.findEndpoint(c, ScopeGenerate)
	if err != nil {
		return err
	}
	if err := s.keepsSecrets(); err != nil {
		return err
	}
	secret := webhook.NewSecret()
	both := cmp.Or(s.cfg.Webhooks.Rotation, 24*time.Hour)
	if e, err = s.cfg.Store.RotateEndpoint(c.Request().Context(), who.tenant, e.ID, secret, both); err != nil {
		return err
	}
	return s.answerWebhooks(c, http.StatusOK, endpointView(e, secret))
}

// testEndpoint serves POST /v1/webhooks/{endpoint}/test: one try of an event that
// says nothing, and what came of it.
func (s *Server) testEndpoint(c echo.Context) error {
	_, e, err := s.findEndpoint(c, ScopeGenerate)
	if err != nil {
		return err
	}
	if s.cfg.Webhooks.Sender == nil {
		return errNoWebhooks()
	}
	select {
	case s.tests <- struct{}{}:
		defer func() { <-s.tests }()
	default:
		return fault.New(fault.RateLimited, "Too many endpoints are being tested at the moment. Try again in a few seconds.").WithRetryAfter(5 * time.Second)
	}
	now := time.Now()
	body, err := testBody(e.ID, now)
	if err != nil {
		return err
	}
	t := s.cfg.Webhooks.Sender.Send(c.Request().Context(), webhook.Message{
		URL: e.URL, ID: "evt_test_" + string(job.NewID(now)), At: now, Body: body, Secrets: e.Secrets,
	})
	return s.answerWebhooks(c, http.StatusOK, attemptView(t.WebhookTry))
}

// endpointCall reads a call that makes or changes an endpoint.
func (s *Server) endpointCall(c echo.Context) (caller, fields, error) {
	who, err := s.authenticate(c, ScopeGenerate)
	switch {
	case err != nil:
		return who, nil, err
	case s.cfg.Webhooks.Sender == nil:
		return who, nil, errNoWebhooks()
	}
	f, free, err := s.readObject(c)
	defer free()
	out := fields{} // the body is given back; these are small
	for _, name := range []string{"url", "description", "events", "status"} {
		if v, ok := f[name]; ok {
			out[name] = append([]byte(nil), v...)
		}
	}
	return who, out, err
}

// readEndpoint reads what is to be changed in an endpoint.
func (s *Server) readEndpoint(c echo.Context, f fields) (change redisstore.EndpointChange, err error) {
	address, err := f.text("url")
	if err != nil {
		return change, err
	}
	if address = strings.TrimSpace(address); address != "" {
		if err := s.cfg.Webhooks.Sender.Check(c.Request().Context(), "url", address); err != nil {
			return change, err
		}
		change.URL = &address
	}
	description, err := f.text("description")
	switch n := utf8.RuneCountInString(description); {
	case err != nil:
		return change, err
	case n > maxDescriptionRunes:
		return change, fault.Newf(fault.Invalid, "description: has %d characters; the limit is %d.", n, maxDescriptionRunes).WithParam("description")
	case !f.missing("description"):
		change.Description = &description
	}
	if !f.missing("events") {
		if change.Events, err = readEvents(f, "events"); err != nil {
			return change, err
		}
	}
	status, err := f.text("status")
	switch {
	case err != nil:
		return change, err
	case status == tintype.WebhookEnabled || status == tintype.WebhookDisabled:
		enabled := status == tintype.WebhookEnabled
		change.Enabled = &enabled
	case status != "":
		return change, fault.Newf(fault.Invalid, "status: must be \"enabled\" or \"disabled\"; is %q.", clip(status)).WithParam("status")
	}
	return change, nil
}

// findEndpoint gives the caller's own endpoint under the id in the path.
func (s *Server) findEndpoint(c echo.Context, needs Scope) (caller, *redisstore.Endpoint, error) {
	who, err := s.authenticate(c, needs)
	if err != nil {
		return who, nil, err
	}
	id, ours := strings.CutPrefix(c.Param("endpoint"), endpointPrefix)
	if _, ok := job.ParseID(id); !ok || !ours {
		return who, nil, errNoEndpoint()
	}
	e, err := s.cfg.Store.Endpoint(c.Request().Context(), who.tenant, endpointPrefix+id)
	return who, e, err
}

func endpointView(e *redisstore.Endpoint, secret account.Secret) tintype.WebhookEndpoint {
	v := tintype.WebhookEndpoint{
		ID: e.ID, Object: tintype.ObjectWebhookEndpoint, URL: e.URL, Description: e.Description, Status: tintype.WebhookDisabled,
		CreatedAt: e.CreatedAt, Secret: secret.Reveal(), OldSecretUntil: moment(e.OldUntil),
	}
	for _, t := range e.Events {
		v.Events = append(v.Events, tintype.EventType(t))
	}
	switch {
	case e.Enabled:
		v.Status = tintype.WebhookEnabled
	case e.Gone:
		v.Reason = "gone"
	}
	return v
}
