package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/tintypehq/tintype/pkg/tintype"
)

type jobWatch struct {
	callerFlags
	saveFlags

	ID string `arg:"" help:"The job."`
}

// Run follows a job that was asked for before, here or anywhere.
func (k jobWatch) Run(ctx context.Context, c *console) error {
	call, err := k.caller(c)
	if err != nil {
		return err
	}
	if err := k.check(1); err != nil {
		return err
	}
	ctx, cancel := k.within(ctx)
	defer cancel()
	if _, err := call.Jobs.Get(ctx, k.ID); err != nil { // it says more clearly than a stream what is wrong
		return call.explain(err, "")
	}
	p := &pursuit{caller: call, screen: c.screen(k.callerFlags, k.Out)}
	if k.Out != "" {
		p.save = &k.saveFlags
	}
	if k.JSON {
		p.tell = func(e *tintype.Event) error {
			b, err := json.Marshal(e)
			c.Printf("%s\n", b)
			return err
		}
	}
	return p.run(ctx, c, k.ID).err
}

type jobDownload struct {
	callerFlags
	saveFlags

	ID string `arg:"" help:"The job."`
}

// Run saves what a job has made.
func (k jobDownload) Run(ctx context.Context, c *console) error {
	call, err := k.caller(c)
	if err != nil {
		return err
	}
	if err := k.check(1); err != nil {
		return err
	}
	ctx, cancel := k.within(ctx)
	defer cancel()
	job, err := call.Jobs.Get(ctx, k.ID)
	if err != nil {
		return call.explain(err, "")
	}
	p := &pursuit{caller: call, save: &k.saveFlags}
	if !job.Status.Final() {
		return fmt.Errorf("the job is %s and has no file yet\n  %s   waits for it", job.Status, call.again("jobs", "watch", k.ID, "-o", "FILE"))
	}
	if job.Status != tintype.StatusSucceeded {
		return p.failure(job)
	}
	files, err := k.save(ctx, c, call, job)
	if err == nil {
		c.screen(k.callerFlags, k.Out).Printf("%s\n", summary(files, job))
	}
	return c.report(k.JSON && k.Out != toStdout, ended{Job: job, Files: files, err: err})
}

type jobCancel struct {
	callerFlags

	ID string `arg:"" help:"The job."`
}

// Run asks for a job's end and says what that came to.
func (k jobCancel) Run(ctx context.Context, c *console) error {
	call, err := k.caller(c)
	if err != nil {
		return err
	}
	ctx, cancel := k.within(ctx)
	defer cancel()
	job, err := call.Jobs.Cancel(ctx, k.ID)
	if err != nil {
		return call.explain(err, "")
	}
	if k.JSON {
		b, err := json.MarshalIndent(job, "", "  ")
		c.Printf("%s\n", b)
		return err
	}
	c.Printf("%s\n", canceled(job))
	return nil
}

// canceled says what came of a wish to cancel.
func canceled(job *tintype.Job) string {
	if !job.Status.Final() {
		return "The upstream is asked to stop. `tintype jobs watch " + job.ID + "` tells what comes of it."
	}
	if job.Status != tintype.StatusCanceled || job.Cancel == nil {
		return "The job had ended before: it is " + string(job.Status) + "."
	}
	text := "The job is canceled."
	switch job.Cancel.Outcome {
	case tintype.CancelBeforeSubmit:
		text += " The upstream never heard of it."
	case tintype.CancelConfirmed:
		text += " The upstream has stopped."
	case tintype.CancelUnsupported:
		text += " The upstream cannot stop; what it makes all the same is stored and shown with the job."
	case tintype.CancelTooLate:
		text += " The upstream had made it already."
	}
	switch job.Cancel.Billing {
	case tintype.BillingNone:
		text += " It costs nothing."
	case tintype.BillingPossible:
		text += " It may be charged."
	case tintype.BillingCharged:
		text += " It is charged."
	}
	return text
}

type jobList struct {
	callerFlags

	Status []tintype.Status `help:"Only jobs of a status: queued, running, mirroring, succeeded, failed, canceled; several with commas."`
	Kind   tintype.Kind     `help:"Only of a kind: image or video."`
	Limit  int              `short:"n" default:"20" help:"How many at most; 0: all. (default: ${default})"`
}

// Run lists the caller's jobs, the newest first.
func (k jobList) Run(ctx context.Context, c *console) error {
	call, err := k.caller(c)
	if err != nil {
		return err
	}
	ctx, cancel := k.within(ctx)
	defer cancel()
	w := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
	if !k.JSON {
		_, _ = fmt.Fprintln(w, "JOB\tKIND\tMODEL\tSTATUS\tCREATED")
	}
	n := 0
	for job, err := range call.Jobs.List(ctx, tintype.ListOptions{Status: k.Status, Kind: k.Kind, PageSize: min(max(k.Limit, 0), mostOnAPage)}) {
		if err != nil {
			return call.explain(err, "")
		}
		if k.JSON {
			b, err := json.Marshal(job)
			if err != nil {
				return err
			}
			c.Printf("%s\n", b)
		} else {
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", job.ID, job.Kind, job.Model, job.Status, job.CreatedAt.Local().Format(time.DateTime))
		}
		if n++; n == k.Limit {
			break
		}
	}
	return w.Flush()
}

// mostOnAPage is the most that a service gives at once.
const mostOnAPage = 100
