package deploytest_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/tintypehq/tintype/internal/config"
)

// waits are the shortest and the longest time that an alert on the oldest job of a stage
// gives it, the alert's own "for" included.
type waits struct{ shortest, longest time.Duration }

// oldest finds what a rule says of the oldest job of a stage.
var oldest = regexp.MustCompile(`tintype_oldest_job_seconds\{state="(\w+)"\}\) > (\d+)`)

// stageAlerts gives them by stage and alert.
func stageAlerts(t *testing.T) map[string]map[string]waits {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert string `json:"alert"`
				Expr  string `json:"expr"`
				For   string `json:"for"`
			} `json:"rules"`
		} `json:"groups"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "deploy/monitoring/rules/tintype.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]waits{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			for _, m := range oldest.FindAllStringSubmatch(r.Expr, -1) {
				seconds, err1 := strconv.Atoi(m[2])
				pending, err2 := time.ParseDuration(r.For)
				if err1 != nil || err2 != nil {
					t.Fatalf("%s: %v %v", r.Alert, err1, err2)
				}
				if out[m[1]] == nil {
					out[m[1]] = map[string]waits{}
				}
				fires := time.Duration(seconds)*time.Second + pending
				w, ok := out[m[1]][r.Alert]
				if !ok {
					w.shortest = fires
				}
				out[m[1]][r.Alert] = waits{min(w.shortest, fires), max(w.longest, fires)}
			}
		}
	}
	return out
}

// TestAlertsComeBeforeTheDeadline: a job is in no stage any more once its deadline has
// passed, so an alert on the oldest one of a stage has until then, less the time in which
// the figure gets to Prometheus and what the job spent before that stage: a quarter, for an
// image.
func TestAlertsComeBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Source{Role: config.ForWorker, Environ: variables(composed(t, nil).Services["worker"])})
	if err != nil {
		t.Fatal(err)
	}
	const arrives = time.Minute // a reading, a scrape and an evaluation
	stages := stageAlerts(t)
	if got, want := slices.Sorted(maps.Keys(stages)), []string{"admitted", "mirroring", "running", "submitting", "waiting"}; !slices.Equal(got, want) {
		t.Fatalf("there are alerts on the stages %v; want %v", got, want)
	}
	for stage, rules := range stages {
		for name, w := range rules {
			image := w.shortest + arrives
			if stage == "running" { // an upstream makes images while they are submitted; for others TintypeJobsTimedOut is there
				image = 0
			}
			if image > c.Image.Deadline*3/4 || w.longest+arrives > c.Video.Deadline {
				t.Errorf("%s comes after %s and %s in the stage %s; an image is final after %s, a video after %s", name, w.shortest, w.longest, stage, c.Image.Deadline, c.Video.Deadline)
			}
		}
	}
}

// largest finds where the largest of what several processes show alike is taken, of
// metrics that count something. Of an age it may be the largest of all installations.
var largest = regexp.MustCompile(`max(?: by \(([^)]*)\))? ?\(tintype_(?:jobs|accounts|account_slots_\w+|queue_tasks|queue_orphans|webhooks_undelivered)\b`)

// TestInstallationsAreAdded: the largest number is taken of each installation, and not of
// all that a Prometheus knows.
func TestInstallationsAreAdded(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root, "deploy", "monitoring", "dashboards", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range append(files, filepath.Join(root, "deploy", "monitoring", "rules", "tintype.yaml")) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range largest.FindAllStringSubmatch(string(text), -1) {
			found++
			if !slices.Contains(strings.Split(m[1], ", "), "namespace") {
				t.Errorf("%s takes the largest of all installations: %s", file, m[0])
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d of them are found", found)
	}
}
