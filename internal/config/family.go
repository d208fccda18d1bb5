package config

import (
	"regexp"
	"strings"
)

// Family is a line of models with the same abilities, whatever their dated ids.
type Family string

// The families.
const (
	ChatFamily     Family = "chat"
	Seedream30     Family = "seedream-3.0"
	Seedream40     Family = "seedream-4.0"
	Seedream45     Family = "seedream-4.5"
	Seedream50     Family = "seedream-5.0"
	Seedream50Pro  Family = "seedream-5.0-pro"
	Seedance10Lite Family = "seedance-1.0-lite"
	Seedance10Pro  Family = "seedance-1.0-pro"
	Seedance15Pro  Family = "seedance-1.5-pro"
	Seedance20     Family = "seedance-2.0"
	Seedance20Fast Family = "seedance-2.0-fast"
	Seedance25     Family = "seedance-2.5"
)

func (Family) values() []string {
	return texts(ChatFamily, Seedream30, Seedream40, Seedream45, Seedream50, Seedream50Pro,
		Seedance10Lite, Seedance10Pro, Seedance15Pro, Seedance20, Seedance20Fast, Seedance25)
}

// Kind is what the family makes.
func (f Family) Kind() ModelKind {
	switch {
	case strings.HasPrefix(string(f), "seedream-"):
		return ImageModel
	case strings.HasPrefix(string(f), "seedance-"):
		return VideoModel
	}
	return ChatModel
}

// mediaID matches Ark's media model ids, with any vendor's prefix and with or
// without a date: doubao-seedance-1-0-pro-250528.
var mediaID = regexp.MustCompile(`^(?:[a-z]+-)?(seedream|seedance)-(\d)[-.](\d)(?:-(lite|pro|fast|mini|t2i))?(?:-(fast|t2v|i2v))?(?:-\d{6})?$`)

// familyOf tells a model's family from its id; empty if the id does not tell.
func familyOf(kind ModelKind, id string) Family {
	if kind == ChatModel {
		return ChatFamily
	}
	m := mediaID.FindStringSubmatch(id)
	if m == nil {
		return ""
	}
	line, variant := m[1]+"-"+m[2]+"."+m[3], m[4]
	switch line + " " + variant {
	case "seedream-5.0 lite", "seedream-3.0 t2i": // two names of one model
		variant = ""
	case "seedance-2.0 mini": // the abilities of fast
		variant = "fast"
	}
	family := Family(strings.TrimSuffix(line+"-"+variant, "-"))
	if !isValue(family) || family.Kind() != kind {
		return ""
	}
	return family
}
