package ark

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/rawjson"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// chatFields are the documented fields of a chat request that go through as the
// caller wrote them. The others are written by chatBody or dropped.
func chatFields() []string {
	return []string{
		"max_tokens", "max_completion_tokens", "temperature", "top_p", "stop",
		"frequency_penalty", "presence_penalty", "logprobs", "top_logprobs", "logit_bias",
		"tools", "tool_choice", "parallel_tool_calls", "response_format",
		"reasoning_effort", "thinking", "service_tier", "user", "n",
	}
}

func isChatField(name string) bool { return slices.Contains(chatFields(), name) }

// chatBody writes the upstream's request from the caller's.
func chatBody(r upstream.ChatRequest, stream bool) ([]byte, *upstream.Error) {
	messages := r.Body["messages"]
	if !rawjson.HasElement(messages) {
		return nil, wire.Refused(fault.New(fault.Invalid, "messages must be a list of at least one message.").WithParam("messages"))
	}
	size := 1 << 10
	for _, v := range r.Body {
		size += len(v) // also of fields that are dropped: nearly all of it is messages
	}
	o := newObject(size)
	o.Str("model", r.Model)
	o.Raw("messages", fitMessages(messages))
	for _, name := range chatFields() {
		if v := r.Body[name]; !rawjson.IsNull(v) && !superseded(r.Body, name) {
			o.Raw(name, v)
		}
	}
	if r.Thinking != "" && rawjson.IsNull(r.Body["thinking"]) && rawjson.IsNull(r.Body["reasoning_effort"]) {
		o.Key("thinking").Text(`{"type":`)
		o.Buf = rawjson.AppendString(o.Buf, r.Thinking)
		o.Text("}")
	}
	o.Bool("stream", stream)
	if stream && r.IncludeUsage {
		o.Raw("stream_options", []byte(`{"include_usage":true}`))
	}
	return o.Done(), nil
}

// superseded names what the upstream refuses beside another field, or does not
// know on most models although it only says what is so anyway.
func superseded(body map[string]json.RawMessage, name string) bool {
	switch name {
	case "max_tokens":
		return !rawjson.IsNull(body["max_completion_tokens"])
	case "n":
		return string(bytes.TrimSpace(body["n"])) == "1"
	}
	return false
}

// fitMessages makes two corrections where they are needed: the role "developer",
// which the upstream does not know, becomes "system", and the content type of an
// image in a data URI becomes lower case. All else stays as it is, byte by byte.
func fitMessages(messages []byte) []byte {
	if !bytes.Contains(messages, []byte("developer")) && !bytes.Contains(messages, []byte("image_url")) {
		return messages
	}
	e := edit{src: messages}
	for message := range rawjson.Elements(messages) {
		for key, value := range rawjson.Fields(message) {
			switch string(key) {
			case "role":
				if string(value) == `"developer"` {
					e.replace(value, []byte(`"system"`))
				}
			case "content":
				e.lowerImages(value)
			}
		}
	}
	return e.done()
}

// lowerImages corrects the data URIs in a message's parts.
func (e *edit) lowerImages(content []byte) {
	for part := range rawjson.Elements(content) {
		for key, image := range rawjson.Fields(part) {
			if string(key) != "image_url" {
				continue
			}
			for key, value := range rawjson.Fields(image) {
				if string(key) == "url" {
					e.lowerType(value)
				}
			}
		}
	}
}

// lowerType corrects one URL, a JSON string with its quotes.
func (e *edit) lowerType(value []byte) {
	const begin = `"data:`
	const most = 100
	head := value[:min(len(value), most)]
	end := bytes.IndexAny(head, ";,")
	if end < len(begin) || !bytes.EqualFold(head[:len(begin)], []byte(begin)) {
		return
	}
	if lower := bytes.ToLower(head[:end]); !bytes.Equal(lower, head[:end]) {
		e.replace(head[:end], lower)
	}
}

// edit replaces spans of src, which must come in their order.
type edit struct {
	src  []byte
	from int // src up to here is in out
	out  []byte
}

// replace puts text in the place of a span, which is a slice of src.
func (e *edit) replace(span, text []byte) {
	at := cap(e.src) - cap(span) // both end in the same memory
	e.out = append(append(e.out, e.src[e.from:at]...), text...)
	e.from = at + len(span)
}

func (e *edit) done() []byte {
	if e.from == 0 {
		return e.src
	}
	return append(e.out, e.src[e.from:]...)
}
