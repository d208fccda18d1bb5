package simulator_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"image"
	_ "image/jpeg"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/internal/cli"
	"github.com/tintypehq/tintype/internal/cli/simulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run is a command line of ours.
type run func(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int

func call(t *testing.T, line run, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = line(t.Context(), args, nil, &out, &errs)
	return code, out.String(), errs.String()
}

// TestSameCommand: `tintype sim` is the same in the simulator's own program as in the
// whole one.
func TestSameCommand(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, args := range []string{
		"sim --addr " + taken.Addr().String(),
		"sim --help", "help sim", "sim extra", "sim --adr x", "sim --addr", "sim --image-time=-1s", "sim --video-time soon",
		"sim --addr 127.0.0.1:one", "health http://127.0.0.1:1/", "health 127.0.0.1:1", "version", "--bogus",
	} {
		code, stdout, stderr := call(t, simulator.Run, strings.Fields(args)...)
		wantCode, wantOut, wantErr := call(t, cli.Run, strings.Fields(args)...)
		if code != wantCode || stdout != wantOut || stderr != wantErr {
			t.Errorf("%s: exit code %d\n%s%s\nwant %d\n%s%s", args, code, stdout, stderr, wantCode, wantOut, wantErr)
		}
	}
}

// TestNothingElse: it has these commands, and says so of any other.
func TestNothingElse(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"run", "image a fox", "config check", "help demo"} {
		code, stdout, stderr := call(t, simulator.Run, strings.Fields(args)...)
		if code != 2 || stdout != "" || !strings.Contains(stderr, "but sim, health, version\n") {
			t.Errorf("%s: exit code %d, %q %q", args, code, stdout, stderr)
		}
	}
	if code, stdout, stderr := call(t, simulator.Run); code != 0 || stderr != "" || !strings.Contains(stdout, "\n  sim ") {
		t.Errorf("without arguments: exit code %d, %q %q", code, stdout, stderr)
	}
	if code, _, stderr := call(t, simulator.Run, "health"); code != 2 || !strings.Contains(stderr, "<url>") {
		t.Errorf("health of nothing: exit code %d, %q", code, stderr)
	}
}

// TestGenerate has the program make a picture, as a test of somebody else's would.
func TestGenerate(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	in, out := io.Pipe()
	var stderr bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- simulator.Run(ctx, []string{"sim", "--addr", "127.0.0.1:0", "--image-time", "0s"}, nil, out, &stderr)
		_ = out.Close()
	}()
	base := ""
	lines := bufio.NewScanner(in)
	for base == "" && lines.Scan() {
		base = regexp.MustCompile(`http://[0-9.:]+`).FindString(lines.Text())
	}
	said := make(chan error, 1)
	go func() { _, err := io.Copy(io.Discard, in); said <- err }()
	if code, _, stderr := call(t, simulator.Run, "health", base+"/_sim/"); code != 0 {
		t.Errorf("health: exit code %d, %s", code, stderr)
	}
	picture, err := generate(ctx, base)
	if err != nil {
		t.Fatal(err)
	}
	if shown, kind, err := image.DecodeConfig(bytes.NewReader(picture)); err != nil || kind != "jpeg" || shown.Width < 100 {
		t.Errorf("%d bytes are %s, %+v, %v", len(picture), kind, shown, err)
	}
	interrupt()
	if c, err := <-code, <-said; c != 0 || err != nil {
		t.Errorf("exit code %d, %v\n%s", c, err, stderr.String())
	}
}

// generate asks for a picture and fetches it.
func generate(ctx context.Context, base string) ([]byte, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	do := func(method, url, body string) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
		if err != nil {
			return nil, err
		}
		if body != "" {
			req.Header = http.Header{"Authorization": {"Bearer sim-me"}, "Content-Type": {"application/json"}}
		}
		resp, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		defer func() { _ = resp.Body.Close() }()
		return io.ReadAll(resp.Body)
	}
	answer, err := do(http.MethodPost, base+"/api/v3/images/generations", `{"model": "doubao-seedream-4-0-250828", "prompt": "a tintype of a fox", "size": "1K"}`)
	if err != nil {
		return nil, err
	}
	var made struct{ Data []struct{ URL string } }
	if err := json.Unmarshal(answer, &made); err != nil || len(made.Data) != 1 {
		return answer, err
	}
	return do(http.MethodGet, made.Data[0].URL, "")
}
