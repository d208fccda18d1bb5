//go:build chaos

package e2e_test

import (
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// underChaos: the programs are built with the crash points.
const underChaos = true

// fault is a row of the table of faults: what goes wrong, and the test that has
// it go wrong and knows what must come of it. What must come of every fault is
// the checker's affair.
type chaosRow struct {
	id    string
	fault string
	run   func(r *row)
}

// rows are the table, in its order.
func rows() []chaosRow {
	return []chaosRow{
		{"F1", "the process ends at each of 12 named points; drivers ark, openai, doubaoweb", crashPoints},
		{"F2", "SIGSTOP during the POST, take-over, SIGCONT; all drivers", stoppedOnTheWire},
		{"F3", "SIGSTOP between fence and POST, take-over, SIGCONT; all drivers", stoppedBeforeThePost},
		{"F4", "the upstream accepts and closes, hangs, says 500, cuts its answer short; 307; all drivers", liesToSubmit},
		{"F5", "refused, TLS failure, DNS failure at submit; all drivers", unreachable},
		{"F6", "429 with and without Retry-After, quota, dead key at submit; 20 s of overload; all drivers", turnedAway},
		{"F7", "Redis away for 6 s exactly when a handler returns", redisAwayAtReturn},
		{"F8", "a worker cut off from Redis for 60 s", cutOff},
		{"F9", "Redis killed and restarted with its AOF; emptied", redisKilled},
		{"F10", "Redis rolled back to before the fence", rolledBack},
		{"F11", "one reply dropped: enqueue, dequeue, each commit; all drivers", repliesLost},
		{"F12", "Asynq's keys deleted, a message that nobody can read, a leaked TaskID", queueDamaged},
		{"F13", "SIGTERM rolling restart of all processes under load; all drivers", rollingRestart},
		{"F14", "mirror: the source stalls, lies, expires; S3 says 503, is slow, cuts PUT k; all drivers", mediaSpoilt},
		{"F15", "clocks off by 10 min; cancel races completion; a whale, with workers killed every second", clocksCancelsCrowds},
		{"F16", "soak: 2,000 jobs of all drivers over 10 min, random kills, cuts, lost replies and 5xx", soak},
	}
}

// TestChaos runs the table, or the rows that CHAOS names, and writes it down
// with what came of each.
func TestChaos(t *testing.T) {
	wanted, err := regexp.Compile("^(" + orElse(os.Getenv("CHAOS"), ".*") + ")$")
	if err != nil {
		t.Fatal(err)
	}
	seed := chaosSeed(t)
	t.Logf("SEED=%d", seed)
	began := time.Now()
	var done []*row
	t.Run("row", func(t *testing.T) {
		for _, r := range rows() {
			if !wanted.MatchString(r.id) {
				continue
			}
			one := &row{id: r.id, fault: r.fault, seed: seed}
			done = append(done, one)
			t.Run(r.id, func(t *testing.T) {
				t.Parallel()
				one.T = t
				t.Cleanup(one.close) // the last of its cleanups, behind the checker's
				r.run(one)
			})
		}
	})
	report(t, done, seed, time.Since(began))
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// chaosSeed is what the dice of a run begin with.
func chaosSeed(t *testing.T) uint64 {
	t.Helper()
	s := os.Getenv("SEED")
	if s == "" {
		return uint64(time.Now().UnixNano())
	}
	seed, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("SEED: %v", err)
	}
	return seed
}
