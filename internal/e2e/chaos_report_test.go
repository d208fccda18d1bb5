//go:build chaos

package e2e_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// tableFile is where a whole run leaves its table.
const tableFile = "CHAOS.md"

// row is one fault of the table and what came of it. Its parts may run side by
// side.
type row struct {
	*testing.T

	id, fault string
	seed      uint64

	mu       sync.Mutex
	jobs     int
	charges  int
	recovery time.Duration // the longest
	measured bool          // recovery was
	remarks  []string
	failed   bool
	crashes  map[string][2]int // by kind of job: crashes met, outcomes unknown
}

// crashed adds up the crashes of one kind of job.
func (r *row) crashed(w work, met, unknown int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.crashes == nil {
		r.crashes = map[string][2]int{}
	}
	n := r.crashes[w.name]
	r.crashes[w.name] = [2]int{n[0] + met, n[1] + unknown}
}

// count adds up what a part has seen: its jobs, what was paid for them, and how
// long the slowest recovered.
func (r *row) count(jobs, charges int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.jobs, r.charges = r.jobs+jobs, r.charges+charges
}

// recovered notes how long something took from the fault to what it had to
// come to.
func (r *row) recovered(took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recovery, r.measured = max(r.recovery, took), true
}

// remark says something about the row that the table should tell.
func (r *row) remark(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remarks = append(r.remarks, fmt.Sprintf(format, args...))
}

func (r *row) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = r.Failed()
}

func (r *row) cells() []string {
	recovery, result := "–", "pass"
	if r.measured {
		recovery = r.recovery.Round(100 * time.Millisecond).String()
	}
	if r.failed {
		result = "**FAIL**"
	}
	for _, name := range slices.Sorted(maps.Keys(r.crashes)) {
		r.remarks = append(r.remarks, fmt.Sprintf("%s: %d crashes met, %d outcomes unknown", name, r.crashes[name][0], r.crashes[name][1]))
	}
	return []string{r.id, r.fault, fmt.Sprint(r.jobs), fmt.Sprint(r.charges), recovery, result, strings.Join(r.remarks, "; ")}
}

// report prints the table, and keeps it if it is whole.
func report(t *testing.T, done []*row, seed uint64, took time.Duration) {
	t.Helper()
	var b strings.Builder
	table := [][]string{
		{"row", "fault", "jobs", "charges", "recovery, longest", "result", "remark"},
		{"---", "---", "---:", "---:", "---:", "---", "---"},
	}
	for _, r := range done {
		table = append(table, r.cells())
	}
	for _, cells := range table {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	fmt.Printf("\n%s\n", b.String())
	if len(done) != len(rows()) {
		return
	}
	head := fmt.Sprintf(`# The fault suite

`+"`make chaos`"+` on %s, commit %s, SEED=%d, %d cores of %s/%s, %s in all. Charges are those of the simulator's ledger.

`, time.Now().UTC().Format(time.DateOnly), commit(), seed, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, took.Round(time.Second))
	if err := os.WriteFile(tableFile, []byte(head+b.String()), 0o644); err != nil {
		t.Error(err)
	}
}

// commit is what the suite ran on.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
