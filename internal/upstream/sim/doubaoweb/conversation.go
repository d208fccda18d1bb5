package doubaoweb

import (
	"errors"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/clips"
	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
	"github.com/tintypehq/tintype/internal/upstream/sim/media"
	"github.com/tintypehq/tintype/internal/upstream/sim/paint"
	"github.com/tintypehq/tintype/internal/upstream/sim/tasks"
)

// conversation is what history tells about.
type conversation struct {
	id, owner             string // the owner is the hash of an account's key
	local, message, reply string
	prompt, task          string
	tags                  []faults.Fault
	created               time.Time

	made  []object // images
	ready time.Time

	video   bool // its state is that of the task of the same id
	film    *media.Item
	still   *media.Item
	failure string
	base    string // of links
}

func newConversation(c *desk.Call, w wish, t *talk, tags []faults.Fault) *conversation {
	return &conversation{
		id: t.conversation, owner: c.Holder.Hash, local: w.local, message: t.message, reply: t.reply,
		prompt: w.prompt, task: t.task, tags: tags, base: c.Base,
	}
}

func (p *Protocol) keep(v *conversation) {
	v.created = p.desk.Clock.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conversations.put(v.id, v)
}

// conversation finds an account's one; nil for another account's.
func (p *Protocol) conversation(owner, id string) *conversation {
	p.mu.Lock()
	defer p.mu.Unlock()
	if v := p.conversations.items[id]; v != nil && v.owner == owner {
		return v
	}
	return nil
}

// ofTask finds the conversation of a video's task.
func (p *Protocol) ofTask(owner, task string) *conversation {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, v := range p.conversations.items {
		if v.task == task && task != "" && v.owner == owner {
			return v
		}
	}
	return nil
}

// videoExpires is how long a video may take.
const videoExpires = 48 * time.Hour

// film starts a video. The stream has words alone, and ends at once.
func (p *Protocol) film(c *desk.Call, w wish, t *talk, tags []faults.Fault) ([]frame, *problem) {
	v := newConversation(c, w, t, tags)
	if c.Set.Has(faults.WebAfter) {
		c.Entry.TaskID = v.id
		p.desk.Accepted(c, 1)
		p.keep(v)
		return nil, nil
	}
	if bad := p.shoot(c, w, v); bad != nil {
		return nil, bad
	}
	words := "Your video takes 1-3 minutes, 7 left today."
	return append(append(t.loading(), t.say(words)), t.close(words)...), nil
}

// shoot puts a video's task onto the board.
func (p *Protocol) shoot(c *desk.Call, w wish, v *conversation) *problem {
	if !c.Holder.Take("video "+w.model, 1, c.Holder.RPM, p.desk.Clock.Now()) {
		return tooOften(plain)
	}
	v.video, v.failure = true, failing(c.Set)
	spec := tasks.Spec{Run: p.desk.VideoTime, Expires: videoExpires, Payload: v, Fails: v.failure != ""}
	if r, ok := c.Set.Get(faults.Ready); ok {
		spec.Run = r.Duration(spec.Run)
	}
	if q, ok := c.Set.Get(faults.Queued); ok {
		spec.Hold = q.Duration(5 * time.Second)
	}
	v.shots(c, w)
	p.desk.Media.Put(v.film)
	p.desk.Media.Put(v.still)
	c.Entry.TaskID = v.id
	spec.Added = func() {
		p.desk.Accepted(c, 1)
		v.film.Seq, v.still.Seq = c.Seq, c.Seq
		p.keep(v)
	}
	_, err := p.desk.Board.Add(c.Holder, func(time.Time) string { return v.id }, spec)
	if errors.Is(err, tasks.ErrQueueFull) {
		return tooOften(plain)
	}
	return nil
}

// shots prepares the media: a clip of 480p and five seconds, whatever was asked for.
func (v *conversation) shots(c *desk.Call, w wish) {
	ratio := w.ratio
	if _, err := clips.MP4(ratio); err != nil {
		ratio = "16:9"
	}
	v.film = &media.Item{
		Path: "doubaoweb/" + v.id + ".mp4", ContentType: "video/mp4", Prompt: v.prompt, Faults: v.tags,
		Make: func() ([]byte, error) { return clips.MP4(ratio) },
	}
	if s, ok := c.Set.Get(faults.Size); ok {
		v.film.SizeBytes = s.SizeBytes()
	}
	width, height := pixels(ratio)
	still := paint.Spec{Prompt: v.prompt, Width: width, Height: height, Caption: []string{"doubao web", v.prompt}}
	v.still = &media.Item{
		Path: "doubaoweb/" + v.id + "_cover.jpeg", ContentType: "image/jpeg", Prompt: v.prompt,
		Make: func() ([]byte, error) { return paint.JPEG(still) },
	}
}

// creation is how a video looks in the history and elsewhere; nil while there is
// none to be seen.
func (p *Protocol) creation(c *desk.Call, v *conversation, seen tasks.View) object {
	now := p.desk.Clock.Now()
	film := object{"vid": "v0" + v.id, "status": 1, "video_type": "mp4"}
	out := object{"type": 2, "id": "c" + v.id, "gen_detail": "", "video": film}
	switch seen.State {
	case tasks.Queued, tasks.Cancelled:
		return nil
	case tasks.Running:
		if odd, ok := c.Set.Get(faults.Unknown); ok && now.Before(seen.Started.Add(odd.Duration(3*time.Second))) {
			film["status"] = 77
		}
	case tasks.Failed:
		film["status"], out["error_msg"] = 4, v.failure
	case tasks.Expired:
		film["status"], out["error_msg"] = 4, "it took too long"
	case tasks.Succeeded:
		p.finishFilm(c, v, film, now.Sub(seen.Updated))
	}
	return out
}

// finishFilm adds the links of a finished video.
func (p *Protocol) finishFilm(c *desk.Call, v *conversation, film object, since time.Duration) {
	cover := p.desk.Link(c, v.still, false)
	film["status"], film["duration"], film["width"], film["height"] = 3, 5.042, "864", 480
	film["cover"] = object{"key": "cover", "image_thumb": object{"url": cover + "&thumb"}, "image_preview": object{"url": cover}}
	film["video_model"] = `{"fallback_api":"http://127.0.0.1:9/not-this","status":10}`
	if f, ok := c.Set.Get(faults.WebNoLink); ok && since < f.Duration(5*time.Second) {
		return
	}
	film["download_url"] = p.desk.Link(c, v.film, p.desk.FirstLink(c, v.id, v.tags))
}
