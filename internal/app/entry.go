package app

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/ark"
)

// entry is one of the configured models.
type entry struct {
	*table

	path string
	set  config.Model
}

func (e entry) report(setting, format string, args ...any) {
	e.problems = append(e.problems, e.Problem(e.path+"."+setting, format, args...))
}

// checkValues reports settings that say something else than what the upstream has,
// and tells whether there are none.
func (e entry) checkValues(whole upstream.Model) bool {
	before := len(e.problems)
	e.checkRatios(whole)
	e.checkAmong("resolution", []string{e.set.Resolution}, whole.Resolutions)
	e.checkAmong("resolutions", e.set.Resolutions, whole.Resolutions)
	e.checkAmong("duration", spell(seconds(e.set.Duration)), spell(whole.Seconds))
	e.checkAmong("durations", spell(seconds(e.set.Durations...)), spell(whole.Seconds))
	if most := max(whole.MaxCount, 1); e.set.MaxN > most {
		e.report("max_n", "is more than %s makes at once, which is %d", e.set.ID, most)
	}
	if p, ok := ark.ProfileOf(e.set.ID, ark.Family(e.set.Family)); e.set.GenerateAudio && ok && !p.Video.Audio {
		e.report("generate_audio", "has no effect: %s makes no sound", e.set.ID)
	}
	return len(e.problems) == before
}

// checkAmong holds values, of which empty ones say nothing, against those that the
// upstream has.
func (e entry) checkAmong(setting string, values, has []string) {
	for i, v := range values {
		at := setting
		if strings.HasSuffix(setting, "s") {
			at = fmt.Sprintf("%s[%d]", setting, i)
		}
		switch {
		case v == "" || slices.Contains(has, v):
		case len(has) == 0:
			e.report(at, "has no effect: %s does not let it be chosen; leave it out", e.set.ID)
		default:
			e.report(at, "is not one that %s has; it has %s", e.set.ID, strings.Join(has, ", "))
		}
	}
}

func (e entry) checkRatios(whole upstream.Model) {
	makes, hint := func(ratio string) bool { return slices.Contains(whole.Ratios, ratio) }, ""
	for i, u := range e.Upstreams {
		switch {
		case u.Name != e.set.Upstream:
		case u.Driver == config.OpenAIDriver:
			hint = fmt.Sprintf(" (upstreams[%d].openai.%s_sizes)", i, e.set.Kind)
		case u.Driver == config.DoubaoWeb:
			return // the ratio goes into a text there
		default:
			p, _ := ark.ProfileOf(e.set.ID, ark.Family(e.set.Family))
			makes = p.Makes
		}
	}
	for i, ratio := range e.set.Ratios {
		at := fmt.Sprintf("ratios[%d]", i)
		switch {
		case makes(ratio):
		case len(whole.Ratios) == 0:
			e.report(at, "has no effect: %s has the shape of its input image; leave it out", e.set.ID)
		default:
			e.report(at, "is not one that %s makes; it makes %s%s", e.set.ID, strings.Join(whole.Ratios, ", "), hint)
		}
	}
}

// narrow takes from a model what the operator does not let callers have of it.
func (e entry) narrow(m *upstream.Model, whole upstream.Model) {
	m.Withheld = append(without(whole.Sizes, m.Sizes), without(whole.Resolutions, m.Resolutions)...)
	if allowed := seconds(e.set.Durations...); len(allowed) > 0 {
		m.Seconds = slices.DeleteFunc(m.Seconds, func(n int) bool { return !slices.Contains(allowed, n) })
	}
	if e.set.MaxN > 0 {
		m.MaxCount = min(m.MaxCount, e.set.MaxN)
	}
}

// addFallbacks notes where else a model is to be had, and takes from it what it
// cannot do there.
func (e entry) addFallbacks(m *upstream.Model) {
	for i, f := range e.set.Fallbacks {
		m.Fallbacks = append(m.Fallbacks, job.Place{Upstream: f.Upstream, UpstreamModel: f.ID})
		place := upstream.Model{Kind: m.Kind, Upstream: f.Upstream, ID: f.ID}
		if !fill(e.Config, &place, familyAt(e.Config, f)) {
			ark.ProfileOfAny(place.Kind).Fill(&place)
		}
		if err := m.Narrow(place); err != nil {
			e.report(fmt.Sprintf("fallbacks[%d]", i), "%v; leave that fallback out", err)
		}
	}
}

// settle decides what a request gets that leaves open what the operator has
// narrowed. It holds at every place of the model.
func (e entry) settle(m *upstream.Model, own upstream.Usual) {
	m.Usual = upstream.Usual{}
	if len(e.set.Resolutions) > 0 {
		m.Usual.Resolution = usual(e, "resolution", e.set.Resolution, own.Resolution, e.set.Resolutions, m.Resolutions)
	}
	if allowed := seconds(e.set.Durations...); len(allowed) > 0 {
		set := 0
		if e.set.Duration > 0 {
			set = seconds(e.set.Duration)[0]
		}
		m.Usual.Seconds = usual(e, "duration", set, own.Seconds, allowed, m.Seconds)
	}
}

// usual chooses among what the operator allows and all places have: the value that
// was set, else the upstream's own, else the first.
func usual[T comparable](e entry, setting string, set, own T, allowed, common []T) (none T) {
	allowed = slices.DeleteFunc(slices.Clone(allowed), func(v T) bool { return !slices.Contains(common, v) })
	switch {
	case len(allowed) == 0:
		e.report(setting+"s", "names none that all places of the model have; change the list, or leave fallbacks out")
		return none
	case set != none && !slices.Contains(allowed, set):
		e.report(setting, "is not what all places of the model have; change it, or leave fallbacks out")
		return none
	case slices.Contains(allowed, cmp.Or(set, own)):
		return cmp.Or(set, own)
	}
	return allowed[0]
}

// without gives what of a is not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(v string) bool { return slices.Contains(b, v) })
}

// seconds leaves out lengths of zero, which say nothing.
func seconds(lengths ...time.Duration) []int {
	var out []int
	for _, d := range lengths {
		if d > 0 {
			out = append(out, int(d/time.Second))
		}
	}
	return out
}

// spell writes lengths as the settings do.
func spell(seconds []int) []string {
	var out []string
	for _, n := range seconds {
		out = append(out, fmt.Sprintf("%ds", n))
	}
	return out
}
