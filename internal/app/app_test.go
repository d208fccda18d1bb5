package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/internal/health"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
	"github.com/tintypehq/tintype/internal/testserver"
	"github.com/tintypehq/tintype/internal/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRedisOptions(t *testing.T) {
	t.Parallel()
	url := config.NewPrivateURL
	tests := []struct {
		name string
		in   config.Redis
		want string // address, user, password, database, TLS
	}{
		{"plain", config.Redis{URL: url("redis://h:6379/2")}, "h:6379 - - 2 false"},
		{"user and password", config.Redis{URL: url("redis://u:p@h:6379")}, "h:6379 u p 0 false"},
		{"password beside a user", config.Redis{URL: url("redis://u@h:1"), Password: account.NewSecret("p")}, "h:1 u p 0 false"},
		{"TLS", config.Redis{URL: url("rediss://h:6379")}, "h:6379 - - 0 true"},
		{"unix", config.Redis{URL: url("unix:///run/redis.sock?db=3")}, "/run/redis.sock - - 3 false"},
		{"sentinel", config.Redis{Sentinel: config.Sentinel{Master: "m", Addrs: []string{"s:26379"}}, DB: 1}, "s:26379 - - 1 false"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, err := redisOptions(tt.in, nil)
			if err != nil {
				t.Fatal(err)
			}
			or := func(s string) string {
				if s == "" {
					return "-"
				}
				return s
			}
			got := strings.Join([]string{
				o.Addrs[0], or(o.Username), or(o.Password), string(rune('0' + o.DB)), map[bool]string{true: "true", false: "false"}[o.TLSConfig != nil],
			}, " ")
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if _, err := redisOptions(config.Redis{URL: url("http://u:hunter2@h")}, nil); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("err = %v", err)
	}
}

// A setting that can be zero reaches the driver as what it says.
func TestVisibilityLagReachesTheDriver(t *testing.T) {
	t.Parallel()
	video := job.Spec{Kind: job.Video, UpstreamModel: "doubao-seedance-2-0-260128"}
	for set, want := range map[string]time.Duration{"": time.Minute, "0s": 0, "90s": 90 * time.Second} {
		c, err := config.Load(config.Source{Role: config.ForEmbedded, Environ: []string{
			"TINTYPE_ARK_API_KEYS=k", "TINTYPE_UPSTREAMS_0_VISIBILITY_LAG=" + set,
		}})
		if err != nil {
			t.Fatal(err)
		}
		s, err := openServices(c)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.byName["ark"].driver.Recovery(video); !got.ByLookup || got.VisibleWithin != want {
			t.Errorf("%q: %+v", set, got)
		}
		s.Close()
	}
}

func TestVisibilityLagReachesTheSimulator(t *testing.T) {
	t.Parallel()
	for set, visible := range map[string]bool{"0s": true, "10m": false} {
		c, err := config.Load(config.Source{Role: config.ForEmbedded, Environ: []string{"TINTYPE_SIM_VISIBILITY_LAG=" + set}})
		if err != nil {
			t.Fatal(err)
		}
		stop, err := startSim(t.Context(), c, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		s, err := openServices(c)
		if err != nil {
			t.Fatal(err)
		}
		driver, acct := s.byName["sim"].driver, accountsOf(s.byName["sim"].config)[0]
		sub := upstream.Submission{Job: "j", Spec: job.Spec{Kind: job.Video, Prompt: "x", UpstreamModel: "doubao-seedance-2-0-260128"}}
		got, err := driver.Submit(t.Context(), acct, sub)
		if err != nil {
			t.Fatal(err)
		}
		if id, err := driver.Lookup(t.Context(), acct, sub); err != nil || (id == got.UpstreamID) != visible || (id == "") == visible {
			t.Errorf("%s: found %q (%v), made %q", set, id, err, got.UpstreamID)
		}
		s.Close()
		stop()
	}
}

func TestDurabilityIsJudged(t *testing.T) {
	t.Parallel()
	good := testserver.Redis(t)
	bad := testserver.Redis(t, "--appendonly", "no", "--maxmemory-policy", "allkeys-lru")
	for addr, want := range map[string]int{good.Addr: 0, bad.Addr: 2} {
		rdb, stop, err := openRedis(config.Redis{URL: config.NewPrivateURL("redis://" + addr)})
		if err != nil {
			t.Fatal(err)
		}
		if wrong := durability(t.Context(), rdb); len(wrong) != want {
			t.Errorf("found %q, want %d", wrong, want)
		}
		stop()
	}
}

func TestEmbeddedRedisForgetsInTime(t *testing.T) {
	t.Parallel()
	rdb, stop, err := openRedis(config.Redis{})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := rdb.Set(t.Context(), "k", "v", 1_500_000_000).Err(); err != nil {
		t.Fatal(err)
	}
	for rdb.Exists(t.Context(), "k").Val() == 1 { // its clock is moved on each second
		if t.Context().Err() != nil {
			t.Fatal("the key never expired")
		}
	}
}

func TestMainRefusesWhatItCannotStart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(file, []byte("server: {adr: x}\nredis: {url: 'redis://:hunter2@h:bad'}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--nonsense"}, exitMisused, "nonsense"},
		{[]string{"extra"}, exitMisused, `unexpected argument "extra"`},
		{[]string{"--config", file}, exitMisused, "server.adr"},
		{[]string{"--config", filepath.Join(t.TempDir(), "none.yaml")}, exitMisused, "none.yaml"},
		{[]string{"--version"}, exitOK, "api "},
		{[]string{"--help"}, exitOK, "-config"},
		{[]string{"health", "--help"}, exitOK, "api health [flags]"},
		{[]string{"--live"}, exitMisused, "`api health`"},
		{[]string{"--roles", "submit"}, exitMisused, "-roles"}, // the worker's alone
	}
	for _, tt := range tests {
		var out bytes.Buffer
		if code := Main(API, tt.args, nil, &out, &out); code != tt.code || !strings.Contains(out.String(), tt.says) || strings.Contains(out.String(), "hunter2") {
			t.Errorf("%v: exit %d and %q, want %d and %q", tt.args, code, out.String(), tt.code, tt.says)
		}
	}
}

// The program beside it is asked where its own settings say that it listens.
func TestMainAsksForHealth(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	addr := strings.TrimPrefix(srv.URL, "http://")
	settings := []string{
		"TINTYPE_REDIS_URL=redis://h:6379", "TINTYPE_AUTH_PASS_THROUGH=false", "TINTYPE_ARK_API_KEYS=k", "TINTYPE_STORAGE_DRIVER=file",
		"TINTYPE_SERVER_ADDR=127.0.0.1:1", "TINTYPE_WORKER_ADDR=" + addr,
	}
	for _, tt := range []struct {
		program Program
		args    []string
		says    string
	}{
		{API, []string{"health"}, "api health: nothing listens at 127.0.0.1:1"},
		{API, []string{"health", "--addr", addr, "--live"}, "api health: http://" + addr + "/healthz says 404"},
		{Worker, []string{"health"}, "worker health: http://" + addr + "/readyz says 404"},
	} {
		var out bytes.Buffer
		if code := Main(tt.program, tt.args, settings, &out, &out); code != exitFailed || !strings.HasPrefix(out.String(), tt.says) {
			t.Errorf("%s %v: exit %d, %q", tt.program, tt.args, code, out.String())
		}
	}
}

func TestRolesOnTheCommandLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	code := Main(Worker, []string{"--roles", "submit,nap"}, nil, &out, &out)
	if code != exitMisused || !strings.Contains(out.String(), "--roles: worker.roles: each of its parts must be one of submit, poll") {
		t.Errorf("exit %d, %q", code, out.String())
	}
}

// What would not work at all ends the start, and what may break a promise does not.
func TestRedisIsExaminedAtTheStart(t *testing.T) {
	t.Parallel()
	narrow := testserver.Redis(t, "--user", "default", "on", "nopass", "~*", "&*", "+@all", "-@scripting")
	forgetful := testserver.Redis(t, "--appendonly", "no")
	for addr, want := range map[string]string{narrow.Addr: "redis.username: this user may not run scripts", forgetful.Addr: ""} {
		rdb, stop, err := openRedis(config.Redis{URL: config.NewPrivateURL("redis://" + addr)})
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		var log bytes.Buffer
		p := &parts{
			Options: Options{Config: &config.Config{Redis: config.Redis{URL: config.NewPrivateURL("redis://" + addr)}}},
			rdb:     rdb, store: redisstore.New(redisstore.Config{Client: rdb}), log: slog.New(slog.NewTextHandler(&log, nil)),
		}
		err = p.examine(t.Context())
		if want == "" && (err != nil || !strings.Contains(log.String(), "appendonly is no")) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("want %q, got %v\n%s", want, err, log.String())
		}
	}
}

func TestRedisVersions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"7.0.15": "7 0 true", "6.2.0-rc1": "6 2 true", "255.255.255": "255 255 true", "": "0 0 false", "unstable": "0 0 false"} {
		major, minor, ok := redisVersion(text)
		if got := fmt.Sprint(major, minor, ok); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestWhereFencesAreKept(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]bool{"": false, "redis": false, "redis+s3": true} {
		cfg, err := config.Load(config.Source{Role: config.ForEmbedded, Environ: []string{"TINTYPE_WORKER_SUBMIT_FENCE=" + setting}})
		if err != nil {
			t.Fatal(err)
		}
		p := &parts{Options: Options{Config: cfg}, services: &services{}}
		if got := p.workerConfig().FenceObjects; got != want {
			t.Errorf("%q: fences in the bucket is %v", setting, got)
		}
	}
}

// An address that is for callers alone keeps no program from being ready: in a
// container it seldom leads anywhere.
func TestReadyWithoutThePublicEndpoint(t *testing.T) {
	t.Parallel()
	bucket := testserver.Versity(t)
	cfg, err := config.Load(config.Source{Role: config.ForEmbedded, Environ: []string{
		"TINTYPE_SERVER_ADDR=127.0.0.1:0", "TINTYPE_STORAGE_DRIVER=s3", "TINTYPE_STORAGE_S3_ENDPOINT=" + bucket.Endpoint, "TINTYPE_STORAGE_S3_BUCKET=" + bucket.Bucket,
		"TINTYPE_STORAGE_S3_ACCESS_KEY_ID=" + bucket.AccessKey, "TINTYPE_STORAGE_S3_SECRET_ACCESS_KEY=" + bucket.SecretKey,
		"TINTYPE_STORAGE_S3_PUBLIC_ENDPOINT=http://127.0.0.1:1",
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var well error
	err = Run(ctx, All, Options{Config: cfg, Stderr: io.Discard, Ready: func(addr string) {
		go func() {
			defer cancel()
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for end := time.Now().Add(30 * time.Second); ; <-tick.C {
				if well = health.Ask(ctx, addr, false); well == nil || time.Now().After(end) {
					return
				}
			}
		}()
	}})
	if err != nil || well != nil {
		t.Errorf("Run = %v; %v", err, well)
	}
}

// A whole program starts, says where it listens, and ends with its context.
func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load(config.Source{Role: config.ForEmbedded, Flags: []config.Flag{
		{Name: "--addr", Setting: "server.addr", Value: "127.0.0.1:0"},
		{Name: "--data", Setting: "storage.file.dir", Value: t.TempDir()},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var log bytes.Buffer
	ready := false
	err = Run(ctx, All, Options{Config: cfg, Stderr: &log, Version: "test", Ready: func(addr string) {
		ready = strings.HasPrefix(addr, "127.0.0.1:")
		cancel()
	}})
	if err != nil || !ready {
		t.Errorf("Run = %v, ready %v\n%s", err, ready, log.String())
	}
}
