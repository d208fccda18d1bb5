package tintype

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
)

const (
	pathImages = "/v1/images/generations"
	pathVideos = "/v1/video/generations"
)

// ImageService makes images.
type ImageService struct{ client *Client }

// Generate asks for an image and waits until it is made and stored, for as long as
// ctx allows. Connections that break meanwhile are made anew.
//
// A failure, of the request or of its job, is an *APIError. If ctx ends first, the
// error is an *IncompleteError: the job goes on, and [JobService.Wait] takes it up
// again.
func (s *ImageService) Generate(ctx context.Context, r ImageRequest) (*MediaResponse, error) {
	r.Stream, r.IdempotencyKey = false, cmp.Or(r.IdempotencyKey, rand.Text())
	return s.client.newOrder(pathImages, r, r.IdempotencyKey).generate(ctx, r.ResponseFormat)
}

// Stream asks for an image and gives chunks: progress while it is made, then the
// result, in [Chunk.Text] as markdown and in [Chunk.Images] as links. The request
// is sent when the loop begins; leaving the loop does not stop the job.
// [MediaResponse.Data] has no like here, and ResponseFormat must be empty.
//
// A connection that breaks is made anew where it broke, as [JobService.Events]
// does. An error is the last thing that the loop sees: an *APIError, also when it
// comes in the middle of the stream, an *IncompleteError when the stream could not
// be read to its end, [ErrStreamUsed] when it is looped over again.
func (s *ImageService) Stream(ctx context.Context, r ImageRequest) iter.Seq2[*Chunk, error] {
	r.Stream, r.IdempotencyKey = true, cmp.Or(r.IdempotencyKey, rand.Text())
	return s.client.newOrder(pathImages, r, r.IdempotencyKey).chunks(ctx)
}

// Submit asks for an image and gives its job at once. Errors are those of
// [ImageService.Generate].
func (s *ImageService) Submit(ctx context.Context, r ImageRequest) (*JobHandle, error) {
	r.Stream, r.IdempotencyKey = false, cmp.Or(r.IdempotencyKey, rand.Text())
	return s.client.newOrder(pathImages, r, r.IdempotencyKey).submit(ctx)
}

// VideoService makes videos.
type VideoService struct{ client *Client }

// Generate asks for a video and waits until it is made and stored, which may take
// many minutes, for as long as ctx allows. It is like [ImageService.Generate].
func (s *VideoService) Generate(ctx context.Context, r VideoRequest) (*MediaResponse, error) {
	r.Stream, r.IdempotencyKey = false, cmp.Or(r.IdempotencyKey, rand.Text())
	return s.client.newOrder(pathVideos, r, r.IdempotencyKey).generate(ctx, FormatURL)
}

// Stream asks for a video and gives chunks as [ImageService.Stream] does; the
// result is in [Chunk.Text] and [Chunk.Videos].
func (s *VideoService) Stream(ctx context.Context, r VideoRequest) iter.Seq2[*Chunk, error] {
	r.Stream, r.IdempotencyKey = true, cmp.Or(r.IdempotencyKey, rand.Text())
	return s.client.newOrder(pathVideos, r, r.IdempotencyKey).chunks(ctx)
}

// Submit asks for a video and gives its job at once. Errors are those of
// [ImageService.Generate].
func (s *VideoService) Submit(ctx context.Context, r VideoRequest) (*JobHandle, error) {
	r.Stream, r.IdempotencyKey = false, cmp.Or(r.IdempotencyKey, rand.Text())
	return s.client.newOrder(pathVideos, r, r.IdempotencyKey).submit(ctx)
}

// generate places the order and waits for its media.
func (o *order) generate(ctx context.Context, format ResponseFormat) (*MediaResponse, error) {
	job, media, err := o.place(ctx)
	if err != nil || media != nil {
		return media, o.verdict(ctx, err)
	}
	job, err = o.client.Jobs.follow(ctx, job)
	if isForbidden(err) { // a key that may order, and not read
		media, err = o.waitInLine(ctx)
		return media, o.verdict(ctx, err)
	}
	if err != nil {
		return nil, o.verdict(ctx, err)
	}
	if err := job.Err(); err != nil {
		return nil, o.replayedIn(err)
	}
	media, err = o.client.mediaOf(ctx, job, format)
	return media, o.verdict(ctx, err)
}

// submit places the order and gives its job.
func (o *order) submit(ctx context.Context) (*JobHandle, error) {
	job, media, err := o.place(ctx)
	if err != nil {
		return nil, o.verdict(ctx, err)
	}
	if media != nil {
		job = &Job{ID: media.ID}
	}
	h := o.client.Jobs.Handle(job.ID)
	h.Job = job
	if job.Object == "" { // only its id is known: it is paid for, and looked up if that can be
		h.Job, _ = o.client.Jobs.Get(ctx, job.ID)
	}
	return h, nil
}

// isForbidden tells that the key lacks the scope for what was asked.
func isForbidden(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && e.Status == http.StatusForbidden && e.JobID == ""
}

// errNoMedia is for a job that has succeeded and tells of no result.
var errNoMedia = errors.New("the job is said to have succeeded, and has no result")

// mediaOf makes of a job what a blocking call would have answered.
func (c *Client) mediaOf(ctx context.Context, job *Job, format ResponseFormat) (*MediaResponse, error) {
	var err error
	if len(job.Choices) == 0 { // an event may have told less than the job does
		if job, err = c.Jobs.Get(ctx, job.ID); err != nil {
			return nil, err
		}
	}
	if len(job.Choices) == 0 {
		return nil, &IncompleteError{JobID: job.ID, Err: errNoMedia}
	}
	answer := &MediaResponse{
		ID: job.ID, Model: job.Model, Object: ObjectCompletion, Choices: job.Choices,
		Created: job.CreatedAt.Unix(), Usage: job.Usage, Media: job.Media,
	}
	for _, link := range job.Choices[0].Message.Images {
		answer.Data = append(answer.Data, DataItem{URL: link})
	}
	for _, v := range job.Choices[0].Message.Videos {
		answer.Data = append(answer.Data, DataItem{URL: v.URL, Cover: v.Cover, VID: v.VID})
	}
	if format == FormatBase64 {
		err = c.encode(ctx, answer)
	}
	return answer, err
}

// mediaIn reads the answer of a server that has made the media while it was asked.
func mediaIn(answer json.RawMessage) (*MediaResponse, error) {
	media := new(MediaResponse)
	if err := json.Unmarshal(answer, media); err != nil || media.ID == "" || len(media.Choices) == 0 {
		return nil, errForeign
	}
	return media, nil
}
