package demo

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tintypehq/tintype/internal/cli/terminal"
)

// summary says in a few words what came of a work.
func (r result) summary() string {
	switch {
	case r.says != "":
		return fmt.Sprintf("%d characters", len([]rune(r.says)))
	case len(r.files) > 0:
		return r.files[0].dimensions() + ", " + terminal.Size(r.files[0].size)
	}
	return ""
}

func (f file) dimensions() string {
	if f.width == 0 {
		return ""
	}
	size := fmt.Sprintf("%d × %d", f.width, f.height)
	if f.duration > 0 {
		size += ", " + terminal.Seconds(f.duration)
	}
	return size
}

// report tells where the time went and where the files are.
func (o Options) report(results []result, all time.Duration) {
	o.printTimes(results)
	o.printFiles(results)
	for _, r := range results {
		if r.says != "" {
			o.Screen.Printf("\n%s\n%s\n", o.heading("The chat's answer"), o.Screen.Paint(terminal.Dim, quote(r.says)))
		}
	}
	o.Screen.Printf("\n%s All four are right, in %s: the pictures decode, the video is whole,\n"+
		"  and every file has the size and the SHA-256 that GET /v1/jobs/{id} says.\n",
		o.Screen.Paint(terminal.Green, "✓"), terminal.Seconds(all))
}

func (o Options) heading(text string) string { return o.Screen.Paint(terminal.Bold, text) }

func (o Options) printTimes(results []result) {
	const row = "  %-14s  %8s  %8s  %8s  %8s  %8s\n"
	o.Screen.Printf("\n%s\n", o.heading("Where the time went"))
	o.Screen.Printf("%s", o.Screen.Paint(terminal.Dim, fmt.Sprintf(row, "", "waiting", "submit", "generate", "mirror", "total")))
	for _, r := range results {
		t := r.times
		o.Screen.Printf(row, r.name, cell(t.waiting), cell(t.submit), cell(t.generate), cell(t.mirror), cell(t.total))
	}
	o.Screen.Printf("%s\n", o.Screen.Paint(terminal.Dim, "  An image is made within the submit call; a chat's submit ends at the first word."))
}

func (o Options) printFiles(results []result) {
	o.Screen.Printf("\n%s\n", o.heading("Files in "+o.Out))
	for _, r := range results {
		for _, f := range r.files {
			sum := ""
			if f.sha256 != "" {
				sum = "sha256 " + f.sha256[:12] + "…"
			}
			o.Screen.Printf("  %-22s  %-18s  %9s  %s\n", f.name, f.dimensions(), terminal.Size(f.size), o.Screen.Paint(terminal.Dim, sum))
		}
	}
	o.Screen.Printf("  %-22s  what the second image was made from\n  %-22s  what the service had to say\n", inputName, logFile)
	if abs, err := filepath.Abs(o.Out); err == nil && abs != o.Out {
		o.Screen.Printf("  %s\n", o.Screen.Paint(terminal.Dim, abs))
	}
}

// quote is a text of somebody else's, shortened, folded, and without characters
// that a terminal would obey.
func quote(text string) string {
	const most = 400
	text = strings.Map(func(r rune) rune {
		if r != '\n' && !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.TrimSpace(text))
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		fold(&b, line)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// fold writes a line as several that fit on a screen, broken between words.
func fold(b *strings.Builder, line string) {
	const width = 76
	used := 0
	b.WriteString("  ")
	for word := range strings.FieldsSeq(line) {
		n := utf8.RuneCountInString(word)
		switch {
		case used == 0:
		case used+1+n > width:
			b.WriteString("\n  ")
			used = 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += n
	}
	b.WriteByte('\n')
}
