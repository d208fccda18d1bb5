package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/ark"
	"github.com/tintypehq/tintype/internal/upstream/openai"
)

// Settings reads and checks all settings, as config.Load does, and holds the models
// against what their upstreams can do. Its error is a *config.Error.
func Settings(s config.Source) (*config.Config, error) {
	c, err := config.Load(s)
	if err != nil {
		return nil, err
	}
	_, err = modelTable(c)
	return c, err
}

// modelTable fills the configured models with what they can do and callers may ask
// for. One with fallbacks can do what each of its places can. Its error is a
// *config.Error with everything that is wrong.
func modelTable(c *config.Config) ([]upstream.Model, error) {
	t := table{Config: c, models: make([]upstream.Model, 0, len(c.Models))}
	for i, m := range c.Models {
		t.add(entry{table: &t, path: fmt.Sprintf("models[%d]", i), set: m})
	}
	if len(t.problems) > 0 {
		return nil, &config.Error{Problems: t.problems}
	}
	return t.models, nil
}

// table is the models as far as they were read.
type table struct {
	*config.Config

	models   []upstream.Model
	problems []config.Problem
}

func (t *table) add(e entry) {
	model := upstream.Model{
		Name: e.set.Name, Aliases: e.set.Aliases, Kind: upstream.ModelKind(e.set.Kind), Upstream: e.set.Upstream, ID: e.set.ID,
		Default: e.set.Default, Thinking: string(e.set.Thinking),
	}
	whole := model // what the upstream has, the operator's lists aside
	if !fill(t.Config, &whole, e.set.Family) {
		e.report("family", "is not known; set it")
		return
	}
	if !e.checkValues(whole) {
		return
	}
	model.Ratios, model.Resolutions = slices.Clone(e.set.Ratios), slices.Clone(e.set.Resolutions)
	fill(t.Config, &model, e.set.Family)
	e.narrow(&model, whole)
	e.addFallbacks(&model)
	e.settle(&model, whole.Usual)
	t.models = append(t.models, model)
}

// fill notes in a model what it can do; false if that is not known.
func fill(c *config.Config, m *upstream.Model, family config.Family) bool {
	for _, u := range c.Upstreams {
		switch {
		case u.Name != m.Upstream:
		case u.Driver == config.OpenAIDriver:
			openaiModel(m, u.OpenAI)
			return true
		case u.Driver == config.DoubaoWeb:
			webModel(m)
			return true
		}
	}
	if m.Kind == upstream.ChatModel {
		return true
	}
	p, ok := ark.ProfileOf(m.ID, ark.Family(family))
	if ok {
		p.Fill(m)
	}
	return ok
}

// familyAt is the family that another entry of the table gives a fallback's model.
func familyAt(c *config.Config, f config.Fallback) config.Family {
	for _, m := range c.Models {
		if m.Upstream == f.Upstream && m.ID == f.ID {
			return m.Family
		}
	}
	return ""
}

// webModel fills in what Doubao's web chat is known to make.
func webModel(m *upstream.Model) {
	switch m.Kind {
	case upstream.ChatModel:
		return
	case upstream.ImageModel:
		m.ReferenceImages = 4
	case upstream.VideoModel:
		m.ReferenceImages = 1
	}
	if len(m.Ratios) == 0 {
		m.Ratios = []string{"1:1", "16:9", "9:16", "4:3", "3:4"}
	}
}

// openaiModel fills in what a model of an OpenAI-compatible upstream can do, as far
// as the settings tell.
func openaiModel(m *upstream.Model, o config.OpenAI) {
	sizes, usual := o.ImageSizes, openai.ImageRatios()
	if m.Kind == upstream.VideoModel {
		sizes, usual = o.VideoSizes, openai.VideoRatios()
	}
	switch {
	case m.Kind == upstream.ChatModel || len(m.Ratios) > 0:
	case len(sizes) > 0:
		for _, text := range sizes {
			ratio, _, _ := strings.Cut(text, "=")
			m.Ratios = append(m.Ratios, ratio)
		}
	default:
		m.Ratios = usual
	}
	switch m.Kind {
	case upstream.ImageModel:
		m.MaxCount = o.MaxImages
		if o.Has(config.EditsEndpoint) {
			m.ReferenceImages, m.NeedsImage = 1, !o.Has(config.ImagesEndpoint)
		}
	case upstream.VideoModel:
		m.ReferenceImages = 1
	case upstream.ChatModel:
	}
}
