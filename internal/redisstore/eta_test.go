package redisstore_test

import (
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// testTook: what jobs take that succeed is measured from their slot on, by class.
func testTook(t *testing.T, b bench) {
	failed, _ := b.accept(t)
	b.begin(t, failed, "w")
	must(t, redisstore.Written)(firstTwo(b.Fail(t.Context(), failed, "w", fault.New(fault.GenerationFailed, "no"), redisstore.Rest{})))
	id := b.toMirroring(t)
	class := b.get(t, id).Spec.Class()
	if took, err := b.Took(t.Context(), class); err != nil || len(took) != 0 {
		t.Errorf("%v, %v", took, err)
	}
	must(t, redisstore.Written)(firstTwo(b.Succeed(t.Context(), id, "m")))
	took, err := b.Took(t.Context(), class)
	j := b.get(t, id)
	if err != nil || len(took) != 1 || took[0] != j.FinishedAt.Sub(j.AdmittedAt) {
		t.Errorf("%v, %v; want %v", took, err, j.FinishedAt.Sub(j.AdmittedAt))
	}
}

// testExpect: the first estimate is the one that counts.
func testExpect(t *testing.T, b bench) {
	id, _ := b.accept(t)
	first := time.Now().Add(time.Minute).UTC().Truncate(time.Millisecond)
	for _, by := range []time.Time{first, first.Add(time.Hour)} {
		if err := b.Expect(t.Context(), id, by); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.get(t, id).ExpectedBy; !got.Equal(first) {
		t.Errorf("%v, want %v", got, first)
	}
	if err := b.Expect(t.Context(), "nothing", first); err != nil || b.rdb.Exists(t.Context(), "{tt}:job:nothing").Val() != 0 {
		t.Errorf("a record was made of an estimate: %v", err)
	}
}
