package app

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/internal/testlog"
	"github.com/tintypehq/tintype/internal/testserver"
)

// TestHangupWithoutFile: a program without a settings file says that it has none, where
// the signal would end a process that does not hear it. This one is the test itself, so
// that no other test may run a program beside it that the signal ends.
func TestHangupWithoutFile(t *testing.T) { //nolint:paralleltest // see above
	source := config.Source{Role: config.ForWorker, Environ: []string{
		"TINTYPE_REDIS_URL=" + testserver.Redis(t).URL, "TINTYPE_AUTH_PASS_THROUGH=false", "TINTYPE_ARK_API_KEYS=k", "TINTYPE_STORAGE_DRIVER=file",
		"TINTYPE_STORAGE_FILE_DIR=" + t.TempDir(), "TINTYPE_WORKER_ADDR=127.0.0.1:0", "TINTYPE_WORKER_ROLES=webhook",
	}}
	c, err := Settings(source)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var log testlog.Book
	awaitLine := func(what string) {
		t.Helper()
		late, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		if _, err := log.Await(late, 0, testlog.With(what)); err != nil {
			t.Fatalf("the log never said %q: %s", what, &log)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, Worker, Options{Config: c, Source: &source, Stderr: &log}) }()
	awaitLine("the worker works")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	awaitLine("there is no settings file that could be read again")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestWhatEndsByHangup: only what somebody has just started in a terminal.
func TestWhatEndsByHangup(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Source{Role: config.ForEmbedded})
	if err != nil {
		t.Fatal(err)
	}
	for program, want := range map[Program]bool{API: false, Worker: false, All: true} {
		if got := endsByHangup(program, c); got != want {
			t.Errorf("%s: %v", program, got)
		}
	}
}
