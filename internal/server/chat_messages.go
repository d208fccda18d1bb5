package server

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
)

// roles are those that OpenAI's clients send.
var roles = []string{"system", "developer", "user", "assistant", "tool", "function"}

// checkMessages finds what no upstream could make sense of, and images that
// must not be reached.
func (s *Server) checkMessages(ctx context.Context, m *upstream.Model, body fields) error {
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
	i, pictures := 0, s.chatImages(m)
	for one := range elements(messages) {
		if err := pictures.checkMessage(ctx, fmt.Sprintf("messages[%d]", i), one); err != nil {
			return err
		}
		i++
	}
	return nil
}

func (i *chatImages) checkMessage(ctx context.Context, at string, raw json.RawMessage) error {
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
	return i.checkParts(ctx, at, content)
}

func (i *chatImages) checkParts(ctx context.Context, at string, content json.RawMessage) error {
	if _, fits := atMost(content, i.cfg.Limits.Parts); !fits {
		return fault.Newf(fault.Invalid, "%s: holds too many parts; the limit is %d.", at, i.cfg.Limits.Parts).WithParam(at)
	}
	j := 0
	for part := range elements(content) {
		if err := i.checkPart(ctx, fmt.Sprintf("%s[%d]", at, j), part); err != nil {
			return err
		}
		j++
	}
	return nil
}

// checkPart looks at text and images; kinds of parts that only some upstreams
// know pass.
func (i *chatImages) checkPart(ctx context.Context, at string, raw json.RawMessage) error {
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
		return i.check(ctx, at+".image_url", member(raw, "image_url"))
	}
	return nil
}
