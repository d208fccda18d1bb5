package config

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with the settings. It quotes no value
// other than a number.
type Problem struct {
	Setting string // dotted path; empty: the file as a whole
	Message string

	// Where the setting was made: a line of File, or Variable, the environment
	// variable or flag. All empty where the setting is missing.
	File     string
	Line     int
	Variable string
}

// String gives the problem as one line, the place first.
func (p Problem) String() string {
	parts := []string{place(p.File, p.Line, p.Variable), p.Setting, p.Message}
	var said []string
	for _, part := range parts {
		if part != "" {
			said = append(said, part)
		}
	}
	return strings.Join(said, ": ")
}

func place(file string, line int, variable string) string {
	switch {
	case variable != "":
		return variable
	case line > 0:
		return fmt.Sprintf("%s:%d", file, line)
	}
	return file
}

// Error is every problem of the settings, at least one.
type Error struct {
	Problems []Problem
}

// Error lists the problems, one a line.
func (e *Error) Error() string {
	lines := []string{"the configuration cannot be used:"}
	for _, p := range e.Problems {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n  ")
}

// Problem is one with a setting that only shows when the settings are put to use.
func (c *Config) Problem(setting, format string, args ...any) Problem {
	return c.problemAt(c.originOf(setting), setting, format, args...)
}

func (c *Config) problemAt(o origin, setting, format string, args ...any) Problem {
	p := Problem{Setting: setting, Message: fmt.Sprintf(format, args...), Line: o.line, Variable: o.variable}
	if o.line > 0 {
		p.File = c.file
	}
	return p
}

// origin is where a setting got its value.
type origin struct {
	line     int    // of the file
	variable string // environment variable, flag, or what else decided
}

// report adds a problem with a setting, unless the setting, or what holds it,
// is known to be wrong already: one mistake is reported once.
func (l *loader) report(path, format string, args ...any) {
	for _, p := range l.problems {
		if p.Setting != "" && (p.Setting == path || within(path, p.Setting)) {
			return
		}
	}
	l.reportAt(l.cfg.originOf(path), path, format, args...)
}

func (l *loader) reportAt(o origin, path, format string, args ...any) {
	l.problems = append(l.problems, l.cfg.problemAt(o, path, format, args...))
}

// originOf gives the place of a setting, or of the nearest thing around it
// that has one.
func (c *Config) originOf(path string) origin {
	for path != "" {
		if o, ok := c.origins[path]; ok {
			return o
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return origin{}
}

// isSet tells whether a setting was made anywhere, not just left to its default.
func (l *loader) isSet(path string) bool {
	_, ok := l.cfg.origins[path]
	return ok
}

// within tells whether a path lies inside another one.
func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "["))
}
