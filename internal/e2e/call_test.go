package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// The paths of Part A.
const (
	chatPath  = "/v1/chat/completions"
	imagePath = "/v1/images/generations"
	videoPath = "/v1/video/generations"
)

// callWithin bounds every call: longer than the longest job of any test.
const callWithin = 90 * time.Second

// request is one call. Empty fields are not sent.
type request struct {
	method  string // empty: GET, or POST if there is a body
	url     string // absolute
	key     string
	body    string
	headers []string // name, value, name, value…
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
	head   time.Duration // until the head had come
	took   time.Duration // until the end of the body
}

// open makes a call and gives the response before its body is read.
func (c *cluster) open(ctx context.Context, r request) (*http.Response, error) {
	method := r.method
	if method == "" && r.body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, r.url, strings.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	if r.key != "" {
		req.Header.Set("Authorization", "Bearer "+r.key)
	}
	if r.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(r.headers); i += 2 {
		req.Header.Set(r.headers[i], r.headers[i+1])
	}
	return c.client.Do(req)
}

// try makes a call and reads its answer, also when the body breaks off: then
// the answer comes with the error.
func (c *cluster) try(r request) (answer, error) {
	ctx, cancel := context.WithTimeout(c.ctx(), callWithin)
	defer cancel()
	began := time.Now()
	resp, err := c.open(ctx, r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header, head: time.Since(began)}
	a.body, err = io.ReadAll(resp.Body)
	a.took = time.Since(began)
	c.leaks.look(r, a)
	if err == nil {
		c.described(r, resp.Request, a)
	}
	return a, err
}

// call is try for calls that must be answered whole. It ends the test
// otherwise, so it belongs into the test's own goroutine.
func (c *cluster) call(r request) answer {
	c.Helper()
	a, err := c.try(r)
	if err != nil {
		c.Fatalf("%s %s: %v", r.method, r.url, err)
	}
	return a
}

// tried is what became of one of many calls.
type tried struct {
	request

	answer answer
	err    error
}

// together makes calls at the same time.
func (c *cluster) together(requests []request) []tried {
	out := make([]tried, len(requests))
	done := make(chan struct{})
	for i, r := range requests {
		go func() {
			a, err := c.try(r)
			out[i] = tried{r, a, err}
			done <- struct{}{}
		}()
	}
	for range requests {
		<-done
	}
	return out
}

// jobID is the job that an answer is about.
func (a answer) jobID() string { return a.header.Get("X-Job-Id") }

// fields is a JSON object.
type fields = map[string]any

// object reads an answer's body as one JSON object with nothing behind it.
func (a answer) object() (fields, error) {
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	var o fields
	if err := d.Decode(&o); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("there is more behind the JSON object")
	}
	return o, nil
}

// into reads an answer's body.
func (c *cluster) into(a answer, v any) {
	c.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		c.Fatalf("%d %q: %v", a.status, a.body, err)
	}
}

// encode writes a body.
func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // the tests' own values
	}
	return string(b)
}
