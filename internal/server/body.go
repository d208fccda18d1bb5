package server

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
)

// firstBuffer is how much is set aside for a body before a byte of it came,
// whatever its Content-Length promises.
const firstBuffer = 64 << 10

// leastPace is how many bytes a second a body must bring on the whole: a caller
// that sends a byte now and then would hold memory for days.
const leastPace = 16 << 10

// errNoRoom is why a body is not read on.
var errNoRoom = errors.New("server: too many bytes of bodies are held")

// bodyBudget counts the memory that this process has set aside for the bodies of
// all requests. Safe for concurrent use.
type bodyBudget struct {
	held atomic.Int64
	most int64
}

// share is what one request holds of the budget.
type share struct {
	of   *bodyBudget
	held int64
}

// take counts n more bytes, if there is room.
func (h *share) take(n int64) bool {
	if h.of.held.Add(n) > h.of.most {
		h.of.held.Add(-n)
		return false
	}
	h.held += n
	return true
}

// free gives back all that was taken.
func (h *share) free() {
	h.of.held.Add(-h.held)
	h.held = 0
}

// readBody reads the whole body, within the limits of size, of pace and of
// what all requests may hold together. The body counts until free is called,
// which is never nil.
func (s *Server) readBody(c echo.Context) (body []byte, free func(), err error) {
	r := c.Request()
	held := &share{of: s.bodies}
	most := s.cfg.Limits.BodyBytes
	if r.ContentLength > most {
		return nil, held.free, errBodyTooLarge(most)
	}
	ctl := http.NewResponseController(c.Response())
	from := &paced{body: r.Body, ctl: ctl, stall: s.cfg.Limits.ReadStall, began: time.Now()}
	body, err = held.read(io.LimitReader(from, most+1), r.ContentLength)
	if err == nil {
		_ = ctl.SetReadDeadline(time.Time{}) // else the watch for a caller that goes away would end with it
	}
	switch {
	case errors.Is(err, errNoRoom):
		return nil, held.free, fault.Wrap(fault.QueueFull, "Too many large requests are being read at the moment. Try again in a moment.", err).WithRetryAfter(time.Second)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, held.free, fault.Wrap(fault.Invalid, "The request body stopped coming, or came too slowly. Send it again over a steadier connection.", err)
	case err != nil:
		return nil, held.free, fault.Wrap(fault.Invalid, "The request body broke off before its end.", err)
	case int64(len(body)) > most:
		return nil, held.free, errBodyTooLarge(most)
	}
	return body, held.free, nil
}

// read reads to the end. length is how far that is, less than zero if nobody
// knows. The memory for it is taken from the budget as it grows: by doubling, so
// that a promise that is not kept costs little more than the bytes that came.
func (h *share) read(from io.Reader, length int64) ([]byte, error) {
	if length < 0 {
		length = math.MaxInt64 - 1
	}
	var body []byte
	for {
		if had := int64(cap(body)); had == int64(len(body)) {
			more := min(max(2*had, firstBuffer), length+1) - had // one more, for the end to be seen
			if more = max(more, bytes.MinRead); !h.take(more) {
				return nil, errNoRoom
			}
			body = append(make([]byte, 0, had+more), body...)
		}
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if errors.Is(err, io.EOF) {
			return body, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func errBodyTooLarge(most int64) error {
	return fault.Newf(fault.TooLarge, "The request body is over the limit of %s. Send a large image as a URL, or smaller.", humanBytes(most))
}

// paced reads a body whose sender may not pause for longer than stall, nor be
// slower than leastPace for longer than that.
type paced struct {
	body  io.Reader
	ctl   *http.ResponseController
	stall time.Duration
	began time.Time
	got   int64
}

func (p *paced) Read(b []byte) (int, error) {
	whole := p.began.Add(p.stall + time.Duration(p.got)*time.Second/leastPace)
	_ = p.ctl.SetReadDeadline(earliest(whole, time.Now().Add(p.stall))) // not every test's writer can
	n, err := p.body.Read(b)
	p.got += int64(n)
	return n, err
}
