package app

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/queue"
	"github.com/tintypehq/tintype/internal/worker"
)

// startWorker starts the worker; alone in its process it also shows its health.
func (p *parts) startWorker(ctx context.Context, group *errgroup.Group, alone bool) error {
	w := worker.New(p.workerConfig())
	p.roster.follow(w.SetAccounts)
	wound, over := context.WithCancel(context.WithoutCancel(ctx))
	if alone {
		if err := p.startHealth(ctx, wound, group); err != nil {
			over()
			return err
		}
	}
	group.Go(func() error {
		defer over()
		return w.Run(ctx)
	})
	p.log.InfoContext(ctx, "the worker works", "roles", p.Config.Worker.Roles, "version", p.Version)
	return nil
}

func (p *parts) workerConfig() worker.Config {
	c := p.Config
	polls := worker.Cadence{
		First: c.Video.Poll.First, Interval: c.Video.Poll.Interval, Growth: c.Video.Poll.Growth,
		Max: c.Video.Poll.MaxInterval, Jitter: c.Video.Poll.Jitter, Timeout: c.Video.Poll.Timeout,
	}
	out := worker.Config{
		Store: p.store, Ring: p.bells.Ring, Blobs: p.blobs, Listen: p.listenStage,
		Upstreams: map[string]worker.Upstream{},
		Kinds: map[job.Kind]worker.Kind{
			job.Image: {
				SubmitTimeout: c.Image.SubmitTimeout, MaxBytes: int64(c.Media.MaxImage), UnknownHold: c.Image.SubmitTimeout,
				HarvestEvery: c.Video.HarvestInterval, Poll: polls,
			},
			job.Video: {
				SubmitTimeout: c.Video.SubmitTimeout, MaxBytes: int64(c.Media.MaxVideo), UnknownHold: c.Video.UnknownHold,
				HarvestEvery: c.Video.HarvestInterval, Poll: polls,
			},
		},
		Webhooks:      p.workerWebhooks(),
		FenceObjects:  c.Worker.SubmitFence == config.FenceInBucket,
		SweepInterval: c.Worker.SweepInterval, StatusCalls: c.Worker.StatusConcurrency,
		StatusPerAcct: c.Worker.StatusConcurrencyPerAccount, Log: p.log, Tracer: p.tracer, Metrics: p.metrics,
	}
	for _, r := range c.Worker.Roles {
		out.Roles = append(out.Roles, worker.Role(r))
	}
	for name, srv := range p.services.byName {
		out.Upstreams[name] = worker.Upstream{
			Driver: srv.driver, Media: srv.media, Accounts: p.roster.of(name), VisibleWithin: srv.config.VisibilityLag,
			Resubmit: map[job.Kind]bool{
				job.Image: srv.config.OnUnknown.Image == config.Resubmit,
				job.Video: srv.config.OnUnknown.Video == config.Resubmit,
			},
		}
	}
	return out
}

// listenStage hears the bells of one stage.
func (p *parts) listenStage(stage job.Stage, handler func(context.Context, job.ID) error) (stop func(), err error) {
	c := p.Config.Worker
	concurrency := c.SubmitConcurrency
	switch stage {
	case job.StageMirror:
		concurrency = c.MirrorConcurrency
	case job.StageWebhook:
		concurrency = c.WebhookConcurrency
	case job.StageSubmit:
	}
	s := queue.NewServer(queue.ServerConfig{
		Redis: p.rdb, Tag: p.Config.Redis.KeyTag, Stage: stage, Handler: handler,
		Concurrency: concurrency, Grace: c.ShutdownGrace, Log: p.log,
	})
	return s.Stop, s.Start()
}

// startHealth serves a lone worker's health and metrics, until it has wound down: how
// its last submissions end is to be seen, too. From the end of ctx on it is not ready.
func (p *parts) startHealth(ctx, wound context.Context, group *errgroup.Group) error {
	ln, err := listen(ctx, "worker.addr", p.Config.Worker.Addr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { p.ready(ctx, w, r) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.metrics, promhttp.HandlerOpts{}))
	srv := &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
	group.Go(func() error { return serveUntil(wound, srv, ln) })
	p.log.InfoContext(ctx, "the worker's health is served", "addr", ln.Addr().String())
	if p.Ready != nil {
		p.Ready(ln.Addr().String())
	}
	return nil
}

// ready says whether the worker can work.
func (p *parts) ready(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	check, cancel := context.WithTimeout(r.Context(), 3*time.Second)
	defer cancel()
	switch {
	case ctx.Err() != nil:
		answer(w, http.StatusServiceUnavailable, "stopping")
	case p.store.Ping(check) != nil:
		answer(w, http.StatusServiceUnavailable, "redis is away")
	default:
		answer(w, http.StatusOK, "ready")
	}
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"status": text}) // the prober went away
}

// serveUntil serves until ctx ends.
func serveUntil(ctx context.Context, srv *http.Server, ln net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(ln); ctx.Err() == nil {
		return err
	}
	return nil
}
