package redisstore_test

import (
	"testing"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// testSchema: a job of a later version is left alone and said to be one; a field
// that nobody knows stays where it is.
func testSchema(t *testing.T, b bench) {
	queued, _ := b.accept(t)
	running := b.toRunning(t)
	fields := func(id job.ID) string { return "{tt}:job:" + string(id) }
	set := func(id job.ID, name string, value any) {
		t.Helper()
		if err := b.rdb.HSet(t.Context(), fields(id), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []job.ID{queued, running} {
		if v := b.rdb.HGet(t.Context(), fields(id), "schema").Val(); v != "1" {
			t.Errorf("a new job has the schema %q", v)
		}
		set(id, "schema", 2)
		set(id, "of_a_later_version", "x")
	}
	if ok, err := b.Claim(t.Context(), queued, job.StageSubmit, "w9"); ok || err != nil {
		t.Errorf("a newer job was claimed: %v, %v", ok, err)
	}
	if ids, err := b.ClaimPolls(t.Context(), "w9", 10); len(ids) != 0 || err != nil {
		t.Errorf("newer jobs are polled: %v, %v", ids, err)
	}
	if _, err := b.Get(t.Context(), queued); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a newer job reads as %v", err)
	}
	for _, id := range []job.ID{queued, running} {
		set(id, "schema", 1)
	}
	fence := b.begin(t, queued, "w9")
	must(t, redisstore.Written)(firstTwo(b.Accepted(t.Context(), queued, "w", fence, "cgt-2", nil, nil)))
	if v := b.rdb.HGet(t.Context(), fields(queued), "of_a_later_version").Val(); v != "x" {
		t.Error("a field of a later version is gone")
	}
	// Records of before there were schemas have none.
	if err := b.rdb.HDel(t.Context(), fields(queued), "schema").Err(); err != nil {
		t.Fatal(err)
	}
	b.wantState(t, queued, job.Running)
}
