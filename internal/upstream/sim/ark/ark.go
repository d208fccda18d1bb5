// Package ark speaks Volcengine Ark's protocol for the simulator: chat, images
// and video under /api/v3, with its checks, limits, wordings and numbers as far
// as they are publicly known.
//
// It is stricter than it has to be: what the real service may or may not
// tolerate is refused, so that a client that passes here has sent only what
// is documented.
package ark

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/accounts"
	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
	"github.com/tintypehq/tintype/internal/upstream/sim/ledger"
)

// Prefix begins the path of every route but /ping.
const Prefix = "/api/v3/"

// Config is what the protocol needs of the simulator; all but Endpoints is
// required.
type Config struct {
	desk.Desk

	VisibilityLag time.Duration     // before a new task is listed
	Endpoints     map[string]string // endpoint id (ep-…) → model id
}

// Protocol is an http.Handler. Make one with [New].
type Protocol struct {
	cfg       Config
	client    *http.Client // fetches input pictures, sends callbacks
	callbacks *callbacks
}

// New returns the protocol.
func New(cfg Config) *Protocol {
	cfg.Protocol = "ark"
	client := &http.Client{Timeout: fetchTimeout, Transport: &http.Transport{IdleConnTimeout: fetchTimeout}}
	return &Protocol{cfg: cfg, client: client, callbacks: newCallbacks(cfg.Clock, cfg.Log)}
}

// Close ends callbacks that are on their way and waits for them.
func (p *Protocol) Close() {
	p.callbacks.close()
	p.client.CloseIdleConnections()
}

// call is one request.
type call = desk.Call

// handler answers a call, or streams the answer and says so in the call.
type handler func(context.Context, *call) (faults.Answer, *problem)

// ServeHTTP answers a request.
func (p *Protocol) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := p.cfg.Take(w, r, newRequestID(p.cfg.Clock.Now()))
	a, bad := p.answer(r.Context(), c)
	if bad != nil {
		a = bad.answer(c.RequestID)
		p.cfg.Refused(c, bad.Code)
	}
	p.cfg.Finish(r.Context(), c, a)
}

// answer checks what all routes have in common and runs the route.
func (p *Protocol) answer(ctx context.Context, c *call) (faults.Answer, *problem) {
	run := p.route(c.R)
	if run == nil {
		return faults.Answer{}, unknownRoute(c.R.URL.Path)
	}
	if bad := p.authenticate(c); bad != nil {
		return faults.Answer{}, bad
	}
	if err := p.cfg.Read(c); err != nil {
		return faults.Answer{}, &problem{
			Status: http.StatusRequestEntityTooLarge, Code: "InvalidParameter", Type: "BadRequest",
			Message: "The request body could not be read or exceeds 64 MB.",
		}
	}
	return run(ctx, c)
}

const tasksRoute = "contents/generations/tasks"

func (p *Protocol) route(r *http.Request) handler {
	path := strings.TrimPrefix(r.URL.Path, Prefix)
	id, oneTask := strings.CutPrefix(path, tasksRoute+"/")
	oneTask = oneTask && id != "" && !strings.Contains(id, "/")
	switch {
	case r.Method == http.MethodPost && path == "chat/completions":
		return p.chat
	case r.Method == http.MethodPost && path == "images/generations":
		return p.images
	case r.Method == http.MethodPost && path == tasksRoute:
		return p.createTask
	case r.Method == http.MethodGet && path == tasksRoute:
		return p.listTasks
	case r.Method == http.MethodGet && oneTask:
		return func(_ context.Context, c *call) (faults.Answer, *problem) { return p.getTask(c, id) }
	case r.Method == http.MethodDelete && oneTask:
		return func(_ context.Context, c *call) (faults.Answer, *problem) { return p.deleteTask(c, id) }
	case r.Method == http.MethodGet && path == "models":
		return p.models
	}
	return nil
}

func (p *Protocol) authenticate(c *call) *problem {
	key, isBearer := strings.CutPrefix(c.R.Header.Get("Authorization"), "Bearer ")
	if !isBearer || key == "" {
		bad := badKey()
		bad.Header = http.Header{"X-Error-Code": {"AuthN_MissOrInvalidAuthorizationHeader"}}
		return bad
	}
	switch p.cfg.Authenticate(c, key, submits(c.R)) {
	case accounts.Invalid:
		return badKey()
	case accounts.Limited:
		return tooMany("2")
	case accounts.Valid:
	}
	return nil
}

// submits is what a request's route makes; empty if nothing.
func submits(r *http.Request) ledger.Kind {
	if r.Method != http.MethodPost {
		return ""
	}
	return map[string]ledger.Kind{
		"chat/completions": ledger.Chat, "images/generations": ledger.Image, tasksRoute: ledger.Video,
	}[strings.TrimPrefix(r.URL.Path, Prefix)]
}

// jsonAnswer is a 200 with v.
func jsonAnswer(v any) (faults.Answer, *problem) {
	body, err := json.Marshal(v)
	if err != nil {
		return faults.Answer{}, internalError()
	}
	return faults.Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Body: body}, nil
}
