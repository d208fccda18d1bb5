package job

import "time"

// Harvest is what is still being done for a job that is final: its caller has
// had a true answer, and what the upstream may yet make is waited for all the
// same. A failed job whose media comes late succeeds after all; a canceled one
// stays canceled and shows what was made. As long as it goes on the job holds
// its slot, since the upstream may be at work for it.
type Harvest string

// The stages of a harvest.
const (
	HarvestNone   Harvest = ""           // nothing: the job is over
	HarvestAnswer Harvest = "submitting" // the answer to its submission may come, or be looked up
	HarvestBlind  Harvest = "blind"      // the answer may come, and there is no way to ask
	HarvestPoll   Harvest = "running"    // the upstream is asked after it
	HarvestMirror Harvest = "mirroring"  // its media is being copied
)

// Doing is what is being done for a job: its state, or the stage of its harvest
// as the state of a live job would be called. A final state means that nothing
// is done any more that anybody could further.
func (j *Job) Doing() State {
	switch {
	case !j.State.Final():
		return j.State
	case j.Harvest == HarvestAnswer:
		return Submitting
	case j.Harvest == HarvestPoll:
		return Running
	case j.Harvest == HarvestMirror:
		return Mirroring
	}
	return j.State
}

// Cancel is a wish to cancel a job and what came of it.
type Cancel struct {
	RequestedAt time.Time     `json:"requested_at"`
	Outcome     CancelOutcome `json:"outcome,omitempty"` // empty while the upstream is asked
	Billing     Billing       `json:"billing,omitempty"` // empty while the upstream is asked
}

// CancelOutcome is what came of a wish to cancel, in the words of the API.
type CancelOutcome string

// The outcomes.
const (
	CancelBeforeSubmit CancelOutcome = "before_submit"        // nothing was at the upstream
	CancelConfirmed    CancelOutcome = "upstream_confirmed"   // the upstream has stopped
	CancelUnsupported  CancelOutcome = "upstream_unsupported" // the upstream works on; the job is canceled all the same
	CancelTooLate      CancelOutcome = "too_late"             // the job came to another end first
)

// Billing is whether a canceled job costs anything, in the words of the API.
type Billing string

// What is known of the bill.
const (
	BillingNone     Billing = "none"     // the upstream has made nothing
	BillingPossible Billing = "possible" // nobody knows yet, or ever
	BillingCharged  Billing = "charged"  // the upstream has made it
)
