package config

import (
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/account"
)

func (l *loader) checkUpstreams() {
	c := l.cfg
	if len(c.Upstreams) == 0 {
		l.report("upstreams", "must have at least one entry; %s=… makes one for Ark", arkKeysVariable)
	}
	names, ids, accounts := unique{}, unique{}, 0
	for i, u := range c.Upstreams {
		path := index("upstreams", i)
		if l.require(path+".name", u.Name == "", "") {
			l.checkName(path+".name", u.Name)
			names.check(l, path+".name", u.Name)
		}
		l.checkBaseURL(path, u)
		l.checkOpenAI(path, u)
		if u.Profile != "" && u.Driver != DoubaoWeb {
			l.report(path+".profile", "has an effect with the driver doubaoweb alone")
		}
		for j, a := range u.Accounts {
			at := index(path+".accounts", j)
			l.checkAccount(at, u, a)
			ids.check(l, at+".id", a.ID)
		}
		accounts += len(u.Accounts)
	}
	if accounts == 0 && !c.Auth.PassThrough && len(c.Upstreams) > 0 {
		l.report("upstreams", "have no account, and auth.pass_through is off: nothing could be generated")
	}
}

func (l *loader) checkBaseURL(path string, u Upstream) {
	at := path + ".base_url"
	switch u.Driver {
	case DoubaoWeb:
		if u.BaseURL == "" {
			return
		}
		fallthrough
	case ArkDriver, OpenAIDriver:
		if base := l.checkURL(at, u.BaseURL); base != nil && base.Scheme == "http" && !u.AllowPrivate {
			l.report(at, "must begin with https://, since keys are sent to it; http:// needs allow_private: true")
		}
	case SimDriver:
		if l.cfg.role.deployed() {
			l.report(path+".driver", "works only in `tintype run`; use ark with the base_url of a running `tintype sim`")
		} else if u.BaseURL != "" {
			l.report(at, "must stay empty with the driver sim: the simulator has its own")
		} else if !l.cfg.Sim.Enabled {
			l.report(path+".driver", "needs sim.enabled: true")
		}
	}
}

func (l *loader) checkAccount(path string, u Upstream, a Account) {
	if l.require(path+".id", a.ID == "", "") {
		l.checkName(path+".id", a.ID)
	}
	key := a.Key.Reveal()
	if u.Driver == DoubaoWeb { // a cookie string has spaces
		key = strings.ReplaceAll(key, " ", "")
	}
	if l.require(path+".key", a.Key.IsZero(), "") && !printable(key) {
		l.report(path+".key", "must not hold spaces, line ends or characters outside of ASCII")
	}
	if _, err := time.Parse("15:04", a.QuotaReset); err != nil {
		l.report(path+".quota_reset", "must be a time of day such as 08:30")
	}
	if _, err := time.LoadLocation(a.QuotaZone); err != nil {
		l.report(path+".quota_zone", "is no time zone; write UTC or a name such as Asia/Shanghai")
	}
	for name, list := range map[string][]account.Secret{"cookies": a.Cookies, "headers": a.Headers, "query": a.Query} {
		if len(list) > 0 && u.Driver != DoubaoWeb {
			l.report(path+"."+name, "has an effect with the driver doubaoweb alone")
		}
		for i, pair := range list {
			if key, value, ok := strings.Cut(pair.Reveal(), "="); !ok || key == "" || value == "" {
				l.report(index(path+"."+name, i), "must be a text \"name=value\"")
			}
		}
	}
	served := l.modelIDs(u.Name)
	known := unique{}
	for _, id := range served {
		known[id] = ""
	}
	for i, id := range a.Models {
		if _, ok := known[id]; !ok {
			l.report(index(path+".models", i), "is no model id that the models use on this upstream; %s", oneOf("model on it", served))
		}
	}
}

// modelIDs gives the upstream's model ids that the models use.
func (l *loader) modelIDs(upstream string) []string {
	var ids []string
	for _, m := range l.cfg.Models {
		if m.Upstream == upstream && m.ID != "" {
			ids = append(ids, m.ID)
		}
		for _, f := range m.Fallbacks {
			if f.Upstream == upstream && f.ID != "" {
				ids = append(ids, f.ID)
			}
		}
	}
	return ids
}

// checkName keeps names of upstreams and accounts fit for keys and labels.
func (l *loader) checkName(path, name string) {
	if len(name) > 64 || !printable(name) {
		l.report(path, "must be 1 to 64 characters of ASCII without spaces")
	}
}
