package terminal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/internal/cli/terminal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOnWhatIsNoTerminal(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, s := range map[string]terminal.Screen{
		"buffer": terminal.On(&bytes.Buffer{}, nil),
		"file":   terminal.On(file, []string{"TERM=xterm-256color"}),
	} {
		if s.Live || s.Color {
			t.Errorf("%s: taken for a terminal: %+v", name, s)
		}
	}
}

func TestPaint(t *testing.T) {
	t.Parallel()
	if got := (terminal.Screen{}).Paint(terminal.Red, "x"); got != "x" {
		t.Errorf("without colours: %q", got)
	}
	if got, want := (terminal.Screen{Color: true}).Paint(terminal.Red, "x"), "\x1b[31mx\x1b[0m"; got != want {
		t.Errorf("with colours: %q, want %q", got, want)
	}
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0:                                      "0.0 s",
		2449 * time.Millisecond:                "2.4 s",
		59949 * time.Millisecond:               "59.9 s",
		59960 * time.Millisecond:               "1 m 00 s",
		65 * time.Second:                       "1 m 05 s",
		119*time.Second + 700*time.Millisecond: "2 m 00 s",
		61 * time.Minute:                       "61 m 00 s",
	} {
		if got := terminal.Seconds(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 172_763: "172.8 kB", 999_960: "1.0 MB",
		1_034_670: "1.0 MB", 4_200_000_000: "4.2 GB", 4_200_000_000_000: "4200.0 GB",
	} {
		if got := terminal.Size(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

// TestLines shows a board where nothing can be drawn twice.
func TestLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := (terminal.Screen{W: &out}).Board(works()...)
		b.Step(0, 0)
		b.Step(0, 0) // again: nothing new
		time.Sleep(1500 * time.Millisecond)
		b.Step(0, 1)
		b.Step(0, 0) // it does not go back
		b.Step(1, 0)
		b.Say(1, 0, "asking, 2 ahead")
		b.Say(1, 0, "asking, 2 ahead") // again: nothing new
		b.Done(0, "1 MB")
		b.Step(0, 1) // it has ended
		time.Sleep(time.Second)
		b.Fail(1)
		b.Stop()
		want := "   0.0 s  film    waiting\n" +
			"   1.5 s  film    making\n" +
			"   1.5 s  a word  asking\n" +
			"   1.5 s  a word  asking, 2 ahead\n" +
			"   1.5 s  film    done: 1 MB\n" +
			"   2.5 s  a word  failed\n"
		if out.String() != want {
			t.Errorf("got\n%s\nwant\n%s", out.String(), want)
		}
	})
}

// TestDrawn shows a board on a live screen: the last drawing tells how it
// ended, and each one goes over the one before.
func TestDrawn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := (terminal.Screen{W: &out, Live: true}).Board(works()...)
		b.Step(0, 1)
		time.Sleep(1050 * time.Millisecond)
		b.Done(0, "1 MB")
		time.Sleep(1050 * time.Millisecond)
		b.Fail(1)
		b.Stop()
		frames := strings.Split(out.String(), "\x1b[2A")
		if len(frames) < 20 {
			t.Fatalf("%d drawings in 2 s", len(frames))
		}
		want := "\r  ✓ film    ━━━━━━━━━━━━━━━━━━━━     1.1 s  1 MB\x1b[K\n" +
			"\r  ✗ a word  ╳╳╳╳╳╳╳╳╳╳╳╳╳╳╳╳╳╳╳╳     2.1 s  failed\x1b[K\n"
		if last := frames[len(frames)-1]; last != want {
			t.Errorf("the last drawing is\n%s\nwant\n%s", last, want)
		}
		if !strings.Contains(frames[5], "━━━━━━━━━━") || !strings.Contains(frames[5], "making") {
			t.Errorf("a drawing on the way is\n%s", frames[5])
		}
	})
}

// TestNarrow holds a board to the width of its screen: a line that wraps could
// not be drawn over.
func TestNarrow(t *testing.T) {
	t.Parallel()
	for _, columns := range []int{1, 2, 10, 20, 40, 50, 60} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			b := (terminal.Screen{W: &out, Live: true, Columns: func() int { return columns }}).Board(works()...)
			b.Done(0, strings.Repeat("much to say ", 10))
			b.Stop()
			for line := range strings.Lines(out.String()) {
				line = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(line, "\x1b[2A"), "\r"), "\x1b[K\n")
				if n := utf8.RuneCountInString(line); n >= max(columns, 2) {
					t.Errorf("%d columns on a screen of %d: %q", n, columns, line)
				}
			}
		})
	}
}

func works() []terminal.Work {
	return []terminal.Work{{Name: "film", Steps: []string{"waiting", "making"}}, {Name: "a word", Steps: []string{"asking"}}}
}
