//go:build chaos

package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// skewVar shifts the wall clock of a program that was built with the overlay, in
// seconds. Its monotonic clock stays, as in a pod whose clock is wrong.
const skewVar = "CHAOS_CLOCK_SKEW"

// buildSkewed builds the programs once more on a standard library whose
// time.Now adds the skew. Nothing from outside does that to a Go program:
// faketime replaces the C library's calls, and Go asks the kernel itself, also
// in a build with cgo (tried).
var buildSkewed = sync.OnceValues(func() (dir string, err error) {
	dir = filepath.Join(bin, "skewed")
	overlay, err := skewOverlay(bin)
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-w", "-tags=chaos", "-overlay", overlay,
		"-o", dir+string(filepath.Separator), "./cmd/api", "./cmd/worker")
	cmd.Dir = filepath.Join("..", "..")
	said, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the programs with a wrong clock: %w\n%s", err, said)
	}
	return dir, nil
})

func skewOverlay(dir string) (string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	original := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	b, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	const now = "sec, nsec, mono := runtimeNow()\n"
	text := strings.Replace(string(b), now, now+"\tsec += skew\n", 1)
	text = strings.Replace(text, "import (\n", "import (\n\t\"syscall\"\n", 1)
	if strings.Count(text, "skew") != 1 {
		return "", errors.New("time.Now is not what the overlay knows")
	}
	text += "\nvar skew = func() int64 {\n\tv, _ := syscall.Getenv(\"" + skewVar + "\")\n\tn, _ := atoi(v)\n\treturn int64(n)\n}()\n"
	changed, overlay := filepath.Join(dir, "time.go"), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	return overlay, errors.Join(err, os.WriteFile(changed, []byte(text), 0o600), os.WriteFile(overlay, list, 0o600))
}

// wrongClock is the first part of F15: the programs' clocks are ten minutes off,
// each in another direction.
func wrongClock(t *testing.T, r *row) {
	t.Helper()
	if _, err := buildSkewed(); err != nil {
		t.Fatal(err)
	}
	skews := map[string]time.Duration{
		"api-1": 10 * time.Minute, "api-2": -10 * time.Minute, "worker-1": 10 * time.Minute, "worker-2": -10 * time.Minute,
	}
	c := plan{limit: crashLimit, skews: skews, settings: patient()}.start(t)
	for i := range 24 {
		c.postAs(everyWork()[i%8], "waves sim:ready=1500ms")
	}
	for _, w := range works() { // what waits between rounds looks at the clock
		c.postAs(w, "waves sim:html,times=5")
	}
	began := time.Now()
	for i, call := range c.together(c.waiting()) { // a call that waits has a limit, too
		if call.err != nil || call.answer.status != http.StatusOK {
			t.Errorf("blocking call %d: %d %s %v", i, call.answer.status, call.answer.body, call.err)
		}
	}
	jobs, charges := c.settle(r)
	for _, j := range jobs {
		r.recovered(j.finished.Sub(began))
		if j.state != "succeeded" || charges[j.id] != 1 {
			t.Errorf("%q: %s (%s) with %d charges", j.spec.Prompt, j.state, j.failure, charges[j.id])
		}
	}
	for _, p := range append(append([]*program{}, c.apis...), c.workers...) {
		if off := c.clockOff(p); off < skews[p.name]-time.Minute || off > skews[p.name]+time.Minute {
			t.Errorf("the clock of %s is %s off: this shows nothing", p.name, off)
		}
	}
	for _, w := range c.workers { // one that is given back while it is renewed counts as lost, too
		if n, err := c.gauge(w, "leases_lost_total"); err != nil || n > float64(len(jobs))/10 {
			t.Errorf("%s has lost %v leases, %v", w.name, n, err)
		}
	}
}

// clockOff is how far a program's clock is from ours, by its last log line.
func (c *cluster) clockOff(p *program) time.Duration {
	for _, line := range p.log.Lines() {
		if l := parseLine(line); !l.Time.IsZero() {
			return l.Time.Sub(p.began).Round(time.Second)
		}
	}
	return 0
}

// clocksCancelsCrowds is F15.
func clocksCancelsCrowds(r *row) {
	r.Run("clocks", func(t *testing.T) {
		t.Parallel()
		wrongClock(t, r)
	})
	r.Run("cancel races completion", func(t *testing.T) {
		t.Parallel()
		cancelRace(t, r)
	})
	r.Run("whale", func(t *testing.T) {
		t.Parallel()
		whale(t, r)
	})
}

// cancelRace cancels jobs at about the time at which they are done.
func cancelRace(t *testing.T, r *row) {
	t.Helper()
	c := plan{limit: crashLimit, settings: patient()}.start(t)
	dice := rand.New(rand.NewPCG(r.seed, 15))
	ids := make([]string, 60)
	var all sync.WaitGroup
	for i := range ids {
		id := c.postAs(everyWork()[i%8], "waves")
		ids[i] = id
		after := time.Duration(dice.Int64N(int64(2 * time.Second)))
		all.Go(func() {
			<-time.After(after)
			a, err := c.try(request{method: http.MethodPost, url: c.apis[i%2].base() + "/v1/jobs/" + id + "/cancel", key: gatewayKey})
			if err != nil || a.status/100 != 2 && a.status != http.StatusConflict {
				c.Errorf("cancel: %d %s %v", a.status, a.body, err)
			}
		})
	}
	all.Wait()
	records, charges := c.settle(r)
	ends := map[string]int{}
	for _, j := range records {
		ends[j.state]++
		if j.state == "failed" || j.state == "succeeded" && charges[j.id] != 1 {
			t.Errorf("job %s is %s (%s) with %d charges", j.id, j.state, j.failure, charges[j.id])
		}
		for _, api := range c.apis { // both tell what stands in the record
			if view, err := c.job(api, gatewayKey, j.id); err != nil || view.Status != j.state {
				t.Errorf("job %s is %s and reads as %s, %v", j.id, j.state, view.Status, err)
			}
		}
	}
	if len(ends) < 2 {
		t.Errorf("all jobs ended as %v: there was no race", ends)
	}
	r.remark("cancel race: %d canceled, %d succeeded", ends["canceled"], ends["succeeded"])
}

// whale has one tenant with many jobs and fifty with one each, while a worker is
// killed every second. That small tenants need not wait for the whale is not
// promised yet: it is measured.
func whale(t *testing.T, r *row) {
	t.Helper()
	const whaleJobs, small = 100, 50
	settings := hurry()
	for i := range small {
		settings = append(settings, fmt.Sprintf("TINTYPE_AUTH_KEYS_%d_NAME=small-%d", 3+i, i), fmt.Sprintf("TINTYPE_AUTH_KEYS_%d_KEY=%s", 3+i, smallKey(i)))
	}
	c := plan{limit: 5, settings: settings}.start(t)
	lookup := works()[2]
	for range whaleJobs {
		c.postAs(lookup, "whale")
	}
	stop := c.killInTurn()
	for i := range small {
		if s := c.submit(request{
			url: lookup.path, key: smallKey(i), body: encode(fields{"model": lookup.model, "prompt": c.prompt("small")}),
		}); s.err != nil {
			t.Errorf("small tenant %d: %v", i, s.err)
		}
	}
	ctx, cancel := context.WithTimeout(c.ctx(), 4*time.Minute)
	defer cancel()
	err := until(ctx, func() error {
		n, err := c.rdb.ZCard(ctx, key("deadlines")).Result()
		if err == nil && n > 0 {
			err = fmt.Errorf("%d jobs are not final", n)
		}
		return err
	})
	stop()
	if err != nil {
		t.Fatal(err)
	}
	c.checkSlots()
	jobs, charges := c.settle(r)
	jobs = slices.DeleteFunc(jobs, func(j record) bool { return strings.HasPrefix(j.spec.Prompt, "waves") })
	var whaleDone, smallDone []time.Duration
	for _, j := range jobs {
		if j.state != "succeeded" || charges[j.id] != 1 {
			t.Errorf("job %s is %s (%s) with %d charges", j.id, j.state, j.failure, charges[j.id])
		}
		if strings.Contains(j.spec.Prompt, "whale") {
			whaleDone = append(whaleDone, j.finished.Sub(j.created))
		} else {
			smallDone = append(smallDone, j.finished.Sub(j.created))
		}
	}
	slices.Sort(whaleDone)
	slices.Sort(smallDone)
	second := func(d time.Duration) time.Duration { return d.Round(time.Second) }
	r.remark("a whale's %d jobs took up to %s; %d small tenants behind it had theirs after %s (median), %s (longest)",
		len(whaleDone), second(whaleDone[len(whaleDone)-1]), len(smallDone), second(smallDone[len(smallDone)/2]), second(smallDone[len(smallDone)-1]))
}

func smallKey(i int) string { return fmt.Sprintf("tt_e2e_small_tenant_%03d_b1c7", i) }

// killInTurn kills a worker every second and starts it again, until stop.
func (c *cluster) killInTurn() (stop func()) {
	over := make(chan struct{})
	var killing sync.WaitGroup
	killing.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			w := c.workers[i%len(c.workers)]
			w.kill9(c.T)
			if err := w.launch(c.ctx()); err != nil {
				c.Errorf("%s does not start: %v", w.name, err)
				return
			}
		}
	})
	return func() {
		close(over)
		killing.Wait()
	}
}
