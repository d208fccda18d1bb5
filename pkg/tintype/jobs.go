package tintype

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

const pathJobs = "/v1/jobs/"

var errNoJobID = errors.New("tintype: the job id is empty")

// Job returns a job as it is now. A job that failed is no error of this call:
// [Job.Err] tells. An id that is unknown, expired or someone else's is an
// *APIError with CodeNotFound.
func (c *Client) Job(ctx context.Context, id string) (*Job, error) {
	if id == "" {
		return nil, errNoJobID
	}
	job := new(Job)
	if err := c.get(ctx, pathJobs+url.PathEscape(id), job); err != nil {
		return nil, err
	}
	if job.ID == "" {
		return nil, errForeign
	}
	return job, nil
}

// Models lists what the server can make and what each model takes.
func (c *Client) Models(ctx context.Context) ([]Model, error) {
	var list ModelList
	if err := c.get(ctx, "/v1/models", &list); err != nil {
		return nil, err
	}
	return list.Data, nil
}

func (c *Client) get(ctx context.Context, path string, out any) error {
	req, err := c.request(ctx, http.MethodGet, path, typeJSON, nil)
	if err != nil {
		return err
	}
	return c.exchange(req, out)
}
