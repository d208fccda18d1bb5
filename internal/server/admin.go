package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/queue"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// Admin is what the operator's routes stand on. They exist only if a gateway key
// has the scope for them.
type Admin struct {
	// Queues tells how the queues stand. Nil: the route is missing.
	Queues func(context.Context) ([]queue.Stat, error)

	// Dashboard is a page at AdminDashboard. Nil: none. It is given only callers
	// with the scope.
	Dashboard http.Handler
}

// AdminDashboard is the path of Asynq's own dashboard.
const AdminDashboard = "/admin/queues"

// adminRoutes adds the operator's routes, if somebody may call them.
func (s *Server) adminRoutes(e *echo.Echo) {
	if !slices.ContainsFunc(s.cfg.Auth.Keys, func(k GatewayKey) bool { return slices.Contains(k.Scopes, ScopeAdmin) }) {
		return
	}
	g := e.Group("/admin/v1", s.operator)
	g.GET("/accounts", s.adminAccounts)
	g.GET("/accounts/:id", s.adminAccount)
	g.POST("/accounts/:id/test", s.adminTest)
	for _, what := range []redisstore.Switch{redisstore.Enable, redisstore.Disable, redisstore.Drain, redisstore.Clear} {
		g.POST("/accounts/:id/"+string(what), s.adminSwitch(what))
	}
	g.GET("/upstreams", s.adminUpstreams)
	g.POST("/upstreams/:name/pause", s.adminPause(true))
	g.POST("/upstreams/:name/resume", s.adminPause(false))
	g.GET("/lines", s.adminLines)
	g.GET("/jobs/:id", s.adminJob)
	if s.cfg.Admin.Queues != nil {
		g.GET("/queues", s.adminQueues)
	}
	if page := s.cfg.Admin.Dashboard; page != nil {
		for _, path := range []string{AdminDashboard, AdminDashboard + "/*"} {
			e.GET(path, echo.WrapHandler(page), s.operator)
		}
	}
}

// operator lets those in whose key has the admin scope. A browser may send the key
// as the password of HTTP's basic authentication.
func (s *Server) operator(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Request().Header
		if key, ok := basicPassword(h.Get(echo.HeaderAuthorization)); ok {
			h.Set(echo.HeaderAuthorization, "Bearer "+key)
		}
		if _, err := s.authenticate(c, ScopeAdmin); err != nil {
			if fault.Is(err, fault.Unauthenticated) && strings.HasPrefix(c.Request().URL.Path, AdminDashboard) {
				c.Response().Header().Set(echo.HeaderWWWAuthenticate, `Basic realm="tintype"`)
			}
			return err
		}
		c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
		return next(c)
	}
}

// basicPassword reads the password out of a basic authorization.
func basicPassword(header string) (string, bool) {
	scheme, text, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", false
	}
	plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	_, password, ok := strings.Cut(string(plain), ":")
	return password, err == nil && ok
}

// upstreamNames gives the upstreams, sorted.
func (s *Server) upstreamNames() []string { return slices.Sorted(maps.Keys(s.cfg.Drivers)) }

func (s *Server) adminAccounts(c echo.Context) error {
	list := []tintype.AdminAccount{}
	for _, name := range s.upstreamNames() {
		accounts, err := s.cfg.Store.Accounts(c.Request().Context(), name)
		if err != nil {
			return err
		}
		for _, a := range accounts {
			list = append(list, viewAccount(a))
		}
	}
	s.writeJSON(c, http.StatusOK, listOf(list))
	return nil
}

// listOf is OpenAI's shape of a list.
func listOf[T any](data []T) map[string]any { return map[string]any{"object": "list", "data": data} }

func errNoAccount(id string) error {
	return fault.Newf(fault.NotFound, "There is no account %q. GET /admin/v1/accounts lists them.", clip(id)).WithParam("id")
}

func (s *Server) findAccount(c echo.Context) (redisstore.AccountState, error) {
	id := c.Param("id")
	for _, name := range s.upstreamNames() {
		accounts, err := s.cfg.Store.Accounts(c.Request().Context(), name)
		if err != nil {
			return redisstore.AccountState{}, err
		}
		for _, a := range accounts {
			if a.ID == id {
				return a, nil
			}
		}
	}
	return redisstore.AccountState{}, errNoAccount(id)
}

func (s *Server) adminAccount(c echo.Context) error {
	a, err := s.findAccount(c)
	if err != nil {
		return err
	}
	view := viewAccount(a)
	remarks, err := s.cfg.Store.History(c.Request().Context(), a.ID)
	if err != nil {
		return err
	}
	for _, r := range remarks {
		view.History = append(view.History, tintype.AdminRemark{
			At: r.At, What: r.What, Cause: string(r.Cause), Model: r.Model, Until: moment(r.Ends), Parked: r.Parked, Evidence: r.Evidence,
		})
	}
	s.writeJSON(c, http.StatusOK, view)
	return nil
}

func (s *Server) adminSwitch(what redisstore.Switch) echo.HandlerFunc {
	return func(c echo.Context) error {
		bells, err := s.cfg.Store.Switch(c.Request().Context(), c.Param("id"), what)
		if err != nil {
			return err
		}
		s.ringAll(c.Request().Context(), bells)
		s.cfg.Log.InfoContext(c.Request().Context(), "an operator has changed an account", "account", c.Param("id"), "what", what)
		return s.adminAccount(c)
	}
}

// ringAll rings bells. The sweeper rings again for those that fail.
func (s *Server) ringAll(ctx context.Context, bells []job.Bell) {
	if len(bells) == 0 {
		return
	}
	if err := s.cfg.Ring(ctx, bells...); err != nil {
		s.cfg.Log.WarnContext(ctx, "the workers could not be woken", "err", err)
	}
}

// testTime is how long an account's test call may take.
const testTime = 20 * time.Second

func (s *Server) adminTest(c echo.Context) error {
	id := c.Param("id")
	a, ok := s.pooled.find(id)
	if !ok {
		return errNoAccount(id)
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), testTime)
	defer cancel()
	began := time.Now()
	err := s.cfg.Drivers[a.Upstream].Check(ctx, a)
	view := tintype.AdminTest{OK: err == nil, Millis: time.Since(began).Milliseconds()}
	if err != nil {
		e := upstream.AsError(err)
		view.Class, view.Evidence = string(e.Class), fault.From(e).Message
	}
	s.writeJSON(c, http.StatusOK, view)
	return nil
}

func (s *Server) adminUpstreams(c echo.Context) error {
	list := []tintype.AdminUpstream{}
	for _, name := range s.upstreamNames() {
		view, err := s.viewUpstream(c.Request().Context(), name)
		if err != nil {
			return err
		}
		list = append(list, view)
	}
	s.writeJSON(c, http.StatusOK, listOf(list))
	return nil
}

func (s *Server) viewUpstream(ctx context.Context, name string) (tintype.AdminUpstream, error) {
	p, err := s.cfg.Store.Pool(ctx, name)
	v := tintype.AdminUpstream{
		Name: name, State: "open", Cause: string(p.Cause), CoolsUntil: moment(p.Cools), Waiting: p.Waiting, Accounts: s.pooled.count(name),
	}
	switch {
	case p.Paused:
		v.State = "paused"
	case !p.Cools.IsZero():
		v.State = "cooling"
	case p.HalfOpen:
		v.State = "canary"
	}
	return v, err
}

func (s *Server) adminPause(stop bool) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, name := c.Request().Context(), c.Param("name")
		if s.cfg.Drivers[name] == nil {
			return fault.Newf(fault.NotFound, "There is no upstream %q. GET /admin/v1/upstreams lists them.", clip(name)).WithParam("name")
		}
		bells, err := s.cfg.Store.Pause(ctx, name, stop)
		if err != nil {
			return err
		}
		s.ringAll(ctx, bells)
		s.cfg.Log.InfoContext(ctx, "an operator has changed an upstream", "upstream", name, "paused", stop)
		view, err := s.viewUpstream(ctx, name)
		if err != nil {
			return err
		}
		s.writeJSON(c, http.StatusOK, view)
		return nil
	}
}

func (s *Server) adminLines(c echo.Context) error {
	lines, err := s.cfg.Store.Lines(c.Request().Context())
	if err != nil {
		return err
	}
	list := make([]tintype.AdminLine, 0, len(lines))
	for _, l := range lines {
		list = append(list, tintype.AdminLine(l))
	}
	s.writeJSON(c, http.StatusOK, listOf(list))
	return nil
}

func (s *Server) adminQueues(c echo.Context) error {
	stats, err := s.cfg.Admin.Queues(c.Request().Context())
	if err != nil {
		return err
	}
	list := make([]tintype.AdminQueue, 0, len(stats))
	for _, q := range stats {
		list = append(list, tintype.AdminQueue{
			Stage: string(q.Stage), Pending: q.Pending, Active: q.Active, Retry: q.Retry, Scheduled: q.Scheduled,
			Archived: q.Archived, LatencySeconds: q.LatencySeconds,
		})
	}
	s.writeJSON(c, http.StatusOK, listOf(list))
	return nil
}

// adminJob shows anybody's job with its whole record and log.
func (s *Server) adminJob(c echo.Context) error {
	ctx := c.Request().Context()
	id, ok := job.ParseID(c.Param("id"))
	if !ok {
		return errNoJob()
	}
	j, err := s.load(ctx, id)
	if err != nil {
		return err
	}
	view := tintype.AdminJob{Tenant: j.Tenant, Record: map[string]json.RawMessage{}}
	log, err := s.cfg.Store.Events(ctx, id, 0)
	if err != nil {
		return err
	}
	view.Job = viewJob(s.origin(c), j, log)
	view.Job.Queue = s.queueOf(ctx, j)
	view.Job.ETA = s.etaOf(ctx, j, view.Job.Queue)
	for _, e := range log {
		one := tintype.AdminEvent{Seq: e.Seq, Type: string(e.Type), At: e.Time, Status: string(statusWord(e.State)), Phase: string(e.Phase)}
		if e.Failure != nil {
			one.Failure = string(e.Failure.Code)
		}
		view.Events = append(view.Events, one)
	}
	record, err := s.cfg.Store.Record(ctx, id)
	if err != nil && !fault.Is(err, fault.NotFound) { // the archive has it alone
		return err
	}
	for field, value := range record {
		view.Record[field] = rawField(value)
	}
	s.writeJSON(c, http.StatusOK, view)
	return nil
}

// rawField shows what is JSON in a record as JSON, and anything else as text.
func rawField(value string) json.RawMessage {
	if (strings.HasPrefix(value, "{") || strings.HasPrefix(value, "[")) && json.Valid([]byte(value)) {
		return json.RawMessage(value)
	}
	text, _ := json.Marshal(value) // a string always can
	return text
}
