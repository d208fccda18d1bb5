package e2e_test

import (
	"net/http"
	"strings"

	"github.com/tintypehq/tintype/internal/openapi/openapitest"
)

// described holds a call to the service and its answer against the description
// of the API.
func (c *cluster) described(r request, req *http.Request, a answer) {
	if c.sim != nil && strings.HasPrefix(r.url, c.sim.base()) {
		return
	}
	err := openapitest.Check(openapitest.Exchange{
		Method: req.Method, URL: r.url, RequestBody: []byte(r.body), Request: req.Header,
		Status: a.status, Response: a.header, Body: a.body,
	})
	if err != nil {
		c.Errorf("not as internal/openapi/openapi.yaml has it: %v", err)
	}
}
