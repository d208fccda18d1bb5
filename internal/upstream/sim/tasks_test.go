package sim_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim"
)

func TestVideoDefaults(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	portrait := obj{"type": "image_url", "image_url": obj{"url": dataURI("jpeg", 300, 500)}}
	text := obj{"type": "text", "text": "x"}
	for _, tt := range []struct {
		name, body, ratio, resolution string
		seconds                       int64
		tokens                        int
	}{
		{"1.0", seedance("1-0-pro-250528"), "16:9", "1080p", 5, 246840},
		{"1.0 by picture", seedance("1-0-pro-250528", obj{"content": []obj{text, portrait}}), "9:16", "1080p", 5, 246840},
		{"1.0 picture cropped", seedance("1-0-pro-250528", obj{"content": []obj{text, portrait}, "ratio": "1:1", "resolution": "480p", "duration": 2}), "1:1", "480p", 2, 640 * 640 * 49 / 1024},
		{"2.0", seedance("2-0-260128"), "16:9", "720p", 5, 108900},
		{"2.0 fast", seedance("2-0-fast-260128", obj{"duration": 4}), "16:9", "720p", 4, 87300},
		{"2.0 adaptive", seedance("2-0-260128", obj{"ratio": "adaptive", "duration": -1}), "16:9", "720p", 5, 108900},
		{"2.5", seedance("2-5-260628", obj{"resolution": "480p"}), "16:9", "480p", 5, 854 * 480 * 121 / 1024},
		{"flags win", videoOf("waves --rs 480p --rt 9:16 --dur 4 --fps 24", obj{"resolution": "1080p"}), "9:16", "480p", 4, 480 * 864 * 97 / 1024},
		{"weak flags are ignored", videoOf("waves --rs 9000p --rt 7:1"), "16:9", "1080p", 5, 246840},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t, nil)
			id := k.create(tt.body)
			k.clock.Advance(6 * time.Second)
			v := k.get(id)
			if v.Status != "succeeded" || v.Ratio != tt.ratio || v.Resolution != tt.resolution || *v.Duration != tt.seconds || v.Usage.CompletionTokens != tt.tokens {
				t.Errorf("%+v %+v", v, v.Usage)
			}
			if v.Content.LastFrame != "" || v.Error != nil {
				t.Errorf("%+v", v.Content)
			}
		})
	}
	id := k.create(videoOf("x", obj{"frames": 57, "resolution": "720p", "seed": 11}))
	k.clock.Advance(6 * time.Second)
	if v := k.get(id); v.Duration != nil || v.Frames == nil || *v.Frames != 57 || *v.Seed != 11 || v.Usage.CompletionTokens != 1248*704*57/1024 {
		t.Errorf("%+v", v)
	}
}

func TestFieldsPerModel(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	fields := func(body string) map[string]any {
		id := k.create(body)
		k.clock.Advance(6 * time.Second)
		return as[map[string]any](t, k.must(200, "GET", taskRoute+"/"+id, ""))
	}
	if _, there := fields(seedance("1-0-pro-250528"))["error"]; !there {
		t.Error("1.0 says error: null")
	}
	if _, there := fields(seedance("2-0-260128"))["error"]; there {
		t.Error("2.0 leaves error out")
	}
	old, second, newest := fields(seedance("1-0-pro-250528")), fields(seedance("2-0-260128", obj{"safety_identifier": "job-7"})), fields(seedance("2-5-260628", obj{"generate_audio": false}))
	for name, want := range map[string][3]any{
		"generate_audio":          {nil, true, false},
		"draft":                   {nil, false, false},
		"priority":                {nil, 0.0, 0.0},
		"output_format":           {nil, nil, "mp4"},
		"safety_identifier":       {nil, "job-7", nil},
		"service_tier":            {"default", "default", "default"},
		"execution_expires_after": {172800.0, 172800.0, 172800.0},
		"error":                   {nil, nil, nil},
	} {
		if got := [3]any{old[name], second[name], newest[name]}; got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestSlotsAndQueue(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *sim.Config) { c.Defaults = sim.Account{MaxRunning: 2, MaxQueued: 2} })
	ids := []string{k.create(videoOf("1")), k.create(videoOf("2")), k.create(videoOf("3")), k.create(videoOf("4"))}
	checkError(t, k.must(429, "POST", taskRoute, videoOf("5")), "QuotaExceeded")
	states := func() string {
		var out []string
		for _, id := range ids {
			out = append(out, k.get(id).Status)
		}
		return strings.Join(out, " ")
	}
	if got := states(); got != "running running queued queued" {
		t.Error(got)
	}
	k.must(409, "DELETE", taskRoute+"/"+ids[0], "")
	k.must(200, "DELETE", taskRoute+"/"+ids[2], "")
	k.must(409, "DELETE", taskRoute+"/"+ids[2], "")
	if got := states(); got != "running running cancelled queued" {
		t.Error(got)
	}
	k.clock.Advance(20 * time.Second)
	if got := states(); got != "succeeded succeeded cancelled succeeded" {
		t.Error(got)
	}
	last := k.get(ids[3])
	if got := last.UpdatedAt - last.CreatedAt; got != 12 {
		t.Errorf("the fourth waited for a slot and ended after %d s", got)
	}
	a := k.sim.Ledger().Accounts[0]
	if a.MaxInFlight != 4 || a.MaxRunning != 2 || a.InFlight != 0 {
		t.Errorf("%+v", a)
	}
	for i, p := range a.Series[1:] {
		if p.At.Before(a.Series[i].At) {
			t.Errorf("the series goes back in time: %v", a.Series)
		}
	}
}

// What is cancelled while it waits was accepted and costs nothing; nothing else
// gives a charge back.
func TestCancelledIsNotCharged(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *sim.Config) { c.Defaults = sim.Account{MaxRunning: 1} })
	running, waiting := k.create(videoOf("a")), k.create(videoOf("b"))
	want := func(charged, inFlight int, states ...string) {
		t.Helper()
		l := k.sim.Ledger()
		got := []string{}
		for _, s := range l.Submissions {
			got = append(got, fmt.Sprint(s.Outcome, " ", s.State, " ", s.Charged, " ", s.Count))
		}
		if l.Totals.Accepted != len(states) || l.Totals.Charged != charged || l.Accounts[0].InFlight != inFlight || !slices.Equal(got, states) {
			t.Errorf("charged %d, in flight %d, %q", l.Totals.Charged, l.Accounts[0].InFlight, got)
		}
	}
	want(2, 2, "accepted running true 1", "accepted queued true 1")
	k.must(409, "DELETE", taskRoute+"/"+running, "")
	k.must(200, "DELETE", taskRoute+"/"+waiting, "")
	want(1, 1, "accepted running true 1", "accepted cancelled false 0")
	k.clock.Advance(6 * time.Second)
	held := k.create(videoOf("c sim:queued=1m")) // it has the slot, and looks queued
	k.must(200, "DELETE", taskRoute+"/"+held, "")
	k.must(409, "DELETE", taskRoute+"/"+held, "")
	k.must(200, "DELETE", taskRoute+"/"+running, "") // only the record goes
	want(1, 0, "accepted  true 1", "accepted cancelled false 0", "accepted cancelled false 0")
	k.create(videoOf("d"))
	want(2, 1, "accepted  true 1", "accepted cancelled false 0", "accepted cancelled false 0", "accepted running true 1")
}

func TestDeleteFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fault  string
		status int    // of the answer; zero: none
		state  string // of the task after it
	}{
		{"500", 500, "queued"},
		{"500,accepted", 500, "cancelled"},
		{"502,accepted", 502, "cancelled"},
		{"429=3", 429, "queued"},
		{"redirect", 307, "queued"},
		{"409", 409, "queued"},
		{"409,accepted", 409, "cancelled"},
		{"drop", 0, "cancelled"},
		{"empty", 200, "cancelled"},
		{"html", 200, "cancelled"},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			t.Parallel()
			k := newKit(t, nil)
			id := k.create(videoOf("x sim:queued=1m sim:" + tt.fault + ",on=delete,times=1"))
			a, err := k.do(t.Context(), "DELETE", taskRoute+"/"+id, "")
			if (err != nil) != (tt.status == 0) || a.status != tt.status {
				t.Fatalf("status %d, %v", a.status, err)
			}
			if tt.status == 409 {
				checkError(t, a, "InvalidAction.RunningTaskDeletion")
			}
			if got := k.get(id).Status; got != tt.state {
				t.Errorf("it is %s, want %s", got, tt.state)
			}
			left := map[string]int{"queued": 1}[tt.state]
			if n := k.sim.Ledger().Totals.Charged; n != left {
				t.Errorf("%d charges, want %d", n, left)
			}
			if tt.state == "queued" {
				k.must(200, "DELETE", taskRoute+"/"+id, "")
			}
		})
	}
}

func TestDeleteAndRetention(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *sim.Config) { c.Defaults = sim.Account{MaxRunning: 1} })
	done, kept, gone := k.create(videoOf("a")), k.create(videoOf("b")), k.create(videoOf("c"))
	k.must(200, "DELETE", taskRoute+"/"+gone, "")
	k.clock.Advance(time.Minute)
	if a := k.must(200, "DELETE", taskRoute+"/"+done, ""); string(a.body) != "{}" {
		t.Errorf("%s", a.body)
	}
	k.must(404, "GET", taskRoute+"/"+done, "")
	k.clock.Advance(24*time.Hour - time.Minute - 1)
	k.must(200, "GET", taskRoute+"/"+gone, "")
	k.clock.Advance(1)
	k.must(404, "GET", taskRoute+"/"+gone, "")
	k.clock.Advance(6*24*time.Hour - 1)
	k.must(200, "GET", taskRoute+"/"+kept, "")
	k.clock.Advance(1)
	k.must(404, "GET", taskRoute+"/"+kept, "")
	if n := k.sim.Ledger().Totals.Deletes; n != 2 {
		t.Errorf("%d deletes", n)
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *sim.Config) { c.Defaults = sim.Account{MaxRunning: 1} })
	hour := obj{"execution_expires_after": 3600}
	running, waiting := k.create(videoOf("a sim:ready=2h", hour)), k.create(videoOf("b", hour))
	k.clock.Advance(time.Hour - time.Second)
	if a, b := k.get(running).Status, k.get(waiting).Status; a != "running" || b != "queued" {
		t.Errorf("%s %s", a, b)
	}
	k.clock.Advance(time.Second)
	for _, id := range []string{running, waiting} {
		if v := k.get(id); v.Status != "expired" || v.UpdatedAt-v.CreatedAt != 3600 || v.Content != nil {
			t.Errorf("%+v", v)
		}
	}
	if a := k.sim.Ledger().Accounts[0]; a.InFlight != 0 {
		t.Errorf("%+v", a)
	}
}

func TestTasksBelongToTheirKey(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	id := k.create(videoOf("mine"))
	k.key = "sim-other"
	k.must(404, "GET", taskRoute+"/"+id, "")
	k.must(404, "DELETE", taskRoute+"/"+id, "")
	if got := as[listBody](t, k.must(200, "GET", taskRoute, "")); got.Total != 0 {
		t.Errorf("%+v", got)
	}
}

type listBody struct {
	Total int
	Items []taskBody
}

func TestList(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *sim.Config) { c.VisibilityLag = 10 * time.Second })
	var ids []string
	for i := range 5 {
		ids = append(ids, k.create(seedance("2-0-260128", obj{"safety_identifier": fmt.Sprint("fence-", i)})))
		k.clock.Advance(time.Second)
	}
	failed := k.create(videoOf("x sim:fail"))
	list := func(query string) (int, []string) {
		out := as[listBody](t, k.must(200, "GET", taskRoute+"?"+query, ""))
		var got []string
		for _, it := range out.Items {
			got = append(got, it.ID)
		}
		return out.Total, got
	}
	if n, _ := list(""); n != 0 {
		t.Errorf("%d are listed before the lag is over", n)
	}
	k.get(ids[0]) // but can be asked for
	k.clock.Advance(5 * time.Second)
	if n, got := list(""); n != 1 || got[0] != ids[0] {
		t.Errorf("%d %v", n, got)
	}
	k.clock.Advance(time.Minute)
	n, got := list("page_num=2&page_size=4")
	if n != 6 || !slices.Equal(got, []string{ids[1], ids[0]}) {
		t.Errorf("%d %v", n, got)
	}
	if _, got := list("filter.task_ids=" + ids[2] + "&filter.task_ids=" + ids[4] + "&filter.task_ids=unknown"); !slices.Equal(got, []string{ids[2], ids[4]}) {
		t.Errorf("%v", got)
	}
	if _, got := list("filter.status=failed"); !slices.Equal(got, []string{failed}) {
		t.Errorf("%v", got)
	}
	if n, _ := list("filter.model=doubao-seedance-2-0-260128"); n != 5 {
		t.Errorf("%d", n)
	}
	if n, _ := list("filter.service_tier=flex"); n != 0 {
		t.Errorf("%d", n)
	}
	out := as[listBody](t, k.must(200, "GET", taskRoute+"?page_size=500", ""))
	if out.Items[0].Error == nil || out.Items[1].SafetyIdentifier != "fence-4" || out.Items[1].Content == nil {
		t.Errorf("%+v", out.Items)
	}
	if n := k.sim.Ledger().Totals.Lists; n != 8 {
		t.Errorf("%d lists in the ledger", n)
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *sim.Config) {
		c.Accounts = []sim.Account{{Key: "sim-test", RPM: 2, IPM: 3, ChatRPM: 1, MaxRunning: -1}}
	})
	k.create(videoOf("1"))
	k.clock.Advance(30 * time.Second)
	k.create(videoOf("2"))
	checkError(t, k.must(429, "POST", taskRoute, videoOf("3")), "ModelAccountRpmRateLimitExceeded")
	k.create(seedance("2-0-260128")) // each model has its own count
	k.clock.Advance(30 * time.Second)
	k.create(videoOf("4"))
	k.must(429, "POST", taskRoute, videoOf("5"))

	group := obj{"sequential_image_generation": "auto", "sequential_image_generation_options": obj{"max_images": 2}}
	k.image(imageOf("two", group))
	checkError(t, k.must(429, "POST", imageRoute, imageOf("two more", group)), "ModelAccountIpmRateLimitExceeded")
	k.image(imageOf("one"))

	k.must(200, "POST", chatRoute, chatOf("1"))
	checkError(t, k.must(429, "POST", chatRoute, chatOf("2")), "ModelAccountRpmRateLimitExceeded")
}

// callbackServer collects the states that are posted to it.
func callbackServer(t *testing.T, status func(n int) int) (url string, states chan string) {
	t.Helper()
	states = make(chan string, 20)
	n := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		var body taskBody
		if err != nil || json.Unmarshal(data, &body) != nil || r.Method != http.MethodPost {
			t.Errorf("%s %s %v", r.Method, data, err)
		}
		n++ // deliveries of one task follow each other
		w.WriteHeader(status(n))
		states <- body.Status
	}))
	t.Cleanup(srv.Close)
	return srv.URL, states
}

func TestCallback(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *sim.Config) { c.Defaults = sim.Account{MaxRunning: 1} })
	url, states := callbackServer(t, func(int) int { return 200 })
	k.create(videoOf("first"))
	k.create(videoOf("second", obj{"callback_url": url}))
	if s := <-states; s != "queued" {
		t.Error(s)
	}
	k.clock.Advance(6 * time.Second)
	if s := <-states; s != "running" {
		t.Error(s)
	}
	k.clock.Advance(6 * time.Second)
	if s := <-states; s != "succeeded" {
		t.Error(s)
	}
}

func TestCallbackIsTriedThreeTimes(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	url, states := callbackServer(t, func(int) int { return 500 })
	k.create(videoOf("x sim:fail", obj{"callback_url": url}))
	for _, want := range []string{"queued", "running"} {
		if s := <-states; s != want {
			t.Error(s)
		}
	}
	k.clock.Advance(6 * time.Second)
	for i := range 3 {
		if s := <-states; s != "failed" {
			t.Error(s)
		}
		if i < 2 {
			if err := k.clock.AwaitTimers(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			k.clock.Advance(time.Second)
		}
	}
	k.sim.Close() // waits for what is on its way
	if n := len(states); n != 0 {
		t.Errorf("%d more", n)
	}
}
