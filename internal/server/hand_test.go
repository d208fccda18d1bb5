package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// meanwhile plays the worker beside a call that waits. The test ends after it.
func (h *house) meanwhile(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	h.Cleanup(func() { <-done })
}

// The worker, by hand. It does not end with the test's own context: what it
// does is awaited.

const token = "hand"

// submitted takes a job from the line to the upstream.
func (h *house) submitted(id job.ID, upstreamID string, sources ...job.Source) {
	h.Helper()
	ok, err := h.store.Claim(context.Background(), id, job.StageSubmit, token)
	if err != nil || !ok {
		h.Fatalf("claim: %v %v", ok, err)
	}
	fence, err := h.store.Begin(context.Background(), id, token)
	h.must(err)
	_, _, err = h.store.Accepted(context.Background(), id, token, fence, upstreamID, sources, nil)
	h.must(err)
}

// phase is the poller's news.
func (h *house) phase(id job.ID, p job.Phase) {
	h.Helper()
	_, err := h.store.ClaimPolls(context.Background(), token, 10)
	h.must(err)
	ok, err := h.store.Progress(context.Background(), id, token, p)
	if err != nil || !ok {
		h.Fatalf("progress: %v %v", ok, err)
	}
}

// ready ends the upstream's work on a running job.
func (h *house) ready(id job.ID) {
	h.Helper()
	_, err := h.store.ClaimPolls(context.Background(), token, 10)
	h.must(err)
	_, _, err = h.store.Ready(context.Background(), id, token, []job.Source{{Role: job.Primary, URL: "https://up/1"}}, &job.Usage{OutputTokens: 5, TotalTokens: 5}, 0)
	h.must(err)
}

// stored puts a file into the bucket and the record.
func (h *house) stored(id job.ID, index int, name string, role job.Role, content []byte, contentType string) {
	h.Helper()
	if ok, err := h.store.Claim(context.Background(), id, job.StageMirror, token); err != nil || !ok && index == 0 {
		h.Fatalf("claim: %v %v", ok, err)
	}
	sum := sha256.Sum256(content)
	m := job.Media{
		Name: name, Key: id.Dir() + name, Role: role, ContentType: contentType,
		SizeBytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:]), Width: 8, Height: 6,
	}
	_, err := h.blobs.Put(context.Background(), blob.PutRequest{Key: m.Key, Body: bytes.NewReader(content), SizeBytes: m.SizeBytes, ContentType: contentType})
	h.must(err)
	_, err = h.store.Stored(context.Background(), id, token, index, m)
	h.must(err)
}

func (h *house) succeed(id job.ID) {
	h.Helper()
	_, _, err := h.store.Succeed(context.Background(), id, token)
	h.must(err)
}

// fail ends a queued job.
func (h *house) fail(id job.ID, f *fault.Error) {
	h.Helper()
	if ok, err := h.store.Claim(context.Background(), id, job.StageSubmit, token); err != nil || !ok {
		h.Fatalf("claim: %v %v", ok, err)
	}
	_, _, err := h.store.Fail(context.Background(), id, token, f, redisstore.Rest{})
	h.must(err)
}

// makeImage takes an image job through all of its life.
func (h *house) makeImage(id job.ID, content []byte) {
	h.Helper()
	h.submitted(id, "", job.Source{Role: job.Primary, URL: "https://up/1"})
	h.stored(id, 0, "image-0.png", job.Primary, content, "image/png")
	h.succeed(id)
}

// makeVideo takes a video job through all of its life.
func (h *house) makeVideo(id job.ID) {
	h.Helper()
	h.submitted(id, "cgt-20260101000000-abcde")
	h.phase(id, job.PhaseGenerating)
	h.ready(id)
	h.stored(id, 0, "video-0.mp4", job.Primary, []byte("a film"), "video/mp4")
	h.stored(id, 1, "cover-0.png", job.Cover, []byte("a still"), "image/png")
	h.succeed(id)
}

// waitForJob gives the only job that a call of the server has rung for.
func (h *house) waitForJob() job.ID {
	h.Helper()
	var rung []job.Bell
	h.eventually(func() bool {
		rung = h.bells()
		return len(rung) > 0
	})
	return rung[0].Job
}
