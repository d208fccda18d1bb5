package s3blob

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/tintypehq/tintype/internal/blob"
)

// putParts sends a body as a multipart upload: one part travels while the next
// is read. first is a part that was read already, or nil.
func (s *Store) putParts(ctx context.Context, req blob.PutRequest, src io.Reader, first *[]byte) (blob.Object, error) {
	id, err := s.begin(ctx, req)
	if err != nil {
		if first != nil {
			s.buffers.Put(first)
		}
		return blob.Object{}, err
	}
	u := &upload{store: s, name: *s.name(req.Key), id: id, queue: make(chan part)}
	obj, err := u.run(ctx, src, first)
	if err == nil {
		return obj, s.compare(ctx, req.Key, &obj)
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	_ = s.abort(after, u.name, id) // Sweep has another look
	return blob.Object{}, err
}

func (s *Store) begin(ctx context.Context, req blob.PutRequest) (string, error) {
	in := &s3.CreateMultipartUploadInput{Bucket: &s.cfg.Bucket, Key: s.name(req.Key)}
	if req.ContentType != "" {
		in.ContentType = &req.ContentType
	}
	if !s.cfg.PlainUploads {
		in.ChecksumAlgorithm = types.ChecksumAlgorithmCrc32
	}
	out, err := s.client.CreateMultipartUpload(ctx, in)
	if err != nil {
		return "", err
	}
	return text(out.UploadId), nil
}

// compare looks at the object that an upload became. Its parts were compared
// one by one; what remains is that all of them are in it.
func (s *Store) compare(ctx context.Context, key string, obj *blob.Object) error {
	held, err := s.Stat(ctx, key)
	switch {
	case err != nil:
		return fmt.Errorf("look at what was written: %w", err)
	case held.ETag != obj.ETag:
		return nil // another Put's by now
	case held.SizeBytes != obj.SizeBytes:
		return s.discard(ctx, key, obj.ETag)
	}
	obj.ModTime = held.ModTime
	return nil
}

// upload is one multipart upload.
type upload struct {
	store *Store
	name  string
	id    string
	queue chan part // unbuffered: one part waits, one travels
	sent  int64
	done  []types.CompletedPart
}

// part is a piece of the body. Its buffer goes back when it was sent.
type part struct {
	number int32
	buf    *[]byte
	size   int
}

// run reads, sends and completes. It returns when nothing of it runs any more.
func (u *upload) run(ctx context.Context, src io.Reader, first *[]byte) (blob.Object, error) {
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return u.send(groupCtx) })
	group.Go(func() error {
		defer close(u.queue)
		return u.read(groupCtx, src, first)
	})
	if err := group.Wait(); err != nil {
		return blob.Object{}, err
	}
	out, err := u.store.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.store.cfg.Bucket, Key: &u.name, UploadId: &u.id,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: u.done},
	})
	if err != nil {
		return blob.Object{}, err
	}
	return blob.Object{SizeBytes: u.sent, ETag: text(out.ETag), ModTime: time.Now().UTC()}, nil
}

// read cuts the body into parts.
func (u *upload) read(ctx context.Context, src io.Reader, first *[]byte) error {
	next := int32(1)
	if first != nil {
		if err := u.offer(ctx, part{next, first, len(*first)}); err != nil {
			return err
		}
		next++
	}
	for number := next; ; number++ {
		if number > maxParts {
			return fmt.Errorf("s3blob: the body has more than %d parts of %d bytes", maxParts, partBytes)
		}
		buf := u.store.buffer()
		n, end, err := fill(src, *buf)
		if err != nil || n == 0 {
			u.store.buffers.Put(buf)
			return err
		}
		if err := u.offer(ctx, part{number, buf, n}); err != nil || end {
			return err
		}
	}
}

// offer hands a part over, or gives its buffer back.
func (u *upload) offer(ctx context.Context, p part) error {
	select {
	case u.queue <- p:
		return nil
	case <-ctx.Done():
		u.store.buffers.Put(p.buf)
		return context.Cause(ctx)
	}
}

// send sends the parts in turn.
func (u *upload) send(ctx context.Context) error {
	for p := range u.queue {
		done, err := u.sendPart(ctx, p)
		if err != nil {
			return err // the transport may still read the buffer: it is not used again
		}
		u.store.buffers.Put(p.buf)
		u.done = append(u.done, done)
		u.sent += int64(p.size)
	}
	return nil
}

// sendPart sends one part and believes it by its checksum, or by its MD5.
func (u *upload) sendPart(ctx context.Context, p part) (types.CompletedPart, error) {
	content := (*p.buf)[:p.size]
	sum := sumsOf(content)
	ctx, pulse := u.store.pulse(ctx)
	defer pulse.stop()
	in := &s3.UploadPartInput{
		Bucket: &u.store.cfg.Bucket, Key: &u.name, UploadId: &u.id, PartNumber: &p.number,
		Body: &heldBody{Reader: bytes.NewReader(content), pulse: pulse}, ContentLength: aws.Int64(int64(p.size)),
	}
	if !u.store.cfg.PlainUploads {
		in.ChecksumCRC32 = sum.crc()
	}
	out, err := u.store.client.UploadPart(ctx, in, s3.WithAPIOptions(unsigned))
	if err != nil {
		return types.CompletedPart{}, pulse.explain(err)
	}
	same, known := text(out.ChecksumCRC32) == *sum.crc(), out.ChecksumCRC32 != nil
	if !known {
		sum.addMD5(content)
		same, known = sum.isMD5(out.ETag)
	}
	if known && !same {
		return types.CompletedPart{}, blob.ErrCorrupt
	}
	return types.CompletedPart{ETag: out.ETag, PartNumber: &p.number, ChecksumCRC32: in.ChecksumCRC32}, nil
}
