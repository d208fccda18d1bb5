package ark_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/ark"
)

// scripted answers each request with the next of a script's lines, "GET 200
// queued" or "DELETE 409 a body"; a lone word is a task's status.
func scripted(t *testing.T, script ...string) *wire {
	t.Helper()
	var n atomic.Int64
	return newWire(t, func(w http.ResponseWriter, r *http.Request) {
		i := int(n.Add(1)) - 1
		if i >= len(script) {
			t.Errorf("a request too many: %s", r.Method)
			reply(500, "")(w, r)
			return
		}
		method, rest, _ := strings.Cut(script[i], " ")
		status, body, _ := strings.Cut(rest, " ")
		if r.Method != method {
			t.Errorf("request %d is %s, want %s", i+1, r.Method, method)
		}
		if body != "" && strings.Trim(body, "abcdefghijklmnopqrstuvwxyz_") == "" {
			body = `{"id":"` + taskID + `","status":"` + body + `"}`
		}
		reply(map[string]int{"200": 200, "204": 204, "302": 302, "404": 404, "409": 409, "500": 500}[status], body)(w, r)
	})
}

const (
	runs     = `DELETE 409 {"error":{"code":"InvalidAction.RunningTaskDeletion","message":"m"}}`
	conflict = `DELETE 409 {"error":{"code":"InvalidAction.Other","message":"m"}}`
	gone     = ` 404 {"error":{"code":"NotFound.id","message":"m"}}`
)

func TestCancel(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		script []string
		want   upstream.CancelAnswer
		class  upstream.Class // if it fails
	}{
		{"empty object", []string{"GET 200 queued", "DELETE 200 {}"}, upstream.Stopped, ""},
		{"empty body", []string{"GET 200 queued", "DELETE 200"}, upstream.Stopped, ""},
		{"no content", []string{"GET 200 queued", "DELETE 204"}, upstream.Stopped, ""},
		{"running by then", []string{"GET 200 queued", runs}, upstream.WorksOn, ""},
		{"running", []string{"GET 200 running"}, upstream.WorksOn, ""},
		{"a new word", []string{"GET 200 post_processing"}, upstream.WorksOn, ""},
		{"made", []string{"GET 200 succeeded"}, upstream.Finished, ""}, // also without a video in it: Status says that
		{"failed", []string{"GET 200 failed"}, upstream.Finished, ""},
		{"expired", []string{"GET 200 expired"}, upstream.Finished, ""},
		{"cancelled", []string{"GET 200 cancelled"}, upstream.Stopped, ""},
		{"cancelled, in American", []string{"GET 200 canceled"}, upstream.Stopped, ""},
		{"gone, cancelled by an earlier call", []string{"GET 200 queued", "DELETE" + gone, "GET 200 cancelled"}, upstream.Stopped, ""},
		{"gone, without words", []string{"GET 200 queued", "DELETE 404", "GET 200 cancelled"}, upstream.Stopped, ""},
		{"gone for good", []string{"GET 200 queued", "DELETE" + gone, "GET" + gone}, "", upstream.Lost},
		{"gone, says a server in between", []string{"GET 200 queued", "DELETE 404 <html>"}, "", upstream.Transient},
		{"refused, cancelled by another call", []string{"GET 200 queued", conflict, "GET 200 cancelled"}, upstream.Stopped, ""},
		{"refused, made by then", []string{"GET 200 queued", conflict, "GET 200 succeeded"}, upstream.Finished, ""},
		{"refused and refused", []string{"GET 200 queued", conflict, "GET 200 queued", conflict, "GET 200 queued", conflict}, "", upstream.Transient},
		{"refused by a server in between", []string{"GET 200 queued", "DELETE 409 <html>"}, "", upstream.Unknown},
		{"unknown", []string{"GET" + gone}, "", upstream.Lost},
		{"no such route", []string{"GET 200 queued", `DELETE 404 {"error":{"code":"InvalidAction","message":"m"}}`}, "", upstream.Unknown},
		{"an error inside of a 200", []string{"GET 200 queued", `DELETE 200 {"error":{"code":"InternalServiceError","message":"m"}}`}, "", upstream.Transient},
		{"an error without a code", []string{"GET 200 queued", `DELETE 200 {"error":{}}`}, "", upstream.Unknown},
		{"html", []string{"GET 200 queued", "DELETE 200 <html>"}, "", upstream.Unknown},
		{"redirect", []string{"GET 200 queued", "DELETE 302"}, "", upstream.Unknown},
		{"broken", []string{"GET 200 queued", "DELETE 500"}, "", upstream.Transient},
		{"no status", []string{"GET 200 {}"}, "", upstream.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := scripted(t, tt.script...)
			got, err := driver(t, w.URL+"/api/v3").Cancel(t.Context(), acc(), taskID)
			if got != tt.want || (err != nil) != (tt.class != "") {
				t.Fatalf("got %q, %v", got, err)
			}
			if err != nil {
				if e := fails(t, err); e.Class != tt.class || e.Outcome != "" {
					t.Errorf("got %v", e)
				}
			}
			all := w.requests()
			if len(all) != len(tt.script) {
				t.Errorf("%d requests, want %d", len(all), len(tt.script))
			}
			for _, r := range all {
				if r.path != "/api/v3/contents/generations/tasks/"+taskID || r.header.Get("Authorization") != "Bearer "+key || len(r.body) != 0 {
					t.Errorf("asked %s %s %v %s", r.method, r.path, r.header, r.body)
				}
			}
		})
	}
}

// TestCancelTrustsFreshAnswersOnly: of a task that was seen to wait some seconds
// ago, a DELETE might remove the finished video.
func TestCancelTrustsFreshAnswersOnly(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		slow   int // how many of the first answers come late
		script []string
		want   upstream.CancelAnswer
	}{
		{"late once", 1, []string{"GET 200 queued", "GET 200 queued", "DELETE 200 {}"}, upstream.Stopped},
		{"made meanwhile", 2, []string{"GET 200 queued", "GET 200 succeeded"}, upstream.Finished},
		{"always late", 9, []string{"GET 200 queued", "GET 200 queued", "GET 200 queued"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := scripted(t, tt.script...)
			d := driver(t, w.URL)
			at, asked := time.Now(), 0
			d.SetNow(func() time.Time {
				if got := len(w.requests()); got > asked {
					if asked = got; got <= tt.slow {
						at = at.Add(5 * time.Second)
					}
				}
				return at
			})
			got, err := d.Cancel(t.Context(), acc(), taskID)
			if got != tt.want || (err != nil) != (tt.want == "") {
				t.Errorf("got %q, %v", got, err)
			}
			if len(w.requests()) != len(tt.script) {
				t.Errorf("%d requests", len(w.requests()))
			}
		})
	}
}

// slowSecondDial opens one connection at once and the others never.
func slowSecondDial(n *atomic.Int64) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if n.Add(1) > 1 {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
}

// TestCancelIsNotSentLate: a DELETE that cannot leave in time does not leave.
func TestCancelIsNotSentLate(t *testing.T) {
	t.Parallel()
	w := scripted(t, "GET 200 queued")
	dials, late := atomic.Int64{}, 0
	d := driver(t, w.URL, func(c *ark.Config) {
		c.Network.Dial, c.StatusTimeout = slowSecondDial(&dials), time.Hour
	})
	at := time.Now()
	d.SetNow(func() time.Time {
		if late++; late == 1 {
			return at
		}
		return at.Add(5*time.Second - 50*time.Millisecond)
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := d.Cancel(ctx, acc(), taskID)
	if e := fails(t, err); e.Class != upstream.Timeout || dials.Load() != 2 || ctx.Err() != nil {
		t.Errorf("got %v after %d connections", e, dials.Load())
	}
	w.only(t)
}
