package tintype

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

const pathWebhooks = "/v1/webhooks"

var (
	errNoEndpointID = errors.New("tintype: the endpoint's id is empty")
	errNoDeliveryID = errors.New("tintype: the delivery's id is empty")
)

// WebhookService has receivers told of the jobs of the client's credential, and
// tells what became of that. An endpoint is told of all of them; of one job alone
// [ImageRequest.WebhookURL] is. [VerifyWebhook] is for the receiver.
type WebhookService struct{ client *Client }

// Create makes an endpoint. Its Secret is in this answer and in none that follows.
// Should the answer be lost, [WebhookService.List] tells whether the endpoint was
// made, and [WebhookService.Rotate] gives it a secret that is known.
func (s *WebhookService) Create(ctx context.Context, r WebhookRequest) (*WebhookEndpoint, error) {
	return endpointIn(fetch[WebhookEndpoint](ctx, s.client, http.MethodPost, pathWebhooks, r))
}

// List lists the endpoints, the oldest first.
func (s *WebhookService) List(ctx context.Context) ([]WebhookEndpoint, error) {
	return fetchList[WebhookEndpoint](ctx, s.client, pathWebhooks)
}

// Get gives an endpoint. An id that is unknown or someone else's is an *APIError
// with CodeNotFound.
func (s *WebhookService) Get(ctx context.Context, id string) (*WebhookEndpoint, error) {
	return s.call(ctx, http.MethodGet, id, "", nil)
}

// Update changes an endpoint and gives it as it is then.
func (s *WebhookService) Update(ctx context.Context, id string, change WebhookChange) (*WebhookEndpoint, error) {
	return s.call(ctx, http.MethodPost, id, "", change)
}

// Delete deletes an endpoint. What is still to be delivered there fails.
func (s *WebhookService) Delete(ctx context.Context, id string) error {
	if id == "" {
		return errNoEndpointID
	}
	gone, err := fetch[DeletedWebhook](ctx, s.client, http.MethodDelete, endpointPath(id), nil)
	if err == nil && !gone.Deleted {
		err = errForeign
	}
	return err
}

// Rotate gives an endpoint a new Secret, which is in this answer alone. Until
// OldSecretUntil the one before signs beside it.
func (s *WebhookService) Rotate(ctx context.Context, id string) (*WebhookEndpoint, error) {
	return s.call(ctx, http.MethodPost, id, "/rotate", nil)
}

// Test sends an endpoint an event of the type [EventWebhookTest], once, and tells
// what came of it. That the receiver did not take it is no error of this call: the
// attempt's Error says why.
func (s *WebhookService) Test(ctx context.Context, id string) (*WebhookAttempt, error) {
	if id == "" {
		return nil, errNoEndpointID
	}
	return fetch[WebhookAttempt](ctx, s.client, http.MethodPost, endpointPath(id)+"/test", nil)
}

// Deliveries lists the deliveries of a job's events, the newest event first.
func (s *WebhookService) Deliveries(ctx context.Context, jobID string) ([]WebhookDelivery, error) {
	if jobID == "" {
		return nil, errNoJobID
	}
	return fetchList[WebhookDelivery](ctx, s.client, deliveriesPath(jobID))
}

// Redeliver begins a delivery of a job anew, with all its tries, the first of them
// now. It gives the delivery as it is then.
func (s *WebhookService) Redeliver(ctx context.Context, jobID, deliveryID string) (*WebhookDelivery, error) {
	switch {
	case jobID == "":
		return nil, errNoJobID
	case deliveryID == "":
		return nil, errNoDeliveryID
	}
	return fetch[WebhookDelivery](ctx, s.client, http.MethodPost, deliveriesPath(jobID)+"/"+url.PathEscape(deliveryID)+"/redeliver", nil)
}

func (s *WebhookService) call(ctx context.Context, method, id, rest string, body any) (*WebhookEndpoint, error) {
	if id == "" {
		return nil, errNoEndpointID
	}
	return endpointIn(fetch[WebhookEndpoint](ctx, s.client, method, endpointPath(id)+rest, body))
}

// endpointIn takes no other object for an endpoint.
func endpointIn(e *WebhookEndpoint, err error) (*WebhookEndpoint, error) {
	if err == nil && e.ID == "" {
		return nil, errForeign
	}
	return e, err
}

func endpointPath(id string) string { return pathWebhooks + "/" + url.PathEscape(id) }

func deliveriesPath(jobID string) string {
	return pathJobs + "/" + url.PathEscape(jobID) + "/deliveries"
}
