package doubaoweb_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
	"github.com/tintypehq/tintype/internal/upstream/doubaoweb"
	"github.com/tintypehq/tintype/internal/upstream/sim"
	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "sim-web-session"

func acc() account.Account {
	return account.Account{ID: "a1", Upstream: "web", Secret: account.NewSecret(key), MaxInFlight: 1}
}

func withSecret(s string) account.Secret { return account.NewSecret(s) }

// profile is the default one, changed by YAML, without the waits for an upstream
// that is far away, and with the simulator's host.
func profile(t *testing.T, changes ...string) *doubaoweb.Profile {
	t.Helper()
	text := "media_hosts: [127.0.0.1]\n"
	for _, c := range changes {
		text += c + "\n"
	}
	p, err := doubaoweb.ParseProfile([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p.Upload.Settle = 0
	return p
}

// driver makes a driver for a server.
func driver(t *testing.T, base string, p *doubaoweb.Profile, change ...func(*doubaoweb.Config)) *doubaoweb.Driver {
	t.Helper()
	cfg := doubaoweb.Config{BaseURL: base, Profile: p}
	for _, c := range change {
		c(&cfg)
	}
	d, err := doubaoweb.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// hasty makes every time short.
func hasty(c *doubaoweb.Config) {
	const short = time.Second
	c.ImageTimeout, c.VideoTimeout, c.StatusTimeout, c.UploadTimeout = short, short, short, short
	c.ChatHeaderTimeout, c.ChatIdleTimeout = short, short
}

// kit is a driver and a simulator whose clock stands still.
type kit struct {
	*doubaoweb.Driver
	sim   *sim.Simulator
	clock *clock.Manual
	root  string
}

func newKit(t *testing.T, p *doubaoweb.Profile, change ...func(*doubaoweb.Config)) *kit {
	t.Helper()
	k := &kit{clock: clock.NewManual(time.Now())}
	k.sim = sim.New(sim.Config{Clock: k.clock, ImageTime: -1, ChatChunkDelay: -1})
	srv := httptest.NewServer(k.sim)
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
		k.sim.Close()
	})
	k.root = srv.URL
	k.Driver = driver(t, srv.URL+"/doubaoweb", p, change...)
	return k
}

func image(prompt string) upstream.Submission {
	return upstream.Submission{Job: "01j", Fence: 1, Spec: job.Spec{Kind: job.Image, Prompt: prompt, UpstreamModel: "Seedream 4.0", Ratio: "16:9", Style: "3D"}}
}

func video(prompt string) upstream.Submission {
	return upstream.Submission{Job: "01j", Fence: 1, Spec: job.Spec{Kind: job.Video, Prompt: prompt, UpstreamModel: "seedance_v2.0", Ratio: "16:9"}}
}

// fails takes a driver's error apart and checks what every error promises.
func fails(t *testing.T, err error) *upstream.Error {
	t.Helper()
	e, ok := err.(*upstream.Error) //nolint:errorlint // the contract says that it is one, unwrapped
	if !ok {
		t.Fatalf("the error is %T %v, want *upstream.Error", err, err)
	}
	if e.Fault == nil || e.Fault.Message == "" {
		t.Fatalf("%v has no fault", e)
	}
	return e
}
