package tintype_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/pkg/tintype"
)

// TestIdempotencyKey: the key goes out in its header, from every method that
// makes a job, and not in the body.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	image := tintype.ImageRequest{Prompt: "cat", IdempotencyKey: "order-17"}
	video := tintype.VideoRequest{Prompt: "cat", IdempotencyKey: "order-17"}
	for _, tt := range []struct {
		name   string
		do     func(context.Context, *tintype.Client) error
		answer http.HandlerFunc
	}{
		{"Images.Generate", func(ctx context.Context, c *tintype.Client) error {
			_, err := c.Images.Generate(ctx, image)
			return err
		}, answer(200, imageAnswer)},
		{"Images.Stream", func(ctx context.Context, c *tintype.Client) error { return drain(c.Images.Stream(ctx, image)) }, stream(done)},
		{"Images.Submit", func(ctx context.Context, c *tintype.Client) error { _, err := c.Images.Submit(ctx, image); return err }, answer(202, jobAnswer)},
		{"Videos.Generate", func(ctx context.Context, c *tintype.Client) error {
			_, err := c.Videos.Generate(ctx, video)
			return err
		}, answer(200, videoAnswer)},
		{"Videos.Stream", func(ctx context.Context, c *tintype.Client) error { return drain(c.Videos.Stream(ctx, video)) }, stream(done)},
		{"Videos.Submit", func(ctx context.Context, c *tintype.Client) error { _, err := c.Videos.Submit(ctx, video); return err }, answer(202, jobAnswer)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				equal(t, "key", r.Header.Get("Idempotency-Key"), "order-17")
				if body, err := io.ReadAll(r.Body); err != nil || strings.Contains(string(body), "order-17") {
					t.Errorf("body: %s, %v", body, err)
				}
				tt.answer(w, r)
			})
			if err := tt.do(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestReplayedFailure: a failure that belongs to an earlier request says so.
func TestReplayedFailure(t *testing.T) {
	t.Parallel()
	const body = `{"error":{"message":"no","type":"server_error","param":null,"code":"generation_failed"}}`
	for _, replayed := range []string{"", "true"} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if replayed != "" {
				w.Header().Set("Idempotency-Replayed", replayed)
			}
			answer(502, body)(w, r)
		})
		_, err := c.Images.Generate(t.Context(), tintype.ImageRequest{Prompt: "cat", IdempotencyKey: "k"})
		if e, ok := errors.AsType[*tintype.APIError](err); !ok || e.Replayed != (replayed != "") || e.Code != tintype.CodeGenerationFailed {
			t.Errorf("%q: %+v", replayed, err)
		}
	}
}
