package ark_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
)

const taskID = "cgt-20260808082624-xqcwx"

func TestStatus(t *testing.T) {
	t.Parallel()
	const videoURL, frameURL = "https://tos.example/v.mp4?X-Tos-Expires=86400&X-Tos-Max-Requests=100&a=%2F", "https://tos.example/v.png?b=%2B"
	tests := []struct {
		name, body string
		state      upstream.State
		phase      job.Phase
		failure    fault.Code
		param      string
	}{
		{"queued", `{"id":"` + taskID + `","status":"queued","error":null}`, upstream.Working, job.PhaseQueued, "", ""},
		{"running", `{"id":"` + taskID + `","status":"running","updated_at":1765434920}`, upstream.Working, job.PhaseGenerating, "", ""},
		{"a new word", `{"id":"` + taskID + `","status":"postprocessing"}`, upstream.Working, job.PhaseGenerating, "", ""},
		{"succeeded", `{"id":"` + taskID + `","model":"dreamina-seedance-2-5-260628","status":"succeeded","content":{"video_url":"` + videoURL + `","last_frame_url":"` + frameURL + `"},
			"usage":{"completion_tokens":324000,"total_tokens":324000},"created_at":1765434900,"updated_at":1765434977,"seed":53843,"duration":5.0,"framespersecond":24,"draft":false}`, upstream.Ready, "", "", ""},
		{"expired", `{"status":"expired"}`, upstream.Failed, "", fault.GenerationFailed, ""},
		{"cancelled", `{"status":"cancelled"}`, upstream.Failed, "", fault.GenerationFailed, ""},
		{"failed", `{"status":"failed","error":{"code":"InternalServiceError","message":"m"}}`, upstream.Failed, "", fault.GenerationFailed, ""},
		{"failed without a reason", `{"status":"failed"}`, upstream.Failed, "", fault.GenerationFailed, ""},
		{"output withheld", `{"status":"failed","error":{"code":"OutputVideoSensitiveContentDetected","message":"m Request id: 0217"}}`, upstream.Failed, "", fault.ContentPolicy, ""},
		{"text refused late", `{"status":"failed","error":{"code":"InputTextSensitiveContentDetected","message":"m"}}`, upstream.Failed, "", fault.ContentPolicy, "prompt"},
		{"image refused late", `{"status":"failed","error":{"code":"InputImageSensitiveContentDetected.PrivacyInformation","message":"m"}}`, upstream.Failed, "", fault.ContentPolicy, "image"},
		{"bad input late", `{"status":"failed","error":{"code":"InvalidParameter.TaskTypeConstraint","message":"The parameter ` + "`content[1].image_url`" + `"}}`, upstream.Failed, "", fault.GenerationFailed, "image"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, reply(200, tt.body))
			got, err := driver(t, w.URL+"/api/v3").Status(t.Context(), acc(), taskID)
			if err != nil {
				t.Fatal(err)
			}
			if got.State != tt.state || got.Phase != tt.phase || (got.Failure != nil) != (tt.failure != "") {
				t.Errorf("got %+v", got)
			}
			if tt.failure != "" {
				wantFault(t, got.Failure, tt.failure, tt.param)
			}
			if tt.state == upstream.Ready {
				wantSources(t, got, videoURL, frameURL)
				if got.Took != 77*time.Second {
					t.Errorf("took %s", got.Took)
				}
			}
			r := w.only(t)
			if r.method != "GET" || r.path != "/api/v3/contents/generations/tasks/"+taskID || r.header.Get("Authorization") != "Bearer "+key {
				t.Errorf("asked %s %s %v", r.method, r.path, r.header)
			}
		})
	}
}

func wantSources(t *testing.T, got upstream.Status, videoURL, frameURL string) {
	t.Helper()
	if len(got.Sources) != 2 || got.Sources[0].URL != videoURL || got.Sources[0].Role != job.Primary ||
		got.Sources[1].URL != frameURL || got.Sources[1].Role != job.Cover {
		t.Errorf("sources %+v", got.Sources)
	}
	if got.Usage == nil || *got.Usage != (job.Usage{OutputTokens: 324000, TotalTokens: 324000}) {
		t.Errorf("usage %+v", got.Usage)
	}
}

func TestStatusErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		status     int
		class      upstream.Class
	}{
		{"unknown id", `{"error":{"code":"NotFound.Task","message":"The specified task is not found."}}`, 404, upstream.Lost},
		{"unknown id, other words", `{"error":{"code":"ResourceNotFound","message":"m"}}`, 404, upstream.Lost},
		{"unknown id, no words", ``, 404, upstream.Lost},
		{"no such route", `{"error":{"code":"InvalidAction","message":"m"}}`, 404, upstream.Unknown},
		{"404 of a server in between", `<html>not found</html>`, 404, upstream.Transient},
		{"wrong key", `{"error":{"code":"AuthenticationError","message":"m"}}`, 401, upstream.Auth},
		{"slow down", `{"error":{"code":"AccountRateLimitExceeded","message":"m"}}`, 429, upstream.RateLimited},
		{"broken", `{"error":{"code":"InternalServiceError","message":"m"}}`, 500, upstream.Transient},
		{"gateway", `<html>`, 502, upstream.Transient},
		{"busy", ``, 503, upstream.Overloaded},
		{"empty", ``, 200, upstream.Empty},
		{"html", `<html>`, 200, upstream.Unknown},
		{"no status", `{"id":"x"}`, 200, upstream.Unknown},
		{"no video", `{"status":"succeeded","content":{}}`, 200, upstream.Empty},
		{"redirect", ``, 302, upstream.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWire(t, func(rw http.ResponseWriter, r *http.Request) {
				rw.Header().Set("Location", "/elsewhere")
				reply(tt.status, tt.body)(rw, r)
			})
			_, err := driver(t, w.URL).Status(t.Context(), acc(), taskID)
			e := fails(t, err)
			if e.Class != tt.class || e.Outcome != "" {
				t.Errorf("got %v", e)
			}
			w.only(t)
		})
	}
}

func TestStatusOfNothing(t *testing.T) {
	t.Parallel()
	w := newWire(t, reply(200, `{"total":0,"items":[]}`))
	_, err := driver(t, w.URL).Status(t.Context(), acc(), "")
	if e := fails(t, err); e.Class != upstream.Lost || len(w.requests()) != 0 {
		t.Errorf("got %v", e)
	}
}

// TestStatusIDIsOneSegment: an id from an answer cannot lead the call elsewhere.
func TestStatusIDIsOneSegment(t *testing.T) {
	t.Parallel()
	w := newWire(t, reply(404, ``))
	_, _ = driver(t, w.URL).Status(t.Context(), acc(), "../../files?x=1")
	_, _ = driver(t, w.URL).Cancel(t.Context(), acc(), "../../files?x=1")
	for _, r := range w.requests() {
		if r.path != "/contents/generations/tasks/../../files?x=1" {
			t.Errorf("asked %s", r.path)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const accepted upstream.Class = ""
	tests := []struct {
		status int
		body   string
		want   upstream.Class
	}{
		{200, `{"object":"list","data":[]}`, accepted},
		{200, ``, accepted},
		{401, `{"error":{"code":"AuthenticationError","message":"m"}}`, upstream.Auth},
		{401, ``, upstream.Auth},
		{403, `{"error":{"code":"AccountOverdueError","message":"m"}}`, upstream.Auth},
		{404, `{"error":{"code":"InvalidAction","message":"m"}}`, upstream.Unknown},
		{429, `{"error":{"code":"AccountRateLimitExceeded","message":"m"}}`, upstream.RateLimited},
		{500, ``, upstream.Transient},
	}
	for _, tt := range tests {
		w := newWire(t, reply(tt.status, tt.body))
		err := driver(t, w.URL).Check(t.Context(), acc())
		if (err == nil) != (tt.want == accepted) {
			t.Errorf("%d %s: got %v", tt.status, tt.body, err)
		}
		if err != nil {
			if e := fails(t, err); e.Class != tt.want || e.Outcome != "" {
				t.Errorf("%d: got %v", tt.status, e)
			}
		}
		if r := w.only(t); r.method != "GET" || r.path != "/models" {
			t.Errorf("asked %s %s", r.method, r.path)
		}
	}
}

// TestUnusableCredential: what cannot be a header's value is refused without a
// connection, and not shown.
func TestUnusableCredential(t *testing.T) {
	t.Parallel()
	w := newWire(t, reply(200, oneImage))
	d := driver(t, w.URL)
	for _, secret := range []string{"", "a\nb", "a b", "ключ"} {
		a := account.Account{Secret: account.NewSecret(secret)}
		_, submit := d.Submit(t.Context(), a, image("x"))
		_, status := d.Status(t.Context(), a, taskID)
		_, cancel := d.Cancel(t.Context(), a, taskID)
		_, lookup := d.Lookup(t.Context(), a, lost(time.Now()))
		_, whole := d.Chat(t.Context(), a, chat())
		_, stream := d.ChatStream(t.Context(), a, chat())
		for _, err := range []error{submit, status, cancel, lookup, whole, stream, d.Check(t.Context(), a)} {
			e := fails(t, err)
			wantFault(t, e.Fault, fault.CredentialRejected, "")
			if e.Class != upstream.Auth {
				t.Errorf("%q: %v", secret, e)
			}
		}
	}
	if len(w.requests()) != 0 {
		t.Errorf("%d requests", len(w.requests()))
	}
}
