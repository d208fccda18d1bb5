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
	return d.chats().Whole(ctx, a, r)
}

// ChatStream implements [upstream.Driver].
func (d *Driver) ChatStream(ctx context.Context, a account.Account, r upstream.ChatRequest) (upstream.ChatStream, error) {
	return d.chats().Stream(ctx, a, r)
}

func (d *Driver) chats() *chat.Client {
	return &chat.Client{
		HeaderTimeout: d.cfg.ChatHeaderTimeout, IdleTimeout: d.cfg.ChatIdleTimeout, Now: d.now,
		URL: d.base + "/chat/completions", Via: d.pooled, Body: chatBody, Refusal: d.refusal, Inside: d.errorInside,
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
