package doubaoweb

import (
	"slices"
	"strconv"

	"github.com/tintypehq/tintype/internal/upstream/sse"
)

// kind is what a piece of an answer is.
type kind string

const (
	ids      kind = "ids"      // names: the first one with a conversation is the acceptance
	said     kind = "said"     // a part of the answer's text
	thought  kind = "thought"  // a part of its reasoning
	retold   kind = "retold"   // the whole text once more, or a summary of it; no part of the answer
	creation kind = "creation" // something that holds creations
	finished kind = "finished" // the answer is whole
	ended    kind = "ended"    // the stream is
	failed   kind = "failed"
	garbled  kind = "garbled" // no JSON
)

// piece is one part of an answer, the same for both dialects.
type piece struct {
	kind kind
	text string // said, thought, retold; the upstream's message in failed

	conversation, message, reply, task string // ids

	value any    // creation
	code  string // failed
}

// decoder takes frames apart. What it does not know it passes over: the upstream
// adds events and types of content all the time.
type decoder struct {
	p        *Profile
	dialect  Dialect
	thinking bool // between two markers
}

// decode gives the pieces of a frame.
func (d *decoder) decode(e sse.Event) []piece {
	if len(e.Data) == 0 || string(e.Data) == "[DONE]" {
		return nil
	}
	v := parseJSON(e.Data)
	if e.Type == d.p.Frames.GatewayError && e.Type != "" {
		return []piece{gatewayError(v)}
	}
	if v == nil {
		return []piece{{kind: garbled}}
	}
	if d.dialect == Named {
		return d.named(e.Type, v)
	}
	return d.numeric(v)
}

// gatewayError reads {"code":"Internal","message":"… code=710012000 …"}: the code
// is a word, and the number stands in the text.
func gatewayError(v any) piece {
	text := str(at(v, "message"))
	code := str(at(v, "code"))
	if m := codeInText.FindStringSubmatch(text); m != nil {
		code = m[1]
	}
	return piece{kind: failed, code: code, text: text}
}

// numeric reads a frame of dialect A: the event's data is JSON in a string, and so
// is the content of the message in it.
func (d *decoder) numeric(frame any) []piece {
	f := d.p.Frames.Numeric
	event, err := strconv.Atoi(str(at(frame, "event_type")))
	inner := unpack(at(frame, "event_data"))
	switch {
	case err != nil:
		return nil
	case event == f.Ack:
		return []piece{{kind: ids, conversation: str(at(inner, "conversation_id")), message: str(at(inner, "message_id"))}}
	case event == f.Delta:
		return d.delta(inner)
	case event == f.End:
		return []piece{{kind: ended}}
	case event == f.Error:
		return []piece{numericError(inner)}
	}
	return nil
}

func numericError(v any) piece {
	detail := at(v, "error_detail")
	code := str(at(v, "code"))
	if code == "" || code == "0" {
		code = str(at(detail, "code"))
	}
	return piece{kind: failed, code: code, text: str(at(v, "message")) + " " + str(at(detail, "message"))}
}

// delta reads a part of a message.
func (d *decoder) delta(v any) []piece {
	out := []piece{{
		kind: ids, conversation: str(at(v, "conversation_id")), reply: str(at(v, "reply_id")), task: d.p.Results.AsyncTask.text(v),
	}}
	if s := str(at(v, "tts_content")); s != "" {
		out = append(out, piece{kind: retold, text: s})
	}
	message := at(v, "message")
	content := unpack(at(message, "content"))
	contentType, err := strconv.Atoi(str(at(message, "content_type")))
	if err == nil && content != nil {
		out = append(out, d.content(contentType, content)...)
	}
	if finish := at(v, "is_finish"); finish == true {
		out = append(out, piece{kind: finished})
	}
	return out
}

// content reads what is in a message of dialect A, by its type.
func (d *decoder) content(contentType int, v any) []piece {
	f := d.p.Frames
	text := firstText(at(v, "text"), at(v, "delta", "text"), at(v, "think"))
	switch {
	case slices.Contains(f.ThinkingMarker, contentType):
		d.thinking = str(at(v, "finish_title")) == ""
	case slices.Contains(f.Creations, contentType):
		return []piece{{kind: creation, value: v}}
	case text == "":
	case slices.Contains(f.Thinking, contentType):
		return []piece{{kind: thought, text: text}}
	case slices.Contains(f.Text, contentType):
		return []piece{d.say(text)}
	}
	return nil
}

func firstText(values ...any) string {
	for _, v := range values {
		if s := str(v); s != "" {
			return s
		}
	}
	return ""
}

// say is a part of the text: of the reasoning between two markers.
func (d *decoder) say(text string) piece {
	if d.thinking {
		return piece{kind: thought, text: text}
	}
	return piece{kind: said, text: text}
}

// named reads a frame of dialect B.
func (d *decoder) named(event string, v any) []piece {
	f := d.p.Frames.Named
	switch event {
	case f.Ack:
		out := piece{kind: ids, conversation: str(at(v, "ack_client_meta", "conversation_id"))}
		if list, _ := at(v, "query_list").([]any); len(list) > 0 {
			out.message = str(at(list[0], "question_id"))
		}
		return []piece{out}
	case f.Message:
		meta := piece{
			kind: ids, conversation: str(at(v, "meta", "conversation_id")), reply: str(at(v, "meta", "message_id")),
			task: d.p.Results.AsyncTask.text(v),
		}
		return append([]piece{meta}, d.blocks(at(v, "content", "content_block"))...)
	case f.Patch:
		return d.patches(at(v, "patch_op"))
	case f.Delta:
		if text := str(at(v, "text")); text != "" {
			return []piece{d.say(text)}
		}
	case f.End:
		return replyEnd(v)
	case f.Error:
		text := str(at(v, "error_msg"))
		return []piece{{kind: failed, code: str(at(v, "error_code")), text: text}}
	}
	return nil
}

// replyEnd reads the three ends of an answer: of its body, of what comes with it,
// and of all.
func replyEnd(v any) []piece {
	var out []piece
	if brief := str(at(v, "msg_finish_attr", "brief")); brief != "" {
		out = append(out, piece{kind: retold, text: brief})
	}
	switch str(at(v, "end_type")) {
	case "1":
		return append(out, piece{kind: finished})
	case "3":
		return append(out, piece{kind: ended})
	}
	return out
}

// The objects of patches.
const (
	patchBody = "1"
	patchTTS  = "111"
)

func (d *decoder) patches(ops any) []piece {
	list, _ := ops.([]any)
	var out []piece
	for _, op := range list {
		value := unpack(at(op, "patch_value"))
		switch str(at(op, "patch_object")) {
		case patchBody:
			out = append(out, d.blocks(at(value, "content_block"))...)
		case patchTTS:
			out = append(out, piece{kind: retold, text: firstText(at(value, "tts_content"), at(op, "patch_value"))})
		}
	}
	return out
}

// blocks reads a list of blocks.
func (d *decoder) blocks(blocks any) []piece {
	list, _ := blocks.([]any)
	var out []piece
	for _, b := range list {
		out = append(out, d.block(b)...)
	}
	return out
}

func (d *decoder) block(b any) []piece {
	f := d.p.Frames
	blockType, err := strconv.Atoi(str(at(b, "block_type")))
	text := d.p.Results.History.Text.text(b)
	switch {
	case err != nil:
	case slices.Contains(f.ThinkingMarker, blockType):
		d.thinking = !d.thinking
	case slices.Contains(f.Creations, blockType):
		if found := d.p.Results.History.Creation.all(b); len(found) > 0 {
			return []piece{{kind: creation, value: found[0]}}
		}
	case text == "":
	case slices.Contains(f.Thinking, blockType):
		return []piece{{kind: thought, text: text}}
	case slices.Contains(f.Text, blockType):
		return []piece{d.say(text)}
	}
	return nil
}
