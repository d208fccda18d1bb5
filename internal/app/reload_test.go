package app

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/config"
)

// TestWrongReload: a file that is wrong changes nothing, and each problem is said.
func TestWrongReload(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "t.yaml")
	write := func(account string) {
		t.Helper()
		text := "sim: {enabled: true}\nupstreams: [{name: sim, driver: sim, accounts: [" + account + "]}]\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	p := &parts{
		Options: Options{Source: &config.Source{Role: config.ForEmbedded, File: file}},
		log:     slog.New(slog.NewTextHandler(&log, nil)),
	}
	write("{id: a, key: k, max_in_flight: 0}")
	if got := p.reread(t.Context()); got != nil || !strings.Contains(log.String(), "upstreams[0].accounts[0].max_in_flight") {
		t.Errorf("a wrong file gives %v; log: %s", got, &log)
	}
	write("{id: a, key: k, max_in_flight: 3}")
	if got := p.reread(t.Context()); got == nil || got.Upstreams[0].Accounts[0].MaxInFlight != 3 {
		t.Errorf("a right file gives %v; log: %s", got, &log)
	}
}

// TestLevelIsReloaded: the log's level counts as soon as it is changed.
func TestLevelIsReloaded(t *testing.T) {
	t.Parallel()
	load := func(level string) *config.Config {
		t.Helper()
		c, err := config.Load(config.Source{Role: config.ForEmbedded, Environ: []string{"TINTYPE_LOG_LEVEL=" + level}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	var log bytes.Buffer
	level := new(slog.LevelVar)
	p := &parts{log: newLog(config.Log{Format: config.FormatText}, level, &log, "api"), level: level, services: &services{}}
	for _, step := range []struct {
		from, to string
		debugs   bool
	}{{"info", "debug", true}, {"debug", "error", false}, {"error", "debug", true}} {
		level.Set(load(step.from).Log.Level.Slog())
		log.Reset()
		if !p.apply(t.Context(), load(step.from), load(step.to)) {
			t.Error("not applied")
		}
		log.Reset()
		p.log.DebugContext(t.Context(), "hello")
		if got := strings.Contains(log.String(), "hello"); got != step.debugs {
			t.Errorf("%s to %s: logged %v", step.from, step.to, got)
		}
	}
}
