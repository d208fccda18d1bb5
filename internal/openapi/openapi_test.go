package openapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/openapi"
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

// TestNoKeyTwice: YAML that merges a mapping and changes a part of it becomes JSON with
// both, which browsers' parsers refuse.
func TestNoKeyTwice(t *testing.T) {
	t.Parallel()
	text, err := openapi.Document()
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if err := keysOnce(d, "#"); err != nil {
		t.Error(err)
	}
}

// keysOnce reads one value and fails where a key of an object comes again.
func keysOnce(d *json.Decoder, at string) error {
	open, err := d.Token()
	if err != nil {
		return err
	}
	if open != json.Delim('{') && open != json.Delim('[') {
		return nil
	}
	seen := map[any]bool{}
	for i := 0; d.More(); i++ {
		var key any = i
		if open == json.Delim('{') {
			if key, err = d.Token(); err != nil {
				return err
			}
		}
		if seen[key] {
			return fmt.Errorf("%s has %v twice", at, key)
		}
		seen[key] = true
		if err := keysOnce(d, fmt.Sprintf("%s/%v", at, key)); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
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
