package demo

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/tintypehq/tintype/pkg/tintype"
)

// jobs makes media and saves it.
type jobs struct {
	client *tintype.Client
	out    string
}

// stepsAtOnce are the steps with an upstream that makes the media while it is
// being asked.
func stepsAtOnce() []string { return []string{"waiting", "generating", "storing", "checking"} }

// stepsOfATask are those with one that takes a task and is asked after it.
func stepsOfATask() []string {
	return []string{"waiting", "submitting", "generating", "storing", "checking"}
}

// work submits a job, follows its log, and fetches and checks its files.
func (j jobs) work(name string, steps []string, submit func(context.Context) (*tintype.JobHandle, error)) work {
	at := func(step string) int { return slices.Index(steps, step) }
	return work{name: name, steps: steps, run: func(ctx context.Context, step func(int)) (result, error) {
		job, err := submit(ctx)
		if err != nil {
			return result{}, err
		}
		step(at("waiting"))
		if err := j.follow(ctx, job.ID, func(e *tintype.Event) {
			if now := stepOf(e, steps); now != "" {
				step(at(now))
			}
		}); err != nil {
			return result{}, err
		}
		step(at("checking"))
		return j.collect(ctx, name, job.ID)
	}}
}

// stepOf gives the step that an event begins; empty for the last one, after
// which there is nothing left to do for the service.
func stepOf(e *tintype.Event, steps []string) string {
	switch {
	case e.Job.Status.Final():
		return ""
	case e.Job.Status == tintype.StatusMirroring:
		return "storing"
	case e.Job.Phase == tintype.PhaseGenerating:
		return "generating"
	case e.Type == tintype.EventAdmitted, e.Type == tintype.EventSubmitted:
		return steps[1] // it is with the upstream
	}
	return "waiting"
}

// follow reads a job's log to its end. A job that failed is an error.
func (j jobs) follow(ctx context.Context, id string, tell func(*tintype.Event)) error {
	var last *tintype.Event
	for event, err := range j.client.Jobs.Events(ctx, id, 0) {
		if err != nil {
			return err
		}
		tell(event)
		last = event
	}
	if last == nil {
		return errors.New("the job's log is empty")
	}
	return last.Job.Err()
}

// collect asks for the finished job and saves what it made.
func (j jobs) collect(ctx context.Context, name, id string) (result, error) {
	job, err := j.client.Jobs.Get(ctx, id)
	if err != nil {
		return result{}, err
	}
	if len(job.Media) == 0 {
		return result{}, errors.New("the job has succeeded without a file")
	}
	r := result{name: name, times: timesOf(job)}
	for i, m := range job.Media {
		f, err := j.save(ctx, fileName(name, i, m), m)
		if err != nil {
			return r, err
		}
		r.files = append(r.files, f)
	}
	return r, nil
}

// fileName names a job's files after the work: the first is what was asked for,
// a picture that comes with a video its cover.
func fileName(name string, i int, m tintype.Media) string {
	name = strings.ReplaceAll(name, " ", "-")
	if i > 0 {
		name += "-cover"
	}
	return name + path.Ext(m.ID)
}
