package media

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
)

// ServeHTTP answers a link: GET and HEAD, with ranges. It needs no credential.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		fail(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed.").Send(w)
		return
	}
	path := r.URL.EscapedPath()
	signature, why := s.check(path, r.URL.RawQuery, s.cfg.Clock.Now())
	if why != none {
		deny(why).Send(w)
		return
	}
	it := s.find(strings.TrimPrefix(path, Prefix))
	if it == nil {
		fail(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.").Send(w)
		return
	}
	s.cfg.Book.MediaRead(it.Seq)
	if n := it.countRead(signature); s.cfg.MaxReads > 0 && n > int64(s.cfg.MaxReads) {
		deny(exhausted).Send(w)
		return
	}
	s.serve(w, r, it)
}

// Serve answers a request for an item that needs no link: its protocol has seen
// to who asks.
func (s *Store) Serve(w http.ResponseWriter, r *http.Request, it *Item) {
	s.cfg.Book.MediaRead(it.Seq)
	s.serve(w, r, it)
}

// serve sends an item, or what the faults make of it.
func (s *Store) serve(w http.ResponseWriter, r *http.Request, it *Item) {
	set := s.cfg.Faults.Pick(faults.Media, it.Path, it.Prompt, it.Faults)
	if set.Wait(r.Context(), s.cfg.Clock) != nil {
		return
	}
	if a, ok := refuse(r, set); ok {
		a.Send(w)
		return
	}
	s.send(w, r, it, set)
}

// refuse is the answer of the faults that are about the request.
func refuse(r *http.Request, set faults.Set) (faults.Answer, bool) {
	for _, f := range set {
		switch f.Name { //nolint:exhaustive // the others are about the body
		case faults.TooMany:
			a := fail(http.StatusTooManyRequests, "ExceedQPSLimit", "Please reduce your request rate.")
			if f.Value != "" {
				a.Header.Set("Retry-After", f.Value)
			}
			return a, true
		case faults.Quota:
			return fail(http.StatusTooManyRequests, "ExceedBandwidthLimit", "Please reduce your bandwidth."), true
		case faults.Internal:
			return fail(http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again."), true
		case faults.Gateway:
			return faults.Page(http.StatusBadGateway), true
		case faults.Overdue, faults.DeadKey:
			return deny("Access denied."), true
		case faults.Redirect:
			a := fail(http.StatusTemporaryRedirect, "Redirect", "Please ask again.")
			a.Header.Set("Location", r.URL.RequestURI())
			return a, true
		}
	}
	return faults.Answer{}, false
}

// send sends the media, or what the faults make of it.
func (s *Store) send(w http.ResponseWriter, r *http.Request, it *Item, set faults.Set) {
	b, err := s.body(it)
	if err != nil {
		fail(http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again.").Send(w)
		return
	}
	w.Header().Set("Content-Type", it.ContentType)
	w.Header().Set("ETag", etag(it))
	w.Header().Set("X-Tos-Request-Id", etag(it)[1:17])
	for _, f := range set {
		switch f.Name { //nolint:exhaustive // the others have been dealt with
		case faults.Drop:
			panic(http.ErrAbortHandler)
		case faults.Hang:
			_ = clock.Sleep(r.Context(), s.cfg.Clock, f.Duration(10*time.Minute)) // however it ends, no answer follows
			panic(http.ErrAbortHandler)
		case faults.HTML:
			faults.Page(http.StatusOK).Send(w)
			return
		case faults.Empty:
			w.WriteHeader(http.StatusOK)
			return
		case faults.NoLength:
			s.sendChunked(w, b)
			return
		case faults.Truncate:
			w = &cutter{ResponseWriter: w, then: func() {}}
		case faults.Stall:
			w = &cutter{ResponseWriter: w, then: func() {
				_ = clock.Sleep(r.Context(), s.cfg.Clock, 10*time.Minute) // however it ends, nothing follows
			}}
		}
	}
	http.ServeContent(w, r, "", time.Time{}, b)
}

func (s *Store) body(it *Item) (*body, error) {
	data, err := s.Bytes(it)
	if err != nil {
		return nil, err
	}
	if it.SizeBytes == 0 {
		return plain(data), nil
	}
	return padTo(it.ContentType, data, it.SizeBytes)
}

// sendChunked hides the length and knows no ranges.
func (s *Store) sendChunked(w http.ResponseWriter, b *body) {
	w.WriteHeader(http.StatusOK)
	faults.Flush(w)
	_, _ = io.Copy(w, b) // the reader may go whenever it likes
}

// cutter sends half of an answer and breaks the connection. Half is measured
// by the length that was announced.
type cutter struct {
	http.ResponseWriter
	then func()
	left int64
}

// WriteHeader notes how much was announced.
func (c *cutter) WriteHeader(status int) {
	n, err := strconv.ParseInt(c.Header().Get("Content-Length"), 10, 64)
	if err == nil {
		c.left = n / 2
	}
	c.ResponseWriter.WriteHeader(status)
}

// Write sends no more than half.
func (c *cutter) Write(p []byte) (int, error) {
	if int64(len(p)) < c.left {
		n, err := c.ResponseWriter.Write(p)
		c.left -= int64(n)
		return n, err
	}
	_, _ = c.ResponseWriter.Write(p[:c.left]) // it is broken off in any case
	faults.Flush(c.ResponseWriter)
	c.then()
	panic(http.ErrAbortHandler)
}

func etag(it *Item) string {
	sum := sha256.Sum256([]byte(it.Path + strconv.FormatInt(it.SizeBytes, 10)))
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

func deny(why refusal) faults.Answer {
	return fail(http.StatusForbidden, "AccessDenied", string(why))
}

// fail is an error in the form of object stores.
func fail(status int, code, message string) faults.Answer {
	type body struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}
	text, err := xml.Marshal(body{Code: code, Message: message})
	if err != nil {
		text = nil // two strings can always be marshaled
	}
	return faults.Answer{
		Status: status, Header: http.Header{"Content-Type": {"application/xml"}},
		Body: append([]byte(xml.Header), text...),
	}
}
