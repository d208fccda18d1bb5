package config

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// ratio is an aspect ratio, or what leaves a video's to its first frame.
var ratio = regexp.MustCompile(`^([1-9]\d{0,3}:[1-9]\d{0,3}|adaptive)$`)

// checkModelOptions reports options that another kind of model has, and values that
// no model of the kind has. What this one has its driver knows: package app asks.
func (l *loader) checkModelOptions(path string, m Model) {
	foreign := map[ModelKind][]string{
		ChatModel:  {"ratios", "resolution", "resolutions", "duration", "durations", "generate_audio", "max_n"},
		ImageModel: {"duration", "durations", "generate_audio", "thinking"},
		VideoModel: {"max_n", "thinking"},
	}
	for _, name := range foreign[m.Kind] {
		if at := path + "." + name; l.isSet(at) {
			l.report(at, "has no effect on %s models", m.Kind)
		}
	}
	for i, r := range m.Ratios {
		if !ratio.MatchString(r) {
			l.report(index(path+".ratios", i), "must be two whole numbers, such as \"16:9\", or adaptive")
		}
	}
	l.checkResolutions(path, m)
	l.checkDurations(path, m)
}

func (l *loader) checkResolutions(path string, m Model) {
	known := resolutions(m.Kind)
	const unknown = "must be one of %s for %s models"
	if m.Resolution != "" && !slices.Contains(known, m.Resolution) {
		l.report(path+".resolution", unknown, strings.Join(known, ", "), m.Kind)
	}
	at := path + ".resolutions"
	l.checkNotEmpty(at, len(m.Resolutions))
	for i, r := range m.Resolutions {
		if !slices.Contains(known, r) {
			l.report(index(at, i), unknown, strings.Join(known, ", "), m.Kind)
		}
	}
	if m.Resolution != "" && len(m.Resolutions) > 0 && !slices.Contains(m.Resolutions, m.Resolution) {
		l.report(path+".resolution", "is none of %s, which callers may ask for; make it one of %s, or leave it out for the first of these that fits",
			at, strings.Join(m.Resolutions, ", "))
	}
}

func (l *loader) checkDurations(path string, m Model) {
	if m.Duration%time.Second != 0 {
		l.report(path+".duration", "must be whole seconds")
	}
	at := path + ".durations"
	l.checkNotEmpty(at, len(m.Durations))
	var said []string
	for i, d := range m.Durations {
		if d <= 0 || d%time.Second != 0 {
			l.report(index(at, i), "must be whole seconds, at least one")
		}
		said = append(said, formatDuration(d))
	}
	if m.Duration != 0 && len(m.Durations) > 0 && !slices.Contains(m.Durations, m.Duration) {
		l.report(path+".duration", "is none of %s, which callers may ask for; make it one of %s, or leave it out for the first of these that fits",
			at, strings.Join(said, ", "))
	}
}

// checkNotEmpty reports a list of what is allowed that allows nothing.
func (l *loader) checkNotEmpty(path string, n int) {
	if n == 0 && l.isSet(path) {
		l.report(path, "must name at least one; leave it out to allow all that the model has")
	}
}

func resolutions(kind ModelKind) []string {
	switch kind {
	case ImageModel:
		return []string{"1K", "2K", "3K", "4K"}
	case VideoModel:
		return []string{"480p", "720p", "1080p", "4k"}
	case ChatModel:
	}
	return nil
}
