package worker_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/blob/fileblob"
	"github.com/tintypehq/tintype/internal/fetch"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/queue"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/testserver"
	"github.com/tintypehq/tintype/internal/upstream/ark"
	"github.com/tintypehq/tintype/internal/upstream/sim"
	"github.com/tintypehq/tintype/internal/worker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is everything around a worker, all of it real: Redis, the queue, the
// simulator over HTTP, files.
type rig struct {
	redis *testserver.RedisServer
	rdb   redis.UniversalClient
	store *redisstore.Store
	bells *queue.Client
	blobs blob.Store
	sim   *sim.Simulator
	root  string // of the simulator
	ups   map[string]worker.Upstream
	lease time.Duration
	log   *slog.Logger
}

// models of the simulator.
const (
	imageModel = "doubao-seedream-4-0-250828"
	videoModel = "doubao-seedance-1-0-pro-250528"
)

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{redis: testserver.Redis(t), lease: 6 * time.Second, log: testLog(t)}
	client := redis.NewClient(&redis.Options{Addr: r.redis.Addr, ContextTimeoutEnabled: true, MaxRetries: 1})
	r.rdb = client
	t.Cleanup(func() { _ = client.Close() })
	keys, err := account.NewKeyRing([]account.Secret{account.NewKey("k")})
	if err != nil {
		t.Fatal(err)
	}
	r.store = redisstore.New(redisstore.Config{Client: r.rdb, Lease: r.lease, Keys: keys})
	r.bells = queue.NewClient(r.rdb, "tt")
	blobs, err := fileblob.Open(fileblob.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	r.blobs = blobs
	r.connect(t)
	return r
}

// connect starts the simulator and a driver that speaks to it.
func (r *rig) connect(t *testing.T) {
	t.Helper()
	r.sim = sim.New(sim.Config{ImageTime: -1, VideoTime: 300 * time.Millisecond})
	srv := httptest.NewServer(r.sim)
	r.root = srv.URL
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
		r.sim.Close()
	})
	driver, err := ark.New(ark.Config{
		BaseURL: srv.URL + "/api/v3", ImageTimeout: lateImage, VideoTimeout: 10 * time.Second, StatusTimeout: time.Second,
		Settings:      map[string]ark.Settings{imageModel: {Size: "1K"}, videoModel: {Resolution: "480p"}, markedModel: {Resolution: "480p"}}, // drawn quickly
		VisibilityLag: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	media := fetch.New(fetch.Config{
		AllowHTTP: true, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, IdleReadTimeout: 4 * time.Second,
	})
	t.Cleanup(func() {
		driver.Close()
		media.Close()
	})
	accounts := []account.Account{{ID: "a", Upstream: "sim", Secret: account.NewSecret("sim-a"), MaxInFlight: 4}}
	r.ups = map[string]worker.Upstream{"sim": {Driver: driver, Media: media, Accounts: accounts, Resubmit: map[job.Kind]bool{}, VisibleWithin: 2 * time.Second}}
	if err := r.store.SyncAccounts(t.Context(), "sim", accounts); err != nil {
		t.Fatal(err)
	}
}

// config is what the rig's workers are made from.
func (r *rig) config(change ...func(*worker.Config)) worker.Config {
	cadence := worker.Cadence{First: 50 * time.Millisecond, Interval: 50 * time.Millisecond, Growth: 1.2, Max: 200 * time.Millisecond, Jitter: 0.1, Timeout: time.Second}
	c := worker.Config{
		Store: r.store, Ring: r.bells.Ring, Blobs: r.blobs, Upstreams: r.ups, Listen: r.listen,
		Kinds: map[job.Kind]worker.Kind{
			job.Image: {SubmitTimeout: 10 * time.Second, MaxBytes: 64 << 20},
			job.Video: {SubmitTimeout: 10 * time.Second, MaxBytes: 64 << 20, Poll: cadence},
		},
		Roles:         []worker.Role{worker.RoleSubmit, worker.RolePoll, worker.RoleMirror, worker.RoleSweep},
		SweepInterval: 100 * time.Millisecond, DrainPolls: 200 * time.Millisecond, Log: r.log,
		ResumePause:   20 * time.Millisecond,
		DamagedPauses: []time.Duration{100 * time.Millisecond, 200 * time.Millisecond},
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

// start runs a worker until the returned stop, or the end of the test.
func (r *rig) start(t *testing.T, change ...func(*worker.Config)) (stop func()) {
	t.Helper()
	c := r.config(change...)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- worker.New(c).Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the worker ended with %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func (r *rig) listen(stage job.Stage, h func(context.Context, job.ID) error) (func(), error) {
	s := queue.NewServer(queue.ServerConfig{
		Redis: r.rdb, Tag: "tt", Stage: stage, Handler: h, Concurrency: 4, Check: 5 * time.Millisecond, Grace: 10 * time.Second, Log: r.log,
	})
	return s.Stop, s.Start()
}

// submit accepts a job and rings its bells.
func (r *rig) submit(t *testing.T, kind job.Kind, prompt string, change ...func(*redisstore.NewJob)) job.ID {
	t.Helper()
	n := redisstore.NewJob{
		ID: job.NewID(time.Now()), Tenant: "key:t", Secret: job.NewSecret(), Deadline: time.Minute, Retention: time.Hour,
		Spec: job.Spec{Kind: kind, Model: "m", Prompt: prompt, Upstream: "sim", UpstreamModel: imageModel, Ratio: "1:1"},
	}
	if kind == job.Video {
		n.Spec.UpstreamModel, n.Spec.Ratio = videoModel, "16:9"
	}
	for _, f := range change {
		f(&n)
	}
	j, bells, err := r.store.Accept(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.bells.Ring(t.Context(), bells...); err != nil {
		t.Fatal(err)
	}
	return j.ID
}

// await waits until a job satisfies a condition.
func (r *rig) await(t *testing.T, id job.ID, what string, holds func(*job.Job) bool) *job.Job {
	t.Helper()
	deadline := time.NewTimer(90 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var j *job.Job
	for {
		got, err := r.store.Get(t.Context(), id)
		if err == nil {
			if j = got; holds(j) {
				return j
			}
		}
		select {
		case <-deadline.C:
			t.Fatalf("the job was never %s: %+v, %v", what, j, err)
		case <-tick.C:
		}
	}
}

func (r *rig) awaitFinal(t *testing.T, id job.ID) *job.Job {
	t.Helper()
	return r.await(t, id, "final", func(j *job.Job) bool { return j.State.Final() })
}

// charges counts what the simulator charged for prompts that hold a text.
func (r *rig) charges(prompt string) (charged, submissions int) {
	for _, s := range r.sim.Ledger().Submissions {
		if strings.Contains(s.Prompt, prompt) {
			submissions++
			if s.Charged {
				charged++
			}
		}
	}
	return charged, submissions
}

// testLog shows a worker's log when its test fails.
func testLog(t *testing.T) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// inputs is how many pictures a submission of a prompt brought.
func (r *rig) inputs(prompt string) (n int) {
	for _, s := range r.sim.Ledger().Submissions {
		if strings.Contains(s.Prompt, prompt) {
			n += s.Inputs
		}
	}
	return n
}
