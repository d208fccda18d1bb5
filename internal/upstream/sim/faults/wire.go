package faults

import (
	"context"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
)

// page is what a proxy or a captive portal puts in place of an answer.
const page = "<!DOCTYPE html>\n<html><head><title>Please wait</title></head><body><h1>We will be right back.</h1></body></html>\n"

// Answer is an HTTP answer that is ready to be sent, or to be spoilt.
type Answer struct {
	Status int
	Header http.Header // may be nil
	Body   []byte
}

// Send writes the answer as it is and reports whether the connection took it.
func (a Answer) Send(w http.ResponseWriter) bool {
	maps.Copy(w.Header(), a.Header)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.Body)))
	w.WriteHeader(a.Status)
	_, err := w.Write(a.Body)
	return err == nil
}

// Wait delays the request if the set says so. Its error is that of ctx.
func (s Set) Wait(ctx context.Context, c clock.Clock) error {
	f, ok := s.Get(Slow)
	if !ok {
		return nil
	}
	return clock.Sleep(ctx, c, f.Duration(2*time.Second))
}

// Spoil sends what the set makes of the answer to a request that has been
// carried out, and reports whether the whole answer was sent. It does not
// return if the connection is to be closed.
func (s Set) Spoil(ctx context.Context, w http.ResponseWriter, c clock.Clock, a Answer) (whole bool) {
	for _, f := range s {
		switch f.Name { //nolint:exhaustive // the others do not touch the answer
		case Drop:
			panic(http.ErrAbortHandler)
		case Hang:
			_ = clock.Sleep(ctx, c, f.Duration(10*time.Minute)) // however it ends, no answer follows
			panic(http.ErrAbortHandler)
		case Truncate:
			a.cutShort(w)
		case Empty:
			return Answer{Status: http.StatusOK, Header: a.Header}.Send(w) && false
		case HTML:
			Page(http.StatusOK).Send(w)
			return false
		}
	}
	return a.Send(w)
}

// cutShort sends half of the body under the length of the whole.
func (a Answer) cutShort(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.Header)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.Body)))
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body[:len(a.Body)/2]) // it is broken off in any case
	Flush(w)
	panic(http.ErrAbortHandler)
}

// Page is an HTML page where none belongs.
func Page(status int) Answer {
	return Answer{Status: status, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, Body: []byte(page)}
}

// Flush sends what has been written so far.
func Flush(w http.ResponseWriter) {
	_ = http.NewResponseController(w).Flush() // a writer that cannot flush will send it later
}
