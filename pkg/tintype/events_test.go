package tintype_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/tintypehq/tintype/pkg/tintype"
)

// quick makes attempts follow each other at once.
const quick = "retry: 1\n\n"

var (
	queued    = kept(1, tintype.EventQueued, tintype.StatusQueued)
	submitted = kept(2, tintype.EventSubmitted, tintype.StatusRunning)
	stored    = kept(3, tintype.EventMedia, tintype.StatusMirroring)
	succeeded = kept(4, tintype.EventSucceeded, tintype.StatusSucceeded)
	progress  = "event: job.progress\ndata: " + eventJSON(2, tintype.EventProgress, tintype.StatusRunning) + "\n\n"
)

// script answers each connection by the next handler and notes the cursors that
// were asked for.
type script struct {
	mu      sync.Mutex
	steps   []http.HandlerFunc
	cursors []string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.cursors = append(s.cursors, r.Header.Get("Last-Event-ID"))
	step := s.steps[min(len(s.cursors), len(s.steps))-1]
	s.mu.Unlock()
	step(w, r)
}

func (s *script) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursors
}

// cut is a stream whose connection is lost after these bytes.
func cut(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		stream(body)(w, r)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// follow reads job-1's log and returns "seq type" of each event.
func follow(ctx context.Context, c *tintype.Client, after int64) (log []string, err error) {
	for event, e := range c.Jobs.Events(ctx, "job-1", after) {
		if e != nil {
			err = e
			continue // an error is the last
		}
		log = append(log, fmt.Sprintf("%d %s", event.Seq, strings.TrimPrefix(string(event.Type), "job.")))
	}
	return log, err
}

func TestEvents(t *testing.T) {
	t.Parallel()
	all := []string{"1 queued", "2 submitted", "3 media", "4 succeeded"}
	for _, tt := range []struct {
		name    string
		after   int64
		steps   []http.HandlerFunc
		want    []string
		cursors []string
	}{
		{"whole log", 0, []http.HandlerFunc{stream(quick + queued + submitted + stored + succeeded)}, all, []string{""}},
		{"cursor", 2, []http.HandlerFunc{stream(stored + succeeded)}, all[2:], []string{"2"}},
		{"negative cursor", -1, []http.HandlerFunc{stream(queued + submitted + stored + succeeded)}, all, []string{""}},
		{"nothing newer", 4, []http.HandlerFunc{status(204)}, nil, []string{"4"}},
		{"heartbeats", 0, []http.HandlerFunc{stream(": hb\n\n" + queued + ": hb\n\n: hb\n\n" + submitted + stored + succeeded)}, all, []string{""}},
		{
			"server restarts", 0,
			[]http.HandlerFunc{stream(quick + queued), stream(submitted + stored), stream(quick), stream(succeeded)},
			all,
			[]string{"", "1", "3", "3"},
		},
		{
			"connections lost", 0,
			[]http.HandlerFunc{cut(quick + queued), cut(submitted + "id: 3\nevent: job.media\ndata: {"), cut(""), stream(stored + succeeded)},
			all,
			[]string{"", "1", "2", "2"},
		},
		{
			"lost right after the last event", 0,
			[]http.HandlerFunc{cut(queued + submitted + stored + succeeded)},
			all,
			[]string{""},
		},
		{
			"server down for a while", 0,
			[]http.HandlerFunc{stream(quick + queued), status(503), status(502), status(429), answer(500, envelope), stream(submitted + stored + succeeded)},
			all,
			[]string{"", "1", "1", "1", "1", "1"},
		},
		{
			"more is sent than asked for", 0,
			[]http.HandlerFunc{stream(quick + queued + submitted), stream(queued + submitted + stored + stored + succeeded)},
			all,
			[]string{"", "2"},
		},
		{
			"estimates have no id and are no cursor", 0,
			[]http.HandlerFunc{stream(quick + queued + submitted + progress + progress), stream(progress + stored + succeeded)},
			[]string{"1 queued", "2 submitted", "2 progress", "2 progress", "2 progress", "3 media", "4 succeeded"},
			[]string{"", "2"},
		},
		{
			"gap", 0,
			[]http.HandlerFunc{stream("id: 3\nevent: gap\ndata: " + strings.Replace(eventJSON(3, "", tintype.StatusMirroring), `"type":"",`, "", 1) + "\n\n" + succeeded)},
			[]string{"3 gap", "4 succeeded"},
			[]string{""},
		},
		{ // Redis has lost the end of the log
			"gap that goes back", 9,
			[]http.HandlerFunc{stream("id: 3\nevent: gap\ndata: " + eventJSON(3, tintype.EventGap, tintype.StatusMirroring) + "\n\n" + succeeded)},
			[]string{"3 gap", "4 succeeded"},
			[]string{"9"},
		},
		{
			"recovered in the same log", 0,
			[]http.HandlerFunc{stream(kept(1, tintype.EventFailed, tintype.StatusFailed) + kept(2, tintype.EventRecovered, tintype.StatusSucceeded))},
			[]string{"1 failed", "2 recovered"},
			[]string{""},
		},
		{
			"204 after a break", 0,
			[]http.HandlerFunc{stream(quick + queued), status(204)},
			all[:1],
			[]string{"", "1"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &script{steps: tt.steps}
			got, err := follow(t.Context(), serve(t, s.ServeHTTP), tt.after)
			if err != nil {
				t.Error(err)
			}
			equal(t, "log", got, tt.want)
			equal(t, "cursors", s.seen(), tt.cursors)
		})
	}
}

func TestEventsThatFail(t *testing.T) {
	t.Parallel()
	gone := answer(404, `{"error":{"message":"No such job.","type":"not_found_error","param":null,"code":"not_found"}}`)
	refused := func(err error) bool {
		e, ok := errors.AsType[*tintype.APIError](err)
		return ok && e.Code == tintype.CodeNotFound
	}
	for _, tt := range []struct {
		name     string
		steps    []http.HandlerFunc
		want     int
		attempts int
		check    func(error) bool
	}{
		{"unknown", []http.HandlerFunc{gone}, 0, 1, refused},
		{"expired meanwhile", []http.HandlerFunc{stream(quick + queued), gone}, 1, 2, refused},
		{"down from the first", []http.HandlerFunc{status(503)}, 0, 1, func(err error) bool {
			_, ok := errors.AsType[*tintype.APIError](err)
			return ok
		}},
		{"lost from the first", []http.HandlerFunc{cut(quick)}, 0, 10, isIncomplete(0)},
		{"down for good", []http.HandlerFunc{stream(quick + queued + submitted), cut("")}, 2, 10, isIncomplete(2)},
		{"closed for good", []http.HandlerFunc{stream(quick + queued), stream(": hb\n\n")}, 1, 10, isIncomplete(1)},
		{"error in the stream", []http.HandlerFunc{stream(quick + queued + "event: error\ndata: " + envelope + "\n\n")}, 1, 1, isPromptError},
		{"no JSON", []http.HandlerFunc{stream(quick + "data: hello\n\n")}, 0, 1, func(err error) bool { return strings.Contains(err.Error(), "not the API's") }},
		{"too large", []http.HandlerFunc{stream(quick + ":" + strings.Repeat("x", 5<<20) + "\n\n")}, 0, 1, func(err error) bool { return errors.Is(err, tintype.ErrTooLarge) }},
		{"no stream", []http.HandlerFunc{stream(quick + queued), answer(200, `{"object":"list"}`)}, 1, 10, func(err error) bool { return strings.Contains(err.Error(), "not a stream") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &script{steps: tt.steps}
			got, err := follow(t.Context(), serve(t, s.ServeHTTP), 0)
			if err == nil || !tt.check(err) {
				t.Errorf("error is %v", err)
			}
			equal(t, "events", len(got), tt.want)
			equal(t, "attempts", len(s.seen()), tt.attempts)
		})
	}
}

func TestLeavingTheLoopEndsEvents(t *testing.T) {
	t.Parallel()
	left := make(chan struct{})
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		stream(quick+queued)(w, r)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(left)
	})
	for _, err := range c.Jobs.Events(t.Context(), "job-1", 0) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	<-left
}

func TestEventsCanBeReadAgain(t *testing.T) {
	t.Parallel()
	events := serve(t, stream(queued+succeeded)).Jobs.Events(t.Context(), "job-1", 0)
	for range 2 {
		n := 0
		for _, err := range events {
			if err != nil {
				t.Error(err)
			}
			n++
		}
		equal(t, "events", n, 2)
	}
}
