package deploytest_test

import (
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
	"github.com/tintypehq/tintype/internal/job"
)

// stageAlert is an alert on the oldest job of a kind in a stage.
type stageAlert struct {
	name, stage string
	kind        job.Kind
	after       time.Duration // that the job has been there when it fires, the alert's "for" included
}

// oldest finds what a rule says of the oldest job of a stage, of one kind or of each.
var oldest = regexp.MustCompile(`max by \(namespace, kind\) \(tintype_oldest_job_seconds\{state="(\w+)"(?:,kind="(image|video)")?\}\) > (\d+)`)

// stageAlerts gives them all: a rule that names no kind is one for each.
func stageAlerts(t *testing.T) []stageAlert {
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
	var out []stageAlert
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			found := oldest.FindAllStringSubmatch(r.Expr, -1)
			if n := strings.Count(r.Expr, "tintype_oldest_job_seconds"); n != len(found) {
				t.Errorf("%s asks for the oldest job %d times, %d of them by kind: %s", r.Alert, n, len(found), r.Expr)
			}
			for _, m := range found {
				seconds, err1 := strconv.Atoi(m[3])
				pending, err2 := time.ParseDuration(r.For)
				if err1 != nil || err2 != nil {
					t.Fatalf("%s: %v %v", r.Alert, err1, err2)
				}
				for _, kind := range []job.Kind{job.Image, job.Video} {
					if m[2] == "" || m[2] == string(kind) {
						out = append(out, stageAlert{r.Alert, m[1], kind, time.Duration(seconds)*time.Second + pending})
					}
				}
			}
		}
	}
	return out
}

// TestAlertsComeBeforeTheDeadline: a job is in no stage any more once its deadline has
// passed, so an alert on the oldest one of a stage has until then, less the time in which
// the figure gets to Prometheus and what the job spent before that stage: a quarter of an
// image's, a tenth of a video's. There is one for each stage and kind.
func TestAlertsComeBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Source{Role: config.ForWorker, Environ: variables(composed(t, nil).Services["worker"])})
	if err != nil {
		t.Fatal(err)
	}
	const arrives = time.Minute // a reading, a scrape and an evaluation
	latest := map[job.Kind]time.Duration{job.Image: c.Image.Deadline * 3 / 4, job.Video: c.Video.Deadline * 9 / 10}
	var got, want []string
	for _, a := range stageAlerts(t) {
		got = append(got, a.stage+" "+string(a.kind))
		if a.after+arrives > latest[a.kind] {
			t.Errorf("%s comes after %s of %s %s; it has until %s", a.name, a.after, a.kind, a.stage, latest[a.kind]-arrives)
		}
	}
	for _, stage := range []string{"admitted", "mirroring", "running", "submitting", "waiting"} {
		want = append(want, stage+" image", stage+" video")
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("there are alerts on %q; want %q", got, want)
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
