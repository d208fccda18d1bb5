package s3blob

import (
	"context"
	"io"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/tintypehq/tintype/internal/blob"
)

// putStream sends a body of known length as it flows, in one request that is
// never repeated: what was read from the source is gone.
func (s *Store) putStream(ctx context.Context, req blob.PutRequest, src io.Reader) (blob.Object, error) {
	sent := newSums(s.cfg.PlainUploads)
	defer sent.stop()
	caller := ctx
	ctx, pulse := s.pulse(ctx)
	defer pulse.stop()
	flow := &flowBody{from: io.TeeReader(src, sent), pulse: pulse}
	in, body, how := s.putInput(req, req.SizeBytes), io.Reader(flow), unsigned
	if !s.cfg.PlainUploads {
		length := chunkedLength(req.SizeBytes)
		body = newChunked(flow, req.SizeBytes, sent)
		in.ContentLength = &length
		how = trailed(req.SizeBytes)
	}
	in.Body = body
	out, err := s.client.PutObject(ctx, in, once, s3.WithAPIOptions(how))
	if err != nil {
		if s.cfg.PlainUploads && status(err) == 0 {
			s.clear(caller, req, sent)
		}
		return blob.Object{}, pulse.explain(err)
	}
	return s.confirm(ctx, req.Key, out, sent)
}

// once is an option of a request that must not be repeated.
func once(o *s3.Options) { o.Retryer = aws.NopRetryer{} }

// trailed tells the store that the body is aws-chunked with a trailer. It does
// so by the kind of signature alone: "Content-Encoding: aws-chunked", which the
// SDK sends beside it, is kept by some stores and handed to every browser.
func trailed(size int64) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		for name, value := range map[string]string{
			"X-Amz-Trailer":                crcTrailer,
			"X-Amz-Decoded-Content-Length": strconv.FormatInt(size, 10),
		} {
			if err := smithyhttp.SetHeaderValue(name, value)(stack); err != nil {
				return err
			}
		}
		return payloadHash("STREAMING-UNSIGNED-PAYLOAD-TRAILER")(stack)
	}
}

// unsigned leaves the body out of the signature.
func unsigned(stack *middleware.Stack) error { return payloadHash("UNSIGNED-PAYLOAD")(stack) }

// payloadHash replaces the SDK's reading of the whole body for a signature.
func payloadHash(hash string) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		const id = "ComputePayloadHash"
		_, err := stack.Finalize.Swap(id, middleware.FinalizeMiddlewareFunc(id,
			func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
				return next.HandleFinalize(v4.SetPayloadHash(ctx, hash), in)
			}))
		return err
	}
}
