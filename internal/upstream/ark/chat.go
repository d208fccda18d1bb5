package ark

import (
	"context"
	"net/http"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/chat"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// Chat implements [upstream.Driver].
func (d *Driver) Chat(ctx context.Context, a account.Account, r upstream.ChatRequest) (upstream.ChatAnswer, error) {
	c, refusal := d.chatCall(a, r, false)
	if refusal != nil {
		return upstream.ChatAnswer{}, refusal
	}
	answer, failure := d.chats().Whole(ctx, c, r)
	if failure != nil {
		return upstream.ChatAnswer{}, failure
	}
	return answer, nil
}

// ChatStream implements [upstream.Driver].
func (d *Driver) ChatStream(ctx context.Context, a account.Account, r upstream.ChatRequest) (upstream.ChatStream, error) {
	c, refusal := d.chatCall(a, r, true)
	if refusal != nil {
		return nil, refusal
	}
	s, failure := d.chats().Stream(ctx, c, r)
	if failure != nil {
		return nil, failure
	}
	return s, nil
}

func (d *Driver) chats() *chat.Client {
	return &chat.Client{
		HeaderTimeout: d.cfg.ChatHeaderTimeout, IdleTimeout: d.cfg.ChatIdleTimeout,
		Now: d.now, Refusal: d.refusal, Inside: d.errorInside,
	}
}

// errorInside reads the upstream's error in a 200; nil if there is none.
func (d *Driver) errorInside(c wire.Call, h http.Header, raw []byte) *upstream.Error {
	env, ok := parseEnvelope(raw)
	if !ok {
		return nil
	}
	e := d.classify(c, 0, h, env)
	e.Outcome = wire.OutcomeOfClass(e.Class)
	return e
}

func (d *Driver) chatCall(a account.Account, r upstream.ChatRequest, stream bool) (wire.Call, *upstream.Error) {
	if !wire.Usable(a.Secret) {
		return wire.Call{}, wire.BadCredential()
	}
	body, refusal := chatBody(r, stream)
	if refusal != nil {
		return wire.Call{}, refusal
	}
	accept := "application/json"
	if stream {
		accept = "text/event-stream"
	}
	return wire.Call{
		Op: wire.Chat, Method: http.MethodPost, URL: d.base + "/chat/completions",
		Secret: a.Secret, Body: body, Accept: accept, Via: d.pooled, Rewind: true,
	}, nil
}
