package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/cli/terminal"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// The steps of a job as they are shown.
const (
	stepWaiting = iota
	stepSubmitting
	stepGenerating
	stepStoring
	stepSaving
)

func stepNames() []string {
	return []string{"waiting", "submitting", "generating", "storing", "saving"}
}

// pursuit follows a job to its end, and to the disk.
type pursuit struct {
	*caller

	screen terminal.Screen
	save   *saveFlags                 // nil: nothing is saved
	tell   func(*tintype.Event) error // nil: nobody wants the events themselves
}

// ended is what came of a job, as --json tells it.
type ended struct {
	Job   *tintype.Job `json:"job"`
	Files []savedFile  `json:"files"`

	err error
}

// out is where the result goes.
func (p *pursuit) out() string {
	if p.save == nil {
		return ""
	}
	return p.save.Out
}

// run follows a job with its progress on the screen.
func (p *pursuit) run(ctx context.Context, c *console, id string) (e ended) {
	steps := stepNames()
	if p.save == nil {
		steps = steps[:stepSaving]
	}
	board := p.screen.Board(terminal.Work{Name: "job", Steps: steps})
	defer board.Stop()
	e.Job, e.err = p.follow(ctx, id, board)
	if e.err == nil && e.Job.Status != tintype.StatusSucceeded {
		e.err = p.failure(e.Job)
	}
	what := ""
	if e.err == nil {
		e.Files, what, e.err = p.keep(ctx, c, e.Job, board)
	}
	_, goesOn := errors.AsType[*unfinished](e.err)
	switch {
	case e.err == nil:
		board.Done(0, what)
	case !goesOn && !errors.Is(e.err, context.Canceled): // interrupted is not failed
		board.Fail(0)
	}
	return e
}

// follow reads a job's log to its end.
func (p *pursuit) follow(ctx context.Context, id string, board *terminal.Board) (*tintype.Job, error) {
	var job *tintype.Job
	for event, err := range p.Jobs.Events(ctx, id, 0) {
		if err != nil {
			return nil, p.explain(err, p.out())
		}
		job = &event.Job
		if p.tell != nil {
			if err := p.tell(event); err != nil {
				return nil, err
			}
		}
		if step, words := stepOf(event); words != "" {
			board.Say(0, step, words)
		}
	}
	if job == nil || !job.Status.Final() {
		final, err := p.Jobs.Get(ctx, id)
		return final, p.explain(err, p.out())
	}
	return job, nil
}

// stepOf gives the step that an event begins, and the words for it; none for the
// last one.
func stepOf(e *tintype.Event) (step int, words string) {
	switch {
	case e.Job.Status.Final():
		return 0, ""
	case e.Job.Status == tintype.StatusMirroring:
		step = stepStoring
	case e.Job.Phase == tintype.PhaseGenerating:
		step = stepGenerating
	case e.Job.Kind == tintype.KindImage && e.Job.Phase == tintype.PhaseSubmitting: // most are made while they are asked for
		step = stepGenerating
	case e.Type == tintype.EventAdmitted, e.Type == tintype.EventSubmitted, e.Job.Phase == tintype.PhaseSubmitting:
		step = stepSubmitting
	}
	words = stepNames()[step]
	if q := e.Job.Queue; q != nil && q.Position > 0 {
		words += fmt.Sprintf(", %d ahead", q.Position)
	}
	if eta := e.Job.ETA; eta != nil {
		if left := time.Until(eta.P50At); left > time.Second {
			words += ", about " + terminal.Seconds(left) + " to go"
		}
	}
	return step, words
}

// failure says why a job gave nothing.
func (p *pursuit) failure(job *tintype.Job) error {
	if e, ok := errors.AsType[*tintype.APIError](job.Err()); ok {
		return errors.New(e.Message)
	}
	return fmt.Errorf("the job is %s", job.Status)
}

// keep saves a job's files, if that is wanted, and says where they are.
func (p *pursuit) keep(ctx context.Context, c *console, job *tintype.Job, board *terminal.Board) ([]savedFile, string, error) {
	if p.save == nil {
		var links []string
		for _, m := range wanted(job) {
			links = append(links, m.URL)
		}
		return []savedFile{}, strings.Join(links, " "), nil
	}
	board.Step(0, stepSaving)
	files, err := p.save.save(ctx, c, p.caller, job)
	if err != nil {
		return files, "", err
	}
	return files, summary(files, job), nil
}
