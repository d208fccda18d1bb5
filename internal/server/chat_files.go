package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/tintypehq/tintype/internal/fault"
)

// inlineFiles puts uploaded files into the messages of a chat, as data URIs: the
// upstream cannot fetch them. What it puts in is taken from held.
func (s *Server) inlineFiles(ctx context.Context, tenant string, body fields, held *share) error {
	messages := body["messages"]
	if !bytes.Contains(messages, []byte(fileIDPrefix)) || messages[0] != '[' {
		return nil
	}
	var out []byte
	done, total, count := 0, int64(0), 0
	for at, spot := range fileSpots(messages) {
		if count++; count > s.cfg.Limits.Parts {
			return fault.Newf(fault.Invalid, "%s: the request holds too many images; the limit is %d.", at, s.cfg.Limits.Parts).WithParam(at)
		}
		raw := &share{of: s.bodies}
		b, contentType, err := s.fileBytes(ctx, tenant, spot.id, at, raw)
		if err == nil {
			size := int64(base64.StdEncoding.EncodedLen(len(b)))
			if total += size; total > s.cfg.Limits.BodyBytes {
				err = fault.Newf(fault.TooLarge, "%s: with the files before it, the request is over the limit of %s.", at, humanBytes(s.cfg.Limits.BodyBytes)).WithParam(at)
			} else if !held.take(size) {
				err = errFull(errNoRoom)
			}
		}
		if err == nil {
			out = append(append(out, messages[done:spot.from]...), `{"url":"data:`+contentType+`;base64,`...)
			out = append(base64.StdEncoding.AppendEncode(out, b), `"}`...)
			done = spot.to
		}
		raw.free()
		if err != nil {
			return err
		}
	}
	if count > 0 {
		body["messages"] = append(out, messages[done:]...)
	}
	return nil
}

// fileSpot is where in the messages an image_url names an uploaded file.
type fileSpot struct {
	id       string
	from, to int
}

// fileSpots finds the image_urls of valid JSON that name uploaded files, as
// {"url":"file-…"}, {"file_id":"file-…"} or the id alone. What else is there, and
// whether it makes sense, is looked at later.
func fileSpots(messages json.RawMessage) func(yield func(string, fileSpot) bool) {
	return func(yield func(string, fileSpot) bool) {
		i := -1
		for one := range elements(messages) {
			i++
			content := objectMember(one, "content")
			if len(content) == 0 || content[0] != '[' {
				continue
			}
			j := -1
			for p := range elements(content) {
				j++
				link := objectMember(p, "image_url")
				id, ok := fileIn(link)
				if !ok {
					continue
				}
				// They are parts of one array, and reach as far as it does.
				from := cap(messages) - cap(link)
				if !yield(fmt.Sprintf("messages[%d].content[%d].image_url", i, j), fileSpot{id, from, from + len(link)}) {
					return
				}
			}
		}
	}
}

// fileIn gives the id of an uploaded file that an image_url names.
func fileIn(link json.RawMessage) (id string, ok bool) {
	for _, v := range []json.RawMessage{link, objectMember(link, "file_id"), objectMember(link, "url")} {
		if len(v) > 0 && v[0] == '"' && namesFile(spelled(v)) {
			return spelled(v), true
		}
	}
	return "", false
}

// objectMember is member for what may be no object.
func objectMember(v json.RawMessage, name string) json.RawMessage {
	if len(v) == 0 || v[0] != '{' {
		return nil
	}
	return member(v, name)
}
