package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestEvents holds GET /v1/jobs/{id}/events against B3, told live and told
// again after the end.
func TestEvents(t *testing.T) {
	t.Parallel()
	c := start(t)
	id := c.post(c.apis[0], videoPath, gatewayKey, c.prompt("waves sim:ready=8s"))
	path := "/v1/jobs/" + id + "/events"
	live := c.call(request{url: c.apis[1].base() + path, key: gatewayKey})
	again := c.call(request{url: c.apis[0].base() + path, key: gatewayKey})
	for name, a := range map[string]answer{"live": live, "again": again} {
		for _, f := range checkEvents(a, id) {
			t.Errorf("%s: %s", name, f)
		}
	}
	if told, retold := seqs(framesOf(live.body)), seqs(framesOf(again.body)); !slices.Equal(told, retold) {
		t.Errorf("live %v, again %v", told, retold)
	}
	if n := strings.Count(string(live.body), "\n\n: "); n < 2 {
		t.Errorf("%d heartbeats in 8 s, one a second is configured", n)
	}
	for _, stranger := range []string{pooled, ownKey, holdKey} {
		for _, p := range []string{"/v1/jobs/" + id, path, videoPath + "/" + id + "/events"} {
			a := c.call(request{url: c.apis[0].base() + p, key: stranger})
			unknown := c.call(request{url: c.apis[0].base() + strings.Replace(p, id, strings.Repeat("0", len(id)), 1), key: stranger})
			if a.status != 404 || string(a.body) != string(unknown.body) || a.jobID() != "" {
				t.Errorf("%s with %s: %d %s, an unknown job gives %s", p, stranger, a.status, a.body, unknown.body)
			}
		}
	}
}

// TestHeartbeats: a media stream says every second that it lives, by chunks that
// every reader takes.
func TestHeartbeats(t *testing.T) {
	t.Parallel()
	c := start(t)
	a := c.call(request{url: c.apis[0].base() + videoPath, key: pooled, body: encode(fields{"prompt": c.prompt("waves sim:ready=8s"), "stream": true})})
	for _, f := range checkMediaStream(a, "video", "doubao-video") {
		t.Error(f)
	}
	beats := slices.DeleteFunc(framesOf(a.body), func(f frame) bool { return f.seq() > 0 || !strings.Contains(f.field("data"), `"progress"`) })
	if len(beats) < 2 {
		t.Errorf("%d heartbeats in 8 s: %s", len(beats), a.body)
	}
}

// checkEvents holds the whole log of a video that succeeded against B3.
func checkEvents(a answer, id string) (found []string) {
	found = checkStreamHead(a)
	frames := framesOf(a.body)
	if len(frames) == 0 || !slices.Equal(frames[0].lines, []string{"retry: 2000"}) {
		return append(found, fmt.Sprintf("it begins with %v", frames[:min(1, len(frames))]))
	}
	frames = slices.DeleteFunc(frames[1:], func(f frame) bool { return len(f.lines) == 1 && strings.HasPrefix(f.lines[0], ": ") })
	found = append(found, onlyLines(frames, "id", "event", "data")...)
	found = append(found, checkOrder(frames)...)
	var kinds []string
	for i, f := range frames {
		o, err := f.object()
		if err != nil {
			return append(found, fmt.Sprintf("event %d: %v", i+1, err))
		}
		want := liveJob(id, "video", "doubao-video")
		if i == len(frames)-1 {
			_, video := linksOf([]byte(encode(o["job"])))
			want = succeededJob(id, "video", "doubao-video", videoChoices(video))
		}
		found = append(found, like(fmt.Sprintf("event %d", i+1), o, fields{"seq": i + 1, "type": f.field("event"), "time": moment, "job": want})...)
		kinds = append(kinds, strings.TrimPrefix(f.field("event"), "job."))
	}
	milestones := slices.DeleteFunc(slices.Clone(kinds), func(k string) bool { return k == "progress" })
	if !slices.Equal(milestones, []string{"queued", "admitted", "submitted", "media", "media", "succeeded"}) || len(kinds) < len(milestones)+2 {
		found = append(found, fmt.Sprintf("the log is %v", kinds))
	}
	return found
}
