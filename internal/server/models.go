package server

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// listModels serves GET /v1/models.
func (s *Server) listModels(c echo.Context) error {
	if _, err := s.authenticate(c, ScopeRead); err != nil {
		return err
	}
	list := tintype.ModelList{Object: tintype.ObjectList, Data: []tintype.Model{}}
	for _, m := range s.cfg.Models.All() {
		list.Data = append(list.Data, viewModel(m, m.Name))
	}
	s.writeJSON(c, http.StatusOK, list)
	return nil
}

// getModel serves GET /v1/models/{id}. Names hold spaces and may hold slashes,
// escaped or not.
func (s *Server) getModel(c echo.Context) error {
	if _, err := s.authenticate(c, ScopeRead); err != nil {
		return err
	}
	name := strings.TrimPrefix(c.Request().URL.Path, "/v1/models/")
	m, ok := s.cfg.Models.Get(name)
	if !ok {
		return fault.Newf(fault.ModelNotFound, "The model %q does not exist. GET /v1/models lists the models.", clip(name)).WithParam("model")
	}
	s.writeJSON(c, http.StatusOK, viewModel(*m, name))
	return nil
}

// count is 1 for models of images, which make one at least.
func count(m upstream.Model) int {
	if m.Kind == upstream.ImageModel {
		return 1
	}
	return 0
}

// viewModel is a model under the name that it was asked for. Who stands behind
// it is not said.
func viewModel(m upstream.Model, name string) tintype.Model {
	return tintype.Model{
		ID: name, Object: tintype.ObjectModel, OwnedBy: "tintype", Kind: tintype.Kind(m.Kind), Ratios: m.Ratios,
		Sizes: m.Sizes, Durations: m.Seconds, Resolutions: m.Resolutions, MaxImages: max(m.MaxCount, count(m)), ReferenceImages: m.ReferenceImages,
		Seed: m.Seed, NegativePrompt: m.NegativePrompt, LastFrame: m.LastFrame, References: m.References,
	}
}
