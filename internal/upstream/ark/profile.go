package ark

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tintypehq/tintype/internal/upstream"
)

// Family is a line of models with the same abilities. An endpoint id ("ep-…")
// does not tell its family; there the configuration has to.
type Family string

// The families: the middle of the dated model ids, with a dot in the version.
const (
	Seedream30        Family = "seedream-3.0-t2i"
	Seedream40        Family = "seedream-4.0"
	Seedream45        Family = "seedream-4.5"
	Seedream50        Family = "seedream-5.0" // also sold as 5.0-lite
	Seedream50Pro     Family = "seedream-5.0-pro"
	Seededit30        Family = "seededit-3.0-i2i"
	Seedance10LiteT2V Family = "seedance-1.0-lite-t2v"
	Seedance10LiteI2V Family = "seedance-1.0-lite-i2v"
	Seedance10Pro     Family = "seedance-1.0-pro"
	Seedance10ProFast Family = "seedance-1.0-pro-fast"
	Seedance15Pro     Family = "seedance-1.5-pro"
	Seedance20        Family = "seedance-2.0"
	Seedance20Fast    Family = "seedance-2.0-fast"
	Seedance20Mini    Family = "seedance-2.0-mini"
	Seedance25        Family = "seedance-2.5"
)

// Families gives all families, the images' first.
func Families() []Family {
	return []Family{
		Seedream30, Seedream40, Seedream45, Seedream50, Seedream50Pro, Seededit30,
		Seedance10LiteT2V, Seedance10LiteI2V, Seedance10Pro, Seedance10ProFast, Seedance15Pro,
		Seedance20, Seedance20Fast, Seedance20Mini, Seedance25,
	}
}

// How many images a call may ask for: the upstream would make up to 15, and counts
// the input images among them (ark.md §3).
const (
	mostImages   = 4
	mostTogether = 15
)

// Profile is what a model of a family can do, as far as it is documented.
type Profile struct {
	Family Family
	Kind   upstream.ModelKind

	// Ratios are the aspect ratios that callers may ask for, the default first.
	// Empty for a model that always follows its input image.
	Ratios []string

	ReferenceImages int // how many input images one request may bring
	NeedsImage      bool
	Input           upstream.InputLimits

	Image ImageProfile // of image models
	Video VideoProfile // of video models
}

// ImageProfile is what is special to an image model.
type ImageProfile struct {
	// Tiers are the documented sizes: tier → ratio → "WxH". A model without
	// tiers has all of its sizes under the empty one.
	Tiers map[string]map[string]string

	Tier                 string // the default; also the size that follows an input image
	Fixed                string // the only size there is, whatever the ratio
	MinPixels, MaxPixels int    // of an image, width × height; zero: only the sizes in Tiers
	Groups               bool   // knows the field sequential_image_generation: several images of one call
	Seed                 bool   // knows the field seed: the 3.0 models alone (ark.md §3)
}

// VideoProfile is what is special to a video model.
type VideoProfile struct {
	Resolutions            []string // legal values, as the upstream writes them
	Resolution             string   // the default
	MinSeconds, MaxSeconds int
	Seconds                int  // the default
	AutoSeconds            bool // a length of -1 leaves the choice to the model
	Audio                  bool // knows the field generate_audio
	RatioWithImage         bool // takes a ratio beside a first frame
	Seed                   bool // knows the field seed: 1.x (ark.md §4)
	LastFrame              bool // makes a video between two frames
	References             int  // takes so many pictures that are no frames, and no frames beside them

	// Identifier: has the field safety_identifier, which a task's answers and
	// the list echo. The documentation describes the field without naming the
	// models that have it, and no answer of the real service with it is known.
	// So only the 2.x families, which came with it, get it; no 1.x model does,
	// since a field that a model lacks is refused. What it is used for must not
	// depend on the echo being there; see Driver.Lookup.
	Identifier bool
}

// Fill notes in a model of the registry what callers may ask of it, and what they
// get otherwise. Ratios and Resolutions that are there already are those that the
// operator has left.
func (p Profile) Fill(m *upstream.Model) {
	m.ReferenceImages, m.NeedsImage, m.Input = p.ReferenceImages, p.NeedsImage, p.Input
	if len(m.Ratios) == 0 {
		m.Ratios = p.Ratios
	}
	left := m.Resolutions
	has := func(resolution string) bool { return len(left) == 0 || slices.Contains(left, resolution) }
	switch p.Kind {
	case upstream.ImageModel:
		if p.Image.Groups {
			m.MaxCount, m.MaxTogether = mostImages, mostTogether
		}
		m.Seed, m.Resolutions, m.Usual = p.Image.Seed, nil, upstream.Usual{Resolution: p.Image.Tier}
		for tier, sizes := range p.Image.Tiers {
			if !has(tier) {
				continue
			}
			if tier != "" {
				m.Resolutions = append(m.Resolutions, tier)
			}
			for ratio, size := range sizes {
				if slices.Contains(m.Ratios, ratio) { // the operator may have left some out
					m.Sizes = append(m.Sizes, size)
				}
			}
		}
		slices.Sort(m.Resolutions)
		slices.SortFunc(m.Sizes, bySize)
		m.Sizes = slices.Compact(m.Sizes)
	case upstream.VideoModel:
		m.Seed, m.LastFrame, m.References, m.Resolutions = p.Video.Seed, p.Video.LastFrame, p.Video.References, nil
		m.Usual = upstream.Usual{Resolution: p.Video.Resolution, Seconds: p.Video.Seconds}
		for _, r := range p.Video.Resolutions {
			if has(r) {
				m.Resolutions = append(m.Resolutions, r)
			}
		}
		for n := p.Video.MinSeconds; n > 0 && n <= p.Video.MaxSeconds; n++ {
			m.Seconds = append(m.Seconds, n)
		}
	case upstream.ChatModel:
	}
}

// Makes tells whether the model has a ratio. An image may have others than those
// that are listed; one that follows its input image has none.
func (p Profile) Makes(ratio string) bool {
	if p.Kind == upstream.VideoModel {
		return slices.Contains(p.Ratios, ratio)
	}
	_, ok := p.size(ratio, "", false)
	return ok && p.Image.Fixed == ""
}

// bySize orders "WxH" by width, then height.
func bySize(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// ProfileOf gives the profile of a model. An empty family is guessed from the
// id; ids and families may be dated or not ("doubao-seedream-4-5-251128",
// "seedream-4.5"). It is false when no family is known, as for a chat model.
func ProfileOf(id string, family Family) (Profile, bool) {
	if family != "" {
		id = string(family)
	}
	f := familyOf(id)
	if f == "" {
		return Profile{}, false
	}
	return profileOf(f), true
}

// ProfileOfAny is what every model of a kind can do, for one whose family nobody
// has named.
func ProfileOfAny(kind upstream.ModelKind) Profile { return fallback(kind) }

// familyOf finds the family that an id begins with, after the vendor's prefix;
// only a date may follow it.
func familyOf(id string) Family {
	id = strings.ReplaceAll(strings.ToLower(id), ".", "-")
	if i := strings.Index(id, "seed"); i > 0 {
		id = id[i:]
	}
	id = strings.Replace(id, "seedream-5-0-lite", "seedream-5-0", 1)
	for _, f := range Families() {
		rest, ok := strings.CutPrefix(id, strings.ReplaceAll(string(f), ".", "-"))
		if ok && (rest == "" || isDate(rest)) {
			return f
		}
	}
	return ""
}

// isDate tells whether s is a dash and digits, as dated ids end.
func isDate(s string) bool {
	digits, ok := strings.CutPrefix(s, "-")
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}
