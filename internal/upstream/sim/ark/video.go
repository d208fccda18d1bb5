package ark

import (
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/clips"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
	"github.com/tintypehq/tintype/internal/upstream/sim/ledger"
	"github.com/tintypehq/tintype/internal/upstream/sim/media"
	"github.com/tintypehq/tintype/internal/upstream/sim/paint"
	"github.com/tintypehq/tintype/internal/upstream/sim/tasks"
)

const fps = 24

// film is a video task: what was asked, with everything that was left open
// decided.
type film struct {
	req        videoRequest
	model      model
	prompt     string
	tags       []faults.Fault
	requestID  string
	resolution string
	ratio      string
	size       size
	seconds    int64
	seed       int64
	expires    time.Duration
	failure    *problem // what it will fail with; nil if it will succeed
	video      *media.Item
	lastFrame  *media.Item // nil unless asked for
	seq        int64       // in the ledger
}

// createTask answers POST /contents/generations/tasks.
func (p *Protocol) createTask(ctx context.Context, c *call) (faults.Answer, *problem) {
	c.Entry.Kind = ledger.Video
	f := &film{requestID: c.RequestID}
	refs, bad := p.readVideo(ctx, c, f)
	if bad != nil {
		return faults.Answer{}, bad
	}
	if f.tags, bad = p.begin(ctx, c, faults.Create, f.prompt); bad != nil {
		return faults.Answer{}, bad
	}
	if !c.Holder.Take("video "+f.model.id, 1, c.Holder.RPM, p.cfg.Clock.Now()) {
		return faults.Answer{}, modelLimit("ModelAccountRpmRateLimitExceeded", "requests per minute (RPM)")
	}
	f.decide(refs)
	id, bad := p.start(c, f, refs)
	if bad != nil {
		return faults.Answer{}, bad
	}
	if bad := lie(c); bad != nil {
		return faults.Answer{}, bad
	}
	return jsonAnswer(map[string]string{"id": id})
}

// readVideo reads and checks the request.
func (p *Protocol) readVideo(ctx context.Context, c *call, f *film) (refs []picture, bad *problem) {
	if bad = decode(c.Body, &f.req); bad != nil {
		return nil, bad
	}
	f.prompt = f.req.prompt()
	c.Entry.Prompt = f.prompt
	_, _, c.Entry.Inputs = f.req.tally()
	if f.req.SafetyIdentifier != nil {
		c.Entry.SafetyIdentifier = *f.req.SafetyIdentifier
	}
	if f.model, bad = p.mayUse(c, f.req.Model, videoModel); bad != nil {
		return nil, bad
	}
	if bad = f.req.check(f.model); bad != nil {
		return nil, bad
	}
	if bad = f.req.applyFlags(f.model); bad != nil {
		return nil, bad
	}
	return f.req.inputs(ctx, p)
}

// decide settles what the request left to the model.
func (f *film) decide(refs []picture) {
	t := f.model.video
	f.resolution = valueOr(f.req.Resolution, t.resolution)
	f.ratio = valueOr(f.req.Ratio, t.textRatio)
	if f.req.Ratio == nil && len(refs) > 0 {
		f.ratio = "adaptive"
	}
	if f.ratio == "adaptive" {
		f.ratio = videoRatios[0]
		if len(refs) > 0 && refs[0].height > 0 {
			f.ratio = videoRatios[nearest(videoRatios, refs[0].width, refs[0].height)]
		}
	}
	f.size = videoSize(t, f.resolution, f.ratio)
	if f.seconds = valueOr(f.req.Duration, int64(t.seconds)); f.seconds == -1 {
		f.seconds = 5
	}
	if f.seed = valueOr(f.req.Seed, -1); f.seed == -1 {
		sum := fnv.New32a()
		_, _ = sum.Write([]byte(f.requestID)) // a hash never fails
		f.seed = int64(sum.Sum32() % 100_000)
	}
	f.expires = time.Duration(valueOr(f.req.ExpiresAfter, 172800)) * time.Second
}

func valueOr[T any](p *T, orElse T) T {
	if p == nil {
		return orElse
	}
	return *p
}

func (f *film) frames() int {
	if f.req.Frames != nil {
		return int(*f.req.Frames)
	}
	return int(fps*f.seconds + 1)
}

// start makes the task and writes it down.
func (p *Protocol) start(c *call, f *film, refs []picture) (id string, bad *problem) {
	run := p.cfg.VideoTime
	if r, ok := c.Set.Get(faults.Ready); ok {
		run = r.Duration(run)
	}
	var hold time.Duration
	if q, ok := c.Set.Get(faults.Queued); ok {
		hold = q.Duration(5 * time.Second)
	}
	switch {
	case c.Set.Has(faults.Fail):
		f.failure = outputRejected("Video")
	case c.Set.Has(faults.Broken):
		f.failure = internalError()
	}
	f.makeMedia(c, refs)
	p.cfg.Media.Put(f.video)
	if f.lastFrame != nil {
		p.cfg.Media.Put(f.lastFrame)
	}
	spec := tasks.Spec{Run: run, Hold: hold, Fails: f.failure != nil, Expires: f.expires, Payload: f}
	// The ledger must know the task before anybody can ask for it, and a
	// callback can be on its way before Add returns.
	newID := func(now time.Time) string {
		id = newTaskID(now)
		return id
	}
	spec.Added = func() {
		c.Entry.TaskID = id
		p.cfg.Accepted(c, 1)
		f.seq = c.Seq
		f.video.Seq = c.Seq
		if f.lastFrame != nil {
			f.lastFrame.Seq = c.Seq
		}
	}
	spec.Cancelled = func() { p.cfg.Book.Cancelled(f.seq) }
	if u := f.req.CallbackURL; u != nil {
		line := p.callbacks.line(*u)
		base := c.Base
		spec.Changed = func(v tasks.View) { line.post(v.State, p.show(v, f, base, false)) }
	}
	if _, err := p.cfg.Board.Add(c.Holder, newID, spec); errors.Is(err, tasks.ErrQueueFull) {
		return "", queueFull()
	}
	return id, nil
}

// makeMedia prepares what the links will give. The clip is always of 480p and
// five seconds, whatever was asked for.
func (f *film) makeMedia(c *call, refs []picture) {
	path := "ark-content-generation-cn-beijing/" + f.model.undated() + "/" + f.requestID
	f.video = &media.Item{
		Path: path + ".mp4", ContentType: "video/mp4", Prompt: f.prompt, Faults: f.tags,
		Make: func() ([]byte, error) { return clips.MP4(f.ratio) },
	}
	if s, ok := c.Set.Get(faults.Size); ok {
		f.video.SizeBytes = s.SizeBytes()
	}
	if !valueOr(f.req.ReturnLastFrame, false) {
		return
	}
	spec := paint.Spec{
		Prompt: f.prompt, Seed: f.seed, Width: f.size.w, Height: f.size.h,
		Caption: []string{f.model.id, f.ratio + "  " + f.size.String() + "  last frame", f.prompt},
	}
	if len(refs) > 0 {
		spec.Input = refs[len(refs)-1].thumb
	}
	f.lastFrame = &media.Item{
		Path: path + "_last_frame.png", ContentType: "image/png", Prompt: f.prompt,
		Make: func() ([]byte, error) { return paint.PNG(spec) },
	}
}

// filmOf is the payload of a task of ours; false for one of another protocol.
func filmOf(v tasks.View) (*film, bool) {
	f, ok := v.Payload.(*film)
	return f, ok
}

// deleteTask answers DELETE /contents/generations/tasks/{id}.
func (p *Protocol) deleteTask(c *call, id string) (faults.Answer, *problem) {
	v, err := p.cfg.Board.Get(c.Holder, id)
	f, ours := filmOf(v)
	if err != nil || !ours {
		return faults.Answer{}, noTask(id)
	}
	p.cfg.Book.Delete(id)
	if bad := p.trouble(c.R.Context(), c, faults.Delete, id, f.prompt, f.tags); bad != nil {
		return faults.Answer{}, bad
	}
	err = p.cfg.Board.Delete(c.Holder, id)
	if bad := cannotDelete(err, id); bad != nil {
		return faults.Answer{}, bad
	}
	if bad := lie(c); bad != nil {
		return faults.Answer{}, bad
	}
	return jsonAnswer(struct{}{})
}

func cannotDelete(err error, id string) *problem {
	switch {
	case errors.Is(err, tasks.ErrRunning):
		return taskRuns()
	case errors.Is(err, tasks.ErrCancelled):
		return taskCancelled()
	case err != nil:
		return noTask(id)
	}
	return nil
}

// knownStates are those that a list can be filtered by.
var knownStates = []string{"queued", "running", "succeeded", "failed", "expired", "cancelled"}

func isKnownState(s string) bool { return slices.Contains(knownStates, s) }
