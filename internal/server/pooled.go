package server

import (
	"sync"

	"github.com/tintypehq/tintype/internal/account"
)

// pooled is the pooled accounts with their credentials, which change while the
// server runs. Safe for concurrent use.
type pooled struct {
	mu   sync.RWMutex
	all  map[string][]account.Account // by upstream
	chat map[string]*chatPool         // of the enabled ones
}

func newPooled() *pooled {
	return &pooled{all: map[string][]account.Account{}, chat: map[string]*chatPool{}}
}

// SetAccounts changes an upstream's pooled accounts. What chat knows of one that
// stays the same stays too.
func (s *Server) SetAccounts(upstream string, all []account.Account) {
	p := s.pooled
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[upstream] = all
	p.chat[upstream] = p.chat[upstream].with(all)
}

func (p *pooled) find(id string) (account.Account, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, all := range p.all {
		for _, a := range all {
			if a.ID == id {
				return a, true
			}
		}
	}
	return account.Account{}, false
}

func (p *pooled) count(upstream string) int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return len(p.all[upstream])
}

// chatOf gives an upstream's pool for chat; nil if it has none.
func (p *pooled) chatOf(upstream string) *chatPool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.chat[upstream]
}
