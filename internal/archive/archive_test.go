package archive_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/archive"
	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/blob/fileblob"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

func open(t *testing.T) blob.Store {
	t.Helper()
	store, err := fileblob.Open(fileblob.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	store := open(t)
	at := time.UnixMilli(1_795_458_393_123).UTC()
	want := &job.Job{
		ID: job.NewID(at), Tenant: "key:a", Secret: job.NewSecret(), State: job.Failed, Version: 9, Account: "a", UpstreamID: "cgt-1",
		Spec:  job.Spec{Kind: job.Video, Model: "doubao-video", Prompt: "海浪", Ratio: "16:9", Input: &job.Input{Key: "k", Width: 3}},
		Media: []job.Media{{Name: "video-0.mp4", Key: "jobs/x/video-0.mp4", SizeBytes: 9, SHA256: "ab", Duration: 5 * time.Second, FPS: 24}},
		Usage: &job.Usage{TotalTokens: 7}, Failure: fault.New(fault.MediaInvalid, "no").WithParam("image").WithRetryAfter(time.Second),
		CreatedAt: at, SubmittedAt: at.Add(time.Second), FinishedAt: at.Add(time.Minute), Deadline: at.Add(time.Hour), ExpiresAt: at.Add(48 * time.Hour),
	}
	for range 2 { // again is fine
		if err := archive.Save(t.Context(), store, want); err != nil {
			t.Fatal(err)
		}
	}
	got, err := archive.Load(t.Context(), store, want.ID)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	store := open(t)
	id := job.NewID(time.Now())
	if _, err := archive.Load(t.Context(), store, id); !fault.Is(err, fault.NotFound) {
		t.Errorf("no record: %v", err)
	}
	for name, body := range map[string]string{
		"not JSON":       "<html>",
		"another job's":  `{"schema":1,"id":"` + string(job.NewID(time.Now())) + `"}`,
		"another schema": `{"schema":2,"id":"` + string(id) + `"}`,
	} {
		_, err := store.Put(t.Context(), blob.PutRequest{Key: id.Dir() + "job.json", Body: strings.NewReader(body), SizeBytes: int64(len(body)), ContentType: "application/json"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Load(t.Context(), store, id); err == nil || fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// away is a bucket that cannot be reached.
type away struct{ blob.Store }

func (away) Open(context.Context, string, int64, int64) (*blob.Reader, error) {
	return nil, errors.New("dial tcp 10.0.0.7: refused")
}

func TestBucketAwayIsNotUnknown(t *testing.T) {
	t.Parallel()
	_, err := archive.Load(t.Context(), away{}, job.NewID(time.Now()))
	if f := fault.From(err); f.Code != fault.Unavailable || strings.Contains(f.Message, "10.0.0.7") {
		t.Errorf("err = %v", err)
	}
}

// TestRemove: all of a job goes but its fences, and nothing of its neighbour.
func TestRemove(t *testing.T) {
	t.Parallel()
	store := open(t)
	gone, other := job.NewID(time.Now()), job.NewID(time.Now())
	for _, id := range []job.ID{gone, other} {
		if err := archive.Save(t.Context(), store, &job.Job{ID: id, State: job.Failed}); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"video-0.mp4", "input-0.png", "staged-0", "fence-1", "fence-2"} {
			if err := store.PutNew(t.Context(), id.Dir()+name, []byte("x")); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 2 {
		if err := archive.Remove(t.Context(), store, gone); err != nil {
			t.Fatal(err)
		}
		left, err := store.Keys(t.Context(), gone.Dir())
		slices.Sort(left)
		if want := []string{gone.Dir() + "fence-1", gone.Dir() + "fence-2"}; err != nil || !slices.Equal(left, want) {
			t.Errorf("left is %v, %v; want %v", left, err, want)
		}
	}
	if left, err := store.Keys(t.Context(), other.Dir()); err != nil || len(left) != 6 {
		t.Errorf("of the other job %v is left, %v", left, err)
	}
	if _, err := archive.Load(t.Context(), store, gone); !fault.Is(err, fault.NotFound) {
		t.Errorf("the record: %v", err)
	}
}
