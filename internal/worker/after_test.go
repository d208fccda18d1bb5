package worker_test

import (
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/upstream/sim"
	"github.com/tintypehq/tintype/internal/worker"
)

// markedModel is one whose submissions can be looked up.
const markedModel = "doubao-seedance-2-0-260128"

func marked(n *redisstore.NewJob) { n.Spec.UpstreamModel = markedModel }

// hurried gives a job little time, and its media more.
func hurried(n *redisstore.NewJob) { n.Deadline, n.Harvest = 10*time.Second, time.Minute }

// lateImage is how long the submission of an image may take that is not ready
// before the deadline of a hurried job.
const lateImage = 40 * time.Second

// harvesting is a worker that goes on asking often.
func harvesting(c *worker.Config) {
	video := c.Kinds[job.Video]
	video.HarvestEvery = 50 * time.Millisecond
	c.Kinds[job.Video] = video
}

// awaitOver waits until nothing is done for a job any more.
func (r *rig) awaitOver(t *testing.T, id job.ID) *job.Job {
	t.Helper()
	j := r.await(t, id, "over", func(j *job.Job) bool { return j.State.Final() && j.Harvest == job.HarvestNone })
	if r.rdb.SIsMember(t.Context(), "{tt}:slots:a", string(id)).Val() {
		t.Error("it is over and holds its slot")
	}
	return j
}

func (r *rig) wantCharges(t *testing.T, prompt string, charged, sent int) {
	t.Helper()
	if c, s := r.charges(prompt); c != charged || s != sent {
		t.Errorf("charged %d times in %d submissions, want %d in %d", c, s, charged, sent)
	}
}

// TestLateMediaIsTaken: at the deadline the job fails and says so; what comes
// later is stored all the same, and the job succeeds.
func TestLateMediaIsTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t, harvesting, func(c *worker.Config) {
		image := c.Kinds[job.Image]
		image.SubmitTimeout = lateImage
		c.Kinds[job.Image] = image
	})
	video := r.submit(t, job.Video, "late video sim:ready=18s", hurried)
	image := r.submit(t, job.Image, "late image sim:ready=18s", hurried)
	for id, why := range map[job.ID]fault.Code{video: fault.GenerationTimeout, image: fault.OutcomeUnknown} {
		j := r.awaitFinal(t, id)
		if j.State != job.Failed || j.Failure.Code != why || j.Harvest == job.HarvestNone {
			t.Errorf("at the deadline: %s, %v, harvest %q", j.State, j.Failure, j.Harvest)
		}
	}
	for id, files := range map[job.ID]int{video: 2, image: 1} {
		j := r.awaitOver(t, id)
		if j.State != job.Succeeded || !j.Recovered || len(j.Media) != files {
			t.Errorf("in the end: %s, recovered %v, %d files", j.State, j.Recovered, len(j.Media))
		}
		r.wantArchived(t, j)
	}
	r.wantCharges(t, "late", 2, 2)
}

// TestLateFailureChangesNothing: the upstream could not make it anyway.
func TestLateFailureChangesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t, harvesting)
	id := r.submit(t, job.Video, "waves sim:ready=18s sim:broken", hurried)
	if j := r.awaitOver(t, id); j.State != job.Failed || j.Failure.Code != fault.GenerationTimeout {
		t.Errorf("in the end: %s, %v", j.State, j.Failure)
	}
}

func (r *rig) cancel(t *testing.T, id job.ID) {
	t.Helper()
	_, bells, err := r.store.Cancel(t.Context(), id)
	if err == nil {
		err = r.bells.Ring(t.Context(), bells...)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestCancel: the upstream is asked, and the job says what came of it.
func TestCancel(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t)
	tests := []struct {
		name    string
		tag     string
		when    func(*job.Job) bool
		state   job.State
		outcome job.CancelOutcome
		billing job.Billing
		files   int
		charged int
	}{
		{"waiting there", "sim:queued=20s", func(j *job.Job) bool { return j.State == job.Running }, job.Canceled, job.CancelConfirmed, job.BillingNone, 0, 0},
		{"being made", "sim:ready=10s", func(j *job.Job) bool { return j.Phase == job.PhaseGenerating }, job.Canceled, job.CancelUnsupported, job.BillingCharged, 2, 1},
		{"being made, and it will fail", "sim:ready=10s sim:broken", func(j *job.Job) bool { return j.Phase == job.PhaseGenerating }, job.Canceled, job.CancelUnsupported, job.BillingNone, 0, 1},
		{"made", "sim:slow=10s,on=media", func(j *job.Job) bool { return j.State == job.Mirroring }, job.Succeeded, job.CancelTooLate, job.BillingCharged, 2, 1},
		{"the wish is not heard at first", "sim:queued=20s sim:500,on=delete,times=2", func(j *job.Job) bool { return j.State == job.Running }, job.Canceled, job.CancelConfirmed, job.BillingNone, 0, 0},
		{"the answer is lost", "sim:queued=20s sim:drop,on=delete,times=1", func(j *job.Job) bool { return j.State == job.Running }, job.Canceled, job.CancelConfirmed, job.BillingNone, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			id := r.submit(t, job.Video, t.Name()+" "+tt.tag)
			r.await(t, id, tt.name, tt.when)
			r.cancel(t, id)
			final := r.awaitFinal(t, id)
			if final.State != tt.state {
				t.Errorf("it is %s, want %s", final.State, tt.state)
			}
			j := r.awaitOver(t, id)
			if c := j.Cancel; j.State != tt.state || c == nil || c.Outcome != tt.outcome || c.Billing != tt.billing || len(j.Media) != tt.files {
				t.Errorf("in the end %s with %d files and %+v", j.State, len(j.Media), c)
			}
			r.wantCharges(t, t.Name()+" ", tt.charged, 1)
		})
	}
}

// TestLostAnswersAreLookedUp: what a submission has created is found by its mark;
// where it surely created nothing it is sent again.
func TestLostAnswersAreLookedUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t)
	for tag, sent := range map[string]int{
		"sim:drop": 1, "sim:empty": 1, "sim:truncate": 1, "sim:500,accepted": 1, "sim:hang": 1,
		"sim:500,times=1": 2, "sim:redirect,times=1": 2,
	} {
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			id := r.submit(t, job.Video, t.Name()+" "+tag, marked)
			r.wantSucceeded(t, id, 2)
			r.wantCharges(t, tag, 1, sent)
		})
	}
}

// TestLookupThatLearnsNothing: a list that cannot be read proves nothing. The
// deadline says so, and what is found later is taken.
func TestLookupThatLearnsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.sim.AddFault(sim.Rule{Match: "*", Op: "list", Fault: "500", Times: 8}); err != nil {
		t.Fatal(err)
	}
	r.start(t, harvesting)
	id := r.submit(t, job.Video, "waves sim:drop", marked, func(n *redisstore.NewJob) { n.Deadline, n.Harvest = 12*time.Second, time.Minute })
	if j := r.awaitFinal(t, id); j.State != job.Failed || j.Failure.Code != fault.OutcomeUnknown {
		t.Errorf("at the deadline: %s, %v", j.State, j.Failure)
	}
	if j := r.awaitOver(t, id); j.State != job.Succeeded || !j.Recovered {
		t.Errorf("in the end: %s, %v", j.State, j.Failure)
	}
	r.wantCharges(t, "waves", 1, 1)
}

// TestUnknownOutcomeHoldsItsSlot: nobody can tell whether the upstream is at work
// on it, so nobody else is sent there in its place.
func TestUnknownOutcomeHoldsItsSlot(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t, func(c *worker.Config) {
		video := c.Kinds[job.Video]
		video.UnknownHold = 10 * time.Second
		c.Kinds[job.Video] = video
	})
	id := r.submit(t, job.Video, "waves sim:drop", func(n *redisstore.NewJob) { n.Harvest = time.Minute })
	if j := r.awaitFinal(t, id); j.Failure.Code != fault.OutcomeUnknown || j.Harvest != job.HarvestBlind {
		t.Errorf("failed with %v, harvest %q", j.Failure, j.Harvest)
	}
	if !r.rdb.SIsMember(t.Context(), "{tt}:slots:a", string(id)).Val() {
		t.Error("it holds no slot")
	}
	r.awaitOver(t, id)
}
