package worker_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/worker"
)

// TestDeadAccountStrandsNobody: jobs that stand behind one whose credential is refused
// do not wait for their deadline. What has another upstream is made there.
func TestDeadAccountStrandsNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	up := r.ups["sim"]
	only := []account.Account{{ID: "a", Upstream: "sim", Secret: account.NewSecret("dead-credential-0123456789"), MaxInFlight: 1}}
	up.Accounts = only
	spare := up
	spare.Accounts = []account.Account{{ID: "z", Upstream: "spare", Secret: account.NewSecret("sim-z"), MaxInFlight: 1}}
	r.ups["sim"], r.ups["spare"] = up, spare
	for name, u := range r.ups {
		if err := r.store.SyncAccounts(t.Context(), name, u.Accounts); err != nil {
			t.Fatal(err)
		}
	}
	patient := func(n *redisstore.NewJob) { n.Deadline = time.Hour }
	first := r.submit(t, job.Image, "first", patient)
	ends := r.submit(t, job.Image, "ends", patient)
	moves := r.submit(t, job.Image, "moves", patient, func(n *redisstore.NewJob) {
		n.Spec.Fallbacks = []job.Place{{Upstream: "spare", UpstreamModel: imageModel}}
	})
	metrics := prometheus.NewRegistry()
	r.start(t, func(c *worker.Config) { c.Metrics = metrics })
	for _, id := range []job.ID{first, ends} {
		if j := r.awaitFinal(t, id); j.State != job.Failed || j.Failure == nil || j.Failure.Code != fault.PoolExhausted {
			t.Errorf("%+v", j)
		}
	}
	r.wantSucceeded(t, moves, 1)
	if charged, sent := r.charges("ends"); charged != 0 || sent != 0 {
		t.Errorf("charged %d times in %d submissions", charged, sent)
	}
	if charged, sent := r.charges("moves"); charged != 1 || sent != 1 {
		t.Errorf("charged %d times in %d submissions", charged, sent)
	}
	want := `
# HELP tintype_jobs_stranded_total Jobs in line that no account could have served before their deadline: moved to another upstream, or ended.
# TYPE tintype_jobs_stranded_total counter
tintype_jobs_stranded_total{how="ended"} 1
tintype_jobs_stranded_total{how="moved"} 1
`
	if err := testutil.GatherAndCompare(metrics, strings.NewReader(want), "tintype_jobs_stranded_total"); err != nil {
		t.Error(err)
	}
}
