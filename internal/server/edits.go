package server

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

// edits is POST /v1/images/edits: OpenAI's way to ask for an image that is made
// from others.
func (s *Server) edits() door { return door{kind: job.Image, read: s.readEdit} }

func (s *Server) readEdit(c echo.Context, names map[string]string) (f fields, free func(), err error) {
	if f, free, err = s.readEither(c); err != nil {
		return nil, free, err
	}
	if !f.missing("mask") && string(f["mask"]) != `""` {
		return nil, free, fault.New(fault.Invalid, "mask: no model here takes a mask. Leave it out, and say in the prompt what is to change.").WithParam("mask")
	}
	var all []json.RawMessage
	for _, name := range []string{"image", "images"} {
		texts, err := f.pictures(name)
		if err != nil {
			return nil, free, err
		}
		if len(texts) > 0 {
			names["image"], names["images"] = name, name
		}
		all = append(all, texts...)
		delete(f, name)
	}
	switch len(all) {
	case 0:
		return nil, free, fault.New(fault.Invalid, "image: required. Send the picture to work from, or post to /v1/images/generations.").WithParam("image")
	case 1:
		f["image"] = all[0]
	default:
		f["images"] = slices.Concat([]byte("["), bytes.Join(raws(all), []byte(",")), []byte("]"))
	}
	return f, free, nil
}
