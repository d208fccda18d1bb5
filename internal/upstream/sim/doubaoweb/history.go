package doubaoweb

import (
	"context"
	"maps"
	"net/http"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
)

// history answers a call for a conversation's newest messages.
func (p *Protocol) history(ctx context.Context, c *desk.Call) (faults.Answer, *problem) {
	var r struct {
		Cmd      int    `json:"cmd"`
		Sequence string `json:"sequence_id"`
		Uplink   struct {
			Pull struct {
				ConversationID string `json:"conversation_id"`
				Limit          int    `json:"limit"`
			} `json:"pull_singe_chain_uplink_body"`
		} `json:"uplink_body"`
	}
	if bad := decode(c.Body, &r); bad != nil {
		return faults.Answer{}, bad
	}
	pull := r.Uplink.Pull
	if r.Cmd != 3100 || r.Sequence == "" || pull.Limit < 1 {
		return faults.Answer{}, invalid("cmd, sequence_id or limit")
	}
	v := p.conversation(c.Holder.Hash, pull.ConversationID)
	if v == nil {
		return faults.Answer{}, noConversation()
	}
	if bad := p.look(ctx, c, v); bad != nil {
		return faults.Answer{}, bad
	}
	if c.Set.Has(faults.WebCode) {
		return jsonAnswer(object{"cmd": r.Cmd, "sequence_id": r.Sequence, "status_code": 5999, "status_desc": "strange"})
	}
	return jsonAnswer(object{
		"cmd": r.Cmd, "sequence_id": r.Sequence, "status_code": 0, "status_desc": "OK",
		"downlink_body": object{"pull_singe_chain_downlink_body": object{
			"messages": p.messages(c, v), "has_more": false, "msg_cursor": 1,
		}},
	})
}

// look counts a question about a conversation and lets its faults happen.
func (p *Protocol) look(ctx context.Context, c *desk.Call, v *conversation) *problem {
	p.desk.Book.Poll(v.id)
	if bad := p.trouble(ctx, c, faults.Get, v.id, v.prompt, v.tags, plain); bad != nil {
		return bad
	}
	if lost, ok := c.Set.Get(faults.Lost); ok && !p.desk.Clock.Now().Before(v.created.Add(lost.Duration(0))) {
		return noConversation()
	}
	return nil
}

// messages are those of a conversation, the newest first. Each holds what the
// service knows of its user, which no reader may keep.
func (p *Protocol) messages(c *desk.Call, v *conversation) []object {
	private := object{"inner_user_ip": "203.0.113.77", "inner_did": "7000000000000000001", "inner_ttwid": "private-ttwid"}
	said := func(words string, more object) object {
		m := object{
			"message_id": v.reply, "conversation_id": v.id, "bot_reply_message_id": v.message, "content_type": 2001,
			"content": text(object{"text": words}), "ext": private, "user_type": 2, "status": 0,
		}
		maps.Copy(m, more)
		return m
	}
	question := said(v.prompt, object{"message_id": v.message, "bot_reply_message_id": "", "local_message_id": v.local, "user_type": 1})
	out := []object{said("It takes 1-3 minutes.", nil), question}
	switch {
	case c.Set.Has(faults.WebPaywall):
		return append([]object{said("Done for today.", object{"ext": object{"inner_paywall_cta_param": `{"snapshot":"{}"}`}})}, question)
	case c.Set.Has(faults.WebRefusal):
		return append([]object{said("Sorry, this violates the rules.", nil)}, question)
	}
	if shown := p.shown(c, v); len(shown) > 0 {
		blocks := []object{{"block_type": 2074, "content": object{"creation_block": object{"creations": shown}}, "block_id": newID()}}
		out = append([]object{
			said("Your media is ready.", nil),
			said("", object{"message_id": newID(), "content_type": 9999, "content": text(blocks), "content_block": blocks}),
		}, out...)
	}
	if c.Set.Has(faults.WebForeign) {
		out = append([]object{p.foreign(v)}, out...)
	}
	return out
}

// foreign is a finished creation of another job of the same account.
func (p *Protocol) foreign(v *conversation) object {
	blocks := []object{{"block_type": 2074, "content": object{"creation_block": object{"creations": []object{
		{"type": 2, "id": "other", "video": object{"vid": "v0other", "status": 3, "download_url": v.base + "/tos/foreign.mp4"}},
		{"type": 1, "image": object{"key": "other", "status": 2, "image_ori": object{"url": v.base + "/tos/foreign.jpeg"}}},
	}}}}}
	return object{
		"message_id": newID(), "conversation_id": v.id, "bot_reply_message_id": newID(), "content_type": 9999,
		"content": text(blocks), "content_block": blocks,
	}
}

// shown are the creations of a conversation that can be seen now.
func (p *Protocol) shown(c *desk.Call, v *conversation) []object {
	if !v.video {
		if p.desk.Clock.Now().Before(v.ready) {
			return nil
		}
		return v.made
	}
	seen, err := p.desk.Board.Get(c.Holder, v.id)
	if err != nil {
		return nil
	}
	if one := p.creation(c, v, seen); one != nil {
		return []object{one}
	}
	return nil
}

// taskStream waits with heartbeats for a video and then shows it.
func (p *Protocol) taskStream(ctx context.Context, c *desk.Call) (faults.Answer, *problem) {
	var r struct {
		TaskID string `json:"task_id"`
	}
	if bad := decode(c.Body, &r); bad != nil {
		return faults.Answer{}, bad
	}
	v := p.ofTask(c.Holder.Hash, r.TaskID)
	if v == nil {
		return faults.Answer{}, noConversation()
	}
	if bad := p.look(ctx, c, v); bad != nil {
		return faults.Answer{}, bad
	}
	seen, err := p.desk.Board.Get(c.Holder, v.id)
	if err != nil {
		return faults.Answer{}, noConversation()
	}
	t := &talk{place: numeric, conversation: v.id, local: v.local, message: v.message, reply: v.reply}
	frames := []frame{t.heartbeat()}
	if !seen.State.Final() {
		p.stream(ctx, c, frames, frame{})
		_ = clock.Sleep(ctx, p.desk.Clock, 10*time.Minute) // the caller goes when it has heard enough
		return faults.Answer{Status: http.StatusOK}, nil
	}
	one := p.creation(c, v, seen)
	frames = append(frames, t.delta(2021, one, nil))
	p.stream(ctx, c, append(frames, t.close("")...), frame{})
	return faults.Answer{Status: http.StatusOK}, nil
}
