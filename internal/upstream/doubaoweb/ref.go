package doubaoweb

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
)

// ref is what Status has to know of an accepted job. Its text is the job's upstream
// id: opaque, and without a secret. Short names, since it is kept with every job.
type ref struct {
	Kind         job.Kind       `json:"k"`
	Mode         Result         `json:"m"`
	Conversation string         `json:"c,omitempty"`
	Message      string         `json:"q,omitempty"` // our message's id
	Local        string         `json:"l,omitempty"` // our message's id that we gave it
	Replies      []string       `json:"r,omitempty"` // ids of the answer's messages
	Task         string         `json:"t,omitempty"` // Async
	Class        upstream.Class `json:"e,omitempty"` // of an error that came behind the acceptance
	At           int64          `json:"a"`           // seconds, when it was accepted
	Body         []byte         `json:"b,omitempty"` // Canvas: the start's body, packed and sealed
}

// refPrefix tells the version.
const refPrefix = "dw1."

func (r ref) String() string {
	b, err := json.Marshal(r)
	if err != nil {
		return "" // never: it holds nothing that cannot be marshaled
	}
	return refPrefix + base64.RawURLEncoding.EncodeToString(b)
}

// parseRef reads an upstream id; false if it is none of ours.
func parseRef(s string) (r ref, ok bool) {
	text, ok := strings.CutPrefix(s, refPrefix)
	if !ok {
		return ref{}, false
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(b, &r) != nil {
		return ref{}, false
	}
	return r, r.Kind == job.Image || r.Kind == job.Video
}

func (r ref) age(now time.Time) time.Duration { return now.Sub(time.Unix(r.At, 0)) }

// mine tells whether one of these ids is of the job's messages.
func (r ref) mine(id string) bool {
	return id != "" && id != "0" && (id == r.Message || id == r.Local || slices.Contains(r.Replies, id))
}
