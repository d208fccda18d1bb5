package doubaoweb

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/wire"
)

var codeInText = regexp.MustCompile(`code=([0-9]{1,20})`)

// cookie is one of a session's.
type cookie struct{ name, value string }

// cookies reads an account's credential: a session id, or a whole cookie string,
// which has a "=". The account's extra cookies follow and replace those of the same
// name. It is false for what is neither; a list of sessions, "s1,s2", is not taken.
func (d *Driver) cookies(a account.Account) ([]cookie, bool) {
	s := strings.TrimSpace(a.Secret.Reveal())
	if s == "" || !printable(s) {
		return nil, false
	}
	var out []cookie
	if !strings.Contains(s, "=") {
		if strings.ContainsAny(s, ";, \"") {
			return nil, false
		}
		for _, name := range d.profile.SessionCookies {
			out = append(out, cookie{name, s})
		}
		return d.withExtras(a.ID, out), true
	}
	for part := range strings.SplitSeq(s, ";") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case name == "" && !ok: // an empty part
		case !ok || !isToken(name):
			return nil, false
		default:
			out = append(out, cookie{name, value})
		}
	}
	return d.withExtras(a.ID, out), len(out) > 0
}

func (d *Driver) withExtras(id string, list []cookie) []cookie {
	extra := d.cfg.Extras[id].Cookies
	var out []cookie
	for _, c := range list {
		if _, replaced := extra[c.name]; !replaced {
			out = append(out, c)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		out = append(out, cookie{name, extra[name].Reveal()})
	}
	return out
}

// call makes a request to one of the profile's endpoints.
func (d *Driver) call(op wire.Operation, a account.Account, endpoint string, body Template, v vars) (wire.Call, *upstream.Error) {
	list, ok := d.cookies(a)
	if !ok {
		return wire.Call{}, wire.BadCredential()
	}
	raw, err := body.fill(v)
	if err != nil {
		return wire.Call{}, wire.Refused(fault.Wrap(fault.Internal, "The request could not be written.", errors.New("the profile's template gives no JSON")))
	}
	return wire.Call{
		Op: op, Method: http.MethodPost, URL: d.url(a, endpoint), Secret: a.Secret, Body: raw,
		Accept: "application/json", Header: d.header(a, list), Via: d.pooled,
	}, nil
}

// header gives what the profile and the account put on every call.
func (d *Driver) header(a account.Account, list []cookie) http.Header {
	h := http.Header{"Authorization": nil} // the credential travels as a cookie alone
	for name, value := range d.profile.Headers {
		h.Set(name, vars{}.text(value))
	}
	for name, value := range d.cfg.Extras[a.ID].Headers {
		h.Set(name, value.Reveal())
	}
	pairs := make([]string, 0, len(list))
	byName := map[string]string{}
	for _, c := range list {
		pairs = append(pairs, c.name+"="+c.value)
		byName[c.name] = c.value
	}
	h["Cookie"] = []string{strings.Join(pairs, "; ")}
	for _, name := range d.profile.CSRF.Cookies {
		if value := byName[name]; value != "" {
			h.Set(d.profile.CSRF.Header, value)
			break
		}
	}
	return h
}

// url is an endpoint's, with the values that the profile and the account put on
// every call.
func (d *Driver) url(a account.Account, endpoint string) string {
	path, given, _ := strings.Cut(endpoint, "?")
	q, _ := url.ParseQuery(given) // the profile's own
	for name, value := range d.profile.Query {
		q.Set(name, vars{}.text(value))
	}
	for name, value := range d.cfg.Extras[a.ID].Query {
		q.Set(name, value.Reveal())
	}
	return d.base + path + "?" + q.Encode()
}

// discreet keeps an error of the connection from quoting what went over it: an answer
// that is not HTTP stands in the error about it, and it may hold anything.
func (d *Driver) discreet(c wire.Call, e *upstream.Error) *upstream.Error {
	if e == nil || e.Cause == nil {
		return e
	}
	text := e.Cause.Error()
	quotes := strings.ContainsAny(text, "\"`")
	for part := range strings.SplitSeq(c.Header.Get("Cookie"), ";") {
		_, value, _ := strings.Cut(part, "=")
		quotes = quotes || len(value) > 3 && strings.Contains(text, value)
	}
	if quotes {
		e.Cause = fmt.Errorf("the call for %s failed: what came was no HTTP, or the connection quotes what it carried", c.Op)
	}
	return e
}
