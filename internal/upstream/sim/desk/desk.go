// Package desk is what the simulator's protocols have in common: how a call is
// taken in, what goes wrong with it, and how it is written down. What is said to
// the caller is each protocol's own.
package desk

import (
	"context"
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

// MaxBodyBytes is the most that is read of a request.
const MaxBodyBytes = 64 << 20

// Desk is what a protocol needs of the simulator; all but BaseURL is required.
type Desk struct {
	Protocol string // its name in the ledger

	Clock    clock.Clock
	Accounts *accounts.Register
	Book     *ledger.Book
	Board    *tasks.Board
	Media    *media.Store
	Faults   *faults.Engine
	Log      *slog.Logger

	ImageTime  time.Duration // per image
	VideoTime  time.Duration
	ChunkDelay time.Duration // between two pieces of a streamed chat

	BaseURL string // of links; empty means the host that was called
}

// Call is one request.
type Call struct {
	R         *http.Request
	W         http.ResponseWriter
	RequestID string
	Holder    *accounts.Holder
	Body      []byte
	Base      string            // scheme and host for links
	Set       faults.Set        // what goes wrong with this call
	Entry     ledger.Submission // what will be written down about it
	Seq       int64             // its number in the book, 0 before it is there
	Streamed  bool              // the answer has been sent already
	Whole     bool              // all of it
}

// Take begins a call. It echoes the caller's own name for it, as services do.
func (d *Desk) Take(w http.ResponseWriter, r *http.Request, requestID string) *Call {
	w.Header().Set("X-Request-Id", requestID)
	if id := r.Header.Get("X-Client-Request-Id"); id != "" {
		w.Header().Set("X-Client-Request-Id", id)
	}
	return &Call{R: r, W: w, RequestID: requestID, Base: d.base(r)}
}

func (d *Desk) base(r *http.Request) string {
	if d.BaseURL != "" {
		return strings.TrimSuffix(d.BaseURL, "/")
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// Authenticate finds the account of a key. A submission whose key is not good for
// one is written down all the same; its body is not read, so that its model and
// prompt stay unknown. The kind is that of the route, empty for one that submits
// nothing.
func (d *Desk) Authenticate(c *Call, key string, kind ledger.Kind) accounts.Verdict {
	holder, verdict := d.Accounts.Find(key)
	c.Entry = ledger.Submission{Protocol: d.Protocol, RequestID: c.RequestID}
	if verdict != accounts.Valid {
		c.Entry.Account, c.Entry.KeyHash, c.Entry.Kind = string(verdict), accounts.Hash(key), kind
		return verdict
	}
	c.Holder = holder
	c.Entry.Account, c.Entry.KeyHash = holder.Name, holder.Hash
	return verdict
}

// Read reads the request's body.
func (d *Desk) Read(c *Call) (err error) {
	c.Body, err = io.ReadAll(http.MaxBytesReader(c.W, c.R.Body, MaxBodyBytes))
	return err
}

// Pick works out what goes wrong with a call, and waits if it is to be slow. It is
// false if the caller has gone meanwhile: then nothing is refused any more.
func (d *Desk) Pick(ctx context.Context, c *Call, op faults.Op, scope, prompt string, tags []faults.Fault) bool {
	c.Set = d.Faults.Pick(op, scope, prompt, tags)
	for _, f := range c.Set {
		c.Entry.Fault = strings.TrimSpace(c.Entry.Fault + " " + string(f.Name))
	}
	if c.Set.Wait(ctx, d.Clock) != nil {
		c.Set = append(c.Set, faults.Fault{Name: faults.Drop})
		return false
	}
	return true
}

// Accepted writes a submission down as one that will be charged.
func (d *Desk) Accepted(c *Call, count int) {
	c.Entry.Outcome, c.Entry.Charged, c.Entry.Count = ledger.Accepted, true, count
	c.Seq = d.Book.Record(c.Entry)
	d.Log.DebugContext(c.R.Context(), "submission accepted",
		"kind", c.Entry.Kind, "model", c.Entry.Model, "account", c.Entry.Account, "request_id", c.RequestID)
}

// Refused writes down a submission that came to nothing.
func (d *Desk) Refused(c *Call, code string) {
	if c.Seq != 0 || c.Entry.Kind == "" {
		return
	}
	c.Entry.Outcome, c.Entry.Code = ledger.Refused, code
	c.Seq = d.Book.Record(c.Entry)
	d.Log.DebugContext(c.R.Context(), "submission refused",
		"kind", c.Entry.Kind, "model", c.Entry.Model, "account", c.Entry.Account, "code", code)
}

// Finish sends the answer, or what the faults make of it, unless it was streamed
// already.
func (d *Desk) Finish(ctx context.Context, c *Call, a faults.Answer) {
	whole := c.Whole
	if !c.Streamed {
		whole = c.Set.Spoil(ctx, c.W, d.Clock, a)
	}
	if c.Seq != 0 {
		d.Book.Answered(c.Seq, a.Status, whole)
	}
}

// Link signs a link that works from now on, or that no longer works.
func (d *Desk) Link(c *Call, it *media.Item, expired bool) string {
	at := d.Clock.Now()
	if expired {
		at = at.Add(-10 * 365 * 24 * time.Hour)
	}
	return d.Media.Link(c.Base, it, at)
}

// FirstLink tells whether the fault "expired" hits this look at a finished task of
// an id. Unless its tag says otherwise, it does once.
func (d *Desk) FirstLink(c *Call, id string, tags []faults.Fault) bool {
	var once []faults.Fault
	for _, t := range tags {
		if t.Name == faults.Expired {
			t.Times = max(t.Times, 1)
			once = append(once, t)
		}
	}
	return len(once) > 0 && d.Faults.PickTags(faults.Get, "link "+id, once) || len(once) == 0 && c.Set.Has(faults.Expired)
}

// NoAnswer tells whether the caller will hear nothing, so that there is no
// need to wait for the result.
func (c *Call) NoAnswer() bool { return c.Set.Has(faults.Drop) || c.Set.Has(faults.Hang) }

// Spoilt tells whether a stream has to go through Finish.
func (c *Call) Spoilt() bool {
	return c.NoAnswer() || c.Set.Has(faults.Empty) || c.Set.Has(faults.HTML)
}

// redirected marks a request that has followed a redirect of ours, which then
// succeeds: a client that follows one is seen in the ledger.
const redirected = "sim_redirected"

// Redirected makes a problem that leads to the same route; nil for a request that
// has followed one already.
func Redirected[P any](c *Call, redirect func(location string) *P) *P {
	if c.R.URL.Query().Has(redirected) {
		return nil
	}
	u := *c.R.URL
	u.RawQuery = redirected + "=1"
	return redirect(u.RequestURI())
}
