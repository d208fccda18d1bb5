// Package worker moves accepted jobs to their final state, in five stages that
// may run in one process or in many:
//
//	submit  hears a bell, writes the fence, sends the one paid request
//	poll    leases running jobs and asks the upstream when it is worth asking
//	mirror  hears a bell, streams the media into the bucket and checks it
//	webhook hears a bell, tells receivers of events
//	sweep   rings again for what was left lying, ends what is overdue
//
// A worker acts on a job only while it holds the job's lease, and every stage
// begins from what is written down, so that a worker may die at any point: the
// next one goes on from there. What was paid for is written down before
// anything else is done, for as long as it takes.
package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/fetch"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/upstream"
)

// Upstream is one configured service.
type Upstream struct {
	Driver upstream.Driver

	// Media fetches from the links that this upstream gives out.
	Media *fetch.Client

	// VisibleWithin is how long after it was accepted a job may still be missing at
	// the upstream.
	VisibleWithin time.Duration

	// Accounts are its pooled accounts, also those that are to get no new jobs.
	Accounts []account.Account

	// Resubmit sends a submission of a kind again whose outcome is not known:
	// it may then be paid twice.
	Resubmit map[job.Kind]bool
}

// Kind is how jobs of one kind are handled.
type Kind struct {
	// SubmitTimeout is how long a submission may take; the driver keeps to it.
	SubmitTimeout time.Duration

	// Poll is how a running job is asked after. Images are, too, where the upstream
	// shows them only after the submission's answer.
	Poll Cadence

	// UnknownHold is how long after a submission whose outcome nobody can tell the
	// job keeps its slot: so long the upstream may be at work on it. Zero: no time.
	UnknownHold time.Duration

	// HarvestEvery is how often the upstream is asked after a job whose deadline
	// has passed. Zero: 1 min.
	HarvestEvery time.Duration

	// MaxBytes is the largest file.
	MaxBytes int64
}

// Config is what a Worker needs. Roles that are not wanted are left out of
// Roles; everything else is required.
type Config struct {
	Store     *redisstore.Store
	Ring      func(context.Context, ...job.Bell) error
	Blobs     blob.Store
	Upstreams map[string]Upstream
	Kinds     map[job.Kind]Kind

	// Listen starts hearing the bells of a stage and gives the way to stop it:
	// stop takes no new bell and returns when the running handlers have ended.
	Listen func(stage job.Stage, handler func(context.Context, job.ID) error) (stop func(), err error)

	Roles []Role

	// Webhooks is needed for RoleWebhook.
	Webhooks Webhooks

	// FenceObjects keeps the fence of each submission in the bucket, too, where
	// a Redis that goes back in time cannot lose it. All workers must agree.
	FenceObjects bool

	SweepInterval   time.Duration   // zero: 1 s
	StatusCalls     int             // status calls at once in this process; zero: 64
	StatusPerAcct   int             // and for one account; zero: 4
	MaxPolled       int             // running jobs leased by this process; zero: 20,000
	LeftoverUploads time.Duration   // age at which unfinished uploads are swept; zero: 6 h
	DamagedPauses   []time.Duration // between rounds of fetching media that arrives damaged; nil: 5 s to 90 s, four
	ResumePause     time.Duration   // before a broken download is first taken up again; doubles; zero: 200 ms
	DrainPolls      time.Duration   // how long running status calls get on shutdown; zero: 5 s

	Log     *slog.Logger
	Tracer  trace.Tracer          // of jobs; nil: no spans
	Metrics prometheus.Registerer // nil: a registry of its own
}

// Role is a stage that a process may take on.
type Role string

// The roles of a worker process.
const (
	RoleSubmit  Role = "submit"
	RolePoll    Role = "poll"
	RoleMirror  Role = "mirror"
	RoleWebhook Role = "webhook"
	RoleSweep   Role = "sweep"
)

// Worker is one process's share of the work. Make one with [New].
type Worker struct {
	Config

	leases     *leases
	fences     fences
	done       *archiver
	doors      doors
	stopping   atomic.Bool
	handlers   sync.WaitGroup
	poller     *poller
	metrics    *metrics
	accountsMu sync.RWMutex
	accounts   map[string]account.Account // pooled, by id
	name       string                     // random; begins every token of this process
	claims     atomic.Int64
}

// New makes a worker that does nothing before Run.
func New(c Config) *Worker {
	c.SweepInterval = orDefault(c.SweepInterval, time.Second)
	c.LeftoverUploads = orDefault(c.LeftoverUploads, 6*time.Hour)
	c.ResumePause = orDefault(c.ResumePause, 200*time.Millisecond)
	c.DrainPolls = orDefault(c.DrainPolls, 5*time.Second)
	c.StatusCalls = orDefault(c.StatusCalls, 64)
	c.StatusPerAcct = orDefault(c.StatusPerAcct, 4)
	c.MaxPolled = orDefault(c.MaxPolled, 20_000)
	c.Kinds = maps.Clone(c.Kinds)
	for kind, k := range c.Kinds {
		k.Poll = k.Poll.withDefaults()
		c.Kinds[kind] = k
	}
	if c.DamagedPauses == nil {
		c.DamagedPauses = []time.Duration{5 * time.Second, 15 * time.Second, 45 * time.Second, 90 * time.Second}
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	c.Webhooks = c.Webhooks.withDefaults()
	w := &Worker{Config: c, accounts: map[string]account.Account{}, name: rand.Text()[:10], metrics: newMetrics(c.Metrics, c.Log)}
	for name, u := range c.Upstreams {
		w.SetAccounts(name, u.Accounts)
	}
	w.metrics.begin(c.Upstreams)
	w.leases = newLeases(c.Store, c.Log, w.metrics)
	w.poller, w.done = newPoller(w), newArchiver(w)
	return w
}

// SetAccounts changes an upstream's pooled accounts. Those that are no longer there
// stay known: running jobs need their credentials to the end.
func (w *Worker) SetAccounts(_ string, all []account.Account) {
	w.accountsMu.Lock()
	defer w.accountsMu.Unlock()
	for _, a := range all {
		w.accounts[a.ID] = a
	}
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// token names one claim. No two claims share a token, so that a handler whose
// lease has lapsed is a stranger to the job even in its own process.
func (w *Worker) token() string {
	return w.name + "." + strconv.FormatInt(w.claims.Add(1), 10)
}

func (w *Worker) has(r Role) bool {
	return slices.Contains(w.Roles, r)
}

// Run works until ctx ends and then winds down in this order: no new bells and
// no admission, polled jobs given back at once, running submissions and
// mirrors to their end. It returns nil then; Redis may be closed afterwards.
func (w *Worker) Run(ctx context.Context) error {
	if err := w.proveFences(ctx); err != nil {
		return err
	}
	// The handlers, the lease keeper and the archiver outlive ctx, since they
	// wind down.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	var keepers sync.WaitGroup
	keepers.Go(func() { w.leases.run(life) })
	keepers.Go(func() { w.done.run(life) })
	defer keepers.Wait()
	defer end()

	stops, err := w.listen(life)
	var work errgroup.Group
	if err == nil {
		w.loops(ctx, &work)
		<-ctx.Done()
	}
	w.stopping.Store(true)
	stopAll(stops)
	w.await(life)
	return errors.Join(err, work.Wait())
}

// loops starts sweeping and polling.
func (w *Worker) loops(ctx context.Context, work *errgroup.Group) {
	if w.has(RoleSweep) {
		work.Go(func() error { return w.sweepLoop(ctx) })
	}
	if w.has(RolePoll) {
		work.Go(func() error { return w.poller.run(ctx) })
	}
}

// await waits for handlers that the queue has given up, as it does when Redis
// was away for a while, but which may have a paid request on the wire. It waits
// no longer than such a request and its writing down can take, and for copies of
// files, which are made anew elsewhere, no longer than for the writing down.
func (w *Worker) await(life context.Context) {
	most := 10 * time.Second
	if w.has(RoleSubmit) {
		for _, k := range w.Kinds {
			most = max(most, k.SubmitTimeout+30*time.Second)
		}
	}
	idle, over := context.WithTimeout(life, most)
	go func() {
		w.handlers.Wait()
		over()
	}()
	<-idle.Done()
	if errors.Is(idle.Err(), context.DeadlineExceeded) {
		w.Log.ErrorContext(life, "handlers are cut off", "after", most)
	}
}

// listen starts the stages that hear bells. Their handlers run on life and not
// on the context of the task, which ends when the queue loses its own lease:
// only ours decides.
func (w *Worker) listen(life context.Context) (stops []func(), err error) {
	stages := []struct {
		role    Role
		stage   job.Stage
		handler func(context.Context, job.ID) error
	}{
		{RoleSubmit, job.StageSubmit, w.Submit},
		{RoleMirror, job.StageMirror, w.Mirror},
		{RoleWebhook, job.StageWebhook, w.Deliver},
	}
	for _, s := range stages {
		if !w.has(s.role) {
			continue
		}
		stop, err := w.Listen(s.stage, func(_ context.Context, id job.ID) error {
			w.handlers.Add(1)
			defer w.handlers.Done()
			return s.handler(life, id)
		})
		if err != nil {
			return stops, fmt.Errorf("worker: stage %s: %w", s.stage, err)
		}
		stops = append(stops, stop)
	}
	return stops, nil
}

// stopAll stops the stages side by side, since each may wait for minutes.
func stopAll(stops []func()) {
	var group errgroup.Group
	for _, stop := range stops {
		group.Go(func() error {
			stop()
			return nil
		})
	}
	_ = group.Wait() // stop has no error
}

// ring rings bells. A failure is only logged: the sweeper rings again.
func (w *Worker) ring(ctx context.Context, bells []job.Bell) {
	if len(bells) == 0 {
		return
	}
	if err := w.Ring(ctx, bells...); err != nil {
		w.Log.WarnContext(ctx, "bells could not be rung and wait for the sweeper", "bells", len(bells), "err", err)
	}
}

// errNotHere is an upstream or account that another process knows, as happens
// while a configuration is rolled out.
var errNotHere = errors.New("worker: not configured in this process")

// errNoDriver is for jobs of an upstream that this process does not know.
func errNoDriver(name string) error { return fmt.Errorf("%w: upstream %q", errNotHere, name) }

// account gives an account with its credential: a pooled one from this
// process's configuration, a caller's own from the job it came with.
func (w *Worker) account(ctx context.Context, id job.ID, name, upstreamName string) (account.Account, error) {
	if account.IsOwn(name) {
		secret, err := w.Store.Credential(ctx, id)
		return account.Account{ID: name, Upstream: upstreamName, Secret: secret, Ephemeral: true}, err
	}
	w.accountsMu.RLock()
	a, ok := w.accounts[name]
	w.accountsMu.RUnlock()
	if !ok {
		return a, fmt.Errorf("%w: account %q of job %s", errNotHere, name, id)
	}
	return a, nil
}
