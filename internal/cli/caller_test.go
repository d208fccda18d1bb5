package cli_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/pkg/tintype"
)

// service starts a service and gives the environment of who calls it.
func service(t *testing.T) (s *serving, base string, environ []string) {
	t.Helper()
	s = serve(t, swift(), "run", "--addr", "127.0.0.1:0", "--data", t.TempDir())
	base = regexp.MustCompile(`http://[0-9.:]+`).FindString(s.until("API"))
	s.until("for 7 days.")
	return s, base, []string{"TINTYPE_URL=" + base}
}

// TestMake makes one of each kind by hand and looks at what lies on the disk.
func TestMake(t *testing.T) {
	t.Parallel()
	s, _, environ := service(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	picture(t, at("in.png"))
	if err := os.WriteFile(at("there.jpg"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args  []string
		says  []string // on standard output
		files []string // that are there afterwards
	}{
		{[]string{"image", "a", "cat", "-o", at("cat.png")}, []string{"job ", "waiting", "generating", "storing", "saving", "done: " + at("cat.png") + ", ", "(it is image/jpeg)"}, []string{"cat.png"}},
		{[]string{"image", "the same", "--image", at("in.png"), "--ratio", "16:9", "-n", "2", "--force", "-o", at("there.jpg")}, []string{at("there.jpg"), at("there-2.jpg")}, []string{"there.jpg", "there-2.jpg"}},
		{[]string{"video", "a boat", "-o", at("boat.mp4")}, []string{"waiting", "submitting", "done: " + at("boat.mp4")}, []string{"boat.mp4"}},
		{[]string{"chat", "good", "day", "--system", "be brief"}, []string{"good day"}, nil},
	} {
		code, out, errs := call(t, environ, tt.args...)
		if code != 0 || errs != "" {
			t.Errorf("%q: exit code %d\n%s%s", tt.args, code, out, errs)
		}
		for _, text := range tt.says {
			if !strings.Contains(out, text) {
				t.Errorf("%q: want %q in\n%s", tt.args, text, out)
			}
		}
		for _, name := range tt.files {
			if data, err := os.ReadFile(at(name)); err != nil || len(data) < 1000 {
				t.Errorf("%q: %s has %d bytes, %v", tt.args, name, len(data), err)
			}
		}
	}
	left, err := filepath.Glob(at(".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	s.end()
}

func picture(t *testing.T, path string) {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 320, 320))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// made is what --json tells of a job.
type made struct {
	Job   tintype.Job `json:"job"`
	Files []struct {
		Path, Type, SHA256 string
		Bytes              int64
	} `json:"files"`
}

// TestTakeUp has a job made, and fetches it in the other ways that there are.
func TestTakeUp(t *testing.T) {
	t.Parallel()
	s, _, environ := service(t)
	dir := t.TempDir()
	code, out, errs := call(t, environ, "video", "a boat", "-o", dir, "--json")
	var m made
	if err := json.Unmarshal([]byte(out), &m); err != nil || code != 0 || len(m.Files) != 1 {
		t.Fatalf("%d %v\n%s%s", code, err, out, errs)
	}
	id, file := m.Job.ID, m.Files[0]
	first, err := os.ReadFile(file.Path)
	if sum := sha256.Sum256(first); err != nil || file.Path != filepath.Join(dir, id+".mp4") || hex.EncodeToString(sum[:]) != file.SHA256 || file.Type != "video/mp4" {
		t.Errorf("%+v, %v", file, err)
	}
	if code, out, errs := call(t, environ, "jobs", "watch", id); code != 0 || !strings.Contains(out, "storing") || !strings.Contains(out, "/v1/media/") {
		t.Errorf("watch: %d\n%s%s", code, out, errs)
	}
	code, out, errs = call(t, environ, "jobs", "watch", id, "--json")
	last := out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:]
	var e tintype.Event
	if err := json.Unmarshal([]byte(last), &e); err != nil || code != 0 || e.Type != tintype.EventSucceeded || e.Seq != int64(strings.Count(out, "\n")) {
		t.Errorf("watch --json: %d %v\n%s%s", code, err, out, errs)
	}
	for _, args := range [][]string{
		{"jobs", "watch", id, "-o", filepath.Join(dir, "1.mp4")},
		{"jobs", "download", id, "-o", filepath.Join(dir, "2.mp4")},
		{"jobs", "download", id, "-o", filepath.Join(dir, "3.mp4"), "--json"},
		{"video", "a boat", "--idempotency-key", "k", "-o", filepath.Join(dir, "4.mp4")},
	} {
		if code, out, errs := call(t, environ, args...); code != 0 {
			t.Errorf("%q: %d\n%s%s", args, code, out, errs)
		}
		if again, err := os.ReadFile(args[len(args)-1]); strings.HasSuffix(args[len(args)-1], ".mp4") && (err != nil || args[0] == "jobs" && !bytes.Equal(again, first)) {
			t.Errorf("%q: %d bytes, %v", args, len(again), err)
		}
	}
	if code, out, errs := call(t, environ, "jobs", "download", id, "-o", "-"); code != 0 || out != string(first) || !strings.Contains(errs, "standard output") {
		t.Errorf("to standard output: %d, %d bytes\n%s", code, len(out), errs)
	}
	if code, _, errs := call(t, environ, "jobs", "download", id, "-o", file.Path); code != 2 || !strings.Contains(errs, "is there already; --force") {
		t.Errorf("over a file: %d %s", code, errs)
	}
	if code, out, _ := call(t, environ, "jobs", "cancel", id); code != 0 || !strings.Contains(out, "ended before: it is succeeded") {
		t.Errorf("cancel: %d %s", code, out)
	}
	s.end()
}

// TestInterrupt: Ctrl-C ends the command and no job, and says the way back.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	s, _, environ := service(t)
	file := filepath.Join(t.TempDir(), "a boat.mp4")
	command := serve(t, environ, "video", "a boat sim:ready=20s", "-o", file)
	id := strings.TrimPrefix(command.until("job "), "job ")
	command.until("generating")
	command.interrupt()
	for command.lines.Scan() {
	}
	back := "tintype jobs watch " + id + " -o '" + file + "'"
	if code := <-command.code; code != 130 || !strings.Contains(command.stderr.String(), "interrupted; the job "+id+" goes on") ||
		!strings.Contains(command.stderr.String(), back) || !strings.Contains(command.stderr.String(), "tintype jobs cancel "+id) {
		t.Errorf("exit code %d\n%s", code, command.stderr)
	}
	if code, _, errs := call(t, environ, "jobs", "download", id, "-o", file); code != 1 || !strings.Contains(errs, "has no file yet") {
		t.Errorf("too early: %d %s", code, errs)
	}
	if code, out, errs := call(t, environ, "jobs", "watch", id, "-o", file); code != 0 {
		t.Errorf("watched again: %d\n%s%s", code, out, errs)
	}
	if data, err := os.ReadFile(file); err != nil || len(data) < 1000 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	s.end()
}

// TestPatienceEnds: a command that was not given the time ends without its job, and
// somebody who cancels that is told what becomes of it.
func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	s, _, environ := service(t)
	file := filepath.Join(t.TempDir(), "a boat.mp4")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := call(t, environ, "video", "a boat sim:ready=95s", "-o", file, "--force", "--timeout", "5s")
	if code != 3 || !strings.Contains(errs, "not finished within 5s (--timeout); the job ") {
		t.Fatalf("timeout: %d\n%s%s", code, out, errs)
	}
	id := regexp.MustCompile(`job (\S+)`).FindStringSubmatch(out)[1]
	if code, out, errs := call(t, environ, "jobs", "cancel", id, "--json"); code != 0 || !strings.Contains(out, `"requested_at"`) {
		t.Errorf("cancel: %d\n%s%s", code, out, errs)
	}
	tick := time.NewTicker(50 * time.Millisecond) // until a worker has asked
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !strings.HasPrefix(out, "The job is canceled. "); {
		if time.Now().After(deadline) {
			t.Fatalf("no worker has asked: %d\n%s%s", code, out, errs)
		}
		<-tick.C
		if !strings.HasPrefix(out, "The upstream is asked to stop.") && !strings.Contains(out, id) {
			t.Fatalf("cancel again: %d\n%s%s", code, out, errs)
		}
		code, out, errs = call(t, environ, "jobs", "cancel", id)
	}
	if !strings.Contains(out, "The upstream cannot stop; what it makes all the same is stored and shown with the job. It may be charged.") {
		t.Errorf("canceled: %d\n%s%s", code, out, errs)
	}
	s.end()
}

// TestCallersMistakes: each wrong word has its answer, before anything is asked
// for where that can be.
func TestCallersMistakes(t *testing.T) {
	t.Parallel()
	s, base, environ := service(t)
	file := filepath.Join(t.TempDir(), "there.png")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	nobody := []string{"TINTYPE_URL=http://127.0.0.1:1"} // whoever asks it has asked too early
	for _, tt := range []struct {
		environ []string
		args    string
		code    int
		says    string
	}{
		{nobody, "image", 2, `there is no prompt; say what you want, like tintype image "a cat" -o cat.png`},
		{nobody, "video -o x.mp4", 2, "there is no prompt"},
		{nobody, "chat", 2, "there is no prompt"},
		{nobody, "image cat --ratoi 1:1", 2, `unknown flag --ratoi, did you mean "--ratio"?`},
		{nobody, "image cat -o", 2, "--out needs a value"},
		{nobody, "image cat -n two", 2, "--n"},
		{nobody, "image cat --timeout soon", 2, "--timeout"},
		{nobody, "image cat --timeout=-1s", 2, "--timeout cannot be negative"},
		{nobody, "image cat -o " + file, 2, "is there already; --force replaces it"},
		{nobody, "image cat -o nowhere/x.png", 2, "there is no directory nowhere"},
		{nobody, "image cat -n 2 -o -", 2, "standard output takes one file"},
		{nobody, "image cat --image nowhere.png", 2, "--image nowhere.png: neither a URL nor a file here"},
		{nobody, "image cat --image " + file, 2, "that is no picture"},
		{nobody, "image cat --url nonsense", 2, "TINTYPE_URL or --url"},
		{nobody, "jobs watch", 2, "<id>"},
		{nobody, "image cat", 1, "nobody answers at http://127.0.0.1:1: "},
		{nobody, "jobs watch x", 1, "connection refused"},
		{nobody, "chat hello", 1, "Is the service up"},
		{environ, "image cat --key tt_unknown_0123456789", 1, "Set TINTYPE_KEY (or --key) to a key that " + base + " knows."},
		{append(environ, "TINTYPE_KEY=tt_unknown_0123456789"), "chat hello", 1, "Set TINTYPE_KEY"},
		{environ, "image cat --model nobody", 1, "nobody"},
		{environ, "image cat sim:reject", 1, "content policy"},
		{environ, "jobs watch nothing", 1, "There is no such job"},
		{environ, "jobs download nothing", 1, "There is no such job"},
		{environ, "jobs cancel nothing", 1, "There is no such job"},
	} {
		code, out, errs := call(t, tt.environ, strings.Fields(tt.args)...)
		if code != tt.code || !strings.Contains(errs, tt.says) {
			t.Errorf("%s: exit code %d, want %d; want %q in\n%s%s", tt.args, code, tt.code, tt.says, out, errs)
		}
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "mine" {
		t.Errorf("%q, %v", data, err)
	}
	s.end()
}

// TestFailedJobAsJSON: a script learns of a failure from the exit code and of its
// reason from the job.
func TestFailedJobAsJSON(t *testing.T) {
	t.Parallel()
	s, _, environ := service(t)
	code, out, errs := call(t, environ, "image", "cat sim:reject", "--json")
	var m made
	if err := json.Unmarshal([]byte(out), &m); err != nil || code != 1 || m.Job.Error == nil || *m.Job.Error.Code != string(tintype.CodeContentPolicy) || errs == "" {
		t.Errorf("%d %v\n%s%s", code, err, out, errs)
	}
	code, out, _ = call(t, environ, "chat", "hello", "--json")
	var answer tintype.ChatResponse
	if err := json.Unmarshal([]byte(out), &answer); err != nil || code != 0 || answer.Text() == "" {
		t.Errorf("chat: %d %v %s", code, err, out)
	}
	s.end()
}

// TestList prints what the service lists, in pages or not.
func TestList(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if r.URL.Path != "/v1/jobs" || q.Get("kind") != "video" || q.Get("status") != "queued,running" {
			t.Errorf("asked for %s", r.URL)
		}
		page := `{"object":"list","data":[{"id":"j2","kind":"video","model":"m","status":"queued"}],"first_id":"j2","last_id":"j2","has_more":true}`
		if q.Get("after") == "j2" {
			page = `{"object":"list","data":[{"id":"j1","kind":"video","model":"m","status":"running"}],"first_id":"j1","last_id":"j1","has_more":false}`
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(page))
	}))
	defer srv.Close()
	for args, want := range map[string]string{
		"":       "j2|j1",
		"-n 1":   "j2",
		"-n 0":   "j2|j1",
		"--json": `"id":"j2"|"id":"j1"`,
	} {
		code, out, errs := call(t, []string{"TINTYPE_URL=" + srv.URL}, append(strings.Fields("jobs list --kind video --status queued,running"), strings.Fields(args)...)...)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if !strings.Contains(args, "json") {
			lines = lines[1:]
		}
		wanted := strings.Split(want, "|")
		if code != 0 || len(lines) != len(wanted) {
			t.Fatalf("%s: %d\n%s%s", args, code, out, errs)
		}
		for i, line := range lines {
			if !strings.Contains(line, wanted[i]) {
				t.Errorf("%s: %q, want %q", args, line, wanted[i])
			}
		}
	}
}
