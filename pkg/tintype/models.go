package tintype

import (
	"context"
	"net/http"
)

// ModelService tells what the server can make.
type ModelService struct{ client *Client }

// List lists the models and what each takes.
func (s *ModelService) List(ctx context.Context) ([]Model, error) {
	var list ModelList
	if err := s.client.call(ctx, http.MethodGet, "/v1/models", &list); err != nil {
		return nil, err
	}
	return list.Data, nil
}
