package e2e_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim"
)

// settlesWithin is how long the checker waits for the last job and for what is
// done behind it: archiving, and the end of leases.
const settlesWithin = 60 * time.Second

// state is everything that the checker looks at, read once all jobs are final.
type state struct {
	jobs    []record
	ledger  sim.Ledger
	objects map[string]object
	uploads []string // keys of unfinished multipart uploads
	left    map[string]int64
	limit   int // of each pooled account
}

// check waits until all is done and gives what breaks a promise. Empty: nothing
// does. The rules hold after every fault, so that a test that breaks things
// needs no rules of its own; whether a job had to succeed is the test's affair.
func (c *cluster) check() []string {
	ctx, cancel := context.WithTimeout(c.ctx(), settlesWithin)
	defer cancel()
	var s state
	err := until(ctx, func() error { return c.settled(ctx) })
	if err == nil {
		s, err = c.look(ctx)
	}
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	for _, j := range s.jobs {
		found = append(found, s.checkCharges(j)...)
		found = append(found, j.checkLog()...)
		found = append(found, j.checkTime()...)
		found = append(found, s.checkMade(j)...)
		found = append(found, s.checkMedia(j)...)
	}
	found = append(found, s.checkAccounts()...)
	found = append(found, s.checkStrangers()...)
	found = append(found, s.checkLeftovers()...)
	found = append(found, c.checkGoroutines(ctx)...)
	return append(found, c.checkSecrets()...)
}

// look reads everything.
func (c *cluster) look(ctx context.Context) (s state, err error) {
	var errs [4]error
	s.limit = c.limit
	s.jobs, errs[0] = c.records(ctx)
	s.ledger, errs[1] = c.ledger()
	s.objects, s.uploads, errs[2] = c.bucket(ctx)
	s.left, errs[3] = c.leftovers(ctx)
	return s, errors.Join(errs[:]...)
}

// settled gives an error as long as something is still going on.
func (c *cluster) settled(ctx context.Context) error {
	for _, w := range []struct{ set, what string }{
		{"deadlines", "jobs are not final"}, {"harvests", "final jobs are still harvested"}, {"archive", "final jobs are not archived"}, // in this order: each feeds the next
	} {
		n, err := c.rdb.ZCard(ctx, key(w.set)).Result()
		if err == nil && n > 0 {
			err = fmt.Errorf("%d %s", n, w.what)
		}
		if err != nil {
			return err
		}
	}
	if n, err := c.rdb.SCard(ctx, key("pools")).Result(); err != nil || n > 0 { // the next sweep sees that its lines are empty
		return cmp.Or(err, fmt.Errorf("%d pools are to be looked through", n))
	}
	jobs, err := c.records(ctx)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if !j.final() {
			return fmt.Errorf("job %s is not final but %s", j.id, j.state)
		}
	}
	return nil
}

// submissions are those of one job, by its prompt.
func (s *state) submissions(j record) []sim.Submission {
	var out []sim.Submission
	for _, sub := range s.ledger.Submissions {
		if strings.Contains(sub.Prompt, j.spec.Prompt) {
			out = append(out, sub)
		}
	}
	return out
}

// sharing counts the jobs of one prompt: they share its submissions, and the
// most that they may have cost is one charge each.
func (s *state) sharing(prompt string) (n int) {
	for _, j := range s.jobs {
		if j.spec.Prompt == prompt {
			n++
		}
	}
	return n
}

// checkCharges: paid once, and success is not for free.
func (s *state) checkCharges(j record) (found []string) {
	charges, task := 0, false
	for _, sub := range s.submissions(j) {
		if sub.Charged {
			charges++
			task = task || sub.TaskID == j.task()
		}
	}
	switch {
	case charges > s.sharing(j.spec.Prompt):
		found = append(found, fmt.Sprintf("job %s was paid for %d times", j.id, charges))
	case charges == 0 && j.state == "succeeded":
		found = append(found, fmt.Sprintf("job %s succeeded, and the upstream knows nothing of it", j.id))
	case j.state == "succeeded" && (j.spec.Kind == "video" || j.web()) && !task:
		found = append(found, fmt.Sprintf("job %s has upstream id %q, which was not charged for it", j.id, j.upstreamID))
	}
	return found
}

// checkAccounts: never more in flight at the upstream than allowed, as the
// upstream itself has measured.
func (s *state) checkAccounts() (found []string) {
	limits := map[string]int{}
	for _, key := range poolKeys() {
		limits[keyHash(key)] = s.limit
	}
	for _, a := range s.ledger.Accounts {
		limit, pooled := limits[a.KeyHash]
		if !pooled {
			limit = ownLimit
		}
		if a.MaxInFlight > limit {
			found = append(found, fmt.Sprintf("account %s had %d in flight; its limit is %d", a.Name, a.MaxInFlight, limit))
		}
		if a.InFlight > 0 {
			found = append(found, fmt.Sprintf("account %s has %d in flight after the end", a.Name, a.InFlight))
		}
	}
	return found
}

// checkMade: what was made is stored. The exceptions: a job of which nobody could
// know that it was accepted, one whose credential is lost, media that is unusable,
// and a task that the upstream denies. That success comes with its media is
// checkMedia's rule.
func (s *state) checkMade(j record) (found []string) {
	blind := j.failure == "submit_outcome_unknown" && !j.lookup() || j.failure == "credential_unavailable"
	denied := strings.Contains(j.spec.Prompt, "sim:lost")
	if blind || denied || j.failure == "media_invalid" || len(j.media) > 0 || j.state == "succeeded" {
		return nil
	}
	for _, sub := range s.submissions(j) {
		if sub.Charged && sub.State == "succeeded" {
			found = append(found, fmt.Sprintf("%s was made for job %s, which is %s (%s) and has no media", sub.TaskID, j.id, j.state, j.failure))
		}
	}
	return found
}

// checkStrangers: nothing was made that no job knows of.
func (s *state) checkStrangers() (found []string) {
	for _, sub := range s.ledger.Submissions {
		known := slices.ContainsFunc(s.jobs, func(j record) bool { return strings.Contains(sub.Prompt, j.spec.Prompt) })
		if sub.Charged && sub.Kind != "chat" && !known {
			found = append(found, fmt.Sprintf("%q was charged and belongs to no job", sub.Prompt))
		}
	}
	return found
}

// checkLeftovers: what a job holds while it lives is given back at its end.
func (s *state) checkLeftovers() (found []string) {
	for _, k := range slices.Sorted(maps.Keys(s.left)) {
		found = append(found, fmt.Sprintf("Redis still holds %d entries in %s", s.left[k], k))
	}
	for _, k := range s.uploads {
		found = append(found, "an unfinished upload is left of "+k)
	}
	return found
}
