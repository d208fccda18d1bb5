package config

import (
	"errors"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Source says where settings come from.
type Source struct {
	Role Role // the program that will run; empty: both deployed ones

	// File is the YAML file. Empty: the one in TINTYPE_CONFIG, or none.
	File string

	// Environ is the environment as os.Environ gives it.
	Environ []string

	Flags []Flag

	// Terminal says that the log goes to a terminal: then `tintype run` logs
	// only warnings, as text, unless the settings say otherwise.
	Terminal bool
}

// Flag is a setting from the command line.
type Flag struct {
	Name    string // as the user wrote it: "--addr"
	Setting string // dotted path
	Value   string
}

// Environ is the process's environment, for Source.
func Environ() []string { return os.Environ() }

// Load reads and checks all settings. It connects to nothing. Its error is an
// *Error with every problem that was found.
func Load(s Source) (*Config, error) {
	l := newLoader(s)
	if l.readFile() { // else nothing can be said about the rest
		l.readEnvironment()
		l.readFlags(s.Flags)
		l.finish()
		l.check()
	}
	if len(l.problems) > 0 {
		return nil, &Error{Problems: l.problems}
	}
	l.cfg.forgetKeys()
	return l.cfg, nil
}

// Check gives every problem of a configuration; none means that Load works.
func Check(s Source) []Problem {
	if _, err := Load(s); err != nil {
		if all, ok := errors.AsType[*Error](err); ok {
			return all.Problems
		}
	}
	return nil
}

// loader collects the settings and what is wrong with them.
type loader struct {
	cfg      *Config
	env      map[string]string // all of the environment
	referred map[string]bool   // variables that the file refers to by ${…}
	problems []Problem
}

// embeddedGrace is short, since the worker in the same process stops as well:
// callers who wait for a job would wait in vain.
const embeddedGrace = 2 * time.Second

func newLoader(s Source) *loader {
	l := &loader{
		cfg:      &Config{role: s.Role, origins: map[string]origin{}},
		env:      map[string]string{},
		referred: map[string]bool{},
	}
	for _, entry := range s.Environ {
		name, value, _ := strings.Cut(entry, "=")
		l.env[name] = value
	}
	l.cfg.file = s.File
	if l.cfg.file == "" {
		l.cfg.file = l.env[configVariable]
	}
	l.setDefaults(reflect.ValueOf(l.cfg).Elem(), "")
	if s.Role == ForEmbedded {
		l.cfg.Storage.Driver = DiskStorage
		l.cfg.Server.ShutdownGrace = embeddedGrace
		if s.Terminal {
			l.cfg.Log = Log{Level: LevelWarn, Format: FormatText}
		}
	}
	return l
}

func (l *loader) root() reflect.Value { return reflect.ValueOf(l.cfg).Elem() }

// setDefaults gives each setting of a section its default.
func (l *loader) setDefaults(section reflect.Value, path string) {
	for at, f := range settings(section, path) {
		if text, ok := f.tag.Lookup("default"); ok {
			if err := setText(f.value, text); err != nil {
				l.report(at, "has an unreadable default: %v", err)
			}
		}
	}
}

// grow adds an entry with its defaults to a list of sections.
func (l *loader) grow(list reflect.Value, path string) reflect.Value {
	list.Set(reflect.Append(list, reflect.Zero(list.Type().Elem())))
	last := list.Len() - 1
	entry := list.Index(last)
	l.setDefaults(entry, index(path, last))
	return entry
}

// set gives a setting a value from outside.
func (l *loader) set(v reflect.Value, path, text string, from origin) {
	l.cfg.origins[path] = from
	if err := setText(v, text); err != nil {
		l.report(path, "%v", err)
	}
}

// readFlags sets what the command line says.
func (l *loader) readFlags(flags []Flag) {
	for _, f := range flags {
		from := origin{variable: f.Name}
		v, path, ok := l.locate(l.root(), "", strings.TrimPrefix(variableOf(f.Setting), envPrefix))
		if !ok {
			l.reportAt(from, f.Setting, "is no setting")
			continue
		}
		l.set(v, path, f.Value, from)
	}
}

// variables gives the names in the environment that are ours, so that the
// entries of a list come in order (2 before 10).
func (l *loader) variables() []string {
	var ours []string
	for _, name := range slices.Sorted(maps.Keys(l.env)) {
		if strings.HasPrefix(name, envPrefix) && l.env[name] != "" {
			ours = append(ours, name)
		}
	}
	slices.SortStableFunc(ours, func(a, b string) int { return strings.Compare(padded(a), padded(b)) })
	return ours
}
