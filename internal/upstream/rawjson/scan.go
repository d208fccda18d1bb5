// Package rawjson reads and writes JSON without decoding it: what a driver hands
// on it copies byte by byte, and megabytes of base64 pass no encoder twice.
package rawjson

import (
	"bytes"
	"iter"
)

// The functions here walk over JSON without decoding it: the spans that they
// give are the sender's own bytes, and copying them is exact whatever they hold.
// They trust that json.Valid has said yes; on anything else they give nonsense,
// but no panic.

// Fields gives each key of an object, without its quotes, and its value. Of
// anything that is not an object it gives nothing.
func Fields(b []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		i := skipSpace(b, 0)
		if i >= len(b) || b[i] != '{' {
			return
		}
		for i = skipSpace(b, i+1); i < len(b) && b[i] == '"'; i = skipSpace(b, i+1) {
			keyEnd := stringEnd(b, i)
			start := skipSpace(b, skipSpace(b, keyEnd)+1) // behind the colon
			end := valueEnd(b, start)
			if start >= end || keyEnd-1 < i+1 || !yield(b[i+1:keyEnd-1], b[start:end]) {
				return
			}
			i = skipSpace(b, end) // at the comma or the brace
			if i >= len(b) || b[i] != ',' {
				return
			}
		}
	}
}

// Elements gives each value of an array. Of anything else it gives nothing.
func Elements(b []byte) iter.Seq[[]byte] {
	return func(yield func(value []byte) bool) {
		i := skipSpace(b, 0)
		if i >= len(b) || b[i] != '[' {
			return
		}
		for i = skipSpace(b, i+1); i < len(b) && b[i] != ']'; i = skipSpace(b, i+1) {
			end := valueEnd(b, i)
			if end <= i || !yield(b[i:end]) {
				return
			}
			i = skipSpace(b, end)
			if i >= len(b) || b[i] != ',' {
				return
			}
		}
	}
}

// valueEnd gives the place behind the value that begins at i.
func valueEnd(b []byte, i int) int {
	if i >= len(b) {
		return len(b)
	}
	switch b[i] {
	case '"':
		return stringEnd(b, i)
	case '{', '[':
		return nestedEnd(b, i)
	}
	for i < len(b) && !endsScalar(b[i]) {
		i++
	}
	return i
}

func endsScalar(c byte) bool {
	return c == ',' || c == '}' || c == ']' || isSpace(c)
}

// nestedEnd gives the place behind the object or array that begins at i.
func nestedEnd(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = stringEnd(b, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		i++
		if depth == 0 {
			return i
		}
	}
	return len(b)
}

// stringEnd gives the place behind the string whose first quote is at i.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b); {
		quote := bytes.IndexByte(b[i:], '"')
		if quote < 0 {
			return len(b)
		}
		i += quote + 1
		if !escaped(b, i-1) {
			return i
		}
	}
	return len(b)
}

// escaped tells whether an odd number of backslashes stands before i.
func escaped(b []byte, i int) bool {
	n := 0
	for i > n && b[i-n-1] == '\\' {
		n++
	}
	return n%2 == 1
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// IsNull tells whether a value is missing or null.
func IsNull(value []byte) bool {
	value = bytes.TrimSpace(value)
	return len(value) == 0 || string(value) == "null"
}

// HasElement tells whether a value is an array that is not empty.
func HasElement(array []byte) bool {
	for range Elements(array) {
		return true
	}
	return false
}
