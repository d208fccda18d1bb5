package tintype

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const pathJobs = "/v1/jobs"

var errNoJobID = errors.New("tintype: the job id is empty")

// JobService finds, follows and ends jobs. A job is known by its id, to whoever
// has the credential that asked for it.
type JobService struct{ client *Client }

// Get gives a job as it is now. A job that failed is no error of this call:
// [Job.Err] tells. An id that is unknown, expired or someone else's is an
// *APIError with CodeNotFound.
func (s *JobService) Get(ctx context.Context, id string) (*Job, error) {
	return s.call(ctx, http.MethodGet, id, "")
}

// Wait gives a job once it is final, over as many connections as it takes and for
// as long as ctx allows. If it did not succeed, the error is [Job.Err], and the job
// is there beside it. If ctx ends first, the error is an *IncompleteError and the
// job goes on.
func (s *JobService) Wait(ctx context.Context, id string) (*Job, error) {
	job, err := s.Get(ctx, id)
	if err != nil {
		if ctx.Err() != nil && id != "" {
			err = &IncompleteError{JobID: id, Err: err}
		}
		return nil, err
	}
	if job, err = s.follow(ctx, job); err != nil {
		return nil, err
	}
	return job, job.Err()
}

// Cancel asks for a job's end and gives the job as it is then. If its upstream must
// be asked first, it is not final yet: [JobService.Wait] tells what came of it. It
// may be repeated, and does nothing to a job that is final.
func (s *JobService) Cancel(ctx context.Context, id string) (*Job, error) {
	return s.call(ctx, http.MethodPost, id, "/cancel")
}

// Delete deletes a job that is final, with its media, and gives nil. A job that is
// not is canceled instead, and given as it is then: delete it once it is final.
func (s *JobService) Delete(ctx context.Context, id string) (*Job, error) {
	if id == "" {
		return nil, errNoJobID
	}
	var answer json.RawMessage
	if err := s.client.call(ctx, http.MethodDelete, pathJobs+"/"+url.PathEscape(id), nil, &answer); err != nil {
		return nil, err
	}
	var gone DeletedJob
	if err := json.Unmarshal(answer, &gone); err == nil && gone.Deleted {
		return nil, nil //nolint:nilnil // there is no job any more, which is what was wanted
	}
	return jobIn(answer)
}

func (s *JobService) call(ctx context.Context, method, id, rest string) (*Job, error) {
	if id == "" {
		return nil, errNoJobID
	}
	var answer json.RawMessage
	if err := s.client.call(ctx, method, pathJobs+"/"+url.PathEscape(id)+rest, nil, &answer); err != nil {
		return nil, err
	}
	return jobIn(answer)
}

func jobIn(answer json.RawMessage) (*Job, error) {
	job := new(Job)
	if err := json.Unmarshal(answer, job); err != nil || job.ID == "" {
		return nil, errForeign
	}
	return job, nil
}

// ListOptions narrow a list of jobs. The zero value means all of them.
type ListOptions struct {
	Status []Status // empty: any
	Kind   Kind     // KindImage or KindVideo; empty: either

	// After is the id of the job behind which the list begins. Empty: the newest.
	After string

	// PageSize is how many jobs are asked for at once. Zero: as many as the server
	// likes.
	PageSize int
}

// List gives the jobs of the client's credential, the newest first, page by page
// as the loop goes on. Of each job it leaves out the place in the line, and its
// timeline is a short one. An error is the last thing that the loop sees. The
// sequence may be looped over again.
func (s *JobService) List(ctx context.Context, o ListOptions) iter.Seq2[*Job, error] {
	return func(yield func(*Job, error) bool) {
		after := o.After
		for {
			var page JobList
			if err := s.client.call(ctx, http.MethodGet, pathJobs+o.query(after), nil, &page); err != nil {
				yield(nil, err)
				return
			}
			if page.Object != ObjectList {
				yield(nil, errForeign)
				return
			}
			for i := range page.Data {
				if !yield(&page.Data[i], nil) {
					return
				}
			}
			if !page.HasMore {
				return
			}
			if page.LastID == nil || *page.LastID == after {
				yield(nil, errNoNextPage)
				return
			}
			after = *page.LastID
		}
	}
}

var errNoNextPage = errors.New("tintype: the list of jobs has more pages and does not say where")

func (o ListOptions) query(after string) string {
	q := url.Values{}
	words := make([]string, len(o.Status))
	for i, s := range o.Status {
		words[i] = string(s)
	}
	size := ""
	if o.PageSize > 0 {
		size = strconv.Itoa(o.PageSize)
	}
	for name, value := range map[string]string{
		"status": strings.Join(words, ","), "kind": string(o.Kind), "after": after, "limit": size,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}
