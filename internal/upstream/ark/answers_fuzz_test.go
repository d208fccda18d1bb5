package ark_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
)

// fuzzedKey is a credential that an answer may quote.
const fuzzedKey = "sim-fuzzed-credential"

func fuzzer() account.Account {
	return account.Account{ID: "a1", Upstream: "ark", Secret: account.NewSecret(fuzzedKey), MaxInFlight: 1}
}

// sound holds an error to what is promised of every one: it is whole, short for
// the caller, and quotes no credential.
func sound(t *testing.T, err error) *upstream.Error {
	t.Helper()
	e := fails(t, err)
	if len(e.Fault.Message) > 300 || strings.ContainsAny(e.Fault.Message, "`<{\n") || strings.Contains(e.Error()+e.Fault.Error(), fuzzedKey) {
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
		if s.URL == "" && s.Data == nil {
			t.Errorf("a source of nothing: %+v", s)
		}
	}
}

// FuzzTask: whatever an upstream says of a task, it works, is ready with media, or
// has failed for a reason.
func FuzzTask(f *testing.F) {
	for _, seed := range []string{
		`{"id":"cgt-1","status":"succeeded","content":{"video_url":"https://a/v.mp4","last_frame_url":"https://a/f.png"},"usage":{"completion_tokens":1.5e3,"total_tokens":"7"}}`,
		`{"status":"failed","error":{"code":"InputImageSensitiveContentDetected","message":"` + fuzzedKey + `"}}`, `{"status":"queued"}`, `{"status":7}`, `{"status":""}`, `[]`, ``, `null`,
		`{"error":{"code":"x"}}`, `{"status":"succeeded","content":null}`, `{"status":"succeeded","content":{"video_url":7}}`, `{"status":"succeeded","usage":{"total_tokens":1e999}}`,
	} {
		f.Add([]byte(seed))
	}
	answers := make(chan http.HandlerFunc, 1)
	d := answering(f, answers)
	f.Fuzz(func(t *testing.T, body []byte) {
		answers <- reply(http.StatusOK, string(body))
		got, err := d.Status(t.Context(), fuzzer(), "cgt-1")
		if err != nil {
			sound(t, err)
			return
		}
		switch got.State {
		case upstream.Ready:
			soundSources(t, got.Sources)
		case upstream.Failed:
			if got.Failure == nil || got.Failure.Message == "" || strings.Contains(got.Failure.Error(), fuzzedKey) {
				t.Errorf("failed: %v", got.Failure)
			}
		case upstream.Working:
		default:
			t.Errorf("the state %q", got.State)
		}
	})
}

// FuzzSubmitted: whatever an upstream answers to a paid request with a 200, it is
// accepted with all that is needed, or nobody knows: never rejected, never unsent,
// unless the answer itself is a known error.
func FuzzSubmitted(f *testing.F) {
	for _, seed := range []string{
		`{"model":"m","created":1,"data":[{"url":"https://a/1.jpg","size":"1x1"}],"usage":{"generated_images":1,"output_tokens":1,"total_tokens":1}}`, `{"id":"cgt-1"}`, `{"id":7}`, `{"id":""}`, `{}`, ``, `[]`,
		`{"data":[{"b64_json":"aGk="}]}`, `{"data":[{"b64_json":"!"}]}`, `{"data":[{"error":{"code":"OutputImageSensitiveContentDetected","message":"` + fuzzedKey + `"}}]}`, `{"error":{"code":"InternalServiceError"}}`,
		`{"data":[null]}`, `{"data":{}}`, `{"data":[{"url":""}]}`, `{"data":[{"url":"https://a"},{"error":{"code":"x"}}]}`,
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	answers := make(chan http.HandlerFunc, 1)
	d := answering(f, answers)
	f.Fuzz(func(t *testing.T, body []byte, picture bool) {
		answers <- reply(http.StatusOK, string(body))
		s := video("x")
		if picture {
			s = image("x")
		}
		got, err := d.Submit(t.Context(), fuzzer(), s)
		switch {
		case err != nil:
			if e := sound(t, err); e.Outcome == upstream.NotSent {
				t.Errorf("%q means that nothing was sent: %v", body, e)
			}
		case picture:
			soundSources(t, got.Sources)
		case got.UpstreamID == "":
			t.Errorf("%q is accepted under no id", body)
		}
	})
}

// FuzzList: whatever an upstream lists, what is found there is our own.
func FuzzList(f *testing.F) {
	at := time.Unix(1_796_000_000, 0)
	s := lost(at)
	for _, seed := range []string{
		`{"total":1,"items":[{"id":"cgt-1","model":"m","safety_identifier":"MARK","created_at":1796000001,"status":"running"}]}`, `{"items":null}`, `{"total":-1,"items":[]}`, `[]`, ``, `{"items":[null,7,{"id":7}]}`,
		`{"total":999999999,"items":[{"id":"","safety_identifier":"MARK"}]}`,
	} {
		f.Add([]byte(seed))
	}
	answers := make(chan http.HandlerFunc, 1)
	d := answering(f, answers)
	f.Fuzz(func(t *testing.T, body []byte) {
		page := reply(http.StatusOK, string(body))
		stop, ended := make(chan struct{}), make(chan struct{})
		go func() { // as many pages as are asked for
			defer close(ended)
			for {
				select {
				case answers <- page:
				case <-stop:
					return
				}
			}
		}()
		id, err := d.Lookup(t.Context(), fuzzer(), s)
		close(stop)
		<-ended
		select {
		case <-answers:
		default:
		}
		if err != nil {
			sound(t, err)
			return
		}
		if id != "" && !strings.Contains(string(body), "safety_identifier") {
			t.Errorf("%q: found %q", body, id)
		}
	})
}

// FuzzChat: whatever an upstream answers to a chat, the caller gets a completion
// of OpenAI's shape or an error.
func FuzzChat(f *testing.F) {
	for _, seed := range []string{
		`{"id":"1","model":"m","created":1,"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`,
		`{"choices":[]}`, `{"choices":[null]}`, `{"error":{"code":"x","message":"` + fuzzedKey + `"}}`, `{"error":null,"choices":[{}]}`, `[]`, ``, `{"choices":{}}`, `{"choices":[{"message":7}],"usage":7}`, `{"id":7,"created":"x","choices":[{}]}`,
	} {
		f.Add([]byte(seed))
	}
	answers := make(chan http.HandlerFunc, 1)
	d := answering(f, answers)
	f.Fuzz(func(t *testing.T, body []byte) {
		answers <- reply(http.StatusOK, string(body))
		got, err := d.Chat(t.Context(), fuzzer(), chat())
		if err != nil {
			sound(t, err)
			return
		}
		completion(t, got.Body, body)
	})
}

// completion holds a chat's answer, or a chunk of it, to its shape.
func completion(t *testing.T, got, from []byte) {
	t.Helper()
	var o map[string]json.RawMessage
	if err := json.Unmarshal(got, &o); err != nil {
		t.Fatalf("%q became %q: %v", from, got, err)
	}
	var model string
	if json.Unmarshal(o["model"], &model) != nil || model != "doubao" || o["error"] != nil || bytes.TrimSpace(o["choices"])[0] != '[' {
		t.Errorf("%q became %q", from, got)
	}
}

// FuzzChatStream: whatever an upstream streams, each chunk is one line of OpenAI's
// shape, and the stream ends, well or with an error.
func FuzzChatStream(f *testing.F) {
	chunk := `data: {"id":"1","created":1,"choices":[{"index":0,"delta":{"content":"hi"}}]}` + "\n\n"
	for _, seed := range []string{
		chunk + `data: {"choices":[{"delta":{},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n", chunk, "data: [DONE]\n\n", ": x\n\n", "data: {\ndata: \"choices\":[{}]}\n\n", "data: 7\n\n", "data:\n\n", "data: \n\n", "data: {}\n\n",
		`data: {"error":{"code":"x","message":"` + fuzzedKey + `"}}` + "\n\n", chunk + "data: \xff\n\n", "event: error\n" + chunk, `data: {"choices":null,"usage":{"total_tokens":1}}` + "\n\n",
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	answers := make(chan http.HandlerFunc, 1)
	d := answering(f, answers)
	f.Fuzz(func(t *testing.T, body []byte, usage bool) {
		answers <- reply(http.StatusOK, string(body))
		r := chat()
		r.IncludeUsage = usage
		s, err := d.ChatStream(t.Context(), fuzzer(), r)
		if err != nil {
			sound(t, err)
			return
		}
		defer func() { _ = s.Close() }()
		for range len(body) + 2 {
			got, err := s.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				sound(t, err)
				return
			}
			if bytes.ContainsAny(got, "\r\n") {
				t.Errorf("%q gives %q", body, got)
			}
			completion(t, got, body)
		}
		t.Errorf("%q gives more chunks than bytes", body)
	})
}
