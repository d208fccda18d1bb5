package tintype_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tintypehq/tintype/pkg/tintype"
)

const envelope = `{"error":{"message":"Write a prompt.","type":"invalid_request_error","param":"prompt","code":"invalid_request"}}`

// Every form in which a failure is told, and what the caller gets of it.
func errorForms() []struct {
	name    string
	headers map[string]string
	status  int
	body    string
	want    tintype.APIError
} {
	json := map[string]string{"Content-Type": "application/json"}
	return []struct {
		name    string
		headers map[string]string
		status  int
		body    string
		want    tintype.APIError
	}{
		{"envelope", json, 400, envelope, tintype.APIError{
			Status: 400, Type: "invalid_request_error", Code: tintype.CodeInvalidRequest, Param: "prompt", Message: "Write a prompt.",
		}},
		{"nulls", json, 401, `{"error":{"message":"No.","type":"authentication_error","param":null,"code":null}}`, tintype.APIError{
			Status: 401, Type: "authentication_error", Message: "No.",
		}},
		{
			"headers",
			map[string]string{"Content-Type": "application/json; charset=utf-8", "X-Request-Id": "req-1", "X-Job-Id": "job-1", "Retry-After": "7"},
			504, `{"error":{"message":"Still running.","type":"timeout","param":null,"code":"wait_timeout"}}`,
			tintype.APIError{
				Status: 504, Type: "timeout", Code: tintype.CodeWaitTimeout, Message: "Still running.",
				RequestID: "req-1", JobID: "job-1", RetryAfter: 7 * time.Second,
			},
		},
		{"job in the body", json, 504, `{"error":{"message":"Still running.","type":"timeout","param":null,"code":"wait_timeout","job_id":"job-2"}}`, tintype.APIError{
			Status: 504, Type: "timeout", Code: tintype.CodeWaitTimeout, Message: "Still running.", JobID: "job-2",
		}},
		{
			"milliseconds first",
			map[string]string{"Content-Type": "application/json", "Retry-After": "1", "Retry-After-Ms": "100"},
			409, envelope,
			tintype.APIError{
				Status: 409, Type: "invalid_request_error", Code: tintype.CodeInvalidRequest, Param: "prompt", Message: "Write a prompt.",
				RetryAfter: 100 * time.Millisecond,
			},
		},
		{"strange Retry-After", map[string]string{"Retry-After": "soon"}, 503, envelope, tintype.APIError{
			Status: 503, Type: "invalid_request_error", Code: tintype.CodeInvalidRequest, Param: "prompt", Message: "Write a prompt.",
		}},
		{"date that has passed", map[string]string{"Retry-After": "Mon, 02 Jan 2006 15:04:05 GMT"}, 503, envelope, tintype.APIError{
			Status: 503, Type: "invalid_request_error", Code: tintype.CodeInvalidRequest, Param: "prompt", Message: "Write a prompt.",
		}},
		{"200 with an error", json, 200, "   " + envelope, tintype.APIError{
			Status: 200, Type: "invalid_request_error", Code: tintype.CodeInvalidRequest, Param: "prompt", Message: "Write a prompt.",
		}},
		{"error as text", json, 429, `{"error":"slow down"}`, tintype.APIError{Status: 429, Message: "slow down"}},
		{"code as a number", json, 500, `{"error":{"message":"oops","code":1234}}`, tintype.APIError{Status: 500, Message: "oops", Code: "1234"}},
		{"error that says nothing", json, 500, `{"error":{}}`, tintype.APIError{Status: 500, Message: "The server gave no reason."}},
		{"error of no form", json, 500, `{"error":[1]}`, tintype.APIError{Status: 500, Message: "The server gave no reason."}},
		{"page of a proxy", map[string]string{"Content-Type": "text/html; charset=utf-8"}, 502, "<html>secret inner text", tintype.APIError{
			Status: 502, Message: "502 Bad Gateway (text/html): not an answer of the API; is the base URL right?",
		}},
		{"nothing", map[string]string{"Content-Type": ""}, 599, "", tintype.APIError{
			Status: 599, Message: "599 (no content type): not an answer of the API; is the base URL right?",
		}},
		{"JSON without error", json, 404, `{"detail":"Not Found"}`, tintype.APIError{
			Status: 404, Message: "404 Not Found (application/json): not an answer of the API; is the base URL right?",
		}},
		{"cut off", map[string]string{"Content-Type": "application/json", "Content-Length": "500"}, 500, `{"error":{"mess`, tintype.APIError{
			Status: 500, Message: "500 Internal Server Error (application/json): not an answer of the API; is the base URL right?",
		}},
	}
}

func TestErrorForms(t *testing.T) {
	t.Parallel()
	for _, form := range errorForms() {
		for _, door := range calls() {
			if form.want.Code == tintype.CodeWaitTimeout && door.keyed() {
				continue // no error: the job is followed
			}
			t.Run(form.name+"/"+door.name, func(t *testing.T) {
				t.Parallel()
				var requests atomic.Int64
				c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
					requests.Add(1)
					for name, value := range form.headers {
						w.Header()[name] = []string{value}
					}
					w.WriteHeader(form.status)
					_, _ = w.Write([]byte(form.body))
				}, tintype.WithRetries(0))

				err := door.do(t.Context(), c)

				got, ok := errors.AsType[*tintype.APIError](err)
				if !ok {
					t.Fatalf("error is %v", err)
				}
				equal(t, "error", *got, form.want)
				if requests.Load() != 1 {
					t.Errorf("asked %d times", requests.Load())
				}
			})
		}
	}
}

func TestRetryAfterDate(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		answer(http.StatusServiceUnavailable, envelope)(w, r)
	})
	_, err := c.Models.List(t.Context()) // not asked again: that is too long to wait
	got, ok := errors.AsType[*tintype.APIError](err)
	if !ok || got.RetryAfter < 58*time.Minute || got.RetryAfter > time.Hour {
		t.Errorf("error is %#v", err)
	}
}

// The job of a failed request is a result, also by its name for the failure.
func TestFailedJobIsNoError(t *testing.T) {
	t.Parallel()
	const failed = `{"id":"job-1","object":"job","status":"failed","error":{"message":"Too slow.","type":"t","param":null,"code":"generation_timeout"}}`
	for _, tt := range []struct {
		name string
		do   func(context.Context, *tintype.Client) (*tintype.Job, error)
	}{
		{"Jobs.Get", func(ctx context.Context, c *tintype.Client) (*tintype.Job, error) { return c.Jobs.Get(ctx, "job-1") }},
		{"Images.Submit", func(ctx context.Context, c *tintype.Client) (*tintype.Job, error) {
			h, err := c.Images.Submit(ctx, tintype.ImageRequest{Prompt: "cat"})
			return h.Job, err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			job, err := tt.do(t.Context(), serve(t, answer(http.StatusOK, failed)))
			if err != nil {
				t.Fatal(err)
			}
			got, ok := errors.AsType[*tintype.APIError](job.Err())
			if !ok {
				t.Fatalf("Err is %v", job.Err())
			}
			equal(t, "error", *got, tintype.APIError{Type: "t", Code: tintype.CodeGenerationTimeout, Message: "Too slow.", JobID: "job-1"})
		})
	}
}

func TestJobErr(t *testing.T) {
	t.Parallel()
	for status, want := range map[tintype.Status]string{
		tintype.StatusQueued: "", tintype.StatusRunning: "", tintype.StatusMirroring: "", tintype.StatusSucceeded: "", "future": "",
		tintype.StatusFailed:   "tintype: The job failed. (job job-1)",
		tintype.StatusCanceled: "tintype: canceled: The job was canceled. (job job-1)",
	} {
		got := ""
		if err := (&tintype.Job{ID: "job-1", Status: status}).Err(); err != nil {
			got = err.Error()
		}
		equal(t, string(status), got, want)
	}
}

func TestErrorTexts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&tintype.APIError{Message: "m"}, "tintype: m"},
		{
			&tintype.APIError{Status: 400, Code: "c", Message: "m", Param: "p", JobID: "j", RequestID: "r"},
			"tintype: 400 c: m (param p) (job j) (request r)",
		},
		{&tintype.IncompleteError{Err: context.Canceled}, "tintype: the answer broke off: context canceled"},
		{&tintype.IncompleteError{JobID: "j", Err: context.Canceled}, "tintype: the answer about job j broke off: context canceled"},
	} {
		equal(t, "text", tt.err.Error(), tt.want)
	}
}

// A POST without a key that met a redirect or a lost connection is never sent
// again: it could be paid twice. One with a key does not follow redirects either.
func TestPostIsSentOnce(t *testing.T) {
	t.Parallel()
	for _, fault := range []struct {
		name string
		h    http.HandlerFunc
	}{
		{"307", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}},
		{"302", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }},
		{"connection lost", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"503", answer(http.StatusServiceUnavailable, envelope)},
	} {
		for _, door := range calls() {
			if door.method == http.MethodGet || door.keyed() && !strings.HasPrefix(fault.name, "30") {
				continue
			}
			t.Run(fault.name+"/"+door.name, func(t *testing.T) {
				t.Parallel()
				var requests atomic.Int64
				c := serve(t, func(w http.ResponseWriter, r *http.Request) {
					if requests.Add(1) == 1 { // so that the connection is a used one, which net/http trusts less
						answer(http.StatusOK, `{"object":"list","data":[]}`)(w, r)
						return
					}
					fault.h(w, r)
				})
				if _, err := c.Models.List(t.Context()); err != nil {
					t.Fatal(err)
				}

				err := door.do(t.Context(), c)

				if err == nil || requests.Load() != 2 {
					t.Errorf("error is %v after %d requests", err, requests.Load()-1)
				}
			})
		}
	}
}

func TestRedirectIsExplained(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://example.com/", http.StatusPermanentRedirect)
	})
	_, err := c.Images.Generate(t.Context(), tintype.ImageRequest{Prompt: "cat"})
	if err == nil || !strings.Contains(err.Error(), "308 Permanent Redirect: the server is elsewhere") {
		t.Errorf("error is %v", err)
	}
}

func TestGetFollowsRedirectsWithinReason(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if got := r.Header.Get("Authorization"); got != "Bearer k-1" {
			t.Errorf("Authorization: %q", got)
		}
		http.Redirect(w, r, r.URL.Path, http.StatusFound)
	})
	if _, err := c.Jobs.Get(t.Context(), "job-1"); err == nil || requests.Load() != 10 {
		t.Errorf("error is %v after %d requests", err, requests.Load())
	}
}

// The redirect rules of the caller's own client are kept.
func TestOwnRedirectRules(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.RedirectHandler("/again", http.StatusFound))
	t.Cleanup(srv.Close)
	h := srv.Client()
	stop := errors.New("stop here")
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return stop }
	c, err := tintype.NewClient(srv.URL, tintype.WithHTTPClient(h))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Jobs.Get(t.Context(), "job-1"); !errors.Is(err, stop) {
		t.Errorf("error is %v", err)
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := tintype.NewClient("http://"+listener.Addr().String(), tintype.WithRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	for _, door := range calls() {
		err := door.do(t.Context(), c)
		_, broken := errors.AsType[*tintype.IncompleteError](err)
		if err == nil || !strings.HasPrefix(err.Error(), "tintype: ") || broken && door.name != "Jobs.Events" {
			t.Errorf("%s: error is %v", door.name, err)
		}
	}
}
