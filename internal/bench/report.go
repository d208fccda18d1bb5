package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// report is everything that a run has measured.
type report struct {
	At        time.Time `json:"at"`
	Took      string    `json:"took"`
	Go        string    `json:"go"`
	CPUs      int       `json:"cpus"`
	Load      string    `json:"load"` // the system's, before the first scenario
	Short     bool      `json:"short"`
	Scenarios []outcome `json:"scenarios"`
}

// outcome is one scenario's part.
type outcome struct {
	Name    string   `json:"name"`
	About   string   `json:"about"`
	Target  string   `json:"target"`
	Took    string   `json:"took"`
	Figures []figure `json:"figures"`
}

func newReport(short bool) *report {
	return &report{At: time.Now().UTC(), Go: runtime.Version(), CPUs: runtime.NumCPU(), Load: loadAverage(), Short: short}
}

// loadAverage is how busy the system is, as Linux tells it: a run beside other
// work is worth less.
func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}

// write prints the table.
func (r *report) write(w io.Writer) {
	_, _ = fmt.Fprintf(w, "%s, %d CPUs, load before the run %s, took %s\n", r.Go, r.CPUs, r.Load, r.Took)
	for _, o := range r.Scenarios {
		_, _ = fmt.Fprintf(w, "\n%s: %s\n  target: %s\n", o.Name, o.About, o.Target)
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(table, "  figure\tours\tfloor\tratio\ttarget\tresult\tnote")
		for _, f := range o.Figures {
			_, _ = fmt.Fprintln(table, "  "+strings.Join(f.cells(), "\t"))
		}
		_ = table.Flush() // w is the terminal or a file; there is nobody else to tell
	}
	missed, all := r.missed()
	_, _ = fmt.Fprintf(w, "\n%d of %d targets met.\n", all-len(missed), all)
	for _, name := range missed {
		_, _ = fmt.Fprintf(w, "missed: %s\n", name)
	}
}

// markdown is the table as Markdown.
func (r *report) markdown() string {
	var b strings.Builder
	row := func(cells ...string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	fmt.Fprintf(&b, "%s on %s, %d CPUs, load before the run %s, took %s.\n", r.Go, r.At.Format(time.DateOnly), r.CPUs, r.Load, r.Took)
	for _, o := range r.Scenarios {
		fmt.Fprintf(&b, "\n**%s**: %s. Target: %s.\n\n", o.Name, o.About, o.Target)
		row("figure", "ours", "floor", "ratio", "target", "result", "note")
		row("---", "---:", "---:", "---:", "---", "---", "---")
		for _, f := range o.Figures {
			row(f.cells()...)
		}
	}
	return b.String()
}

func (f figure) cells() []string {
	cells := []string{f.Name, number(f.Ours) + " " + string(f.Unit), "", "", "", "", f.note()}
	if f.Floor != nil {
		cells[2] = number(*f.Floor) + " " + string(f.Unit)
	}
	if f.Ratio != nil {
		cells[3] = strconv.FormatFloat(*f.Ratio, 'f', 2, 64)
	}
	if f.Target != nil {
		cells[4], cells[5] = f.Target.String(), "MISSED"
		if *f.Met {
			cells[5] = "met"
		}
	}
	return cells
}

func (f figure) note() string {
	if f.FloorIs == "" {
		return f.Note
	}
	if f.Note == "" {
		return "floor: " + f.FloorIs
	}
	return "floor: " + f.FloorIs + "; " + f.Note
}

// number writes about three digits of a value.
func number(v float64) string {
	switch {
	case v >= 100 || v <= -100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10 || v <= -10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// missed names the figures that missed their target, and counts the targets.
func (r *report) missed() (list []string, all int) {
	for _, o := range r.Scenarios {
		for _, f := range o.Figures {
			if f.Met == nil {
				continue
			}
			all++
			if !*f.Met {
				list = append(list, o.Name+", "+f.Name)
			}
		}
	}
	return list, all
}

// save writes the report as JSON.
func (r *report) save(file string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o644) //nolint:gosec // G306: figures are no secret
}
