// Package openai speaks OpenAI's protocol for the simulator, under /openai/v1/:
// chat, images and their edits, videos, and new-api's call for videos, with
// OpenAI's error envelope.
//
// It is stricter than OpenAI: a field that is not documented is refused, so that
// a client that passes here has sent only what is. Seed, negative_prompt and ratio
// are taken beside, since services behind this API do.
package openai

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/tintypehq/tintype/internal/upstream/sim/accounts"
	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
	"github.com/tintypehq/tintype/internal/upstream/sim/ledger"
)

// Prefix begins the path of every route.
const Prefix = "/openai/v1/"

// Protocol is an http.Handler. Make one with [New].
type Protocol struct{ desk desk.Desk }

// New returns the protocol.
func New(d desk.Desk) *Protocol {
	d.Protocol = "openai"
	return &Protocol{d}
}

// handler answers a call, or streams the answer and says so in the call.
type handler func(context.Context, *desk.Call) (faults.Answer, *problem)

// ServeHTTP answers a request.
func (p *Protocol) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := p.desk.Take(w, r, newID("req_"))
	a, bad := p.answer(r.Context(), c)
	if bad != nil {
		a = bad.answer()
		p.desk.Refused(c, bad.Code)
	}
	p.desk.Finish(r.Context(), c, a)
}

// answer checks what all routes have in common and runs the route.
func (p *Protocol) answer(ctx context.Context, c *desk.Call) (faults.Answer, *problem) {
	run, kind := p.route(c.R)
	if run == nil {
		return faults.Answer{}, &problem{Status: http.StatusNotFound, Type: badRequest, Message: "Invalid URL (" + c.R.Method + " " + c.R.URL.Path + ")"}
	}
	key, isBearer := strings.CutPrefix(c.R.Header.Get("Authorization"), "Bearer ")
	if !isBearer || key == "" {
		return faults.Answer{}, badKey()
	}
	switch p.desk.Authenticate(c, key, kind) {
	case accounts.Invalid:
		return faults.Answer{}, badKey()
	case accounts.Limited:
		return faults.Answer{}, tooMany("2")
	case accounts.Valid:
	}
	if err := p.desk.Read(c); err != nil {
		return faults.Answer{}, &problem{Status: http.StatusRequestEntityTooLarge, Type: badRequest, Message: "The request body could not be read or is too large."}
	}
	return run(ctx, c)
}

// route finds what answers a request, and what it makes.
func (p *Protocol) route(r *http.Request) (handler, ledger.Kind) {
	path := strings.TrimPrefix(r.URL.Path, Prefix)
	switch r.Method + " " + path {
	case "POST chat/completions":
		return p.chat, ledger.Chat
	case "POST images/generations":
		return p.generations, ledger.Image
	case "POST images/edits":
		return p.edits, ledger.Image
	case "POST videos":
		return p.createVideo(videosShape), ledger.Video
	case "POST video/generations":
		return p.createVideo(newAPIShape), ledger.Video
	case "GET models":
		return p.models, ""
	}
	if id, ok := strings.CutPrefix(path, "video/generations/"); ok && r.Method == http.MethodGet {
		return p.about(id, newAPIShape), ""
	}
	id, what, _ := strings.Cut(strings.TrimPrefix(path, "videos/"), "/")
	switch {
	case !strings.HasPrefix(path, "videos/") || id == "":
		return nil, ""
	case r.Method == http.MethodGet && what == "":
		return p.about(id, videosShape), ""
	case r.Method == http.MethodGet && what == "content":
		return p.content(id), ""
	case r.Method == http.MethodDelete && what == "":
		return p.deleteVideo(id), ""
	}
	return nil, ""
}

// modelKinds are the models, and what each is for.
func modelKinds() map[string]ledger.Kind {
	return map[string]ledger.Kind{
		"gpt-4o": ledger.Chat, "gpt-4o-mini": ledger.Chat,
		"gpt-image-1": ledger.Image, "dall-e-3": ledger.Image, "dall-e-2": ledger.Image,
		"sora-2": ledger.Video, "sora-2-pro": ledger.Video,
	}
}

// models answers GET /models.
func (p *Protocol) models(ctx context.Context, c *desk.Call) (faults.Answer, *problem) {
	if bad := p.trouble(ctx, c, faults.List, "models", "", nil); bad != nil {
		return faults.Answer{}, bad
	}
	type entry struct {
		ID      string `json:"id"`
		Object  string `json:"object"`
		Created int64  `json:"created"`
		OwnedBy string `json:"owned_by"`
	}
	var ids []string
	for id := range modelKinds() {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	list := []entry{}
	for _, id := range ids {
		if c.Holder.MayUse(id) {
			list = append(list, entry{id, "model", 1_700_000_000, "simulator"})
		}
	}
	return jsonAnswer(map[string]any{"object": "list", "data": list})
}

// mayUse checks that there is such a model for the call, and that the account may
// use it.
func (p *Protocol) mayUse(c *desk.Call, name string) *problem {
	c.Entry.Model = name
	kind, ok := modelKinds()[name]
	switch {
	case name == "":
		return missing("model")
	case !ok || !c.Holder.MayUse(name):
		return noModel(name)
	case kind != c.Entry.Kind:
		return invalid("model", "The model '"+name+"' is not supported with this endpoint.")
	}
	switch c.Holder.State {
	case accounts.Overdue:
		return overdue()
	case accounts.NotOpen:
		return noModel(name)
	case accounts.TrialUsed:
		return noQuota()
	case accounts.OK:
	}
	return nil
}

// begin works out what goes wrong with a submission whose request is valid, and
// refuses it if it is to be refused.
func (p *Protocol) begin(ctx context.Context, c *desk.Call, op faults.Op, prompt string) ([]faults.Fault, *problem) {
	tags, err := faults.Parse(prompt)
	if err != nil {
		return nil, invalid("prompt", err.Error())
	}
	return tags, p.trouble(ctx, c, op, "", prompt, tags)
}

// trouble picks the faults of a call and refuses it if they say so.
func (p *Protocol) trouble(ctx context.Context, c *desk.Call, op faults.Op, scope, prompt string, tags []faults.Fault) *problem {
	if !p.desk.Pick(ctx, c, op, scope, prompt, tags) {
		return nil
	}
	return orders(c, false)
}

// lie is the error that is answered although the call was carried out; nil if
// the truth is told.
func lie(c *desk.Call) *problem { return orders(c, true) }

func orders(c *desk.Call, accepted bool) *problem {
	for _, f := range c.Set {
		if f.Accepted == accepted {
			if bad := ordered(f, c); bad != nil {
				return bad
			}
		}
	}
	return nil
}

// jsonAnswer is a 200 with v.
func jsonAnswer(v any) (faults.Answer, *problem) {
	body, err := json.Marshal(v)
	if err != nil {
		return faults.Answer{}, internalError()
	}
	return faults.Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: body}, nil
}

// newID is a prefix and 24 random hex digits.
func newID(prefix string) string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return prefix + hex.EncodeToString(b[:])
}
