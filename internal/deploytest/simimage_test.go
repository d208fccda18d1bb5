package deploytest_test

import (
	"debug/buildinfo"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestSimImage: the simulator's image has its program, what TLS and the user need, and
// nothing else.
func TestSimImage(t *testing.T) {
	t.Parallel()
	var files []string
	dir := filepath.Join(images, simulator)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, strings.TrimPrefix(path, dir))
		}
		return err
	})
	want := []string{"/etc/group", "/etc/passwd", "/etc/ssl/certs/ca-certificates.crt", "/usr/local/bin/tintype"}
	if err != nil || !slices.Equal(files, want) {
		t.Errorf("%v, %v; want %v", files, err, want)
	}
}

// TestSimProgram: the program of that image is made of these modules, whatever the service
// needs beside them (Redis, Asynq, S3, Echo, …), and of these packages of ours.
func TestSimProgram(t *testing.T) {
	t.Parallel()
	path := program(simulator, "/usr/local/bin/tintype")
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for _, dep := range info.Deps {
		modules = append(modules, dep.Path)
	}
	if want := []string{"github.com/alecthomas/kong", "golang.org/x/image", "golang.org/x/sys", "golang.org/x/term", "golang.org/x/text"}; !slices.Equal(modules, want) {
		t.Errorf("it has the modules %v; want %v", modules, want)
	}
	tags := ""
	for _, s := range info.Settings {
		if s.Key == "-tags" {
			tags = s.Value
		}
	}
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", tags, "./cmd/tintype")
	list.Dir = root
	deps, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var ours []string
	for dep := range strings.Lines(string(deps)) {
		dep, is := strings.CutPrefix(strings.TrimSpace(dep), "github.com/tintypehq/tintype/")
		if is && !strings.HasPrefix(dep, "internal/upstream/sim/") {
			ours = append(ours, dep)
		}
	}
	slices.Sort(ours)
	want := []string{"cmd/tintype", "internal/cli/command", "internal/cli/simulator", "internal/cli/terminal", "internal/health", "internal/upstream/sim", "internal/version"}
	if !slices.Equal(ours, want) {
		t.Errorf("it has of ours %v; want %v", ours, want)
	}
}

// TestSimProgramAlone: it does nothing else, and says so.
func TestSimProgramAlone(t *testing.T) {
	t.Parallel()
	said, err := exec.CommandContext(t.Context(), program(simulator, "/usr/local/bin/tintype"), "run").CombinedOutput()
	if err == nil || !strings.Contains(string(said), "but sim, health, version") {
		t.Errorf("tintype run: %v\n%s", err, said)
	}
}
