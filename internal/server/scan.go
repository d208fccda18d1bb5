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

// members gives the members of an object that is known to be valid, in their
// order. The values are parts of it, not copies.
func members(object json.RawMessage) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		for one := range elements(object) {
			name, value := halves(one)
			if !yield(spelled(name), value) {
				return
			}
		}
	}
}

// member gives an object's member of this name; of several the last one, and
// nil if there is none. The object is known to be valid; what is given is a
// part of it, not a copy.
func member(object json.RawMessage, name string) (value json.RawMessage) {
	for one := range elements(object) {
		if quoted, v := halves(one); spells(quoted, name) {
			value = v
		}
	}
	return value
}

// halves gives the name of a member, with its quotes, and its value.
func halves(one json.RawMessage) (quoted, value json.RawMessage) {
	end := endOfString(one, 0)
	_, value, _ = bytes.Cut(one[end+1:], []byte(":"))
	return one[:end+1], bytes.TrimSpace(value)
}

// spells tells whether a JSON string, with its quotes, is this text.
func spells(quoted json.RawMessage, text string) bool {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner) == text
	}
	return spelled(quoted) == text
}

// spelled is the text of a JSON string that is known to be valid.
func spelled(quoted json.RawMessage) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var plain string
	_ = json.Unmarshal(quoted, &plain) // it is valid
	return plain
}
