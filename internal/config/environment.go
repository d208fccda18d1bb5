package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tintypehq/tintype/internal/account"
)

// Variables that are not a setting's own.
const (
	configVariable  = envPrefix + "CONFIG"
	arkKeysVariable = envPrefix + "ARK_API_KEYS"
)

// callersVariables are for the commands that call a service, which may share a
// shell with one that serves.
func callersVariables() []string {
	return []string{envPrefix + "URL", envPrefix + "KEY", envPrefix + "ADMIN_KEY"}
}

// readEnvironment sets what our variables say. One that is no setting is a
// problem, since it is most likely misspelled, unless the file refers to it or
// Kubernetes made it.
func (l *loader) readEnvironment() {
	for _, name := range l.variables() {
		value := l.env[name]
		v, path, known := l.locate(l.root(), "", strings.TrimPrefix(name, envPrefix))
		switch {
		case name == configVariable:
		case name == arkKeysVariable:
			l.addArkKeys(value)
		case known:
			l.set(v, path, value, origin{variable: name})
		case !l.referred[name] && !slices.Contains(callersVariables(), name) && !isServiceLink(name, value):
			l.reportAt(origin{variable: name}, "", "is no setting%s", variableHint(name))
		}
	}
}

// locate finds the setting of a variable, whose prefix is cut off. It adds an
// entry to a list where the number is the list's next.
func (l *loader) locate(section reflect.Value, path, rest string) (reflect.Value, string, bool) {
	for f := range fields(section) {
		name, at := strings.ToUpper(f.name), join(path, f.name)
		inner, deeper := strings.CutPrefix(rest, name+"_")
		switch {
		case isSection(f.value.Type()) && deeper:
			if v, p, ok := l.locate(f.value, at, inner); ok {
				return v, p, true
			}
		case isList(f.value.Type()) && deeper:
			if v, p, ok := l.locateEntry(f.value, at, inner); ok {
				return v, p, true
			}
		case !isSection(f.value.Type()) && !isList(f.value.Type()) && rest == name:
			return f.value, at, true
		}
	}
	return reflect.Value{}, "", false
}

func (l *loader) locateEntry(list reflect.Value, path, rest string) (reflect.Value, string, bool) {
	digits, inner, _ := strings.Cut(rest, "_")
	i, err := strconv.Atoi(digits)
	if err != nil || i < 0 || i > list.Len() || strconv.Itoa(i) != digits {
		return reflect.Value{}, "", false
	}
	if i == list.Len() {
		_, _, known := l.locate(reflect.New(list.Type().Elem()).Elem(), "", inner)
		if !known {
			return reflect.Value{}, "", false
		}
		l.grow(list, path)
	}
	return l.locate(list.Index(i), index(path, i), inner)
}

// addArkKeys adds an account for each key to the upstream "ark".
func (l *loader) addArkKeys(keys string) {
	from := origin{variable: arkKeysVariable}
	at := slices.IndexFunc(l.cfg.Upstreams, func(u Upstream) bool { return u.Name == "ark" })
	if at < 0 {
		at = len(l.cfg.Upstreams)
		l.grow(reflect.ValueOf(&l.cfg.Upstreams).Elem(), "upstreams")
		l.cfg.Upstreams[at].Name = "ark"
		l.cfg.origins[index("upstreams", at)] = from
		l.cfg.origins[index("upstreams", at)+".name"] = from
	}
	accounts, path := &l.cfg.Upstreams[at].Accounts, index("upstreams", at)+".accounts"
	n := 0
	for key := range strings.SplitSeq(keys, ",") {
		n++
		entry := index(path, len(*accounts))
		l.grow(reflect.ValueOf(accounts).Elem(), path)
		added := &(*accounts)[len(*accounts)-1]
		added.ID, added.Key = fmt.Sprintf("ark-%d", n), account.NewSecret(strings.TrimSpace(key))
		l.cfg.origins[entry], l.cfg.origins[entry+".id"], l.cfg.origins[entry+".key"] = from, from, from
	}
}

// serviceLink matches what Kubernetes puts into every pod's environment for
// each Service: one that is named tintype-… would look like our variables.
var serviceLink = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

func isServiceLink(name, value string) bool {
	return serviceLink.MatchString(name) || strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://")
}

// variableHint names the variable that was probably meant.
func variableHint(name string) string {
	known := []string{configVariable, arkKeysVariable}
	for path := range settings(specimen(reflect.TypeFor[Config]()), "") {
		known = append(known, variableOf(path))
	}
	near := nearest(entryNumber.ReplaceAllString(name, "_0_"), known)
	switch {
	case near == "":
		return "; `tintype config check --role run --show` lists them all"
	case entryNumber.MatchString(name) && strings.Contains(near, "_0_"):
		return "; the nearest is " + near + ", where the 0 counts the entries of a list, without gaps"
	}
	return "; did you mean " + near + "?"
}

var (
	entryNumber = regexp.MustCompile(`_\d+_`)
	digitRun    = regexp.MustCompile(`\d+`)
)

// padded makes the numbers in a name sort by their value.
func padded(name string) string {
	return digitRun.ReplaceAllStringFunc(name, func(n string) string {
		return strings.Repeat("0", max(0, 8-len(n))) + n
	})
}
