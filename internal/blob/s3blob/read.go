package s3blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/tintypehq/tintype/internal/blob"
)

// Stat implements blob.Store.
func (s *Store) Stat(ctx context.Context, key string) (blob.Object, error) {
	obj, _, err := s.head(ctx, key)
	return obj, err
}

// head is Stat, with the whole answer.
func (s *Store) head(ctx context.Context, key string) (blob.Object, *s3.HeadObjectOutput, error) {
	if err := errors.Join(blob.CheckKey(key), ctx.Err()); err != nil {
		return blob.Object{}, nil, err
	}
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: &s.cfg.Bucket, Key: s.name(key), ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		return blob.Object{}, nil, explain(ctx, "head", err)
	}
	return blob.Object{
		Key: key, SizeBytes: aws.ToInt64(out.ContentLength), ContentType: text(out.ContentType),
		ETag: text(out.ETag), ModTime: aws.ToTime(out.LastModified).UTC(),
	}, out, nil
}

// Open implements blob.Store.
func (s *Store) Open(ctx context.Context, key string, offset, length int64) (*blob.Reader, error) {
	if err := errors.Join(blob.CheckKey(key), ctx.Err()); err != nil {
		return nil, err
	}
	offset = max(offset, 0)
	if length == 0 { // HTTP has no empty ranges
		return s.openEmpty(ctx, key)
	}
	readCtx, cancel := context.WithCancelCause(ctx)
	out, err := s.client.GetObject(readCtx, &s3.GetObjectInput{
		Bucket: &s.cfg.Bucket, Key: s.name(key), Range: httpRange(offset, length),
	})
	if err != nil {
		cancel(nil)
		if code(err) == "InvalidRange" || status(err) == http.StatusRequestedRangeNotSatisfiable {
			return s.openEmpty(ctx, key)
		}
		return nil, explain(ctx, "get", err)
	}
	return &blob.Reader{
		ReadCloser: newDownload(readCtx, cancel, out.Body, s.cfg.StallTimeout),
		Object: blob.Object{
			Key: key, SizeBytes: wholeSize(out), ContentType: text(out.ContentType),
			ETag: text(out.ETag), ModTime: aws.ToTime(out.LastModified).UTC(),
		},
	}, nil
}

// openEmpty opens no byte of an object.
func (s *Store) openEmpty(ctx context.Context, key string) (*blob.Reader, error) {
	obj, err := s.Stat(ctx, key)
	if err != nil {
		return nil, err
	}
	return &blob.Reader{ReadCloser: http.NoBody, Object: obj}, nil
}

func httpRange(offset, length int64) *string {
	switch {
	case length > 0 && length-1 <= 1<<62-offset: // no overflow
		return aws.String(fmt.Sprintf("bytes=%d-%d", offset, offset+length-1))
	case offset > 0:
		return aws.String(fmt.Sprintf("bytes=%d-", offset))
	}
	return nil
}

// wholeSize gives the object's length, whatever the range: what stands behind
// the "/" of Content-Range.
func wholeSize(out *s3.GetObjectOutput) int64 {
	if _, total, ok := strings.Cut(text(out.ContentRange), "/"); ok {
		if n, err := strconv.ParseInt(total, 10, 64); err == nil {
			return n
		}
	}
	return aws.ToInt64(out.ContentLength)
}

// download is a body on its way from the store.
type download struct {
	from  io.ReadCloser
	cause func() error // why it was cut, or nil
	stop  context.CancelCauseFunc
	timer *time.Timer // runs only while a Read waits
	limit time.Duration
}

func newDownload(ctx context.Context, cancel context.CancelCauseFunc, from io.ReadCloser, limit time.Duration) *download {
	d := &download{from: from, cause: func() error { return context.Cause(ctx) }, stop: cancel, limit: limit}
	d.timer = time.AfterFunc(time.Hour, func() { cancel(errStalled) })
	d.timer.Stop()
	return d
}

// Read implements io.Reader.
func (d *download) Read(p []byte) (int, error) {
	d.timer.Reset(d.limit)
	n, err := d.from.Read(p)
	d.timer.Stop()
	if err == nil || err == io.EOF {
		return n, err
	}
	if cause := d.cause(); cause != nil {
		return n, cause
	}
	return n, err
}

// Close implements io.Closer.
func (d *download) Close() error {
	d.timer.Stop()
	d.stop(nil)
	return d.from.Close()
}

// Delete implements blob.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := errors.Join(blob.CheckKey(key), ctx.Err()); err != nil {
		return err
	}
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.cfg.Bucket, Key: s.name(key)})
	if err != nil && isMissing(err) {
		return nil
	}
	return explain(ctx, "delete", err)
}

// Keys implements blob.Store.
func (s *Store) Keys(ctx context.Context, dir string) ([]string, error) {
	if err := errors.Join(blob.CheckDir(dir), ctx.Err()); err != nil {
		return nil, err
	}
	var keys []string
	in := &s3.ListObjectsV2Input{Bucket: &s.cfg.Bucket, Prefix: aws.String(s.cfg.Prefix + dir)}
	for {
		out, err := s.client.ListObjectsV2(ctx, in)
		if err != nil {
			return nil, explain(ctx, "list", err)
		}
		for _, o := range out.Contents {
			if name := text(o.Key); !strings.HasSuffix(name, "/") { // some tools put a mark for a folder
				keys = append(keys, strings.TrimPrefix(name, s.cfg.Prefix))
			}
		}
		if !aws.ToBool(out.IsTruncated) {
			return keys, nil
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

// Sweep implements blob.Store. Ages go by the store's clock, which can be some
// seconds behind itself: an age of zero means every upload.
func (s *Store) Sweep(ctx context.Context, age time.Duration) (int, error) {
	removed := 0
	in := &s3.ListMultipartUploadsInput{Bucket: &s.cfg.Bucket, Prefix: aws.String(s.cfg.Prefix)}
	for {
		out, err := s.client.ListMultipartUploads(ctx, in)
		if err != nil {
			return removed, explain(ctx, "list uploads", err)
		}
		now, ok := awsmiddleware.GetServerTime(out.ResultMetadata)
		if !ok {
			now = time.Now()
		}
		for _, u := range out.Uploads {
			if age > 0 && now.Sub(aws.ToTime(u.Initiated)) < age {
				continue
			}
			if err := s.abort(ctx, text(u.Key), text(u.UploadId)); err != nil {
				return removed, explain(ctx, "abort", err)
			}
			removed++
		}
		if !aws.ToBool(out.IsTruncated) {
			return removed, nil
		}
		in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
	}
}

// abort ends an upload; name is the object's in the bucket. One that is gone
// already is no error.
func (s *Store) abort(ctx context.Context, name, uploadID string) error {
	_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: &s.cfg.Bucket, Key: &name, UploadId: &uploadID,
	})
	if code(err) == "NoSuchUpload" {
		return nil
	}
	return err
}
