// Package accounts knows the simulator's credentials: which are valid, what
// they may use, and how often.
package accounts

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"
)

// State is what an account is worth.
type State string

// The states. The empty one counts as OK.
const (
	OK        State = "ok"
	Overdue   State = "overdue"    // has not paid
	NotOpen   State = "notopen"    // has not activated the model
	TrialUsed State = "trial_used" // the free quota is gone
)

// Account is one credential and its limits. In each limit, zero means the
// default and less than zero means no limit.
type Account struct {
	Key  string
	Name string // for the ledger; empty means "sim-" and a hash of the key

	Models []string // ids that it may use; empty means all
	State  State

	RPM        int // videos created per minute and model; default 600
	IPM        int // images made per minute and model; default 500
	ChatRPM    int // chats per minute and model; default no limit
	MaxRunning int // videos being made at once; default 10
	MaxQueued  int // videos that wait for a slot; default 120
}

func (a Account) withDefaults(d Account) Account {
	fill := func(v *int, defaults ...int) {
		for _, d := range defaults {
			if *v == 0 {
				*v = d
			}
		}
	}
	fill(&a.RPM, d.RPM, 600)
	fill(&a.IPM, d.IPM, 500)
	fill(&a.ChatRPM, d.ChatRPM, -1)
	fill(&a.MaxRunning, d.MaxRunning, 10)
	fill(&a.MaxQueued, d.MaxQueued, 120)
	if a.State == "" {
		a.State = OK
	}
	if a.Name == "" {
		a.Name = "sim-" + Hash(a.Key)
	}
	return a
}

// Hash is a short name for a key that does not give it away.
func Hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:6])
}

// Verdict is what a key is worth before anything else is looked at.
type Verdict string

// The verdicts.
const (
	Valid   Verdict = "valid"
	Limited Verdict = "limited" // answer everything with 429
	Invalid Verdict = "invalid" // answer everything with 401
)

// LimitedKey is the key that is always over its limit.
const LimitedKey = "sim-limited"

// maxHolders bounds the memory that made-up keys take. Those that come after
// that many others count as limited.
const maxHolders = 10_000

// Register holds the accounts. Make one with [NewRegister]; it is safe for
// concurrent use.
type Register struct {
	defaults   Account
	configured map[string]Account

	mu      sync.Mutex
	holders map[string]*Holder
}

// NewRegister returns a register of the accounts given, to which every other
// key that begins with "sim-" belongs with the limits of defaults.
func NewRegister(list []Account, defaults Account) *Register {
	r := &Register{defaults: defaults, configured: map[string]Account{}, holders: map[string]*Holder{}}
	for _, a := range list {
		r.configured[a.Key] = a.withDefaults(defaults)
	}
	return r
}

// Find looks a key up. The Holder is nil unless the key is valid.
func (r *Register) Find(key string) (*Holder, Verdict) {
	a, known := r.configured[key]
	switch {
	case known:
	case key == LimitedKey:
		return nil, Limited
	case !strings.HasPrefix(key, "sim-"):
		return nil, Invalid
	default:
		a = Account{
			Key: key, RPM: r.defaults.RPM, IPM: r.defaults.IPM, ChatRPM: r.defaults.ChatRPM,
			MaxRunning: r.defaults.MaxRunning, MaxQueued: r.defaults.MaxQueued,
		}
		a = a.withDefaults(Account{})
	}
	if h := r.holder(a); h != nil {
		return h, Valid
	}
	return nil, Limited
}

// holder is nil if there are too many.
func (r *Register) holder(a Account) *Holder {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.holders[a.Key]
	if h == nil {
		if len(r.holders) >= maxHolders {
			return nil
		}
		h = &Holder{Account: a, Hash: Hash(a.Key), windows: map[string][]time.Time{}}
		r.holders[a.Key] = h
	}
	return h
}

// Holder is an account in use.
type Holder struct {
	Account
	Hash string

	mu      sync.Mutex
	windows map[string][]time.Time
}

// MayUse tells whether the account may use a model.
func (h *Holder) MayUse(model string) bool {
	return len(h.Models) == 0 || slices.Contains(h.Models, model)
}

// Take counts n uses of what in the last minute against limit. It counts
// nothing and returns false if they are too many.
func (h *Holder) Take(what string, n, limit int, now time.Time) bool {
	if limit < 0 {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	used := h.windows[what]
	fresh, _ := slices.BinarySearchFunc(used, now.Add(1-time.Minute), time.Time.Compare)
	used = used[fresh:]
	if len(used)+n > limit {
		h.windows[what] = used
		return false
	}
	for range n {
		used = append(used, now)
	}
	h.windows[what] = used
	return true
}
