package server_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/server"
)

// unread counts the reads of records and logs, and refuses so many.
type unread struct{ seen, left atomic.Int64 }

func (u *unread) refuse(cmd redis.Cmder) error {
	if name := cmd.Name(); name != "hgetall" && name != "xrange" {
		return nil
	}
	u.seen.Add(1)
	if u.left.Load() == 0 {
		return nil
	}
	u.left.Add(-1)
	cmd.SetErr(errUnread)
	return errUnread
}

var errUnread = errors.New("reads are refused")

func (u *unread) DialHook(next redis.DialHook) redis.DialHook { return next }

func (u *unread) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if refused := u.refuse(cmd); refused != nil { // also what was asked before, and may know of the end
			return refused
		}
		return err
	}
}

func (u *unread) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// TestEndIsNotRead: who waits for a job's end has it from the news of it. A Redis that
// is busy writing would make everybody wait once more.
func TestEndIsNotRead(t *testing.T) {
	t.Parallel()
	const many = 200
	stored := func(h *house, id job.ID) job.ID {
		h.submitted(id, "", job.Source{Role: job.Primary, URL: "https://up/1"})
		h.stored(id, 0, "image-0.png", job.Primary, []byte("a picture"), "image/png")
		return id
	}
	for name, tt := range map[string]struct {
		kind string
		ask  func(h *house, end func(job.ID)) answer
		want string
	}{
		"blocking": {"create", func(h *house, end func(job.ID)) answer {
			h.meanwhile(func() { end(stored(h, h.waitForJob())) })
			return h.call(http.MethodPost, images, `{"prompt":"x"}`)
		}, `"choices":[{`},
		"poll": {"poll", func(h *house, end func(job.ID)) answer {
			id := stored(h, h.create(images, `{"prompt":"x"}`))
			h.meanwhile(func() { end(id) })
			return h.call(http.MethodGet, "/v1/jobs/"+string(id)+"?wait=30", "")
		}, `{"event":"job.media",`}, // which only the log has
		"stream": {"stream", func(h *house, end func(job.ID)) answer {
			id := stored(h, h.create(images, `{"prompt":"x"}`))
			resp := h.open(h.Context(), http.MethodGet, "/v1/jobs/"+string(id)+"/events", http.NoBody)
			defer func() { _ = resp.Body.Close() }()
			events := bufio.NewReader(resp.Body)
			for line := ""; line != "event: job.media\n"; {
				var err error
				line, err = events.ReadString('\n')
				h.must(err)
			}
			end(id)
			rest, err := io.ReadAll(events)
			h.must(err)
			return answer{status: resp.StatusCode, body: string(rest)}
		}, "event: job.succeeded\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, waiting(server.Wait{Recheck: 10 * ms}))
			var reads unread
			h.rdb.AddHook(&reads)
			a := tt.ask(h, func(id job.ID) {
				h.eventually(func() bool { return h.metric(`tintype_http_waiters{kind="`+tt.kind+`"}`) == "1" })
				before := reads.seen.Load()
				h.eventually(func() bool { // whoever listens reads
					h.must(h.rdb.Publish(context.Background(), "{tt}:news", string(id)+" 0").Err())
					return reads.seen.Load() > before
				})
				reads.left.Store(many)
				h.succeed(id)
			})
			if a.status != http.StatusOK || !strings.Contains(a.body, tt.want) {
				t.Errorf("answered %d %s", a.status, a.body)
			}
			if reads.left.Load() == 0 {
				t.Error("the answer was read after the end")
			}
		})
	}
}

// TestHeartbeatsReadNoJob: ten thousand streams would read a thousand logs a second for
// what News tells them.
func TestHeartbeatsReadNoJob(t *testing.T) {
	t.Parallel()
	h := open(t, waiting(server.Wait{Beat: 5 * ms}))
	id := h.create(images, `{"prompt":"x"}`)
	resp := h.open(t.Context(), http.MethodGet, "/v1/jobs/"+string(id)+"/events", http.NoBody)
	defer func() { _ = resp.Body.Close() }()
	events := bufio.NewReader(resp.Body)
	var reads unread
	for beats := range 20 {
		for line := ""; line != ": still here\n"; {
			var err error
			line, err = events.ReadString('\n')
			h.must(err)
		}
		if beats == 0 { // what a stream begins with has been read
			h.rdb.AddHook(&reads)
		}
	}
	if n := reads.seen.Load(); n > 1 { // the subscription may be younger than the stream, and wakes it once
		t.Errorf("20 heartbeats have read %d times", n)
	}
}
