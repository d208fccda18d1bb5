package job_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

func TestIDsSortByTimeAndAreUnguessable(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1_795_458_393_123)
	seen := map[job.ID]bool{}
	var last job.ID
	for i := range 1000 {
		id := job.NewID(at.Add(time.Duration(i) * time.Millisecond))
		if _, ok := job.ParseID(string(id)); !ok || len(id) != 26 || seen[id] || id <= last {
			t.Fatalf("id %d = %q after %q", i, id, last)
		}
		seen[id], last = true, id
	}
	a, b := job.NewID(at), job.NewID(at)
	if a[:9] != b[:9] || a[10:] == b[10:] {
		t.Errorf("two ids of one millisecond: %s %s", a, b)
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()
	good := string(job.NewID(time.Now()))
	for _, s := range []string{"", good[1:], good + "0", "ILOU" + good[4:], good[:25] + "/", "../../../../etc/passwd____"} {
		if _, ok := job.ParseID(s); ok {
			t.Errorf("%q passes for an id", s)
		}
	}
}

func TestTimeOfID(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{time.UnixMilli(0), time.UnixMilli(1795458393123), time.UnixMilli(1<<48 - 1)} {
		if got, ok := job.NewID(at).Time(); !ok || !got.Equal(at) {
			t.Errorf("%s, %t; want %s", got, ok, at)
		}
	}
	for _, id := range []job.ID{"", "01suite", job.NewID(time.Now())[2:], "!" + job.NewID(time.Now())[1:]} {
		if got, ok := id.Time(); ok {
			t.Errorf("%q is of %s", id, got)
		}
	}
}

func TestFinal(t *testing.T) {
	t.Parallel()
	want := map[job.State]bool{
		job.Queued: false, job.Submitting: false, job.Running: false, job.Mirroring: false,
		job.Succeeded: true, job.Failed: true, job.Canceled: true,
	}
	for state, final := range want {
		if state.Final() != final {
			t.Errorf("%s is final: %v", state, state.Final())
		}
	}
}

func TestAtReplaysTheLog(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Unix(int64(s), 0).UTC() }
	film := job.Media{Name: "video-0.mp4", Role: job.Primary}
	why := fault.New(fault.GenerationFailed, "no")
	log := []job.Event{
		{Seq: 1, Type: job.EventQueued, Time: at(1), State: job.Queued},
		{Seq: 2, Type: job.EventAdmitted, Time: at(2), State: job.Queued},
		{Seq: 3, Type: job.EventSubmitted, Time: at(3), State: job.Running, Phase: job.PhaseQueued},
		{Seq: 4, Type: job.EventProgress, Time: at(4), State: job.Running, Phase: job.PhaseGenerating},
		{Seq: 5, Type: job.EventFailed, Time: at(5), State: job.Failed, Failure: why},
		{Seq: 6, Type: job.EventMedia, Time: at(6), State: job.Mirroring, Media: &film},
		{Seq: 7, Type: job.EventRecovered, Time: at(7), State: job.Succeeded},
	}
	now := &job.Job{
		ID: "x", State: job.Succeeded, Version: 7, Recovered: true, Media: []job.Media{film}, CreatedAt: at(1), SubmittedAt: at(3), FinishedAt: at(7),
	}
	tests := []struct {
		seq      int
		state    job.State
		progress int
		media    int
		failure  *fault.Error
		finished time.Time
	}{
		{1, job.Queued, 0, 0, nil, time.Time{}},
		{3, job.Running, 10, 0, nil, time.Time{}},
		{4, job.Running, 30, 0, nil, time.Time{}},
		{5, job.Failed, 0, 0, why, at(5)},
		{7, job.Succeeded, 100, 1, nil, at(7)},
	}
	for _, tt := range tests {
		past := now.At(log[:tt.seq])
		if past.State != tt.state || past.Version != int64(tt.seq) || past.Progress() != tt.progress || len(past.Media) != tt.media ||
			past.Failure != tt.failure || !past.FinishedAt.Equal(tt.finished) {
			t.Errorf("at %d: %+v", tt.seq, past)
		}
	}
	if whole := now.At(log); !reflect.DeepEqual(whole, now) {
		t.Errorf("the whole log gives %+v, want %+v", whole, now)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	j := job.Job{Media: []job.Media{{Name: "a", Role: job.Primary}, {Name: "b", Role: job.Cover}, {Name: "c", Role: job.Primary}}}
	if p, c := j.Primaries(), j.Covers(); len(p) != 2 || p[1].Name != "c" || len(c) != 1 || c[0].Name != "b" {
		t.Errorf("primaries %v, covers %v", p, c)
	}
}
