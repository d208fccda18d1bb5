package openai_test

import (
	"encoding/base64"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/openai"
)

func primary(url string) job.Source { return job.Source{Role: job.Primary, URL: url} }

func bytesOf(data string) job.Source { return job.Source{Role: job.Primary, Data: []byte(data)} }

func TestImageAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		want       []job.Source
		usage      job.Usage
	}{
		{"a link", `{"created":1,"data":[{"url":"https://a/1.png","revised_prompt":"x"}]}`, []job.Source{primary("https://a/1.png")}, job.Usage{Images: 1}},
		{"bytes", `{"data":[{"b64_json":"aGVsbG8="},{"b64_json":"aGk="}],"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}`, []job.Source{bytesOf("hello"), bytesOf("hi")}, job.Usage{Images: 2, OutputTokens: 2, TotalTokens: 3}},
		{"bytes as a data URI", `{"data":[{"b64_json":"data:image/png;base64,aGk="}]}`, []job.Source{bytesOf("hi")}, job.Usage{Images: 1}},
		{"a link that is one", `{"data":[{"url":"data:image/png;base64,aGk="}]}`, []job.Source{bytesOf("hi")}, job.Usage{Images: 1}},
		{"escapes", `{"data":[{"b64_json":"\/\u002b\/8"}]}`, []job.Source{bytesOf("\xff\xef\xfc")}, job.Usage{Images: 1}},
		{"both, and null beside", `{"data":[{"url":"https://a","b64_json":"aGk="},{"url":"https://b","b64_json":null}],"error":null}`, []job.Source{bytesOf("hi"), primary("https://b")}, job.Usage{Images: 2}},
		{"one of two", `{"data":[{"error":{"code":"moderation_blocked"}},{"url":"https://b"}]}`, []job.Source{primary("https://b")}, job.Usage{Images: 1}},
		{
			"another Tintype, after its spaces", "    \n " + `{"id":"1","model":"m","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"![image](https://t/v1/media/x/image-0.png)","images":["https://t/v1/media/x/image-0.png"]},"finish_reason":"stop"}],"created":1,"data":[{"url":"https://t/v1/media/x/image-0.png"}]}`,
			[]job.Source{primary("https://t/v1/media/x/image-0.png")},
			job.Usage{Images: 1},
		},
	}
	for _, tt := range tests {
		srv := newServer(t, reply(200, tt.body))
		got, err := driver(t, srv.URL).Submit(t.Context(), acc(), image())
		if err != nil || !reflect.DeepEqual(got.Sources, tt.want) || got.Usage == nil || *got.Usage != tt.usage || got.UpstreamID != "" {
			t.Errorf("%s: got %+v %+v, %v", tt.name, got, got.Usage, err)
		}
	}
}

// TestImageBytesAreBounded: what is over the bound may have been paid, and is not
// read on.
func TestImageBytesAreBounded(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("A", 3<<20)
	for name, body := range map[string]string{
		"bytes":          `{"data":[{"b64_json":"` + large + `"}]}`,
		"text":           `{"data":[{"url":"https://` + large[:2<<20] + `"}]}`,
		"two and a link": `{"data":[{"b64_json":"` + large[:2<<20] + `"},{"b64_json":"` + large[:2<<20] + `"},{"url":"https://a"}]}`,
	} {
		for _, length := range []bool{true, false} {
			srv := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
				if length {
					w.Header().Set("Content-Length", strconv.Itoa(len(body)))
				}
				_, _ = w.Write([]byte(body))
			})
			d := driver(t, srv.URL, func(c *openai.Config) { c.AnswerBytes = 5 << 19 })
			_, err := d.Submit(t.Context(), acc(), image())
			if e := fails(t, err); e.Class != upstream.Unknown || e.Outcome != upstream.Ambiguous {
				t.Errorf("%s: %v", name, e)
			}
		}
	}
	// The bound is of what comes, exactly.
	body := `{"data":[{"b64_json":"` + base64.StdEncoding.EncodeToString([]byte(large[:1<<20])) + `"}]}`
	srv := newServer(t, reply(200, body))
	got, err := driver(t, srv.URL, func(c *openai.Config) { c.AnswerBytes = int64(len(body)) }).Submit(t.Context(), acc(), image())
	if err != nil || string(got.Sources[0].Data) != large[:1<<20] {
		t.Errorf("within the bound: %v", err)
	}
}

func TestImageErrorsInside(t *testing.T) {
	t.Parallel()
	for body, outcome := range map[string]upstream.Outcome{
		`{"data":[{"error":{"code":"moderation_blocked"}}]}`: upstream.Rejected,
		`{"data":[{"error":{"code":"server_error"}}]}`:       upstream.Ambiguous,
		`{"data":[{"b64_json":""}]}`:                         upstream.Ambiguous,
		`{"data":[{"b64_json":"!"}]}`:                        upstream.Ambiguous,
		`{"data":[{"b64\u005fjson":"7"}]}`:                   upstream.Ambiguous,
		`{"data":[{"url":"7"}]}`:                             upstream.Ambiguous,
	} {
		srv := newServer(t, reply(200, body))
		got, err := driver(t, srv.URL).Submit(t.Context(), acc(), image())
		if e := fails(t, err); e.Outcome != outcome {
			t.Errorf("%s: %+v, %v", body, got, e)
		}
	}
}

func TestVideoCreated(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		body   string
		change func(*openai.Config)
		id     string
		made   int
	}{
		{`{"id":"video_1","object":"video","status":"queued","progress":0,"error":null}`, everything, "video_1", 0},
		{`{"id":42,"status":"queued"}`, everything, "42", 0},
		{`{"task_id":"t1","status":"queued"}`, newAPI, "t1", 0},
		{`{"id":"x","task_id":"t1","status":"queued"}`, newAPI, "t1", 0},
		{`  {"id":"j","choices":[{}],"data":[{"url":"https://a/v.mp4","cover":"https://a/c.jpg","vid":"v"}]}`, newAPI, "", 2},
	} {
		srv := newServer(t, reply(200, tt.body))
		got, err := driver(t, srv.URL, tt.change).Submit(t.Context(), acc(), video())
		if err != nil || got.UpstreamID != tt.id || len(got.Sources) != tt.made {
			t.Errorf("%s: got %+v, %v", tt.body, got, err)
		}
	}
}

func TestVideoStatus(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		newAPI     bool
		state      upstream.State
		phase      job.Phase
		code       fault.Code
		param      string
	}{
		{"queued", `{"status":"queued"}`, false, upstream.Working, job.PhaseQueued, "", ""},
		{"in progress", `{"status":"in_progress","progress":40}`, false, upstream.Working, job.PhaseGenerating, "", ""},
		{"a new word", `{"status":"rendering"}`, false, upstream.Working, job.PhaseGenerating, "", ""},
		{"completed", `{"status":"completed","error":null}`, false, upstream.Ready, "", "", ""},
		{"succeeded", `{"task_id":"t","status":"succeeded","url":"https://a/v.mp4","format":"mp4"}`, true, upstream.Ready, "", "", ""},
		{"SUCCESS", `{"task_id":"t","status":"SUCCESS","url":"https://a/v.mp4"}`, true, upstream.Ready, "", "", ""},
		{"failed", `{"status":"failed","error":{"code":"internal_error","message":"m"}}`, false, upstream.Failed, "", fault.GenerationFailed, ""},
		{"failed, no word why", `{"status":"failed","error":null}`, false, upstream.Failed, "", fault.GenerationFailed, ""},
		{"policy", `{"status":"failed","error":{"code":"moderation_blocked","message":"m"}}`, false, upstream.Failed, "", fault.ContentPolicy, "prompt"},
		{"a number for a code", `{"status":"failed","error":{"code":500,"message":"m"}}`, true, upstream.Failed, "", fault.GenerationFailed, ""},
		{"a bad image", `{"status":"failed","error":{"code":"invalid_image","message":"m"}}`, true, upstream.Failed, "", fault.GenerationFailed, "image"},
		{"canceled", `{"status":"failed","error":{"code":"canceled","message":"m"}}`, false, upstream.Failed, "", fault.GenerationFailed, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t, reply(200, tt.body))
			change := everything
			if tt.newAPI {
				change = newAPI
			}
			got, err := driver(t, srv.URL, change).Status(t.Context(), acc(), "a/b")
			if err != nil || got.State != tt.state || got.Phase != tt.phase || (got.Failure != nil) != (tt.code != "") || (len(got.Sources) > 0) != (tt.state == upstream.Ready) {
				t.Fatalf("got %+v, %v", got, err)
			}
			if f := got.Failure; f != nil && (f.Code != tt.code || f.Param != tt.param || f.Message == "m") {
				t.Errorf("the failure is %v (param %q)", f, f.Param)
			}
		})
	}
}

func TestStatusErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		class  upstream.Class
	}{
		{"gone", reply(404, envelope("not_found", "invalid_request_error", "")), upstream.Lost},
		{"404 of a server in front", reply(404, `<html>`), upstream.Transient},
		{"404 of nobody", reply(404, ``), upstream.Transient},
		{"404 of another service", reply(404, `{"detail":"Not Found"}`), upstream.Transient},
		{"no status", reply(200, `{"id":"1"}`), upstream.Empty},
		{"an error inside", reply(200, envelope("rate_limit_exceeded", "", "")), upstream.RateLimited},
		{"ready without a link", reply(200, `{"status":"succeeded"}`), upstream.Empty},
		{"list", reply(200, `[]`), upstream.Unknown},
	} {
		srv := newServer(t, tt.answer)
		_, err := driver(t, srv.URL, newAPI).Status(t.Context(), acc(), "t1")
		if e := fails(t, err); e.Class != tt.class || e.Outcome != "" {
			t.Errorf("%s: %v", tt.name, e)
		}
	}
	_, err := driver(t, "http://127.0.0.1:1", func(c *openai.Config) { c.Videos = openai.NoVideos }).Status(t.Context(), acc(), "t1")
	if e := fails(t, err); e.Class != upstream.Lost {
		t.Errorf("nobody could know it: %v", e)
	}
}

// TestCancelAnswers: what comes back from a DELETE for a video that waits.
func TestCancelAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   upstream.CancelAnswer // empty: an error
	}{
		{"deleted", 200, `{"id":"v","object":"video.deleted","deleted":true}`, upstream.Stopped},
		{"no content", 204, ``, upstream.Stopped},
		{"not deleted", 200, `{"deleted":false}`, upstream.WorksOn},
		{"refused", 409, envelope("video_in_progress", "", ""), upstream.WorksOn},
		{"no such call", 405, ``, upstream.WorksOn},
		{"an error inside", 200, envelope("server_error", "", ""), ""},
		{"409 of a server in front", 409, `<html>`, ""},
		{"500", 500, envelope("server_error", "", ""), ""},
	} {
		srv := newServer(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodDelete {
				reply(tt.status, tt.body)(w, r)
				return
			}
			reply(200, `{"status":"queued"}`)(w, r)
		})
		got, err := driver(t, srv.URL).Cancel(t.Context(), acc(), "v")
		if got != tt.want || (err != nil) != (tt.want == "") || len(srv.got) != 2 {
			t.Errorf("%s: %q, %v after %d requests", tt.name, got, err, len(srv.got))
		}
	}
}

// TestVideoTook: an upstream that tells when it began and when it was done is
// believed, and nonsense is nothing.
func TestVideoTook(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]time.Duration{
		`{"status":"completed","created_at":1765434900,"completed_at":1765434961}`: 61 * time.Second,
		`{"status":"completed","created_at":1765434900}`:                           0,
		`{"status":"completed","created_at":"soon","completed_at":[]}`:             0,
		`{"status":"completed","created_at":20,"completed_at":10}`:                 0,
	} {
		srv := newServer(t, reply(200, body))
		got, err := driver(t, srv.URL, everything).Status(t.Context(), acc(), "a")
		if err != nil || got.State != upstream.Ready || got.Took != want {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
}
