package upstreamtest

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
)

func mediaTests() []suiteTest {
	return []suiteTest{
		{"AcceptedIsOneSubmission", testAccepted},
		{"SeveralImagesAreOneSubmission", testSeveral},
		{"StatusFollowsTheJob", testStatus},
		{"PassingStatusErrorsLoseNothing", testStatusErrors},
		{"AJobBelongsToItsAccount", testOtherAccount},
		{"FailedJobSaysWhy", testFailed},
		{"NotSentReachesNobody", testNotSent},
		{"RejectedCreatesNothing", testRejected},
		{"RefusedAccountsAreTold", testAccounts},
		{"AmbiguousIsNeverSentAgain", testAmbiguous},
		{"HangingIsAmbiguous", testHanging},
		{"SubmissionsAtOnce", testAtOnce},
		{"CheckTellsADeadCredential", testCheck},
	}
}

// accept submits and expects success; it gives the media, waiting for it if the
// upstream needs time.
func (b *bench) accept(t *testing.T, s upstream.Submission) []job.Source {
	t.Helper()
	got, err := b.driver.Submit(t.Context(), with(goodKey), s)
	if err != nil {
		t.Fatalf("%s: %v", s.Spec.Kind, err)
	}
	if len(got.Sources) > 0 {
		return got.Sources
	}
	if got.UpstreamID == "" {
		t.Fatalf("%s: accepted, with neither media nor an id to ask for", s.Spec.Kind)
	}
	b.clock.Advance(time.Minute)
	return b.status(t, got.UpstreamID, upstream.Ready).Sources
}

// status asks after a job and expects a state.
func (b *bench) status(t *testing.T, id string, want upstream.State) upstream.Status {
	t.Helper()
	st, err := b.driver.Status(t.Context(), with(goodKey), id)
	if err != nil || st.State != want {
		t.Fatalf("the state is %q (%v), want %q", st.State, err, want)
	}
	return st
}

func testAccepted(t *testing.T, b *bench) {
	for i, spec := range b.specs() {
		sources := b.accept(t, b.submission(spec, "a cat"))
		if len(sources) == 0 || sources[0].Role != job.Primary || sources[0].URL == "" && len(sources[0].Data) == 0 {
			t.Errorf("%s: the media is %+v", spec.Kind, sources)
		}
		b.wantLedger(t, i+1, i+1)
	}
}

// testSeveral: as many as asked for, in one call that is charged once, and lost as
// one when its answer is.
func testSeveral(t *testing.T, b *bench) {
	if b.Images < 2 {
		return
	}
	spec := b.Image
	spec.Count = b.Images
	got, err := b.driver.Submit(t.Context(), with(goodKey), b.submission(spec, "a cat"))
	if err != nil || len(got.Sources) != b.Images || got.Usage == nil || got.Usage.Images != int64(b.Images) || got.Usage.Missed != "" {
		t.Fatalf("got %+v, %v", got, err)
	}
	for i, src := range got.Sources {
		if src.Role != job.Primary || src.URL == "" && len(src.Data) == 0 {
			t.Errorf("image %d is %+v", i, src)
		}
	}
	b.wantLedger(t, 1, 1)
	if n := b.sim.Ledger().Submissions[0].Count; n != b.Images {
		t.Errorf("the upstream counts %d images", n)
	}
	_, err = b.driver.Submit(t.Context(), with(goodKey), b.submission(spec, "a cat sim:drop"))
	b.wantError(t, err, upstream.Transient, upstream.Ambiguous)
	before := b.sim.Ledger().Totals
	spec.Count++
	_, err = b.driver.Submit(t.Context(), with(goodKey), b.submission(spec, "a cat"))
	b.wantError(t, err, upstream.InvalidInput, upstream.Rejected)
	b.wantLedger(t, 2, before.Charged)
}

// slow starts a job that the upstream needs time for; it is false where there
// is none.
func (b *bench) slow(t *testing.T, prompt string) (id string, ok bool) {
	t.Helper()
	if b.Video.Kind == "" {
		return "", false
	}
	got, err := b.driver.Submit(t.Context(), with(goodKey), b.submission(b.Video, prompt))
	if err != nil || got.UpstreamID == "" {
		t.Fatalf("got %+v, %v", got, err)
	}
	return got.UpstreamID, true
}

func testStatus(t *testing.T, b *bench) {
	id, ok := b.slow(t, "a cat sim:queued=10s sim:ready=30s sim:unknown=5s")
	if !ok {
		return
	}
	if st := b.status(t, id, upstream.Working); st.Phase != job.PhaseQueued {
		t.Errorf("the phase is %q", st.Phase)
	}
	for range 4 { // also through a word that nobody documented
		b.clock.Advance(6 * time.Second)
		b.status(t, id, upstream.Working)
	}
	b.clock.Advance(30 * time.Second)
	if st := b.status(t, id, upstream.Ready); len(st.Sources) == 0 || st.Sources[0].Role != job.Primary {
		t.Errorf("the media is %+v", st.Sources)
	}
	b.wantLedger(t, 1, 1)
}

func testStatusErrors(t *testing.T, b *bench) {
	id, ok := b.slow(t, "a cat sim:500,on=get,times=1 sim:429=3,on=get,skip=1,times=1 sim:empty,on=get,skip=2,times=1")
	if !ok {
		return
	}
	for _, class := range []upstream.Class{upstream.Transient, upstream.RateLimited, upstream.Empty} {
		_, err := b.driver.Status(t.Context(), with(goodKey), id)
		b.wantError(t, err, class, "")
		if wait := upstream.AsError(err).RetryAfter; class == upstream.RateLimited && wait != 3*time.Second {
			t.Errorf("RetryAfter is %s", wait)
		}
	}
	b.status(t, id, upstream.Working)
	b.wantLedger(t, 1, 1)
}

func testOtherAccount(t *testing.T, b *bench) {
	id, ok := b.slow(t, "a cat")
	if !ok {
		return
	}
	_, err := b.driver.Status(t.Context(), with(otherKey), id)
	b.wantError(t, err, upstream.Lost, "")
	_, err = b.driver.Status(t.Context(), with(refusedKey), id)
	b.wantError(t, err, upstream.Auth, "")
	b.status(t, id, upstream.Working)
}

func testFailed(t *testing.T, b *bench) {
	tests := []struct {
		prompt string
		code   fault.Code
	}{
		{"a cat sim:fail", fault.ContentPolicy},
		{"a cat sim:broken", fault.GenerationFailed},
	}
	for _, tt := range tests {
		id, ok := b.slow(t, tt.prompt)
		if !ok {
			return
		}
		b.clock.Advance(time.Minute)
		st := b.status(t, id, upstream.Failed)
		if st.Failure == nil || st.Failure.Code != tt.code || st.Failure.Message == "" {
			t.Errorf("%s: the failure is %v", tt.prompt, st.Failure)
		}
	}
}

func testNotSent(t *testing.T, b *bench) {
	nobody := b.New(t, "http://"+unused(t), Patient)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, spec := range b.specs() {
		_, err := nobody.Submit(t.Context(), with(goodKey), b.submission(spec, "a cat"))
		b.wantError(t, err, upstream.Transient, upstream.NotSent)
		_, err = b.driver.Submit(canceled, with(goodKey), b.submission(spec, "a cat"))
		if e := upstream.AsError(err); e.Outcome != upstream.NotSent {
			t.Errorf("%s: got %v", spec.Kind, err)
		}
	}
	b.wantLedger(t, 0, 0)
}

// unused is an address that nobody listens on.
func unused(t *testing.T) string {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

func testRejected(t *testing.T, b *bench) {
	tests := []struct {
		prompt string
		class  upstream.Class
		wait   time.Duration
	}{
		{"a cat sim:reject", upstream.ContentRejected, 0},
		{"a cat sim:429", upstream.RateLimited, 0},
		{"a cat sim:429=7", upstream.RateLimited, 7 * time.Second},
		{"a cat sim:overdue", upstream.Auth, 0},
		{"a cat sim:deadkey", upstream.Auth, 0},
	}
	for _, spec := range b.specs() {
		for _, tt := range tests {
			_, err := b.driver.Submit(t.Context(), with(goodKey), b.submission(spec, tt.prompt))
			b.wantError(t, err, tt.class, upstream.Rejected)
			if wait := upstream.AsError(err).RetryAfter; wait != tt.wait {
				t.Errorf("%s: RetryAfter is %s, want %s", tt.prompt, wait, tt.wait)
			}
		}
	}
	b.wantLedger(t, len(b.specs())*len(tests), 0)
}

func testAccounts(t *testing.T, b *bench) {
	for _, spec := range b.specs() {
		_, err := b.driver.Submit(t.Context(), with(refusedKey), b.submission(spec, "a cat"))
		b.wantError(t, err, upstream.Auth, upstream.Rejected)
		if f := upstream.AsError(err).Fault; f.Code != fault.CredentialRejected {
			t.Errorf("the caller reads %v", f)
		}
		_, err = b.driver.Submit(t.Context(), with(limitedKey), b.submission(spec, "a cat"))
		b.wantError(t, err, upstream.RateLimited, upstream.Rejected)
		if upstream.AsError(err).RetryAfter <= 0 {
			t.Error("the upstream's own waiting time is lost")
		}
	}
	if n := b.sim.Ledger().Totals.Charged; n != 0 {
		t.Errorf("%d charges", n)
	}
}

// testAmbiguous is the heart of the contract: each of these may have been paid.
func testAmbiguous(t *testing.T, b *bench) {
	tests := []struct {
		prompt string
		class  upstream.Class
	}{
		{"a cat sim:drop", upstream.Transient},
		{"a cat sim:truncate", upstream.Transient},
		{"a cat sim:empty", upstream.Empty},
		{"a cat sim:html,on=submit", upstream.Unknown},
		{"a cat sim:redirect", upstream.Unknown},
		{"a cat sim:500", upstream.Transient},
		{"a cat sim:500,accepted", upstream.Transient},
		{"a cat sim:502,accepted", upstream.Transient},
	}
	n := 0
	for _, spec := range b.specs() {
		for _, tt := range tests {
			_, err := b.driver.Submit(t.Context(), with(goodKey), b.submission(spec, tt.prompt))
			e := upstream.AsError(err)
			if e.Class == upstream.Unknown && tt.class == upstream.Transient {
				tt.class = upstream.Unknown // half an answer may be a cut connection or half a JSON
			}
			b.wantError(t, err, tt.class, upstream.Ambiguous)
			if e.Fault.Code != fault.OutcomeUnknown {
				t.Errorf("%s: the caller reads %v", tt.prompt, e.Fault)
			}
			n++
			if got := b.sim.Ledger().Totals.Submissions; got != n {
				t.Fatalf("%s: the upstream saw %d submissions, want %d", tt.prompt, got, n)
			}
		}
	}
}

func testHanging(t *testing.T, b *bench) {
	hasty := b.New(t, b.root, Hasty)
	for _, spec := range b.specs() {
		_, err := hasty.Submit(t.Context(), with(goodKey), b.submission(spec, "a cat sim:hang"))
		b.wantError(t, err, upstream.Timeout, upstream.Ambiguous)
	}
	b.wantLedger(t, len(b.specs()), len(b.specs()))
}

func testAtOnce(t *testing.T, b *bench) {
	const each = 8
	var wg sync.WaitGroup
	for _, spec := range b.specs() {
		for range each {
			wg.Go(func() {
				if _, err := b.driver.Submit(t.Context(), with(goodKey), b.submission(spec, "a cat")); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	b.wantLedger(t, each*len(b.specs()), each*len(b.specs()))
}

func testCheck(t *testing.T, b *bench) {
	if err := b.driver.Check(t.Context(), with(goodKey)); err != nil {
		t.Errorf("a good credential: %v", err)
	}
	b.wantError(t, b.driver.Check(t.Context(), with(refusedKey)), upstream.Auth, "")
	away := b.New(t, "http://"+unused(t), Patient).Check(t.Context(), with(goodKey))
	if away == nil || upstream.AsError(away).Class == upstream.Auth {
		t.Errorf("an upstream that is away says nothing of a credential: %v", away)
	}
	b.wantLedger(t, 0, 0)
}
