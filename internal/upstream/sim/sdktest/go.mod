module github.com/tintypehq/tintype/internal/upstream/sim/sdktest

go 1.26.0

require (
	github.com/tintypehq/tintype v0.0.0
	github.com/volcengine/volcengine-go-sdk v1.2.49
)

require (
	github.com/google/uuid v1.6.0 // indirect
	github.com/jmespath/go-jmespath v0.4.0 // indirect
	github.com/klauspost/compress v1.13.5 // indirect
	github.com/volcengine/volc-sdk-golang v1.0.23 // indirect
	golang.org/x/image v0.47.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	gopkg.in/yaml.v2 v2.2.8 // indirect
)

replace github.com/tintypehq/tintype => ../../../..
