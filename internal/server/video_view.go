package server

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// headerPollAfter tells OpenAI's SDKs how long to wait before they ask again.
const headerPollAfter = "openai-poll-after-ms"

// longestPoll is the longest that OpenAI's SDKs wait on a server's word.
const longestPoll = 8 * time.Second

// askAgainAfter is when it is worth asking for a video again: as a rule the usual
// time, and more often when it should soon be there.
func askAgainAfter(j *job.Job, eta *tintype.ETA, now time.Time) time.Duration {
	if eta == nil {
		return min(pollAfter(j.Spec.Kind), longestPoll)
	}
	return min(max(eta.P50At.Sub(now)/2, time.Second), longestPoll)
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// viewVideo is a job as OpenAI's video object.
func viewVideo(j *job.Job, now time.Time) tintype.VideoObject {
	v := tintype.VideoObject{
		ID: string(j.ID), Object: tintype.ObjectVideo, Model: j.Spec.Model, Prompt: j.Spec.Prompt,
		Status: videoStatus(j.State), Progress: j.Progress(),
		CreatedAt: j.CreatedAt.Unix(), CompletedAt: unix(j.FinishedAt),
		Seconds: secondsOf(j), Size: sizeOf(j),
	}
	switch {
	case j.State == job.Succeeded && !j.ExpiresAt.IsZero() && now.After(j.ExpiresAt):
		v.Status, v.Error = tintype.VideoFailed, &tintype.VideoError{Code: "expired", Message: "The video has expired."}
	case j.State == job.Succeeded:
		v.ExpiresAt = unix(j.ExpiresAt)
	}
	if err := failureOf(j); err != nil {
		f := fault.From(err)
		v.Error = &tintype.VideoError{Code: string(f.Code), Message: f.Message}
	}
	return v
}

func unix(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	n := t.Unix()
	return &n
}

// videoStatus gives OpenAI's word for a state: its pollers stop on any other than
// these four.
func videoStatus(s job.State) tintype.VideoStatus {
	switch s {
	case job.Queued:
		return tintype.VideoQueued
	case job.Submitting, job.Running, job.Mirroring:
		return tintype.VideoInProgress
	case job.Succeeded:
		return tintype.VideoCompleted
	case job.Failed, job.Canceled:
	}
	return tintype.VideoFailed
}

// secondsOf is how long a video is, or is to be; empty where nobody said.
func secondsOf(j *job.Job) string {
	n := j.Spec.Seconds
	if films := j.Primaries(); len(films) > 0 && films[0].Duration > 0 {
		n = int(math.Round(films[0].Duration.Seconds()))
	}
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// sizeOf is how large a video is, or is to be; empty where nobody said.
func sizeOf(j *job.Job) string {
	if films := j.Primaries(); len(films) > 0 && films[0].Width > 0 {
		return fmt.Sprintf("%dx%d", films[0].Width, films[0].Height)
	}
	return j.Spec.Size
}
