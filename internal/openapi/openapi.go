// Package openapi holds the description of the public API.
package openapi

import (
	_ "embed"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed openapi.yaml
var text []byte

// Document is the description in OpenAPI 3.1, as JSON. It is made when it is first
// asked for: few processes ever are.
var Document = sync.OnceValues(func() ([]byte, error) { return yaml.YAMLToJSON(text) })
