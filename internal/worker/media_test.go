package worker_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/worker"
)

// relinked is a driver whose upstream gives out other links than it would.
type relinked struct {
	upstream.Driver

	change func([]job.Source)
}

func (d relinked) Status(ctx context.Context, a account.Account, id string) (upstream.Status, error) {
	s, err := d.Driver.Status(ctx, a, id)
	d.change(s.Sources)
	return s, err
}

func (r *rig) relink(change func([]job.Source)) {
	up := r.ups["sim"]
	up.Driver = relinked{up.Driver, change}
	r.ups["sim"] = up
}

func TestDeadCoverLinkDoesNotCostTheVideo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.relink(func(s []job.Source) {
		if len(s) == 2 {
			s[1].URL = "http://127.0.0.1:1/nobody"
		}
	})
	r.start(t)
	r.wantSucceeded(t, r.submit(t, job.Video, "no cover"), 1)
}

// TestChangedFileIsNotSpliced fetches from a server that breaks off halfway
// and then sends the rest of another version, whatever If-Range says.
func TestChangedFileIsNotSpliced(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var asked atomic.Int32
	good := "GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		n := asked.Add(1)
		w.Header().Set("Etag", fmt.Sprintf("%q", fmt.Sprint("v", n)))
		if rng := q.Header.Get("Range"); rng != "" {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 20-%d/%d", len(good)-1, len(good)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write([]byte(good[20:]))
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(good)))
		if n == 1 {
			_, _ = w.Write([]byte(good[:20]))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write([]byte(good))
	}))
	t.Cleanup(srv.Close)
	r.relink(func(s []job.Source) {
		for i := range s {
			s[i].URL = srv.URL + "/film"
		}
	})
	r.start(t)
	r.wantSucceeded(t, r.submit(t, job.Video, "changing"), 2)
	if n := asked.Load(); n < 4 {
		t.Errorf("the file was asked for %d times; the splice was believed", n)
	}
}

// hungBucket is a store that does not answer for some keys, whatever the caller's
// patience, until it is let go.
type hungBucket struct {
	blob.Store

	suffix string
	let    chan struct{}
}

func (b hungBucket) Put(ctx context.Context, req blob.PutRequest) (blob.Object, error) {
	if strings.HasSuffix(req.Key, b.suffix) {
		<-b.let
		return blob.Object{}, errors.New("the bucket has hung")
	}
	return b.Store.Put(ctx, req)
}

func TestHungBucketDoesNotStopTheSweeper(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	let := make(chan struct{})
	r.blobs = hungBucket{r.blobs, "job.json", let}
	r.start(t)
	defer close(let)
	first := r.submit(t, job.Image, "first sim:reject")
	r.awaitFinal(t, first) // its record now hangs on its way into the bucket
	late := r.submit(t, job.Video, "overdue sim:ready=1h", func(n *redisstore.NewJob) { n.Deadline = 8 * time.Second })
	begun := time.Now()
	if j := r.awaitFinal(t, late); j.Failure == nil || j.Failure.Code != fault.GenerationTimeout {
		t.Errorf("failure = %+v", j.Failure)
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("the deadline was noticed after %s", took)
	}
}

// TestPaidRequestOutlivesItsTask stops a worker whose queue has given up a
// handler, as Asynq does when Redis was away, while its request is on the wire.
func TestPaidRequestOutlivesItsTask(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stop := r.start(t, func(c *worker.Config) {
		listen := c.Listen
		c.Listen = func(stage job.Stage, h func(context.Context, job.ID) error) (func(), error) {
			stop, err := listen(stage, func(ctx context.Context, id job.ID) error {
				go func() { _ = h(ctx, id) }() // the task ends, its handler does not
				return nil
			})
			return stop, err
		}
	})
	id := r.submit(t, job.Video, "on the wire sim:slow=5s sim:ready=1h")
	r.await(t, id, "submitting", func(j *job.Job) bool { return j.State == job.Submitting })
	stop()
	if j := r.get(t, id); j.State != job.Running || j.UpstreamID == "" {
		t.Errorf("after the shutdown the job is %s with upstream id %q", j.State, j.UpstreamID)
	}
}

// TestOutageDuringTheAnswer plays a worker that had its answer while Redis was
// away longer than a submission may take.
func TestOutageDuringTheAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start(t)
	id := r.submit(t, job.Video, "outage sim:slow=5s")
	r.await(t, id, "submitting", func(j *job.Job) bool { return j.State == job.Submitting })
	if err := r.redis.Kill9(); err != nil {
		t.Fatal(err)
	}
	down := time.NewTimer(14 * time.Second) // longer than submit timeout + lease/2
	defer down.Stop()
	<-down.C
	if err := r.redis.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.wantSucceeded(t, id, 2)
	if charged, sent := r.charges("outage"); charged != 1 || sent != 1 {
		t.Errorf("charged %d times in %d submissions", charged, sent)
	}
}

// TestNextJobIsRungFor lets the lease keeper look at a job right after its end,
// when it is nobody's any more, while the bell of the next one is being rung.
func TestNextJobIsRungFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	one := r.ups["sim"].Accounts[0]
	one.MaxInFlight = 1
	if err := r.store.SyncAccounts(t.Context(), "sim", []account.Account{one}); err != nil {
		t.Fatal(err)
	}
	var cut atomic.Int32
	r.start(t, func(c *worker.Config) {
		ring := c.Ring
		c.Ring = func(ctx context.Context, bells ...job.Bell) error {
			looked := time.NewTimer(r.lease) // the keeper looks three times in that
			defer looked.Stop()
			select {
			case <-ctx.Done():
				cut.Add(1)
			case <-looked.C:
			}
			return ring(ctx, bells...)
		}
	})
	first, second := r.submit(t, job.Image, "first"), r.submit(t, job.Image, "second")
	r.wantSucceeded(t, first, 1)
	r.wantSucceeded(t, second, 1)
	if n := cut.Load(); n != 0 {
		t.Errorf("%d calls to ring were cut off", n)
	}
}
