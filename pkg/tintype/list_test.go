package tintype_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/tintypehq/tintype/pkg/tintype"
)

// TestList goes through the pages, also through one that is empty, and stops where
// there is nothing to go on by.
func TestList(t *testing.T) {
	t.Parallel()
	pages := map[string]string{
		"":         `{"object":"list","data":[{"id":"c"},{"id":"b"}],"first_id":"c","last_id":"b","has_more":true}`,
		"after=b":  `{"object":"list","data":[],"first_id":null,"last_id":"a0","has_more":true}`,
		"after=a0": `{"object":"list","data":[{"id":"a"}],"first_id":"a","last_id":"a","has_more":false}`,
		"after=x":  `{"object":"list","data":[{"id":"d"}],"first_id":"d","last_id":"x","has_more":true}`,
		"after=y":  `{"object":"list","data":[{"id":"d"}],"first_id":"d","last_id":null,"has_more":true}`,
		"after=z":  `{"object":"page"}`,
		"after=e&kind=image&limit=2&status=queued%2Crunning": `{"object":"list","data":[{"id":"f"}],"first_id":"f","last_id":"f","has_more":false}`,
	}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		page, ok := pages[r.URL.RawQuery]
		if !ok {
			t.Errorf("asked for %q", r.URL.RawQuery)
		}
		answer(http.StatusOK, page)(w, r)
	})
	for _, tt := range []struct {
		options tintype.ListOptions
		want    []string
		fails   bool
	}{
		{tintype.ListOptions{}, []string{"c", "b", "a"}, false},
		{tintype.ListOptions{After: "x"}, []string{"d"}, true},
		{tintype.ListOptions{After: "y"}, []string{"d"}, true},
		{tintype.ListOptions{After: "z"}, nil, true},
		{tintype.ListOptions{After: "e", Kind: tintype.KindImage, PageSize: 2, Status: []tintype.Status{tintype.StatusQueued, tintype.StatusRunning}}, []string{"f"}, false},
	} {
		var got []string
		var failure error
		for job, err := range c.Jobs.List(t.Context(), tt.options) {
			if failure = err; err == nil {
				got = append(got, job.ID)
			}
		}
		equal(t, "jobs", got, tt.want)
		equal(t, "failed", failure != nil, tt.fails)
	}
	for range c.Jobs.List(t.Context(), tintype.ListOptions{}) {
		break // leaving asks for no other page
	}
}

// TestDelete: a job that is not final is canceled and comes back, a deleted one
// does not, and neither request is made twice.
func TestDelete(t *testing.T) {
	t.Parallel()
	m := &mill{steps: []http.HandlerFunc{answer(202, jobAnswer), answer(200, `{"id":"job-1","object":"job.deleted","deleted":true}`), status(503), lost}}
	c := serve(t, m.ServeHTTP)
	h := c.Jobs.Handle("job-1")
	if job, err := h.Delete(t.Context()); err != nil || job == nil || job.ID != "job-1" {
		t.Errorf("live: %+v, %v", job, err)
	}
	if job, err := h.Delete(t.Context()); err != nil || job != nil {
		t.Errorf("final: %+v, %v", job, err)
	}
	if _, err := h.Delete(t.Context()); err == nil {
		t.Error("refused: no error")
	}
	_, err := h.Cancel(t.Context())
	if _, ok := errors.AsType[*tintype.APIError](err); err == nil || ok {
		t.Errorf("lost: %v", err)
	}
	equal(t, "asked", len(m.said()), 4)
}
