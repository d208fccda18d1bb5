package tintype

import "context"

// ModelService tells what the server can make.
type ModelService struct{ client *Client }

// List lists the models and what each takes.
func (s *ModelService) List(ctx context.Context) ([]Model, error) {
	return fetchList[Model](ctx, s.client, "/v1/models")
}
