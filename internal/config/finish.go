package config

import (
	"reflect"
	"strings"

	"github.com/tintypehq/tintype/internal/account"
)

// finish fills in the defaults that depend on other settings.
func (l *loader) finish() {
	c := l.cfg
	for _, u := range []*string{&c.Server.PublicURL, &c.Storage.S3.Endpoint, &c.Storage.S3.PublicEndpoint} {
		*u = strings.TrimRight(*u, "/")
	}
	if c.role == ForEmbedded {
		l.finishSim()
	}
	for i := range c.Upstreams {
		u := &c.Upstreams[i]
		u.BaseURL = strings.TrimRight(u.BaseURL, "/")
		switch u.Driver {
		case ArkDriver:
			if u.BaseURL == "" {
				u.BaseURL = DefaultArkURL
			}
		case OpenAIDriver:
			if u.BaseURL == "" {
				u.BaseURL = DefaultOpenAIURL
			}
		case DoubaoWeb: // the profile knows it
		case SimDriver:
			u.AllowPrivate = true // the simulator is on loopback
		}
	}
	l.finishModels()
}

// finishSim decides whether the simulator runs and gives it an upstream.
func (l *loader) finishSim() {
	c := l.cfg
	if !l.isSet("sim.enabled") {
		c.Sim.Enabled = len(c.Upstreams) == 0
	}
	if !c.Sim.Enabled {
		return
	}
	for _, u := range c.Upstreams {
		if u.Driver == SimDriver {
			return
		}
	}
	l.grow(reflect.ValueOf(&c.Upstreams).Elem(), "upstreams")
	u := &c.Upstreams[len(c.Upstreams)-1]
	u.Name, u.Driver = "sim", SimDriver
	l.grow(reflect.ValueOf(&u.Accounts).Elem(), "upstreams[].accounts")
	u.Accounts[0].ID, u.Accounts[0].Key = "sim-1", account.NewSecret("sim-pool-1")
}

func (l *loader) finishModels() {
	c := l.cfg
	if len(c.Models) == 0 && len(c.Upstreams) > 0 && c.Upstreams[0].Driver.arks() {
		c.Models = DefaultModels(c.Upstreams[0].Name)
	}
	first, chosen := map[ModelKind]*Model{}, map[ModelKind]bool{}
	for i := range c.Models {
		m := &c.Models[i]
		if m.Upstream == "" && len(c.Upstreams) == 1 {
			m.Upstream = c.Upstreams[0].Name
		}
		if d := l.driverOf(m.Upstream); m.Family == "" && (d == "" || d.arks()) {
			m.Family = familyOf(m.Kind, m.ID)
		}
		if first[m.Kind] == nil {
			first[m.Kind] = m
		}
		chosen[m.Kind] = chosen[m.Kind] || m.Default
	}
	for kind, m := range first {
		m.Default = m.Default || !chosen[kind]
	}
}
