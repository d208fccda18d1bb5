// Package faults decides what goes wrong in the simulator, and when.
//
// A fault is asked for by a tag, which is a word in a prompt:
//
//	sim:name  sim:name=value  sim:name=value,times=2,skip=1,on=get,accepted
//
// that stands at the start or after a space, a quote, a bracket or any
// character outside of ASCII,
// or by a [Rule], which an admin route adds and which matches prompts by a
// substring. An unknown name or a value that cannot be read is an error, since
// a mistyped tag that does nothing makes a test pass that proves nothing.
package faults

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Op is the kind of request that a fault can hit.
type Op string

// The operations.
const (
	Submit Op = "submit" // Create or Chat: what carries the prompt
	Create Op = "create" // starting a video or making an image
	Chat   Op = "chat"   // a chat completion
	Get    Op = "get"    // asking for a task
	List   Op = "list"   // asking for tasks, or for models
	Delete Op = "delete" // cancelling or deleting a task
	Media  Op = "media"  // reading a media link
	Upload Op = "upload" // handing over an image before a submission; it has no prompt, so by rules alone
)

// Fault is one thing that goes wrong, or one wish about the result.
type Fault struct {
	Name  Name
	Value string // as written; empty means the default that Name documents
	On    Op     // empty means the operation that is natural for Name

	// Times is how often it happens; zero means always. Occurrences are
	// counted per prompt at Create and Chat, and per task or media after that.
	Times int

	// Skip is how many requests go unharmed before it first happens.
	Skip int

	// Accepted makes an error answer a lie: the request is carried out, and
	// charged, before it.
	Accepted bool
}

// Duration is the value as a time; orElse if none was given.
func (f Fault) Duration(orElse time.Duration) time.Duration {
	if f.Value == "" {
		return orElse
	}
	d, err := time.ParseDuration(f.Value)
	if err != nil {
		return orElse
	}
	return d
}

// Int is the value as a number; orElse if none was given.
func (f Fault) Int(orElse int) int {
	n, err := strconv.Atoi(f.Value)
	if err != nil {
		return orElse
	}
	return n
}

// SizeBytes is the value as a size such as 50MB; zero if none was given.
func (f Fault) SizeBytes() int64 {
	n, err := parseSize(f.Value)
	if err != nil {
		return 0
	}
	return n
}

var (
	tag      = regexp.MustCompile(`(?:^|[\s"'(\[]|[^\x00-\x7F])sim:([a-z0-9-]+)(?:=([A-Za-z0-9]+(?:\.[A-Za-z0-9]+)*))?((?:,[a-z]+(?:=[a-z0-9]+)?\b)*)`)
	sizeForm = regexp.MustCompile(`^([0-9]{1,6})(B|KB|MB|GB)$`)
)

// Parse returns the faults that the tags in a prompt ask for, in their order.
func Parse(prompt string) ([]Fault, error) {
	if !strings.Contains(prompt, "sim:") {
		return nil, nil
	}
	var out []Fault
	for _, m := range tag.FindAllStringSubmatch(prompt, -1) {
		f := Fault{Name: canonical(m[1]), Value: m[2]}
		if err := modify(&f, m[3]); err != nil {
			return nil, fmt.Errorf("sim:%s: %w", m[1], err)
		}
		f, err := complete(f)
		if err != nil {
			return nil, fmt.Errorf("sim:%s: %w", m[1], err)
		}
		out = append(out, f)
	}
	return out, nil
}

// canonical maps a second spelling to the name.
func canonical(name string) Name {
	if name == "notlength" {
		return NoLength
	}
	return Name(name)
}

// modify applies ",times=2,on=get" to f.
func modify(f *Fault, list string) error {
	for part := range strings.SplitSeq(strings.TrimPrefix(list, ","), ",") {
		if part == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		var err error
		switch key {
		case "times":
			f.Times, err = atLeast(value, 1)
		case "skip":
			f.Skip, err = atLeast(value, 1)
		case "on":
			f.On = Op(value)
		case "accepted":
			f.Accepted = true
		default:
			err = fmt.Errorf("no such option %q: use times, skip, on or accepted", key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func atLeast(value string, least int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < least {
		return 0, fmt.Errorf("%q must be a number from %d", value, least)
	}
	return n, nil
}

// complete fills in what the name implies and refuses what it cannot do.
func complete(f Fault) (Fault, error) {
	d, known := names[f.Name]
	if !known {
		return Fault{}, fmt.Errorf("no such fault; known are %s", strings.Join(Names(), ", "))
	}
	if f.Value != "" {
		if err := d.value.check(f.Value); err != nil {
			return Fault{}, err
		}
	}
	if f.Name == Truncate && f.Value == string(Media) {
		f.Value, f.On = "", Media
	}
	if f.On == "" {
		f.On = d.on
	}
	if !slices.Contains(d.can, f.On) {
		return Fault{}, fmt.Errorf("cannot happen on %q, only on %v", f.On, d.can)
	}
	return f, nil
}

func parseSize(s string) (int64, error) {
	m := sizeForm.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q must be a size such as 50MB", s)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q must be a size such as 50MB", s)
	}
	unit := map[string]int64{"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}[m[2]]
	if n *= unit; n > MaxMediaBytes {
		return 0, fmt.Errorf("%q must be at most 8GB", s)
	}
	return n, nil
}

// MaxMediaBytes is the largest media that sim:size can ask for.
const MaxMediaBytes = 8 << 30
