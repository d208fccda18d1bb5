package worker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"time"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/probe"
	"github.com/tintypehq/tintype/internal/redisstore"
)

const (
	// mirrorTries is how often a file is copied from its beginning before the
	// media counts as unusable.
	mirrorTries = 4

	// mirrorPause is how long a job waits when the bucket or the upstream cannot
	// be reached, before its mirror is rung again.
	mirrorPause = 5 * time.Second

	// sniffBytes is how much of a file is read to know its type, which is part
	// of its key.
	sniffBytes = 4 << 10
)

// errRubbish is a file that arrived whole and is not usable media.
var errRubbish = errors.New("worker: not usable media")

// copying is one handler's work on one job.
type copying struct {
	*Worker

	job   *job.Job
	lease redisstore.Lease
}

// Mirror is the handler of [job.StageMirror].
func (w *Worker) Mirror(ctx context.Context, id job.ID) error {
	lease := redisstore.Lease{Job: id, Token: w.token()}
	claimed := time.Now()
	ok, err := w.Store.Claim(ctx, id, job.StageMirror, lease.Token)
	if err != nil || !ok {
		return err
	}
	held, done := w.leases.hold(ctx, lease, claimed)
	defer done()
	j, err := w.Store.Get(held, id)
	if err != nil {
		return err
	}
	c := &copying{Worker: w, job: j, lease: lease}
	err = c.run(held)
	switch {
	case err == nil:
		return nil
	case held.Err() != nil:
		w.Log.WarnContext(ctx, "a mirror was given up", "job_id", id, "err", context.Cause(held))
		return nil // whoever has the lease now goes on
	case errors.Is(err, errRubbish):
		return c.fail(ctx, fault.Wrap(fault.MediaInvalid, "The upstream made media that is not usable.", err))
	}
	w.Log.WarnContext(ctx, "a mirror is tried again later", "job_id", id, "err", err)
	return w.Store.Defer(ctx, id, lease.Token, mirrorPause)
}

// run copies what is missing and ends the job.
func (c *copying) run(ctx context.Context) error {
	for i := len(c.job.Media); i < len(c.job.Sources); i++ {
		m, err := c.mirror(ctx, i)
		if errors.Is(err, errRubbish) && c.job.Sources[i].Role == job.Cover {
			c.Log.WarnContext(ctx, "a job goes without its cover", "job_id", c.job.ID, "err", err)
			break // covers come last
		}
		if err != nil {
			return err
		}
		settled, err := c.Store.Stored(ctx, c.job.ID, c.lease.Token, i, m)
		if err != nil || settled != redisstore.Written {
			return err
		}
		c.metrics.mirrored.WithLabelValues(string(c.job.Spec.Kind)).Add(float64(m.SizeBytes))
	}
	return c.succeed(ctx)
}

func (c *copying) succeed(ctx context.Context) error {
	settled, bells, err := c.Store.Succeed(ctx, c.job.ID, c.lease.Token)
	if err != nil {
		return err
	}
	c.ring(ctx, bells)
	c.unstage(ctx)
	if settled == redisstore.Written {
		c.finished(context.WithoutCancel(ctx), c.job.ID, nil)
	}
	return nil
}

func (c *copying) fail(ctx context.Context, f *fault.Error) error {
	settled, bells, err := c.Store.Fail(ctx, c.job.ID, c.lease.Token, f)
	if err != nil {
		return err
	}
	c.ring(ctx, bells)
	c.unstage(ctx)
	if settled == redisstore.Written {
		c.finished(ctx, c.job.ID, f)
	}
	return nil
}

// unstage removes bytes that waited in the bucket to be mirrored.
func (c *copying) unstage(ctx context.Context) {
	for _, s := range c.job.Sources {
		if s.Key == "" {
			continue
		}
		if err := c.Blobs.Delete(ctx, s.Key); err != nil {
			c.Log.WarnContext(ctx, "staged media could not be removed", "job_id", c.job.ID, "err", err)
		}
	}
}

// mirror copies one file, from its beginning again if it arrives damaged.
func (c *copying) mirror(ctx context.Context, i int) (m job.Media, err error) {
	for try := range mirrorTries {
		if try > 0 {
			c.Log.WarnContext(ctx, "media is fetched again", "job_id", c.job.ID, "file", i, "err", err)
			if err := errors.Join(sleep(ctx, resumePause<<try), c.refreshIfAble(ctx)); err != nil {
				return m, err
			}
		}
		m, err = c.copyOnce(ctx, i)
		if !errors.Is(err, errRubbish) {
			return m, err
		}
	}
	return m, err
}

// refreshIfAble gets fresh links where the upstream has any; the old ones are
// tried again otherwise.
func (c *copying) refreshIfAble(ctx context.Context) error {
	if err := c.refresh(ctx); !errors.Is(err, errRubbish) {
		return err
	}
	return nil
}

// copyOnce streams one file into the bucket and gathers its facts on the way.
// What turns out to be damaged stays where it is: nothing points at it, the next
// try writes over it, and deleting could hit what another worker has put there
// since, should this one have slept.
func (c *copying) copyOnce(ctx context.Context, i int) (job.Media, error) {
	src, err := c.open(ctx, i)
	defer src.Close()
	if err != nil {
		return job.Media{}, err
	}
	head, facts, err := sniff(src)
	if err != nil {
		return job.Media{}, err
	}
	m := job.Media{
		Name: c.name(i, facts.Ext), Role: c.job.Sources[i].Role, ContentType: facts.ContentType,
	}
	m.Key = path.Join(c.job.ID.Dir(), m.Name)
	read := newReading(io.MultiReader(head, src))
	object, err := c.Blobs.Put(ctx, blob.PutRequest{Key: m.Key, Body: read, SizeBytes: src.size(), ContentType: m.ContentType})
	if err != nil {
		return m, c.putFailed(ctx, read, src, err)
	}
	facts, err = read.probe.Facts()
	if err != nil {
		return m, fmt.Errorf("%w: %w", errRubbish, err)
	}
	m.SizeBytes, m.SHA256 = read.bytes, hex.EncodeToString(read.sum.Sum(nil))
	m.Width, m.Height, m.Duration, m.FPS = facts.Width, facts.Height, facts.Duration, facts.FPS
	if object.SizeBytes != m.SizeBytes {
		return m, fmt.Errorf("worker: the bucket holds %d of %d bytes", object.SizeBytes, m.SizeBytes)
	}
	return m, nil
}

// putFailed tells a source that ended damaged from a bucket that failed.
func (c *copying) putFailed(ctx context.Context, read *reading, src *source, err error) error {
	switch {
	case ctx.Err() != nil:
		return err
	case read.err != nil:
		return read.err
	case src.err != nil:
		return src.err
	}
	return err
}

// name is the last segment of a file's key and link: "video-0.mp4".
func (c *copying) name(i int, ext string) string {
	n, word := 0, string(c.job.Spec.Kind)
	role := c.job.Sources[i].Role
	if role == job.Cover {
		word = "cover"
	}
	for _, s := range c.job.Sources[:i] {
		if s.Role == role {
			n++
		}
	}
	return fmt.Sprintf("%s-%d%s", word, n, ext)
}

// sniff reads the beginning of a file to know its type.
func sniff(r io.Reader) (io.Reader, probe.Facts, error) {
	head := make([]byte, sniffBytes)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, probe.Facts{}, err
	}
	facts, err := probe.Bytes(head[:n])
	if facts.ContentType == "" {
		return nil, facts, fmt.Errorf("%w: %w", errRubbish, err)
	}
	return bytes.NewReader(head[:n]), facts, nil
}

// reading hashes, counts and probes the bytes that flow through it, and stops
// the flow as soon as they are certainly no media.
type reading struct {
	from  io.Reader
	sum   hash.Hash
	probe *probe.Writer
	bytes int64
	err   error // why it stopped the flow
}

func newReading(from io.Reader) *reading {
	return &reading{from: from, sum: sha256.New(), probe: probe.NewWriter()}
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.bytes += int64(n)
	_, _ = r.sum.Write(p[:n])
	_, _ = r.probe.Write(p[:n])
	if bad := r.probe.Err(); bad != nil {
		r.err = fmt.Errorf("%w: %w", errRubbish, bad)
		return n, r.err
	}
	return n, err
}
