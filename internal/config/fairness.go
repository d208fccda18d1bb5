package config

// Fairness is how tenants share the accounts that they wait for: in turns, each
// tenant one after the other, whoever came first with however many.
type Fairness struct {
	// ImageCost and VideoCost are what a job takes of its tenant's share: with 1
	// and 4, a tenant that makes images has four of them for each video of
	// another's.
	ImageCost int `yaml:"image_cost" default:"1" range:"1..1000"`
	VideoCost int `yaml:"video_cost" default:"4" range:"1..1000"`

	// Tenant is what one tenant may have, where its key says nothing else.
	Tenant TenantLimits `yaml:"tenant"`
}

// TenantLimits bound what one tenant may have at once.
type TenantLimits struct {
	// MaxRunning is how many jobs stand in front of the accounts or run on them.
	// What is more waits apart and delays nobody. 0: no limit.
	MaxRunning int `yaml:"max_running" default:"0" range:"0..100000"`

	// RequestsPerMinute is how many jobs get there in a minute; what is more
	// waits. 0: no limit.
	RequestsPerMinute int `yaml:"requests_per_minute" default:"0" range:"0..100000"`

	// MaxWaiting is how many jobs wait. One more is refused: 503, queue_full.
	// 0: no limit.
	MaxWaiting int `yaml:"max_waiting" default:"10000" range:"0..1000000"`
}

// Priority is a job's place among its like.
type Priority string

// The priorities.
const (
	PriorityHigh   Priority = "high"
	PriorityNormal Priority = "normal"
	PriorityLow    Priority = "low"
)

func (Priority) values() []string { return texts(PriorityHigh, PriorityNormal, PriorityLow) }
