package config

import (
	"fmt"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// check looks at the settings as they now stand: each on its own, then with
// the others. The sections follow the order of Config.
func (l *loader) check() {
	for path, f := range settings(reflect.ValueOf(l.cfg).Elem(), "") {
		if err := checkRange(f.value, f.tag.Get("range")); err != nil {
			l.report(path, "%v", err)
		}
	}
	l.checkTelemetry()
	l.checkServer()
	l.checkWorker()
	l.checkRedis()
	l.checkStorage()
	l.checkMedia()
	l.checkAuth()
	l.checkSecurity()
	l.checkLimits()
	l.checkTiming()
	l.checkRetention()
	l.checkRepeats()
	l.checkWebhooks()
	l.checkUpstreams()
	l.checkModels()
	l.checkSim()
}

// require reports a setting that is empty and must not be.
func (l *loader) require(path string, missing bool, when string) bool {
	if missing {
		l.report(path, "is required%s; set it in the file or by %s", when, variableOf(path))
	}
	return !missing
}

// checkAddr wants host:port; the host may be empty, for all addresses.
func (l *loader) checkAddr(path, addr string) {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		l.report(path, "must be host:port, such as 127.0.0.1:8080")
	}
}

// checkURL wants an http or https URL that holds nothing but host and path.
func (l *loader) checkURL(path, raw string) *url.URL {
	if raw == "" {
		return nil
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		l.report(path, "must be a URL that begins with https:// or http://")
	case u.User != nil:
		l.report(path, "must not hold a user or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		l.report(path, "must end with the path, without ? or #")
	default:
		return u
	}
	return nil
}

// unique remembers where each name was seen and reports the second place.
type unique map[string]string

func (u unique) check(l *loader, path, name string) {
	if first, ok := u[name]; ok && name != "" {
		l.report(path, "is the same as %s; it must be unique", first)
		return
	}
	u[name] = path
}

// oneOf says which names there are, for a setting that refers to one of them.
func oneOf(what string, names []string) string {
	if len(names) == 0 {
		return "there is no " + what
	}
	return fmt.Sprintf("there are: %s", strings.Join(slices.Compact(slices.Sorted(slices.Values(names))), ", "))
}

// printable tells whether a text can go into a header, a log line or a key:
// ASCII without spaces and control characters.
func printable(text string) bool {
	for _, r := range text {
		if r <= ' ' || r >= 0x7f {
			return false
		}
	}
	return true
}
