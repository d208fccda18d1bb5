package doubaoweb

import (
	"context"

	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
	"github.com/tintypehq/tintype/internal/upstream/sim/tasks"
)

// canvas starts a video, or tells of the one that was started under the same
// request id.
func (p *Protocol) canvas(ctx context.Context, c *desk.Call) (faults.Answer, *problem) {
	var r struct {
		Exec struct {
			RequestID string `json:"request_id"`
			Operation struct {
				Canvas   int    `json:"canvas_type"`
				Generate int    `json:"generate_type"`
				Prompt   string `json:"prompt"`
				Model    string `json:"use_model"`
				Video    struct {
					Ratio string `json:"ratio"`
				} `json:"video_param"`
			} `json:"operation"`
		} `json:"exec_req"`
	}
	if bad := decode(c.Body, &r); bad != nil {
		return faults.Answer{}, bad
	}
	op := r.Exec.Operation
	if r.Exec.RequestID == "" || op.Canvas != 50 || op.Generate != 1 || op.Prompt == "" {
		return faults.Answer{}, invalid("exec_req")
	}
	if v := p.conversation(c.Holder.Hash, p.canvasOf(c, r.Exec.RequestID)); v != nil {
		if bad := p.look(ctx, c, v); bad != nil {
			return faults.Answer{}, bad
		}
		return p.canvasTask(c, v)
	}
	c.Entry.Kind, c.Entry.Prompt, c.Entry.Model = "video", op.Prompt, op.Model
	tags, err := faults.Parse(op.Prompt)
	if err != nil {
		return faults.Answer{}, invalid(err.Error())
	}
	if bad := p.trouble(ctx, c, faults.Create, "", op.Prompt, tags, plain); bad != nil {
		return faults.Answer{}, bad
	}
	w := wish{prompt: op.Prompt, ratio: op.Video.Ratio, model: op.Model}
	v := newConversation(c, w, &talk{conversation: newID()}, tags)
	bad := p.shoot(c, w, v)
	if bad == nil {
		p.rememberCanvas(c, r.Exec.RequestID, v.id)
		bad = orders(c, plain, true)
	}
	if bad != nil {
		return faults.Answer{}, bad
	}
	return p.canvasTask(c, v)
}

func (p *Protocol) canvasOf(c *desk.Call, requestID string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.canvases.items[c.Holder.Hash+requestID]
}

func (p *Protocol) rememberCanvas(c *desk.Call, requestID, conversation string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.canvases.put(c.Holder.Hash+requestID, conversation)
}

// canvasTask tells how a canvas's task stands.
func (p *Protocol) canvasTask(c *desk.Call, v *conversation) (faults.Answer, *problem) {
	seen, err := p.desk.Board.Get(c.Holder, v.id)
	if err != nil {
		return faults.Answer{}, noConversation()
	}
	data := object{"canvas_id_str": v.id, "task_status": 2}
	switch seen.State {
	case tasks.Queued:
		data["task_status"] = 1
	case tasks.Running:
	case tasks.Failed, tasks.Expired, tasks.Cancelled:
		data["task_status"], data["fail_msg"] = 4, v.failure
	case tasks.Succeeded:
		film := object{"vid": "v0" + v.id}
		p.finishFilm(c, v, film, p.desk.Clock.Now().Sub(seen.Updated))
		delete(film, "status")
		data["task_status"], data["result"] = 3, object{"artifacts": []object{{"video": film}}}
	}
	return jsonAnswer(object{"code": 0, "msg": "", "data": data})
}
