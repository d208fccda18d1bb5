package ark

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
	"github.com/tintypehq/tintype/internal/upstream/sim/tasks"
)

// taskObject is a task as GET, the list and callbacks show it.
type taskObject struct {
	ID               string       `json:"id"`
	Model            string       `json:"model"`
	Status           string       `json:"status"`
	Error            any          `json:"error,omitempty"`
	Content          *taskContent `json:"content,omitempty"`
	Usage            *taskUsage   `json:"usage,omitempty"`
	CreatedAt        int64        `json:"created_at"`
	UpdatedAt        int64        `json:"updated_at"`
	Seed             *int64       `json:"seed,omitempty"`
	Resolution       string       `json:"resolution,omitempty"`
	Ratio            string       `json:"ratio,omitempty"`
	Duration         *int64       `json:"duration,omitempty"`
	Frames           *int64       `json:"frames,omitempty"`
	FPS              int          `json:"framespersecond,omitempty"`
	ServiceTier      string       `json:"service_tier"`
	ExpiresAfter     int64        `json:"execution_expires_after"`
	GenerateAudio    *bool        `json:"generate_audio,omitempty"`
	Draft            *bool        `json:"draft,omitempty"`
	Priority         *int64       `json:"priority,omitempty"`
	OutputFormat     string       `json:"output_format,omitempty"`
	SafetyIdentifier string       `json:"safety_identifier,omitempty"`
}

type taskContent struct {
	VideoURL     string `json:"video_url"`
	LastFrameURL string `json:"last_frame_url,omitempty"`
}

type taskUsage struct {
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

// show makes the object. Links work from now on, unless they are to be
// expired.
func (p *Protocol) show(v tasks.View, f *film, base string, expired bool) taskObject {
	o := taskObject{
		ID: v.ID, Model: f.model.id, Status: string(v.State),
		CreatedAt: v.Created.Unix(), UpdatedAt: v.Updated.Unix(),
		ServiceTier: valueOr(f.req.ServiceTier, "default"), ExpiresAfter: int64(f.expires / time.Second),
		SafetyIdentifier: valueOr(f.req.SafetyIdentifier, ""),
	}
	if f.model.video.sizes == "1.0" {
		o.Error = json.RawMessage("null") // Ark has been seen to do both: null here, nothing for the others
	}
	switch v.State {
	case tasks.Succeeded:
		p.addResult(&o, f, base, expired)
	case tasks.Failed:
		if f.failure != nil {
			o.Error = f.failure.brief(f.requestID)
		}
	case tasks.Queued, tasks.Running, tasks.Expired, tasks.Cancelled:
	}
	return o
}

func (p *Protocol) addResult(o *taskObject, f *film, base string, expired bool) {
	c := &call{Base: base}
	o.Content = &taskContent{VideoURL: p.cfg.Link(c, f.video, expired)}
	if f.lastFrame != nil {
		o.Content.LastFrameURL = p.cfg.Link(c, f.lastFrame, expired)
	}
	n := videoTokens(f.size, f.frames())
	o.Usage = &taskUsage{CompletionTokens: n, TotalTokens: n}
	o.Resolution, o.Ratio, o.FPS, o.Seed = f.resolution, f.ratio, fps, &f.seed
	if f.req.Frames != nil {
		o.Frames = f.req.Frames
	} else {
		o.Duration = &f.seconds
	}
	t := f.model.video
	no, zero := false, int64(0)
	if t.audio {
		yes := valueOr(f.req.GenerateAudio, true)
		o.GenerateAudio = &yes
	}
	if t.newer {
		o.Draft, o.Priority = &no, &zero
		if f.req.Priority != nil {
			o.Priority = f.req.Priority
		}
	}
	if t.draft && f.req.Draft != nil {
		o.Draft = f.req.Draft
	}
	if t.outputFormat {
		o.OutputFormat = valueOr(f.req.OutputFormat, "mp4")
	}
}

// getTask answers GET /contents/generations/tasks/{id}.
func (p *Protocol) getTask(c *call, id string) (faults.Answer, *problem) {
	v, err := p.cfg.Board.Get(c.Holder, id)
	f, ours := filmOf(v)
	if err != nil || !ours {
		return faults.Answer{}, noTask(id)
	}
	p.cfg.Book.Poll(id)
	if bad := p.trouble(c.R.Context(), c, faults.Get, id, f.prompt, f.tags); bad != nil {
		return faults.Answer{}, bad
	}
	now := p.cfg.Clock.Now()
	if lost, ok := c.Set.Get(faults.Lost); ok && !now.Before(v.Created.Add(lost.Duration(0))) {
		return faults.Answer{}, noTask(id)
	}
	o := p.show(v, f, c.Base, v.State == tasks.Succeeded && p.cfg.FirstLink(c, id, f.tags))
	if odd, ok := c.Set.Get(faults.Unknown); ok && v.State == tasks.Running && now.Before(v.Started.Add(odd.Duration(3*time.Second))) {
		o.Status = "post_processing"
	}
	return jsonAnswer(o)
}

// listTasks answers GET /contents/generations/tasks.
func (p *Protocol) listTasks(ctx context.Context, c *call) (faults.Answer, *problem) {
	p.cfg.Book.Listed()
	q, err := url.ParseQuery(c.R.URL.RawQuery)
	if err != nil {
		return faults.Answer{}, invalid("query", "it cannot be read")
	}
	num, bad := page(q, "page_num", 1)
	if bad != nil {
		return faults.Answer{}, bad
	}
	per, bad := page(q, "page_size", 20)
	if bad != nil {
		return faults.Answer{}, bad
	}
	if s := q.Get("filter.status"); s != "" && !isKnownState(s) {
		return faults.Answer{}, oneOf("filter.status", s, knownStates...)
	}
	if bad := p.trouble(ctx, c, faults.List, "list", "", nil); bad != nil {
		return faults.Answer{}, bad
	}
	all := p.filtered(c, q)
	out := struct {
		Total int          `json:"total"`
		Items []taskObject `json:"items"`
	}{Total: len(all), Items: []taskObject{}}
	from := min((num-1)*per, len(all))
	for _, v := range all[from:min(from+per, len(all))] {
		f, _ := filmOf(v) // the others were left out
		out.Items = append(out.Items, p.show(v, f, c.Base, false))
	}
	return jsonAnswer(out)
}

func page(q url.Values, name string, orElse int) (int, *problem) {
	s := q.Get(name)
	if s == "" {
		return orElse, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 500 {
		return 0, invalid(name, "the value must be between 1 and 500")
	}
	return n, nil
}

// filtered are the account's tasks that a query asks for, the newest first.
func (p *Protocol) filtered(c *call, q url.Values) []tasks.View {
	seenBefore := p.cfg.Clock.Now().Add(-p.cfg.VisibilityLag)
	ids := q["filter.task_ids"]
	var all []tasks.View
	if len(ids) > 0 {
		for _, id := range ids {
			if v, err := p.cfg.Board.Get(c.Holder, id); err == nil {
				all = append(all, v)
			}
		}
	} else {
		all = p.cfg.Board.List(c.Holder)
	}
	return slices.DeleteFunc(all, func(v tasks.View) bool {
		f, ours := filmOf(v)
		if !ours {
			return true
		}
		differs := func(key string, is ...string) bool {
			want := q.Get(key)
			return want != "" && !slices.Contains(is, want)
		}
		return v.Created.After(seenBefore) ||
			differs("filter.status", string(v.State)) ||
			differs("filter.model", f.req.Model, f.model.id) ||
			differs("filter.service_tier", valueOr(f.req.ServiceTier, "default"))
	})
}
