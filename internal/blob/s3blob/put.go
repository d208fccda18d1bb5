package s3blob

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tintypehq/tintype/internal/blob"
)

const (
	smallBytes = 1 << 20 // a body up to this is read before it is sent
	partBytes  = 8 << 20
	maxParts   = 10_000
	maxSingle  = 5 << 30 // S3's limit on one PutObject
)

// Put implements blob.Store.
func (s *Store) Put(ctx context.Context, req blob.PutRequest) (blob.Object, error) {
	if err := errors.Join(blob.CheckKey(req.Key), ctx.Err()); err != nil {
		return blob.Object{}, err
	}
	src := &source{body: blob.Exact(req.Body, req.SizeBytes)}
	obj, err := s.put(ctx, req, src)
	bodyErr := src.close()
	switch {
	case err == nil:
		obj.Key, obj.ContentType = req.Key, req.ContentType
		return obj, nil
	case bodyErr != nil: // the SDK does not always pass it on
		return blob.Object{}, bodyErr
	}
	return blob.Object{}, explain(ctx, "put", err)
}

func (s *Store) put(ctx context.Context, req blob.PutRequest, src *source) (blob.Object, error) {
	switch {
	case req.SizeBytes > maxSingle:
		return s.putParts(ctx, req, src, nil)
	case req.SizeBytes > smallBytes:
		return s.putStream(ctx, req, src)
	case req.SizeBytes >= 0:
		buf := make([]byte, req.SizeBytes+1) // one more, to see the end
		n, _, err := fill(src, buf)
		if err != nil {
			return blob.Object{}, err
		}
		return s.putBuffer(ctx, req, buf[:n])
	}
	return s.putUnknown(ctx, req, src)
}

// putUnknown finds out whether a body fits into one part.
func (s *Store) putUnknown(ctx context.Context, req blob.PutRequest, src *source) (blob.Object, error) {
	buf := s.buffer()
	n, end, err := fill(src, *buf)
	switch {
	case err != nil:
		s.buffers.Put(buf)
		return blob.Object{}, err
	case !end:
		return s.putParts(ctx, req, src, buf)
	}
	obj, err := s.putBuffer(ctx, req, (*buf)[:n])
	if err == nil { // else the transport may still read it
		s.buffers.Put(buf)
	}
	return obj, err
}

// fill reads until buf is full or the body ends. Only io.EOF itself is an end:
// io.ErrUnexpectedEOF, which io.ReadFull has for a short body, is also what a
// broken download gives.
func fill(src io.Reader, buf []byte) (n int, end bool, err error) {
	for n < len(buf) {
		k, err := src.Read(buf[n:])
		n += k
		if err == io.EOF {
			return n, true, nil
		}
		if err != nil {
			return n, false, err
		}
	}
	return n, false, nil
}

// putBuffer sends a body that is in memory. The SDK may repeat it.
func (s *Store) putBuffer(ctx context.Context, req blob.PutRequest, buf []byte) (blob.Object, error) {
	sent := sumsOf(buf)
	in := s.putInput(req, int64(len(buf)))
	ctx, pulse := s.pulse(ctx)
	defer pulse.stop()
	in.Body = &heldBody{Reader: bytes.NewReader(buf), pulse: pulse}
	if !s.cfg.PlainUploads {
		in.ChecksumCRC32 = sent.crc()
	}
	out, err := s.client.PutObject(ctx, in)
	if err != nil {
		return blob.Object{}, pulse.explain(err)
	}
	if out.ChecksumCRC32 == nil {
		sent.addMD5(buf)
	}
	return s.confirm(ctx, req.Key, out, sent)
}

func (s *Store) putInput(req blob.PutRequest, length int64) *s3.PutObjectInput {
	in := &s3.PutObjectInput{Bucket: &s.cfg.Bucket, Key: s.name(req.Key), ContentLength: &length}
	if req.ContentType != "" {
		in.ContentType = &req.ContentType
	}
	return in
}

// buffer gives a part's buffer. It goes back into s.buffers when nobody reads
// it any more.
func (s *Store) buffer() *[]byte {
	if b, ok := s.buffers.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, partBytes)
	return &b
}
