package e2e_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/testserver"
)

// canary is in every secret of a cluster and in nothing else, so that one look
// for it (leaks_test.go) finds any of them where it must not be.
const canary = "c4naQ7xR2mW9tLkV5bNz81Hy"

// The credentials of a cluster.
const (
	pooled     = "pooled"
	gatewayKey = "tt_e2e_website_" + canary
	holdKey    = "tt_e2e_patient_" + canary
	windowKey  = "tt_e2e_repeater_" + canary
	ownKey     = "sim-own-" + canary
)

// poolKeys are those of the pooled accounts by the variables that hold them: two
// accounts for each upstream of the settings.
func poolKeys() map[string]string {
	keys := map[string]string{}
	for _, upstream := range []string{"POOL_KEY", "STUDIO_KEY", "RELAY_KEY", "WEB_SESSION"} {
		for i := 1; i <= 2; i++ {
			name := fmt.Sprintf("%s_%d", upstream, i)
			keys[name] = "sim-" + name + "-" + canary
		}
	}
	return keys
}

// How many jobs the settings let run at once.
const (
	poolLimit = 3 // on each pooled account, unless the plan says otherwise
	ownLimit  = 2 // on a caller's own credential
)

// lease is worker.lease in the settings.
const lease = 3 * time.Second

// cluster is the service as a deployment has it, all on this machine, in the
// hands of one test.
type cluster struct {
	*testing.T
	*rig
}

// in hands the cluster to a subtest.
func (c *cluster) in(t *testing.T) *cluster {
	t.Helper()
	return &cluster{t, c.rig}
}

// rig is what a cluster is made of.
type rig struct {
	redis   *testserver.RedisServer
	s3      *testserver.S3Server
	sim     *program
	apis    []*program
	workers []*program

	rdb    *redis.Client
	client *http.Client
	env    []string // of the programs
	limit  int      // on each pooled account
	doors  doors
	skews  map[string]time.Duration
	old    []string           // programs that come from an earlier commit
	idle   map[string]float64 // goroutines of each program at its start
	named  atomic.Int64
	leaks  leakBook // secrets in answers
}

// plan is how a cluster differs from the usual one. The zero value is that.
type plan struct {
	settings []string // TINTYPE_…=… variables, which win over the file
	environ  []string // further variables of the programs
	limit    int      // how many jobs each pooled account may run; 0: poolLimit
	sim      []string // further arguments of the simulator
	wired    bool     // proxies stand between the programs; see doors
	upstream string   // where the upstream is for the programs, if not where the simulator is

	// skews are the errors of the programs' clocks, by their names; those named
	// come from another build. Nil: none.
	skews map[string]time.Duration

	// old are the programs that come from an earlier commit; see TestVersionSkew.
	old []string

	// unchecked is for a test that takes the records away by which the checker
	// knows what was promised.
	unchecked bool
}

// variables are those that follow from the plan.
func (p plan) variables() []string {
	out := append(slices.Clone(p.settings), p.environ...)
	if p.limit != 0 {
		for i := range len(poolKeys()) {
			out = append(out, fmt.Sprintf("TINTYPE_UPSTREAMS_%d_ACCOUNTS_%d_MAX_IN_FLIGHT=%d", i/2, i%2, p.limit))
		}
	}
	return out
}

// start starts a cluster that lives as long as the test and is checked at its
// end. settings are TINTYPE_…=… variables, which win over the file.
func start(t *testing.T, settings ...string) *cluster {
	t.Helper()
	return plan{settings: settings}.start(t)
}

func (p plan) start(t *testing.T) *cluster {
	t.Helper()
	c := bare(t)
	c.limit, c.skews, c.old = cmp.Or(p.limit, poolLimit), p.skews, p.old
	// What Redis writes to disk is kept whole and as it is, for checkSecrets.
	c.redis = testserver.Redis(t, "--rdbcompression", "no", "--auto-aof-rewrite-percentage", "0")
	c.s3 = testserver.Versity(t)
	c.rdb = redis.NewClient(&redis.Options{Addr: c.redis.Addr})
	t.Cleanup(func() { _ = c.rdb.Close() })
	c.sim = &program{
		name: "sim", file: "tintype", find: testserver.SimAddress,
		args: append([]string{"sim", "--addr", "127.0.0.1:0", "--image-time", "300ms", "--video-time", "800ms"}, p.sim...),
	}
	t.Cleanup(func() { c.closeAll(c.sim) })
	c.run(c.sim)
	c.env = append(c.environment(), p.variables()...)
	if p.upstream != "" {
		c.env = append(c.env, "SIM_URL="+p.upstream)
	}
	if p.wired {
		c.doors = c.openDoors("api-1", "api-2", "worker-1", "worker-2")
	}
	c.apis = []*program{c.program("api-1", "api"), c.program("api-2", "api")}
	c.workers = []*program{c.program("worker-1", "worker"), c.program("worker-2", "worker")}
	all := append(slices.Clone(c.apis), c.workers...)
	t.Cleanup(func() { c.closeAll(all...) })
	c.run(all...)
	c.idle = c.goroutines(all)
	t.Cleanup(func() { // the first of all cleanups: the programs still run
		if !t.Failed() && !p.unchecked {
			c.report(c.check())
		}
	})
	return c
}

// bare is a cluster of nothing, with a client to call it.
func bare(t *testing.T) *cluster {
	t.Helper()
	client := &http.Client{
		Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(client.CloseIdleConnections)
	return &cluster{t, &rig{client: client}}
}

// run starts programs side by side.
func (c *cluster) run(programs ...*program) {
	c.Helper()
	failed := make(chan error, len(programs))
	for _, p := range programs {
		go func() {
			err := p.launch(c.ctx())
			if err != nil {
				err = fmt.Errorf("%s does not start: %w; it said:\n%s", p.name, err, p.log.Tail(40))
			}
			failed <- err
		}()
	}
	for range programs {
		if err := <-failed; err != nil {
			c.Fatal(err)
		}
	}
}

// closeAll ends programs side by side.
func (c *cluster) closeAll(programs ...*program) {
	c.Helper()
	for _, p := range programs {
		if p.alive() {
			p.terminate(c.T)
		}
	}
	for _, p := range programs {
		p.close(c.T)
	}
}

// ctx does not end with the test's body: its cleanups call, too.
func (c *cluster) ctx() context.Context { return context.WithoutCancel(c.Context()) }

// program describes one of the service's programs.
func (c *cluster) program(name, file string) *program {
	c.Helper()
	settings, err := filepath.Abs(filepath.Join("testdata", "tintype.yaml"))
	if err != nil {
		c.Fatal(err)
	}
	p := &program{name: name, file: file, args: []string{"--config", settings}, find: loggedAddress}
	p.env = append(slices.Clone(c.env), c.doors.variables(name)...)
	if slices.Contains(c.old, name) {
		p.file = filepath.Join(oldDir, file)
	}
	if skew, wrong := c.skews[name]; wrong {
		p.file = filepath.Join("skewed", file)
		p.env = append(p.env, fmt.Sprintf("CHAOS_CLOCK_SKEW=%d", skew/time.Second))
	}
	return p
}

// environment is what the settings file refers to.
func (c *cluster) environment() []string {
	c.Helper()
	profile, err := filepath.Abs(filepath.Join("testdata", "web.yaml"))
	if err != nil {
		c.Fatal(err)
	}
	out := []string{
		"GORACE=atexit_sleep_ms=0", // else each end takes a second longer
		"TENANT_SECRET=" + canary + rand.Text(), "SEAL_KEY=" + sealKey("e2e"),
		"GATEWAY_KEY=" + gatewayKey, "HOLD_KEY=" + holdKey, "WINDOW_KEY=" + windowKey,
		"REDIS_URL=" + c.redis.URL, "SIM_URL=" + c.sim.base(), "WEB_PROFILE=" + profile,
		"S3_ENDPOINT=" + c.s3.Endpoint, "S3_BUCKET=" + c.s3.Bucket, "S3_REGION=" + c.s3.Region,
		"S3_ACCESS_KEY=" + c.s3.AccessKey, "S3_SECRET_KEY=" + c.s3.SecretKey,
	}
	for name, key := range poolKeys() {
		out = append(out, name+"="+key)
	}
	return out
}

// oldDir is where in bin the programs of an earlier commit are.
const oldDir = "old"

// sealKey makes a key for security.keys.
func sealKey(id string) string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw[copy(raw, canary):]) // never fails
	return id + ":" + base64.StdEncoding.EncodeToString(raw)
}

// loggedAddress finds where an API, or a worker's health, listens.
func loggedAddress(line string) string {
	l := parseLine(line)
	if l.Addr == "" || l.Msg != "the API listens" && l.Msg != "the worker's health is served" {
		return ""
	}
	return "http://" + l.Addr
}

// prompt gives a prompt that no other job of the cluster has, so that the
// simulator's ledger tells which submissions are whose.
func (c *cluster) prompt(text string) string {
	return fmt.Sprintf("%s (picture %d)", text, c.named.Add(1))
}

// report fails the test for what a check has found.
func (c *cluster) report(findings []string) {
	c.Helper()
	for _, f := range findings {
		c.Error("checker: ", f)
	}
}
