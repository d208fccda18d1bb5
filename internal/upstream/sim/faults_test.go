package sim_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim"
)

// Errors that are answered before anything is created, and those that lie.
func TestRefusingFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		tag    string
		status int
		code   string // empty if the body is not Ark's
		retry  string
	}{
		{"sim:429", 429, "RateLimitExceeded.EndpointRPMExceeded", ""},
		{"sim:429=3", 429, "RateLimitExceeded.EndpointRPMExceeded", "3"},
		{"sim:500", 500, "InternalServiceError", ""},
		{"sim:502", 502, "", ""},
		{"sim:quota", 429, "QuotaExceeded", ""},
		{"sim:overdue", 403, "AccountOverdueError", ""},
		{"sim:deadkey", 401, "AuthenticationError", ""},
		{"sim:redirect", 307, "", ""},
		{"sim:reject", 400, "InputTextSensitiveContentDetected", ""},
	} {
		for kind, r := range map[string]struct{ route, body string }{
			"video": {taskRoute, videoOf("x " + tt.tag)},
			"image": {imageRoute, imageOf("x "+tt.tag+"，卡通风格", obj{"size": "1K"})},
			"chat":  {chatRoute, chatOf("x " + tt.tag)},
		} {
			t.Run(kind+" "+tt.tag, func(t *testing.T) {
				t.Parallel()
				k := newKit(t, nil)
				a := k.must(tt.status, "POST", r.route, r.body)
				if tt.code != "" {
					checkError(t, a, tt.code)
				}
				if got := a.header.Get("Retry-After"); got != tt.retry {
					t.Errorf("Retry-After %q", got)
				}
				if l := k.sim.Ledger(); l.Totals.Charged != 0 || l.Totals.Refused != 1 || l.Submissions[0].Code == "" || l.Submissions[0].Status != tt.status {
					t.Errorf("%+v", l.Submissions)
				}
				k.must(tt.status, "POST", r.route, strings.Replace(r.body, tt.tag, tt.tag+",accepted,times=1", 1))
				if n := k.sim.Ledger().Totals.Charged; n != 1 {
					t.Errorf("accepted, but %d charges", n)
				}
				k.must(200, "POST", r.route, strings.Replace(r.body, tt.tag, tt.tag+",accepted,times=1", 1))
			})
		}
	}
}

// A client that follows the redirect succeeds, and the ledger shows it.
func TestRedirectLeadsToSuccess(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	a := k.must(307, "POST", taskRoute, videoOf("x sim:redirect"))
	k.must(200, "POST", a.header.Get("Location"), videoOf("x sim:redirect"))
	if l := k.sim.Ledger(); l.Totals.Charged != 1 || l.Totals.Submissions != 2 {
		t.Errorf("%+v", l.Totals)
	}
}

// Answers that are spoilt after the request was carried out: one charge, and
// the ledger knows that the caller did not get the answer.
func TestSpoilingFaults(t *testing.T) {
	t.Parallel()
	for _, tag := range []string{"drop", "truncate", "empty", "html,on=create", "hang"} {
		for kind, r := range map[string]struct{ route, body string }{
			"video":  {taskRoute, videoOf("x sim:" + tag)},
			"image":  {imageRoute, imageOf("x sim:"+tag, obj{"size": "1K"})},
			"stream": {imageRoute, imageOf("x sim:"+tag, obj{"size": "1K", "stream": true})},
		} {
			t.Run(kind+" "+tag, func(t *testing.T) {
				t.Parallel()
				k := newKit(t, nil)
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				if tag == "hang" { // the caller leaves once the simulator has begun to say nothing
					go func() {
						if k.clock.AwaitTimers(ctx, 1) == nil {
							leave()
						}
					}()
				}
				a, err := k.do(ctx, "POST", r.route, r.body)
				switch tag {
				case "drop":
					if !errors.Is(err, io.EOF) {
						t.Errorf("%v %d", err, a.status)
					}
				case "hang":
					if !errors.Is(err, context.Canceled) {
						t.Errorf("%v %d", err, a.status)
					}
				case "truncate":
					if err != nil || !errors.Is(a.err, io.ErrUnexpectedEOF) || json.Valid(a.body) {
						t.Errorf("%v %v %s", err, a.err, a.body)
					}
				case "empty":
					if err != nil || a.status != 200 || len(a.body) != 0 {
						t.Errorf("%v %d %s", err, a.status, a.body)
					}
				default:
					if err != nil || a.status != 200 || !strings.HasPrefix(string(a.body), "<!DOCTYPE html>") {
						t.Errorf("%v %d %s", err, a.status, a.body)
					}
				}
				l := k.sim.Ledger()
				if l.Totals.Charged != 1 || l.Submissions[0].Answered || l.Submissions[0].Outcome != "accepted" {
					t.Errorf("%+v", l)
				}
			})
		}
	}
}

func TestHangEndsWithTheSimulator(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	failed := make(chan error, 1)
	go func() {
		_, err := k.do(t.Context(), "POST", taskRoute, videoOf("x sim:hang"))
		failed <- err
	}()
	if err := k.clock.AwaitTimers(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	k.sim.Close()
	if err := <-failed; !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestSlow(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	done := make(chan string, 1)
	go func() { done <- k.create(videoOf("x sim:slow=3s")) }()
	if err := k.clock.AwaitTimers(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if n := k.sim.Ledger().Totals.Submissions; n != 0 {
		t.Errorf("%d submissions before the wait is over", n)
	}
	k.clock.Advance(3 * time.Second)
	if v := k.get(<-done); v.CreatedAt != start.Add(3*time.Second).Unix() {
		t.Errorf("%+v", v)
	}
}

func TestTimesAndSkip(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	statuses := func(n int, method, path, body string) string {
		var out []string
		for range n {
			a, err := k.do(t.Context(), method, path, body)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, string(rune('0'+a.status/100)))
		}
		return strings.Join(out, "")
	}
	if got := statuses(4, "POST", taskRoute, videoOf("x sim:500,times=2")); got != "5522" {
		t.Error(got)
	}
	if got := statuses(2, "POST", taskRoute, videoOf("y sim:500,times=2")); got != "55" {
		t.Errorf("another prompt counts for itself: %s", got)
	}
	if got := statuses(5, "POST", taskRoute, videoOf("x sim:500,skip=1,times=2")); got != "25522" {
		t.Error(got)
	}
	id := k.create(videoOf("x sim:429,on=get,skip=1,times=1"))
	if got := statuses(4, "GET", taskRoute+"/"+id, ""); got != "2422" {
		t.Error(got)
	}
	id = k.create(videoOf("x sim:500,on=delete,times=1 sim:queued=5s"))
	if got := statuses(3, "DELETE", taskRoute+"/"+id, ""); got != "524" {
		t.Error(got)
	}
}

func TestOutcomeFaults(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	ready := k.create(videoOf("x sim:ready=95s"))
	fails, breaks := k.create(videoOf("x sim:fail")), k.create(videoOf("x sim:broken"))
	lost, odd := k.create(videoOf("x sim:lost=4s")), k.create(videoOf("x sim:unknown"))
	waits := k.create(videoOf("x sim:queued=4s"))
	if s := k.get(odd).Status; s != "post_processing" {
		t.Error(s)
	}
	if s := k.get(waits).Status; s != "queued" {
		t.Error(s)
	}
	k.clock.Advance(4 * time.Second)
	if a, b := k.get(odd).Status, k.get(waits).Status; a != "running" || b != "running" {
		t.Errorf("%s %s", a, b)
	}
	k.must(404, "GET", taskRoute+"/"+lost, "")
	k.clock.Advance(6 * time.Second)
	for id, want := range map[string]string{
		ready: "running", odd: "succeeded", waits: "succeeded", fails: "failed OutputVideoSensitiveContentDetected", breaks: "failed InternalServiceError",
	} {
		v := k.get(id)
		got := v.Status
		if v.Error != nil {
			got += " " + v.Error.Code
		}
		if got != want || (v.Status == "failed" && (v.Usage != nil || v.Content != nil)) {
			t.Errorf("%s, want %s", got, want)
		}
	}
	k.clock.Advance(85*time.Second - 1)
	if s := k.get(ready).Status; s != "running" {
		t.Error(s)
	}
	k.clock.Advance(1)
	if s := k.get(ready).Status; s != "succeeded" {
		t.Error(s)
	}
	if n := k.sim.Ledger().Totals.Charged; n != 6 {
		t.Errorf("%d charges: a failed video is one, too", n)
	}
}

func TestImageErrorPlaces(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	out := k.image(imageOf("x sim:fail"))
	if len(out.Data) != 1 || out.Data[0].Error == nil || out.Data[0].URL != "" || out.Usage.GeneratedImages != 0 {
		t.Errorf("%+v", out)
	}
	out = k.image(imageOf("x sim:toplevel"))
	if out.Error == nil || len(out.Data) != 0 {
		t.Errorf("%+v", out)
	}
	all := events(t, k.must(200, "POST", imageRoute, imageOf("x sim:toplevel", obj{"stream": true})).body)
	if all[0].name != "error" || !strings.Contains(all[0].data, `"error":{"code"`) {
		t.Errorf("%+v", all)
	}
}

func TestStreamFaults(t *testing.T) {
	t.Parallel()
	stream := obj{"stream": true}
	group := obj{"stream": true, "size": "1K", "sequential_image_generation": "auto"}
	for name, r := range map[string]struct{ route, body string }{
		"chat":  {chatRoute, chatOf("x sim:TAG", stream)},
		"image": {imageRoute, imageOf("x sim:TAG", group)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t, nil)
			post := func(tag string) (answer, []event) {
				a := k.must(200, "POST", r.route, strings.Replace(r.body, "TAG", tag, 1))
				return a, events(t, a.body)
			}
			_, whole := post("slow=0s")
			a, got := post("sse-eof")
			if a.err != nil || len(got) >= len(whole) || strings.Contains(string(a.body), "[DONE]") || strings.Contains(string(a.body), `"finish_reason"`) {
				t.Errorf("sse-eof: %v %s", a.err, clip(a.body))
			}
			a, got = post("sse-error")
			last := got[len(got)-1]
			if a.err != nil || !strings.HasPrefix(last.data, `{"error":{"code":"InternalServiceError"`) || (last.name == "error") != (name == "image") {
				t.Errorf("sse-error: %v %+v", a.err, last)
			}
			if a, _ = post("truncate"); !errors.Is(a.err, io.ErrUnexpectedEOF) {
				t.Errorf("truncate: %v", a.err)
			}
			for i, s := range k.sim.Ledger().Submissions {
				if s.Answered != (i == 0) {
					t.Errorf("%d: %+v", i, s)
				}
			}
		})
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	add := func(status int, rule obj) answer {
		return k.must(status, "POST", "/_sim/faults", jsonOf(rule))
	}
	for name, bad := range map[string]obj{
		"no match":        {"fault": "500"},
		"no fault":        {"match": "*"},
		"unknown fault":   {"match": "*", "fault": "fire"},
		"unknown field":   {"match": "*", "fault": "500", "time": 3},
		"op that cannot":  {"match": "*", "fault": "stall", "op": "get"},
		"op that is none": {"match": "*", "fault": "500", "op": "everywhere"},
		"value":           {"match": "*", "fault": "slow", "value": "long"},
	} {
		if a := add(400, bad); !strings.Contains(string(a.body), "error") {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	add(201, obj{"match": "kitten", "op": "create", "fault": "429=7", "times": 1})
	add(201, obj{"match": "*", "op": "get", "fault": "500", "times": 1, "skip": 1})
	add(201, obj{"match": "*", "op": "list", "fault": "502"})
	k.create(videoOf("a dog"))
	k.must(200, "POST", chatRoute, chatOf("a kitten"))
	if a := k.must(429, "POST", taskRoute, videoOf("a kitten")); a.header.Get("Retry-After") != "7" {
		t.Error(a.header)
	}
	id := k.create(videoOf("a kitten"))
	k.must(200, "GET", taskRoute+"/"+id, "")
	k.must(500, "GET", taskRoute+"/"+id, "")
	k.must(200, "GET", taskRoute+"/"+id, "")
	k.must(502, "GET", taskRoute, "")
	k.must(502, "GET", "/api/v3/models", "")
	rules := as[[]sim.Rule](t, k.must(200, "GET", "/_sim/faults", ""))
	if len(rules) != 3 || rules[0].Hits != 1 || rules[0].Seen != 2 || rules[1].Hits != 1 || rules[2].Hits != 2 {
		t.Errorf("%+v", rules)
	}
	k.must(204, "DELETE", "/_sim/faults", "")
	k.must(200, "GET", taskRoute, "")
	if err := k.sim.AddFault(sim.Rule{Match: "*", Fault: "drop", Times: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.do(t.Context(), "POST", taskRoute, videoOf("x")); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	k.create(videoOf("x"))
}
