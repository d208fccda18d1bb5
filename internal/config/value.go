package config

import (
	"encoding"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// choice is what every enumeration of the settings can do: name its values.
type choice interface{ values() []string }

// enum is a closed set of texts.
type enum interface {
	~string
	choice
}

func texts[T ~string](values ...T) []string {
	var all []string
	for _, v := range values {
		all = append(all, string(v))
	}
	return all
}

func isValue[T enum](v T) bool { return slices.Contains(v.values(), string(v)) }

// setText gives a setting the value that a text stands for. File, environment,
// flags, defaults and ranges all come through here, so that one notation holds
// everywhere. Its errors say what the text must be and never quote it.
func setText(v reflect.Value, text string) error {
	switch p := v.Addr().Interface().(type) {
	case *time.Duration:
		d, err := parseDuration(text)
		*p = d
		return err
	case *netip.Prefix:
		n, err := netip.ParsePrefix(text)
		if err != nil {
			return errors.New("must be a network, such as 10.1.0.0/16")
		}
		*p = n.Masked()
		return nil
	case encoding.TextUnmarshaler:
		return p.UnmarshalText([]byte(text))
	}
	if e, ok := reflect.TypeAssert[choice](v); ok && !slices.Contains(e.values(), text) {
		return fmt.Errorf("must be one of %s", strings.Join(e.values(), ", "))
	}
	if v.Kind() == reflect.Slice {
		return setList(v, text)
	}
	return setPlain(v, text)
}

// setPlain sets what has no notation of its own: truth values, numbers, and
// texts, which take anything.
func setPlain(v reflect.Value, text string) error {
	switch {
	case v.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return errors.New("must be true or false")
		}
		v.SetBool(text == "true")
	case v.CanInt():
		n, err := strconv.ParseInt(text, 10, 0)
		if err != nil {
			return errors.New("must be a whole number")
		}
		v.SetInt(n)
	case v.CanFloat():
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return errors.New("must be a number")
		}
		v.SetFloat(n)
	default:
		v.SetString(text)
	}
	return nil
}

// setList reads a list from one text with commas; "[]" is the empty one.
func setList(v reflect.Value, text string) error {
	list := reflect.MakeSlice(v.Type(), 0, 0)
	if text = strings.TrimSpace(text); text != "" && text != "[]" {
		for part := range strings.SplitSeq(text, ",") {
			elem := reflect.New(v.Type().Elem()).Elem()
			if err := setText(elem, strings.TrimSpace(part)); err != nil {
				return fmt.Errorf("each of its parts %w", err)
			}
			list = reflect.Append(list, elem)
		}
	}
	v.Set(list)
	return nil
}

// showText gives a setting's value in the notation that setText reads, except
// that secrets are hidden.
func showText(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case time.Duration:
		return formatDuration(x)
	case encoding.TextMarshaler:
		b, err := x.MarshalText()
		if v.IsZero() || err != nil {
			return ""
		}
		return string(b)
	}
	if v.Kind() != reflect.Slice {
		return fmt.Sprint(v.Interface())
	}
	var parts []string
	for i := range v.Len() {
		parts = append(parts, showText(v.Index(i)))
	}
	return strings.Join(parts, ",")
}

// checkRange tells how a value breaks its range tag; nil if it does not.
func checkRange(v reflect.Value, tag string) error {
	low, high, _ := strings.Cut(tag, "..")
	if tag == "" {
		return nil
	}
	smallest, largest := reflect.New(v.Type()).Elem(), reflect.New(v.Type()).Elem()
	if err := errors.Join(setText(smallest, low), setText(largest, high)); err != nil {
		return fmt.Errorf("has an unreadable range: %w", err)
	}
	if n := number(v); n >= number(smallest) && n <= number(largest) { // so that NaN is outside
		return nil
	}
	return fmt.Errorf("must be between %s and %s, is %s", low, high, showText(v))
}

func number(v reflect.Value) float64 {
	if v.CanFloat() {
		return v.Float()
	}
	return float64(v.Int())
}
