package app

import (
	"fmt"
	"strings"

	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/ark"
	"github.com/tintypehq/tintype/internal/upstream/openai"
)

// modelTable fills the configured models with what they can do. One with fallbacks
// can do what each of its places can.
func modelTable(c *config.Config) ([]upstream.Model, error) {
	out := make([]upstream.Model, 0, len(c.Models))
	for _, m := range c.Models {
		model := upstream.Model{
			Name: m.Name, Aliases: m.Aliases, Kind: upstream.ModelKind(m.Kind), Upstream: m.Upstream, ID: m.ID,
			Default: m.Default, Ratios: m.Ratios, Thinking: string(m.Thinking),
		}
		if !fill(c, &model, m.Family) {
			return nil, fmt.Errorf("models: %q: its family is not known; set models[].family", m.Name)
		}
		for _, f := range m.Fallbacks {
			model.Fallbacks = append(model.Fallbacks, job.Place{Upstream: f.Upstream, UpstreamModel: f.ID})
			place := upstream.Model{Kind: model.Kind, Upstream: f.Upstream, ID: f.ID}
			if !fill(c, &place, familyAt(c, f)) {
				ark.ProfileOfAny(place.Kind).Fill(&place)
			}
			if err := model.Narrow(place); err != nil {
				return nil, fmt.Errorf("models: %q: fallbacks: %w; leave that fallback out", m.Name, err)
			}
		}
		out = append(out, model)
	}
	return out, nil
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
