// Package terminal writes for people: it tells a terminal from a pipe or a
// file, and shows work in progress on either, redrawn in place on the one and
// line by line on the other.
package terminal

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"
)

// Screen is where a command writes for people.
type Screen struct {
	W io.Writer

	// Live means that W is a terminal that can be drawn on again and again.
	// Without it nothing but whole lines are written.
	Live bool

	// Color allows colours.
	Color bool

	// Columns gives the width of W at the moment. Nil: 80.
	Columns func() int
}

// On looks at w and the environment, as os.Environ gives it: a terminal is
// live unless TERM says that it is dumb, and coloured unless NO_COLOR is set.
func On(w io.Writer, environ []string) Screen {
	s := Screen{W: w}
	if !Is(w) || slices.Contains(environ, "TERM=dumb") {
		return s
	}
	s.Live = true
	s.Color = !slices.ContainsFunc(environ, func(v string) bool {
		value, set := strings.CutPrefix(v, "NO_COLOR=")
		return set && value != ""
	})
	file, ok := w.(*os.File)
	if !ok {
		return s
	}
	s.Columns = func() int {
		width, _, err := term.GetSize(int(file.Fd()))
		if err != nil {
			return 0
		}
		return width
	}
	return s
}

// Is tells whether w is a terminal.
func Is(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Printf writes text. Nobody can be told that it failed: whoever reads the
// screen is gone then.
func (s Screen) Printf(format string, args ...any) { _, _ = fmt.Fprintf(s.W, format, args...) }

func (s Screen) columns() int {
	if s.Columns != nil {
		if n := s.Columns(); n > 0 {
			return n
		}
	}
	return 80
}

// Ink is a colour or a weight.
type Ink string

// The inks.
const (
	Plain  Ink = ""
	Bold   Ink = "1"
	Dim    Ink = "2"
	Red    Ink = "31"
	Green  Ink = "32"
	Yellow Ink = "33"
	Cyan   Ink = "36"
)

// Paint gives text in an ink, or as it is where there are no colours.
func (s Screen) Paint(ink Ink, text string) string {
	if !s.Color || ink == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(ink) + "m" + text + "\x1b[0m"
}

// Seconds writes a time as people read it: "2.4 s", "1 m 05 s".
func Seconds(d time.Duration) string {
	if tenths := d.Round(time.Second / 10); tenths < time.Minute {
		return fmt.Sprintf("%.1f s", tenths.Seconds())
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%d m %02d s", d/time.Minute, d%time.Minute/time.Second)
}

// Size writes a number of bytes as people read it: "512 B", "1.2 MB".
func Size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	size, unit := float64(n)/1000, "kB"
	for _, next := range []string{"MB", "GB"} {
		if size < 999.95 { // else it would be written as 1000.0
			break
		}
		size, unit = size/1000, next
	}
	return fmt.Sprintf("%.1f %s", size, unit)
}
