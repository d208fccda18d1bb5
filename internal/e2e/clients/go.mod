module github.com/tintypehq/tintype/internal/e2e/clients

go 1.26.0

require (
	github.com/openai/openai-go/v3 v3.98.0
	github.com/tintypehq/tintype v0.0.0
)

require (
	github.com/aws/aws-sdk-go-v2 v1.47.8 // indirect
	github.com/aws/smithy-go v1.28.8 // indirect
	github.com/coder/websocket v1.8.15 // indirect
	github.com/tidwall/gjson v1.20.0 // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.1 // indirect
	github.com/tidwall/sjson v1.2.5 // indirect
	go.uber.org/goleak v1.3.0 // indirect
)

replace github.com/tintypehq/tintype => ../../..
