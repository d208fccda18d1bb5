package openai

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/clips"
	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
	"github.com/tintypehq/tintype/internal/upstream/sim/media"
	"github.com/tintypehq/tintype/internal/upstream/sim/paint"
	"github.com/tintypehq/tintype/internal/upstream/sim/tasks"
)

// shape is which of the two calls for videos is meant.
type shape string

const (
	videosShape shape = "videos"
	newAPIShape shape = "new-api"
)

// film is a video's task.
type film struct {
	req       videoRequest
	shape     shape
	tags      []faults.Fault
	failure   *problem // what it will fail with; nil if it will succeed
	video     *media.Item
	thumbnail *media.Item
}

// expires is how long a task may take.
const expires = 48 * time.Hour

// createVideo answers POST /videos and POST /video/generations.
func (p *Protocol) createVideo(s shape) handler {
	return func(ctx context.Context, c *desk.Call) (faults.Answer, *problem) {
		c.Entry.Kind = "video"
		r, bad := s.read(c)
		c.Entry.Prompt = r.Prompt
		if bad == nil {
			bad = p.mayUse(c, r.Model)
		}
		if bad == nil {
			bad = r.check()
		}
		f := &film{req: r, shape: s}
		if bad == nil {
			f.tags, bad = p.begin(ctx, c, faults.Create, r.Prompt)
		}
		if bad != nil {
			return faults.Answer{}, bad
		}
		if !c.Holder.Take("video "+r.Model, 1, c.Holder.RPM, p.desk.Clock.Now()) {
			return faults.Answer{}, tooMany("")
		}
		v, bad := p.start(c, f)
		if bad == nil {
			bad = lie(c)
		}
		if bad != nil {
			return faults.Answer{}, bad
		}
		return jsonAnswer(p.show(c, v, f, false))
	}
}

// start makes the task and writes it down.
func (p *Protocol) start(c *desk.Call, f *film) (tasks.View, *problem) {
	spec := tasks.Spec{Run: p.desk.VideoTime, Expires: expires, Payload: f}
	if r, ok := c.Set.Get(faults.Ready); ok {
		spec.Run = r.Duration(spec.Run)
	}
	if q, ok := c.Set.Get(faults.Queued); ok {
		spec.Hold = q.Duration(5 * time.Second)
	}
	switch {
	case c.Set.Has(faults.Fail):
		f.failure = rejected()
	case c.Set.Has(faults.Broken):
		f.failure = internalError()
	}
	spec.Fails = f.failure != nil
	f.make(c)
	p.desk.Media.Put(f.video)
	p.desk.Media.Put(f.thumbnail)
	var id string
	var seq int64
	spec.Added = func() {
		c.Entry.TaskID = id
		p.desk.Accepted(c, 1)
		seq = c.Seq
		f.video.Seq, f.thumbnail.Seq = seq, seq
	}
	spec.Cancelled = func() { p.desk.Book.Cancelled(seq) }
	v, err := p.desk.Board.Add(c.Holder, func(time.Time) string {
		id = newID("video_")
		return id
	}, spec)
	if errors.Is(err, tasks.ErrQueueFull) {
		return v, tooMany("")
	}
	return v, nil
}

// make prepares the media. The clip is of 480p and five seconds, whatever was
// asked for.
func (f *film) make(c *desk.Call) {
	f.video = &media.Item{
		Path: "openai/" + c.RequestID + ".mp4", ContentType: "video/mp4", Prompt: f.req.Prompt, Faults: f.tags,
		Make: func() ([]byte, error) { return clips.MP4(f.clip()) },
	}
	if s, ok := c.Set.Get(faults.Size); ok {
		f.video.SizeBytes = s.SizeBytes()
	}
	still := paint.Spec{Prompt: f.req.Prompt, Width: f.req.Width, Height: f.req.Height, Caption: []string{f.req.Model, f.req.Prompt}}
	f.thumbnail = &media.Item{
		Path: "openai/" + c.RequestID + ".jpeg", ContentType: "image/jpeg", Prompt: f.req.Prompt,
		Make: func() ([]byte, error) { return paint.JPEG(still) },
	}
}

// clip is the ratio of the clip that comes nearest.
func (f *film) clip() string {
	if f.req.Width < f.req.Height {
		return "9:16"
	}
	if f.req.Width == f.req.Height {
		return "1:1"
	}
	return "16:9"
}

// filmOf is the payload of a task of ours; false for one of another protocol or
// shape.
func filmOf(v tasks.View, s shape) (*film, bool) {
	f, ok := v.Payload.(*film)
	return f, ok && f.shape == s
}

// find looks a task up and lets its faults happen.
func (p *Protocol) find(ctx context.Context, c *desk.Call, op faults.Op, id string, s shape) (tasks.View, *film, *problem) {
	v, err := p.desk.Board.Get(c.Holder, id)
	f, ok := filmOf(v, s)
	if err != nil || !ok {
		return v, f, noVideo(id)
	}
	switch op { //nolint:exhaustive // the others are no calls about a task
	case faults.Get:
		p.desk.Book.Poll(id)
	case faults.Delete:
		p.desk.Book.Delete(id)
	}
	if bad := p.trouble(ctx, c, op, id, f.req.Prompt, f.tags); bad != nil {
		return v, f, bad
	}
	if lost, ok := c.Set.Get(faults.Lost); ok && !p.desk.Clock.Now().Before(v.Created.Add(lost.Duration(0))) {
		return v, f, noVideo(id)
	}
	return v, f, nil
}

// about answers GET /videos/{id} and GET /video/generations/{id}.
func (p *Protocol) about(id string, s shape) handler {
	return func(ctx context.Context, c *desk.Call) (faults.Answer, *problem) {
		v, f, bad := p.find(ctx, c, faults.Get, id, s)
		if bad != nil {
			return faults.Answer{}, bad
		}
		odd, ok := c.Set.Get(faults.Unknown)
		odder := ok && v.State == tasks.Running && p.desk.Clock.Now().Before(v.Started.Add(odd.Duration(3*time.Second)))
		return jsonAnswer(p.show(c, v, f, odder))
	}
}

// deleteVideo answers DELETE /videos/{id}. One that waits is stopped; one that is
// made is gone; one that is being made is refused.
func (p *Protocol) deleteVideo(id string) handler {
	return func(ctx context.Context, c *desk.Call) (faults.Answer, *problem) {
		_, _, bad := p.find(ctx, c, faults.Delete, id, videosShape)
		if bad != nil {
			return faults.Answer{}, bad
		}
		switch err := p.desk.Board.Delete(c.Holder, id); {
		case errors.Is(err, tasks.ErrRunning):
			return faults.Answer{}, videoRuns()
		case err != nil:
			return faults.Answer{}, noVideo(id)
		}
		if bad := lie(c); bad != nil {
			return faults.Answer{}, bad
		}
		return jsonAnswer(map[string]any{"id": id, "object": "video.deleted", "deleted": true})
	}
}

// content answers GET /videos/{id}/content with the bytes, in ranges too.
func (p *Protocol) content(id string) handler {
	return func(_ context.Context, c *desk.Call) (faults.Answer, *problem) {
		v, err := p.desk.Board.Get(c.Holder, id)
		f, ok := filmOf(v, videosShape)
		if err != nil || !ok || v.State != tasks.Succeeded {
			return faults.Answer{}, noVideo(id)
		}
		it := f.video
		if c.R.URL.Query().Get("variant") == "thumbnail" {
			it = f.thumbnail
		}
		c.Streamed = true
		p.desk.Media.Serve(c.W, c.R, it)
		return faults.Answer{Status: http.StatusOK}, nil
	}
}
