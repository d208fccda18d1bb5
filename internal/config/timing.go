package config

import "time"

// Image is the timing of image jobs.
type Image struct {
	// Deadline is when a job that is not final fails.
	Deadline time.Duration `yaml:"deadline" default:"10m" range:"10s..1d"`

	// SubmitTimeout is the time for one submit call. Ark makes the image within
	// it, so short ones turn paid images into unknown outcomes.
	SubmitTimeout time.Duration `yaml:"submit_timeout" default:"180s" range:"5s..30m"`

	// Harvest is how long after the deadline an image is still taken that comes
	// late: the failed job succeeds then.
	Harvest time.Duration `yaml:"harvest" default:"1h" range:"1s..7d"`
}

// Video is the timing of video jobs.
type Video struct {
	// Deadline is when a job that is not final fails.
	Deadline time.Duration `yaml:"deadline" default:"60m" range:"10s..3d"`

	// SubmitTimeout is the time for one submit call.
	SubmitTimeout time.Duration `yaml:"submit_timeout" default:"60s" range:"5s..30m"`

	// Poll is when a running job is asked after. It holds for images, too, where
	// the upstream shows them only after the submission's answer.
	Poll Cadence `yaml:"poll"`

	// UnknownHold is how long a job keeps its account's slot when nobody can tell
	// whether its submission was accepted, since the upstream may be at work on
	// it. An image is made during the submit call and holds it as long as that
	// may take.
	UnknownHold time.Duration `yaml:"unknown_hold" default:"5m" range:"0s..6h"`

	// Harvest is how long after the deadline the upstream is still asked after a
	// video: the failed job succeeds when it comes.
	Harvest time.Duration `yaml:"harvest" default:"6h" range:"1s..7d"`

	// HarvestInterval is the wait between two questions then.
	HarvestInterval time.Duration `yaml:"harvest_interval" default:"1m" range:"100ms..1h"`
}

// Cadence is when a running job is asked after.
type Cadence struct {
	// First is the wait before the first question.
	First time.Duration `yaml:"first" default:"3s" range:"100ms..10m"`

	// Interval is the wait before the second.
	Interval time.Duration `yaml:"interval" default:"3s" range:"100ms..10m"`

	// Growth is by how much each wait is longer than the one before.
	Growth float64 `yaml:"growth" default:"1.2" range:"1..10"`

	// MaxInterval is the longest wait; at least Interval.
	MaxInterval time.Duration `yaml:"max_interval" default:"10s" range:"100ms..1h"`

	// Jitter is the share of a wait that is random: 0.1 is ±10 %.
	Jitter float64 `yaml:"jitter" default:"0.1" range:"0..0.5"`

	// Timeout is the time for one status call.
	Timeout time.Duration `yaml:"timeout" default:"20s" range:"1s..5m"`
}

// Chat is the timing of chat calls.
type Chat struct {
	// HeaderTimeout is the wait for the upstream's first byte.
	HeaderTimeout time.Duration `yaml:"header_timeout" default:"120s" range:"1s..30m"`

	// IdleTimeout is the longest pause within a stream.
	IdleTimeout time.Duration `yaml:"idle_timeout" default:"120s" range:"1s..30m"`
}

// Sim is the built-in simulator of `tintype run`.
type Sim struct {
	// Enabled starts it. The default of `tintype run` is true as long as no
	// upstream is configured; the deployed programs have no simulator.
	Enabled bool `yaml:"enabled" default:"false"`

	// Addr is where it listens, host:port, on loopback.
	Addr string `yaml:"addr" default:"127.0.0.1:0"`

	// ImageTime and VideoTime are how long it takes for one.
	ImageTime time.Duration `yaml:"image_time" default:"2s" range:"0s..1h"`
	VideoTime time.Duration `yaml:"video_time" default:"6s" range:"0s..1h"`

	// VisibilityLag is how long a new video is missing from the list of tasks.
	VisibilityLag time.Duration `yaml:"visibility_lag" default:"0s" range:"0s..10m"`
}
