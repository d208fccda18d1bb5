package doubaoweb

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/tintypehq/tintype/internal/upstream/sim/desk"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
	"github.com/tintypehq/tintype/internal/upstream/sim/ledger"
)

type object = map[string]any

// problem is an error. One of a stream is a whole stream.
type problem struct {
	code   string // for the ledger
	status int    // zero means 200
	header http.Header
	body   []byte
}

func (b *problem) answer(*desk.Call) faults.Answer {
	h := b.header
	if h == nil {
		h = http.Header{"Content-Type": {"text/plain"}}
	}
	return faults.Answer{Status: max(b.status, 200), Header: h, Body: b.body}
}

// streamed is an error as a stream of frames.
func streamed(code string, frames ...frame) *problem {
	b := &problem{code: code, header: http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}}}
	for i, f := range frames {
		b.body = append(b.body, f.bytes(i)...)
	}
	return b
}

// frameError is an error frame of a dialect, or JSON outside of streams.
func frameError(where place, code int, word, text string) *problem {
	switch where {
	case numeric:
		return streamed(strconv.Itoa(code), numericError(code, word, text))
	case named:
		return streamed(strconv.Itoa(code), namedError(code, word))
	case plain, uploading:
	}
	return jsonError(code, word)
}

func numericError(code int, word, text string) frame {
	return frame{event: 2005, data: object{
		"code": code, "message": word, "error_detail": object{"code": code, "locale": "zh", "message": text},
	}}
}

func namedError(code int, word string) frame {
	return frame{name: "STREAM_ERROR", data: object{"error_code": code, "error_msg": word, "extra": object{"decision": `{"type":"verify"}`}}}
}

// jsonError is an error of a plain call.
func jsonError(code int, text string) *problem {
	body, err := json.Marshal(object{"code": code, "msg": text})
	if err != nil {
		body = nil // never
	}
	return &problem{code: strconv.Itoa(code), header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, body: body}
}

// The errors of the note, and below them those that it does not tell.

func deadSession(where place) *problem {
	if where == plain {
		return jsonError(710012001, "login expired, please log in again")
	}
	return streamed("710012000", frame{name: "gateway-error", data: object{
		"code": "Internal", "message": "ErrorX:code=710012000,locale=zh, message=[user invalid], Invalid User ID",
	}})
}

func tooOften(where place) *problem {
	return frameError(where, 710022002, "block", "You visit too often. Retry later.")
}

func riskControl(where place) *problem {
	return frameError(where, 710022004, "rate limited", "system error")
}

// invalid is for what a real client never sends; its code is made up.
func invalid(what string) *problem { return jsonError(40001, "invalid param: "+what) }

// noConversation is for a conversation that this account has not; the code is made
// up.
func noConversation() *problem {
	body, err := json.Marshal(object{"status_code": 30010, "status_desc": "conversation not exist"})
	if err != nil {
		body = nil // never
	}
	return &problem{code: "30010", header: http.Header{"Content-Type": {"application/json"}}, body: body}
}

// ordered is the problem that a fault asks for; nil if it asks for none.
func ordered(f faults.Fault, c *desk.Call, where place) *problem {
	switch f.Name { //nolint:exhaustive // the others are no errors
	case faults.TooMany:
		b := &problem{code: "429", status: http.StatusTooManyRequests}
		if f.Value != "" {
			b.header = http.Header{"Retry-After": {f.Value}}
		}
		return b
	case faults.Internal:
		return &problem{code: "500", status: http.StatusInternalServerError}
	case faults.Gateway:
		return page(http.StatusBadGateway)
	case faults.WebWAF:
		return page(http.StatusForbidden)
	case faults.DeadKey:
		return deadSession(where)
	case faults.Echo:
		return &problem{code: "400", status: http.StatusBadRequest, body: []byte("bad request: " + c.R.Header.Get("Cookie"))}
	case faults.Redirect:
		return desk.Redirected(c, func(to string) *problem {
			return &problem{code: "307", status: http.StatusTemporaryRedirect, header: http.Header{"Location": {to}}}
		})
	case faults.WebBlock:
		return tooOften(where)
	case faults.WebRisk:
		return riskControl(where)
	case faults.WebStrange:
		return frameError(where, 710099999, "strange", "nobody knows")
	case faults.WebJSON:
		return deadSession(plain)
	}
	return spoken(f, c, where)
}

// spoken are the problems that the upstream tells in words: in a whole stream where
// media is asked for, in an error frame where a chat is.
func spoken(f faults.Fault, c *desk.Call, where place) *problem {
	var text string
	switch f.Name { //nolint:exhaustive // the others are no errors
	case faults.Quota:
		text = "Sorry, your quota is used up today."
	case faults.Overdue:
		text = "tourist conversation reach limited"
	case faults.Reject:
		text = "I cannot generate what you ask for."
		if c.Entry.Kind == ledger.Chat {
			text = "The text does not comply with the rules."
		}
	default:
		return nil
	}
	if c.Entry.Kind == ledger.Chat || where == plain {
		return frameError(where, 710029999, text, text) // the code is made up
	}
	t := &talk{place: where, conversation: newID(), local: "none", message: newID(), reply: newID()}
	return streamed(string(f.Name), append(append([]frame{t.ack()}, t.say(text)), t.close(text)...)...)
}

func page(status int) *problem {
	a := faults.Page(status)
	return &problem{code: strconv.Itoa(status), status: status, header: a.Header, body: a.Body}
}

// jsonAnswer is a 200 with v.
func jsonAnswer(v any) (faults.Answer, *problem) {
	body, err := json.Marshal(v)
	if err != nil {
		return faults.Answer{}, &problem{code: "500", status: http.StatusInternalServerError}
	}
	return faults.Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Body: body}, nil
}

// decode reads the body of a request. Unknown fields are let through, as there.
func decode(data []byte, into any) *problem {
	if json.Unmarshal(data, into) != nil {
		return invalid("the body is no JSON of that shape")
	}
	return nil
}

// newID is 18 random digits, as the service's ids have.
func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	const first, span = 100_000_000_000_000_000, 800_000_000_000_000_000
	return fmt.Sprint(first + binary.BigEndian.Uint64(b[:])%span)
}
