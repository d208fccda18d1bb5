// Package doubaoweb speaks Doubao's web protocol for the simulator, under
// /doubaoweb/: both dialects of its streams, the history of conversations, streams
// of tasks, the canvas, uploads, and the check of a session.
//
// The shapes and codes are those of the wire note in
// doubaoweb.md; every id is made up. The value of the cookie
// "sessionid" is the key of the simulator's account.
package doubaoweb

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"github.com/tintypehq/tintype/internal/upstream/sim/accounts"
	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
	"github.com/tintypehq/tintype/internal/upstream/sim/ledger"
)

// Prefix begins the path of every route. UploadPrefix begins that of the bytes of
// uploads, which go to another host in the real service.
const (
	Prefix       = "/doubaoweb/"
	UploadPrefix = "/upload/v1/"
)

// Protocol is an http.Handler. Make one with [New].
type Protocol struct {
	desk desk.Desk

	mu            sync.Mutex
	conversations memory[*conversation]
	uploads       memory[*upload]
	canvases      memory[string] // request ids → conversations
}

// New returns the protocol. It remembers at most maxItems conversations and uploads.
func New(d desk.Desk, maxItems int) *Protocol {
	d.Protocol = "doubaoweb"
	p := &Protocol{desk: d}
	p.conversations.most, p.uploads.most, p.canvases.most = maxItems, maxItems, maxItems
	return p
}

// memory keeps the newest of what it is given. Its owner locks.
type memory[V any] struct {
	most  int
	items map[string]V
	order []string
}

func (m *memory[V]) put(key string, v V) {
	if m.items == nil {
		m.items = map[string]V{}
	}
	if _, ok := m.items[key]; !ok {
		m.order = append(m.order, key)
	}
	m.items[key] = v
	if len(m.order) > m.most {
		delete(m.items, m.order[0])
		m.order = m.order[1:]
	}
}

// handler answers a call, or streams the answer and says so in the call.
type handler func(context.Context, *desk.Call) (faults.Answer, *problem)

// ServeHTTP answers a request.
func (p *Protocol) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := p.desk.Take(w, r, newID())
	a, bad := p.answer(r.Context(), c)
	if bad != nil {
		a = bad.answer(c)
		p.desk.Refused(c, bad.code)
	}
	p.desk.Finish(r.Context(), c, a)
}

// answer checks what all routes have in common and runs the route.
func (p *Protocol) answer(ctx context.Context, c *desk.Call) (faults.Answer, *problem) {
	run, where := p.route(c.R)
	if run == nil {
		return faults.Answer{}, &problem{status: http.StatusNotFound}
	}
	if where != uploading {
		if bad := p.authenticate(c, where); bad != nil {
			return faults.Answer{}, bad
		}
	}
	if err := p.desk.Read(c); err != nil {
		return faults.Answer{}, &problem{status: http.StatusRequestEntityTooLarge}
	}
	return run(ctx, c)
}

// place is where a route tells its errors.
type place string

const (
	numeric   place = "numeric"   // in a stream of dialect A
	named     place = "named"     // in a stream of dialect B
	plain     place = "plain"     // in JSON
	uploading place = "uploading" // in JSON, without a session
)

// route finds what answers a request.
func (p *Protocol) route(r *http.Request) (handler, place) {
	path := strings.TrimPrefix(r.URL.Path, Prefix)
	switch r.Method + " " + path {
	case "POST samantha/chat/completion":
		return p.completion(numeric), numeric
	case "POST chat/completion":
		return p.completion(named), named
	case "POST samantha/chat/async/stream":
		return p.taskStream, numeric
	case "POST im/chain/single":
		return p.history, plain
	case "POST creativity/canvas/exec":
		return p.canvas, plain
	case "POST passport/account/info/v2":
		return p.whoami, plain
	case "POST samantha/thread/delete":
		return p.deleteThread, plain
	case "POST alice/resource/prepare_upload":
		return p.prepareUpload, plain
	case "GET top/v1/", "POST top/v1/":
		return p.imagex, uploading
	}
	if uri, ok := strings.CutPrefix(r.URL.Path, UploadPrefix); ok && r.Method == http.MethodPost {
		return p.receive(uri), uploading
	}
	return nil, ""
}

// authenticate finds the session, and checks what every call must carry.
func (p *Protocol) authenticate(c *desk.Call, where place) *problem {
	key := ""
	if cookie, err := c.R.Cookie("sessionid"); err == nil {
		key = cookie.Value
	}
	var kind ledger.Kind
	if where != plain && !strings.HasSuffix(c.R.URL.Path, "async/stream") {
		kind = ledger.Chat // which of the three stands in the body, which is not read
	}
	switch p.desk.Authenticate(c, key, kind) {
	case accounts.Invalid:
		return deadSession(where)
	case accounts.Limited:
		return tooOften(where)
	case accounts.Valid:
	}
	switch q := c.R.URL.Query(); {
	case c.R.Header.Get("Authorization") != "":
		return invalid("a session travels as a cookie")
	case q.Has("sim_redirected"): // one that follows is to be seen, also without the rest
	case q.Get("aid") == "" || q.Get("device_platform") != "web" || q.Get("web_tab_id") == "":
		return invalid("aid, device_platform or web_tab_id is missing")
	}
	return nil
}

// whoami answers the check of a session.
func (p *Protocol) whoami(ctx context.Context, c *desk.Call) (faults.Answer, *problem) {
	if bad := p.trouble(ctx, c, faults.List, "whoami", "", nil, plain); bad != nil {
		return faults.Answer{}, bad
	}
	p.desk.Book.Listed()
	return jsonAnswer(object{"message": "success", "data": object{"user_id": 900000001, "name": "simulator"}})
}

// deleteThread removes a conversation.
func (p *Protocol) deleteThread(_ context.Context, c *desk.Call) (faults.Answer, *problem) {
	var r struct {
		ConversationID string `json:"conversation_id"`
	}
	if bad := decode(c.Body, &r); bad != nil {
		return faults.Answer{}, bad
	}
	p.desk.Book.Delete(r.ConversationID)
	if p.conversation(c.Holder.Hash, r.ConversationID) == nil {
		return faults.Answer{}, noConversation()
	}
	return jsonAnswer(object{"code": 0, "msg": "", "data": object{}})
}

// trouble picks the faults of a call and refuses it if they say so.
func (p *Protocol) trouble(ctx context.Context, c *desk.Call, op faults.Op, scope, prompt string, tags []faults.Fault, where place) *problem {
	if !p.desk.Pick(ctx, c, op, scope, prompt, tags) {
		return nil
	}
	return orders(c, where, false)
}

// orders gives the first error that the faults ask for: those that are told before
// anything is done, or those that are told in spite of it.
func orders(c *desk.Call, where place, accepted bool) *problem {
	for _, f := range c.Set {
		if f.Accepted == accepted {
			if bad := ordered(f, c, where); bad != nil {
				return bad
			}
		}
	}
	return nil
}
