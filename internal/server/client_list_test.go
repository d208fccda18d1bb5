package server_test

import (
	"fmt"
	"testing"

	"github.com/tintypehq/tintype/pkg/tintype"
)

// TestClientLists: the list comes whole over its pages, narrowed or not, and what is
// deleted is gone from it.
func TestClientLists(t *testing.T) {
	t.Parallel()
	h := open(t)
	c := h.client(h.url)
	var want []string
	for i := range 7 {
		handle, err := c.Videos.Submit(t.Context(), tintype.VideoRequest{Prompt: fmt.Sprint("film ", i)})
		h.must(err)
		want = append([]string{handle.ID}, want...)
		nextMillisecond()
	}
	list := func(o tintype.ListOptions) (ids []string) {
		for job, err := range c.Jobs.List(t.Context(), o) {
			h.must(err)
			ids = append(ids, job.ID)
		}
		return ids
	}
	check := func(what string, o tintype.ListOptions, want []string) {
		t.Helper()
		if got := list(o); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	for _, size := range []int{0, 1, 3, 100} {
		check(fmt.Sprint("pages of ", size), tintype.ListOptions{PageSize: size}, want)
	}
	check("after", tintype.ListOptions{After: want[4], PageSize: 1}, want[5:])
	check("no images", tintype.ListOptions{Kind: tintype.KindImage}, nil)
	job, err := c.Jobs.Delete(t.Context(), want[0])
	if err != nil || job == nil || job.Status != tintype.StatusCanceled {
		t.Fatalf("a live job: %+v, %v", job, err)
	}
	check("canceled", tintype.ListOptions{Status: []tintype.Status{tintype.StatusCanceled, tintype.StatusFailed}, PageSize: 2}, want[:1])
	if job, err := c.Jobs.Delete(t.Context(), want[0]); err != nil || job != nil {
		t.Fatalf("a final job: %+v, %v", job, err)
	}
	check("deleted", tintype.ListOptions{}, want[1:])
}
