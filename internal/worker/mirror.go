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

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/crash"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/probe"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/telemetry"
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

// What may be wrong with a file, apart from our own side. Anything else is the
// bucket's or the store's trouble, and tried again for as long as it lasts.
var (
	errRubbish = errors.New("worker: not usable media")             // fetched again, in rounds; then the job fails
	errSource  = errors.New("worker: the media cannot be reached")  // fetched again until the deadline
	errGone    = errors.New("worker: the media may not be fetched") // no try can help
)

// copying is one handler's work on one job.
type copying struct {
	*Worker

	job    *job.Job
	lease  redisstore.Lease
	copied int64 // bytes
}

// troubleOf names what kept a file from being copied, for its trace.
func troubleOf(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errRubbish):
		return "damaged"
	case errors.Is(err, errGone), errors.Is(err, errSource):
		return "unreachable"
	}
	return "store"
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
	crash.At(crash.MirrorBegun, string(id))
	c := &copying{Worker: w, job: j, lease: lease}
	ctx, held = telemetry.Resume(ctx, j.Spec.Trace), telemetry.Resume(held, j.Spec.Trace)
	span := w.span(held, j, "mirror", trace.SpanKindInternal, time.Time{})
	err = c.run(held)
	endSpan(span, troubleOf(err), attribute.Int("tintype.files", len(j.Sources)), attribute.Int64("tintype.bytes", c.copied))
	switch {
	case err == nil:
		return nil
	case held.Err() != nil:
		w.Log.WarnContext(ctx, "a mirror was given up", "job_id", id, "err", context.Cause(held))
		return nil // whoever has the lease now goes on
	}
	w.metrics.mirrorFailed(j.Spec.Kind, err)
	switch {
	case errors.Is(err, errRubbish), errors.Is(err, errGone):
		return c.damaged(ctx, err)
	}
	w.Log.WarnContext(ctx, "a mirror is tried again later", "job_id", id, "err", err)
	return w.Store.Defer(ctx, id, lease.Token, mirrorPause)
}

// damaged puts a job off whose media arrives damaged, for longer each time: what
// was paid for is not given up because of a bad minute, nor because the deadline
// is near. After the last pause, or if no try can help, the job fails and says why.
func (c *copying) damaged(ctx context.Context, err error) error {
	round, unknown := c.Store.DamagedTimes(ctx, c.job.ID)
	if unknown != nil {
		return unknown
	}
	if errors.Is(err, errGone) || round >= int64(len(c.DamagedPauses)) {
		return c.fail(ctx, fault.Wrap(fault.MediaInvalid, "The upstream made media that is not usable.", err))
	}
	c.Log.WarnContext(ctx, "media that arrives damaged is tried again later", "job_id", c.job.ID, "round", round, "err", err)
	return c.Store.Damaged(ctx, c.job.ID, c.lease.Token, c.DamagedPauses[round])
}

// run copies what is missing and ends the job.
func (c *copying) run(ctx context.Context) error {
	for i := len(c.job.Media); i < len(c.job.Sources); i++ {
		m, err := c.mirror(ctx, i)
		if err != nil && c.dispensable(ctx, i, err) {
			c.Log.WarnContext(ctx, "a job goes without its cover", "job_id", c.job.ID, "err", err)
			break // covers come last
		}
		if err != nil {
			return err
		}
		crash.At(crash.ObjectKept, string(c.job.ID))
		settled, err := c.stored(ctx, i, m)
		if err != nil || settled != redisstore.Written {
			return err
		}
		c.metrics.mirrored.WithLabelValues(string(c.job.Spec.Kind)).Add(float64(m.SizeBytes))
		c.copied += m.SizeBytes
	}
	return c.succeed(ctx)
}

// dispensable tells whether a job succeeds without a file that cannot be had:
// a cover, if it is not our side that failed.
func (c *copying) dispensable(ctx context.Context, i int, err error) bool {
	theirs := errors.Is(err, errRubbish) || errors.Is(err, errSource) || errors.Is(err, errGone)
	return c.job.Sources[i].Role == job.Cover && theirs && ctx.Err() == nil
}

// stored writes a file's facts. It insists for a while, since the upload would
// have to be done again.
func (c *copying) stored(ctx context.Context, i int, m job.Media) (settled redisstore.Settled, err error) {
	err = retry(ctx, c.Store.Lease()/2, func() error {
		settled, err = c.Store.Stored(ctx, c.job.ID, c.lease.Token, i, m)
		return err
	})
	return settled, err
}

func (c *copying) succeed(ctx context.Context) error {
	return c.end(ctx, nil, func() (redisstore.Settled, []job.Bell, error) {
		return c.Store.Succeed(ctx, c.job.ID, c.lease.Token)
	})
}

func (c *copying) fail(ctx context.Context, f *fault.Error) error {
	return c.end(ctx, f, func() (redisstore.Settled, []job.Bell, error) {
		return c.Store.Fail(ctx, c.job.ID, c.lease.Token, f, redisstore.Rest{})
	})
}

// end writes the final state and sees to what follows from it.
func (c *copying) end(ctx context.Context, why error, write func() (redisstore.Settled, []job.Bell, error)) error {
	var settled redisstore.Settled
	var bells []job.Bell
	err := retry(ctx, c.Store.Lease()/2, func() (err error) {
		settled, bells, err = write()
		return err
	})
	if err != nil {
		return err
	}
	// The job is nobody's from now on, so that ctx may end at any moment.
	crash.At(crash.Final, string(c.job.ID))
	after := context.WithoutCancel(ctx)
	c.ring(after, bells)
	switch settled {
	case redisstore.Written:
		c.finished(after, c.job.ID, why)
	case redisstore.Over:
		c.harvested(after, c.job.ID, why)
	case redisstore.Late, redisstore.Noted, redisstore.Canceled, redisstore.Known, redisstore.Stale, redisstore.Spent:
	}
	return nil
}

// mirror copies one file, from its beginning again if it arrives damaged.
func (c *copying) mirror(ctx context.Context, i int) (m job.Media, err error) {
	for try := range mirrorTries {
		if try > 0 {
			c.Log.WarnContext(ctx, "media is fetched again", "job_id", c.job.ID, "file", i, "err", err)
			if err := errors.Join(sleep(ctx, c.ResumePause<<try), c.refreshIfAble(ctx)); err != nil {
				return m, err
			}
		}
		begun := time.Now()
		m, err = c.copyOnce(ctx, i)
		if err == nil {
			c.metrics.copied.WithLabelValues(string(c.job.Spec.Kind)).Observe(time.Since(begun).Seconds())
		}
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
	src := c.source(ctx, i)
	defer src.Close()
	if err := src.open(); err != nil {
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
		return m, putFailed(ctx, read, src, err)
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
func putFailed(ctx context.Context, read *reading, src *source, err error) error {
	switch {
	case ctx.Err() != nil:
		return err
	case read.err != nil:
		return read.err
	case src.err != nil:
		return src.err
	case errors.Is(err, blob.ErrSize):
		return fmt.Errorf("%w: %w", errRubbish, err)
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
