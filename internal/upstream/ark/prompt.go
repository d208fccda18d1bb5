package ark

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// withoutFlags keeps a video prompt from being read as parameters. The upstream
// takes words such as "--dur 10" in a text for settings, which cost money and
// are not the caller's to make. Two or more hyphens before a letter or a digit
// become one dash, which reads the same to people and to the model.
func withoutFlags(prompt string) string {
	if !strings.Contains(prompt, "--") {
		return prompt
	}
	var b strings.Builder
	b.Grow(len(prompt) + utf8.UTFMax)
	for prompt != "" {
		i := strings.Index(prompt, "--")
		if i < 0 {
			break
		}
		rest := strings.TrimLeft(prompt[i:], "-")
		hyphens := prompt[i : len(prompt)-len(rest)]
		if r, _ := utf8.DecodeRuneInString(rest); unicode.IsLetter(r) || unicode.IsDigit(r) {
			hyphens = "—"
		}
		b.WriteString(prompt[:i])
		b.WriteString(hyphens)
		prompt = rest
	}
	b.WriteString(prompt)
	return b.String()
}
