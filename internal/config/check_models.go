package config

import (
	"slices"
	"strings"
)

func (l *loader) checkModels() {
	if len(l.cfg.Models) == 0 && len(l.cfg.Upstreams) > 0 {
		l.report("models", "must name what the upstream has: only Ark's models are known without")
	}
	names, defaults, first := unique{}, map[ModelKind]string{}, map[[2]string]int{}
	for i, m := range l.cfg.Models {
		path := index("models", i)
		if l.require(path+".name", m.Name == "", "") {
			names.check(l, path+".name", m.Name)
		}
		for j, alias := range m.Aliases {
			if at := index(path+".aliases", j); alias == "" {
				l.report(at, "must not be empty")
			} else {
				names.check(l, at, alias)
			}
		}
		l.require(path+".id", m.ID == "", "")
		if l.require(path+".kind", m.Kind == "", " (chat, image or video)") && m.ID != "" {
			if d := l.driverOf(m.Upstream); d == "" || d.arks() {
				l.checkFamily(path, m)
				l.checkModelOptions(path, m)
			} else {
				l.checkForeignModel(path, m)
			}
		}
		l.checkModelUpstream(path, m)
		l.checkFallbacks(path, m)
		if j, ok := first[[2]string{m.Upstream, m.ID}]; ok {
			l.checkSameModel(path, m, index("models", j), l.cfg.Models[j])
		} else if m.ID != "" && m.Kind != "" {
			first[[2]string{m.Upstream, m.ID}] = i
		}
		if other, ok := defaults[m.Kind]; ok && m.Default {
			l.report(path+".default", "is the second for %s models; %s is their default", m.Kind, other)
		} else if m.Default {
			defaults[m.Kind] = path
		}
	}
}

func (l *loader) checkFallbacks(path string, m Model) {
	if m.Kind == ChatModel && len(m.Fallbacks) > 0 {
		l.report(path+".fallbacks", "has no effect on chat models")
	}
	seen := map[string]bool{m.Upstream: true}
	for i, f := range m.Fallbacks {
		at := index(path+".fallbacks", i)
		l.require(at+".id", f.ID == "", "")
		switch {
		case f.Upstream == "" || l.driverOf(f.Upstream) == "":
			l.report(at+".upstream", "is no upstream's name; there are: %s", strings.Join(l.upstreamNames(), ", "))
		case seen[f.Upstream]:
			l.report(at+".upstream", "is named twice for this model")
		}
		seen[f.Upstream] = true
	}
}

func (l *loader) upstreamNames() []string {
	var names []string
	for _, u := range l.cfg.Upstreams {
		names = append(names, u.Name)
	}
	return names
}

// checkSameModel holds two names of one model of the upstream to the same
// options: what is asked of a model is asked by its id.
func (l *loader) checkSameModel(path string, m Model, otherPath string, other Model) {
	for _, option := range []struct {
		name string
		same bool
	}{
		{"kind", m.Kind == other.Kind},
		{"family", m.Family == other.Family},
		{"resolution", m.Resolution == other.Resolution},
		{"duration", m.Duration == other.Duration},
		{"generate_audio", m.GenerateAudio == other.GenerateAudio},
	} {
		if !option.same {
			l.report(path+"."+option.name, "must be the same as %s.%s: both names are of one model of the upstream", otherPath, option.name)
			return
		}
	}
}

func (l *loader) checkModelUpstream(path string, m Model) {
	names := l.upstreamNames()
	switch {
	case len(names) == 0 || slices.Contains(names, m.Upstream): // no upstream at all is said elsewhere
	case m.Upstream == "":
		l.report(path+".upstream", "is required where there is not exactly one upstream; %s", oneOf("upstream", names))
	default:
		l.report(path+".upstream", "is no upstream's name; %s", oneOf("upstream", names))
	}
}

func (l *loader) checkFamily(path string, m Model) {
	switch {
	case m.Family == "":
		l.report(path+".family", "cannot be told from the id; set it to one of %s", strings.Join(familiesOf(m.Kind), ", "))
	case m.Family.Kind() != m.Kind:
		l.report(path+".family", "is a family of %s models, but this model's kind is %s", m.Family.Kind(), m.Kind)
	}
}

func familiesOf(kind ModelKind) []string {
	var names []string
	for _, name := range Family("").values() {
		if Family(name).Kind() == kind {
			names = append(names, name)
		}
	}
	return names
}
