package server

import (
	"bytes"
	"encoding/json"
	"iter"
)

// What is here walks through JSON without building anything of it, so that a
// body of millions of tiny values costs no more memory than its bytes.

// marks gives the brackets, commas and colons that stand outside of strings.
func marks(text []byte) iter.Seq2[int, byte] {
	return func(yield func(int, byte) bool) {
		for i := 0; i < len(text); i++ {
			switch b := text[i]; b {
			case '"':
				i = endOfString(text, i)
			case '{', '}', '[', ']', ',', ':':
				if !yield(i, b) {
					return
				}
			}
		}
	}
}

// endOfString gives the closing quote of the string that opens at i.
func endOfString(text []byte, i int) int {
	for {
		n := bytes.IndexByte(text[i+1:], '"')
		if n < 0 {
			return len(text)
		}
		inner := text[i+1 : i+1+n]
		i += 1 + n
		if (len(inner)-len(bytes.TrimRight(inner, `\`)))%2 == 0 {
			return i // else the quote is escaped
		}
	}
}

// elements gives the elements of an array that is known to be valid. They are
// parts of it, not copies.
func elements(array json.RawMessage) iter.Seq[json.RawMessage] {
	return func(yield func(json.RawMessage) bool) {
		depth, from := 0, 0
		for i, b := range marks(array) {
			switch b {
			case '{', '[':
				if depth++; depth == 1 {
					from = i + 1
				}
			case '}', ']':
				depth--
			}
			if depth > 1 || depth == 1 && b != ',' {
				continue
			}
			one := bytes.TrimSpace(array[from:i])
			from = i + 1
			if len(one) > 0 && !yield(json.RawMessage(one)) || depth == 0 {
				return
			}
		}
	}
}

// atMost counts the elements of an array, up to one more than most.
func atMost(array json.RawMessage, most int) (n int, fits bool) {
	for range elements(array) {
		if n++; n > most {
			return n, false
		}
	}
	return n, true
}

// member gives an object's member of this name; of several the last one, and
// nil if there is none. The object is known to be valid; what is given is a
// part of it, not a copy.
func member(object json.RawMessage, name string) (value json.RawMessage) {
	for one := range elements(object) {
		end := endOfString(one, 0)
		if !spells(one[:end+1], name) {
			continue
		}
		_, v, _ := bytes.Cut(one[end+1:], []byte(":"))
		value = bytes.TrimSpace(v)
	}
	return value
}

// spells tells whether a JSON string, with its quotes, is this text.
func spells(quoted json.RawMessage, text string) bool {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner) == text
	}
	var plain string
	return json.Unmarshal(quoted, &plain) == nil && plain == text
}
