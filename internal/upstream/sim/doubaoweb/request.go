package doubaoweb

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/tintypehq/tintype/internal/upstream/sim/ledger"
)

// wish is a request of either dialect, read.
type wish struct {
	kind                     ledger.Kind
	prompt, ratio, model     string
	local, localConversation string
	thinks                   bool
	files                    []string // keys of uploads
}

var localForm = regexp.MustCompile(`^local_[0-9]{16}$`)

// The types of content that can be asked for, and the skills that go with them.
var kinds = map[int]struct {
	kind  ledger.Kind
	skill int
}{2001: {ledger.Chat, 0}, 2009: {ledger.Image, 3}, 2020: {ledger.Video, 17}}

// numericRequest is the body of dialect A.
type numericRequest struct {
	Messages []struct {
		Content     string `json:"content"`
		ContentType int    `json:"content_type"`
		Attachments []struct {
			Type, Key, Identifier string
			Extra                 object
		} `json:"attachments"`
	} `json:"messages"`
	Option struct {
		NeedCreate bool `json:"need_create_conversation"`
		Skill      int  `json:"action_bar_skill_id"`
		Thinks     bool `json:"use_deep_think"`
	} `json:"completion_option"`
	ConversationID    string `json:"conversation_id"`
	LocalConversation string `json:"local_conversation_id"`
	Local             string `json:"local_message_id"`
}

func readNumeric(body []byte) (wish, *problem) {
	var r numericRequest
	if bad := decode(body, &r); bad != nil {
		return wish{}, bad
	}
	if len(r.Messages) != 1 || r.ConversationID != "0" || !r.Option.NeedCreate {
		return wish{}, invalid("one message in a new conversation is what is read")
	}
	m := r.Messages[0]
	k, ok := kinds[m.ContentType]
	var content struct{ Text, Ratio, Model string }
	if !ok || k.skill != r.Option.Skill || json.Unmarshal([]byte(m.Content), &content) != nil {
		return wish{}, invalid("content_type, action_bar_skill_id and content must fit")
	}
	w := wish{
		kind: k.kind, prompt: content.Text, ratio: content.Ratio, model: content.Model,
		local: r.Local, localConversation: r.LocalConversation, thinks: r.Option.Thinks,
	}
	for _, a := range m.Attachments {
		if want := map[bool]string{true: "vlm_image", false: "image"}[k.kind == ledger.Chat]; a.Type != want || a.Identifier == "" {
			return wish{}, invalid("attachments")
		}
		w.files = append(w.files, a.Key)
	}
	return w, w.check()
}

// namedRequest is the body of dialect B.
type namedRequest struct {
	Meta struct {
		LocalConversation string `json:"local_conversation_id"`
		ConversationID    string `json:"conversation_id"`
	} `json:"client_meta"`
	Messages []struct {
		Local  string `json:"local_message_id"`
		Blocks []struct {
			Type    int `json:"block_type"`
			Content struct {
				Text *struct {
					Text string `json:"text"`
				} `json:"text_block"`
				Attachment *struct {
					Attachments []struct {
						Type  int `json:"type"`
						Image struct {
							URI string `json:"uri"`
						} `json:"image"`
					} `json:"attachments"`
				} `json:"attachment_block"`
			} `json:"content"`
		} `json:"content_block"`
	} `json:"messages"`
	Option struct {
		Skill  int    `json:"action_bar_skill_id"`
		Thinks int    `json:"need_deep_think"`
		Unique string `json:"unique_key"`
		Init   struct {
			Ack bool `json:"need_ack_conversation"`
		} `json:"conversation_init_option"`
	} `json:"option"`
	Ability *struct {
		Type  int    `json:"ability_type"`
		Param string `json:"ability_param"`
	} `json:"chat_ability"`
}

func readNamed(body []byte) (wish, *problem) {
	var r namedRequest
	if bad := decode(body, &r); bad != nil {
		return wish{}, bad
	}
	if len(r.Messages) != 1 || r.Meta.ConversationID != "" || !r.Option.Init.Ack || r.Option.Unique == "" {
		return wish{}, invalid("one message in a new conversation is what is read")
	}
	w := wish{kind: ledger.Chat, local: r.Messages[0].Local, localConversation: r.Meta.LocalConversation, thinks: r.Option.Thinks != 0}
	for _, b := range r.Messages[0].Blocks {
		switch {
		case b.Type == 10000 && b.Content.Text != nil:
			w.prompt += b.Content.Text.Text
		case b.Type == 10052 && b.Content.Attachment != nil:
			for _, a := range b.Content.Attachment.Attachments {
				w.files = append(w.files, a.Image.URI)
			}
		default:
			return wish{}, invalid("content_block")
		}
	}
	switch {
	case r.Ability != nil:
		var param struct{ Ratio, Model string }
		if r.Ability.Type != 17 || json.Unmarshal([]byte(r.Ability.Param), &param) != nil {
			return wish{}, invalid("chat_ability")
		}
		w.kind, w.ratio, w.model = ledger.Video, param.Ratio, param.Model
	case r.Option.Skill == 3:
		w.kind = ledger.Image
	}
	return w, w.check()
}

func (w *wish) check() *problem {
	switch {
	case !localForm.MatchString(w.localConversation), w.local == "":
		return invalid("local ids")
	case w.prompt == "" && len(w.files) == 0:
		return invalid("text")
	}
	for line := range strings.SplitSeq(w.prompt, "\n") {
		if ratio, ok := strings.CutPrefix(line, "比例："); ok {
			w.ratio = ratio
		}
	}
	return nil
}

// pixels is the size of an image of a ratio, small so that it is drawn quickly.
func pixels(ratio string) (w, h int) {
	const side = 512
	across, down, _ := strings.Cut(ratio, ":")
	a, errA := strconv.Atoi(across)
	b, errB := strconv.Atoi(down)
	if errA != nil || errB != nil || a < 1 || b < 1 || a > 4*b || b > 4*a {
		return side, side
	}
	if a >= b {
		return side, side * b / a
	}
	return side * a / b, side
}
