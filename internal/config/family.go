package config

import (
	"regexp"
	"strings"
)

// Family is a line of models with the same abilities, whatever their dated ids.
type Family string

// The families: the middle of Ark's model ids, with a dot in the version. The
// driver knows the same ones; a test compares.
const (
	ChatFamily        Family = "chat"
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

func (Family) values() []string {
	return texts(ChatFamily, Seedream30, Seedream40, Seedream45, Seedream50, Seedream50Pro, Seededit30,
		Seedance10LiteT2V, Seedance10LiteI2V, Seedance10Pro, Seedance10ProFast, Seedance15Pro,
		Seedance20, Seedance20Fast, Seedance20Mini, Seedance25)
}

// Kind is what the family makes.
func (f Family) Kind() ModelKind {
	switch {
	case strings.HasPrefix(string(f), "seedream-"), strings.HasPrefix(string(f), "seededit-"):
		return ImageModel
	case strings.HasPrefix(string(f), "seedance-"):
		return VideoModel
	}
	return ChatModel
}

// mediaID matches Ark's media model ids, with any vendor's prefix and with or
// without a date: doubao-seedance-1-0-pro-250528.
var mediaID = regexp.MustCompile(`^(?:[a-z]+-)?(seed[a-z]+-\d)[-.](\d(?:-[a-z][a-z0-9]*)*)(?:-\d{6})?$`)

// familyOf tells a model's family from its id; empty if the id does not tell.
func familyOf(kind ModelKind, id string) Family {
	if kind == ChatModel {
		return ChatFamily
	}
	m := mediaID.FindStringSubmatch(id)
	if m == nil {
		return ""
	}
	family := Family(m[1] + "." + m[2])
	if family == Seedream50+"-lite" {
		family = Seedream50
	}
	if !isValue(family) || family.Kind() != kind {
		return ""
	}
	return family
}
