package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// writeOnly is a key that may order media and not read jobs.
const writeOnly = "tt_write_only_0123456789"

func withWriteOnly(w server.Wait) func(*options) {
	return configure(func(c *server.Config) {
		c.Wait = w
		c.Auth.Keys = append(c.Auth.Keys, server.GatewayKey{
			Name: "writer", SHA256: sha256.Sum256([]byte(writeOnly)), Scopes: []server.Scope{server.ScopeGenerate},
		})
	})
}

// writer is a client with that key.
func (h *house) writer(base string) *tintype.Client {
	h.Helper()
	c, err := tintype.NewClient(base, tintype.WithKey(writeOnly), tintype.WithHTTPClient(client))
	h.must(err)
	return c
}

// TestClientSeesLateFailure: our client raises on an error in a 200.
func TestClientSeesLateFailure(t *testing.T) {
	t.Parallel()
	h := open(t, withWriteOnly(server.Wait{Silence: ms, Space: ms}))
	h.meanwhile(func() {
		id := h.waitForJob()
		time.Sleep(30 * ms) // the answer has begun by then
		h.fail(id, fault.New(fault.GenerationFailed, "It went wrong."))
	})
	_, err := h.writer(h.url).Images.Generate(t.Context(), tintype.ImageRequest{Prompt: "x"})
	if e, ok := errors.AsType[*tintype.APIError](err); !ok || e.Code != tintype.CodeGenerationFailed || e.JobID == "" || e.Replayed {
		t.Errorf("%v", err)
	}
}

// TestClientGeneratesOverCuts: connections that break again and again, with either
// kind of key, cost nothing but time, and there is one job.
func TestClientGeneratesOverCuts(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]func(*house, string) *tintype.Client{"reads": (*house).client, "may not read": (*house).writer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, withWriteOnly(server.Wait{Silence: 5 * ms, Space: ms / 10, Beat: ms}))
			proxy, cuts := cutter(t, h)
			h.meanwhile(func() {
				id := h.waitForJob()
				h.await(cuts, 3)
				h.makeVideo(id)
			})
			c := of(h, "http://"+proxy)
			film, err := c.Videos.Generate(t.Context(), tintype.VideoRequest{Prompt: "x"})
			if err != nil || len(film.Data) != 1 || film.Data[0].VID == "" || film.Choices[0].Message.Content == "" {
				t.Fatalf("%+v, %v", film, err)
			}
			jobs := map[string]bool{}
			for _, bell := range h.bells() {
				jobs[string(bell.Job)] = true
			}
			if len(jobs) != 1 || !jobs[film.ID] {
				t.Errorf("jobs %v, the answer is about %s", jobs, film.ID)
			}
		})
	}
}

// TestClientStreamsOverCuts: a stream of chunks comes whole and once.
func TestClientStreamsOverCuts(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]func(*house, string) *tintype.Client{"reads": (*house).client, "may not read": (*house).writer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, withWriteOnly(server.Wait{Beat: 5 * ms}))
			proxy, cuts := cutter(t, h)
			h.meanwhile(func() {
				id := h.waitForJob()
				h.await(cuts, 1)
				h.makeVideo(id)
			})
			var text strings.Builder
			var films []tintype.Video
			seqs, last := 0, int64(0)
			for chunk, err := range of(h, "http://"+proxy).Videos.Stream(t.Context(), tintype.VideoRequest{Prompt: "x"}) {
				h.must(err)
				text.WriteString(chunk.Text())
				films = append(films, chunk.Videos()...)
				if chunk.Seq > 0 {
					seqs++
					if chunk.Seq <= last {
						t.Errorf("event %d after %d", chunk.Seq, last)
					}
					last = chunk.Seq
				}
			}
			if len(films) != 1 || strings.Count(text.String(), films[0].URL) != 1 || int64(seqs) != last {
				t.Errorf("%d of %d events, %q %+v", seqs, last, text.String(), films)
			}
		})
	}
}

// leaving is a way to the server whose caller leaves as soon as it waits for a job: it
// knows the job by then, however slow the machine.
type leaving struct{ leave context.CancelFunc }

func (l leaving) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := client.Transport.RoundTrip(r)
	if r.Method == http.MethodGet {
		l.leave()
	}
	return resp, err
}

// TestClientTakesUpAgain: the wait ends, the job does not, and another client goes
// on with nothing but its id.
func TestClientTakesUpAgain(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	c, err := tintype.NewClient(h.url, tintype.WithKey(gatewayKey), tintype.WithHTTPClient(&http.Client{Transport: leaving{leave}}))
	h.must(err)
	_, err = c.Videos.Generate(ctx, tintype.VideoRequest{Prompt: "x"})
	broken, ok := errors.AsType[*tintype.IncompleteError](err)
	if !ok || broken.JobID == "" || !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	id := h.waitForJob()
	if string(id) != broken.JobID {
		t.Errorf("the job is %s, the error names %s", id, broken.JobID)
	}
	h.meanwhile(func() { h.makeVideo(id) })
	job, err := h.client(h.url).Jobs.Handle(broken.JobID).Wait(t.Context())
	if err != nil || job.Status != tintype.StatusSucceeded || job.Cancel != nil || len(job.Media) != 2 {
		t.Errorf("%+v, %v", job, err)
	}
	again, err := h.client(h.url).Videos.Generate(t.Context(), tintype.VideoRequest{Prompt: "x", IdempotencyKey: broken.IdempotencyKey})
	if err != nil || again.ID != broken.JobID {
		t.Errorf("by its key: %+v, %v", again, err)
	}
}

// TestClientCancels: a canceled job is the answer, and the error of who waits.
func TestClientCancels(t *testing.T) {
	t.Parallel()
	h := open(t)
	c := h.client(h.url)
	handle, err := c.Videos.Submit(t.Context(), tintype.VideoRequest{Prompt: "x"})
	h.must(err)
	if handle.Job == nil || handle.Job.Status != tintype.StatusQueued {
		t.Errorf("submitted: %+v", handle.Job)
	}
	job, err := handle.Cancel(t.Context())
	if err != nil || job.Status != tintype.StatusCanceled {
		t.Errorf("%+v, %v", job, err)
	}
	job, err = handle.Wait(t.Context())
	if e, ok := errors.AsType[*tintype.APIError](err); !ok || e.Code != tintype.CodeCanceled || job.ID != handle.ID {
		t.Errorf("%+v, %v", job, err)
	}
}

// TestClientDownloadsOverCuts: a file comes whole through a proxy that cuts, with
// its checksum known or not, and as base64.
func TestClientDownloadsOverCuts(t *testing.T) {
	t.Parallel()
	h := open(t)
	content := picture(t, 60, 50)
	content = append(content, bytes.Repeat([]byte("x"), 20_000)...)
	h.meanwhile(func() { h.makeImage(h.waitForJob(), content) })
	request := tintype.ImageRequest{Prompt: "x", IdempotencyKey: "k"}
	image, err := h.client(h.url).Images.Generate(t.Context(), request)
	h.must(err)
	proxy, _ := cutter(t, h)
	cutting := h.client("http://" + proxy)
	m := image.Media[0]
	m.URL = strings.TrimPrefix(m.URL, h.url)
	for _, sum := range []string{m.SHA256, ""} {
		m.SHA256 = sum
		var got bytes.Buffer
		if n, err := cutting.Media.Download(t.Context(), m, &got); err != nil || n != m.Bytes || !bytes.Equal(got.Bytes(), content) {
			t.Errorf("%d of %d bytes, %v", n, m.Bytes, err)
		}
	}
	request.ResponseFormat = tintype.FormatBase64
	image, err = h.client(h.url).Images.Generate(t.Context(), request)
	if err != nil || len(image.Data) != 1 || image.Data[0].B64JSON != base64.StdEncoding.EncodeToString(content) {
		t.Errorf("base64: %v", err)
	}
}
