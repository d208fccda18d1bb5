// Package openapitest holds what a server was asked, and what it answered, against
// the description of its API.
package openapitest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/tintypehq/tintype/internal/openapi"
)

// Exchange is one call and its answer, both read to their end.
type Exchange struct {
	Method      string
	URL         string
	RequestBody []byte
	Request     http.Header
	Status      int
	Response    http.Header
	Body        []byte
}

// Load reads the description and checks that it is one.
var Load = sync.OnceValues(func() (*openapi3.T, error) {
	text, err := openapi.Document()
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, err
	}
	return doc, doc.Validate(context.Background())
})

var router = sync.OnceValues(func() (routers.Router, error) {
	doc, err := Load()
	if err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(doc)
})

// Check tells what of an exchange is not as described. An accepted call must be
// described, and so must every answer; a path that is not described is answered
// with 404 or 405.
func Check(x Exchange) error {
	decoders()
	r, err := router()
	if err != nil {
		return err
	}
	input, err := find(r, x)
	if errors.Is(err, routers.ErrPathNotFound) || errors.Is(err, routers.ErrMethodNotAllowed) {
		if x.Status == http.StatusNotFound || x.Status == http.StatusMethodNotAllowed || x.Method == http.MethodOptions {
			return nil
		}
		return fmt.Errorf("%s %s is not described and was answered with %d", x.Method, x.URL, x.Status)
	}
	if err != nil {
		return err
	}
	if x.Status < http.StatusBadRequest {
		if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil {
			return fmt.Errorf("%s %s was accepted: %w", x.Method, x.URL, err)
		}
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: x.Status, Header: x.Response,
		Body: io.NopCloser(bytes.NewReader(x.Body)), Options: optionsFor(x.Request),
	})
	if err == nil {
		err = checkEvents(input.Route, x)
	}
	if err != nil {
		return fmt.Errorf("%s %s, answer %d: %w", x.Method, x.URL, x.Status, err)
	}
	return nil
}

// checkEvents holds each event of a stream against the schema that the description
// names for it. OpenAPI has no word for that before 3.2.
func checkEvents(route *routers.Route, x Exchange) error {
	if mediaType, _, _ := mime.ParseMediaType(x.Response.Get("Content-Type")); mediaType != eventStream {
		return nil
	}
	doc := route.Spec
	name, _ := route.Operation.Responses.Status(x.Status).Value.Content.Get(eventStream).Extensions["x-event-schema"].(string)
	if doc.Components.Schemas[name] == nil {
		return fmt.Errorf("the description does not say what the events are (%q)", name)
	}
	for line := range strings.Lines(string(x.Body)) {
		data, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "data: ")
		if !ok || data == "[DONE]" {
			continue
		}
		var value map[string]any
		if err := json.Unmarshal([]byte(data), &value); err != nil {
			return fmt.Errorf("event %s: %w", data, err)
		}
		schema := doc.Components.Schemas[name].Value
		if _, failed := value["error"]; failed && name != "JobEvent" {
			schema = doc.Components.Schemas["ErrorBody"].Value
		}
		if err := schema.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
			return fmt.Errorf("event %s: %w", data, err)
		}
	}
	return nil
}

const eventStream = "text/event-stream"

// decoders have the bodies that are no JSON taken as they are.
var decoders = sync.OnceFunc(func() {
	for _, mediaType := range []string{eventStream, "text/html", "image/png", "image/jpeg", "image/webp", "video/mp4"} {
		openapi3filter.RegisterBodyDecoder(mediaType, openapi3filter.PlainBodyDecoder)
	}
})

// optionsFor leaves the bodies of forms out, whose fields the library wants listed one
// by one.
func optionsFor(h http.Header) *openapi3filter.Options {
	return &openapi3filter.Options{
		ExcludeRequestBody:    strings.HasPrefix(h.Get("Content-Type"), "multipart/"),
		IncludeResponseStatus: true,
		AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
	}
}

// find looks for the operation that a call is of. The server forgives what the
// description need not: doubled slashes, and JSON that is called something else or
// begins with a byte order mark.
func find(r routers.Router, x Exchange) (*openapi3filter.RequestValidationInput, error) {
	u, err := url.Parse(x.URL)
	if err != nil {
		return nil, err
	}
	for strings.Contains(u.Path, "//") {
		u.Path = strings.ReplaceAll(u.Path, "//", "/")
	}
	u.Scheme, u.Host, u.RawPath = "", "", ""
	body := bytes.TrimPrefix(x.RequestBody, []byte("\ufeff"))
	req, err := http.NewRequestWithContext(context.Background(), x.Method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if x.Request != nil {
		req.Header = x.Request.Clone()
	}
	if len(body) > 0 && !strings.HasPrefix(req.Header.Get("Content-Type"), "multipart/") {
		req.Header.Set("Content-Type", "application/json")
	}
	route, params, err := r.FindRoute(req)
	if err != nil {
		return nil, err
	}
	return &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route, Options: optionsFor(req.Header),
	}, nil
}
