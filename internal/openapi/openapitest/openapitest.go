// Package openapitest holds what a server was asked, and what it answered, against
// the description of its API.
package openapitest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/santhosh-tekuri/jsonschema/v6"

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
		if err := checkRequest(input, x.RequestBody); err != nil {
			return fmt.Errorf("%s %s was accepted: %w", x.Method, x.URL, err)
		}
	}
	if err := checkResponse(input, x); err != nil {
		return fmt.Errorf("%s %s, answer %d: %w", x.Method, x.URL, x.Status, err)
	}
	return nil
}

// checkRequest leaves the bodies of forms out, whose fields are text whatever their type.
func checkRequest(input *openapi3filter.RequestValidationInput, body []byte) error {
	if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil {
		return err
	}
	described := input.Route.Operation.RequestBody
	mediaType, _, _ := mime.ParseMediaType(input.Request.Header.Get("Content-Type"))
	if described == nil || mediaType != jsonType {
		return nil
	}
	at := cmp.Or(described.Ref, operation(input.Route)+"/requestBody")
	return checkContent(at, described.Value.Content, mediaType, bytes.TrimPrefix(body, byteOrderMark))
}

func checkResponse(input *openapi3filter.RequestValidationInput, x Exchange) error {
	err := openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: x.Status, Header: x.Response, Options: options,
	})
	if err != nil || x.Method == http.MethodHead {
		return err
	}
	status, responses := strconv.Itoa(x.Status), input.Route.Operation.Responses
	described := responses.Value(status)
	if described == nil {
		status, described = "default", responses.Default()
	}
	if described == nil {
		return errors.New("no answer with this status is described")
	}
	if len(described.Value.Content) == 0 {
		return nil
	}
	mediaType, _, _ := mime.ParseMediaType(x.Response.Get("Content-Type"))
	at := cmp.Or(described.Ref, operation(input.Route)+"/responses/"+status)
	if err := checkContent(at, described.Value.Content, mediaType, x.Body); err != nil || mediaType != eventStream {
		return err
	}
	name, _ := described.Value.Content.Get(eventStream).Extensions["x-event-schema"].(string)
	return checkEvents(name, x.Body)
}

// checkContent holds a body against the schema of its type. Only JSON has one that
// says something. at is where the body is described: "#/components/responses/Error".
func checkContent(at string, content openapi3.Content, mediaType string, body []byte) error {
	described := content.Get(mediaType)
	switch {
	case described == nil:
		return fmt.Errorf("the content type %q is not described", mediaType)
	case described.Schema == nil || mediaType != jsonType:
		return nil
	}
	return checkJSON(at+"/content/"+escape(mediaType)+"/schema", body)
}

// checkEvents holds each event of a stream against the schema that the description
// names for it. OpenAPI has no word for that before 3.2.
func checkEvents(name string, body []byte) error {
	if name == "" {
		return errors.New("the description does not say what the events are")
	}
	for line := range strings.Lines(string(body)) {
		data, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "data: ")
		if !ok || data == "[DONE]" {
			continue
		}
		var failure struct{ Error json.RawMessage }
		if err := json.Unmarshal([]byte(data), &failure); err != nil {
			return fmt.Errorf("event %s: %w", data, err)
		}
		schema := name
		if failure.Error != nil && name != "JobEvent" {
			schema = "ErrorBody"
		}
		if err := checkJSON("#/components/schemas/"+schema, []byte(data)); err != nil {
			return fmt.Errorf("event %s: %w", data, err)
		}
	}
	return nil
}

// operation is where an operation is described.
func operation(r *routers.Route) string {
	return "#/paths/" + escape(r.Path) + "/" + strings.ToLower(r.Method)
}

// escape makes a key a part of a JSON pointer in a URI's fragment (RFC 6901).
func escape(key string) string {
	return url.PathEscape(strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1"))
}

// checkJSON holds a value against the schema that the description has at a pointer.
func checkJSON(at string, body []byte) error {
	schema, err := schemas.at(at)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the body is no JSON: %w", err)
	}
	return schema.Validate(value)
}

// schemas are those of the description, each compiled once: kin-openapi does it for
// every value, which costs a suite more than all that it tests.
var schemas book

type book struct {
	sync.Mutex
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

func (b *book) at(pointer string) (*jsonschema.Schema, error) {
	b.Lock()
	defer b.Unlock()
	if s := b.compiled[pointer]; s != nil {
		return s, nil
	}
	if b.compiler == nil {
		if err := b.open(); err != nil {
			return nil, err
		}
	}
	s, err := b.compiler.Compile(document + pointer)
	if err == nil {
		b.compiled[pointer] = s
	}
	return s, err
}

const document = "openapi.json"

func (b *book) open() error {
	text, err := openapi.Document()
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(document, doc); err != nil {
		return err
	}
	b.compiler, b.compiled = c, map[string]*jsonschema.Schema{}
	return nil
}

const (
	jsonType    = "application/json"
	eventStream = "text/event-stream"
)

// options leave the bodies to checkContent.
var options = &openapi3filter.Options{
	ExcludeRequestBody:  true,
	ExcludeResponseBody: true,
	AuthenticationFunc:  openapi3filter.NoopAuthenticationFunc,
}

var byteOrderMark = []byte("\ufeff")

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
	req, err := http.NewRequestWithContext(context.Background(), x.Method, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	if x.Request != nil {
		req.Header = x.Request.Clone()
	}
	if len(x.RequestBody) > 0 && !strings.HasPrefix(req.Header.Get("Content-Type"), "multipart/") {
		req.Header.Set("Content-Type", jsonType)
	}
	route, params, err := r.FindRoute(req)
	if err != nil {
		return nil, err
	}
	return &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route, Options: options,
	}, nil
}
