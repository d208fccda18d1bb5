package server

import (
	"context"
	"sync"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
)

// How long the upstream's word on a credential holds, and how many words are
// remembered.
const (
	aliveFor      = 10 * time.Minute
	deadFor       = 30 * time.Second // a new key may need a moment until it works
	checkPatience = 10 * time.Second
	mostChecks    = 10_000
)

// credentialChecks remembers which of the callers' own credentials their
// upstream accepts. Safe for concurrent use.
type credentialChecks struct {
	mu  sync.Mutex
	all map[string]*credentialCheck // by the account's id
}

type credentialCheck struct {
	mu    sync.Mutex // held while the upstream is asked, so that one caller asks
	until time.Time  // the word holds
	asked time.Time  // when the upstream was last done with the question
	dead  bool
}

func newCredentialChecks() *credentialChecks {
	return &credentialChecks{all: map[string]*credentialCheck{}}
}

// of gives the place for the word on one account, making room if need be.
func (k *credentialChecks) of(id string) *credentialCheck {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c := k.all[id]; c != nil {
		return c
	}
	if len(k.all) >= mostChecks {
		k.makeRoom()
	}
	c := new(credentialCheck)
	k.all[id] = c
	return c
}

// makeRoom forgets what no longer holds, or some of the rest. Whoever is
// forgotten is asked after once more, which costs nothing but a moment.
func (k *credentialChecks) makeRoom() {
	for id, c := range k.all {
		if c.mu.TryLock() {
			old := time.Now().After(c.until)
			c.mu.Unlock()
			if old || len(k.all) > mostChecks*9/10 {
				delete(k.all, id)
			}
		}
	}
}

// checkCredential refuses a caller's own credential that the upstream does not
// accept, before anything is queued for it. Where the upstream cannot say, it
// passes, and nothing is remembered: the job will show.
func (s *Server) checkCredential(ctx context.Context, own *account.Account) error {
	driver := s.cfg.Drivers[upstreamOf(own)]
	if own == nil || driver == nil {
		return nil
	}
	c, came := s.checks.of(own.ID), time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	// Whoever waited while another asked has its answer, even if that was none.
	if time.Now().After(c.until) && !c.asked.After(came) {
		c.ask(ctx, driver, *own)
	}
	if c.dead {
		return errDeadCredential(nil)
	}
	return nil
}

// ask asks the upstream. The caller may go away meanwhile: others wait for the
// word too.
func (c *credentialCheck) ask(ctx context.Context, driver upstream.Driver, own account.Account) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkPatience)
	defer cancel()
	err := driver.Check(ctx, own)
	c.asked = time.Now()
	switch {
	case err == nil:
		c.dead, c.until = false, time.Now().Add(aliveFor)
	case upstream.AsError(err).Class == upstream.Auth:
		c.dead, c.until = true, time.Now().Add(deadFor)
	default: // not known, which is not held against the caller
		c.dead, c.until = false, time.Time{}
	}
}

func upstreamOf(a *account.Account) string {
	if a == nil {
		return ""
	}
	return a.Upstream
}

func errDeadCredential(cause error) error {
	return fault.Wrap(fault.CredentialRejected, "Authorization: the upstream does not accept this credential. Send another one.", cause).WithParam("Authorization")
}
