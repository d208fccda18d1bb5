package upstreamtest

import (
	"reflect"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/sim"
)

func lookupTests() []suiteTest {
	return []suiteTest{
		{"RecoveryIsForWhatCarriesAMark", testRecovery},
		{"LookupFindsWhatTheLostAnswerCreated", testLookupFinds},
		{"LookupFindsAJobInEveryState", testLookupStates},
		{"LookupFindsNothingWhereNothingIs", testLookupEmpty},
		{"LookupTellsAttemptsApart", testLookupAttempts},
		{"LookupSeesOnlyItsAccount", testLookupAccount},
		{"LookupSeesAJobWithinTheLag", testLookupLag},
		{"LookupThatFailsLearnsNothing", testLookupErrors},
	}
}

// marked is a new submission that can be found again; false where there is none.
func (b *bench) marked(prompt string) (upstream.Submission, bool) {
	return b.submission(b.Marked, prompt), b.Marked.Kind != ""
}

// submit sends a submission whose answer may be lost, and gives what it has
// created by the upstream's own word.
func (b *bench) submit(t *testing.T, d upstream.Driver, s upstream.Submission, lost bool) (created string) {
	t.Helper()
	got, err := d.Submit(t.Context(), with(goodKey), s)
	if (err != nil) != lost || lost && upstream.AsError(err).Outcome != upstream.Ambiguous {
		t.Fatalf("%s: got %+v, %v", s.Spec.Prompt, got, err)
	}
	all := b.sim.Ledger().Submissions
	return all[len(all)-1].TaskID
}

// lookup searches and expects an id.
func (b *bench) lookup(t *testing.T, s upstream.Submission, want string) {
	t.Helper()
	for range 2 {
		if got, err := b.driver.Lookup(t.Context(), with(goodKey), s); err != nil || got != want {
			t.Errorf("%s: found %q (%v), want %q", s.Spec.Prompt, got, err, want)
		}
	}
}

func testRecovery(t *testing.T, b *bench) {
	for _, spec := range b.specs() {
		r := b.driver.Recovery(spec)
		if reflect.DeepEqual(spec, b.Marked) != r.ByLookup || r.VisibleWithin < 0 || !r.ByLookup && r.VisibleWithin != 0 {
			t.Errorf("%s of %s: %+v", spec.Kind, spec.UpstreamModel, r)
		}
		if r.ByLookup {
			continue
		}
		_, err := b.driver.Lookup(t.Context(), with(goodKey), b.submission(spec, "a cat"))
		if err == nil {
			t.Errorf("%s of %s: nothing is not what a search without a mark has found", spec.Kind, spec.UpstreamModel)
		}
	}
}

func testLookupFinds(t *testing.T, b *bench) {
	hasty, created := b.New(t, b.root, Hasty), 0
	for _, fault := range []string{"drop", "truncate", "empty", "html,on=submit", "500,accepted", "502,accepted", "hang", "500", "502", "redirect"} {
		s, ok := b.marked("a cat sim:" + fault)
		if !ok {
			return
		}
		d := b.driver
		if fault == "hang" {
			d = hasty
		}
		id := b.submit(t, d, s, true)
		if b.lookup(t, s, id); id != "" {
			created++
			b.status(t, id, upstream.Working)
		}
	}
	if created != 7 {
		t.Errorf("%d were created", created)
	}
	b.wantLedger(t, 10, created)
}

func testLookupStates(t *testing.T, b *bench) {
	for prompt, state := range map[string]upstream.State{
		"a cat sim:queued=72h": upstream.Failed, // cancelled
		"a cat":                upstream.Ready,
		"a cat sim:fail":       upstream.Failed,
		"a cat sim:ready=72h":  upstream.Failed, // expired
	} {
		s, ok := b.marked(prompt)
		if !ok {
			return
		}
		id := b.submit(t, b.driver, s, false)
		b.lookup(t, s, id)
		if answer, err := b.driver.Cancel(t.Context(), with(goodKey), id); err != nil {
			t.Errorf("%s: %v", answer, err)
		} else if answer == upstream.WorksOn {
			b.clock.Advance(72 * time.Hour)
		}
		b.status(t, id, state)
		b.lookup(t, s, id)
	}
}

func testLookupEmpty(t *testing.T, b *bench) {
	s, ok := b.marked("a cat sim:reject")
	if !ok {
		return
	}
	b.lookup(t, s, "") // never sent
	if _, err := b.driver.Submit(t.Context(), with(goodKey), s); err == nil {
		t.Fatal("accepted")
	}
	b.lookup(t, s, "")
	if b.Video.Kind != "" { // another model's job is not in the way
		b.slow(t, "a cat")
	}
	b.lookup(t, s, "")
}

func testLookupAttempts(t *testing.T, b *bench) {
	first, ok := b.marked("a cat")
	if !ok {
		return
	}
	second, other := b.submission(b.Marked, "a cat"), b.submission(b.Marked, "a cat")
	other.Job = job.ID("01other")
	ids := map[string]upstream.Submission{}
	for _, s := range []upstream.Submission{first, second, other} {
		ids[b.submit(t, b.driver, s, false)] = s
	}
	if len(ids) != 3 {
		t.Fatalf("%d jobs", len(ids))
	}
	for id, s := range ids {
		b.lookup(t, s, id)
	}
	second.Job, other.Fence = other.Job, first.Fence // never sent
	b.lookup(t, second, "")
	b.lookup(t, other, "")
}

func testLookupAccount(t *testing.T, b *bench) {
	s, ok := b.marked("a cat")
	if !ok {
		return
	}
	id := b.submit(t, b.driver, s, false)
	if got, err := b.driver.Lookup(t.Context(), with(otherKey), s); err != nil || got != "" {
		t.Errorf("another account sees %q (%v)", got, err)
	}
	_, err := b.driver.Lookup(t.Context(), with(refusedKey), s)
	b.wantError(t, err, upstream.Auth, "")
	b.lookup(t, s, id)
}

// testLookupLag: nothing to be seen is no error, and right after VisibleWithin
// the job is to be seen.
func testLookupLag(t *testing.T, b *bench) {
	lag := b.driver.Recovery(b.Marked).VisibleWithin
	b = start(t, b.Harness, func(c *sim.Config) { c.VisibilityLag = lag })
	s, ok := b.marked("a cat sim:drop")
	if !ok || lag == 0 {
		return
	}
	id := b.submit(t, b.driver, s, true)
	b.lookup(t, s, "")
	b.clock.Advance(lag - 1)
	b.lookup(t, s, "")
	b.clock.Advance(1)
	b.lookup(t, s, id)
}

func testLookupErrors(t *testing.T, b *bench) {
	s, ok := b.marked("a cat")
	if !ok {
		return
	}
	id := b.submit(t, b.driver, s, false)
	never, _ := b.marked("a dog")
	for fault, class := range map[string]upstream.Class{
		"500": upstream.Transient, "502": upstream.Transient, "429=3": upstream.RateLimited, "drop": upstream.Transient, "truncate": upstream.Transient,
		"empty": upstream.Empty, "html": upstream.Unknown, "redirect": upstream.Unknown, "deadkey": upstream.Auth,
	} {
		if err := b.sim.AddFault(sim.Rule{Match: "*", Op: "list", Fault: fault}); err != nil {
			t.Fatal(err)
		}
		for _, s := range []upstream.Submission{s, never} {
			got, err := b.driver.Lookup(t.Context(), with(goodKey), s)
			if err == nil || got != "" {
				t.Fatalf("%s: found %q (%v)", fault, got, err)
			}
			b.wantError(t, err, class, "")
			if (fault == "429=3") != (upstream.AsError(err).RetryAfter == 3*time.Second) {
				t.Errorf("%s: RetryAfter is %s", fault, upstream.AsError(err).RetryAfter)
			}
		}
		b.sim.ClearFaults()
	}
	_, err := b.New(t, "http://"+unused(t), Patient).Lookup(t.Context(), with(goodKey), s)
	b.wantError(t, err, upstream.Transient, "")
	b.lookup(t, s, id)
	b.lookup(t, never, "")
	b.wantLedger(t, 1, 1)
}
