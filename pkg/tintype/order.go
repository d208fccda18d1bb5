package tintype

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// keyLife is for how long a server surely knows an Idempotency-Key, less a margin.
// A POST that is repeated later could be paid again.
const keyLife = 59 * time.Minute

// order is a request for media, from its first POST on. Its key makes every POST
// of it the same job.
type order struct {
	client *Client
	path   string
	body   any
	key    string
	begun  time.Time

	tries    tries
	jobID    string // empty: not known yet
	heard    bool   // the server has answered
	replayed bool   // an earlier request with this key has made the job
}

func (c *Client) newOrder(path string, body any, key string) *order {
	return &order{client: c, path: path, body: body, key: key}
}

// begin starts the clock.
func (o *order) begin() {
	o.begun = time.Now()
	o.tries = tries{left: o.client.retries, keyed: true, until: o.begun.Add(keyLife)}
}

// place asks for the job until its id is known, which is soon. A server may
// overlook the preference and answer with the media.
func (o *order) place(ctx context.Context) (job *Job, media *MediaResponse, err error) {
	o.begin()
	err = o.tries.persist(ctx, func() error {
		var answer json.RawMessage
		err := o.post(ctx, "respond-async", &answer)
		if id := livesOn(err); id != "" {
			job = &Job{ID: id}
			return nil
		}
		if err != nil {
			return err
		}
		job = new(Job)
		if err := json.Unmarshal(answer, job); err == nil && job.Object == ObjectJob && job.ID != "" {
			return nil
		}
		media, err = mediaIn(answer)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if media != nil {
		return nil, media, nil
	}
	o.jobID = job.ID
	o.tries.until = o.begun.Add(max(keyLife, job.Deadline.Sub(job.CreatedAt)-time.Minute)) // a key lives at least as long as its job may run
	return job, nil, nil
}

// livesOn gives the job of an answer that did not want to wait for it; empty if it
// is another error.
func livesOn(err error) string {
	if e, ok := errors.AsType[*APIError](err); ok && e.Code == CodeWaitTimeout {
		return e.JobID
	}
	return ""
}

// post sends the request once.
func (o *order) post(ctx context.Context, prefer string, out any) error {
	req, err := o.client.request(ctx, http.MethodPost, o.path, typeJSON, o.body)
	if err != nil {
		return err
	}
	if prefer != "" {
		req.Header.Set("Prefer", prefer)
	}
	resp, err := o.client.do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	o.note(resp)
	body, err := readAnswer(resp)
	if err != nil {
		return err
	}
	return decodeAnswer(resp, body, out)
}

// note takes from the head of an answer what it says of the job.
func (o *order) note(resp *http.Response) {
	if id := resp.Header.Get(headerJobID); id != "" {
		o.jobID = id
	}
	if !o.tries.sent && !o.heard { // else it may be only a try of our own that came before
		o.replayed = resp.Header.Get(headerReplayed) == "true"
	}
	o.heard = true
}

// waitInLine waits for the media by blocking calls with the same key: for a key
// that may not read jobs.
func (o *order) waitInLine(ctx context.Context) (*MediaResponse, error) {
	media := new(MediaResponse)
	err := o.tries.persist(ctx, func() error {
		err := o.post(ctx, "", media)
		if e, ok := errors.AsType[*APIError](err); ok && e.Code == CodeWaitTimeout {
			return &IncompleteError{JobID: o.jobID, Err: err} // it asks us to come back
		}
		if err == nil && len(media.Choices) == 0 {
			return errForeign
		}
		return err
	})
	if err != nil {
		return nil, o.replayedIn(err)
	}
	return media, nil
}

// replayedIn keeps to ourselves that we are the ones who sent the key before.
func (o *order) replayedIn(err error) error {
	if e, ok := errors.AsType[*APIError](err); ok {
		e.Replayed = o.replayed
	}
	return err
}

// verdict is the error that the caller gets. What the server has refused is that;
// if the server may have got the request, the rest is an answer that broke off.
func (o *order) verdict(ctx context.Context, err error) error {
	if err == nil || !o.tries.sent && o.jobID == "" {
		return err
	}
	broken, _ := isBroken(err)
	ended := ctx.Err() != nil && errors.Is(err, ctx.Err())
	if !broken && !ended {
		return err
	}
	e := &IncompleteError{JobID: o.jobID, Err: err}
	if inner, ok := err.(*IncompleteError); ok { //nolint:errorlint // one that is wrapped tells only a part
		e = inner
		e.JobID = cmp.Or(e.JobID, o.jobID)
	}
	e.IdempotencyKey = o.key
	return e
}
