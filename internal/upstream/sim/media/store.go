// Package media serves what the simulator has made, by signed links that
// expire, as object stores do.
package media

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
	"github.com/tintypehq/tintype/internal/upstream/sim/ledger"
)

// Prefix begins the path of every link.
const Prefix = "/tos/"

// maxCacheBytes is how much drawn media is kept for the next read.
const maxCacheBytes = 64 << 20

// Item is one piece of media.
type Item struct {
	// Path names it in its links, such as "bucket/model/0217_0.jpeg". It needs
	// no escaping in a URL.
	Path string

	ContentType string
	Process     string // what the link asks the object store to do on top; may be empty

	// Make makes the bytes, whenever they are needed and not kept: always the
	// same ones. Nobody changes them.
	Make func() ([]byte, error)

	// SizeBytes is what the media is padded to; zero means its own size.
	SizeBytes int64

	Seq    int64 // of the submission in the ledger
	Prompt string
	Faults []faults.Fault

	reads sync.Map // signature → *atomic.Int64
}

func (it *Item) countRead(signature string) int64 {
	n, _ := it.reads.LoadOrStore(signature, &atomic.Int64{})
	c, ok := n.(*atomic.Int64)
	if !ok {
		return 0
	}
	return c.Add(1)
}

// Config is what a store needs.
type Config struct {
	Clock    clock.Clock
	Faults   *faults.Engine
	Book     *ledger.Book
	Secret   []byte
	TTL      time.Duration // how long a link works
	MaxReads int           // how often a link works; zero means always
	MaxItems int           // above that, the oldest are forgotten
}

// Store holds the media. It is safe for concurrent use.
type Store struct {
	cfg Config

	mu    sync.Mutex
	items map[string]*Item
	order []string

	making     sync.Mutex // one picture is drawn at a time
	cached     map[string][]byte
	cacheOrder []string
	cacheBytes int
}

// NewStore returns an empty store.
func NewStore(cfg Config) *Store {
	return &Store{cfg: cfg, items: map[string]*Item{}, cached: map[string][]byte{}}
}

// Put adds an item.
func (s *Store) Put(it *Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.items[it.Path] == nil {
		s.order = append(s.order, it.Path)
	}
	s.items[it.Path] = it
	if over := len(s.order) - s.cfg.MaxItems; over > s.cfg.MaxItems/10 {
		for _, path := range s.order[:over] {
			delete(s.items, path)
		}
		s.order = append([]string(nil), s.order[over:]...)
	}
}

func (s *Store) find(path string) *Item {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.items[path]
}

// Bytes makes the item's media, or gives what is kept of it, without padding.
func (s *Store) Bytes(it *Item) ([]byte, error) {
	if it.Make == nil {
		return nil, errors.New("media without a maker")
	}
	s.making.Lock()
	defer s.making.Unlock()
	if b, ok := s.cached[it.Path]; ok {
		return b, nil
	}
	b, err := it.Make()
	if err != nil {
		return nil, err
	}
	s.keep(it.Path, b)
	return b, nil
}

// keep remembers bytes, and forgets the oldest.
func (s *Store) keep(path string, b []byte) {
	s.cached[path] = b
	s.cacheOrder = append(s.cacheOrder, path)
	s.cacheBytes += len(b)
	for s.cacheBytes > maxCacheBytes && len(s.cacheOrder) > 1 {
		old := s.cacheOrder[0]
		s.cacheOrder = s.cacheOrder[1:]
		s.cacheBytes -= len(s.cached[old])
		delete(s.cached, old)
	}
}
