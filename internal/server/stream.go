package server

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// cursor is where in a job's log a stream goes on: after an event.
type cursor struct {
	after   int64 // zero: from the beginning
	resumed bool  // the caller named a place
}

// readCursor reads Last-Event-ID, else ?after. A browser that reconnects sends
// the header beside the query that it began with, so the header is newer.
func readCursor(c echo.Context) (cursor, error) {
	if id := c.Request().Header.Get("Last-Event-ID"); id != "" {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil || n < 0 || n > maxSeq {
			return cursor{}, fault.New(fault.Invalid, "Last-Event-ID: must be the number of an event, as its \"id:\" line said it.").WithParam("Last-Event-ID")
		}
		return cursor{n, true}, nil
	}
	n, err := queryNumber(c, "after", 0, maxSeq)
	return cursor{n, c.QueryParam("after") != ""}, err
}

// dialect is how a job's log is told. Both write into a buffer, complete events
// with their empty line.
type dialect interface {
	// begin is what a stream starts with.
	begin(b *bytes.Buffer)

	// event tells log[i]; then is the job right after it.
	event(b *bytes.Buffer, then *job.Job, log []job.Event, i int)

	// gap tells a job as it is, in place of entries that are gone.
	gap(b *bytes.Buffer, j *job.Job, log []job.Event)

	// beat is a sign of life.
	beat(ctx context.Context, b *bytes.Buffer, j *job.Job)
}

// stream is one caller that follows one job.
type stream struct {
	*Server
	c     echo.Context
	speak dialect
	at    int64       // the last event that was told
	log   []job.Event // as far as it was read; its beginning may be gone
	job   *job.Job    // at least as new as log
}

// follow tells a job's log from a cursor on, until the job is final, the caller
// goes or the server stops. A caller that may come back to a log at its end
// (again) is told so by 204.
func (s *Server) follow(c echo.Context, j *job.Job, from cursor, speak dialect, again bool) error {
	news := s.cfg.News.Listen(j.ID)
	defer news.Stop()
	st := &stream{Server: s, c: c, speak: speak, at: from.after, job: j}
	// A call that has just made its job, and a finished job, can be answered
	// without the log; the rest follows when the store is back.
	err := st.read(0)
	if err != nil && again && !j.State.Final() {
		return err
	}
	if err == nil {
		news.Saw(st.newest())
	}
	if from.resumed {
		s.metrics.resumes.Inc()
	}
	if again && st.job.State.Final() && st.at >= st.job.Version {
		return c.NoContent(http.StatusNoContent)
	}
	startStream(c.Response())
	var first bytes.Buffer
	st.speak.begin(&first)
	st.catchUp(&first)
	if err := s.send(c, first.Bytes()); err != nil {
		return err
	}
	return st.live(news, err == nil)
}

// startStream sends the head of an answer in server-sent events.
func startStream(w *echo.Response) {
	h := w.Header()
	h.Set(echo.HeaderContentType, "text/event-stream; charset=utf-8")
	unbuffered(h)
	w.WriteHeader(http.StatusOK)
}

// read brings log and job up to date. The log is read first, so that the job
// is never older.
func (st *stream) read(after int64) error {
	ctx := st.c.Request().Context()
	fresh, err := st.cfg.Store.Events(ctx, st.job.ID, after)
	if err != nil || len(fresh) == 0 {
		return err
	}
	j, err := st.cfg.Store.Get(ctx, st.job.ID)
	if err != nil {
		return err
	}
	st.job = j
	st.log = append(st.log, fresh...)
	return nil
}

// hear takes up the end of the job if news of it have brought it. Else it must be
// read.
func (st *stream) hear(news *redisstore.Listener) bool {
	end := news.Ended()
	if end == nil || end.Job.Version <= st.newest() {
		return false
	}
	for _, e := range end.Log {
		if e.Seq > st.newest() {
			st.log = append(st.log, e)
		}
	}
	st.job = end.Job
	return true
}

// newest is the number of the newest event that was read.
func (st *stream) newest() int64 {
	if len(st.log) == 0 {
		return 0
	}
	return st.log[len(st.log)-1].Seq
}

// whole tells whether the log was read from its first event on.
func (st *stream) whole() bool { return len(st.log) > 0 && st.log[0].Seq == 1 }

// catchUp tells what the caller has not heard yet.
func (st *stream) catchUp(b *bytes.Buffer) {
	lost := len(st.log) == 0 || st.log[0].Seq > st.at+1 // the log no longer reaches back that far
	if lost || st.at > st.newest() {
		st.speak.gap(b, st.job, st.log)
		st.at = max(st.newest(), st.job.Version)
		return
	}
	for i, e := range st.log {
		if e.Seq <= st.at {
			continue
		}
		then := st.job
		if st.whole() {
			then = st.job.At(st.log[:i+1])
		}
		st.speak.event(b, then, st.log, i)
		st.at = e.Seq
	}
}

// ended tells whether the log has come to a final event.
func (st *stream) ended() bool {
	if len(st.log) == 0 {
		return st.job.State.Final()
	}
	return st.log[len(st.log)-1].State.Final()
}

// live follows the log from its end on. A log that could not be read is tried again
// after a while; news of it may come no more.
func (st *stream) live(news *redisstore.Listener, isRead bool) error {
	if st.ended() {
		return nil
	}
	ctx := st.c.Request().Context()
	beat := time.Now().Add(st.cfg.Wait.Beat)
	for !st.ended() {
		var b bytes.Buffer
		wake := beat
		if !isRead {
			wake = earliest(beat, time.Now().Add(st.cfg.Wait.Recheck))
		}
		why := st.sleep(ctx, news.Changed(), wake)
		switch why {
		case changed, due:
		case handover:
			return nil // between two events: the caller goes on elsewhere
		case gone:
			return context.Cause(ctx)
		}
		known := len(st.log)
		if why == changed || !isRead { // a sign of life needs no look: News has its own
			var err error
			if !st.hear(news) {
				err = st.read(st.newest())
			}
			if fault.Is(err, fault.NotFound) {
				return err
			} // any other error: the store is away for a moment, the job is not
			if isRead = err == nil; isRead {
				news.Saw(st.newest())
			}
		}
		if len(st.log) > known {
			st.catchUp(&b)
		}
		if b.Len() == 0 && !time.Now().Before(beat) {
			st.speak.beat(ctx, &b, st.job)
		}
		if b.Len() == 0 {
			continue
		}
		beat = time.Now().Add(st.cfg.Wait.Beat)
		if err := st.send(st.c, b.Bytes()); err != nil {
			return err
		}
	}
	st.delivered(st.c.Request().Context(), st.job)
	return nil
}
