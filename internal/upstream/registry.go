package upstream

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

// ModelKind is what a model makes: a job's kind, or chat, which is no job.
type ModelKind string

// The kinds of models.
const (
	ChatModel  ModelKind = "chat"
	ImageModel           = ModelKind(job.Image)
	VideoModel           = ModelKind(job.Video)
)

// Model is one public name and what stands behind it.
type Model struct {
	Name     string   // as callers write it; may hold spaces
	Aliases  []string // other names for the same
	Kind     ModelKind
	Upstream string // name in the configuration
	ID       string // the upstream's model id, or an endpoint id
	Default  bool   // used when a request of this kind names no model

	// Fallbacks are where else the model is to be had, in order. Not for chat.
	Fallbacks []job.Place

	// Ratios are the aspect ratios that callers may ask for, the default
	// first. Empty for chat.
	Ratios []string

	// ReferenceImages is how many input images one request may bring, and
	// NeedsImage that it must bring one. Input bounds each of them.
	ReferenceImages int
	NeedsImage      bool
	Input           InputLimits

	// The rest is what else callers may ask for. Empty or zero: the model takes
	// no such field, and a request with one is refused.
	Sizes          []string // "1024x1024"
	MaxCount       int      // images of one request
	MaxTogether    int      // input images and made ones, where several are made; zero: no limit
	Resolutions    []string
	Seconds        []int // lengths of videos
	Seed           bool
	NegativePrompt bool
	LastFrame      bool
	References     int // videos: pictures to go by that are no frames, with no frame beside them

	// Usual is what a request gets that names no resolution or no length, where the
	// operator has narrowed these: the upstream's own may be among what was taken
	// away. Zero: the upstream's own. Withheld are the sizes and resolutions that
	// were taken away, so that such a size is not read as a mere shape.
	Usual    Usual
	Withheld []string

	Thinking string // chat: see ChatRequest
}

// Usual is what goes for requests that do not say.
type Usual struct {
	Resolution string
	Seconds    int
}

// InputLimits bound a model's input images. Zero means no limit.
type InputLimits struct {
	Types                []string // content types, lower case
	MaxBytes             int64    // of one image
	MaxTotalBytes        int64    // of all images of a request
	MaxPixels            int      // width × height
	MinSide, MaxSide     int      // in pixels
	MinAspect, MaxAspect float64
}

// Registry finds models by name. It is read-only and safe for concurrent use.
type Registry struct {
	models   []Model // in the order of the configuration
	byName   map[string]*Model
	defaults map[ModelKind]*Model
}

// NewRegistry builds a registry. Names and aliases must be unique, and each
// kind may have one default; a kind with models but no default has the first.
func NewRegistry(models []Model) (*Registry, error) {
	r := &Registry{
		models:   slices.Clone(models),
		byName:   map[string]*Model{},
		defaults: map[ModelKind]*Model{},
	}
	for i := range r.models {
		m := &r.models[i]
		for _, name := range append([]string{m.Name}, m.Aliases...) {
			if r.byName[name] != nil {
				return nil, fmt.Errorf("models: %q is named twice", name)
			}
			r.byName[name] = m
		}
		if d := r.defaults[m.Kind]; d == nil || m.Default && !d.Default {
			r.defaults[m.Kind] = m
		}
	}
	return r, nil
}

// Find gives the model of a kind under a name; an empty name gives the kind's
// default. Its fault names the field "model" and what can be asked instead.
func (r *Registry) Find(kind ModelKind, name string) (*Model, error) {
	if name == "" {
		if m := r.defaults[kind]; m != nil {
			return m, nil
		}
		return nil, fault.Newf(fault.ModelNotFound, "No %s model is configured here.", kind).WithParam("model")
	}
	m := r.byName[name]
	switch {
	case m == nil:
		return nil, fault.Newf(fault.ModelNotFound, "The model %q does not exist. GET /v1/models lists the models.", clip(name)).WithParam("model")
	case m.Kind != kind:
		return nil, fault.Newf(fault.ModelNotFound, "The model %q makes %s and cannot be used for %s. GET /v1/models lists the models.", m.Name, m.Kind, kind).WithParam("model")
	}
	return m, nil
}

// Get gives the model of any kind under its name or an alias.
func (r *Registry) Get(name string) (*Model, bool) {
	m, ok := r.byName[name]
	return m, ok
}

// All gives the models in the order of the configuration.
func (r *Registry) All() []Model { return slices.Clone(r.models) }

// Names gives all names and aliases, sorted.
func (r *Registry) Names() []string { return slices.Sorted(maps.Keys(r.byName)) }

// clip keeps a caller's own text short in an error message.
func clip(s string) string {
	const most = 100
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
