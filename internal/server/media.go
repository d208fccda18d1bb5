package server

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

// getMedia serves GET and HEAD /v1/media/{capability}/{name}: the links in all
// answers. Whoever knows the link may read the file; a credential that comes
// along is not looked at.
func (s *Server) getMedia(c echo.Context) error {
	j, m, err := s.findMedia(c.Request().Context(), c.Param("capability"), c.Param("name"))
	if err != nil {
		return err
	}
	c.Response().Header().Set(headerJobID, string(j.ID))
	return s.deliver(c, j, m)
}

// deliver gives a file in the configured way.
func (s *Server) deliver(c echo.Context, j *job.Job, m *job.Media) error {
	if s.cfg.Delivery.Mode == Redirect && c.Request().Method == http.MethodGet {
		return s.redirect(c, m)
	}
	return s.proxy(c, j, m)
}

// errGone is for files whose job was there: only who has the link, or the job's
// own credential, is told.
func errGone() error {
	return fault.New(fault.Gone, "The file has expired or was deleted. It cannot be had any more; have it made anew.")
}

// findMedia takes a link apart: the job's id, its secret, the file's name.
func (s *Server) findMedia(ctx context.Context, capability, name string) (*job.Job, *job.Media, error) {
	const idLen = 26
	none := fault.New(fault.NotFound, "There is no such file. The link may be cut off, or the file has expired.")
	if len(capability) <= idLen {
		return nil, nil, none
	}
	id, ok := job.ParseID(capability[:idLen])
	if !ok {
		return nil, nil, none
	}
	j, err := s.load(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, nil, none
	case err != nil:
		return nil, nil, err
	case subtle.ConstantTimeCompare([]byte(j.Secret), []byte(capability[idLen:])) != 1:
		return nil, nil, none
	case j.Removed:
		return nil, nil, errGone()
	}
	for i := range j.Media {
		if j.Media[i].Name == name {
			return j, &j.Media[i], nil
		}
	}
	return nil, nil, none
}

// redirect sends the caller to the store itself.
func (s *Server) redirect(c echo.Context, m *job.Media) error {
	link, err := s.cfg.Delivery.Presigner.Presign(c.Request().Context(), m.Key, m.Name, s.cfg.Delivery.TTL)
	if err != nil {
		return errMediaStore(err)
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store") // the presign ends sooner than any cache
	return c.Redirect(http.StatusFound, link)
}

// proxy streams a file from the store.
func (s *Server) proxy(c echo.Context, j *job.Job, m *job.Media) error {
	r, h := c.Request(), c.Response().Header()
	tag := `"` + m.SHA256 + `"`
	mediaHeaders(h, m, tag)
	if !j.FinishedAt.IsZero() {
		h.Set(echo.HeaderLastModified, j.FinishedAt.UTC().Format(http.TimeFormat))
	}
	if matchesETag(r.Header.Get("If-None-Match"), tag) {
		return c.NoContent(http.StatusNotModified)
	}
	span, err := rangeOf(r.Header, tag, h.Get(echo.HeaderLastModified), m.SizeBytes)
	if err != nil {
		clearEntity(h)
		h.Set("Content-Range", "bytes */"+strconv.FormatInt(m.SizeBytes, 10))
		s.writeJSON(c, http.StatusRequestedRangeNotSatisfiable, errorBody(toFault(err), ""))
		return nil
	}
	status := http.StatusOK
	if span.partial {
		status = http.StatusPartialContent
		h.Set("Content-Range", span.contentRange(m.SizeBytes))
	}
	h.Set(echo.HeaderContentLength, strconv.FormatInt(span.length, 10))
	if r.Method == http.MethodHead {
		if _, err := s.cfg.Blobs.Stat(r.Context(), m.Key); err != nil {
			return fileFault(err)
		}
		return c.NoContent(status)
	}
	return s.copyMedia(c, status, m, span)
}

// copyMedia sends the bytes. An error after the head cuts the connection, so
// that nobody takes a part for the whole.
func (s *Server) copyMedia(c echo.Context, status int, m *job.Media, span byteSpan) error {
	from, err := s.cfg.Blobs.Open(c.Request().Context(), m.Key, span.first, span.length)
	if err != nil {
		return fileFault(err)
	}
	defer func() { _ = from.Close() }() // read only: its error says nothing about the bytes
	w := c.Response()
	w.WriteHeader(status)
	to := &unhurried{w.Writer, http.NewResponseController(w.Writer), s.cfg.Limits.WriteStall, false}
	n, err := to.copy(c.Request().Context(), from, span.length)
	w.Size += n // it went past echo's own counting
	s.metrics.sent.Add(float64(n))
	switch {
	case to.failed:
		return goneBecause(err)
	case err == nil && n != span.length:
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", errCut, m.Key, err)
	}
	return nil
}

// fileFault says why a file that the record knows cannot be had.
func fileFault(err error) error {
	if errors.Is(err, blob.ErrNotFound) {
		return fault.Wrap(fault.Gone, "The file is no longer stored. It cannot be had any more; have it made anew.", err)
	}
	return errMediaStore(err)
}

// filePiece is how much of a file the kernel is asked to copy at once, in bytes.
const filePiece = 4 << 20

// unhurried writes to a caller that may take its time but must go on reading.
type unhurried struct {
	w      io.Writer
	ctl    *http.ResponseController
	stall  time.Duration
	failed bool // it did not go on, or went away
}

func (u *unhurried) Write(b []byte) (int, error) {
	_ = u.ctl.SetWriteDeadline(time.Now().Add(u.stall)) // not every test's writer can
	n, err := u.w.Write(b)
	u.failed = u.failed || err != nil
	return n, err
}

// copy writes the first bytes of an object that is open.
func (u *unhurried) copy(ctx context.Context, from *blob.Reader, length int64) (n int64, err error) {
	if from.File == nil {
		return io.Copy(u, io.LimitReader(from, length))
	}
	first, err := from.File.Seek(0, io.SeekCurrent)
	for n < length && err == nil {
		var sent int64
		if sent, err = u.piece(ctx, from.File, min(filePiece, length-n)); err == nil {
			n += sent
			continue
		}
		// It was too much for the time, or the caller reads no more.
		if n += sent; sent > 0 && errors.Is(err, os.ErrDeadlineExceeded) {
			_, err = from.File.Seek(first+n, io.SeekStart)
		}
	}
	u.failed = err != nil && (ctx.Err() != nil || isOfConnection(err))
	return n, err
}

// isOfConnection tells an error of the caller's connection from one of the file, where
// one call does both.
func isOfConnection(err error) bool {
	for _, e := range []error{os.ErrDeadlineExceeded, net.ErrClosed, syscall.EPIPE, syscall.ECONNRESET, syscall.ETIMEDOUT} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// piece has the kernel copy a piece of a file, where it can.
func (u *unhurried) piece(ctx context.Context, from *os.File, length int64) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	_ = u.ctl.SetWriteDeadline(time.Now().Add(u.stall)) // not every test's writer can
	return io.CopyN(u.w, from, length)
}

func mediaHeaders(h http.Header, m *job.Media, tag string) {
	h.Set(echo.HeaderContentType, m.ContentType)
	h.Set("ETag", tag)
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Disposition", mime.FormatMediaType("inline", map[string]string{"filename": m.Name}))
	h.Set(echo.HeaderCacheControl, "private, max-age=31536000, immutable")
	// What a caller made someone else's browser open must not run here.
	h.Set(echo.HeaderContentSecurityPolicy, "default-src 'none'; media-src 'self'; img-src 'self'; style-src 'unsafe-inline'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
}

// matchesETag reads If-None-Match.
func matchesETag(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimSpace(one)
		if one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}
