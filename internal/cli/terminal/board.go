package terminal

import (
	"cmp"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Work is one piece of work on a board.
type Work struct {
	Name  string
	Steps []string // what is done for it one after the other: "waiting", "storing"
}

// Board shows how far several pieces of work have come, each on a line of its
// own: on a live screen with a bar of its steps, else with a line for each
// step. The bar tells steps that are behind, not time: nobody knows how long
// the step at hand will take. Make one with [Screen.Board]; its methods are
// safe for concurrent use.
type Board struct {
	screen Screen
	began  time.Time
	stop   chan struct{}
	done   sync.WaitGroup

	mu    sync.Mutex
	rows  []row
	drawn int // lines on the screen that are to be drawn over
	frame int
}

type row struct {
	Work
	step  int
	end   outcome
	note  string
	ended time.Duration
}

// outcome is what came of a piece of work.
type outcome string

const (
	under     outcome = "" // way
	succeeded outcome = "done"
	failed    outcome = "failed"
)

// frameTime is the time between two drawings.
const frameTime = 100 * time.Millisecond

// Board starts a board. Whoever started it calls Stop, and writes nothing else
// to the screen before that.
func (s Screen) Board(works ...Work) *Board {
	b := &Board{screen: s, began: time.Now(), stop: make(chan struct{})}
	for _, w := range works {
		b.rows = append(b.rows, row{Work: w})
	}
	if s.Live {
		b.done.Go(b.animate)
	}
	return b
}

// Step says that a piece of work, by its place in the board, has come to a
// step, by its place in its Steps. Steps that are behind stay behind.
func (b *Board) Step(i, step int) { b.Say(i, step, "") }

// Say is Step with words of its own; without any they are the step's name.
func (b *Board) Say(i, step int, words string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := &b.rows[i]
	words = cmp.Or(words, r.Steps[step])
	if r.end != under || step < r.step || step == r.step && r.note == words {
		return
	}
	r.step, r.note = step, words
	b.line(r, time.Since(b.began), words)
}

// Done says that a piece of work has succeeded, and what came of it.
func (b *Board) Done(i int, what string) { b.close(i, succeeded, what) }

// Fail says that a piece of work has failed.
func (b *Board) Fail(i int) { b.close(i, failed, "") }

func (b *Board) close(i int, end outcome, what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := &b.rows[i]
	r.end, r.note, r.ended = end, what, time.Since(b.began)
	if what == "" {
		b.line(r, r.ended, string(end))
		return
	}
	b.line(r, r.ended, string(end)+": "+what)
}

// Stop draws the board for the last time.
func (b *Board) Stop() {
	close(b.stop)
	b.done.Wait()
	if b.screen.Live {
		b.draw()
	}
}

// line writes what happened, where nothing can be drawn.
func (b *Board) line(r *row, at time.Duration, what string) {
	if !b.screen.Live {
		b.screen.Printf("%8s  %-*s  %s\n", Seconds(at), b.nameWidth(), r.Name, what)
	}
}

func (b *Board) nameWidth() int {
	width := 0
	for i := range b.rows {
		width = max(width, utf8.RuneCountInString(b.rows[i].Name))
	}
	return width
}

func (b *Board) animate() {
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	for {
		b.draw()
		select {
		case <-tick.C:
		case <-b.stop:
			return
		}
	}
}

// draw draws all rows over those that were drawn before.
func (b *Board) draw() {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out strings.Builder
	if b.drawn > 0 {
		fmt.Fprintf(&out, "\x1b[%dA", b.drawn)
	}
	columns, names := b.screen.columns(), b.nameWidth()
	for i := range b.rows {
		out.WriteString("\r" + b.render(&b.rows[i], names, columns) + "\x1b[K\n")
	}
	b.drawn = len(b.rows)
	b.frame++
	b.screen.Printf("%s", out.String())
}

// barWidth is the length of a bar in columns.
const barWidth = 20

// render gives a row as a line that does not wrap.
func (b *Board) render(r *row, names, columns int) string {
	turns := []rune(spinner)
	mark, ink, at := string(turns[b.frame%len(turns)]), Cyan, time.Since(b.began)
	switch r.end {
	case under:
	case succeeded:
		mark, ink, at = "✓", Green, r.ended
	case failed:
		mark, ink, at = "✗", Red, r.ended
	}
	fixed := 2 + 1 + 1 + names + 2 + barWidth + 2 + 8 + 2 // columns before the note
	if columns <= fixed {
		return clip("  "+mark+" "+r.Name+"  "+r.note, columns-1)
	}
	return fmt.Sprintf("  %s %-*s  %s  %8s  %s", b.screen.Paint(ink, mark), names, r.Name,
		b.bar(r, ink), Seconds(at), clip(r.words(), columns-1-fixed))
}

func (r *row) words() string {
	if r.end == failed {
		return string(failed)
	}
	return r.note
}

const spinner = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

// bar shows the steps that are behind as full, the one at hand with a light
// that runs through it, and the others as empty.
func (b *Board) bar(r *row, ink Ink) string {
	if r.end == succeeded {
		return b.screen.Paint(ink, strings.Repeat("━", barWidth))
	}
	from, to := barWidth*r.step/len(r.Steps), barWidth*(r.step+1)/len(r.Steps)
	past := b.screen.Paint(Green, strings.Repeat("━", from))
	rest := b.screen.Paint(Dim, strings.Repeat("┄", barWidth-to))
	if r.end == failed {
		return past + b.screen.Paint(Red, strings.Repeat("╳", to-from)) + rest
	}
	light := b.frame / 2 % (to - from)
	var now strings.Builder
	for i := range to - from {
		if i == light {
			now.WriteString(b.screen.Paint(Cyan, "━"))
		} else {
			now.WriteString(b.screen.Paint(Dim, "┄"))
		}
	}
	return past + now.String() + rest
}

// clip cuts a text to so many columns; every rune counts as one.
func clip(text string, columns int) string {
	if utf8.RuneCountInString(text) <= columns {
		return text
	}
	if columns < 1 {
		return ""
	}
	return string([]rune(text)[:columns-1]) + "…"
}
