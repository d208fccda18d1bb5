package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/archive"
	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/internal/fetch"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/internal/upstream"
)

// startAPI starts the API and its ear for news of jobs.
func (p *parts) startAPI(ctx context.Context, group *errgroup.Group) error {
	news := p.store.NewNews(p.Config.Wait.Recheck)
	sc, closeInputs, err := p.serverConfig()
	if err != nil {
		return err
	}
	sc.News = news
	srv, err := server.New(sc)
	if err != nil {
		closeInputs()
		return err
	}
	p.roster.follow(srv.SetAccounts)
	ln, err := listen(ctx, "server.addr", p.Config.Server.Addr)
	if err != nil {
		closeInputs()
		return err
	}
	hearing, deaf := context.WithCancel(context.WithoutCancel(ctx)) // callers still wait while the server stops
	group.Go(func() error {
		_ = news.Run(hearing) // ends with its context alone
		return nil
	})
	group.Go(func() error {
		defer closeInputs()
		defer deaf()
		return srv.Run(ctx, ln, p.Config.Server.ShutdownGrace)
	})
	collectForWaiters()
	p.log.InfoContext(ctx, "the API listens", "addr", ln.Addr().String(), "version", p.Version)
	if p.Ready != nil {
		p.Ready(ln.Addr().String())
	}
	return nil
}

func (p *parts) serverConfig() (server.Config, func(), error) {
	c := p.Config
	keys, err := gatewayKeys(c.Auth.Keys)
	if err != nil {
		return server.Config{}, nil, err
	}
	inputs := fetch.New(fetch.Config{
		AllowPrivate: c.Fetch.AllowPrivate, AllowHTTP: true, MaxBytes: int64(c.Limits.ImageBytes),
		Timeout: c.Fetch.Timeout, MaxRedirects: orNone(c.Fetch.MaxRedirects),
	})
	sc := server.Config{
		Store: p.store, Ring: p.bells.Ring, Blobs: p.blobs, Models: p.services.registry, Inputs: inputs,
		Archive: func(ctx context.Context, id job.ID) (*job.Job, error) { return archive.Load(ctx, p.blobs, id) },
		Drivers: map[string]upstream.Driver{}, PassThroughMaxInFlight: map[string]int{},
		Auth: server.Auth{
			Keys: keys, AllowPooled: c.PooledOpen(), PassThrough: c.Auth.PassThrough, TenantSecret: tenantSecret(c.Auth.TenantSecret),
		},
		Wait: server.Wait{
			Mode: server.WaitMode(c.Wait.Mode), Silence: orNone(c.Wait.Silence), Space: c.Wait.Interval, Window: c.Wait.Window,
			MaxPrefer: c.Wait.MaxPrefer, Recheck: c.Wait.Recheck, Beat: c.Wait.SSEHeartbeat,
		},
		Limits: server.Limits{
			BodyBytes: int64(c.Limits.Body), BodyBudget: int64(c.Limits.BodyBudget), HeaderBytes: int(c.Limits.HeaderBytes),
			PromptRunes: c.Limits.PromptRunes, ImageBytes: int64(c.Limits.ImageBytes), ImagePixels: c.Limits.ImagePixels,
			Messages: c.Limits.ChatMessages, Waiting: c.Limits.WaitingPerProcess, WaitingOfOne: c.Limits.WaitingPerTenant, Connections: c.Limits.Connections,
			FetchTime: c.Fetch.Timeout, ReadStall: c.Limits.ReadStall, WriteStall: c.Limits.WriteStall,
		},
		Jobs: server.JobTimes{
			ImageDeadline: c.Image.Deadline, VideoDeadline: c.Video.Deadline, ImageHarvest: c.Image.Harvest, VideoHarvest: c.Video.Harvest, Retention: c.Retention.Jobs,
			LeastRetention: c.Retention.Min, MostRetention: c.Retention.Max,
		},
		Repeats: server.Repeats{
			KeyFor: c.Retention.Idempotency, Absorb: orNone(c.Retention.Absorb), Secret: []byte(c.Auth.TenantSecret.Reveal()),
		},
		FileRetention: c.Retention.Files,
		Fairness: server.Fairness{
			ImageCost: c.Fairness.ImageCost, VideoCost: c.Fairness.VideoCost, Limits: tenantLimits(c.Fairness.Tenant),
		},
		Admin:       server.Admin{Queues: p.monitor.Queues, Dashboard: p.monitor.Page(server.AdminDashboard)},
		Webhooks:    p.serverWebhooks(),
		Shutdown:    server.Shutdown{Delay: c.Server.ShutdownDelay},
		Delivery:    server.Delivery{Mode: server.DeliveryMode(c.Media.Delivery), TTL: c.Media.PresignTTL},
		CORSOrigins: c.Server.CORS.AllowedOrigins, PublicURL: c.Server.PublicURL, TrustForwarded: c.Server.TrustForwarded,
		Log: p.log, Tracer: p.tracer, Metrics: p.metrics, Version: p.Version,
	}
	if signer, ok := p.blobs.(blob.Presigner); ok {
		sc.Delivery.Presigner = signer
	}
	for name, srv := range p.services.byName {
		sc.Drivers[name] = srv.driver
		sc.PassThroughMaxInFlight[name] = srv.config.PassThroughMaxInFlight
	}
	return sc, inputs.Close, nil
}

// orNone tells a package whose zero value is a default that zero means none.
func orNone[T int | time.Duration](v T) T {
	if v == 0 {
		return -1
	}
	return v
}

func tenantLimits(l config.TenantLimits) redisstore.TenantLimits {
	return redisstore.TenantLimits{Running: l.MaxRunning, PerMinute: l.RequestsPerMinute, Waiting: l.MaxWaiting}
}

func gatewayKeys(keys []config.GatewayKey) ([]server.GatewayKey, error) {
	out := make([]server.GatewayKey, 0, len(keys))
	for i, k := range keys {
		sum, err := hex.DecodeString(k.SHA256)
		if err != nil || len(sum) != sha256.Size {
			return nil, fmt.Errorf("auth.keys[%d].sha256: must be 64 hexadecimal digits", i)
		}
		gk := server.GatewayKey{
			Name: k.Name, Mode: server.WaitMode(k.WaitMode), SHA256: [sha256.Size]byte(sum), Priority: job.Priority(k.Priority),
			Limits: redisstore.TenantLimits{Running: k.MaxRunning, PerMinute: k.RequestsPerMinute, Waiting: k.MaxWaiting},
		}
		for _, scope := range k.Scopes {
			gk.Scopes = append(gk.Scopes, server.Scope(scope))
		}
		out = append(out, gk)
	}
	return out, nil
}

// tenantSecret is the configured one, or one that lasts as long as the process.
func tenantSecret(s account.Secret) []byte {
	if s.IsZero() {
		return []byte(rand.Text())
	}
	return []byte(s.Reveal())
}
