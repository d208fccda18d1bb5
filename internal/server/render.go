package server

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// jobPath is a job's path on this server.
func jobPath(id job.ID) string { return "/v1/jobs/" + string(id) }

// origin is what all links begin with.
func (s *Server) origin(c echo.Context) string {
	if s.cfg.PublicURL != "" {
		return strings.TrimRight(s.cfg.PublicURL, "/")
	}
	r := c.Request()
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if s.cfg.TrustForwarded {
		scheme = cmp.Or(firstInList(r.Header.Get(echo.HeaderXForwardedProto)), scheme)
		host = cmp.Or(firstInList(r.Header.Get("X-Forwarded-Host")), host)
	}
	return scheme + "://" + host
}

// firstInList is the nearest to the caller of what several proxies added.
func firstInList(s string) string {
	first, _, _ := strings.Cut(s, ",")
	return strings.TrimSpace(first)
}

// mediaURL is the link of a stored file: whoever has it may read the file.
func mediaURL(origin string, j *job.Job, m job.Media) string {
	return origin + "/v1/media/" + string(j.ID) + j.Secret + "/" + m.Name
}

// result is what a job made, with links.
type result struct {
	images []string
	videos []tintype.Video
}

func resultOf(origin string, j *job.Job) result {
	var r result
	covers := j.Covers()
	for i, m := range j.Primaries() {
		url := mediaURL(origin, j, m)
		switch j.Spec.Kind {
		case job.Image:
			r.images = append(r.images, url)
		case job.Video:
			r.videos = append(r.videos, tintype.Video{VID: vid(j), Cover: coverURL(origin, j, covers, i), URL: url})
		}
	}
	return r
}

// vid is the upstream's name for the film; where it has none, ours.
func vid(j *job.Job) string {
	if j.UpstreamID != "" {
		return j.UpstreamID
	}
	return string(j.ID)
}

func coverURL(origin string, j *job.Job, covers []job.Media, i int) string {
	if i >= len(covers) {
		return ""
	}
	return mediaURL(origin, j, covers[i])
}

// markdown is the result as the original service's chat message said it.
func (r result) markdown() string {
	var b strings.Builder
	if len(r.images) > 0 {
		b.WriteString("以下是为您生成的图片：")
	}
	for _, url := range r.images {
		b.WriteString("\n![image](" + url + ")")
	}
	for i, v := range r.videos {
		if i > 0 {
			b.WriteByte('\n')
		}
		if v.Cover != "" {
			b.WriteString("![视频封面](" + v.Cover + ")\n")
		}
		b.WriteString("视频链接: " + v.URL)
	}
	return b.String()
}

func (r result) choices() []tintype.Choice {
	return []tintype.Choice{{
		Message:      tintype.Message{Role: "assistant", Content: r.markdown(), Images: r.images, Videos: r.videos},
		FinishReason: "stop",
	}}
}

func (r result) data() []tintype.DataItem {
	items := []tintype.DataItem{}
	for _, url := range r.images {
		items = append(items, tintype.DataItem{URL: url})
	}
	for _, v := range r.videos {
		items = append(items, tintype.DataItem{URL: v.URL, Cover: v.Cover, VID: v.VID})
	}
	return items
}

// mediaBody is the answer of a blocking call whose job has succeeded.
func (s *Server) mediaBody(c echo.Context, j *job.Job, format tintype.ResponseFormat) ([]byte, error) {
	r := resultOf(s.origin(c), j)
	answer := tintype.MediaResponse{
		ID: string(j.ID), Model: j.Spec.Model, Object: tintype.ObjectCompletion,
		Choices: r.choices(), Created: j.CreatedAt.Unix(), Data: r.data(), Usage: usageOf(j),
	}
	switch format {
	case tintype.FormatBase64:
		for i, m := range j.Primaries() {
			text, err := s.base64Of(c.Request().Context(), m)
			if err != nil {
				return nil, err
			}
			answer.Data[i] = tintype.DataItem{B64JSON: text}
		}
	case tintype.FormatURL:
	}
	return encodeJSON(answer)
}

// base64Of reads a stored image, whose size the worker has bounded.
func (s *Server) base64Of(ctx context.Context, m job.Media) (string, error) {
	r, err := s.cfg.Blobs.Open(ctx, m.Key, 0, -1)
	if err != nil {
		return "", errMediaStore(err)
	}
	defer func() { _ = r.Close() }() // read only: its error says nothing about the bytes
	var b strings.Builder
	b.Grow(base64.StdEncoding.EncodedLen(int(m.SizeBytes)))
	enc := base64.NewEncoder(base64.StdEncoding, &b)
	n, err := io.Copy(enc, r)
	if err == nil && n != m.SizeBytes {
		err = fmt.Errorf("%d of %d bytes", n, m.SizeBytes)
	}
	if err != nil {
		return "", errMediaStore(err)
	}
	return b.String(), enc.Close()
}

func errMediaStore(cause error) error {
	return fault.Wrap(fault.Unavailable, "The media store cannot be reached. Try again in a moment.", cause)
}

func usageOf(j *job.Job) *tintype.MediaUsage {
	if j.Usage == nil {
		return nil
	}
	return &tintype.MediaUsage{OutputTokens: j.Usage.OutputTokens, TotalTokens: j.Usage.TotalTokens, Images: j.Usage.Images}
}

// viewJob is a job as the API shows it, with the log that it has so far.
func viewJob(origin string, j *job.Job, log []job.Event) tintype.Job {
	v := tintype.Job{
		ID: string(j.ID), Object: tintype.ObjectJob, Kind: tintype.Kind(j.Spec.Kind), Model: j.Spec.Model,
		Status: statusWord(j.State), Phase: phaseWord(j), Progress: j.Progress(),
		CreatedAt: j.CreatedAt, StartedAt: moment(j.SubmittedAt), FinishedAt: moment(j.FinishedAt),
		Deadline: j.Deadline, ExpiresAt: j.ExpiresAt,
		Media: mediaViews(origin, j), Usage: usageOf(j), Timeline: timeline(j, log),
		URLs: tintype.JobURLs{Get: origin + jobPath(j.ID), Events: origin + jobPath(j.ID) + "/events"},
	}
	for _, e := range log {
		v.Recovered = v.Recovered || e.Type == job.EventRecovered
	}
	if j.State == job.Succeeded {
		v.Choices = resultOf(origin, j).choices()
	}
	if err := failureOf(j); err != nil {
		v.Error = errorDetail(toFault(err))
	}
	return v
}

// statusWord gives the API's word for a state.
func statusWord(s job.State) tintype.Status {
	switch s {
	case job.Queued:
		return tintype.StatusQueued
	case job.Submitting, job.Running:
		return tintype.StatusRunning
	case job.Mirroring:
		return tintype.StatusMirroring
	case job.Succeeded:
		return tintype.StatusSucceeded
	case job.Failed:
		return tintype.StatusFailed
	case job.Canceled:
		return tintype.StatusCanceled
	}
	return tintype.Status(s)
}

// phaseWord says what is being done; empty once a job is final.
func phaseWord(j *job.Job) tintype.Phase {
	switch j.State {
	case job.Queued:
		return tintype.PhaseQueued
	case job.Submitting:
		return tintype.PhaseSubmitting
	case job.Running:
		if j.Phase == job.PhaseGenerating {
			return tintype.PhaseGenerating
		}
		return tintype.PhaseQueued
	case job.Mirroring:
		return tintype.PhaseMirroring
	case job.Succeeded, job.Failed, job.Canceled:
	}
	return ""
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// mediaViews lists the stored files: what was asked for first, then the stills.
func mediaViews(origin string, j *job.Job) []tintype.Media {
	covers := j.Covers()
	var out []tintype.Media
	for i, m := range j.Primaries() {
		v := mediaView(origin, j, m)
		v.CoverURL = coverURL(origin, j, covers, i)
		out = append(out, v)
	}
	for _, m := range covers {
		out = append(out, mediaView(origin, j, m))
	}
	return out
}

func mediaView(origin string, j *job.Job, m job.Media) tintype.Media {
	return tintype.Media{
		ID: m.Name, Type: m.ContentType, URL: mediaURL(origin, j, m), Bytes: m.SizeBytes, SHA256: m.SHA256,
		Width: m.Width, Height: m.Height, Duration: m.Duration.Seconds(), FPS: m.FPS,
	}
}

// timeline is the log in short. Of a job whose log has gone it is what the
// record itself still tells.
func timeline(j *job.Job, log []job.Event) []tintype.Moment {
	out := []tintype.Moment{}
	for _, e := range log {
		out = append(out, tintype.Moment{Event: tintype.EventType(e.Type), At: e.Time})
	}
	if len(out) > 0 {
		return out
	}
	out = append(out, tintype.Moment{Event: tintype.EventQueued, At: j.CreatedAt})
	if !j.SubmittedAt.IsZero() {
		out = append(out, tintype.Moment{Event: tintype.EventSubmitted, At: j.SubmittedAt})
	}
	if end := finalEvent(j.State); end != "" && !j.FinishedAt.IsZero() {
		out = append(out, tintype.Moment{Event: end, At: j.FinishedAt})
	}
	return out
}

// finalEvent is the event that a final state comes with.
func finalEvent(s job.State) tintype.EventType {
	switch s {
	case job.Succeeded:
		return tintype.EventSucceeded
	case job.Failed:
		return tintype.EventFailed
	case job.Canceled:
		return tintype.EventCanceled
	case job.Queued, job.Submitting, job.Running, job.Mirroring:
	}
	return ""
}
