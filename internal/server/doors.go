package server

import (
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

// door is one way in for requests that make media. Callers have other habits at
// each of them, and behind all of them is the same job.
type door struct {
	kind job.Kind

	// read gives the request in the fields of the original contract, and notes
	// in names how the caller calls a field that was renamed.
	read func(c echo.Context, names map[string]string) (f fields, free func(), err error)

	// async answers with the job at once, as "Prefer: respond-async" does.
	async bool

	// answer replaces the answers of the original contract. Nil: those.
	answer func(c echo.Context, j *job.Job, wish preference) error
}

// waits tells whether a caller here is kept until its job is final.
func (d door) waits(wish preference) bool { return !wish.async && (d.answer == nil || wish.wait > 0) }

// wish is what a caller wants, as far as the door leaves it a choice.
func (d door) wish(p preference) preference {
	p.async = p.async || d.async
	return p
}

// style is how the answer is told here: streams are the original contract's.
func (d door) style(a answerStyle) answerStyle {
	a.stream = a.stream && !d.async && d.answer == nil
	return a
}

// original is the door of the original contract.
func (s *Server) original(kind job.Kind) door {
	return door{kind: kind, read: func(c echo.Context, _ map[string]string) (fields, func(), error) { return s.readObject(c) }}
}

// later is the door of the original service's later versions, which answer with the
// job at once.
func (s *Server) later(kind job.Kind) door {
	d := s.original(kind)
	d.async = true
	return d
}

// blame names the field of an error as the caller knows it.
func blame(err error, names map[string]string) error {
	f, ok := err.(*fault.Error) //nolint:errorlint // a fault that is wrapped has its text from somewhere else
	if !ok || f.Param == "" {
		return err
	}
	field, index, _ := strings.Cut(f.Param, "[")
	name, renamed := names[field]
	if !renamed {
		return err
	}
	if index != "" {
		name += "[" + index
	}
	said := f.WithParam(name)
	if rest, ok := strings.CutPrefix(f.Message, f.Param+":"); ok {
		said.Message = name + ":" + rest
	}
	return said
}
