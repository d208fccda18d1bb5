package config

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
)

// Show writes every setting with its value and where that comes from, one a
// line. Secrets are hidden.
func (c *Config) Show(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for path, f := range settings(reflect.ValueOf(c).Elem(), "") {
		from := "default"
		if o, ok := c.origins[path]; ok {
			from = place(c.file, o.line, o.variable)
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\n", path, showValue(f.value), from) // Flush tells
	}
	return t.Flush()
}

// showValue gives a value that can be seen: nothing is written "-".
func showValue(v reflect.Value) string {
	if text := showText(v); text != "" {
		return text
	}
	return "-"
}

// String gives what Show writes, so that a configuration that is printed by
// mistake shows no secret.
func (c *Config) String() string {
	var b strings.Builder
	_ = c.Show(&b) // a strings.Builder takes everything
	return b.String()
}
