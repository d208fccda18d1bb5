package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// jobView is as much of GET /v1/jobs/{id} as the tests look at. The whole of
// it has a test of its own.
type jobView struct {
	ID     string
	Status string
	Phase  string
	Model  string
	Media  []mediaView
	Error  *struct{ Code, Message string }
	Usage  *struct {
		OutputTokens int64 `json:"output_tokens"`
	}
	Cancel   *struct{ Outcome, Billing string }
	Timeline []struct{ Event string }

	Recovered        bool
	RecoverableUntil *time.Time `json:"recoverable_until"`
}

// over tells whether nothing more can come of the job.
func (j jobView) over() bool { return j.final() && j.RecoverableUntil == nil }

type mediaView struct {
	ID, Type, URL, SHA256 string
	Bytes                 int64
}

func (j jobView) final() bool {
	return j.Status == "succeeded" || j.Status == "failed" || j.Status == "canceled"
}

// job asks an API for a job.
func (c *cluster) job(api *program, key, id string) (jobView, error) {
	a, err := c.try(request{url: api.base() + "/v1/jobs/" + id, key: key})
	if err != nil {
		return jobView{}, err
	}
	if a.status != http.StatusOK {
		return jobView{}, fmt.Errorf("GET /v1/jobs/%s: %d %s", id, a.status, a.body)
	}
	var j jobView
	c.into(a, &j)
	return j, nil
}

// awaitJob waits until a job is as wanted, or final.
func (c *cluster) awaitJob(api *program, key, id string, wanted func(jobView) bool) jobView {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.ctx(), callWithin)
	defer cancel()
	var j jobView
	err := until(ctx, func() (err error) {
		if j, err = c.job(api, key, id); err == nil && !wanted(j) && !j.final() {
			err = fmt.Errorf("job %s is %s (%s)", id, j.Status, j.Phase)
		}
		return err
	})
	if err != nil {
		c.Fatal(err)
	}
	return j
}

// succeeded waits for a job's end, which must be success.
func (c *cluster) succeeded(api *program, key, id string) jobView {
	c.Helper()
	j := c.awaitJob(api, key, id, jobView.final)
	if j.Status != "succeeded" || len(j.Media) == 0 {
		c.Errorf("job %s is %s with %d files: %+v", id, j.Status, len(j.Media), j.Error)
	}
	return j
}

// post creates a job and does not wait for it. Without a model it is the default
// one's.
func (c *cluster) post(api *program, path, key, prompt string, model ...string) string {
	c.Helper()
	body := fields{"prompt": prompt}
	if name := strings.Join(model, ""); name != "" {
		body["model"] = name
	}
	a := c.call(request{
		url: api.base() + path, key: key, body: encode(body), headers: []string{"Prefer", "respond-async"},
	})
	if a.status != http.StatusAccepted || a.jobID() == "" {
		c.Fatalf("POST %s: %d %s", path, a.status, a.body)
	}
	return a.jobID()
}

// gauge reads one value of a worker's metrics.
func (c *cluster) gauge(p *program, name string) (float64, error) {
	return c.metric(p, "tintype_"+name)
}

// metric reads one value of a program's metrics.
func (c *cluster) metric(p *program, name string) (float64, error) {
	a, err := c.try(request{url: p.base() + "/metrics"})
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(a.body)) {
		if value, ours := strings.CutPrefix(line, name+" "); ours {
			var v float64
			_, err := fmt.Sscan(value, &v)
			return v, err
		}
	}
	return 0, fmt.Errorf("%s has no metric %s", p.name, name)
}

// holder waits until one of the workers holds what a gauge counts, and gives it.
func (c *cluster) holder(gauge string, among ...*program) *program {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.ctx(), 30*time.Second)
	defer cancel()
	var found *program
	err := until(ctx, func() error {
		for _, w := range among {
			v, err := c.gauge(w, gauge)
			if err != nil {
				return err
			}
			if v > 0 {
				found = w
				return nil
			}
		}
		return fmt.Errorf("no worker has %s above 0", gauge)
	})
	if err != nil {
		c.Fatal(err)
	}
	return found
}

// other gives the one of two programs that is not p.
func other(p *program, two []*program) *program {
	if two[0] == p {
		return two[1]
	}
	return two[0]
}
