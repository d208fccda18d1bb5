package config

// Telemetry is how the service is watched beside its log and its metrics.
type Telemetry struct {
	Traces Traces `yaml:"traces"`
}

// Traces are OpenTelemetry's: one for each request and its job, through queue,
// submission, generation, mirror and webhooks.
type Traces struct {
	// Endpoint is the base URL of an OTLP receiver over HTTP, such as a collector's
	// http://127.0.0.1:4318. Empty: no traces.
	Endpoint string `yaml:"endpoint"`

	// Sample is the share of requests that are traced, of those that do not bring a
	// trace of their own (traceparent).
	Sample float64 `yaml:"sample" default:"1" range:"0..1"`
}

func (l *loader) checkTelemetry() {
	l.checkURL("telemetry.traces.endpoint", l.cfg.Telemetry.Traces.Endpoint)
}
