// Package sim is an upstream to test against: an HTTP server that speaks the
// protocol of a real one, makes real pictures and videos, keeps to limits,
// fails on command, and writes down everything that was done to it and what it
// would have cost.
//
// It is made of a core, which every protocol plays on, and of protocols:
//
//	clock     the time, which a test may move
//	accounts  which keys are valid, and their limits
//	tasks     slow work and its states, worked out from the clock
//	media     signed links to what was made; paint and clips make it
//	faults    what goes wrong, asked for by words in a prompt or by rules
//	ledger    what callers did
//	desk      what protocols have in common: how a call is taken and written down
//	ark       the protocol of Volcengine Ark
//	openai    OpenAI's, and new-api's for videos, under /openai/v1/
//	doubaoweb that of Doubao's web site, under /doubaoweb/
//
// Any key that begins with "sim-" is valid, "sim-limited" is always over its
// limit, every other key is unknown. GET /_sim/ says what a running simulator
// can do.
package sim

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/accounts"
	"github.com/tintypehq/tintype/internal/upstream/sim/ark"
	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
	"github.com/tintypehq/tintype/internal/upstream/sim/doubaoweb"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
	"github.com/tintypehq/tintype/internal/upstream/sim/ledger"
	"github.com/tintypehq/tintype/internal/upstream/sim/media"
	"github.com/tintypehq/tintype/internal/upstream/sim/openai"
	"github.com/tintypehq/tintype/internal/upstream/sim/tasks"
)

// Account is one credential and its limits.
type Account = accounts.Account

// AccountState is what an account is worth.
type AccountState = accounts.State

// Clock is a source of time; see [clock.NewManual].
type Clock = clock.Clock

// Ledger is what was done to the simulator, and the JSON of GET /_sim/ledger.
type Ledger = ledger.Ledger

// Submission is an entry of the ledger.
type Submission = ledger.Submission

// Rule is a fault for many requests, and the JSON of POST /_sim/faults.
type Rule = faults.Rule

// The states of an account.
const (
	OK        = accounts.OK
	Overdue   = accounts.Overdue
	NotOpen   = accounts.NotOpen
	TrialUsed = accounts.TrialUsed
)

// Config is how a simulator behaves. The zero value is good for a demo.
type Config struct {
	Clock Clock // nil means the real time

	// Accounts have limits of their own. Every other key that begins with
	// "sim-" has those of Defaults, whose Key, Name, Models and State are not
	// looked at; its zero limits are Ark's usual ones.
	Accounts []Account
	Defaults Account

	// How long things take. Zero means the default, less than zero no time.
	ImageTime      time.Duration // default 2s, for each image of a group
	VideoTime      time.Duration // default 6s
	ChatChunkDelay time.Duration // between the pieces of a streamed chat; default 20ms
	VisibilityLag  time.Duration // before a new task appears in the list; default none

	LinkTTL  time.Duration // how long a media link works; default 24h
	MaxReads int           // how often one works; zero means always
	Secret   []byte        // signs media links; nil means a random one

	// BaseURL begins every media link. Empty means the scheme and host that
	// the request came to.
	BaseURL string

	Endpoints map[string]string // endpoint ids (ep-…) → model ids; "ep-" before a model's id always works
	MaxTasks  int               // how many tasks and media are remembered; default 100,000
	Log       *slog.Logger      // nil means none
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = clock.Real{}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Secret == nil {
		c.Secret = make([]byte, 32)
		_, _ = rand.Read(c.Secret) // never fails
	}
	for _, d := range []struct {
		value  *time.Duration
		orElse time.Duration
	}{
		{&c.ImageTime, 2 * time.Second},
		{&c.VideoTime, 6 * time.Second},
		{&c.ChatChunkDelay, 20 * time.Millisecond},
		{&c.LinkTTL, 24 * time.Hour},
	} {
		if *d.value == 0 {
			*d.value = d.orElse
		}
		*d.value = max(0, *d.value)
	}
	if c.MaxTasks <= 0 {
		c.MaxTasks = 100_000
	}
	return c
}

// Simulator is an http.Handler. Make one with [New].
type Simulator struct {
	mux    *http.ServeMux
	book   *ledger.Book
	board  *tasks.Board
	faults *faults.Engine
	ark    *ark.Protocol
	done   context.Context //nolint:containedctx // ends requests that hang when the simulator closes
	close  context.CancelFunc
}

// New returns a simulator. The caller closes it.
func New(cfg Config) *Simulator {
	cfg = cfg.withDefaults()
	s := &Simulator{mux: http.NewServeMux(), faults: &faults.Engine{}, book: ledger.NewBook(cfg.Clock.Now)}
	s.done, s.close = context.WithCancel(context.Background())
	s.board = tasks.NewBoard(tasks.Config{
		Clock: cfg.Clock, Book: s.book, MaxTasks: cfg.MaxTasks, Keep: 7 * 24 * time.Hour, KeepGone: 24 * time.Hour,
	})
	store := media.NewStore(media.Config{
		Clock: cfg.Clock, Faults: s.faults, Book: s.book, Secret: cfg.Secret,
		TTL: cfg.LinkTTL, MaxReads: cfg.MaxReads, MaxItems: cfg.MaxTasks,
	})
	front := desk.Desk{
		Clock: cfg.Clock, Accounts: accounts.NewRegister(cfg.Accounts, cfg.Defaults),
		Book: s.book, Board: s.board, Media: store, Faults: s.faults, Log: cfg.Log,
		ImageTime: cfg.ImageTime, VideoTime: cfg.VideoTime, ChunkDelay: cfg.ChatChunkDelay, BaseURL: cfg.BaseURL,
	}
	s.ark = ark.New(ark.Config{Desk: front, VisibilityLag: cfg.VisibilityLag, Endpoints: cfg.Endpoints})
	s.mux.Handle(openai.Prefix, openai.New(front))
	web := doubaoweb.New(front, cfg.MaxTasks)
	s.mux.Handle(doubaoweb.Prefix, web)
	s.mux.Handle(doubaoweb.UploadPrefix, web)
	s.mux.Handle(media.Prefix, store)
	s.mux.Handle("/_sim/", s.admin())
	s.mux.HandleFunc("GET /ping", ping)
	s.mux.Handle("/", s.ark)
	return s
}

// ServeHTTP answers a request of any protocol, of a media link, or to the
// routes under /_sim/.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.done, cancel)()
	s.mux.ServeHTTP(w, r.WithContext(ctx))
}

// Close breaks off requests that wait for something, ends callbacks and
// timers, and waits for the latter. It does not wait for requests; to close
// the server after it is enough.
func (s *Simulator) Close() {
	s.close()
	s.board.Close()
	s.ark.Close()
}

// Ledger copies what was written down so far.
func (s *Simulator) Ledger() Ledger {
	s.board.Sync()
	return s.book.Snapshot(func(id string) string { return string(s.board.State(id)) })
}

// ResetLedger forgets what was written down, but for what is still in flight.
func (s *Simulator) ResetLedger() {
	s.board.Sync()
	s.book.Reset()
}

// AddFault makes a rule effective. Its error says what is wrong with it.
func (s *Simulator) AddFault(r Rule) error { return s.faults.Add(r) }

// ClearFaults removes all rules and resets what tags have counted.
func (s *Simulator) ClearFaults() { s.faults.Clear() }

func ping(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"message":"pong"}`)) // the caller may have gone
}
