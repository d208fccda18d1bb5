package redisstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/testserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lease is short, so that the tests that let one lapse are quick, and long enough for
// what they do while it is held on a busy machine, whose disk keeps Redis waiting.
const lease = 4 * time.Second

// bench is one empty store and what the tests need around it.
type bench struct {
	*redisstore.Store
	rdb redis.UniversalClient

	slow bool // scripts are interpreted by Go
}

var suite = []struct {
	name string
	run  func(*testing.T, bench)
}{
	{"EveryFieldSurvives", testRoundTrip},
	{"UnknownJobIsNotFound", testUnknown},
	{"AcceptedTwiceIsOneJob", testAcceptTwice},
	{"NoAccountIsPoolExhausted", testNoAccount},
	{"SlotsBoundWhatRuns", testSlots},
	{"LeastRecentlyUsedAccountIsNext", testRotation},
	{"AccountsServeTheirModels", testModels},
	{"OwnCredentialsAreApart", testOwn},
	{"OneClaimWins", testClaim},
	{"LapsedLeaseIsRungAgain", testLapse},
	{"FenceGuardsTheSubmission", testFence},
	{"LateAnswerIsAdopted", testLateAnswer},
	{"AnswerIsWaitedFor", testUnsettled},
	{"DeferredIsRungLater", testDefer},
	{"WhoBeganMaySettle", testBegunMaySettle},
	{"NothingBeginsAfterTheDeadline", testBeginAfterDeadline},
	{"ManyRefusalsAreOneStrike", testStrikes},
	{"NotSentComesBack", testNotSent},
	{"NotSentGoesElsewhere", testNotSentElsewhere},
	{"UnusedFenceIsGivenAgain", testUnused},
	{"RejectedCoolsAndMovesOn", testRejected},
	{"RejectedKeepsItsPlace", testRejectedPlace},
	{"RefusedCredentialParks", testParked},
	{"PollsAreClaimedOnceAndTakenOver", testPolls},
	{"LostLeasesAreTold", testRenew},
	{"WholeLife", testLife},
	{"MediaIsWrittenOnce", testStored},
	{"FinalNeverChanges", testFinal},
	{"DeadlineEndsAJob", testDeadline},
	{"LateMediaRecoversAJob", testHarvest},
	{"AHarvestKeepsItsSlot", testHarvestSlot},
	{"AHarvestIsGivenUp", testHarvestGivenUp},
	{"ALateAnswerIsHarvested", testLateHarvest},
	{"BlindIsHeldForAWhile", testBlind},
	{"CancelBeforeSubmit", testCancelQueued},
	{"ARepeatedCancelHearsTheSame", testCancelRepeated},
	{"CancelMeetsASubmission", testCancelSubmitting},
	{"CancelAsksTheUpstream", testCancelRunning},
	{"CancelLosesToCompletion", testCancelTooLate},
	{"CancelAfterATime", testCancelAfter},
	{"BlindTwiceIsOnce", testBlindTwice},
	{"WhoWakesDoesNotEndABlindHarvest", testBlindWakes},
	{"LateAnswerHasTheWholeHarvest", testLateAfterBlind},
	{"ArchivedIsOfOneVersion", testArchived},
	{"UnusableMediaWasCharged", testBilling},
	{"NoRecordExpiresBeforeItsSlot", testSlotOfExpired},
	{"CanceledAtTheDeadlineIsStillToBeStopped", testCancelAtDeadline},
	{"UnsentEndsTheBill", testUnsent},
	{"UnsureKeepsItsSlot", testUnsureKeepsSlot},
	{"LateAnswerOfACanceledJobIsToBeStopped", testLateAnswerOfCanceled},
	{"ArchiveKeepsAsking", testArchive},
	{"NewsWakesWaiters", testNews},
	{"NewsBringTheEnd", testNewsOfEnds},
	{"NewsWithoutAnEndWakeToo", testNewsAlone},
	{"NewsLookAtAll", testNewsLookAtAll},
	{"NewsAfterAnEndTakeItBack", testNewsAfterAnEnd},
	{"ALookFindsWhatNobodyTold", testLook},
	{"PositionCountsDown", testPosition},
	{"EventsHaveNoGaps", testEvents},
	{"LostWritesAreNoticed", testMemory},
	{"ForgottenIsNotLost", testOldMemory},
	{"KeyFindsItsJob", testKey},
	{"KeyOutlivesTheRecord", testKeyWithoutRecord},
	{"RefusedLeavesNothingToFind", testRefusedRepeat},
	{"OneKeyIsOneJob", testOneKey},
	{"RetryIsAbsorbed", testAbsorb},
	{"RetryOfALostRaceIsAbsorbed", testAbsorbAtAccept},
	{"RetriesSpreadOverEqualJobs", testSpread},
	{"FirstTryThatComesLate", testLate},
	{"OldAndCanceledJobsAbsorbNothing", testAbsorbEnds},
	{"EqualJobsAreListedInPart", testListed},
	{"ATenantsManyJobsDelayOthersByOneTurn", testWhale},
	{"TurnsAreWeighedByCost", testCost},
	{"PrioritiesAge", testPriorities},
	{"TenantsHaveLimits", testTenantLimits},
	{"TenantsHaveARate", testTenantRate},
	{"APositionThatRisesSaysSo", testRisen},
	{"TenantsShareOverAllModels", testLanes},
	{"UnusedTurnsAreNotSaved", testTurnsOfLongAgo},
	{"AccountsHaveLimitsOfAKind", testKindLimits},
	{"AccountsHaveAQuota", testQuota},
	{"AccountsHaveAPace", testPace},
	{"AccountsHaveAWeight", testWeights},
	{"OneCanaryFindsOut", testCanary},
	{"ACanaryMayBeCanceled", testCanaryCanceled},
	{"ManyThatFailAlikeAreNotToBlame", testBreaker},
	{"ANewCredentialIsTried", testNewCredential},
	{"NobodyWaitsForWhatIsTooFar", testFarCooldown},
	{"WhatJobsTakeIsMeasured", testTook},
	{"APlaceThatCannotServeIsPassedBy", testFallbackAtTheDoor},
	{"ARefusedJobGoesOnElsewhere", testFallbackAfterRefusal},
	{"ACoolUpstreamIsNotWaitedFor", testFallbackOfACoolOne},
	{"ADeadWayIsLeft", testFallbackOfADeadWay},
	{"TheFirstEstimateCounts", testExpect},
	{"ReceiversAreToldWithTheEvent", testToldWithTheEvent},
	{"ADeliveryHasOneHolderAndOneEnd", testDelivery},
	{"ADeliveryBeginsAnew", testRedeliver},
	{"TheNewestTriesAreShown", testTriesShown},
	{"WhoIsGoneIsToldNoMore", testGone},
	{"EndpointsAreATenantsOwn", testEndpoints},
	{"AccountsStandAsTheyAreUsed", testStanding},
	{"NobodyWaitsInVain", testStranded},
	{"WhoWaitsInVainGoesElsewhere", testStrandedMoves},
	{"AnAccountThatComesBackServes", testRevived},
	{"ACooldownStrandsByTheDeadline", testStrandedByDeadline},
	{"APausedLineWaits", testPausedLine},
	{"HeldJobsDoNotWaitInVain", testStrandedHeld},
	{"ALongLineIsLookedOverInParts", testLongLine},
	{"WhatMayBePaidStaysWhereItIs", testUnsureStays},
	{"LostAccountsStrandNobody", testLostAccounts},
	{"AListHasPages", testList},
	{"AListLosesWhatExpires", testListExpires},
	{"AListThatFindsNothingEndsEarly", testListEndsEarly},
	{"AListIsBounded", testListIsBounded},
	{"ExpiredIsRemovedOnce", testExpired},
	{"ForgottenIsRemoved", testForget},
	{"ForgottenStaysWhileItIsHarvested", testForgetHarvested},
	{"ForgottenIsNotArchivedAgain", testForgetArchived},
	{"ForgottenOfTheArchive", testForgetWithoutRecord},
	{"ForgottenAbsorbsNothing", testForgetAbsorbs},
	{"AJobIsCountedWhereItIs", testCensus},
	{"AHarvestIsCountedApart", testCensusHarvest},
	{"AgesCountFromTheStage", testCensusAge},
	{"AccountsAreCounted", testCensusAccounts},
	{"OldProcessesAreCounted", testCensusHeals},
	{"AllThatIsMissingIsFound", testCensusHealsAll},
	{"ACensusOnlyReads", testCensusReads},
	{"NewerJobsAreLeftAlone", testSchema},
}

func TestOnMiniredis(t *testing.T) {
	t.Parallel()
	for _, tt := range suite {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := open(t, miniredis.RunT(t).Addr())
			b.slow = true
			tt.run(t, b)
		})
	}
}

func TestOnRedis(t *testing.T) {
	t.Parallel()
	for _, tt := range suite {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.run(t, open(t, testserver.Redis(t).Addr))
		})
	}
}

func open(t *testing.T, addr string) bench {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = rdb.Close() })
	keys, err := account.NewKeyRing([]account.Secret{account.NewKey("k1")})
	if err != nil {
		t.Fatal(err)
	}
	s := redisstore.New(redisstore.Config{Client: rdb, Lease: lease, Keys: keys})
	t.Cleanup(func() { wantCensus(t, rdb) })
	pool(t, s, acct("a", 2))
	return bench{Store: s, rdb: rdb}
}

func acct(id string, slots int, models ...string) account.Account {
	return account.Account{ID: id, Upstream: "up", Secret: account.NewSecret("key-" + id), MaxInFlight: slots, Models: models}
}

func pool(t *testing.T, s *redisstore.Store, accounts ...account.Account) {
	t.Helper()
	if err := s.SyncAccounts(t.Context(), "up", accounts); err != nil {
		t.Fatal(err)
	}
}

func newJob() redisstore.NewJob {
	return redisstore.NewJob{
		ID: job.NewID(time.Now()), Tenant: "key:test", Secret: job.NewSecret(), Deadline: time.Minute, Harvest: time.Minute, Retention: time.Hour,
		Spec: job.Spec{
			Kind: job.Video, Model: "doubao-video", Prompt: "海浪 \"quoted\" \n", Upstream: "up", UpstreamModel: "m1", Ratio: "16:9",
			Style: "3D", Input: &job.Input{Key: "jobs/x/input-0.png", ContentType: "image/png", SizeBytes: 12, Width: 3, Height: 4},
		},
	}
}

// accept accepts a job and gives its id and the bells.
func (b bench) accept(t *testing.T, change ...func(*redisstore.NewJob)) (job.ID, []job.Bell) {
	t.Helper()
	n := newJob()
	for _, c := range change {
		c(&n)
	}
	j, bells, err := b.Accept(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return j.ID, bells
}

// begin claims and begins a submission under a token.
func (b bench) begin(t *testing.T, id job.ID, token string) int64 {
	t.Helper()
	if ok, err := b.Claim(t.Context(), id, job.StageSubmit, token); err != nil || !ok {
		t.Fatalf("claim = %v, %v", ok, err)
	}
	fence, err := b.Begin(t.Context(), id, token)
	if err != nil || fence == 0 {
		t.Fatalf("begin = %d, %v", fence, err)
	}
	return fence
}

// toRunning brings a new job to running.
func (b bench) toRunning(t *testing.T) job.ID {
	t.Helper()
	id, _ := b.accept(t)
	fence := b.begin(t, id, "w1.1")
	must(t, redisstore.Written)(firstTwo(b.Accepted(t.Context(), id, "w", fence, "cgt-1", nil, nil)))
	return id
}

// toMirroring brings a new job to mirroring, claimed by the token "m".
func (b bench) toMirroring(t *testing.T) job.ID {
	t.Helper()
	id, _ := b.accept(t)
	fence := b.begin(t, id, "w1.1")
	sources := []job.Source{{Role: job.Primary, URL: "http://x/1"}}
	must(t, redisstore.Written)(firstTwo(b.Accepted(t.Context(), id, "w", fence, "", sources, &job.Usage{TotalTokens: 7})))
	if ok, err := b.Claim(t.Context(), id, job.StageMirror, "m"); err != nil || !ok {
		t.Fatalf("claim = %v, %v", ok, err)
	}
	return id
}

// firstTwo drops the bells.
func firstTwo(s redisstore.Settled, _ []job.Bell, err error) (redisstore.Settled, error) {
	return s, err
}

// must checks how a write settled.
func must(t *testing.T, want redisstore.Settled) func(redisstore.Settled, error) {
	t.Helper()
	return func(got redisstore.Settled, err error) {
		t.Helper()
		if err != nil || got != want {
			t.Fatalf("settled as %q, %v; want %q", got, err, want)
		}
	}
}

func (b bench) get(t *testing.T, id job.ID) *job.Job {
	t.Helper()
	j, err := b.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func (b bench) wantState(t *testing.T, id job.ID, want job.State) *job.Job {
	t.Helper()
	j := b.get(t, id)
	if j.State != want {
		t.Fatalf("state of %s = %s, want %s", id, j.State, want)
	}
	return j
}

// sweepUntil sweeps until a condition holds, for at most a minute.
func (b bench) sweepUntil(t *testing.T, holds func(redisstore.Swept) bool) {
	t.Helper()
	b.sweepBy(t, 100, holds)
}

// sweepBy sweeps by so many jobs of each sort at a time.
func (b bench) sweepBy(t *testing.T, most int, holds func(redisstore.Swept) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		swept, err := b.Sweep(ctx, most)
		if err != nil {
			t.Fatal(err)
		}
		if holds(swept) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal("the sweep never found it")
		case <-tick.C:
		}
	}
}

func wantFault(t *testing.T, err error, code fault.Code) {
	t.Helper()
	if !fault.Is(err, code) {
		t.Fatalf("error = %v, want a fault of %s", err, code)
	}
}

func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx, cancel
}
