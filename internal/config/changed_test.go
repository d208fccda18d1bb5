package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tintypehq/tintype/internal/config"
)

func TestChangedBeyondReload(t *testing.T) {
	t.Parallel()
	load := func(text string) *config.Config {
		t.Helper()
		file := filepath.Join(t.TempDir(), "t.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(config.Source{Role: config.ForEmbedded, File: file})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	const head = "sim: {enabled: true}\nupstreams: [{name: s, driver: sim, accounts: [{id: a, key: k, "
	from := load(head + "weight: 1}]}]")
	for text, want := range map[string][]string{
		head + "weight: 1}]}]":                                                 nil,
		head + "weight: 2}, {id: b, key: k}]}]":                                nil,
		head + "weight: 1}], pass_through_max_in_flight: 7}]":                  {"upstreams"},
		head + "weight: 1}]}]\nlimits: {prompt_runes: 10}":                     {"limits"},
		head + "weight: 2}]}]\nfairness: {video_cost: 9}\nlog: {format: json}": {"fairness"},
		head + "weight: 1}]}]\nlog: {level: debug, format: text}":              {"log"},
		head + "weight: 1}]}]\nlog: {level: debug}":                            nil,
	} {
		if got := config.ChangedBeyondReload(from, load(text)); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}
