// Package say is what the simulator has to say in a chat, and how many tokens that
// is. The same question always gets the same answer.
package say

import (
	"fmt"
	"strings"
	"unicode"
)

// Tokens estimates: a token for a Han character, one for four other bytes.
func Tokens(pieces []string) int {
	han, other := 0, 0
	for _, s := range pieces {
		for _, r := range s {
			if unicode.Is(unicode.Han, r) {
				han++
			} else {
				other++
			}
		}
	}
	return han + (other+3)/4
}

// Reply is what the simulator has to say.
func Reply(question, model string, seen []string) string {
	short := []rune(strings.Join(strings.Fields(question), " "))
	n := len(short)
	if n > 200 {
		short = append(short[:200], '…')
	}
	chinese := strings.ContainsFunc(question, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	switch {
	case chinese && len(seen) > 0:
		return fmt.Sprintf("我看到了图片：%s。你问的是：“%s”。这是 %s 的模拟回答，同样的问题总会得到同样的回答。", strings.Join(seen, "；"), string(short), model)
	case chinese:
		return fmt.Sprintf("你好！我收到了你的消息：“%s”（共 %d 个字符）。这是 %s 的模拟回答，同样的问题总会得到同样的回答。", string(short), n, model)
	case len(seen) > 0:
		return fmt.Sprintf("I was shown a picture of %s. You asked: %q. This is the simulator's answer for %s; the same question always gets the same one.", strings.Join(seen, "; "), string(short), model)
	default:
		return fmt.Sprintf("Hello! You wrote: %q (%d characters). This is the simulator's answer for %s; the same question always gets the same one.", string(short), n, model)
	}
}

// Pieces cuts a text as a model would stream it: at spaces, and every two Han
// characters.
func Pieces(text string) []string {
	var out []string
	start, han := 0, 0
	for i, r := range text {
		if r == ' ' || han == 2 {
			out, start, han = append(out, text[start:i]), i, 0
		}
		if unicode.Is(unicode.Han, r) {
			han++
		}
	}
	return append(out, text[start:])
}
