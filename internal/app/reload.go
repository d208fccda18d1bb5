package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"os/signal"
	"reflect"
	"sync"
	"syscall"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/config"
)

// roster is the accounts of the upstreams, which change while the program runs.
// Safe for concurrent use.
type roster struct {
	mu      sync.Mutex
	all     map[string][]account.Account // by upstream; also those that get no new jobs
	changed []func(upstream string, all []account.Account)
}

func (r *roster) of(upstream string) []account.Account {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[upstream]
}

// follow has a function called at each change, and now for each upstream.
func (r *roster) follow(f func(upstream string, all []account.Account)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed = append(r.changed, f)
	for name, all := range r.all {
		f(name, all)
	}
}

// set changes an upstream's accounts.
func (r *roster) set(upstream string, all []account.Account) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[upstream] = all
	for _, f := range r.changed {
		f(upstream, all)
	}
}

// lookEvery is how often the settings' file is looked at. Its content counts, since
// a mounted one is replaced as a whole, by a link, with any time of change.
const lookEvery = 2 * time.Second

// hangups hears SIGHUP until the returned stop. It begins before a program does
// anything and ends after it has wound down, since the signal would end a process that
// does not hear it, with a paid request on the wire. Where it is a wish to end, it ends
// the returned context and nothing comes of hup. A closing terminal may say it twice.
func (p *parts) hangups(ctx context.Context, program Program) (_ context.Context, hup <-chan os.Signal, stop func()) {
	ends := endsByHangup(program, p.Config)
	if ends && signal.Ignored(syscall.SIGHUP) || !ends && p.Source == nil {
		return ctx, nil, func() {} // started by nohup, or not to be told anything
	}
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP)
	if !ends {
		return ctx, heard, func() { signal.Stop(heard) }
	}
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		select {
		case <-heard:
			p.log.InfoContext(ctx, "SIGHUP: the terminal has gone")
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, nil, func() {
		cancel()
		<-over
		signal.Stop(heard)
	}
}

// endsByHangup tells whether SIGHUP is a wish to end: a terminal says so when it is
// closed, to a program that somebody has just started in it.
func endsByHangup(program Program, c *config.Config) bool {
	return program == All && c.File() == ""
}

// reload applies changes of the settings' file until ctx ends: when it has changed,
// and at each SIGHUP. What it cannot apply it says.
func (p *parts) reload(ctx context.Context, hup <-chan os.Signal) error {
	if p.Config.File() == "" {
		return p.nothingToReload(ctx, hup)
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	seen, running := digestOf(p.Config.File()), p.Config
	for {
		asked := false
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			asked = true
		case <-tick.C:
		}
		now := digestOf(running.File())
		if !asked && (now == nil || bytes.Equal(now, seen)) {
			continue
		}
		if next := p.reread(ctx); next != nil && p.apply(ctx, running, next) {
			running = next
		}
		seen = now
	}
}

// nothingToReload says so.
func (p *parts) nothingToReload(ctx context.Context, hup <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			p.log.WarnContext(ctx, "SIGHUP: there is no settings file that could be read again; variables and flags count from the next start on")
		}
	}
}

// digestOf is what a file's content is known by; nil if there is none.
func digestOf(file string) []byte {
	content, err := os.ReadFile(file) //nolint:gosec // the operator names it
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(content)
	return sum[:]
}

// reread reads the settings again; nil if something is wrong with them. Then the
// present ones stay.
func (p *parts) reread(ctx context.Context) *config.Config {
	next, err := Settings(*p.Source)
	if err == nil {
		return next
	}
	if all, ok := errors.AsType[*config.Error](err); ok {
		for _, problem := range all.Problems {
			p.log.ErrorContext(ctx, "the changed settings are wrong, the present ones stay", "problem", problem.String())
		}
		return nil
	}
	p.log.ErrorContext(ctx, "the changed settings cannot be read, the present ones stay", "err", err)
	return nil
}

// apply puts changed accounts to use, and the log's level, and tells whether all of it
// is: if the store is away, it is tried again.
func (p *parts) apply(ctx context.Context, from, to *config.Config) bool {
	for _, u := range to.Upstreams {
		if _, ok := p.services.byName[u.Name]; !ok {
			continue // needs a new start, as is said below
		}
		all := accountsOf(u)
		if reflect.DeepEqual(all, p.roster.of(u.Name)) {
			continue
		}
		if err := p.store.SyncAccounts(ctx, u.Name, all); err != nil {
			p.log.WarnContext(ctx, "the changed accounts could not be written", "upstream", u.Name, "err", err)
			return false
		}
		p.roster.set(u.Name, all)
		p.log.InfoContext(ctx, "the accounts were changed", "upstream", u.Name, "accounts", len(all))
	}
	if from.Log.Level != to.Log.Level {
		p.level.Set(to.Log.Level.Slog())
		p.log.WarnContext(ctx, "the log's level was changed", "level", to.Log.Level) // whatever it is now
	}
	if sections := config.ChangedBeyondReload(from, to); len(sections) > 0 {
		p.log.WarnContext(ctx, "these changed settings count from the next start on", "sections", sections)
	}
	return true
}

// accountsOf gives an upstream's accounts as they are used.
func accountsOf(u config.Upstream) []account.Account {
	all := make([]account.Account, 0, len(u.Accounts))
	for _, a := range u.Accounts {
		all = append(all, a.Account(u.Name))
	}
	return all
}
