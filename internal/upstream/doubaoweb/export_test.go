package doubaoweb

import (
	"fmt"
	"io"
	"time"

	"github.com/tintypehq/tintype/internal/job"
)

// SetNow replaces the clock of a driver that nobody uses yet.
func (d *Driver) SetNow(now func() time.Time) { d.now = now }

// Heard is what a stream has told of a job.
type Heard struct {
	Conversation string
	Sources      []job.Source
	Text         string
	Finished     bool
	Failure      string // its class
}

// Hear reads a stream as a submission does.
func Hear(p *Profile, dialect Dialect, k job.Kind, r io.Reader) (Heard, error) {
	var got reply
	err := got.read(p, &decoder{p: p, dialect: dialect}, k, r)
	out := Heard{Conversation: got.conversation, Sources: got.made.sources(), Text: got.text.String(), Finished: got.finished}
	if got.failure != nil {
		out.Failure = string(got.failure.Class)
	}
	return out, err
}

// Look reads a conversation as a status call does, and gives its media and refusal.
func Look(p *Profile, k job.Kind, conversation, message, answer string) string {
	r := ref{Kind: k, Conversation: conversation, Message: message, Local: "local-1"}
	var v view
	for _, list := range p.Results.History.Messages.all(parseJSON([]byte(answer))) {
		messages, _ := list.([]any)
		for _, m := range messages {
			p.look(&v, r, m)
		}
	}
	return fmt.Sprint(v.made.sources(), v.made.whole(), v.made.reason != "", v.refusal != "")
}

// ReadRef reads an upstream id and writes it again.
func ReadRef(s string) (string, bool) {
	r, ok := parseRef(s)
	return r.String(), ok
}
