package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// frame is one event as it was on the wire: its lines.
type frame []string

// field gives the value of a line of the frame.
func (f frame) field(name string) string {
	for _, line := range f {
		if v, ok := strings.CutPrefix(line, name+": "); ok {
			return v
		}
	}
	return ""
}

// frames reads events from a stream, one at a time.
type frames struct {
	t testing.TB
	r *bufio.Reader
}

func read(tb testing.TB, r io.Reader) *frames {
	tb.Helper()
	return &frames{tb, bufio.NewReader(r)}
}

// next gives the next event; nil at the end.
func (fs *frames) next() frame {
	fs.t.Helper()
	var f frame
	for {
		line, err := fs.r.ReadString('\n')
		if err == io.EOF && line == "" {
			return f
		}
		if err != nil {
			fs.t.Fatalf("the stream broke off in %q: %v", line, err)
		}
		if line = strings.TrimSuffix(line, "\n"); line == "" {
			return f
		}
		f = append(f, line)
	}
}

// rest gives all events to the end.
func (fs *frames) rest() []frame {
	fs.t.Helper()
	var all []frame
	for f := fs.next(); f != nil; f = fs.next() {
		all = append(all, f)
	}
	return all
}

func (h *house) stream(method, path, body string, headers ...string) (*http.Response, *frames) {
	h.Helper()
	resp := h.open(h.Context(), method, path, strings.NewReader(body), headers...)
	h.Cleanup(func() { _ = resp.Body.Close() })
	return resp, read(h.TB, resp.Body)
}

func checkStreamHead(t *testing.T, resp *http.Response) {
	t.Helper()
	h := resp.Header
	if resp.StatusCode != 200 || h.Get("Content-Type") != "text/event-stream; charset=utf-8" ||
		h.Get("Cache-Control") != "no-cache, no-transform" || h.Get("X-Accel-Buffering") != "no" || h.Get("X-Job-Id") == "" {
		t.Errorf("head: %d %v", resp.StatusCode, h)
	}
}

// chunk reads a frame of the chunk dialect: data, and an id if it is an event
// of the log, and nothing else.
func (f frame) chunk(t *testing.T) (c tintype.Chunk, raw map[string]json.RawMessage) {
	t.Helper()
	for _, line := range f {
		if !strings.HasPrefix(line, "data: ") && !strings.HasPrefix(line, "id: ") {
			t.Errorf("line %q in a stream of chunks", line)
		}
	}
	if err := json.Unmarshal([]byte(f.field("data")), &c); err != nil {
		t.Fatalf("frame %q: %v", f, err)
	}
	if err := json.Unmarshal([]byte(f.field("data")), &raw); err != nil {
		t.Fatal(err)
	}
	if _, ok := raw["error"]; ok {
		t.Errorf("a chunk with the key error: %q", f)
	}
	c.Seq, _ = strconv.ParseInt(f.field("id"), 10, 64)
	if c.Object != "chat.completion.chunk" || len(c.Choices) != 1 || c.ID == "" || c.Created == 0 {
		t.Errorf("chunk %q", f)
	}
	return c, raw
}

func TestImageStream(t *testing.T) {
	t.Parallel()
	h := open(t)
	resp, fs := h.stream(http.MethodPost, images, `{"prompt":"x","stream":true}`)
	checkStreamHead(t, resp)
	first, _ := fs.next().chunk(t) // at once, before anything was done
	if first.Choices[0].Delta.Role != "assistant" || *first.Choices[0].Delta.Content != "" || first.Seq != 1 {
		t.Errorf("first chunk %+v", first)
	}
	id := job.ID(resp.Header.Get("X-Job-Id"))
	h.makeImage(id, picture(t, 8, 6))
	all := fs.rest()
	n := len(all)
	if n < 5 || all[n-1].field("data") != "[DONE]" {
		t.Fatalf("%d frames: %q", n, all)
	}
	seq := int64(1)
	for _, f := range all[:n-4] {
		c, _ := f.chunk(t)
		if c.Progress == nil || *c.Choices[0].Delta.Content != "" || c.Seq != seq+1 {
			t.Errorf("progress chunk %q after %d", f, seq)
		}
		seq++
	}
	text, _ := all[n-4].chunk(t)
	links, _ := all[n-3].chunk(t)
	stop, _ := all[n-2].chunk(t)
	url := h.link(id, "image-0.png")
	if text.Text() != "以下是为您生成的图片：\n![image]("+url+")" || text.Images() != nil {
		t.Errorf("text chunk %q", all[n-4])
	}
	if got := links.Images(); len(got) != 1 || got[0] != url || links.Choices[0].Delta.Content != nil {
		t.Errorf("links chunk %q", all[n-3])
	}
	if r := stop.Choices[0].FinishReason; r == nil || *r != "stop" || stop.Seq != seq+1 {
		t.Errorf("stop chunk %q after %d", all[n-2], seq)
	}
}

// TestStreamOfBytes: a stream has links alone, in lines that every reader takes. Who
// wants the bytes is told so before anything is paid, and gets them without a stream.
func TestStreamOfBytes(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // a stream would not end
	defer cancel()
	refused := h.open(ctx, http.MethodPost, images, strings.NewReader(`{"prompt":"x","stream":true,"response_format":"b64_json"}`))
	defer func() { _ = refused.Body.Close() }()
	if refused.StatusCode != 400 {
		t.Fatalf("%d %v", refused.StatusCode, refused.Header)
	}
	body, err := io.ReadAll(refused.Body)
	h.must(err)
	if code, param, says := errorOf(t, string(body)); code != "invalid_request" || param != "response_format" || !strings.Contains(says, "Leave out") {
		t.Errorf("%s", body)
	}
	h.nothingHappened()
	resp, fs := h.stream(http.MethodPost, images, `{"prompt":"x","stream":true,"response_format":"url"}`)
	checkStreamHead(t, resp)
	h.makeImage(job.ID(resp.Header.Get("X-Job-Id")), picture(t, 8, 6))
	if all := fs.rest(); all[len(all)-1].field("data") != "[DONE]" {
		t.Errorf("%q", all)
	}
}

func TestVideoStreamShowsProgress(t *testing.T) {
	t.Parallel()
	h := open(t, waiting(server.Wait{Beat: 20 * ms}))
	resp, fs := h.stream(http.MethodPost, videos, `{"prompt":"x","stream":true}`)
	id := job.ID(resp.Header.Get("X-Job-Id"))
	h.makeVideo(id)
	var phases []string
	var percent int
	all := fs.rest()
	for _, f := range all[:len(all)-1] {
		c, raw := f.chunk(t)
		if raw["progress"] == nil {
			continue
		}
		if c.Progress.Percent < percent {
			t.Errorf("progress went back to %d", c.Progress.Percent)
		}
		percent = c.Progress.Percent
		if p := string(c.Progress.Phase); len(phases) == 0 || phases[len(phases)-1] != p {
			phases = append(phases, p)
		}
	}
	if got := strings.Join(phases, " "); got != "queued submitting queued generating mirroring" {
		t.Errorf("phases %s", got)
	}
}

func TestHeartbeatOfChunks(t *testing.T) {
	t.Parallel()
	h := open(t, waiting(server.Wait{Beat: 10 * ms}))
	h.must(h.store.SyncAccounts(t.Context(), "ark", append(none, pooledOne(1))))
	h.create(videos, `{"prompt":"holds the only slot"}`)
	h.create(videos, `{"prompt":"waits before"}`)
	_, fs := h.stream(http.MethodPost, videos, `{"prompt":"x","stream":true}`)
	fs.next()
	beat, raw := fs.next().chunk(t)
	if beat.Seq != 0 || *beat.Choices[0].Delta.Content != "" || beat.Progress == nil || beat.Progress.Position == nil || *beat.Progress.Position != 1 {
		t.Errorf("beat %s", raw)
	}
	var p map[string]any
	h.must(json.Unmarshal(raw["progress"], &p))
	for _, key := range []string{"phase", "percent", "position", "eta_seconds"} {
		if _, ok := p[key]; !ok {
			t.Errorf("progress has no %s: %s", key, raw["progress"])
		}
	}
}

func TestStreamOfAFailure(t *testing.T) {
	t.Parallel()
	h := open(t)
	resp, fs := h.stream(http.MethodPost, images, `{"prompt":"x","stream":true}`)
	fs.next()
	h.fail(job.ID(resp.Header.Get("X-Job-Id")), fault.New(fault.GenerationFailed, "It went wrong."))
	all := fs.rest()
	n := len(all)
	if n < 2 || all[n-1].field("data") != "[DONE]" {
		t.Fatalf("%q", all)
	}
	data := all[n-2].field("data")
	if code, _, _ := errorOf(t, data); code != "generation_failed" || !strings.HasPrefix(data, `{"error":`) || strings.Contains(data, "choices") {
		t.Errorf("error event %q", all[n-2])
	}
}

// event reads a frame of the events endpoint.
func (f frame) event(t *testing.T) tintype.Event {
	t.Helper()
	var e tintype.Event
	if err := json.Unmarshal([]byte(f.field("data")), &e); err != nil {
		t.Fatalf("frame %q: %v", f, err)
	}
	if f.field("id") != strconv.FormatInt(e.Seq, 10) || f.field("event") != string(e.Type) {
		t.Errorf("frame %q does not agree with itself", f)
	}
	return e
}

func TestEvents(t *testing.T) {
	t.Parallel()
	h := open(t, waiting(server.Wait{Beat: 10 * ms}))
	id := h.create(videos, `{"prompt":"x"}`)
	resp, fs := h.stream(http.MethodGet, "/v1/jobs/"+string(id)+"/events", "")
	checkStreamHead(t, resp)
	if f := fs.next(); len(f) != 1 || f[0] != "retry: 2000" {
		t.Errorf("first frame %q", f)
	}
	h.makeVideo(id)
	var events []tintype.Event
	for _, f := range fs.rest() {
		if strings.HasPrefix(f[0], ":") {
			continue // a sign of life
		}
		e := f.event(t)
		if e.Job.Queue != nil && e.Job.Status != tintype.StatusQueued {
			t.Errorf("a job that is %s has a place in the line", e.Job.Status)
		}
		events = append(events, e)
	}
	checkLog(t, events)
	last := events[len(events)-1].Job
	if last.Status != tintype.StatusSucceeded || len(last.Choices) != 1 || len(last.Media) != 2 || len(last.Timeline) != len(events) {
		t.Errorf("last state %+v", last)
	}
	for _, e := range events {
		if e.Type == tintype.EventSubmitted && (e.Job.Status != tintype.StatusRunning || len(e.Job.Media) != 0 || e.Job.StartedAt == nil) {
			t.Errorf("the job at its submission: %+v", e.Job)
		}
	}
}

// TestEventsTellThePlace: a job that waits in the line says where.
func TestEventsTellThePlace(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.must(h.store.SyncAccounts(t.Context(), "ark", []account.Account{pooledOne(1)}))
	var id job.ID
	for range 3 { // the first one takes the only slot
		id = h.create(videos, `{"prompt":"x"}`)
	}
	_, fs := h.stream(http.MethodGet, "/v1/jobs/"+string(id)+"/events", "")
	fs.next() // retry
	e := fs.next().event(t)
	if q := e.Job.Queue; e.Type != tintype.EventQueued || q == nil || q.Position != 1 || q.Depth != 2 {
		t.Errorf("%+v, queue %+v", e, q)
	}
	_, fs = h.stream(http.MethodGet, "/v1/jobs/"+string(id)+"/events?after=7", "")
	fs.next()
	if q := fs.next().event(t).Job.Queue; q == nil || q.Position != 1 {
		t.Errorf("a gap tells %+v", q)
	}
}

// filmLog is the log of makeVideo.
const filmLog = "queued admitted progress submitted progress progress media media succeeded"

// checkLog holds a video's events against its life.
func checkLog(t *testing.T, events []tintype.Event) {
	t.Helper()
	var types []string
	for i, e := range events {
		if e.Seq != int64(i+1) {
			t.Errorf("event %d has number %d", i+1, e.Seq)
		}
		types = append(types, strings.TrimPrefix(string(e.Type), "job."))
	}
	if got := strings.Join(types, " "); got != filmLog {
		t.Errorf("log: %s", got)
	}
}

func TestHeartbeatOfEvents(t *testing.T) {
	t.Parallel()
	h := open(t, waiting(server.Wait{Beat: 10 * ms}))
	id := h.create(images, `{"prompt":"x"}`)
	_, fs := h.stream(http.MethodGet, "/v1/jobs/"+string(id)+"/events", "")
	for {
		if f := fs.next(); f == nil {
			t.Fatal("the stream ended")
		} else if strings.HasPrefix(f[0], ":") {
			return
		}
	}
}

// TestSlowReader: a caller that does not read is cut off; others are not hurt.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Limits.WriteStall = 50 * ms }))
	id := h.create(images, `{"prompt":"x"}`)
	h.makeImage(id, make([]byte, 32<<20)) // more than the kernel takes in for it
	fmt.Fprintf(h.dial(), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", strings.TrimPrefix(h.link(id, "image-0.png"), h.url))
	h.eventually(func() bool { return strings.Contains(h.log.String(), "i/o timeout") })
	if a := h.call(http.MethodGet, "/v1/jobs/"+string(id), ""); a.status != 200 {
		t.Errorf("another caller: %d", a.status)
	}
}

// TestRecovered: media that came late makes a failure good.
func TestRecovered(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC()
	media := job.Media{Name: "image-0.png", Role: job.Primary}
	log := []job.Event{
		{Seq: 1, Type: job.EventQueued, Time: now, State: job.Queued},
		{Seq: 2, Type: job.EventFailed, Time: now, State: job.Failed, Failure: fault.New(fault.GenerationTimeout, "Too late.")},
		{Seq: 3, Type: job.EventMedia, Time: now, State: job.Mirroring, Media: &media},
		{Seq: 4, Type: job.EventRecovered, Time: now, State: job.Succeeded},
	}
	j := &job.Job{ID: job.NewID(now), Spec: job.Spec{Kind: job.Image}, State: job.Succeeded, Version: 4, Media: []job.Media{media}}
	chunks, events := server.Tell(j, log)
	if bytes.Contains(chunks, []byte(`"error"`)) || !bytes.Contains(chunks, []byte("image-0.png")) || bytes.Count(chunks, []byte("[DONE]")) != 1 {
		t.Errorf("chunks: %s", chunks)
	}
	if !bytes.Contains(events, []byte("event: job.failed")) || !bytes.Contains(events, []byte(`"recovered":true`)) {
		t.Errorf("events: %s", events)
	}
}
