//go:build skew

package e2e_test

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// fromVar names the commit whose programs run beside today's; the one before this
// if it is empty.
const fromVar = "SKEW_FROM"

// buildOld builds the programs of an earlier commit, once, and gives that commit.
var buildOld = sync.OnceValues(func() (string, error) {
	root := filepath.Join("..", "..")
	name, err := exec.Command("git", "-C", root, "rev-parse", "--verify", cmp.Or(os.Getenv(fromVar), "HEAD^")).Output()
	if err != nil {
		return "", fmt.Errorf("no earlier commit to build: this needs a clone with its history (%s names one): %w", fromVar, err)
	}
	commit := strings.TrimSpace(string(name))
	dir, err := os.MkdirTemp(bin, "commit-")
	if err != nil {
		return "", err
	}
	tree := filepath.Join(dir, "tree.tar")
	for _, args := range [][]string{
		{"git", "-C", root, "archive", "--output", tree, commit},
		{"tar", "-x", "-f", tree, "-C", dir},
		{"go", "-C", dir, "build", "-trimpath", "-buildvcs=false", "-ldflags=-w", "-o", filepath.Join(bin, oldDir) + string(filepath.Separator), "./cmd/api", "./cmd/worker"},
	} {
		if said, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s of commit %s: %w\n%s", args[0], commit, err, said)
		}
	}
	return commit, nil
})

// TestVersionSkew runs the programs of an earlier commit beside today's: old
// workers with new APIs, the reverse, and both mixed, as in a rolling update.
func TestVersionSkew(t *testing.T) {
	t.Parallel()
	commit, err := buildOld()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("beside this: commit %s", commit)
	for name, old := range map[string]string{
		"old workers": "worker-1 worker-2",
		"old APIs":    "api-1 api-2",
		"one of each": "api-1 worker-1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := plan{limit: 8, old: strings.Fields(old), settings: patient()}.start(t)
			c.skewed(t)
		})
	}
}

// skewed has every kind of work done, by every way to wait for it, with callers
// that change between the versions.
func (c *cluster) skewed(t *testing.T) {
	t.Helper()
	want := map[string]string{} // the job of each key
	for i, w := range everyWork() {
		body := encode(fields{"model": w.model, "prompt": c.prompt("waves sim:ready=1s")})
		ask := func(api int) answer {
			return c.call(request{
				url: c.apis[api].base() + w.path, key: gatewayKey, body: body,
				headers: []string{"Prefer", "respond-async", "Idempotency-Key", fmt.Sprintf("skew-%d", i)},
			})
		}
		first, again := ask(i%2), ask(1-i%2)
		if first.status != http.StatusAccepted || again.status != http.StatusAccepted || first.jobID() != again.jobID() {
			t.Errorf("%s: %d %s, then at the other API %d %s", w.model, first.status, first.body, again.status, again.body)
		}
		want[first.jobID()] = w.model
	}
	for i, call := range c.together(c.waiting()) {
		if call.err != nil || call.answer.status != http.StatusOK {
			t.Errorf("blocking call %d: %d %s %v", i, call.answer.status, call.answer.body, call.err)
		}
	}
	for id, model := range want { // each API tells of the jobs that the other took
		for _, api := range c.apis {
			if j := c.awaitJob(api, gatewayKey, id, jobView.final); j.Status != "succeeded" {
				t.Errorf("%s at %s: %s is %s", model, api.name, id, j.Status)
			}
			if a := c.call(request{url: api.base() + "/v1/jobs/" + id + "/events", key: gatewayKey}); a.status != http.StatusOK || !strings.Contains(string(a.body), "job.succeeded") {
				t.Errorf("%s at %s: events of %s: %d %s", model, api.name, id, a.status, a.body)
			}
		}
	}
	jobs, charges := c.atRest()
	for _, j := range jobs {
		if j.state != "succeeded" || charges[j.id] != 1 {
			t.Errorf("%q: %s (%s) with %d charges", j.spec.Prompt, j.state, j.failure, charges[j.id])
		}
	}
}
