package config

import (
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// Log is how the program logs, to standard error.
type Log struct {
	// Level is the lowest level that is logged: debug, info, warn or error. Changed
	// in the file it counts at once, without a new start.
	Level Level `yaml:"level" default:"info"`

	// Format is json, or text for reading in a terminal.
	Format Format `yaml:"format" default:"json"`
}

// Level is a log level.
type Level string

// The log levels.
const (
	LevelDebug Level = "debug"
	LevelInfo  Level = "info"
	LevelWarn  Level = "warn"
	LevelError Level = "error"
)

func (Level) values() []string { return texts(LevelDebug, LevelInfo, LevelWarn, LevelError) }

// Slog gives the level in slog's terms.
func (l Level) Slog() slog.Level {
	switch l {
	case LevelDebug:
		return slog.LevelDebug
	case LevelWarn:
		return slog.LevelWarn
	case LevelError:
		return slog.LevelError
	case LevelInfo:
	}
	return slog.LevelInfo
}

// Format is how log lines look.
type Format string

// The log formats.
const (
	FormatJSON Format = "json"
	FormatText Format = "text"
)

func (Format) values() []string { return texts(FormatJSON, FormatText) }

// Server is the HTTP API.
type Server struct {
	// Addr is where the API listens, host:port. Deployments set 0.0.0.0:8080;
	// port 0 takes a free one.
	Addr string `yaml:"addr" default:"127.0.0.1:8080"`

	// PublicURL is how callers reach the API, without a path's last slash; the
	// links in answers begin with it. Empty: the request's own Host.
	PublicURL string `yaml:"public_url"`

	// TrustForwarded believes X-Forwarded-Proto and X-Forwarded-Host when the
	// links are made. Only behind a proxy that sets them itself.
	TrustForwarded bool `yaml:"trust_forwarded" default:"false"`

	// ShutdownDelay is how long a stopping API still takes calls after /readyz
	// began to say no, so that load balancers notice first. Each answer is the last one on
	// its connection then. It is part of
	// ShutdownGrace, and at most half of it.
	ShutdownDelay time.Duration `yaml:"shutdown_delay" default:"0s" range:"0s..5m"`

	// ShutdownGrace is how long a stopping API lets requests finish. The
	// default of `tintype run` is 2s.
	ShutdownGrace time.Duration `yaml:"shutdown_grace" default:"30s" range:"0s..10m"`

	CORS CORS `yaml:"cors"`
}

// CORS is what browsers on other origins may do.
type CORS struct {
	// AllowedOrigins are origins such as https://app.example.com, or * for
	// all. Empty: none.
	AllowedOrigins []string `yaml:"allowed_origins" default:"*"`
}

// Loopback tells whether the API listens for this machine alone.
func (s Server) Loopback() bool {
	host, _, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Worker is the program that submits, polls and mirrors.
type Worker struct {
	// Addr is where the worker shows its health and metrics, host:port.
	Addr string `yaml:"addr" default:"127.0.0.1:9090"`

	// Roles are the stages that this worker runs: submit, poll, mirror, sweep,
	// webhook. Every stage must run in some worker.
	Roles []Stage `yaml:"roles" default:"submit,poll,mirror,sweep,webhook"`

	// SubmitConcurrency is how many submissions one process has under way.
	SubmitConcurrency int `yaml:"submit_concurrency" default:"64" range:"1..4096"`

	// MirrorConcurrency is how many files one process copies at once; bandwidth
	// is what limits it.
	MirrorConcurrency int `yaml:"mirror_concurrency" default:"4" range:"1..64"`

	// WebhookConcurrency is how many webhooks one process sends at once.
	WebhookConcurrency int `yaml:"webhook_concurrency" default:"32" range:"1..1024"`

	// StatusConcurrency is how many status calls one process has under way.
	StatusConcurrency int `yaml:"status_concurrency" default:"64" range:"1..4096"`

	// StatusConcurrencyPerAccount is the same for each account.
	StatusConcurrencyPerAccount int `yaml:"status_concurrency_per_account" default:"4" range:"1..256"`

	// Lease is how long a dead worker's jobs wait for another. It is renewed
	// after a third of it.
	Lease time.Duration `yaml:"lease" default:"15s" range:"3s..5m"`

	// SweepInterval is the time between looks for jobs that nobody holds.
	SweepInterval time.Duration `yaml:"sweep_interval" default:"1s" range:"100ms..1m"`

	// SubmitFence is where the fence of a paid request is kept: redis, or
	// redis+s3, which also writes it once into the bucket, so that a Redis that
	// goes back in time does not make anybody pay twice.
	SubmitFence SubmitFence `yaml:"submit_fence" default:"redis"`

	// ShutdownGrace is how long a stopping worker lets submissions finish. At
	// least the longest submit_timeout, or submissions that were paid for are
	// cut off.
	ShutdownGrace time.Duration `yaml:"shutdown_grace" default:"200s" range:"1s..1h"`
}

// SubmitFence is where fences are kept.
type SubmitFence string

// The places of fences.
const (
	FenceInRedis  SubmitFence = "redis"
	FenceInBucket SubmitFence = "redis+s3"
)

func (SubmitFence) values() []string { return texts(FenceInRedis, FenceInBucket) }

// Stage is a part of a worker's work.
type Stage string

// The stages.
const (
	Submit  Stage = "submit"  // send jobs to their upstream
	Poll    Stage = "poll"    // ask after running jobs
	Mirror  Stage = "mirror"  // copy media into the bucket
	Sweep   Stage = "sweep"   // find jobs that nobody holds
	Webhook Stage = "webhook" // tell receivers of events
)

func (Stage) values() []string { return texts(Submit, Poll, Mirror, Sweep, Webhook) }
