package doubaoweb

import (
	"strings"

	"github.com/tintypehq/tintype/internal/job"
)

// image writes the text of an image's request: style and ratio stand in it as lines
// of their own (4.5).
func (w Wording) image(s job.Spec) string {
	lines := []string{s.Prompt}
	if style := w.style(s.Style); style != "" && w.Style != "" {
		lines = append(lines, vars{"style": style}.text(w.Style))
	}
	if s.Ratio != "" && w.Ratio != "" {
		lines = append(lines, vars{"ratio": s.Ratio}.text(w.Ratio))
	}
	return strings.Join(lines, "\n")
}

// style gives the upstream's word for a style, or the caller's own.
func (w Wording) style(s string) string {
	s = strings.TrimSpace(s)
	if word, ok := w.Styles[strings.ToLower(s)]; ok {
		return word
	}
	return s
}

// attach puts the text and the uploaded files of a request where either dialect
// wants them.
func (v vars) attach(text string, files []file, template Template) {
	v["text"] = text
	attachments := []any{}
	for _, f := range files {
		attachments = append(attachments, f.vars().node(template.root))
	}
	v["attachments"] = attachments
	v["blocks"] = blocks(text, attachments)
}

// The types of blocks that a request is made of (4.3).
const (
	textBlock       = 10000
	attachmentBlock = 10052
)

// blocks are a message of dialect B.
func blocks(text string, attachments []any) []any {
	block := func(blockType int, content map[string]any) any {
		return map[string]any{
			"block_type": blockType, "content": content, "block_id": newUUID(),
			"parent_id": "", "meta_info": []any{}, "append_fields": []any{},
		}
	}
	var out []any
	if len(attachments) > 0 {
		out = append(out, block(attachmentBlock, map[string]any{"attachment_block": map[string]any{"attachments": attachments}}))
	}
	return append(out, block(textBlock, map[string]any{"text_block": map[string]any{"text": text}}))
}
