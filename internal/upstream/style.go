package upstream

import "strings"

// WithStyle writes a style into a prompt, for upstreams that have no field for one.
func WithStyle(prompt, style string) string {
	style = strings.TrimSpace(style)
	phrase := style + "风格"
	switch {
	case style == "" || style == "通用" || strings.EqualFold(style, "general"):
		return prompt
	case strings.EqualFold(style, "3D"):
		phrase = "3D渲染风格"
	case strings.HasSuffix(style, "风格"):
		phrase = style
	}
	if strings.Contains(prompt, phrase) {
		return prompt
	}
	return prompt + "，" + phrase
}
