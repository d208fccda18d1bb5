package ark

import (
	"slices"
	"strings"

	"github.com/tintypehq/tintype/internal/upstream"
)

// Family is a line of models with the same abilities. An endpoint id ("ep-…")
// does not tell its family; there the configuration has to.
type Family string

// The families that are known. Their values are the middle part of the dated
// model ids.
const (
	Seedream5Pro    Family = "seedream-5-0-pro"
	Seedream5       Family = "seedream-5-0" // also sold as 5-0-lite
	Seedream45      Family = "seedream-4-5"
	Seedream4       Family = "seedream-4-0"
	Seedream3       Family = "seedream-3-0-t2i"
	Seededit3       Family = "seededit-3-0-i2i"
	Seedance25      Family = "seedance-2-5"
	Seedance2       Family = "seedance-2-0"
	Seedance2Fast   Family = "seedance-2-0-fast"
	Seedance2Mini   Family = "seedance-2-0-mini"
	Seedance15Pro   Family = "seedance-1-5-pro"
	Seedance1Pro    Family = "seedance-1-0-pro"
	Seedance1ProFst Family = "seedance-1-0-pro-fast"
	Seedance1T2V    Family = "seedance-1-0-lite-t2v"
	Seedance1I2V    Family = "seedance-1-0-lite-i2v"
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
	Input           InputLimits

	Image ImageProfile // of image models
	Video VideoProfile // of video models
}

// ImageProfile is what is special to an image model.
type ImageProfile struct {
	Sizes                map[string]string // ratio → "WxH", the size that is documented for it
	MinPixels, MaxPixels int               // of an image, width × height; zero: only the sizes above
	FollowSize           string            // the size that lets the model follow its input image
	Groups               bool              // knows the field sequential_image_generation
}

// VideoProfile is what is special to a video model.
type VideoProfile struct {
	Resolutions            []string // legal values, as the upstream writes them
	Resolution             string   // the default
	MinSeconds, MaxSeconds int
	Seconds                int  // the default
	AutoSeconds            bool // a length of -1 leaves the choice to the model
	Audio                  bool // knows the field generate_audio
	Identifier             bool // echoes the field safety_identifier
	RatioWithImage         bool // takes a ratio beside a first frame
}

// InputLimits bound a model's input image. Zero means no limit.
type InputLimits struct {
	Types                []string // content types, lower case
	MaxBytes             int64
	MaxPixels            int // width × height
	MinSide, MaxSide     int // in pixels
	MinAspect, MaxAspect float64
}

// ProfileOf gives the profile of a model. An empty family is guessed from the
// id; ids and families may be dated or not ("doubao-seedream-4-5-251128",
// "seedream-4.5"). It is false when no family is known, as for a chat model.
func ProfileOf(id string, family Family) (Profile, bool) {
	if family != "" {
		id = string(family)
	}
	p, ok := profiles()[familyOf(id)]
	return p, ok
}

// Families gives the names of all families, sorted.
func Families() []Family {
	var all []Family
	for f := range profiles() {
		all = append(all, f)
	}
	slices.Sort(all)
	return all
}

// familyOf finds the longest family that an id begins with, after the vendor's
// prefix. A family's name must be followed by the date or nothing.
func familyOf(id string) Family {
	id = strings.ReplaceAll(strings.ToLower(id), ".", "-")
	if i := strings.Index(id, "seed"); i > 0 {
		id = id[i:]
	}
	id = strings.Replace(id, "seedream-5-0-lite", string(Seedream5), 1)
	for f := range profiles() {
		rest, ok := strings.CutPrefix(id, string(f))
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
