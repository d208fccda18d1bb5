package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/testlog"
)

// TestTerminalThatGoes closes the terminal of `tintype run` while a request is on the
// wire, and says so twice, as the shell and the kernel do. The caller learns of its job
// before the short grace of a laptop is over, and the request is seen to its end. One that
// was started by nohup goes on.
func TestTerminalThatGoes(t *testing.T) {
	t.Parallel()
	t.Run("run", func(t *testing.T) {
		t.Parallel()
		// Whoever runs the tests may ignore the signal, and a child would inherit that; not
		// where it is heard.
		heard := make(chan os.Signal, 1)
		signal.Notify(heard, syscall.SIGHUP)
		defer signal.Stop(heard)
		p := laptop(t, "tintype")
		answered := make(chan error, 1)
		go func() { answered <- askFox(t.Context(), p.base(), "a fox sim:ready=6s") }()
		p.awaitLine(t, "a submission begins")
		for range 2 {
			p.hangUp(t)
		}
		p.awaitLine(t, "SIGHUP: the terminal has gone")
		if err := <-answered; err == nil || !strings.Contains(err.Error(), `"job_id"`) {
			t.Errorf("the call that was under way: %v", err)
		}
		p.awaitLine(t, "the upstream accepted a submission")
		select {
		case <-p.done:
		case <-time.After(endsWithin):
			t.Fatal("it goes on")
		}
		if code := p.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("exit code %d", code)
		}
	})
	t.Run("nohup", func(t *testing.T) {
		t.Parallel()
		p := laptop(t, "deaf")
		p.hangUp(t)
		if err := askFox(t.Context(), p.base(), "a fox"); err != nil {
			t.Error(err)
		}
		p.stop(t)
	})
}

// laptop is `tintype run`, whose SIGHUP is ignored under the name "deaf".
func laptop(t *testing.T, name string) *program {
	t.Helper()
	p := &program{name: name, file: "tintype", args: []string{"run", "--addr", "127.0.0.1:0", "--data", t.TempDir()}, find: loggedAddress}
	if name == "deaf" {
		shell, err := exec.LookPath("sh")
		if err != nil {
			t.Fatal(err)
		}
		p.file, p.args = shell, append([]string{"-c", `trap "" HUP; exec "$0" "$@"`, filepath.Join(bin, "tintype")}, p.args...)
	}
	t.Cleanup(func() { p.close(t) })
	if err := p.launch(t.Context()); err != nil {
		t.Fatalf("%v; it said:\n%s", err, p.log.Tail(40))
	}
	return p
}

func (p *program) hangUp(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Errorf("SIGHUP: %v", err)
	}
}

func (p *program) awaitLine(t *testing.T, what string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), readyWithin)
	defer cancel()
	if _, err := p.log.Await(ctx, 0, testlog.With(what)); err != nil {
		t.Fatalf("it never said %q: %s", what, p.log.Tail(40))
	}
}

// askFox makes a blocking call for an image.
func askFox(ctx context.Context, base, prompt string) error {
	body := fmt.Sprintf(`{"prompt":%q}`, prompt)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/images/generations", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer pooled")
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(b), `"url"`) {
		return fmt.Errorf("%s %s", resp.Status, b)
	}
	return nil
}
