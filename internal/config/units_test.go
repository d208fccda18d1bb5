package config

import (
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/ark"
)

func TestDurations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0s": 0, "0": 0, "500ms": 500 * time.Millisecond, "90s": 90 * time.Second, "1h30m": 90 * time.Minute, "7d": 168 * time.Hour,
		"1d12h": 36 * time.Hour, "1.5h": 90 * time.Minute, "0d": 0,
	} {
		got, err := parseDuration(text)
		if err != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
		if again, err := parseDuration(formatDuration(got)); err != nil || again != got {
			t.Errorf("%q is shown as %q, which reads %v, %v", text, formatDuration(got), again, err)
		}
	}
	for _, text := range []string{"", "15", "-1s", "1d-1s", "d", "1w", "1.5d", "99999999999d", "70000d", "9e9h", "1dd"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q: %v, want an error", text, got)
		}
	}
	for d, want := range map[time.Duration]string{0: "0s", 90 * time.Second: "1m30s", time.Minute: "1m", time.Hour: "1h", 10 * time.Hour: "10h", 48 * time.Hour: "2d", 36 * time.Hour: "36h"} {
		if got := formatDuration(d); got != want {
			t.Errorf("%v is shown as %q, want %q", d, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Size{
		"0": 0, "4096": 4096, "12B": 12, "10MB": 10e6, "10 mb": 10e6, "32MiB": 32 << 20, "64kib": 64 << 10, "4GiB": 4 << 30, "3GB": 3e9, "1KB": 1000,
		"9223372036854775807": math.MaxInt64,
	} {
		var got, again Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
		if err := again.UnmarshalText([]byte(got.String())); err != nil || again != got {
			t.Errorf("%q is shown as %q, which reads %d, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "B", "MiB", "-1", "1.5GiB", "9223372036854775807KB", "10 M", "x"} {
		var got Size
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: %d, want an error", text, got)
		}
	}
}

func TestFamilies(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]Family{
		"doubao-seedream-5-0-pro-260628":        Seedream50Pro,
		"dola-seedream-5-0-pro-260628":          Seedream50Pro,
		"doubao-seedream-5-0-260128":            Seedream50,
		"doubao-seedream-5-0-lite-260128":       Seedream50,
		"seedream-4-5-251128":                   Seedream45,
		"doubao-seedream-4-0-250828":            Seedream40,
		"doubao-seedream-4.0":                   Seedream40,
		"doubao-seedream-3-0-t2i-250415":        Seedream30,
		"doubao-seedance-2-5-260628":            Seedance25,
		"dreamina-seedance-2-0-260128":          Seedance20,
		"doubao-seedance-2-0-fast-260128":       Seedance20Fast,
		"doubao-seedance-2-0-mini-260615":       Seedance20Mini,
		"seedance-1-5-pro-251215":               Seedance15Pro,
		"doubao-seedance-1-0-pro-250528":        Seedance10Pro,
		"doubao-seedance-1-0-pro-fast-251015":   Seedance10ProFast,
		"doubao-seedance-1-0-lite-t2v-250428":   Seedance10LiteT2V,
		"doubao-seedance-1-0-lite-i2v-250428":   Seedance10LiteI2V,
		"doubao-seedance-9-0-260628":            "",
		"doubao-seededit-3-0-i2i-250628":        Seededit30,
		"doubao-seedream-6-0-270101":            "",
		"doubao-seedream-4-0-turbo-270101":      "",
		"ep-20261101000000-abcde":               "",
		"doubao-seedream-4-0-250828-and-others": "",
	} {
		kind := want.Kind()
		if want == "" {
			kind = VideoModel
		}
		if got := familyOf(kind, id); got != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
		if kind == ImageModel && familyOf(VideoModel, id) != "" {
			t.Errorf("%s makes images, yet has a family of videos", id)
		}
	}
	if got := familyOf(ChatModel, "ep-1"); got != ChatFamily {
		t.Errorf("chat: %q", got)
	}
}

// What the configuration accepts, the driver must know.
func TestFamiliesAreThoseOfTheDriver(t *testing.T) {
	t.Parallel()
	var ours []ark.Family
	for _, name := range Family("").values() {
		if Family(name) == ChatFamily {
			continue
		}
		p, known := ark.ProfileOf("ep-1", ark.Family(name))
		if !known || string(p.Kind) != string(Family(name).Kind()) {
			t.Errorf("%s: the driver knows it: %t, as %s", name, known, p.Kind)
		}
		ours = append(ours, p.Family)
	}
	theirs := slices.Sorted(slices.Values(ark.Families()))
	if slices.Sort(ours); !slices.Equal(ours, theirs) {
		t.Errorf("the driver knows %v, we %v", theirs, ours)
	}
	for _, m := range DefaultModels("ark") {
		if p, known := ark.ProfileOf(m.ID, ""); m.Kind != ChatModel && (!known || string(p.Kind) != string(m.Kind)) {
			t.Errorf("%s: the driver does not know %s as %s", m.Name, m.ID, m.Kind)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"addr", "public_url", "trust_forwarded", "cors"}
	for name, want := range map[string]string{"adr": "addr", "public-url": "public_url", "trustForwarded": "trust_forwarded", "bucket": "", "x": ""} {
		if got := nearest(name, names); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// A setting of a type that cannot be set would be found by its user.
func TestEverySettingCanBeSet(t *testing.T) {
	t.Parallel()
	for path, f := range settings(specimen(reflect.TypeFor[Config]()), "") {
		text := f.tag.Get("default")
		if e, ok := reflect.TypeAssert[choice](f.value); ok {
			text = e.values()[0]
		}
		if err := setText(f.value, text); err != nil {
			t.Errorf("%s set to %q: %v", path, text, err)
		}
		l := newLoader(Source{})
		if _, at, ok := l.locate(l.root(), "", variableOf(path)[len(envPrefix):]); !ok || at != path {
			t.Errorf("%s finds %q, want %s", variableOf(path), at, path)
		}
	}
}
