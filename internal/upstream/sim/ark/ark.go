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
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/accounts"
	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
	"github.com/tintypehq/tintype/internal/upstream/sim/ledger"
	"github.com/tintypehq/tintype/internal/upstream/sim/media"
	"github.com/tintypehq/tintype/internal/upstream/sim/tasks"
)

// Prefix begins the path of every route but /ping.
const Prefix = "/api/v3/"

// maxBodyBytes is Ark's own limit.
const maxBodyBytes = 64 << 20

// Config is what the protocol needs of the simulator; all but Endpoints and
// BaseURL is required.
type Config struct {
	Clock    clock.Clock
	Accounts *accounts.Register
	Book     *ledger.Book
	Board    *tasks.Board
	Media    *media.Store
	Faults   *faults.Engine
	Log      *slog.Logger

	ImageTime     time.Duration // per image
	VideoTime     time.Duration
	ChunkDelay    time.Duration // between two pieces of a streamed chat
	VisibilityLag time.Duration // before a new task is listed

	Endpoints map[string]string // endpoint id (ep-…) → model id
	BaseURL   string            // of links; empty means the host that was called
}

// Protocol is an http.Handler. Make one with [New].
type Protocol struct {
	cfg       Config
	client    *http.Client // fetches input pictures, sends callbacks
	callbacks *callbacks
}

// New returns the protocol.
func New(cfg Config) *Protocol {
	client := &http.Client{Timeout: fetchTimeout, Transport: &http.Transport{IdleConnTimeout: fetchTimeout}}
	return &Protocol{cfg: cfg, client: client, callbacks: newCallbacks(cfg.Clock, cfg.Log)}
}

// Close ends callbacks that are on their way and waits for them.
func (p *Protocol) Close() {
	p.callbacks.close()
	p.client.CloseIdleConnections()
}

// call is one request.
type call struct {
	r         *http.Request
	w         http.ResponseWriter
	requestID string
	holder    *accounts.Holder
	body      []byte
	base      string            // scheme and host for links
	set       faults.Set        // what goes wrong with this call
	entry     ledger.Submission // what will be written down about it
	seq       int64             // its number in the book, 0 before it is there
	streamed  bool              // the answer has been sent already
	whole     bool              // all of it
}

// handler answers a call, or streams the answer and says so in the call.
type handler func(context.Context, *call) (faults.Answer, *problem)

// ServeHTTP answers a request.
func (p *Protocol) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{r: r, w: w, requestID: newRequestID(p.cfg.Clock.Now()), base: p.base(r)}
	w.Header().Set("X-Request-Id", c.requestID)
	if id := r.Header.Get("X-Client-Request-Id"); id != "" {
		w.Header().Set("X-Client-Request-Id", id)
	}
	a, bad := p.answer(r.Context(), c)
	if bad != nil {
		a = bad.answer(c.requestID)
		p.refused(c, bad)
	}
	whole := c.whole
	if !c.streamed {
		whole = c.set.Spoil(r.Context(), w, p.cfg.Clock, a)
	}
	if c.seq != 0 {
		p.cfg.Book.Answered(c.seq, a.Status, whole)
	}
}

func (p *Protocol) base(r *http.Request) string {
	if p.cfg.BaseURL != "" {
		return strings.TrimSuffix(p.cfg.BaseURL, "/")
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// answer checks what all routes have in common and runs the route.
func (p *Protocol) answer(ctx context.Context, c *call) (faults.Answer, *problem) {
	run := p.route(c.r)
	if run == nil {
		return faults.Answer{}, unknownRoute(c.r.URL.Path)
	}
	if bad := p.authenticate(c); bad != nil {
		return faults.Answer{}, bad
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxBodyBytes))
	if err != nil {
		return faults.Answer{}, &problem{
			Status: http.StatusRequestEntityTooLarge, Code: "InvalidParameter", Type: "BadRequest",
			Message: "The request body could not be read or exceeds 64 MB.",
		}
	}
	c.body = body
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
	key, isBearer := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	if !isBearer || key == "" {
		bad := badKey()
		bad.Header = http.Header{"X-Error-Code": {"AuthN_MissOrInvalidAuthorizationHeader"}}
		return bad
	}
	holder, verdict := p.cfg.Accounts.Find(key)
	switch verdict {
	case accounts.Invalid:
		c.turnedAway(verdict, key)
		return badKey()
	case accounts.Limited:
		c.turnedAway(verdict, key)
		return tooMany("2")
	case accounts.Valid:
	}
	c.holder = holder
	c.entry = ledger.Submission{
		Protocol: "ark", Account: holder.Name, KeyHash: holder.Hash, RequestID: c.requestID,
	}
	return nil
}

// turnedAway has a submission written down although its key is not good for
// one. Its body is not read, so that its model and prompt stay unknown.
func (c *call) turnedAway(verdict accounts.Verdict, key string) {
	kinds := map[string]ledger.Kind{
		"chat/completions": ledger.Chat, "images/generations": ledger.Image, tasksRoute: ledger.Video,
	}
	kind, ok := kinds[strings.TrimPrefix(c.r.URL.Path, Prefix)]
	if !ok || c.r.Method != http.MethodPost {
		return
	}
	c.entry = ledger.Submission{
		Protocol: "ark", Account: string(verdict), KeyHash: accounts.Hash(key), Kind: kind, RequestID: c.requestID,
	}
}

// jsonAnswer is a 200 with v.
func jsonAnswer(v any) (faults.Answer, *problem) {
	body, err := json.Marshal(v)
	if err != nil {
		return faults.Answer{}, internalError()
	}
	return faults.Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Body: body}, nil
}
