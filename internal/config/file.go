package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxFile is the largest configuration file, in bytes.
const maxFile = 1 << 20

// readFile sets what the file says and tells whether it could be read at all.
func (l *loader) readFile() bool {
	if l.cfg.file == "" {
		return true
	}
	data, err := readLimited(l.cfg.file)
	if err != nil {
		l.problems = append(l.problems, Problem{File: l.cfg.file, Message: err.Error()})
		return false
	}
	// Duplicate keys are left to bindSection, which names the setting.
	tree, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		l.reportSyntax(err)
		return false
	}
	return l.bindDocument(tree.Docs)
}

func (l *loader) bindDocument(docs []*ast.DocumentNode) bool {
	if len(docs) > 1 {
		l.problems = append(l.problems, Problem{File: l.cfg.file, Message: "holds more than one YAML document; the settings must be in one"})
		return false
	}
	if len(docs) == 0 || docs[0].Body == nil {
		return true
	}
	body := docs[0].Body
	if _, ok := body.(ast.MapNode); !ok {
		l.problems = append(l.problems, Problem{File: l.cfg.file, Line: lineOf(body), Message: notSection})
		return false
	}
	l.bind(l.root(), body, "", lineOf(body))
	return true
}

const notSection = "must be a section: lines of the form \"name: value\""

func readLimited(name string) ([]byte, error) {
	f, err := os.Open(name) //nolint:gosec // the operator names the file
	if err != nil {
		if cause, ok := errors.AsType[*fs.PathError](err); ok {
			err = cause.Err
		}
		return nil, fmt.Errorf("cannot be opened: %w", err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, errors.New("cannot be read")
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("is larger than %d bytes", maxFile)
	}
	return data, nil
}

func (l *loader) reportSyntax(err error) {
	p := Problem{File: l.cfg.file, Message: "is not valid YAML"}
	if e, ok := errors.AsType[yaml.Error](err); ok {
		message, _, _ := strings.Cut(e.GetMessage(), `"`) // what it quotes may be a secret
		p.Message = "not valid YAML: " + strings.TrimRight(message, ": ")
		if t := e.GetToken(); t != nil && t.Position != nil {
			p.Line = t.Position.Line
		}
	}
	l.problems = append(l.problems, p)
}

// bind gives a section, list or setting what a node of the file says. An
// empty node (as when all below a section is commented out) says nothing.
func (l *loader) bind(v reflect.Value, node ast.Node, path string, line int) {
	if _, empty := node.(*ast.NullNode); empty {
		return
	}
	l.cfg.origins[path] = origin{line: line}
	sequence, isSequence := node.(*ast.SequenceNode)
	switch {
	case isSection(v.Type()):
		l.bindSection(v, node, path)
	case isList(v.Type()) && isSequence:
		for i, entry := range sequence.Values {
			l.bind(l.grow(v, path), entry, index(path, i), lineOf(entry))
		}
	case isList(v.Type()):
		l.report(path, "must be a list: lines that begin with \"- \"")
	case v.Kind() == reflect.Slice && isSequence:
		l.bindValues(v, sequence, path)
	default:
		l.bindText(v, node, path)
	}
}

func (l *loader) bindSection(v reflect.Value, node ast.Node, path string) {
	mapping, ok := node.(ast.MapNode)
	if !ok {
		l.report(path, notSection)
		return
	}
	known := map[string]reflect.Value{}
	for f := range fields(v) {
		known[f.name] = f.value
	}
	seen := map[string]bool{}
	for entry := mapping.MapRange(); entry.Next(); {
		name, line := entry.Key().GetToken().Value, entry.Key().GetToken().Position.Line
		at := join(path, name)
		target, ok := known[name]
		switch {
		case !ok:
			l.reportAt(origin{line: line}, join(path, clip(name)), "is no setting; %s", hint(v, name))
		case seen[name]:
			l.reportAt(origin{line: line}, at, "is set twice")
		default:
			l.bind(target, entry.Value(), at, line)
		}
		seen[name] = true
	}
}

// bindValues reads a list of single values.
func (l *loader) bindValues(v reflect.Value, sequence *ast.SequenceNode, path string) {
	v.Set(reflect.MakeSlice(v.Type(), len(sequence.Values), len(sequence.Values)))
	for i, entry := range sequence.Values {
		at := index(path, i)
		l.cfg.origins[at] = origin{line: lineOf(entry)}
		l.bindText(v.Index(i), entry, at)
	}
}

func (l *loader) bindText(v reflect.Value, node ast.Node, path string) {
	text, err := scalar(node)
	if err == nil {
		text, err = l.expand(text)
	}
	if err != nil {
		l.report(path, "%v", err)
		return
	}
	l.set(v, path, text, l.cfg.origins[path])
}

// scalar gives the text of a single value as it stands in the file, so that
// 0123 stays what it is.
func scalar(node ast.Node) (string, error) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, nil
	case *ast.NullNode:
		return "", errors.New("must not be empty")
	case *ast.MappingNode, *ast.MappingValueNode:
		return "", errors.New("must be a single value; a text with a colon may need quotes")
	case *ast.SequenceNode:
		return "", errors.New("must be a single value")
	}
	return "", errors.New("uses a YAML anchor, alias or tag, which are not read here; a text that begins with &, * or ! needs quotes")
}

func lineOf(node ast.Node) int {
	if t := node.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

// clip keeps a name from the file short: it may be anything.
func clip(name string) string {
	const most = 60
	if len(name) > most {
		return name[:most] + "…"
	}
	return name
}
