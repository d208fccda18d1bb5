package openai

import (
	"strconv"

	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
	"github.com/tintypehq/tintype/internal/upstream/sim/tasks"
)

// show makes the object of a video in the shape that it was asked for in.
func (p *Protocol) show(c *desk.Call, v tasks.View, f *film, odd bool) any {
	status, progress, failure := f.state(v)
	if odd {
		status = "post_processing"
	}
	if f.shape == newAPIShape {
		return p.showTask(c, v, f, status, failure)
	}
	return map[string]any{
		"id": v.ID, "object": "video", "model": f.req.Model, "status": status, "progress": progress,
		"created_at": v.Created.Unix(), "seconds": strconv.Itoa(f.req.Seconds),
		"size": strconv.Itoa(f.req.Width) + "x" + strconv.Itoa(f.req.Height), "prompt": f.req.Prompt, "error": failure,
	}
}

// showTask is new-api's object, which tells a link.
func (p *Protocol) showTask(c *desk.Call, v tasks.View, f *film, status string, failure any) any {
	if status == "completed" {
		status = "succeeded"
	}
	o := map[string]any{"task_id": v.ID, "status": status}
	if failure != nil {
		o["error"] = failure
	}
	if v.State == tasks.Succeeded {
		o["url"], o["format"] = p.desk.Link(c, f.video, p.desk.FirstLink(c, v.ID, f.tags)), "mp4"
		o["metadata"] = map[string]any{"duration": f.req.Seconds, "width": f.req.Width, "height": f.req.Height, "seed": 0}
	}
	return o
}

// state is a task's state in OpenAI's four words: what was stopped or came to
// nothing is failed, with a code.
func (f *film) state(v tasks.View) (status string, progress int, failure any) {
	const begun = 30
	because := func(code, message string) any { return map[string]any{"code": code, "message": message} }
	switch v.State {
	case tasks.Queued:
		return "queued", 0, nil
	case tasks.Running:
		return "in_progress", begun, nil
	case tasks.Succeeded:
		return "completed", 100, nil
	case tasks.Failed:
		if f.failure != nil {
			return "failed", 0, because(f.failure.Code, f.failure.Message)
		}
	case tasks.Cancelled:
		return "failed", 0, because("canceled", "The video was canceled.")
	case tasks.Expired:
		return "failed", 0, because("expired", "The video was not made in time.")
	}
	return "failed", 0, because("server_error", "The video could not be made.")
}
