package faults

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
)

// maxCounters bounds the memory that counting occurrences takes. When it is
// full, all tag counters start again.
const maxCounters = 100_000

// Rule is a fault for all requests whose prompt holds Match, added by the
// admin route. It is the route's JSON, too.
type Rule struct {
	Match    string `json:"match"`              // a substring of the prompt; "*" matches all, also what has no prompt
	Op       Op     `json:"op,omitempty"`       // empty means the fault's natural one
	Fault    string `json:"fault"`              // a name, or a whole tag without its "sim:", such as "429=3"
	Value    string `json:"value,omitempty"`    // as after the "=" of a tag
	Times    int    `json:"times,omitempty"`    // how often in all, not per prompt; zero means always
	Skip     int    `json:"skip,omitempty"`     // how many matching requests go unharmed first
	Accepted bool   `json:"accepted,omitempty"` // carry the request out before the error answer
	Hits     int    `json:"hits"`               // out: how often it has happened
	Seen     int    `json:"seen"`               // out: how many requests matched
}

// Engine knows the rules and counts occurrences. The zero value is ready; it
// is safe for concurrent use.
type Engine struct {
	mu    sync.Mutex
	rules []*activeRule
	seen  map[string]int
}

type activeRule struct {
	Rule
	fault Fault
}

// Add makes a rule effective.
func (e *Engine) Add(r Rule) error {
	text := "sim:" + strings.TrimPrefix(r.Fault, "sim:")
	if r.Value != "" {
		text += "=" + r.Value
	}
	parsed, err := Parse(text)
	if err != nil {
		return err
	}
	if r.Match == "" || len(parsed) != 1 {
		return fmt.Errorf("a rule needs match (a substring of the prompt, or *) and one fault of: %s", strings.Join(Names(), ", "))
	}
	f := parsed[0]
	f.Accepted = f.Accepted || r.Accepted
	f.Times, f.Skip = max(f.Times, r.Times), max(f.Skip, r.Skip)
	if r.Op != "" {
		f.On = r.Op
	}
	if f, err = complete(f); err != nil {
		return err
	}
	r.Op, r.Hits, r.Seen = f.On, 0, 0
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rules = append(e.rules, &activeRule{Rule: r, fault: f})
	return nil
}

// Rules are the rules with their counts.
func (e *Engine) Rules() []Rule {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]Rule, 0, len(e.rules))
	for _, r := range e.rules {
		out = append(out, r.Rule)
	}
	return out
}

// Clear removes all rules and forgets what tags have done so far.
func (e *Engine) Clear() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rules, e.seen = nil, nil
}

// Pick returns the faults that happen to this one request, counting it.
//
// The prompt is the one that the request, its task or its media goes back to,
// tags are the faults parsed from it. The scope is what occurrences of tags
// are counted by: empty means the prompt itself, else a task's or media's id.
func (e *Engine) Pick(op Op, scope, prompt string, tags []Fault) Set {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out Set
	for i, f := range tags {
		if f.happensOn(op) && e.countTag(f, fmt.Sprintf("%s|%s|%d", op, scopeOf(scope, prompt), i)) {
			out = append(out, f)
		}
	}
	for _, r := range e.rules {
		if !r.fault.happensOn(op) || (r.Match != "*" && !strings.Contains(prompt, r.Match)) {
			continue
		}
		r.Seen++
		if due(r.fault, r.Seen) {
			r.Hits++
			out = append(out, r.fault)
		}
	}
	return out
}

// PickTags tells whether any of the tags happens now, without regard to rules.
func (e *Engine) PickTags(op Op, scope string, tags []Fault) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	hit := false
	for i, f := range tags {
		if f.happensOn(op) && e.countTag(f, fmt.Sprintf("%s|%s|%d", op, scope, i)) {
			hit = true
		}
	}
	return hit
}

func scopeOf(scope, prompt string) string {
	if scope != "" {
		return scope
	}
	sum := sha256.Sum256([]byte(prompt))
	return hex.EncodeToString(sum[:12])
}

func (e *Engine) countTag(f Fault, key string) bool {
	if f.Times == 0 && f.Skip == 0 {
		return true
	}
	if e.seen == nil || len(e.seen) >= maxCounters {
		e.seen = map[string]int{}
	}
	e.seen[key]++
	return due(f, e.seen[key])
}

// due tells whether f happens to the n-th request, counted from 1.
func due(f Fault, n int) bool {
	return n > f.Skip && (f.Times == 0 || n <= f.Skip+f.Times)
}

func (f Fault) happensOn(op Op) bool {
	return f.On == op || (f.On == Submit && (op == Create || op == Chat))
}

// Set are the faults of one request.
type Set []Fault

// Get finds a fault by its name.
func (s Set) Get(n Name) (Fault, bool) {
	for _, f := range s {
		if f.Name == n {
			return f, true
		}
	}
	return Fault{}, false
}

// Has tells whether the fault is there.
func (s Set) Has(n Name) bool {
	_, ok := s.Get(n)
	return ok
}
