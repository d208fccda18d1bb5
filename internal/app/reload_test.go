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
