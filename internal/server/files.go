package server

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/probe"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// purposeVision is the one purpose that files have here: pictures to work from.
const purposeVision = "vision"

// leastFileTime is the shortest that a caller may have a file kept, as OpenAI has
// it.
const leastFileTime = time.Hour

// upload is what came to POST /v1/files.
type upload struct {
	name    string // of the file
	bytes   []byte // nil: there was none
	purpose string
	anchor  string // expires_after[anchor]
	seconds string // expires_after[seconds]
}

// createFile serves POST /v1/files: a picture is checked and stored, for requests
// that come later.
func (s *Server) createFile(c echo.Context) error {
	who, err := s.authenticate(c, ScopeGenerate)
	if err != nil {
		return err
	}
	up, free, err := s.readUpload(c)
	defer free()
	if err != nil {
		return err
	}
	keep, err := s.keepFile(up)
	if err != nil {
		return err
	}
	facts, err := s.checkUpload(up)
	if err != nil {
		return err
	}
	f := newStoredFile(who.tenant, up, facts, time.Now(), keep)
	if err := s.putFile(c.Request().Context(), f, up.bytes); err != nil {
		return err
	}
	s.writeJSON(c, http.StatusOK, f.view())
	return nil
}

func (s *Server) readUpload(c echo.Context) (up upload, free func(), err error) {
	free, err = s.readForm(c, func(held *share, p part) (err error) {
		if p.name == "file" {
			return s.readUploaded(held, p, &up)
		}
		into := map[string]*string{"purpose": &up.purpose, "expires_after[anchor]": &up.anchor, "expires_after[seconds]": &up.seconds}[p.name]
		if into == nil {
			return nil // unknown fields are passed over
		}
		const longest = 1 << 10
		text, err := p.text(held, longest)
		if err == nil {
			*into = strings.TrimSpace(spelled(text))
		}
		return err
	})
	return up, free, err
}

// readUploaded reads the file itself.
func (s *Server) readUploaded(held *share, p part, up *upload) (err error) {
	const unknown = -1
	switch most := s.cfg.Limits.ImageBytes; {
	case !p.isFile:
		return fault.New(fault.Invalid, "file: must be a file of the form, with a filename.").WithParam("file")
	case up.bytes != nil:
		return fault.New(fault.Invalid, "file: there are several. Send one file with each request.").WithParam("file")
	default:
		up.name = fileName(p.filename)
		up.bytes, err = held.read(io.LimitReader(p, most+1), unknown)
	}
	if err == errNoRoom { //nolint:errorlint // it is held.read's own
		return errFull(err)
	}
	return err
}

// fileName is a file's name as the caller wrote it, made harmless.
func fileName(name string) string {
	const longest = 200
	name = strings.Map(func(r rune) rune {
		if isControl(r) || r == '\n' || r == '\r' || r == '\t' {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	if r := []rune(name); len(r) > longest {
		name = string(r[:longest])
	}
	return name
}

// keepFile reads how long a file is to be kept, and what it is for.
func (s *Server) keepFile(up upload) (time.Duration, error) {
	most := s.cfg.FileRetention
	switch {
	case up.purpose != "" && up.purpose != purposeVision:
		return 0, fault.Newf(fault.Invalid, "purpose: %q is not kept here. Allowed: vision, a picture to work from.", clip(up.purpose)).WithParam("purpose")
	case up.anchor != "" && up.anchor != "created_at":
		return 0, fault.New(fault.Invalid, `expires_after[anchor]: must be "created_at".`).WithParam("expires_after[anchor]")
	case up.seconds == "":
		return most, nil
	}
	n, err := strconv.ParseInt(up.seconds, 10, 64)
	least := min(leastFileTime, most)
	if err != nil || n < int64(least.Seconds()) || n > int64(most.Seconds()) {
		return 0, fault.Newf(fault.Invalid, "expires_after[seconds]: must be a whole number from %.0f to %.0f (setting retention.files).", least.Seconds(), most.Seconds()).WithParam("expires_after[seconds]")
	}
	return time.Duration(n) * time.Second, nil
}

// checkUpload holds a picture against the rules that hold for every model; those
// of one model are looked at when it is used.
func (s *Server) checkUpload(up upload) (probe.Facts, error) {
	const param = "file"
	rules := s.cfg.Limits.rulesFor(&upstream.Model{})
	switch n := int64(len(up.bytes)); {
	case up.bytes == nil:
		return probe.Facts{}, fault.New(fault.Invalid, "file: required. Send the picture as a file of the form.").WithParam(param)
	case n == 0:
		return probe.Facts{}, invalidImage(param, "the file is empty.")
	case n > rules.MaxBytes:
		return probe.Facts{}, errImageBytes(param, rules.MaxBytes)
	}
	facts, err := probe.Bytes(up.bytes)
	if err != nil {
		return facts, notAnImage(param, rules, facts, up.bytes, err)
	}
	return facts, checkImage(param, rules, facts)
}

// getFile serves GET /v1/files/{id}.
func (s *Server) getFile(c echo.Context) error {
	who, err := s.authenticate(c, ScopeRead)
	if err != nil {
		return err
	}
	f, err := s.findFile(c.Request().Context(), who.tenant, c.Param("id"), "")
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	s.writeJSON(c, http.StatusOK, f.view())
	return nil
}

// deleteFile serves DELETE /v1/files/{id}. Jobs that were made from the file keep
// their copy.
func (s *Server) deleteFile(c echo.Context) error {
	who, err := s.authenticate(c, ScopeGenerate)
	if err != nil {
		return err
	}
	f, err := s.findFile(c.Request().Context(), who.tenant, c.Param("id"), "")
	if err != nil {
		return err
	}
	if err := s.dropFile(c.Request().Context(), f); err != nil {
		return errMediaStore(err)
	}
	s.writeJSON(c, http.StatusOK, tintype.FileDeleted{ID: f.ID, Object: tintype.ObjectFile, Deleted: true})
	return nil
}
