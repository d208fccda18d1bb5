package server

import (
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

// getContent serves GET and HEAD /v1/jobs/{id}/content/{n}: file n of a job, from
// 0, in the order of the job's "media". It is the same file as behind the link,
// for callers that would rather send their credential.
func (s *Server) getContent(c echo.Context) error {
	j, err := s.findAny(c, ScopeRead)
	switch {
	case err != nil:
		return err
	case j.Removed:
		return errGone()
	}
	files := shown(j)
	n, err := strconv.ParseUint(c.Param("n"), 10, 31)
	switch {
	case err != nil:
		return fault.New(fault.Invalid, "n: must be a file's number in the job's media, from 0.").WithParam("n")
	case int(n) < len(files):
		return s.deliver(c, j, &files[n])
	case !j.State.Final():
		return fault.New(fault.NotFound, "The job has no such file yet: it is not finished. Wait for it with GET "+jobPath(j.ID)+"?wait=30.").WithParam("n")
	}
	return fault.Newf(fault.NotFound, "The job has no such file. It has %d, counted from 0.", len(files)).WithParam("n")
}

// shown are a job's files in the order of its view: what was asked for, then the
// stills.
func shown(j *job.Job) []job.Media { return append(j.Primaries(), j.Covers()...) }
