package chat

import (
	"unicode/utf8"

	"github.com/tintypehq/tintype/internal/upstream/rawjson"
)

// CountText estimates the tokens of a text for an answer that came without
// usage: four letters of a Latin script to a token, three characters of another
// to two.
func CountText(b []byte) int64 {
	var latin, other int64
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			latin++
			i++
			continue
		}
		_, n := utf8.DecodeRune(b[i:])
		other++
		i += n
	}
	return (latin+3)/4 + (other*2+2)/3
}

// CountMessages estimates the tokens of a request's texts. Images count nothing.
func CountMessages(messages []byte) int64 {
	var n int64
	for message := range rawjson.Elements(messages) {
		for key, value := range rawjson.Fields(message) {
			if string(key) == "content" {
				n += countContent(value)
			}
		}
	}
	return max(n, 1)
}

// countContent reads a string, or the text parts of a list.
func countContent(content []byte) int64 {
	if len(content) > 1 && content[0] == '"' {
		return CountText(content[1 : len(content)-1])
	}
	var n int64
	for part := range rawjson.Elements(content) {
		for key, value := range rawjson.Fields(part) {
			if string(key) == "text" && len(value) > 1 {
				n += CountText(value[1 : len(value)-1])
			}
		}
	}
	return n
}

// countChoices estimates the tokens of what the model said, in an answer or in
// a chunk.
func countChoices(choices []byte) int64 {
	var n int64
	for choice := range rawjson.Elements(choices) {
		for key, said := range rawjson.Fields(choice) {
			if string(key) == "delta" || string(key) == "message" {
				n += countSaid(said)
			}
		}
	}
	return n
}

func countSaid(said []byte) int64 {
	var n int64
	for key, value := range rawjson.Fields(said) {
		if (string(key) == "content" || string(key) == "reasoning_content") && len(value) > 2 && value[0] == '"' {
			n += CountText(value[1 : len(value)-1])
		}
	}
	return n
}
