package server

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// videos is POST /v1/videos: OpenAI's way to ask for a video. It answers at once.
func (s *Server) videos() door {
	return door{kind: job.Video, read: s.readVideo, answer: s.answerVideo}
}

// readVideo reads OpenAI's fields, and those of the original contract beside them.
func (s *Server) readVideo(c echo.Context, names map[string]string) (f fields, free func(), err error) {
	if f, free, err = s.readEither(c); err != nil {
		return nil, free, err
	}
	pics, err := f.pictures("input_reference")
	delete(f, "input_reference")
	switch {
	case err != nil:
		return nil, free, err
	case len(pics) == 0:
		return f, free, nil
	case len(pics) > 1:
		return nil, free, fault.New(fault.Invalid, `input_reference: takes one picture, which the video begins with. Others to go by are "images".`).WithParam("input_reference")
	case !f.missing("image"):
		return nil, free, fault.New(fault.Invalid, `input_reference: means the same as "image". Leave one of the two fields out.`).WithParam("input_reference")
	}
	f["image"], names["image"] = pics[0], "input_reference"
	return f, free, nil
}

// answerVideo answers with the video as it stands, after the wait that the caller
// asked for, if it did.
func (s *Server) answerVideo(c echo.Context, j *job.Job, wish preference) error {
	until := readPatience(c).bound(&wish)
	if wish.given() {
		c.Response().Header().Set("Preference-Applied", wish.applied())
	}
	if wish.wait > 0 && !isFinal(j) {
		if leave, err := s.enter("create", j.Tenant); err == nil { // else it comes back by itself
			defer leave()
			end, err := s.await(c.Request().Context(), j, isFinal, until, nil)
			if err != nil {
				return err
			}
			j = end.job
			s.delivered(c.Request().Context(), j)
		}
	}
	status := http.StatusOK
	if wish.given() && !isFinal(j) {
		status = http.StatusAccepted
	}
	c.Response().Header().Set(echo.HeaderLocation, "/v1/videos/"+string(j.ID))
	s.writeVideo(c, status, j)
	return nil
}

// writeVideo answers with a video, and says when it is worth asking again.
func (s *Server) writeVideo(c echo.Context, status int, j *job.Job) {
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, "no-store")
	if !isFinal(j) {
		ctx := c.Request().Context()
		again := askAgainAfter(j, s.etaOf(ctx, j, s.queueOf(ctx, j)), time.Now())
		h.Set(headerRetryAfter, wholeSeconds(again))
		h.Set(headerPollAfter, milliseconds(again))
	}
	s.writeJSON(c, status, viewVideo(j, time.Now()))
}

// findVideo gives the caller's own job, if it makes a video.
func (s *Server) findVideo(c echo.Context, needs Scope) (*job.Job, error) {
	j, err := s.findJob(c, needs)
	if err == nil && j.Spec.Kind != job.Video {
		c.Response().Header().Del(headerJobID)
		return nil, errNoJob()
	}
	return j, err
}

// getVideo serves GET /v1/videos/{id}.
func (s *Server) getVideo(c echo.Context) error {
	j, err := s.findVideo(c, ScopeRead)
	if err != nil {
		return err
	}
	s.writeVideo(c, http.StatusOK, j)
	return nil
}

// listVideos serves GET /v1/videos: the caller's videos, newest first.
func (s *Server) listVideos(c echo.Context) error {
	who, err := s.authenticate(c, ScopeRead)
	if err != nil {
		return err
	}
	switch order := c.QueryParam("order"); order {
	case "", "desc":
	default:
		return fault.Newf(fault.Invalid, "order: %q is not offered. Allowed: desc, the newest first.", clip(order)).WithParam("order")
	}
	wanted, err := readPage(c)
	if err != nil {
		return err
	}
	wanted.Tenant, wanted.Kind = who.tenant, job.Video
	page, err := s.cfg.Store.List(c.Request().Context(), wanted)
	if err != nil {
		return err
	}
	list := tintype.VideoList{Object: tintype.ObjectList, Data: []tintype.VideoObject{}, HasMore: page.More}
	for _, j := range page.Jobs {
		list.Data = append(list.Data, viewVideo(j, time.Now()))
	}
	list.FirstID, list.LastID = spanOf(page)
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	s.writeJSON(c, http.StatusOK, list)
	return nil
}

// deleteVideo serves DELETE /v1/videos/{id}. A video that has ended goes with its
// files; one that is not made yet is stopped, and deleted means then that it will
// not be made and not be paid for. One that the upstream must be asked about is not
// deleted yet.
func (s *Server) deleteVideo(c echo.Context) error {
	j, err := s.findVideo(c, ScopeGenerate)
	if err != nil {
		return err
	}
	deleted := j.State.Final()
	if deleted {
		err = s.discard(c.Request().Context(), j)
	} else if j, err = s.cancel(c.Request().Context(), j); err == nil {
		deleted = j.State == job.Canceled && j.Cancel != nil && tintype.Billing(j.Cancel.Billing) == tintype.BillingNone
	}
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	s.writeJSON(c, http.StatusOK, tintype.VideoDeleted{ID: string(j.ID), Object: tintype.ObjectVideoDeleted, Deleted: deleted})
	return nil
}

// videoContent serves GET /v1/videos/{id}/content: the bytes themselves,
// wherever they are stored. Whoever asks has shown its key, and would send it
// along to wherever it was redirected.
func (s *Server) videoContent(c echo.Context) error {
	j, err := s.findVideo(c, ScopeRead)
	if err != nil {
		return err
	}
	m, err := variantOf(j, c.QueryParam("variant"))
	if err != nil {
		return err
	}
	c.Response().Header().Add(echo.HeaderVary, echo.HeaderAuthorization)
	return s.proxy(c, j, m)
}

// variantOf gives one of a video's files.
func variantOf(j *job.Job, variant string) (*job.Media, error) {
	files := j.Primaries()
	switch variant {
	case "", "video":
	case "thumbnail":
		files = j.Covers()
	default:
		return nil, fault.Newf(fault.Invalid, "variant: %q is not known. Allowed: video, thumbnail.", clip(variant)).WithParam("variant")
	}
	switch {
	case j.State == job.Failed || j.State == job.Canceled:
		return nil, fault.New(fault.NotFound, "This video was not made: GET /v1/videos/{id} says why.")
	case j.State != job.Succeeded:
		return nil, fault.New(fault.NotFound, "This video is not made yet. Ask GET /v1/videos/{id} until its status is completed.")
	case len(files) == 0:
		return nil, fault.New(fault.NotFound, "variant: this video has no thumbnail.").WithParam("variant")
	}
	return &files[0], nil
}
