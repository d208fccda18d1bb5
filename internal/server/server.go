// Package server is the HTTP API: it lets callers in, turns their requests into
// jobs, and keeps them company until the result is there, in whatever way they
// can receive it.
//
//	create.go   a request becomes a job: auth.go, body.go, decode.go, media_request.go, image_input.go
//	keep.go     for how long a job is kept
//	repeat.go   what a request is known by when it comes again (canonical.go); attach.go gives it the job it has
//	await.go    waiting for a job, in one of places.go; wait.go answers blocking calls, async.go those that prefer 202, as long as announced.go says
//	stream.go   following a job's log, told as chunks (chunks.go) or as events (events.go)
//	cancel.go   ending a job before its time
//	webhooks.go telling receivers: what they are sent (webhook_body.go), endpoints, deliveries
//	jobs.go     a job as it stands, joblist.go several; view.go and result.go give answers their shape
//	media.go    the stored files, content.go the same with a credential; delete.go takes them away
//	doors.go    other ways in and out, to the same jobs: videos.go, edits.go, newapi.go; form.go reads forms
//	files.go    pictures that are uploaded for later requests
//	chat.go     chat, which is no job: answered inline
//	errors.go   every error's way to the caller; observe.go its way to the log
//
// The server keeps nothing in memory that another process would need, so any
// number of them can run side by side. Echo is known here and nowhere else.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
)

// Server is the HTTP API. Make one with [New].
type Server struct {
	cfg     Config
	echo    *echo.Echo
	metrics *metrics
	checks  *credentialChecks
	pooled  *pooled
	eta     *estimator
	bucket  *bucketCheck
	bodies  *bodyBudget
	doors   *doorkeeper
	tests   chan struct{} // of webhook endpoints, that are under way

	places   *places       // where callers wait for a job
	stopping atomic.Bool   // not ready any more
	handover chan struct{} // closed when waiting callers must be let go
	release  func()        // closes handover, once
}

// errStopping is why calls end that outlast the grace of a shutdown.
var errStopping = errors.New("server: stopping")

// New builds a server that is ready to serve. Its error names what the
// configuration lacks.
func New(c Config) (*Server, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	m, err := newMetrics(c.Metrics, c.Limits.Waiting, c.Log)
	if err != nil {
		return nil, fmt.Errorf("server: metrics: %w", err)
	}
	s := &Server{
		cfg: c, metrics: m, checks: newCredentialChecks(), pooled: newPooled(),
		bucket: &bucketCheck{check: c.Blobs.Check, up: m.bucket}, handover: make(chan struct{}), tests: make(chan struct{}, testsAtOnce),
		places: newPlaces(c.Limits.Waiting, c.Limits.WaitingOfOne),
		bodies: &bodyBudget{most: c.Limits.BodyBudget}, doors: &doorkeeper{most: int64(c.Limits.Connections), metrics: m},
	}
	s.eta = &estimator{took: c.Store.Took, slots: s.slotsFor}
	s.release = sync.OnceFunc(func() { close(s.handover) })
	s.echo = s.routes()
	return s, nil
}

// check finds what would only show when a caller comes.
func (c Config) check() error {
	missing := func(name string, absent bool) error {
		if !absent {
			return nil
		}
		return fmt.Errorf("server: Config.%s is missing", name)
	}
	const leastSecret = 16
	return errors.Join(
		missing("Store", c.Store == nil), missing("News", c.News == nil), missing("Ring", c.Ring == nil),
		missing("Blobs", c.Blobs == nil), missing("Models", c.Models == nil), missing("Inputs", c.Inputs == nil),
		missing("Delivery.Presigner", c.Delivery.Mode == Redirect && c.Delivery.Presigner == nil),
		missing("Auth.TenantSecret (16 bytes or more)", c.Auth.PassThrough && len(c.Auth.TenantSecret) < leastSecret),
	)
}

// ServeHTTP serves one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.Path, "//") {
		collapse(r)
	}
	s.echo.ServeHTTP(w, r)
}

// collapse makes one slash of several: base URLs are pasted with and without
// one at their end.
func collapse(r *http.Request) {
	url := *r.URL
	for strings.Contains(url.Path, "//") {
		url.Path = strings.ReplaceAll(url.Path, "//", "/")
	}
	for strings.Contains(url.RawPath, "//") {
		url.RawPath = strings.ReplaceAll(url.RawPath, "//", "/")
	}
	r.URL = &url
}

// Run serves a listener until ctx ends, then stops in order: not ready, no new
// calls, and whoever still waits has until shortly before the end of grace to
// get its result. After that streams end between two events and blocking calls
// get their job's id, so that both can go on elsewhere. It returns nil after
// such an end.
func (s *Server) Run(ctx context.Context, ln net.Listener, grace time.Duration) error {
	base, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	srv := &http.Server{
		Handler:           s,
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: s.cfg.Limits.HeaderTime,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    s.cfg.Limits.HeaderBytes,
		ConnState:         s.doors.watch,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug), // broken handshakes and the like
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	select {
	case err := <-served:
		return fmt.Errorf("server: %w", err)
	case <-ctx.Done():
	}
	s.stop(context.WithoutCancel(ctx), srv, grace, stop)
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("server: %w", err)
	}
	return nil
}

// stop is what Run does after its context has ended.
func (s *Server) stop(ctx context.Context, srv *http.Server, grace time.Duration, cut context.CancelCauseFunc) {
	s.stopping.Store(true)
	s.cfg.Log.InfoContext(ctx, "stopping", "grace", grace.String())
	time.Sleep(min(s.cfg.Shutdown.Delay, grace/2))
	ctx, cancel := context.WithTimeout(ctx, grace-min(s.cfg.Shutdown.Delay, grace/2))
	defer cancel()
	letGo := time.AfterFunc(untilHandover(ctx), s.release)
	defer letGo.Stop()
	if err := srv.Shutdown(ctx); err != nil {
		cut(errStopping)
		s.cfg.Log.WarnContext(ctx, "calls were cut at the end of the grace", "err", err)
		_ = srv.Close() // it closes connections; there is nothing to do about one that will not
	}
	s.release()
}

// untilHandover leaves the last fifth of the grace for saying goodbye: from 1 s,
// or half of a very short grace, to 2 s.
func untilHandover(ctx context.Context) time.Duration {
	deadline, _ := ctx.Deadline()
	left := time.Until(deadline)
	return left - goodbye(left)
}

func goodbye(left time.Duration) time.Duration {
	return min(2*time.Second, max(left/5, min(time.Second, left/2)))
}
