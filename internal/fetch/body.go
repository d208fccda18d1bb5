package fetch

import (
	"context"
	"errors"
	"io"
	"time"
)

var (
	errStalled = errors.New("no byte came for too long")
	errTimeUp  = errors.New("the whole took too long")
)

// watcher bounds one fetch in time, from the first connection to the end of
// the body.
type watcher struct {
	callerErr func() error // why the caller no longer waits, or nil
	cause     func() error // why the fetch was cut, or nil
	cancel    context.CancelCauseFunc
	whole     *time.Timer
	idle      *time.Timer // runs only while a Read waits
	idleLimit time.Duration
}

// watch starts the clock. stop must be called when the fetch is over.
func watch(caller context.Context, cfg Config) (context.Context, *watcher) {
	ctx, cancel := context.WithCancelCause(caller)
	w := &watcher{
		callerErr: func() error {
			if caller.Err() == nil {
				return nil
			}
			return context.Cause(caller)
		},
		cause:     func() error { return context.Cause(ctx) },
		cancel:    cancel,
		idleLimit: cfg.IdleReadTimeout,
	}
	if cfg.Timeout > 0 {
		w.whole = time.AfterFunc(cfg.Timeout, func() { cancel(errTimeUp) })
	}
	w.idle = time.AfterFunc(time.Hour, func() { cancel(errStalled) })
	w.idle.Stop()
	return ctx, w
}

func (w *watcher) stop() {
	if w.whole != nil {
		w.whole.Stop()
	}
	w.idle.Stop()
	w.cancel(nil)
}

// explain turns a failure into what the caller of the package gets: its own
// context's error if that ended, else an Error with the cause that cut it.
func (w *watcher) explain(err error, got int64) error {
	if e := w.callerErr(); e != nil {
		return e
	}
	kind := ErrInterrupted
	if e, ok := errors.AsType[*Error](err); ok {
		if errors.Is(e, ErrForbidden) {
			return e.innermost()
		}
		kind, err = e.Kind, e.Cause
	}
	if cause := w.cause(); cause != nil {
		err = cause
	}
	if errors.Is(err, io.EOF) { // a reader would take it for the file's end
		err = errors.New(err.Error())
	}
	return &Error{Kind: kind, Bytes: got, Cause: err}
}

// innermost gives the Error at the end of e's chain: the guard's refusal comes
// wrapped into a failure to connect.
func (e *Error) innermost() *Error {
	if inner, ok := errors.AsType[*Error](e.Cause); ok {
		return inner.innermost()
	}
	return e
}

// body is a Response.Body: limited in bytes and in time.
type body struct {
	from  io.ReadCloser
	watch *watcher
	at    int64 // position in the file
	limit int64 // of the file
	got   int64
	err   error // once failed, for ever
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	// One byte over the limit is asked for, to tell an end from too much.
	p = p[:min(int64(len(p)), b.limit-b.at+1)]
	b.watch.idle.Reset(b.watch.idleLimit)
	n, err := b.from.Read(p)
	b.watch.idle.Stop()
	b.at += int64(n)
	b.got += int64(n)
	switch {
	case b.at > b.limit:
		n, b.err = n-1, &Error{Kind: ErrTooLarge, Limit: b.limit}
	case err == io.EOF: // a wrapped one is a failure
		b.err = io.EOF
	case err != nil:
		b.err = b.watch.explain(err, b.got)
	}
	return n, b.err
}

// Close implements io.Closer. It may be called at any time.
func (b *body) Close() error {
	b.watch.stop()
	return b.from.Close()
}
