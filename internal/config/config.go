// Package config turns one YAML file, the environment and the command line
// into typed settings, and is the only package that reads any of them.
//
// # Settings
//
// A setting is a field of [Config] or of a section in it. Its dotted path
// ("redis.url", "upstreams[0].accounts[1].key") is made of the yaml tags. The
// default tag is its default, in the notation of the file; without one it is
// empty, false or zero, and its comment says what that means. The range tag
// holds the smallest and the largest value allowed. Both tags are what the
// program obeys, so they cannot drift from the documentation; a test holds
// tintype.example.yaml to them.
//
// Durations are written as in Go, with days added: "15s", "1h30m", "7d".
// Sizes are written "64KiB", "10MB" or in plain bytes. A list may be written
// as one text with commas.
//
// # Where a setting comes from
//
// Later ones win: its default, the file, its environment variable, a flag of
// the command line. The variable of a setting is TINTYPE_ and its path in
// capitals: TINTYPE_REDIS_URL, TINTYPE_UPSTREAMS_0_ACCOUNTS_1_KEY. An empty
// variable counts as unset. TINTYPE_CONFIG names the file, and
// TINTYPE_ARK_API_KEYS=k1,k2 adds the accounts ark-1 and ark-2 to the upstream
// "ark", which it creates if need be: enough to run against Ark without a
// file. In texts of the file, ${VAR} and ${VAR:-default} are replaced from the
// environment; $${ stands for ${ itself.
//
// # Problems
//
// All problems are reported at once, before anything is connected to. Each
// names the setting and the line or variable that it came from. None of them
// quotes a value, except for numbers, so that no secret reaches a log.
package config

// Config is every setting of every program. Each program reads the sections
// that concern it. Load makes one; it is read-only afterwards.
type Config struct {
	Log       Log       `yaml:"log"`
	Telemetry Telemetry `yaml:"telemetry"`
	Server    Server    `yaml:"server"`
	Worker    Worker    `yaml:"worker"`
	Redis     Redis     `yaml:"redis"`
	Storage   Storage   `yaml:"storage"`
	Media     Media     `yaml:"media"`
	Auth      Auth      `yaml:"auth"`
	Security  Security  `yaml:"security"`
	Wait      Wait      `yaml:"wait"`
	Limits    Limits    `yaml:"limits"`
	Fairness  Fairness  `yaml:"fairness"`
	Image     Image     `yaml:"image"`
	Video     Video     `yaml:"video"`
	Chat      Chat      `yaml:"chat"`
	Fetch     Fetch     `yaml:"fetch"`
	Webhooks  Webhooks  `yaml:"webhooks"`
	Retention Retention `yaml:"retention"`

	// Upstreams are the services that generate. A deployment needs at least
	// one; `tintype run` without any uses its built-in simulator.
	Upstreams []Upstream `yaml:"upstreams"`

	// Models are the names that callers may ask for. Empty: the table of
	// DefaultModels on the first upstream.
	Models []Model `yaml:"models"`

	Sim Sim `yaml:"sim"`

	role    Role
	file    string            // that was read; empty: none
	origins map[string]origin // by path; a setting that is missing has its default
}

// Role is the program that the settings are for. It decides which settings
// are required; the defaults are the same for all but ForEmbedded.
type Role string

// The roles. The empty Role stands for both deployed programs, which is how
// `tintype config check` reads a file.
const (
	ForAPI      Role = "api"
	ForWorker   Role = "worker"
	ForEmbedded Role = "embedded" // `tintype run`: everything in one process, nothing required
)

// api tells whether the role includes the API of a deployment.
func (r Role) api() bool { return r == ForAPI || r == "" }

// deployed tells whether the role runs on shared, durable parts.
func (r Role) deployed() bool { return r != ForEmbedded }
