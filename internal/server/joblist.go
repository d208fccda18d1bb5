package server

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// How many jobs a page has, as in OpenAI's lists.
const (
	usualPage = 20
	mostPage  = 100
)

// listJobs serves GET /v1/jobs: the caller's jobs, newest first, as far as the
// store has them. Where each waits and its whole timeline are in the job alone.
func (s *Server) listJobs(c echo.Context) error {
	who, err := s.authenticate(c, ScopeRead)
	if err != nil {
		return err
	}
	wanted, err := readListing(c)
	if err != nil {
		return err
	}
	wanted.Tenant = who.tenant
	page, err := s.cfg.Store.List(c.Request().Context(), wanted)
	if err != nil {
		return err
	}
	list := tintype.JobList{Object: tintype.ObjectList, Data: []tintype.Job{}, HasMore: page.More}
	for _, j := range page.Jobs {
		list.Data = append(list.Data, viewJob(s.origin(c), j, nil))
	}
	list.FirstID, list.LastID = spanOf(page)
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	s.writeJSON(c, http.StatusOK, list)
	return nil
}

// spanOf gives the ids that a page begins with and after which the next one goes on;
// nil on an empty one. There may be more although nothing on this page fitted.
func spanOf(page redisstore.Page) (first, last *string) {
	id := func(j job.ID) *string {
		text := string(j)
		return &text
	}
	if n := len(page.Jobs); n > 0 {
		first, last = id(page.Jobs[0].ID), id(page.Jobs[n-1].ID)
	}
	if page.More {
		last = id(page.Next)
	}
	return first, last
}

// readListing reads what of the list is wanted.
func readListing(c echo.Context) (redisstore.Listing, error) {
	l, err := readPage(c)
	if err != nil {
		return l, err
	}
	if l.States, err = readStatuses(c.QueryParam("status")); err != nil {
		return l, err
	}
	switch kind := job.Kind(c.QueryParam("kind")); kind {
	case "", job.Image, job.Video:
		l.Kind = kind
	default:
		return l, fault.Newf(fault.Invalid, "kind: %q is not known. Allowed: image, video.", clip(string(kind))).WithParam("kind")
	}
	return l, nil
}

// readPage reads which page of a list is wanted.
func readPage(c echo.Context) (l redisstore.Listing, err error) {
	if after := c.QueryParam("after"); after != "" {
		id, ok := job.ParseID(after)
		if !ok {
			return l, fault.New(fault.Invalid, "after: must be a job's id, such as the last_id of the page before.").WithParam("after")
		}
		l.After = id
	}
	limit, err := queryNumber(c, "limit", 1, mostPage)
	l.Limit = int(limit)
	if limit == 0 {
		l.Limit = usualPage
	}
	return l, err
}

// readStatuses reads one status or several with commas.
func readStatuses(text string) (states []job.State, err error) {
	if text == "" {
		return nil, nil
	}
	for word := range strings.SplitSeq(text, ",") {
		of := statesOf(tintype.Status(strings.TrimSpace(word)))
		if of == nil {
			return nil, fault.Newf(fault.Invalid, "status: %q is not known. Allowed, also several with commas: queued, running, mirroring, succeeded, failed, canceled.", clip(word)).WithParam("status")
		}
		states = append(states, of...)
	}
	return states, nil
}

// statesOf gives the states behind the API's word; nil for no word of the API's.
func statesOf(status tintype.Status) []job.State {
	switch status {
	case tintype.StatusQueued:
		return []job.State{job.Queued}
	case tintype.StatusRunning:
		return []job.State{job.Submitting, job.Running}
	case tintype.StatusMirroring:
		return []job.State{job.Mirroring}
	case tintype.StatusSucceeded:
		return []job.State{job.Succeeded}
	case tintype.StatusFailed:
		return []job.State{job.Failed}
	case tintype.StatusCanceled:
		return []job.State{job.Canceled}
	}
	return nil
}
