package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/fetch"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/probe"
	"github.com/tintypehq/tintype/internal/upstream"
)

// picture is an input image that has passed the door. One that was fetched
// counts among the bodies that are held until free is called, which is never nil.
type picture struct {
	bytes []byte
	facts probe.Facts
	free  func()
}

// readImage gets an input image from wherever the caller says it is, and
// checks it. Faults name param, and are InvalidImage or ImageTooLarge, NotFound
// for a file that the tenant does not have, or QueueFull where there is no room
// for what is fetched.
func (s *Server) readImage(ctx context.Context, tenant string, m *upstream.Model, sent, param string) (picture, error) {
	pic, err := s.getImage(ctx, tenant, sent, param)
	if err != nil {
		return pic, err
	}
	return s.lookAt(m, pic, param)
}

// getImage gets an input image, unseen.
func (s *Server) getImage(ctx context.Context, tenant, sent, param string) (picture, error) {
	held := &share{of: s.bodies}
	b, err := s.imageBytes(ctx, tenant, sent, param, held)
	return picture{bytes: b, free: held.free}, err
}

// lookAt checks an input image.
func (s *Server) lookAt(m *upstream.Model, pic picture, param string) (picture, error) {
	rules := s.cfg.Limits.rulesFor(m)
	if int64(len(pic.bytes)) > rules.MaxBytes {
		return pic, errImageBytes(param, rules.MaxBytes)
	}
	var err error
	if pic.facts, err = probe.Bytes(pic.bytes); err != nil {
		return pic, notAnImage(param, rules, pic.facts, pic.bytes, err)
	}
	return pic, checkImage(param, rules, pic.facts)
}

// imageBytes fetches or decodes the image. Bytes of it are not looked at yet.
func (s *Server) imageBytes(ctx context.Context, tenant, sent, param string, held *share) ([]byte, error) {
	if namesFile(sent) {
		b, _, err := s.fileBytes(ctx, tenant, sent, param, held)
		return b, err
	}
	scheme, _, hasScheme := strings.Cut(sent, ":")
	switch {
	case hasScheme && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")):
		return s.fetchImage(ctx, sent, param, held)
	case hasScheme && strings.EqualFold(scheme, "data"):
		_, data, err := splitDataURI(sent, param)
		if err != nil {
			return nil, err
		}
		return s.decodeImage(data, param)
	case strings.Contains(firstOf(sent, 40), "://"):
		return nil, invalidImage(param, "only http and https URLs are fetched.")
	}
	return s.decodeImage(sent, param)
}

func firstOf(s string, n int) string { return s[:min(len(s), n)] }

func (s *Server) fetchImage(ctx context.Context, rawURL, param string, held *share) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Limits.FetchTime)
	defer cancel()
	resp, err := s.cfg.Inputs.Get(ctx, rawURL, fetch.Options{MaxBytes: s.cfg.Limits.ImageBytes})
	if err != nil {
		return nil, s.fetchFault(err, param)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := held.read(resp.Body, resp.SizeBytes)
	switch {
	case errors.Is(err, errNoRoom):
		return nil, errFull(err)
	case err != nil:
		return nil, s.fetchFault(err, param)
	}
	return b, nil
}

// fetchFault says why an image could not be fetched.
func (s *Server) fetchFault(err error, param string) error {
	f, ok := errors.AsType[*fetch.Error](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return wrapImage(param, fmt.Sprintf("the server did not send it within %s.", s.cfg.Limits.FetchTime), err)
	case !ok:
		return err // the caller went away
	case errors.Is(err, fetch.ErrTooLarge):
		return errImageBytes(param, s.cfg.Limits.ImageBytes)
	case errors.Is(err, fetch.ErrPort):
		return wrapImage(param, "this port is not fetched from. The ports are 80, 443 and those from 1024 on.", err)
	case errors.Is(err, fetch.ErrForbidden):
		return wrapImage(param, "this address is not fetched. It must be a public http(s) URL, not one of a private network, and without a user name.", err)
	case errors.Is(err, fetch.ErrUnreachable):
		return wrapImage(param, "the URL cannot be reached from here. Send the image itself as a data URI instead.", err)
	}
	return wrapImage(param, "the URL gave no image. "+f.Message(), err)
}

// splitDataURI takes a data URI apart: its media type, in lower case, and its
// base64.
func splitDataURI(uri, param string) (mediaType, data string, err error) {
	head, data, ok := strings.Cut(uri[len("data:"):], ",")
	if !ok {
		return "", "", invalidImage(param, "a data URI needs a comma before its data: data:image/png;base64,….")
	}
	head = strings.ToLower(strings.TrimSpace(head))
	mediaType, isBase64 := strings.CutSuffix(strings.ReplaceAll(head, " ", ""), ";base64")
	if !isBase64 {
		return "", "", invalidImage(param, "a data URI must be in base64: data:image/png;base64,….")
	}
	mediaType, _, _ = strings.Cut(mediaType, ";")
	return mediaType, data, nil
}

// decodeImage reads base64 as it is written anywhere: standard or for URLs,
// with or without padding and line ends.
func (s *Server) decodeImage(text, param string) ([]byte, error) {
	if strings.Contains(firstOf(text, 1<<10), "%") { // a data URI's data may be escaped
		plain, err := url.PathUnescape(text)
		if err != nil {
			return nil, errNotBase64(param)
		}
		text = plain
	}
	if strings.ContainsAny(text, " \t\r\n-_") { // else it is not copied: it may be large
		text = string(cleanBase64([]byte(text)))
	}
	text = strings.TrimRight(text, "=")
	if int64(base64.RawStdEncoding.DecodedLen(len(text))) > s.cfg.Limits.ImageBytes {
		return nil, errImageBytes(param, s.cfg.Limits.ImageBytes)
	}
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(b) == 0 {
		return nil, errNotBase64(param)
	}
	return b, nil
}

// cleanBase64 drops white space and maps the alphabet for URLs onto the
// standard one, in place.
func cleanBase64(b []byte) []byte {
	out := b[:0]
	for _, c := range b {
		switch c {
		case ' ', '\t', '\r', '\n':
		case '-':
			out = append(out, '+')
		case '_':
			out = append(out, '/')
		default:
			out = append(out, c)
		}
	}
	return out
}

func errNotBase64(param string) error {
	return invalidImage(param, "this is neither an http(s) URL nor a data URI nor valid base64.")
}

func errImageBytes(param string, most int64) error {
	return tooLarge(param, "the file is over the limit of %s.", humanBytes(most))
}

func invalidImage(param, why string) error {
	return fault.New(fault.InvalidImage, param+": "+why).WithParam(param)
}

func wrapImage(param, why string, cause error) error {
	return fault.Wrap(fault.InvalidImage, param+": "+why, cause).WithParam(param)
}

// keepImage stores an input image of a job, where the worker will find it.
func (s *Server) keepImage(ctx context.Context, id job.ID, i int, pic picture) (*job.Input, error) {
	in := &job.Input{
		Key: fmt.Sprintf("%sinput-%d%s", id.Dir(), i, pic.facts.Ext), ContentType: pic.facts.ContentType,
		SizeBytes: int64(len(pic.bytes)), Width: pic.facts.Width, Height: pic.facts.Height,
	}
	_, err := s.cfg.Blobs.Put(ctx, blob.PutRequest{
		Key: in.Key, Body: bytes.NewReader(pic.bytes), SizeBytes: in.SizeBytes, ContentType: in.ContentType,
	})
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "The media store cannot be reached. Try again in a moment.", err)
	}
	return in, nil
}
