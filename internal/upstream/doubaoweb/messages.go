package doubaoweb

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

// mostImages bounds the images of one chat request.
const mostImages = 10

// message is one of the caller's.
type message struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

// part is one of a message's, where it has several.
type part struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	ImageURL struct {
		URL string `json:"url"`
	} `json:"image_url"`
}

// question is a chat request as this upstream takes it: one text, and images.
type question struct {
	text   string
	images [][]byte
}

// ask makes one text of a conversation: the upstream reads one message alone. A
// single message of the user is sent as it is; several become turns with their
// speakers.
func (w Wording) ask(raw json.RawMessage) (question, *upstream.Error) {
	var messages []message
	if json.Unmarshal(raw, &messages) != nil || len(messages) == 0 {
		return question{}, badMessages("messages", "messages must be a list of at least one message.")
	}
	var q question
	var turns []string
	for i, m := range messages {
		text, images, bad := m.read(i)
		if bad != nil {
			return question{}, bad
		}
		q.images = append(q.images, images...)
		turns = append(turns, w.turn(m.Role, text, len(messages) == 1))
	}
	if len(q.images) > mostImages {
		return question{}, badMessages("messages", fmt.Sprintf("This model takes at most %d images in one request.", mostImages))
	}
	if q.text = strings.Join(turns, "\n\n"); strings.TrimSpace(q.text) == "" && len(q.images) == 0 {
		return question{}, badMessages("messages", "messages must hold some text.")
	}
	return q, nil
}

// turn is what one speaker says.
func (w Wording) turn(role, text string, only bool) string {
	if only && role == "user" || w.Turn == "" {
		return text
	}
	name := w.Roles[role]
	if name == "" {
		name = role
	}
	return vars{"role": name, "text": text}.text(w.Turn)
}

// read gives the text and the images of a message.
func (m message) read(index int) (text string, images [][]byte, bad *upstream.Error) {
	content := bytes.TrimSpace(m.Content)
	if len(content) == 0 || string(content) == "null" {
		return "", nil, nil
	}
	if json.Unmarshal(content, &text) == nil {
		return text, nil, nil
	}
	param := fmt.Sprintf("messages[%d].content", index)
	var parts []part
	if json.Unmarshal(content, &parts) != nil {
		return "", nil, badMessages(param, "content must be a text, or a list of parts.")
	}
	var texts []string
	for _, p := range parts {
		switch p.Type {
		case "text", "input_text":
			texts = append(texts, p.Text)
		case "image_url":
			data, ok := dataURI(p.ImageURL.URL)
			if !ok {
				return "", nil, badMessages(param, "This model takes images as data URIs alone: data:image/png;base64,…")
			}
			images = append(images, data)
		default:
			return "", nil, badMessages(param, "This model takes parts of type text and image_url.")
		}
	}
	return strings.Join(texts, "\n"), images, nil
}

// dataURI reads the bytes of a data URI in base64. Links are not followed here: who
// follows one has to know which addresses are allowed.
func dataURI(s string) ([]byte, bool) {
	head, text, ok := strings.Cut(s, ",")
	head = strings.ToLower(head)
	if !ok || !strings.HasPrefix(head, "data:") || !strings.HasSuffix(head, ";base64") {
		return nil, false
	}
	data, err := base64.StdEncoding.DecodeString(text)
	return data, err == nil && len(data) > 0
}

func badMessages(param, message string) *upstream.Error {
	return wire.Refused(fault.New(fault.Invalid, message).WithParam(param))
}

// thinks gives the wish for reasoning, as dialect A and B write it: the caller's own
// word, else the model's configured one.
func thinks(r upstream.ChatRequest) (on bool, level int) {
	mode := r.Thinking
	var wish struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(r.Body["thinking"], &wish) == nil && wish.Type != "" {
		mode = wish.Type
	}
	switch mode {
	case "enabled":
		return true, 1
	case "auto":
		return false, 3
	}
	return false, 0
}
