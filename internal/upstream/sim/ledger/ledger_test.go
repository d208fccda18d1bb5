package ledger_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim/ledger"
)

func newBook() *ledger.Book {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return ledger.NewBook(func() time.Time { return at })
}

func none(string) string { return "" }

func TestResetKeepsWhatIsInFlight(t *testing.T) {
	t.Parallel()
	b := newBook()
	seq := b.Record(ledger.Submission{TaskID: "t", Outcome: ledger.Accepted, Charged: true, Count: 1})
	b.Load("a", "hash-a", time.Now(), 3, 2)
	b.Load("b", "hash-b", time.Now(), 1, 1)
	b.Load("b", "hash-b", time.Now(), 0, 0)
	b.Reset()
	b.Answered(seq, 200, true) // of a submission that is no longer there
	b.Poll("t")
	l := b.Snapshot(none)
	if len(l.Submissions) != 0 || l.Totals != (ledger.Totals{Polls: 1}) {
		t.Errorf("%+v", l)
	}
	if len(l.Accounts) != 1 || l.Accounts[0].InFlight != 3 || l.Accounts[0].MaxInFlight != 3 || len(l.Accounts[0].Series) != 1 {
		t.Errorf("%+v", l.Accounts)
	}
	if next := b.Record(ledger.Submission{}); next != seq+1 {
		t.Errorf("seq %d after %d", next, seq)
	}
}

func TestCancelledGivesBackOnce(t *testing.T) {
	t.Parallel()
	b := newBook()
	before := b.Record(ledger.Submission{Outcome: ledger.Accepted, Charged: true, Count: 1})
	b.Reset()
	b.Cancelled(before) // of a submission that is no longer there
	seq := b.Record(ledger.Submission{Outcome: ledger.Accepted, Charged: true, Count: 1})
	b.Record(ledger.Submission{Outcome: ledger.Accepted, Charged: true, Count: 1})
	b.Cancelled(seq)
	b.Cancelled(seq)
	l := b.Snapshot(none)
	if l.Totals.Charged != 1 || l.Totals.Accepted != 2 || l.Submissions[0].Charged || l.Submissions[0].Count != 0 || !l.Submissions[1].Charged {
		t.Errorf("%+v", l)
	}
}

func TestLongListsAreCut(t *testing.T) {
	t.Parallel()
	b := newBook()
	const n = 110_001
	for range n {
		b.Record(ledger.Submission{Outcome: ledger.Accepted, Charged: true})
	}
	for i := range 25_000 {
		b.Load("a", "h", time.Unix(int64(i), 0), i, 0)
	}
	l := b.Snapshot(none)
	if len(l.Submissions) != 100_000 || l.Totals.Charged != n || l.Totals.Dropped != n-100_000 || l.Submissions[99_999].Seq != n {
		t.Errorf("%d listed, %+v", len(l.Submissions), l.Totals)
	}
	if a := l.Accounts[0]; len(a.Series) != 10_000 || a.Series[9_999].InFlight != 24_999 || a.MaxInFlight != 24_999 {
		t.Errorf("%d points", len(a.Series))
	}
	b.Answered(n, 200, true)
	if s := b.Snapshot(none).Submissions; !s[len(s)-1].Answered {
		t.Error("the newest cannot be changed")
	}
}

func TestLongPromptIsCutAtARune(t *testing.T) {
	t.Parallel()
	b := newBook()
	b.Record(ledger.Submission{Prompt: "x" + strings.Repeat("汉", 2000)})
	if p := b.Snapshot(none).Submissions[0].Prompt; len(p) != 4096 && len(p) != 4095 && len(p) != 4094 || strings.ContainsRune(p, '\uFFFD') {
		t.Errorf("%d bytes", len(p))
	}
}

func TestSnapshotIsACopy(t *testing.T) {
	t.Parallel()
	b := newBook()
	b.Record(ledger.Submission{TaskID: "t"})
	b.Load("a", "h", time.Now(), 1, 1)
	l := b.Snapshot(func(id string) string { return "state of " + id })
	if l.Submissions[0].State != "state of t" {
		t.Errorf("%+v", l.Submissions)
	}
	l.Submissions[0].Prompt, l.Accounts[0].Series[0].InFlight = "changed", 99
	if again := b.Snapshot(none); again.Submissions[0].Prompt != "" || again.Accounts[0].Series[0].InFlight != 1 {
		t.Errorf("%+v", again)
	}
}
