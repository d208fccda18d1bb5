// Package upstreamtest holds the suite that every driver passes: each promise
// in the comments of [upstream.Driver] has a subtest. It drives the driver
// against the simulator over HTTP and believes the simulator's ledger, not the
// driver, about what was submitted and charged.
//
// Only tests import it.
package upstreamtest

import (
	"errors"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/sim"
	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
)

// Speed is how long a driver's own limits of time are.
type Speed string

// The speeds.
const (
	Patient Speed = "patient" // longer than any subtest
	Hasty   Speed = "hasty"   // about half a second each
)

// Harness makes drivers of one kind and says what they can be asked for.
type Harness struct {
	// New makes a driver for the server at root ("http://127.0.0.1:1", without
	// a slash) and closes it at the end of the test.
	New func(t *testing.T, root string, speed Speed) upstream.Driver

	// Image and Video are requests without a prompt; a zero Kind if the
	// upstream makes no such media.
	Image, Video job.Spec

	// Marked is a request without a prompt, for media that takes time, whose
	// Recovery is ByLookup; a zero Kind if the driver has no such thing.
	Marked job.Spec

	// Images is how many images one request may ask for; zero: one.
	Images int

	// NoCancel: the upstream has no call to stop a video.
	NoCancel bool

	// ChatModel is a chat model's id; empty if the upstream does not chat.
	ChatModel string
}

// The simulator's credentials, and a public name that has to be escaped.
const (
	goodKey    = "sim-suite"
	otherKey   = "sim-other"
	limitedKey = "sim-limited"
	refusedKey = "unknown-key"
	publicName = `Doubao "suite" 模型`
)

// Run holds a driver to the contract. Each subtest has a simulator of its own.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, tt := range slices.Concat(mediaTests(), cancelTests(), lookupTests(), chatTests()) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.run(t, start(t, h))
		})
	}
}

type suiteTest struct {
	name string
	run  func(*testing.T, *bench)
}

// bench is a driver and its upstream.
type bench struct {
	Harness
	driver upstream.Driver
	sim    *sim.Simulator
	clock  *clock.Manual
	root   string
	fence  atomic.Int64
}

// start runs a simulator whose clock stands still and in which images take no
// time.
func start(t *testing.T, h Harness, change ...func(*sim.Config)) *bench {
	t.Helper()
	b := &bench{Harness: h, clock: clock.NewManual(time.Now())}
	cfg := sim.Config{Clock: b.clock, ImageTime: -1, ChatChunkDelay: -1}
	for _, f := range change {
		f(&cfg)
	}
	b.sim = sim.New(cfg)
	srv := httptest.NewServer(b.sim)
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
		b.sim.Close()
	})
	b.root = srv.URL
	b.driver = h.New(t, b.root, Patient)
	return b
}

func with(key string) account.Account {
	return account.Account{ID: "suite", Secret: account.NewSecret(key), MaxInFlight: 1}
}

// specs are the kinds of media that the driver can be asked for.
func (b *bench) specs() []job.Spec {
	var all []job.Spec
	for _, s := range []job.Spec{b.Image, b.Video, b.Marked} {
		if s.Kind != "" {
			all = append(all, s)
		}
	}
	return all
}

// submission is a new attempt, with a fence of its own.
func (b *bench) submission(s job.Spec, prompt string) upstream.Submission {
	s.Prompt = prompt
	return upstream.Submission{Job: "01suite", Fence: b.fence.Add(1), Spec: s}
}

// wantLedger compares how many submissions the upstream has seen, and how many
// of them it charged.
func (b *bench) wantLedger(t *testing.T, submissions, charged int) {
	t.Helper()
	if got := b.sim.Ledger().Totals; got.Submissions != submissions || got.Charged != charged {
		t.Errorf("the upstream saw %d submissions and charged %d, want %d and %d", got.Submissions, got.Charged, submissions, charged)
	}
}

// wantError checks what holds for every error of a driver, and its class and
// outcome.
func (b *bench) wantError(t *testing.T, err error, class upstream.Class, outcome upstream.Outcome) {
	t.Helper()
	e, ok := err.(*upstream.Error) //nolint:errorlint // the contract says that it is one, unwrapped
	if !ok {
		t.Fatalf("the error is %T %v, want *upstream.Error", err, err)
	}
	if e.Class != class || e.Outcome != outcome {
		t.Errorf("got %v\nwant class %s, outcome %q", e, class, outcome)
	}
	if errors.Is(err, io.EOF) {
		t.Errorf("%v passes for the end of a stream", err)
	}
	b.wantDiscreet(t, e)
}

// wantDiscreet: the caller reads a sentence of ours, the log no credential.
func (b *bench) wantDiscreet(t *testing.T, e *upstream.Error) {
	t.Helper()
	if e.Fault == nil || e.Fault.Message == "" {
		t.Fatalf("%v has nothing to tell the caller", e)
	}
	inner := []string{strings.TrimPrefix(b.root, "http://"), "http", goodKey, limitedKey, refusedKey, "equest id"}
	for _, s := range inner {
		if strings.Contains(e.Fault.Message, s) {
			t.Errorf("the caller reads %q in %q", s, e.Fault.Message)
		}
	}
	for _, s := range []string{goodKey, limitedKey, refusedKey} {
		if strings.Contains(e.Error(), s) {
			t.Errorf("the log has the credential: %s", e)
		}
	}
}
