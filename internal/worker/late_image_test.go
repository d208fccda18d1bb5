package worker_test

import (
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream/doubaoweb"
)

// TestImageThatIsAskedAfter: an image that is not in the submission's own answer is
// asked after until it is there, and not more often than there is a point in, also
// where nobody has set how often.
func TestImageThatIsAskedAfter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	profile, err := doubaoweb.ParseProfile([]byte("media_hosts: [127.0.0.1]\npoll: {interval: 100ms}\n"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := doubaoweb.New(doubaoweb.Config{
		Profile: profile, BaseURL: r.root + "/doubaoweb", ImageTimeout: 10 * time.Second, VideoTimeout: 10 * time.Second, StatusTimeout: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	up := r.ups["sim"]
	up.Driver = d
	r.ups["sim"] = up
	r.start(t)
	j := r.awaitFinal(t, r.submit(t, job.Image, "in its own time sim:web-late", model("Seedream 4.0")))
	if j.State != job.Succeeded || len(j.Media) != 1 {
		t.Errorf("the job is %s, %v", j.State, j.Failure)
	}
	if polls := r.sim.Ledger().Totals.Polls; polls == 0 || polls > 3 {
		t.Errorf("it was asked after %d times", polls)
	}
}
