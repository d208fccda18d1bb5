package server

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/pkg/tintype"
)

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
	if err := enc.Close(); err != nil { // it writes what is left of a group of three bytes
		return "", err
	}
	return b.String(), nil
}

func errMediaStore(cause error) error {
	return fault.Wrap(fault.Unavailable, "The media store cannot be reached. Try again in a moment.", cause)
}

func usageOf(j *job.Job) *tintype.MediaUsage {
	if j.Usage == nil {
		return nil
	}
	u := tintype.MediaUsage{OutputTokens: j.Usage.OutputTokens, TotalTokens: j.Usage.TotalTokens, Images: j.Usage.Images}
	if u == (tintype.MediaUsage{}) {
		return nil // nothing was counted
	}
	return &u
}
