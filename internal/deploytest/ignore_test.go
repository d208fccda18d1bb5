package deploytest_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// TestDockerignore: what git knows is in the build, for else the version that the
// build has from git would say "modified"; what lies about beside it is not.
func TestDockerignore(t *testing.T) {
	t.Parallel()
	patterns, err := ignorefile.ReadAll(strings.NewReader(read(t, ".dockerignore")))
	if err != nil {
		t.Fatal(err)
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	ignored := func(path string) bool {
		yes, err := matcher.MatchesOrParentMatches(path)
		if err != nil {
			t.Fatal(err)
		}
		return yes
	}
	list := exec.Command("git", "ls-files", "-z")
	list.Dir = root
	files, err := list.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	for file := range strings.SplitSeq(strings.Trim(string(files), "\x00"), "\x00") {
		if ignored(file) {
			t.Errorf("git knows %s, and .dockerignore leaves it out", file)
		}
	}
	for _, file := range []string{".git/HEAD", "cmd/api/main.go"} {
		if ignored(file) {
			t.Errorf(".dockerignore leaves %s out", file)
		}
	}
	for _, file := range []string{"bin/api", "data/jobs/x", "demo-output/x.png", "internal/e2e/clients/node_modules/openai/index.js", "internal/x.test", "cpu.prof", "docker-compose.override.yml", "settings/tintype.yaml"} {
		if !ignored(file) {
			t.Errorf("%s is sent to the build", file)
		}
	}
	// Secrets get neither into the build nor into git.
	for _, file := range []string{".env", "deploy/k8s/secrets.env", "deploy/k8s/overlays/mine/secrets.env", "secrets.env"} {
		if !ignored(file) {
			t.Errorf("%s is sent to the build", file)
		}
		check := exec.Command("git", "check-ignore", "-q", file)
		check.Dir = root
		if err := check.Run(); err != nil {
			t.Errorf("git does not ignore %s: %v", file, err)
		}
	}
}
