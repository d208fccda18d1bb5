package config

import (
	"encoding"
	"iter"
	"reflect"
	"strconv"
	"strings"
)

// field is one setting, section or list within a section.
type field struct {
	name  string // of the yaml tag
	tag   reflect.StructTag
	value reflect.Value
}

// fields gives the fields of a section that have a yaml tag, in their order.
func fields(section reflect.Value) iter.Seq[field] {
	return func(yield func(field) bool) {
		for i := range section.NumField() {
			f := section.Type().Field(i)
			name := f.Tag.Get("yaml")
			if name != "" && !yield(field{name, f.Tag, section.Field(i)}) {
				return
			}
		}
	}
}

// isSection tells a section from a single value that happens to be a struct.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// isList tells a list of sections from a list of values, which is a setting.
func isList(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && isSection(t.Elem())
}

// settings gives every setting in a value and its path, sections first to last.
func settings(v reflect.Value, path string) iter.Seq2[string, field] {
	return func(yield func(string, field) bool) { walk(v, path, yield) }
}

// walk reports whether it came to its end.
func walk(v reflect.Value, path string, yield func(string, field) bool) bool {
	for f := range fields(v) {
		at, more := join(path, f.name), true
		switch {
		case isSection(f.value.Type()):
			more = walk(f.value, at, yield)
		case isList(f.value.Type()):
			for i := 0; i < f.value.Len() && more; i++ {
				more = walk(f.value.Index(i), index(at, i), yield)
			}
		default:
			more = yield(at, f)
		}
		if !more {
			return false
		}
	}
	return true
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// specimen is a section with one entry in each of its lists, whose settings
// are therefore all the settings there can be.
func specimen(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	for f := range fields(v) {
		switch {
		case isSection(f.value.Type()):
			f.value.Set(specimen(f.value.Type()))
		case isList(f.value.Type()):
			f.value.Set(reflect.Append(f.value, specimen(f.value.Type().Elem())))
		}
	}
	return v
}

const envPrefix = "TINTYPE_"

// variableOf gives the environment variable of a setting.
func variableOf(path string) string {
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "[", "_", "]", "").Replace(path))
}
