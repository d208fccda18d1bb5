package openapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/openapi/openapitest"
)

func TestDocument(t *testing.T) {
	t.Parallel()
	doc, err := openapitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.OperationID == "" || op.Summary == "" || len(op.Tags) != 1 || seen[op.OperationID] {
				t.Errorf("%s %s: id %q, summary %q, tags %q: each has one of its own", method, path, op.OperationID, op.Summary, op.Tags)
			}
			seen[op.OperationID] = true
		}
	}
}

// TestCheck shows that the check can fail.
func TestCheck(t *testing.T) {
	t.Parallel()
	const failure = `{"error":{"message":"m","type":"t","param":null,"code":"not_found"}}`
	jsonType := http.Header{"Content-Type": {"application/json"}}
	for name, c := range map[string]struct {
		x     openapitest.Exchange
		wrong string // in the error; empty: nothing is wrong
	}{
		"right": {openapitest.Exchange{
			Method: "GET", URL: "http://x/v1/jobs/1", Status: 404, Response: jsonType, Body: []byte(failure),
		}, ""},
		"unknown code": {openapitest.Exchange{
			Method: "GET", URL: "http://x/v1/jobs/1", Status: 404, Response: jsonType, Body: []byte(strings.Replace(failure, "not_found", "lost", 1)),
		}, "code"},
		"further key": {openapitest.Exchange{
			Method: "GET", URL: "http://x/v1/jobs/1", Status: 404, Response: jsonType, Body: []byte(`{"trace":1,` + failure[1:]),
		}, "trace"},
		"not described":            {openapitest.Exchange{Method: "GET", URL: "http://x/v1/secrets", Status: 200}, "not described"},
		"not described, not there": {openapitest.Exchange{Method: "GET", URL: "http://x/v1/secrets", Status: 404, Response: jsonType}, ""},
		"accepted without a prompt": {openapitest.Exchange{
			Method: "POST", URL: "http://x//v1/images/generations", Request: jsonType, RequestBody: []byte(`{"model":"m"}`), Status: 202, Response: jsonType,
		}, "prompt"},
		"refused without a prompt": {openapitest.Exchange{
			Method: "POST", URL: "http://x/v1/images/generations", Request: jsonType, RequestBody: []byte(`{"model":"m"}`), Status: 400, Response: jsonType, Body: []byte(failure),
		}, ""},
		"event":                 {stream("data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":null}]}\n\ndata: [DONE]\n\n"), ""},
		"failure in a stream":   {stream("data: " + failure + "\n\n"), ""},
		"event of another kind": {stream("data: {\"id\":\"1\"}\n\n"), "object"},
		"event that is no JSON": {stream("data: {\n\n"), "JSON"},
		"another type": {openapitest.Exchange{
			Method: "GET", URL: "http://x/v1/models", Status: 200, Response: http.Header{"Content-Type": {"text/html"}}, Body: []byte("<p>"),
		}, "text/html"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := openapitest.Check(c.x)
			if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("the check says %v, want something with %q", err, c.wrong)
			}
		})
	}
}

// stream is a whole answer to a job's chunks.
func stream(body string) openapitest.Exchange {
	return openapitest.Exchange{
		Method: "GET", URL: "http://x/v1/video/generations/1/events", Status: 200,
		Response: http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}}, Body: []byte(body),
	}
}
