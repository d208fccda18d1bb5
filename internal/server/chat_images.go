package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/fetch"
	"github.com/tintypehq/tintype/internal/probe"
	"github.com/tintypehq/tintype/internal/upstream"
)

// leastChatPixels is the smallest picture that chat models look at, width ×
// height.
const leastChatPixels = 196

// lookupPatience is for all names of one request together.
const lookupPatience = 10 * time.Second

// chatImages checks the pictures of one chat request. The upstream fetches what
// has a URL itself, so that is only looked at for where it leads.
type chatImages struct {
	*Server
	rules upstream.InputLimits
	count int
	hosts map[string]error // what came of looking up each
	until time.Time        // all look-ups end; zero: none has begun
}

func (s *Server) chatImages(m *upstream.Model) *chatImages {
	return &chatImages{Server: s, rules: s.cfg.Limits.rulesFor(m), hosts: map[string]error{}}
}

// check checks the image_url of one part.
func (i *chatImages) check(ctx context.Context, at string, raw json.RawMessage) error {
	if i.count++; i.count > i.cfg.Limits.Parts {
		return fault.Newf(fault.Invalid, "%s: the request holds too many images; the limit is %d.", at, i.cfg.Limits.Parts).WithParam(at)
	}
	link := raw
	if len(raw) > 0 && raw[0] == '{' { // some clients leave the object out
		link = member(raw, "url")
	}
	var text string
	if json.Unmarshal(link, &text) != nil || text == "" {
		return fault.Newf(fault.Invalid, "%s: must be {\"url\":\"…\"} with an http(s) URL or a data URI.", at).WithParam(at)
	}
	if !strings.EqualFold(firstOf(text, len("data:")), "data:") {
		return i.checkHost(ctx, at, text)
	}
	if err := i.checkData(at, text); err != nil {
		return err
	}
	lowerHead(link)
	return nil
}

// checkData checks a picture that came along.
func (i *chatImages) checkData(at, uri string) error {
	mediaType, data, err := splitDataURI(uri, at)
	switch {
	case err != nil:
		return err
	case !slices.Contains(inputTypes, mediaType) && mediaType != "image/jpg":
		return invalidImage(at, "the data URI is of type "+clip(mediaType)+". "+inputFormats) // the upstream reads it too
	case data == "":
		return invalidImage(at, "the data URI is empty.")
	}
	b, err := i.decodeImage(data, at)
	if err != nil {
		return err
	}
	if int64(len(b)) > i.rules.MaxBytes {
		return errImageBytes(at, i.rules.MaxBytes)
	}
	facts, err := probe.Bytes(b)
	if err != nil {
		return notAnImage(at, i.rules, facts, b, err)
	}
	if n := facts.Width * facts.Height; n > 0 && n < leastChatPixels {
		return invalidImage(at, fmt.Sprintf("has %d × %d pixels; it must have %d at least in all.", facts.Width, facts.Height, leastChatPixels))
	}
	return checkImage(at, i.rules, facts)
}

// lowerHead writes what stands before the comma of a data URI in lower case, in
// the caller's own body: not every upstream knows DATA:IMAGE/PNG;BASE64.
func lowerHead(quoted json.RawMessage) {
	head, _, _ := bytes.Cut(quoted, []byte(","))
	for i, b := range head {
		if b >= 'A' && b <= 'Z' {
			head[i] = b - 'A' + 'a'
		}
	}
}

// checkHost refuses a URL that leads where nobody may look. Each host is looked
// up once.
func (i *chatImages) checkHost(ctx context.Context, at, link string) error {
	if i.until.IsZero() {
		i.until = time.Now().Add(lookupPatience)
	}
	look, cancel := context.WithDeadline(ctx, i.until)
	defer cancel()
	where := hostOf(link)
	err, known := i.hosts[where]
	if !known {
		err = i.cfg.Inputs.CheckHost(look, link)
	}
	if where != "" {
		i.hosts[where] = err
	}
	_, ours := errors.AsType[*fetch.Error](err)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx) // the caller went away
	case ours:
		return i.fetchFault(err, at)
	case look.Err() != nil:
		return wrapImage(at, "its host was not found in time. Send the image itself as a data URI instead.", err)
	}
	return err
}

// hostOf is what the answer to a look-up depends on; empty where more than that
// matters.
func hostOf(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.User != nil || u.Opaque != "" || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}
