package tintype

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
)

const (
	pathImages = "/v1/images/generations"
	pathVideos = "/v1/video/generations"
)

// Image asks for an image and waits until it is made and stored, for as long as
// ctx allows.
//
// A failure that the server reports is an *APIError. If the answer breaks off,
// or ctx ends, after the server named the job, the error is an
// *IncompleteError: the job goes on, and [Client.Job] finds it. The request is
// sent once, whatever happens, unless it has an IdempotencyKey: then net/http
// may send it again over a connection that broke, and so may the caller, for
// the answer to the same job.
func (c *Client) Image(ctx context.Context, r ImageRequest) (*MediaResponse, error) {
	r.Stream = false
	return c.generate(ctx, pathImages, r)
}

// ImageStream asks for an image and gives chunks: progress while it is made,
// then the result, in [Chunk.Text] as markdown and in [Chunk.Images] as links.
// The request is sent when the loop begins; leaving the loop does not stop the
// job. [MediaResponse.Data] has no like here: ResponseFormat changes nothing.
//
// An error is the last thing that the loop sees: an *APIError, also when it
// comes in the middle of the stream, an *IncompleteError when the stream ends
// without saying so ([Client.Events] goes on from its Seq), [ErrStreamUsed]
// when it is looped over again.
func (c *Client) ImageStream(ctx context.Context, r ImageRequest) iter.Seq2[*Chunk, error] {
	r.Stream = true
	return c.chunks(ctx, pathImages, r)
}

// SubmitImage asks for an image and returns its job at once; [Client.Events]
// follows it. Errors are those of [Client.Image].
func (c *Client) SubmitImage(ctx context.Context, r ImageRequest) (*Job, error) {
	r.Stream = false
	return c.submit(ctx, pathImages, r)
}

// Video asks for a video and waits until it is made and stored, which may take
// many minutes, for as long as ctx allows. Errors are those of [Client.Image].
func (c *Client) Video(ctx context.Context, r VideoRequest) (*MediaResponse, error) {
	r.Stream = false
	return c.generate(ctx, pathVideos, r)
}

// VideoStream asks for a video and gives chunks as [Client.ImageStream] does;
// the result is in [Chunk.Text] and [Chunk.Videos].
func (c *Client) VideoStream(ctx context.Context, r VideoRequest) iter.Seq2[*Chunk, error] {
	r.Stream = true
	return c.chunks(ctx, pathVideos, r)
}

// SubmitVideo asks for a video and returns its job at once; [Client.Events]
// follows it. Errors are those of [Client.Image].
func (c *Client) SubmitVideo(ctx context.Context, r VideoRequest) (*Job, error) {
	r.Stream = false
	return c.submit(ctx, pathVideos, r)
}

// generate posts a request and waits for its media.
func (c *Client) generate(ctx context.Context, path string, body any) (*MediaResponse, error) {
	req, err := c.request(ctx, http.MethodPost, path, typeJSON, body)
	if err != nil {
		return nil, err
	}
	answer := new(MediaResponse)
	if err := c.exchange(req, answer); err != nil {
		return nil, err
	}
	if err := answer.check(); err != nil {
		return nil, err
	}
	return answer, nil
}

// errNotFinal is the cause when a server answers with a job that nobody asked
// for instead of its media.
var errNotFinal = errors.New("the server answered before the job was final")

// check tells whether there is a result.
func (m *MediaResponse) check() error {
	switch {
	case len(m.Choices) > 0:
		return nil
	case m.ID != "":
		return &IncompleteError{JobID: m.ID, Err: errNotFinal}
	}
	return errForeign
}

// submit posts a request that asks for its job instead of its media.
func (c *Client) submit(ctx context.Context, path string, body any) (*Job, error) {
	req, err := c.request(ctx, http.MethodPost, path, typeJSON, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Prefer", "respond-async")
	var raw json.RawMessage
	if err := c.exchange(req, &raw); err != nil {
		return nil, err
	}
	return c.jobIn(ctx, raw)
}

// jobIn reads the job in an answer. A server may overlook a preference and
// answer with the media: the job is paid for, so it is looked up.
func (c *Client) jobIn(ctx context.Context, answer json.RawMessage) (*Job, error) {
	job := new(Job)
	if err := json.Unmarshal(answer, job); err == nil && job.Object == ObjectJob {
		return job, nil
	}
	var media MediaResponse
	if err := json.Unmarshal(answer, &media); err != nil || media.ID == "" {
		return nil, errors.New("tintype: the server took the request and named no job")
	}
	return c.Job(ctx, media.ID)
}
