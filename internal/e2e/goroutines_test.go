package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	// spareGoroutines is how many more than at its start a program may have when
	// there is nothing to do: two for each connection that it keeps for the next call.
	spareGoroutines = 60

	// startedGoroutines are as many as a program has, at most, before its first job. It
	// is ready a moment before it has started them all, so that the count at its start
	// may be of a part.
	startedGoroutines = 64

	// callsBack is how long it may take until a program is back at that: somewhat
	// longer than idle connections are kept, of which a thousand jobs leave many.
	callsBack = 40 * time.Second
)

// goroutines are how many each program has, by its own metrics.
func (c *cluster) goroutines(programs []*program) map[string]float64 {
	c.Helper()
	out := map[string]float64{}
	for _, p := range programs {
		n, err := c.metric(p, "go_goroutines")
		if err != nil {
			c.Fatal(err)
		}
		out[p.name] = max(n, startedGoroutines)
	}
	return out
}

// checkGoroutines: with nothing left to do there is nobody left who does it.
func (c *cluster) checkGoroutines(ctx context.Context) (found []string) {
	c.client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, callsBack)
	defer cancel()
	for _, p := range slices.Concat(c.apis, c.workers) {
		if !p.alive() {
			continue
		}
		err := until(ctx, func() error {
			n, err := c.metric(p, "go_goroutines")
			if most := c.idle[p.name] + spareGoroutines; err == nil && n > most {
				err = fmt.Errorf("%s has %.0f goroutines with nothing to do; at its start there were %.0f", p.name, n, c.idle[p.name])
			}
			return err
		})
		if err != nil {
			found = append(found, err.Error())
		}
	}
	return found
}
