package server

import (
	"time"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// viewJob is a job as the API shows it, with the log that it has so far.
func viewJob(origin string, j *job.Job, log []job.Event) tintype.Job {
	v := tintype.Job{
		ID: string(j.ID), Object: tintype.ObjectJob, Kind: tintype.Kind(j.Spec.Kind), Model: j.Spec.Model,
		Status: statusWord(j.State), Phase: phaseWord(j), Progress: j.Progress(),
		CreatedAt: j.CreatedAt, StartedAt: moment(j.SubmittedAt), FinishedAt: moment(j.FinishedAt),
		Deadline: j.Deadline, ExpiresAt: j.ExpiresAt,
		Media: mediaViews(origin, j), Usage: usageOf(j), Timeline: timeline(j, log),
		URLs:   tintype.JobURLs{Get: origin + jobPath(j.ID), Events: origin + jobPath(j.ID) + "/events"},
		Cancel: cancelView(j.Cancel), Recovered: j.Recovered, Webhook: webhookView(j.Webhooks),
	}
	if !j.State.Final() {
		v.URLs.Cancel = v.URLs.Get + "/cancel"
	}
	if len(v.Media) > 0 {
		v.URLs.Content = v.URLs.Get + "/content/0"
	}
	if j.State == job.Failed && j.Harvest != job.HarvestNone {
		v.RecoverableUntil = moment(j.HarvestUntil)
	}
	if j.Spec.Count > 1 {
		v.N = j.Spec.Count
	}
	if n := j.Short(); n > 0 {
		v.Missing = &tintype.Missing{N: n, Message: whyMissing(j)}
	}
	if j.State == job.Succeeded {
		v.Choices = resultOf(origin, j).choices()
	}
	if err := failureOf(j); err != nil {
		v.Error = errorDetail(toFault(err))
	}
	return v
}

// whyMissing says why there are fewer images than were asked for.
func whyMissing(j *job.Job) string {
	if j.Usage == nil || j.Usage.Missed == "" {
		return "The upstream made fewer images than were asked for."
	}
	return j.Usage.Missed
}

func cancelView(c *job.Cancel) *tintype.Cancel {
	if c == nil {
		return nil
	}
	return &tintype.Cancel{
		RequestedAt: c.RequestedAt, Outcome: tintype.CancelOutcome(c.Outcome), Billing: tintype.Billing(c.Billing),
	}
}

// statusWord gives the API's word for a state.
func statusWord(s job.State) tintype.Status {
	switch s {
	case job.Queued:
		return tintype.StatusQueued
	case job.Submitting, job.Running:
		return tintype.StatusRunning
	case job.Mirroring:
		return tintype.StatusMirroring
	case job.Succeeded:
		return tintype.StatusSucceeded
	case job.Failed:
		return tintype.StatusFailed
	case job.Canceled:
		return tintype.StatusCanceled
	}
	return tintype.Status(s)
}

// phaseWord says what is being done; empty once a job is final.
func phaseWord(j *job.Job) tintype.Phase {
	switch j.State {
	case job.Queued:
		return tintype.PhaseQueued
	case job.Submitting:
		return tintype.PhaseSubmitting
	case job.Running:
		if j.Phase == job.PhaseGenerating {
			return tintype.PhaseGenerating
		}
		return tintype.PhaseQueued
	case job.Mirroring:
		return tintype.PhaseMirroring
	case job.Succeeded, job.Failed, job.Canceled:
	}
	return ""
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// mediaViews lists the stored files: what was asked for first, then the stills.
func mediaViews(origin string, j *job.Job) []tintype.Media {
	covers := j.Covers()
	var out []tintype.Media
	for i, m := range j.Primaries() {
		v := mediaView(origin, j, m)
		v.CoverURL = coverURL(origin, j, covers, i)
		out = append(out, v)
	}
	for _, m := range covers {
		out = append(out, mediaView(origin, j, m))
	}
	return out
}

func mediaView(origin string, j *job.Job, m job.Media) tintype.Media {
	return tintype.Media{
		ID: m.Name, Type: m.ContentType, URL: mediaURL(origin, j, m), Bytes: m.SizeBytes, SHA256: m.SHA256,
		Width: m.Width, Height: m.Height, Duration: m.Duration.Seconds(), FPS: m.FPS,
	}
}

// timeline is the log in short. Of a job whose log has gone it is what the
// record itself still tells.
func timeline(j *job.Job, log []job.Event) []tintype.Moment {
	out := []tintype.Moment{}
	for _, e := range log {
		out = append(out, tintype.Moment{Event: tintype.EventType(e.Type), At: e.Time})
	}
	if len(out) > 0 {
		return out
	}
	out = append(out, tintype.Moment{Event: tintype.EventQueued, At: j.CreatedAt})
	if !j.SubmittedAt.IsZero() {
		out = append(out, tintype.Moment{Event: tintype.EventSubmitted, At: j.SubmittedAt})
	}
	if end := finalEvent(j.State); end != "" && !j.FinishedAt.IsZero() {
		out = append(out, tintype.Moment{Event: end, At: j.FinishedAt})
	}
	return out
}

// finalEvent is the event that a final state comes with.
func finalEvent(s job.State) tintype.EventType {
	switch s {
	case job.Succeeded:
		return tintype.EventSucceeded
	case job.Failed:
		return tintype.EventFailed
	case job.Canceled:
		return tintype.EventCanceled
	case job.Queued, job.Submitting, job.Running, job.Mirroring:
	}
	return ""
}
