package server

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// getTask serves GET /v1/video/generations/{id}: a video as new-api asks for it.
func (s *Server) getTask(c echo.Context) error {
	j, err := s.findVideo(c, ScopeRead)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, "no-store")
	if !isFinal(j) {
		h.Set(headerRetryAfter, wholeSeconds(pollAfter(j.Spec.Kind)))
	}
	s.writeJSON(c, http.StatusOK, viewTask(s.origin(c), j))
	return nil
}

func viewTask(origin string, j *job.Job) tintype.VideoTask {
	v := tintype.VideoTask{TaskID: string(j.ID), Status: taskStatus(j.State)}
	if films := j.Primaries(); j.State == job.Succeeded && len(films) > 0 {
		m := films[0]
		v.URL, v.Format = mediaURL(origin, j, m), strings.TrimPrefix(m.ContentType, "video/")
		v.Metadata = &tintype.TaskMetadata{Duration: m.Duration.Seconds(), FPS: m.FPS, Width: m.Width, Height: m.Height, Seed: j.Spec.Seed}
	}
	if err := failureOf(j); err != nil {
		f := fault.From(err)
		v.Error = &tintype.VideoError{Code: string(f.Code), Message: f.Message}
	}
	return v
}

// taskStatus gives new-api's word for a state.
func taskStatus(s job.State) tintype.VideoStatus {
	if s == job.Succeeded {
		return tintype.VideoSucceeded
	}
	return videoStatus(s)
}
