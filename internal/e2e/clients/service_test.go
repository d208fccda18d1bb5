package clients_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/testserver"
)

// bin is where TestMain has put the built programs.
var bin string

func TestMain(m *testing.M) { os.Exit(testserver.Main(m, "tt-clients-", build)) }

func build(dir string) error {
	bin = dir
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", dir+string(filepath.Separator), "./cmd/api", "./cmd/worker", "./cmd/tintype")
	cmd.Dir = filepath.Join("..", "..", "..")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, said)
	}
	return nil
}

// The tenants.
const (
	patient = "tt_clients_patient_0c61" // its calls are silent until the status is known
	second  = "tt_clients_second_77ab"  // as the first
	website = "tt_clients_website_5b7e" // its calls have their head early
	window  = "tt_clients_window_e09d"  // its calls are sent away by 409 now and then
)

// service is two API processes and a worker on a Redis of their own, with the
// simulator as upstream.
type service struct {
	apis [2]*testserver.OwnProgram
	sim  *testserver.OwnProgram
	data string

	posted atomic.Int64 // requests that the proxies have handed on
}

// settle waits until every request that was handed on has its job: a new one, or
// that of a try before.
func (s *service) settle(t *testing.T) {
	t.Helper()
	for until := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		want, taken := s.posted.Load(), 0
		for _, api := range s.apis {
			taken += s.taken(t, api)
		}
		if int64(taken) >= want {
			return
		}
		if time.Now().After(until) {
			t.Errorf("%d of %d requests have jobs", taken, want)
			return
		}
	}
}

// taken counts the requests of an API that have a job.
func (s *service) taken(t *testing.T, api *testserver.OwnProgram) (sum int) {
	t.Helper()
	resp, err := http.Get(api.URL() + "/metrics")
	if err != nil {
		t.Error(err)
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(string(page)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(name, "tintype_jobs_accepted_total{") || strings.HasPrefix(name, "tintype_requests_attached_total{") {
			n, err := strconv.Atoi(value)
			if err != nil {
				t.Error(err)
			}
			sum += n
		}
	}
	return sum
}

// start starts them; more settings win over the usual ones.
func start(t *testing.T, more ...map[string]string) *service {
	t.Helper()
	s := &service{data: t.TempDir()}
	s.sim = testserver.Program(t, filepath.Join(bin, "tintype"), []string{"sim", "--addr", "127.0.0.1:0", "--image-time", "100ms", "--video-time", "300ms"}, nil, testserver.SimAddress)
	settings := map[string]string{
		"REDIS_URL": testserver.Redis(t).URL, "STORAGE_DRIVER": "file", "STORAGE_FILE_DIR": s.data,
		"SERVER_ADDR": "127.0.0.1:0", "WORKER_ADDR": "127.0.0.1:0", "AUTH_PASS_THROUGH": "false",
		"WAIT_SILENCE": "300ms", "WAIT_INTERVAL": "1s", "WAIT_WINDOW": "1s",
		"VIDEO_POLL_FIRST": "200ms", "VIDEO_POLL_INTERVAL": "200ms", "VIDEO_POLL_MAX_INTERVAL": "200ms",
		"UPSTREAMS_0_NAME": "ark", "UPSTREAMS_0_BASE_URL": s.sim.URL() + "/api/v3", "UPSTREAMS_0_ALLOW_PRIVATE": "true",
		"UPSTREAMS_0_ACCOUNTS_0_ID": "ark-1", "UPSTREAMS_0_ACCOUNTS_0_KEY": "sim-clients", "UPSTREAMS_0_ACCOUNTS_0_MAX_IN_FLIGHT": "40",
		"MODELS_0_NAME": "Seedream 4.0", "MODELS_0_KIND": "image", "MODELS_0_ID": "doubao-seedream-4-0-250828", "MODELS_0_RESOLUTION": "1K",
		"MODELS_1_NAME": "doubao-video", "MODELS_1_KIND": "video", "MODELS_1_ID": "doubao-seedance-1-0-pro-250528", "MODELS_1_RESOLUTION": "480p",
		"MODELS_2_NAME": "doubao", "MODELS_2_KIND": "chat", "MODELS_2_ID": "doubao-seed-2-0-lite-260428",
	}
	for i, k := range []struct{ name, key, mode string }{
		{"patient", patient, "hold"}, {"second", second, "hold"}, {"website", website, "keepalive"}, {"window", window, "window"},
	} {
		at := fmt.Sprintf("AUTH_KEYS_%d_", i)
		settings[at+"NAME"], settings[at+"KEY"], settings[at+"WAIT_MODE"] = k.name, k.key, k.mode
	}
	for _, m := range more {
		maps.Copy(settings, m)
	}
	var env []string
	for name, value := range settings {
		env = append(env, "TINTYPE_"+name+"="+value)
	}
	for i := range s.apis {
		s.apis[i] = testserver.Program(t, filepath.Join(bin, "api"), nil, env, loggedAddress)
	}
	testserver.Program(t, filepath.Join(bin, "worker"), nil, env, loggedAddress)
	return s
}

// loggedAddress finds where an API, or a worker's health, listens.
func loggedAddress(line string) string {
	var l struct{ Addr string }
	if json.Unmarshal([]byte(line), &l) != nil || l.Addr == "" {
		return ""
	}
	return "http://" + l.Addr
}

// charges counts what was paid for each prompt.
func (s *service) charges(t *testing.T) map[string]int {
	t.Helper()
	var ledger struct {
		Submissions []struct {
			Prompt  string
			Charged bool
		}
		Totals struct{ Dropped int }
	}
	if err := json.Unmarshal(get(t, s.sim.URL()+"/_sim/ledger"), &ledger); err != nil || ledger.Totals.Dropped > 0 {
		t.Fatalf("ledger: %v, %d dropped", err, ledger.Totals.Dropped)
	}
	charged := map[string]int{}
	for _, sub := range ledger.Submissions {
		if sub.Charged {
			charged[sub.Prompt]++
		}
	}
	return charged
}

// made gives the prompt that a job was made of, from its record in the archive,
// which comes there a moment after the job's end.
func (s *service) made(t *testing.T, id string) string {
	t.Helper()
	var j struct{ Spec struct{ Prompt string } }
	name := filepath.Join(s.data, "jobs", filepath.Base(id), "job.json")
	b, err := os.ReadFile(name)
	for until := time.Now().Add(time.Minute); errors.Is(err, fs.ErrNotExist) && time.Now().Before(until); b, err = os.ReadFile(name) {
		time.Sleep(5 * time.Millisecond)
	}
	if err == nil {
		err = json.Unmarshal(b, &j)
	}
	if err != nil {
		t.Errorf("record of job %s: %v", id, err)
	}
	return j.Spec.Prompt
}

// ask makes a call as one tenant that waits for no job, and reads the answer.
func (s *service) ask(t *testing.T, method, path, body string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.apis[1].URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+patient)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Prefer", "respond-async")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, answer
}

func get(t *testing.T, url string) []byte {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v", url, resp.Status, err)
	}
	return b
}
