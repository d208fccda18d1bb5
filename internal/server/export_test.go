package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/blob/fileblob"
	"github.com/tintypehq/tintype/internal/fetch"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/probe"
	"github.com/tintypehq/tintype/internal/upstream"
)

// Tell gives a whole log in both dialects.
func Tell(j *job.Job, log []job.Event) (chunks, events []byte) {
	for i, speak := range []dialect{&chunkDialect{}, &eventDialect{}} {
		var b bytes.Buffer
		st := &stream{Server: nil, speak: speak, log: log, job: j}
		st.catchUp(&b)
		if i == 0 {
			chunks = b.Bytes()
		} else {
			events = b.Bytes()
		}
	}
	return chunks, events
}

// Routes gives the method and the path of every route.
func Routes(s *Server) (out [][2]string) {
	for _, r := range s.echo.Routes() {
		out = append(out, [2]string{r.Method, r.Path})
	}
	return out
}

// Decode reads the body of a request for an image.
func Decode(models *upstream.Registry, body []byte) (job.Spec, error) {
	s := &Server{cfg: Config{Models: models}.withDefaults()}
	f, err := decodeObject(body)
	if err != nil {
		return job.Spec{}, err
	}
	if _, err := readStyle(job.Image, f); err != nil {
		return job.Spec{}, err
	}
	r, err := s.readMediaRequest(job.Image, f)
	return r.spec, err
}

// Fields takes a body apart; nil if it is no object that is taken.
func Fields(body []byte) map[string]json.RawMessage {
	f, _ := decodeObject(body)
	return f
}

// Look reads an input image that is not fetched.
func Look(ctx context.Context, image string) (contentType string, err error) {
	s := &Server{cfg: Config{}.withDefaults(), bodies: &bodyBudget{}}
	pic, err := s.readImage(ctx, "", &upstream.Model{}, image, "image")
	return pic.facts.ContentType, err
}

// CheckMessages checks the messages of a chat without images to be looked up.
func CheckMessages(ctx context.Context, messages []byte) error {
	s := &Server{cfg: Config{Inputs: fetch.New(fetch.Config{})}.withDefaults()}
	return s.checkMessages(ctx, &upstream.Model{}, fields{"messages": messages})
}

// Span reads a Range header.
func Span(h http.Header, size int64) (first, length int64, err error) {
	span, err := rangeOf(h, "", "", size)
	return span.first, span.length, err
}

// Elements takes an array or an object apart.
func Elements(text string) (out []string) {
	for one := range elements([]byte(text)) {
		out = append(out, string(one))
	}
	return out
}

// Member gives a member of an object.
func Member(text, name string) string { return string(member([]byte(text), name)) }

// Preference reads a Prefer header, and gives what is confirmed of it.
func Preference(header string) (async bool, wait time.Duration, applied string, err error) {
	p, err := readPreference(http.Header{"Prefer": {header}}, 300*time.Second)
	return p.async, p.wait, p.applied(), err
}

// IdempotencyKey reads an Idempotency-Key header.
func IdempotencyKey(header string) (string, error) {
	return idempotencyKey([]string{header})
}

// CancelAfter reads a Cancel-After header.
func CancelAfter(header string) (time.Duration, error) {
	return readCancelAfter(http.Header{headerCancelAfter: {header}})
}

// Cursor reads where a log is followed from.
func Cursor(lastEventID, after string) (int64, error) {
	r := &http.Request{Header: http.Header{}, URL: &url.URL{RawQuery: "after=" + after}}
	r.Header.Set("Last-Event-ID", lastEventID)
	at, err := readCursor(echo.New().NewContext(r, nil))
	return at.after, err
}

// Bearer reads an Authorization header.
func Bearer(header string) (string, error) { return bearer([]string{header}) }

// BodyDigest is what a body is known again by.
func BodyDigest(body map[string]json.RawMessage) string {
	s := &Server{cfg: Config{}.withDefaults()}
	c := echo.New().NewContext(&http.Request{URL: &url.URL{}}, nil)
	return s.repeatOf(c, caller{}, again{}, body).Digest
}

// FreshFor tells whether an If-None-Match header names a tag.
var FreshFor = matchesETag

// Goodbye is what remains for handing over of what is left of a grace.
var Goodbye = goodbye

// SplitChunk takes a chunk apart that is too long for a line.
func SplitChunk(chunk string) (out []string) {
	for _, one := range splitChunk([]byte(chunk)) {
		out = append(out, string(one))
	}
	return out
}

// Canonical gives what all spellings of a JSON value share, if there are left
// bytes for taking values apart.
func Canonical(text string, left int) string { return string(canonical([]byte(text), &left)) }

// FileLives tells whether a file that was stored for keep is found some time later.
func FileLives(ctx context.Context, dir string, content []byte, keep, later time.Duration) bool {
	store, err := fileblob.Open(fileblob.Config{Dir: dir})
	if err != nil {
		return false
	}
	defer func() { _ = store.Close() }()
	s := &Server{cfg: Config{Blobs: store}.withDefaults()}
	f := newStoredFile("me", upload{bytes: content}, probe.Facts{Ext: ".png", ContentType: "image/png"}, time.Now(), keep)
	if s.putFile(ctx, f, content) != nil {
		return false
	}
	time.Sleep(later) // of a synctest's clock
	_, err = s.findFile(ctx, "me", f.ID, "")
	return err == nil
}

// Form reads a form into the fields of a request.
func Form(body []byte, boundary string) (map[string]json.RawMessage, error) {
	s := &Server{cfg: Config{}.withDefaults()}
	form, held := formFields{}, &share{of: &bodyBudget{most: s.cfg.Limits.BodyBudget}}
	err := eachPart(body, boundary, func(p part) error {
		value, err := s.fieldValue(held, p)
		if err != nil {
			return err
		}
		return form.add(p.name, value)
	})
	return form.fields(), err
}

// StatusOf gives the status that a code is sent with.
var StatusOf = statusOf

// ForgetBucket has the next call of /readyz look at the bucket anew.
func ForgetBucket(s *Server) {
	s.bucket.mu.Lock()
	defer s.bucket.mu.Unlock()
	s.bucket.at = time.Time{}
}
