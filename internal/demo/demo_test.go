package demo_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"image"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/cli/terminal"
	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/internal/demo"
	"github.com/tintypehq/tintype/internal/probe"
	"github.com/tintypehq/tintype/internal/upstream/sim"
)

// quick is a demo by a simulator that hardly takes any time, and its screen.
func quick(t *testing.T) (demo.Options, *bytes.Buffer) {
	t.Helper()
	screen := &bytes.Buffer{}
	o := demo.Options{
		Upstream: demo.Sim, Out: filepath.Join(t.TempDir(), "out"), Version: "test",
		Screen: terminal.Screen{W: screen},
	}
	for _, s := range [][2]string{ // small media: the race detector makes drawing slow
		{"sim.image_time", "20ms"},
		{"sim.video_time", "150ms"},
		{"video.poll.first", "100ms"},
		{"video.poll.interval", "100ms"},
		{"models[0].name", "talker"},
		{"models[0].kind", "chat"},
		{"models[0].id", "doubao-seed-2-0-lite-260428"},
		{"models[1].name", "painter"},
		{"models[1].kind", "image"},
		{"models[1].id", "doubao-seedream-4-0-250828"},
		{"models[1].resolution", "1K"},
		{"models[2].name", "filmer"},
		{"models[2].kind", "video"},
		{"models[2].id", "doubao-seedance-1-0-pro-250528"},
		{"models[2].resolution", "480p"},
	} {
		demo.Set(&o, s[0], s[1])
	}
	return o, screen
}

func TestDemo(t *testing.T) {
	t.Parallel()
	o, screen := quick(t)
	if err := demo.Run(t.Context(), o); err != nil {
		t.Fatalf("%v\n%s", err, screen)
	}
	said := screen.String()
	for _, name := range []string{"image.jpg", "image-to-image.jpg", "video.mp4", "video-cover.png"} {
		data, err := os.ReadFile(filepath.Join(o.Out, name))
		if err != nil {
			t.Error(err)
			continue
		}
		sum := sha256.Sum256(data)
		line := regexp.MustCompile(`(?m)^  ` + regexp.QuoteMeta(name) + ` .*$`).FindString(said)
		if !strings.Contains(line, "sha256 "+hex.EncodeToString(sum[:6])+"…") {
			t.Errorf("%s: the report says %q, the file's SHA-256 is %x", name, line, sum)
		}
		if strings.HasSuffix(name, ".mp4") {
			if facts, err := probe.Bytes(data); err != nil || facts.Duration <= 0 {
				t.Errorf("%s: %+v, %v", name, facts, err)
			}
		} else if _, _, err := image.Decode(bytes.NewReader(data)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"chat.txt", "input.png", "tintype.log"} {
		if info, err := os.Stat(filepath.Join(o.Out, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	for _, want := range []string{
		"video           storing\n", "chat            done: ",
		"waiting    submit  generate    mirror     total\n", "✓ All four are right",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the screen does not say %q:\n%s", want, said)
		}
	}
	if strings.Contains(said, "\x1b") {
		t.Error("there are control sequences on what is no terminal")
	}
}

// arkDemo is a demo against Ark's protocol at another address.
func arkDemo(t *testing.T, key string) (demo.Options, *bytes.Buffer, *sim.Simulator) {
	t.Helper()
	upstream := sim.New(sim.Config{ImageTime: -1, VideoTime: -1, ChatChunkDelay: -1})
	srv := httptest.NewServer(upstream)
	t.Cleanup(func() {
		upstream.Close()
		srv.Close()
	})
	o, screen := quick(t)
	o.Upstream, o.Key, o.BaseURL = demo.Ark, account.NewSecret(key), srv.URL+"/api/v3"
	return o, screen, upstream
}

func TestArk(t *testing.T) {
	t.Parallel()
	o, screen, upstream := arkDemo(t, "sim-mine")
	if err := demo.Run(t.Context(), o); err != nil {
		t.Fatalf("%v\n%s", err, screen)
	}
	ledger := upstream.Ledger()
	if len(ledger.Submissions) != 4 {
		t.Errorf("%d submissions for two images, a video and a chat: %+v", len(ledger.Submissions), ledger.Submissions)
	}
	logged, err := os.ReadFile(filepath.Join(o.Out, "tintype.log"))
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"screen": screen.String(), "log": string(logged)} {
		if strings.Contains(text, "sim-mine") {
			t.Errorf("the key is in the %s:\n%s", what, text)
		}
	}
}

// TestWrongKey wants the upstream's complaint once, in words.
func TestWrongKey(t *testing.T) {
	t.Parallel()
	o, screen, _ := arkDemo(t, "unknown")
	err := demo.Run(t.Context(), o)
	if err == nil {
		t.Fatalf("no error:\n%s", screen)
	}
	if got := err.Error(); strings.Count(got, "does not accept this credential") != 1 ||
		!strings.HasPrefix(got, "image, image to image, video, chat: ") || !strings.HasSuffix(got, "tintype.log.") {
		t.Errorf("the error is %q", got)
	}
}

// TestOneFails has the upstream refuse the video alone.
func TestOneFails(t *testing.T) {
	t.Parallel()
	o, screen, upstream := arkDemo(t, "sim-mine")
	if err := upstream.AddFault(sim.Rule{Match: "paper boat", Fault: "fail"}); err != nil {
		t.Fatal(err)
	}
	err := demo.Run(t.Context(), o)
	if err == nil || !strings.HasPrefix(err.Error(), "video: ") || strings.Contains(err.Error(), "image") {
		t.Errorf("the error is %v", err)
	}
	if said := screen.String(); !strings.Contains(said, "video           failed\n") || !strings.Contains(said, "image           done: ") {
		t.Errorf("the screen says\n%s", said)
	}
}

// TestInterrupted stops the demo while the video is on its way. It sets TMPDIR,
// so it runs alone.
func TestInterrupted(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	o, _ := quick(t)
	demo.Set(&o, "sim.video_time", "1h")
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute) // not for ever
	defer cancel()
	o.Screen.W = writerFunc(func(b []byte) (int, error) {
		if bytes.Contains(b, []byte("video           generating")) {
			cancel()
		}
		return len(b), nil
	})
	if err := demo.Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestKeep wants the service to answer after the demo, until the interrupt.
func TestKeep(t *testing.T) {
	t.Parallel()
	o, _ := quick(t)
	o.Keep = true
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute) // not for ever
	defer cancel()
	var said string
	o.Screen.W = writerFunc(func(b []byte) (int, error) {
		if bytes.Contains(b, []byte("Still serving at http://127.0.0.1:")) {
			said = string(b)
			cancel()
		}
		return len(b), nil
	})
	if err := demo.Run(ctx, o); err != nil {
		t.Error(err)
	}
	if !strings.Contains(said, "the key is pooled") {
		t.Errorf("it says %q", said)
	}
}

func TestCannotStart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o, _ := quick(t)
	o.Out = file
	if err := demo.Run(t.Context(), o); err == nil || !strings.HasPrefix(err.Error(), "the files cannot be saved: ") {
		t.Errorf("with a file as the directory: %v", err)
	}
	o, _ = quick(t)
	o.Upstream, o.Key, o.BaseURL = demo.Ark, account.NewSecret("k"), "ftp://example.com"
	err := demo.Run(t.Context(), o)
	if _, ok := errors.AsType[*config.Error](err); !ok || !strings.Contains(err.Error(), "--base-url") {
		t.Errorf("with a bad address: %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
