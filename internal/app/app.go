// Package app wires the programs: it turns settings into stores, drivers, a
// server and a worker, starts what was asked for and takes it down in the right
// order. cmd/api, cmd/worker and `tintype run` differ only in which of them
// they start.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/internal/queue"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/telemetry"
	"github.com/tintypehq/tintype/internal/webhook"
)

// Program is one of the programs.
type Program string

// The programs.
const (
	API    Program = "api"
	Worker Program = "worker"
	All    Program = "tintype" // API and worker in one process
)

// Options are what a program is started with beside its settings.
type Options struct {
	Config *config.Config

	// Source is where Config came from, to be read again when its file changes or
	// SIGHUP comes. Nil: never.
	Source *config.Source

	Stderr io.Writer // the log

	// Ready, if set, is called once with the address that the API listens on
	// (the worker's health address for the worker), when calls are taken.
	Ready func(addr string)

	Version string
}

// Run runs a program until ctx ends and then takes it down gracefully. Nil
// after a graceful end.
func Run(ctx context.Context, program Program, o Options) error {
	level := new(slog.LevelVar)
	level.Set(o.Config.Log.Level.Slog())
	log := newLog(o.Config.Log, level, o.Stderr, string(program))
	redis.SetLogger(redisLog{log})
	stopSim := func() {}
	if o.Config.Sim.Enabled {
		stop, err := startSim(ctx, o.Config, log)
		if err != nil {
			return err
		}
		stopSim = stop
	}
	defer stopSim()
	tracer, flush, err := openTracer(ctx, o, program, log)
	if err != nil {
		return err
	}
	defer flush()
	p, err := openParts(ctx, o, log)
	if err != nil {
		return err
	}
	defer p.close()
	p.level, p.tracer = level, tracer
	return p.run(ctx, program)
}

// openTracer opens the traces, and gives the way to send the last of them.
func openTracer(ctx context.Context, o Options, program Program, log *slog.Logger) (trace.Tracer, func(), error) {
	t := o.Config.Telemetry.Traces
	return telemetry.NewTracer(ctx, telemetry.Traces{
		Endpoint: t.Endpoint, Sample: t.Sample, Program: string(program), Version: o.Version,
		Failed: func(err error) {
			log.WarnContext(ctx, "traces were not taken and are dropped", "setting", "telemetry.traces.endpoint", "err", err)
		},
	})
}

// parts is everything that the API and the worker stand on.
type parts struct {
	Options

	log      *slog.Logger
	level    *slog.LevelVar // of log
	tracer   trace.Tracer
	metrics  *prometheus.Registry
	rdb      redis.UniversalClient
	store    *redisstore.Store
	bells    *queue.Client
	monitor  *queue.Monitor
	blobs    blob.Store
	sender   *webhook.Sender
	services *services
	roster   *roster
	closers  []func() // in order of opening
}

func openParts(ctx context.Context, o Options, log *slog.Logger) (p *parts, err error) {
	p = &parts{Options: o, log: log, metrics: prometheus.NewRegistry()}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	p.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	rdb, closeRedis, err := openRedis(o.Config.Redis)
	if err != nil {
		return p, err
	}
	p.rdb, p.closers = rdb, append(p.closers, closeRedis)
	keys, err := keyRing(o.Config)
	if err != nil {
		return p, err
	}
	p.store = redisstore.New(redisstore.Config{Client: rdb, Tag: o.Config.Redis.KeyTag, Lease: o.Config.Worker.Lease, Keys: keys})
	p.bells, p.monitor = queue.NewClient(rdb, o.Config.Redis.KeyTag), queue.NewMonitor(rdb, o.Config.Redis.KeyTag)
	blobs, closeBlobs, err := openStorage(ctx, o.Config)
	if err != nil {
		return p, err
	}
	p.blobs, p.closers = blobs, append(p.closers, closeBlobs)
	p.sender = newSender(o.Config)
	p.closers = append(p.closers, p.sender.Close)
	if p.services, err = openServices(o.Config); err != nil {
		return p, err
	}
	p.closers = append(p.closers, p.services.Close)
	p.roster = &roster{all: map[string][]account.Account{}}
	for name, srv := range p.services.byName {
		p.roster.all[name] = accountsOf(srv.config)
	}
	return p, nil
}

// close closes in the reverse order of opening, so that Redis goes last.
func (p *parts) close() {
	for _, closePart := range slices.Backward(p.closers) {
		closePart()
	}
}

// keyRing reads the keys that seal credentials. A process that keeps its jobs
// in memory needs none that outlive it.
func keyRing(c *config.Config) (*account.KeyRing, error) {
	keys := c.Security.Keys
	if len(keys) == 0 && c.Redis.Embedded() {
		keys = []account.Secret{account.NewKey("embedded")}
	}
	return account.NewKeyRing(keys)
}

// run starts what the program consists of and waits for its end. A part that
// fails takes the others down with it.
func (p *parts) run(ctx context.Context, program Program) error {
	ctx, hup, deaf := p.hangups(ctx, program)
	defer deaf()
	if err := p.examine(ctx); err != nil {
		return err
	}
	if err := p.syncAccounts(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // a start that fails is no news about the media store
	p.checkStorage(ctx)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.keepAccounts(ctx) })
	defer p.startMetrics(ctx, program)()
	if p.Source != nil {
		group.Go(func() error { return p.reload(ctx, hup) })
	}
	if program != Worker {
		if err := p.startAPI(ctx, group); err != nil {
			return err
		}
	}
	if program != API {
		if err := p.startWorker(ctx, group, program == Worker); err != nil {
			return err
		}
	}
	return group.Wait()
}

// syncFor is how long a starting program waits for Redis.
const syncFor = 30 * time.Second

// examine waits a while for a Redis that starts at the same time, tells an operator
// what of it will not work, and ends the start where nothing would.
func (p *parts) examine(ctx context.Context) error {
	if p.Config.Redis.Embedded() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, syncFor)
	defer cancel()
	if err := p.untilRedis(ctx, p.store.Ping); err != nil {
		return err
	}
	for _, f := range append(redisFindings(ctx, p.rdb), examineClock(ctx, p.rdb)) {
		switch f.Grade {
		case Well:
		case Doubt:
			p.log.WarnContext(ctx, "Redis is not set up to keep promises", "what", f.Text)
		case Broken:
			return errors.New(f.Text)
		}
	}
	return nil
}

// syncAccounts writes the configured accounts into the store.
func (p *parts) syncAccounts(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, syncFor)
	defer cancel()
	for name := range p.services.byName {
		err := p.untilRedis(ctx, func(ctx context.Context) error { return p.store.SyncAccounts(ctx, name, p.roster.of(name)) })
		if err != nil {
			return err
		}
	}
	return nil
}

// untilRedis does something until Redis lets it, or ctx ends.
func (p *parts) untilRedis(ctx context.Context, do func(context.Context) error) error {
	for {
		err := do(ctx)
		if err == nil {
			return nil
		}
		p.log.WarnContext(ctx, "waiting for Redis", "setting", "redis.url", "err", err)
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("redis.url: no Redis answers at %s", p.Config.Redis.URL), err)
		case <-time.After(time.Second):
		}
	}
}

// keepEvery is how often the accounts are looked for in the store.
const keepEvery = 5 * time.Second

// keepAccounts writes the accounts again when Redis has lost them, until ctx
// ends. It does not write them otherwise: while a configuration is rolled out,
// old and new processes would undo each other.
func (p *parts) keepAccounts(ctx context.Context) error {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for name := range p.services.byName {
			known, err := p.store.KnowsAccounts(ctx, name)
			if err != nil || known || len(p.roster.of(name)) == 0 {
				continue
			}
			p.log.WarnContext(ctx, "Redis has lost the accounts; they are written again", "upstream", name)
			if err := p.store.SyncAccounts(ctx, name, p.roster.of(name)); err != nil {
				p.log.WarnContext(ctx, "the accounts could not be written", "upstream", name, "err", err)
			}
		}
	}
}

// checkStorage tells an operator at the start whether the media store works. It
// does not end the program: a store that is away now may come, and /readyz says so.
func (p *parts) checkStorage(ctx context.Context) {
	check, cancel := context.WithTimeout(ctx, 10*time.Second)
	go func() {
		defer cancel()
		switch err := p.blobs.Check(check); {
		case err == nil, ctx.Err() != nil:
		case errors.Is(err, blob.ErrUnproven):
			p.log.WarnContext(check, "the media store works, and one thing could not be tried", "what", err)
		default:
			p.log.ErrorContext(check, "the media store does not work", "err", err)
		}
	}()
}

// listen opens a TCP listener; its error names the setting.
func listen(ctx context.Context, setting, addr string) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return ln, nil
}
