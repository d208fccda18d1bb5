package server

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// spelledBytes bounds how much of a request's arrays and objects is taken apart
// to see what they mean. What is more counts as it is spelled: no field that
// this service reads is that long, and a library repeats itself letter by letter.
const spelledBytes = 64 << 10

// deliveryOnly tells whether a field says nothing of what is to be made, but
// only how the caller wants to hear of it.
func deliveryOnly(name string) bool {
	switch name {
	case "stream", "stream_options", "response_format", "partial_images", "on_disconnect":
		return true
	}
	return false
}

// canonical gives a valid JSON value in a form that all its spellings share:
// without white space, names of objects sorted and each there once, numbers by
// their value, strings without escapes. It is for digests, and no JSON. left is
// what remains of spelledBytes.
func canonical(v json.RawMessage, left *int) []byte {
	switch kind := kindOf(v); kind {
	case "a string":
		return plainString(v)
	case "a number":
		return []byte(plainNumber(string(v)))
	case "an object", "an array":
		if *left -= len(v); *left >= 0 {
			return plainTree(v)
		}
	}
	return v
}

// plainString gives a string's text behind its opening quote, which tells it
// from every other value.
func plainString(v json.RawMessage) []byte {
	if bytes.IndexByte(v, '\\') < 0 {
		return v[:len(v)-1]
	}
	var text string
	if json.Unmarshal(v, &text) != nil {
		return v // it is known to be valid
	}
	return append([]byte{'"'}, text...)
}

// plainNumber writes a number as an integer and a power of ten. One with an
// absurd exponent stays as it is.
func plainNumber(text string) string {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	power := int64(0)
	if exponent != "" {
		n, err := strconv.ParseInt(exponent, 10, 32)
		if err != nil {
			return text
		}
		power = n
	}
	unsigned, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(unsigned, ".")
	power -= int64(len(fraction))
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "0"
	}
	short := strings.TrimRight(digits, "0")
	power += int64(len(digits) - len(short))
	if negative {
		short = "-" + short
	}
	if power == 0 {
		return short
	}
	return short + "e" + strconv.FormatInt(power, 10)
}

// plainTree writes an array or an object anew: encoding/json sorts an object's
// names, and of those that are there twice it keeps the last.
func plainTree(v json.RawMessage) []byte {
	d := json.NewDecoder(bytes.NewReader(v))
	d.UseNumber()
	var tree any
	if d.Decode(&tree) != nil {
		return v // it is known to be valid
	}
	out, err := json.Marshal(plainNumbers(tree))
	if err != nil {
		return v // what was decoded can be encoded
	}
	return out
}

// plainNumbers rewrites the numbers within a decoded value.
func plainNumbers(tree any) any {
	switch v := tree.(type) {
	case json.Number:
		return json.Number(plainNumber(string(v)))
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = plainNumbers(v[name])
		}
	}
	return tree
}
