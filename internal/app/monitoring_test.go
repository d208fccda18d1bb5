package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/internal/worker"
)

var writeDocs = flag.Bool("write", false, "write the table of docs/metrics.md anew")

// metric is one that a program exports.
type metric struct {
	kind   string // counter, gauge, histogram; "" where nothing of it was seen yet
	labels []string
	help   string
}

// exported gives all metrics that a program can show, whether it has or not.
func exported(t *testing.T, program Program, roles ...config.Stage) map[string]metric {
	t.Helper()
	c, err := config.Load(config.Source{Role: config.ForEmbedded, Flags: []config.Flag{
		{Name: "test", Setting: "storage.file.dir", Value: t.TempDir()}, {Name: "test", Setting: "sim.enabled", Value: "false"},
	}, Environ: []string{"TINTYPE_ARK_API_KEYS=k"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(roles) > 0 {
		c.Worker.Roles = roles
	}
	p, err := openParts(t.Context(), Options{Config: c, Version: "v1"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	p.registerMetrics(program)
	if program != Worker {
		sc, closeInputs, err := p.serverConfig()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(closeInputs)
		sc.News = p.store.NewNews(time.Hour)
		if _, err := server.New(sc); err != nil {
			t.Fatal(err)
		}
	}
	if program != API {
		worker.New(p.workerConfig())
	}
	return described(t, p.metrics)
}

// aDesc is how a description prints itself; there is no other way to read one.
var aDesc = regexp.MustCompile(`^Desc\{fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"), .*constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

func described(t *testing.T, reg *prometheus.Registry) map[string]metric {
	t.Helper()
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		reg.Describe(descs)
	}()
	out := map[string]metric{}
	for d := range descs {
		m := aDesc.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("cannot read %s", d)
		}
		name, err1 := strconv.Unquote(m[1])
		help, err2 := strconv.Unquote(m[2])
		if err1 != nil || err2 != nil {
			t.Fatalf("cannot read %s", d)
		}
		var labels []string
		for _, l := range regexp.MustCompile(`(\w+)=`).FindAllStringSubmatch(m[3], -1) {
			labels = append(labels, l[1])
		}
		for l := range strings.SplitSeq(m[4], ",") {
			if l != "" {
				labels = append(labels, strings.TrimSpace(l))
			}
		}
		out[name] = metric{labels: labels, help: help, kind: kindOf(name)}
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		m := out[f.GetName()]
		m.kind = strings.ToLower(f.GetType().String())
		out[f.GetName()] = m
	}
	return out
}

// kindOf guesses by the name what nothing was seen of yet.
func kindOf(name string) string {
	switch {
	case strings.HasSuffix(name, "_total"):
		return "counter"
	case name == "tintype_http_request_duration_seconds":
		return "histogram"
	}
	return "gauge"
}

// TestWhoShowsTheFleet: who sweeps, and the program that does everything.
func TestWhoShowsTheFleet(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		program Program
		roles   []config.Stage
		shows   bool
	}{
		{API, nil, false}, {Worker, []config.Stage{config.Mirror}, false}, {Worker, []config.Stage{config.Submit, config.Sweep}, true}, {All, []config.Stage{config.Submit}, true},
	} {
		metrics := exported(t, tt.program, tt.roles...)
		if _, shows := metrics["tintype_jobs"]; shows != tt.shows {
			t.Errorf("%s with %v: %v", tt.program, tt.roles, shows)
		}
		for _, name := range []string{"tintype_build_info", "tintype_redis_round_trip_seconds", "process_start_time_seconds"} {
			if _, shows := metrics[name]; !shows {
				t.Errorf("%s shows no %s", tt.program, name)
			}
		}
	}
}

const (
	docsBegin = "<!-- The table is written by: go test ./internal/app -run TestMetricsAreDocumented -write -->\n"
	docsEnd   = "<!-- end of the table -->\n"
)

// TestMetricsAreDocumented holds docs/metrics.md to what the programs export.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	api, work := exported(t, API), exported(t, Worker)
	all := maps.Clone(api)
	maps.Copy(all, work)
	var table strings.Builder
	table.WriteString("\n| metric | type | labels | shown by | what it is |\n|---|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !strings.HasPrefix(name, "tintype_") {
			continue // Go's own and the process's, which are known
		}
		m, by := all[name], "api, worker"
		if m.help == "" {
			t.Errorf("%s has no help", name)
		}
		if _, ok := api[name]; !ok {
			by = "worker"
		} else if _, ok := work[name]; !ok {
			by = "api"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s | %s |\n", name, m.kind, strings.Join(m.labels, ", "), by, m.help)
	}
	table.WriteString("\n")
	file := repository("docs", "metrics.md")
	text := readFile(t, file)
	head, rest, ok1 := strings.Cut(text, docsBegin)
	old, tail, ok2 := strings.Cut(rest, docsEnd)
	switch {
	case !ok1 || !ok2:
		t.Fatal("docs/metrics.md has no place for the table")
	case *writeDocs:
		if err := os.WriteFile(file, []byte(head+docsBegin+table.String()+docsEnd+tail), 0o600); err != nil {
			t.Fatal(err)
		}
	case old != table.String():
		for line := range strings.Lines(table.String()) {
			if !strings.Contains(old, line) {
				t.Errorf("docs/metrics.md lacks\n%s", line)
			}
		}
		t.Error("docs/metrics.md is out of date: go test ./internal/app -run TestMetricsAreDocumented -write")
	}
}

func repository(path ...string) string {
	return filepath.Join(append([]string{"..", ".."}, path...)...)
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// alert is one of the rules.
type alert struct {
	Alert, Expr         string
	Labels, Annotations map[string]string
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []alert }
	}
	if err := yaml.Unmarshal([]byte(readFile(t, repository("deploy", "monitoring", "rules", "tintype.yaml"))), &file); err != nil {
		t.Fatal(err)
	}
	var all []alert
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) < 20 {
		t.Fatalf("only %d rules", len(all))
	}
	return all
}

// scaling gives what the workers of a cluster are scaled by.
func scaling(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	file := repository("deploy", "k8s", "components", "keda", "scaledobjects.yaml")
	for d := yaml.NewDecoder(strings.NewReader(readFile(t, file))); ; {
		var object struct {
			Metadata struct{ Name string }
			Spec     struct {
				Triggers []struct{ Metadata map[string]string }
			}
		}
		if err := d.Decode(&object); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for i, trigger := range object.Spec.Triggers {
			// Prometheus itself adds the namespace to what a cluster's pods show.
			query := strings.NewReplacer(`namespace="tintype",`, "", `{namespace="tintype"}`, "").Replace(trigger.Metadata["query"])
			out[fmt.Sprintf("%s, trigger %d", object.Metadata.Name, i)] = query
		}
	}
	if len(out) < 4 {
		t.Fatalf("%s: only %d triggers", file, len(out))
	}
	return out
}

// expressions gives every query of the rules, the dashboards and the scaling, by where
// it stands.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	out := scaling(t)
	for _, a := range alerts(t) {
		out[a.Alert] = a.Expr
	}
	files, err := filepath.Glob(repository("deploy", "monitoring", "dashboards", "*.json"))
	if err != nil || len(files) != 3 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, file := range files {
		var board struct {
			UID           string
			SchemaVersion int
			Templating    struct {
				List []struct{ Name, Type, Definition string }
			}
			Panels []struct {
				Title, Description, Type string
				Targets                  []struct {
					Datasource  struct{ Type, UID string }
					RefID, Expr string
				}
			}
		}
		if err := json.Unmarshal([]byte(readFile(t, file)), &board); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if board.UID != "tintype-"+strings.TrimSuffix(filepath.Base(file), ".json") || board.SchemaVersion < 39 {
			t.Errorf("%s has the uid %q and the schema %d", file, board.UID, board.SchemaVersion)
		}
		variables := map[string]bool{"__rate_interval": true, "__range": true}
		for _, v := range board.Templating.List {
			variables[v.Name] = true
			if v.Type == "query" {
				out[file+" $"+v.Name] = v.Definition
			}
		}
		for _, p := range board.Panels {
			for _, target := range p.Targets {
				for _, used := range regexp.MustCompile(`\$\{?(\w+)\}?`).FindAllStringSubmatch(target.Expr+" "+target.Datasource.UID, -1) {
					if !variables[used[1]] {
						t.Errorf("%s, %s: there is no $%s", file, p.Title, used[1])
					}
				}
				if target.Datasource.Type == "prometheus" {
					out[file+" "+p.Title+" "+target.RefID] = target.Expr
				}
			}
		}
	}
	return out
}

var (
	aName    = regexp.MustCompile(`\b(?:tintype|process)_[a-z0-9_]+`)
	aMatcher = regexp.MustCompile(`(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
	series   = regexp.MustCompile(`\b((?:tintype|process)_[a-z0-9_]+)(?:\{([^}]*)\})?`)
)

// family is the name of the metric of which a query asks for a part.
func family(name string, metrics map[string]metric) string {
	for _, part := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, part); ok && metrics[base].kind == "histogram" {
			return base
		}
	}
	return name
}

// TestQueriesAskForWhatIsThere: each metric that a rule or a dashboard asks for, with
// each label, is one that the programs export.
func TestQueriesAskForWhatIsThere(t *testing.T) {
	t.Parallel()
	metrics := exported(t, All)
	for where, expr := range expressions(t) {
		for _, m := range series.FindAllStringSubmatch(expr, -1) {
			base := family(m[1], metrics)
			known, ok := metrics[base]
			if !ok {
				t.Errorf("%s asks for %s, which nobody exports", where, m[1])
				continue
			}
			for _, l := range aMatcher.FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(append([]string{"namespace", "job", "instance", "le"}, known.labels...), l[1]) {
					t.Errorf("%s asks for the label %s of %s, which has %v", where, l[1], m[1], known.labels)
				}
			}
		}
		if !aName.MatchString(expr) {
			t.Errorf("%s asks for nothing of ours: %s", where, expr)
		}
	}
}

// TestEachAlertHasItsSection: what it means and what to run, and no section is about
// an alert that there is not. The rules' own tests have each fire.
func TestEachAlertHasItsSection(t *testing.T) {
	t.Parallel()
	runbook, tried := readFile(t, repository("docs", "runbook.md")), readFile(t, repository("deploy", "monitoring", "tests", "tintype.yaml"))
	sections := map[string]string{}
	for i, part := range strings.Split(runbook, "\n### ") {
		if i > 0 {
			title, body, _ := strings.Cut(part, "\n")
			body, _, _ = strings.Cut(body, "\n## ")
			sections[title] = body
		}
	}
	for _, a := range alerts(t) {
		body, ok := sections[a.Alert]
		delete(sections, a.Alert)
		if !ok {
			t.Errorf("docs/runbook.md has no section on %s", a.Alert)
			continue
		}
		for _, part := range []string{"**Callers see:**", "```sh\n", "**Over when:**"} {
			if !strings.Contains(body, part) {
				t.Errorf("the section on %s lacks %q", a.Alert, part)
			}
		}
		if want := "https://github.com/tintypehq/tintype/blob/main/docs/runbook.md#" + strings.ToLower(a.Alert); a.Annotations["runbook_url"] != want {
			t.Errorf("%s leads to %q", a.Alert, a.Annotations["runbook_url"])
		}
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" || !slices.Contains([]string{"critical", "warning", "info"}, a.Labels["severity"]) {
			t.Errorf("%+v is not complete", a)
		}
		if !strings.Contains(tried, `alertname="`+a.Alert+`"`) {
			t.Errorf("no test of the rules has %s fire", a.Alert)
		}
	}
	for title := range sections {
		t.Errorf("docs/runbook.md is about %s, which is no alert", title)
	}
}

// TestRunbookSearchesForWhatIsLogged: what the runbook greps for is in the code.
func TestRunbookSearchesForWhatIsLogged(t *testing.T) {
	t.Parallel()
	var code bytes.Buffer
	for _, dir := range []string{"worker", "server", "app", "redisstore", "queue", "telemetry"} {
		files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%q, %v", files, err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				code.WriteString(readFile(t, file))
			}
		}
	}
	found := regexp.MustCompile(`"(msg|how)":"([^']+)'`).FindAllStringSubmatch(readFile(t, repository("docs", "runbook.md")), -1)
	if len(found) < 10 {
		t.Errorf("only %d searches", len(found))
	}
	for _, m := range found {
		calls := `\.(Debug|Info|Warn|Error)Context\([^"\n]+, "|LogAttrs\([^"\n]+, "|tellAccepted\(ctx, "` // what says it
		if m[1] == "how" {
			calls = `logSubmit\(ctx, "`
		}
		if !regexp.MustCompile("(" + calls + ")" + regexp.QuoteMeta(m[2])).Match(code.Bytes()) {
			t.Errorf("nobody logs %q as %s", m[2], m[1])
		}
	}
}

// TestRunShowsItsMetrics runs the whole service, has an image and a video made, and
// looks at what it shows: what the rules ask for has the values that they ask for.
func TestRunShowsItsMetrics(t *testing.T) {
	t.Parallel()
	base := runAll(t)
	secrets := []string{"a fox", "a wave", "sim-1", "pooled"} // prompts, the account, the credential
	for path, body := range map[string]string{"/v1/images/generations": `{"prompt":"a fox"}`, "/v1/video/generations": `{"prompt":"a wave"}`} {
		var answer struct{ ID string }
		if err := json.Unmarshal(ask(t, http.MethodPost, base+path, body), &answer); err != nil || answer.ID == "" {
			t.Fatalf("%+v, %v", answer, err)
		}
		secrets = append(secrets, answer.ID)
	}
	page := ask(t, http.MethodGet, base+"/metrics", "")
	for _, s := range secrets {
		if bytes.Contains(page, []byte(`"`+s)) {
			t.Errorf("a label tells %q", s)
		}
	}
	shown := scrape(t, base)
	counted := func(stage, kind string) bool {
		return value(shown, "tintype_job_stage_seconds", "stage", stage, "kind", kind) == 1
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); shown = scrape(t, base) {
		if counted("deliver", "video") && counted("mirror", "video") && counted("mirror", "image") { // a moment after the answer is sent
			break
		}
	}
	for _, tt := range []struct {
		name   string
		labels []string
		want   float64
	}{
		{"tintype_job_stage_seconds", []string{"stage", "deliver", "kind", "video"}, 1},
		{"tintype_job_stage_seconds", []string{"stage", "generate", "kind", "video"}, 1},
		{"tintype_job_stage_seconds", []string{"stage", "mirror", "kind", "image"}, 1},
		{"tintype_accept_seconds", nil, 2},
		{"tintype_jobs_accepted_total", []string{"kind", "image"}, 1},
		{"tintype_jobs", []string{"state", "running", "kind", "video"}, 0},
		{"tintype_build_info", []string{"program", "tintype", "version", "v9"}, 1},
		{"tintype_fleet_read_errors_total", nil, 0},
		{"tintype_accounts", []string{"state", "ready"}, 1},
		{"tintype_queue_orphans", []string{"queue", "mirror"}, 0},
	} {
		if got := value(shown, tt.name, tt.labels...); got != tt.want {
			t.Errorf("%s%v is %v, want %v", tt.name, tt.labels, got, tt.want)
		}
	}
	if value(shown, "tintype_account_slots_limit", "kind", "video") <= 0 || value(shown, "tintype_redis_round_trip_seconds") <= 0 {
		t.Error("no slots, or no PING")
	}
	// What appears only with the first of its kind.
	later := map[string]bool{`tintype_accounts{state="parked"}`: true, `tintype_eta_jobs_total{covered="true"}`: true}
	metrics := exported(t, All)
	for where, expr := range expressions(t) {
		for _, m := range series.FindAllStringSubmatch(expr, -1) {
			base := family(m[1], metrics)
			for _, l := range aMatcher.FindAllStringSubmatch(m[2], -1) {
				if l[2] != "=" || later[fmt.Sprintf("%s{%s=%q}", base, l[1], l[3])] {
					continue
				}
				if value(shown, base, l[1], l[3]) < 0 {
					t.Errorf("%s asks for %s{%s=%q}, and nobody shows that", where, base, l[1], l[3])
				}
			}
		}
	}
}

// runAll runs the service until the test ends and gives its address.
func runAll(t *testing.T) string {
	t.Helper()
	set := func(setting, value string) config.Flag {
		return config.Flag{Name: "test", Setting: setting, Value: value}
	}
	c, err := Settings(config.Source{Role: config.ForEmbedded, Flags: []config.Flag{
		set("server.addr", "127.0.0.1:0"), set("storage.file.dir", t.TempDir()), set("sim.image_time", "10ms"), set("sim.video_time", "300ms"),
		set("video.poll.first", "200ms"), set("video.poll.interval", "200ms"), set("worker.shutdown_grace", "180s"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- Run(ctx, All, Options{Config: c, Stderr: io.Discard, Version: "v9", Ready: func(addr string) { ready <- addr }})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	case addr := <-ready:
		return "http://" + addr
	}
	return ""
}

// ask makes a call and gives the answer's body.
func ask(t *testing.T, method, url, body string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer pooled")
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || bytes.Contains(b, []byte(`"error"`)) {
		t.Fatalf("%s %s: %d %s, %v", method, url, resp.StatusCode, b, err)
	}
	return b
}

func scrape(t *testing.T, base string) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(ask(t, http.MethodGet, base+"/metrics", "")))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// value gives the sum of the series with some labels (pairs of name and value), of a
// histogram its count; -1 if there is none.
func value(families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	sum, found := 0.0, false
	for _, m := range families[name].GetMetric() {
		has := map[string]string{}
		for _, l := range m.GetLabel() {
			has[l.GetName()] = l.GetValue()
		}
		fits := true
		for i := 0; i < len(labels); i += 2 {
			fits = fits && has[labels[i]] == labels[i+1]
		}
		if fits {
			found = true
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	if !found {
		return -1
	}
	return sum
}

// TestLabelsAreOfClosedSets: what another version may have written becomes no label.
func TestLabelsAreOfClosedSets(t *testing.T) {
	t.Parallel()
	for cause, want := range map[string]string{"auth": "auth", "": "", "sk-ant-secret": "other"} {
		if got := causeLabel(account.Cause(cause)); got != want {
			t.Errorf("%q became %q", cause, got)
		}
	}
}
