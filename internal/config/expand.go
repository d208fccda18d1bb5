package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var (
	reference    = regexp.MustCompile(`\$?\$\{[^}]*\}?`)
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// expand replaces ${VAR} and ${VAR:-default} in a text of the file. As in a
// shell, the default also stands in for an empty variable.
func (l *loader) expand(text string) (string, error) {
	var problems []string
	text = reference.ReplaceAllStringFunc(text, func(found string) string {
		if escaped, ok := strings.CutPrefix(found, "$$"); ok {
			return "$" + escaped
		}
		value, err := l.lookup(found)
		if err != nil {
			problems = append(problems, err.Error())
		}
		return value
	})
	if len(problems) > 0 {
		return "", errors.New(strings.Join(problems, "; and "))
	}
	return text, nil
}

// lookup gives what one ${…} stands for.
func (l *loader) lookup(found string) (string, error) {
	inner, closed := strings.CutSuffix(strings.TrimPrefix(found, "${"), "}")
	name, fallback, hasFallback := strings.Cut(inner, ":-")
	if !closed || !variableName.MatchString(name) {
		return "", errors.New("holds ${ that is not ${NAME} or ${NAME:-default}; write $${ for the characters themselves")
	}
	l.referred[name] = true
	value, ok := l.env[name]
	switch {
	case hasFallback && value == "":
		return fallback, nil
	case !ok:
		return "", fmt.Errorf("refers to ${%s}, but the environment has no %s; set it, or write ${%s:-default}", name, name, name)
	}
	return value, nil
}
