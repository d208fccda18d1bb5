package openai_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/openai"
)

// answering starts a server that takes each answer from a channel, and a driver
// for it.
func answering(tb testing.TB, answers <-chan http.HandlerFunc, change ...func(*openai.Config)) *openai.Driver {
	tb.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		(<-answers)(w, r)
	}))
	tb.Cleanup(srv.Close)
	return driver(tb, srv.URL, change...)
}

// sound holds an error to what is promised of every one: it is whole, short for
// the caller, and quotes no credential.
func sound(t *testing.T, err error) *upstream.Error {
	t.Helper()
	e := fails(t, err)
	if len(e.Fault.Message) > 300 || strings.ContainsAny(e.Fault.Message, "`<{\n") || strings.Contains(e.Error()+e.Fault.Error(), key) {
		t.Errorf("%v, and the caller reads %q", e, e.Fault.Message)
	}
	return e
}

func soundSources(t *testing.T, sources []job.Source) {
	t.Helper()
	if len(sources) == 0 || sources[0].Role != job.Primary {
		t.Errorf("ready with %+v", sources)
	}
	for _, s := range sources {
		if (s.URL == "") == (len(s.Data) == 0) {
			t.Errorf("a source of nothing, or of two things: %+v", s)
		}
	}
}

// FuzzSubmitted: whatever an upstream answers to a paid request with a 200, it is
// accepted with all that is needed, or nobody knows, unless the answer itself is a
// known error; and no more is read than the bound.
func FuzzSubmitted(f *testing.F) {
	for _, seed := range []string{
		`{"data":[{"url":"https://a/1.png"}],"usage":{"output_tokens":1.5e3,"total_tokens":"7"}}`, `{"data":[{"b64_json":"aGk="}]}`, `{"data":[{"b64_json":"!"}]}`, `{"data":[{"url":"data:,aGk="},{"url":"0"}]}`,
		` {"b64_json" : "data:x"}`, `{"data":[{"b64_json":"aG\/\u002bk"}]}`, `{"error":{"code":"moderation_blocked","message":"` + key + `"}}`, `{"error":"` + key + `"}`, `{"error":{"code":7,"type":null}}`, `{"error":[]}`,
		`{"id":"v","status":"queued","error":null}`, `{"id":7}`, `{"id":{}}`, `{"task_id":"t","data":[{"url":"https://a"}]}`, `{"data":{}}`, `{"data":[null]}`, `[]`, ``, `null`, `"`, `{"b64_json":"`,
	} {
		for _, picture := range []bool{true, false} {
			f.Add([]byte(seed), picture)
		}
	}
	answers := make(chan http.HandlerFunc, 1)
	d := answering(f, answers, func(c *openai.Config) { c.AnswerBytes = 1 << 10 })
	f.Fuzz(func(t *testing.T, body []byte, picture bool) {
		answers <- reply(http.StatusOK, string(body))
		s := video()
		if picture {
			s = image()
		}
		got, err := d.Submit(t.Context(), acc(), s)
		switch {
		case err != nil:
			if e := sound(t, err); e.Outcome == upstream.NotSent || e.Outcome == upstream.Rejected && !strings.Contains(string(body), "error") {
				t.Errorf("%q means %v", body, e)
			}
		case picture:
			soundSources(t, got.Sources)
			if len(body) > 1<<10 {
				t.Errorf("%d bytes were read", len(body))
			}
		case got.UpstreamID == "":
			soundSources(t, got.Sources)
		}
	})
}

// FuzzStatus: whatever an upstream says of a video, it works, is ready with media,
// or has failed for a reason.
func FuzzStatus(f *testing.F) {
	for _, seed := range []string{
		`{"status":"completed"}`, `{"status":"succeeded","url":"https://a/v.mp4"}`, `{"status":"failed","error":{"code":"moderation_blocked","message":"` + key + `"}}`, `{"status":"failed","error":"` + key + `"}`,
		`{"status":"QUEUED"}`, `{"status":7}`, `{"status":""}`, `[]`, ``, `{"error":{"code":"x"}}`, `{"status":"succeeded","data":[{"url":"https://a","cover":"https://b"}]}`, `{"status":"succeeded","url":7}`,
	} {
		f.Add([]byte(seed), true, 200)
		f.Add([]byte(seed), false, 404)
	}
	answers := make(chan http.HandlerFunc, 1)
	videos, tasks := answering(f, answers), answering(f, answers, newAPI)
	f.Fuzz(func(t *testing.T, body []byte, newShape bool, status int) {
		if status < 200 || status > 599 || status == 204 || status == 304 {
			return
		}
		answers <- reply(status, string(body))
		d := videos
		if newShape {
			d = tasks
		}
		got, err := d.Status(t.Context(), acc(), "v")
		if err != nil {
			if e := sound(t, err); e.Outcome != "" {
				t.Errorf("%q: %v", body, e)
			}
			return
		}
		switch got.State {
		case upstream.Ready:
			soundSources(t, got.Sources)
		case upstream.Failed:
			if got.Failure == nil || got.Failure.Message == "" || strings.Contains(got.Failure.Error(), key) {
				t.Errorf("failed: %v", got.Failure)
			}
		case upstream.Working:
		default:
			t.Errorf("the state %q", got.State)
		}
	})
}
