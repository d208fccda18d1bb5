package server

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/archive"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// deleteJob serves DELETE /v1/jobs/{id}: a job that is not final is canceled, as
// by POST …/cancel; a final one goes, with its media, its input images and its
// record in the bucket. It may be repeated.
func (s *Server) deleteJob(c echo.Context) error {
	j, err := s.findAny(c, ScopeGenerate)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if !j.Removed {
		switch j.State {
		case job.Queued, job.Submitting, job.Running, job.Mirroring:
			return s.cancelFor(c, j)
		case job.Succeeded, job.Failed, job.Canceled:
		}
		if err := s.discard(ctx, j); err != nil {
			return err
		}
	}
	s.writeJSON(c, http.StatusOK, tintype.DeletedJob{ID: string(j.ID), Object: tintype.ObjectJobDeleted, Deleted: true})
	return nil
}

// discard removes a final job.
func (s *Server) discard(ctx context.Context, j *job.Job) error {
	forgot, err := s.cfg.Store.Forget(ctx, j)
	if err != nil {
		return err
	}
	s.metrics.deletes.Inc()
	if forgot == redisstore.ForgotNow {
		s.remove(ctx, j.ID)
	}
	return nil
}

// remove takes a forgotten job out of the bucket while its caller waits. What
// fails here is done by a worker.
func (s *Server) remove(ctx context.Context, id job.ID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
	defer cancel()
	err := archive.Remove(ctx, s.cfg.Blobs, id)
	if err == nil {
		err = s.cfg.Store.Removed(ctx, id)
	}
	if err != nil {
		s.cfg.Log.WarnContext(ctx, "a deleted job could not be removed from the bucket, a worker will", "job_id", id, "err", err)
	}
}
