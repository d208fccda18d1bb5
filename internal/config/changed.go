package config

import "reflect"

// File is the file that was read; empty if there was none.
func (c *Config) File() string { return c.file }

// ChangedBeyondReload names the sections in which two configurations differ, those
// settings aside that are applied to a running program: the accounts of the pool and
// the log's level.
func ChangedBeyondReload(from, to *Config) []string {
	var names []string
	a, b := reflect.ValueOf(from.withoutReloaded()), reflect.ValueOf(to.withoutReloaded())
	for i := range a.NumField() {
		if field := a.Type().Field(i); field.IsExported() && !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			names = append(names, field.Tag.Get("yaml"))
		}
	}
	return names
}

// withoutReloaded is a copy whose upstreams have no accounts and whose log no level.
func (c *Config) withoutReloaded() Config {
	out := *c
	out.Log.Level = ""
	out.Upstreams = append([]Upstream(nil), c.Upstreams...)
	for i := range out.Upstreams {
		out.Upstreams[i].Accounts = extrasOnly(out.Upstreams[i].Accounts)
		if out.Upstreams[i].Driver == SimDriver {
			out.Upstreams[i].BaseURL = "" // told by the simulator when it has started
		}
	}
	return out
}

// extrasOnly gives what of accounts counts from the next start on only.
func extrasOnly(accounts []Account) []Account {
	var out []Account
	for _, a := range accounts {
		if len(a.Cookies)+len(a.Headers)+len(a.Query) > 0 {
			out = append(out, Account{ID: a.ID, Cookies: a.Cookies, Headers: a.Headers, Query: a.Query})
		}
	}
	return out
}
