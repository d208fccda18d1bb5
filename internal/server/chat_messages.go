package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/fetch"
)

// roles are those that OpenAI's clients send.
var roles = []string{"system", "developer", "user", "assistant", "tool", "function"}

// checkMessages finds what no upstream could make sense of, and images that
// must not be reached.
func (s *Server) checkMessages(ctx context.Context, body fields) error {
	if body.missing("messages") {
		return fault.New(fault.Invalid, "messages: required. Send at least one message.").WithParam("messages")
	}
	messages := body["messages"]
	if messages[0] != '[' {
		return wrongType("messages", "an array of messages", messages)
	}
	n, fits := atMost(messages, s.cfg.Limits.Messages)
	switch {
	case n == 0:
		return fault.New(fault.Invalid, "messages: must hold at least one message.").WithParam("messages")
	case !fits:
		return fault.Newf(fault.Invalid, "messages: holds too many messages; the limit is %d.", s.cfg.Limits.Messages).WithParam("messages")
	}
	i := 0
	for m := range elements(messages) {
		if err := s.checkMessage(ctx, fmt.Sprintf("messages[%d]", i), m); err != nil {
			return err
		}
		i++
	}
	return nil
}

func (s *Server) checkMessage(ctx context.Context, at string, raw json.RawMessage) error {
	if raw[0] != '{' {
		return wrongType(at, "an object with role and content", raw)
	}
	var role string
	if json.Unmarshal(member(raw, "role"), &role) != nil || !slices.Contains(roles, role) {
		return fault.Newf(fault.Invalid, "%s.role: must be one of %s.", at, strings.Join(roles, ", ")).WithParam(at + ".role")
	}
	at += ".content"
	content := member(raw, "content")
	switch {
	case len(content) == 0 || content[0] == 'n':
		if role == "assistant" { // one that only calls tools
			return nil
		}
		return fault.Newf(fault.Invalid, "%s: required.", at).WithParam(at)
	case content[0] == '"':
		return nil
	case content[0] != '[':
		return wrongType(at, "a string or an array of parts", content)
	}
	return s.checkParts(ctx, at, content)
}

func (s *Server) checkParts(ctx context.Context, at string, content json.RawMessage) error {
	if _, fits := atMost(content, s.cfg.Limits.Parts); !fits {
		return fault.Newf(fault.Invalid, "%s: holds too many parts; the limit is %d.", at, s.cfg.Limits.Parts).WithParam(at)
	}
	j := 0
	for part := range elements(content) {
		if err := s.checkPart(ctx, fmt.Sprintf("%s[%d]", at, j), part); err != nil {
			return err
		}
		j++
	}
	return nil
}

// checkPart looks at text and images; kinds of parts that only some upstreams
// know pass.
func (s *Server) checkPart(ctx context.Context, at string, raw json.RawMessage) error {
	var kind string
	if raw[0] != '{' || json.Unmarshal(member(raw, "type"), &kind) != nil || kind == "" {
		return fault.Newf(fault.Invalid, "%s: must be an object with a type, like {\"type\":\"text\",\"text\":\"…\"}.", at).WithParam(at)
	}
	switch kind {
	case "text":
		if text := member(raw, "text"); len(text) == 0 || text[0] != '"' {
			return wrongType(at+".text", "a string", text)
		}
	case "image_url":
		return s.checkChatImage(ctx, at+".image_url", member(raw, "image_url"))
	}
	return nil
}

// checkChatImage checks an image of a chat. The upstream fetches it itself, so
// a URL is only looked at for where it leads.
func (s *Server) checkChatImage(ctx context.Context, at string, raw json.RawMessage) error {
	var object struct {
		URL string `json:"url"`
	}
	err := json.Unmarshal(raw, &object)
	if len(raw) > 0 && raw[0] == '"' { // some clients leave the object out
		err = json.Unmarshal(raw, &object.URL)
	}
	if err != nil || object.URL == "" {
		return fault.Newf(fault.Invalid, "%s: must be {\"url\":\"…\"} with an http(s) URL or a data URI.", at).WithParam(at)
	}
	if strings.EqualFold(firstOf(object.URL, len("data:")), "data:") {
		return s.checkChatData(at, object.URL)
	}
	err = s.cfg.Inputs.CheckHost(ctx, object.URL)
	if _, ours := errors.AsType[*fetch.Error](err); ours {
		return s.fetchFault(err, at)
	}
	return err
}

// checkChatData checks a data URI by what it says of itself and by its length.
func (s *Server) checkChatData(at, uri string) error {
	mediaType, data, err := splitDataURI(uri, at)
	switch {
	case err != nil:
		return err
	case !slices.Contains(inputTypes, mediaType) && mediaType != "image/jpg":
		return invalidImage(at, "the data URI is of type "+clip(mediaType)+". "+inputFormats)
	case data == "":
		return invalidImage(at, "the data URI is empty.")
	case int64(base64.RawStdEncoding.DecodedLen(len(data)-strings.Count(lastOf(data, 2), "="))) > s.cfg.Limits.ImageBytes:
		return errImageBytes(at, s.cfg.Limits.ImageBytes)
	}
	return nil
}

func lastOf(s string, n int) string { return s[max(0, len(s)-n):] }
