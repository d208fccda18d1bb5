package e2e_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector takes spans, as an OpenTelemetry collector does.
type collector struct {
	*httptest.Server

	mu    sync.Mutex
	spans []*tracepb.Span
	raw   [][]byte
	wrong int
}

func openCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var batch coltrace.ExportTraceServiceRequest
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || proto.Unmarshal(body, &batch) != nil {
		c.wrong++
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.raw = append(c.raw, body)
	for _, resource := range batch.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			c.spans = append(c.spans, scope.GetSpans()...)
		}
	}
}

// setting is what has the programs send their spans here.
func (c *collector) setting() string { return "TINTYPE_TELEMETRY_TRACES_ENDPOINT=" + c.URL }

// bodies are all batches as they came.
func (c *collector) bodies() [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.raw)
}

// of gives the spans of a trace, by name.
func (c *collector) of(traceID string) map[string][]*tracepb.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string][]*tracepb.Span{}
	for _, s := range c.spans {
		if hex.EncodeToString(s.GetTraceId()) == traceID {
			out[s.GetName()] = append(out[s.GetName()], s)
		}
	}
	return out
}

// value is a span's attribute; "" if it has none.
func value(s *tracepb.Span, name string) string {
	for _, a := range s.GetAttributes() {
		if a.GetKey() == name {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}

// linesOf is what the logs say of a job: that it was asked for, sent and taken, what
// else there was, and that it ended.
func linesOf(more ...string) []string {
	return slices.Sorted(slices.Values(append(more, "request", "a submission begins", "the upstream accepted a submission", "a job ended")))
}

// linesAbout gives what the logs say of a job, each once. Each of its lines must name
// its trace.
func (c *cluster) linesAbout(id, trace string) []string {
	said := map[string]bool{}
	for _, p := range slices.Concat(c.apis, c.workers) {
		for _, line := range p.log.Lines() {
			switch l := parseLine(line); {
			case l.Job != id:
			case l.Trace != trace:
				c.Errorf("a line of log names the job and not its trace: %s", line)
			default:
				said[l.Msg] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(said))
}

// TestTraces: a caller's trace goes through every process that has a hand in its
// job, and its id stands in their logs.
func TestTraces(t *testing.T) {
	t.Parallel()
	spans, secret := openCollector(t), hookSecret()
	told := openReceiver(t, secret)
	told.hear()
	c := start(t, spans.setting(), "TINTYPE_WEBHOOKS_SECRET="+secret, "TINTYPE_WEBHOOKS_ALLOW_PRIVATE=127.0.0.0/8", "TINTYPE_TELEMETRY_TRACES_SAMPLE=0")
	const parent = "00f067aa0ba902b7"
	wants := map[string]struct {
		path, prompt, id string
		spans, lines     []string
	}{
		"video":  {videoPath, "a cat", "4bf92f3577b34da6a3ce929d0e0e4736", []string{"POST " + videoPath, "generate", "mirror", "submit", "wait", "webhook"}, linesOf("the upstream has made a job's media")},
		"image":  {imagePath, "a cat", "4bf92f3577b34da6a3ce929d0e0e4737", []string{"POST " + imagePath, "mirror", "submit", "wait", "webhook"}, linesOf()},
		"failed": {videoPath, "a cat sim:fail", "4bf92f3577b34da6a3ce929d0e0e4738", []string{"POST " + videoPath, "generate", "submit", "wait", "webhook"}, linesOf()},
	}
	jobs := map[string]string{}
	for name, w := range wants {
		a := c.call(request{
			url: c.apis[0].base() + w.path, key: gatewayKey, headers: []string{"Traceparent", "00-" + w.id + "-" + parent + "-01"},
			body: encode(fields{"prompt": c.prompt(w.prompt), "webhook_url": told.URL}),
		})
		jobs[name] = a.jobID()
	}
	// Sampling is the caller's own affair where it has a trace, and ours is none here.
	silent := c.call(request{url: c.apis[0].base() + imagePath, key: gatewayKey, body: encode(fields{"prompt": c.prompt("a cat")})}).jobID()
	ctx, cancel := context.WithTimeout(c.ctx(), callWithin)
	defer cancel()
	for name, w := range wants { // they are sent every few seconds
		if err := until(ctx, func() error {
			if got := slices.Sorted(maps.Keys(spans.of(w.id))); !slices.Equal(got, w.spans) {
				return fmt.Errorf("%s: spans %v, want %v", name, got, w.spans)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		got := spans.of(w.id)
		for span, list := range got {
			for _, s := range list {
				if hex.EncodeToString(s.GetParentSpanId()) != parent == strings.HasPrefix(span, "POST") {
					t.Errorf("%s: %s has the parent %x", name, span, s.GetParentSpanId())
				}
				if id := value(s, "tintype.job_id"); id != jobs[name] {
					t.Errorf("%s: %s is of job %q, want %q", name, span, id, jobs[name])
				}
				if s.GetEndTimeUnixNano() < s.GetStartTimeUnixNano() {
					t.Errorf("%s: %s ends before it begins", name, span)
				}
			}
		}
		for _, s := range got["generate"] {
			if len(s.GetEvents()) == 0 || s.GetEvents()[0].GetName() != "poll" {
				t.Errorf("%s: nothing is told of the questions: %v", name, s.GetEvents())
			}
		}
		if post := got["POST "+w.path]; len(post) != 1 || len(post[0].GetEvents()) != 1 || post[0].GetEvents()[0].GetName() != "delivered" {
			t.Errorf("%s: the call's span does not tell of the answer: %v", name, post)
		}
		if s := got["submit"]; len(s) > 0 && value(s[0], "tintype.outcome") != "accepted" {
			t.Errorf("%s: the submission was %q", name, value(s[0], "tintype.outcome"))
		}
		if err := until(ctx, func() error {
			got := c.linesAbout(jobs[name], w.id) // a busy machine may bring more
			for _, want := range w.lines {
				if !slices.Contains(got, want) {
					return fmt.Errorf("%s: lines of log %q, want %q", name, got, want)
				}
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	spans.mu.Lock()
	defer spans.mu.Unlock()
	for _, s := range spans.spans {
		if value(s, "tintype.job_id") == silent {
			t.Errorf("a span of a request that nobody sampled: %s", s.GetName())
		}
	}
	if spans.wrong > 0 {
		t.Errorf("%d batches were no OTLP", spans.wrong)
	}
}
