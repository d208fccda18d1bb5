package cli_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// swift makes the simulator take hardly any time, and small pictures: the race
// detector makes drawing slow.
func swift() []string {
	return []string{
		"TINTYPE_SIM_IMAGE_TIME=50ms", "TINTYPE_SIM_VIDEO_TIME=200ms",
		"TINTYPE_VIDEO_POLL_FIRST=100ms", "TINTYPE_VIDEO_POLL_INTERVAL=100ms",
		"TINTYPE_MODELS_0_NAME=talker", "TINTYPE_MODELS_0_KIND=chat", "TINTYPE_MODELS_0_ID=doubao-seed-2-0-lite-260428",
		"TINTYPE_MODELS_1_NAME=painter", "TINTYPE_MODELS_1_KIND=image", "TINTYPE_MODELS_1_ID=doubao-seedream-4-0-250828",
		"TINTYPE_MODELS_1_RESOLUTION=1K",
		"TINTYPE_MODELS_2_NAME=filmer", "TINTYPE_MODELS_2_KIND=video", "TINTYPE_MODELS_2_ID=doubao-seedance-1-0-pro-250528",
		"TINTYPE_MODELS_2_RESOLUTION=480p",
	}
}

// TestRun makes one call of each kind to `tintype run`.
func TestRun(t *testing.T) {
	t.Parallel()
	s := serve(t, swift(), "run", "--addr", "127.0.0.1:0", "--data", t.TempDir())
	base := regexp.MustCompile(`http://\S+`).FindString(s.until("API"))
	s.until("for 7 days.")
	client, err := tintype.NewClient(base, tintype.WithKey(tintype.KeyPooled))
	if err != nil {
		t.Fatal(err)
	}
	models, err := client.Models.List(t.Context())
	if err != nil || len(models) != 3 {
		t.Errorf("models: %d, %v", len(models), err)
	}
	answer, err := client.Chat.Create(t.Context(), tintype.ChatRequest{Messages: []tintype.ChatMessage{tintype.UserMessage("hello")}})
	if err != nil || answer.Text() == "" {
		t.Errorf("chat: %+v, %v", answer, err)
	}
	image, err := client.Images.Generate(t.Context(), tintype.ImageRequest{Prompt: "a lighthouse"})
	if err != nil {
		t.Fatalf("image: %v", err)
	}
	checkMedia(t, client, image.ID, image.Data[0].URL)
	var film string
	var last *tintype.Chunk
	for chunk, err := range client.Videos.Stream(t.Context(), tintype.VideoRequest{Prompt: "a boat"}) {
		if err != nil {
			t.Fatalf("video: %v", err)
		}
		for _, v := range chunk.Videos() {
			film = v.URL
		}
		last = chunk
	}
	checkMedia(t, client, last.ID, film)
	s.end()
}

// checkMedia holds a link to what the job says of its file.
func checkMedia(t *testing.T, client *tintype.Client, id, link string) {
	t.Helper()
	job, err := client.Jobs.Get(t.Context(), id)
	if err != nil || job.Status != tintype.StatusSucceeded || len(job.Media) == 0 {
		t.Fatalf("job %s: %+v, %v", id, job, err)
	}
	m := job.Media[0]
	if n, err := client.Media.Download(t.Context(), m, io.Discard); err != nil || n != m.Bytes || m.URL != link || len(m.SHA256) != 64 {
		t.Errorf("%s: %d bytes, %v; the job says %+v", link, n, err, m)
	}
}

// TestTry sends the request of the curl line that `tintype run` shows.
func TestTry(t *testing.T) {
	t.Parallel()
	s := serve(t, swift(), "run", "--addr", "127.0.0.1:0", "--data", t.TempDir())
	url := strings.Fields(s.until("curl"))[1]
	header := regexp.MustCompile(`'Authorization: ([^']+)'`).FindStringSubmatch(s.until("-H "))
	body := regexp.MustCompile(`-d '([^']+)'`).FindStringSubmatch(s.until("-d "))
	s.until("for 7 days.")
	if header == nil || body == nil {
		t.Fatalf("it said\n%s", strings.Join(s.said, "\n"))
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body[1]))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {header[1]}, "Content-Type": {"application/json"}}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK || err != nil || !bytes.Contains(answer, []byte("/v1/media/")) {
		t.Errorf("%s %v\n%s", resp.Status, err, answer)
	}
	http.DefaultClient.CloseIdleConnections()
	s.end()
}

// TestAgain finds the media of an earlier run in its directory: jobs are gone
// from memory, but their links go on working.
func TestAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := serve(t, swift(), "run", "--addr", "127.0.0.1:0", "--data", dir)
	base := regexp.MustCompile(`http://\S+`).FindString(first.until("API"))
	first.until("for 7 days.")
	client, err := tintype.NewClient(base, tintype.WithKey(tintype.KeyPooled))
	if err != nil {
		t.Fatal(err)
	}
	image, err := client.Images.Generate(t.Context(), tintype.ImageRequest{Prompt: "a lighthouse"})
	if err != nil {
		t.Fatal(err)
	}
	file := image.Media[0]
	if _, err := client.Media.Download(t.Context(), file, io.Discard); err != nil {
		t.Fatal(err)
	}
	first.end()

	second := serve(t, swift(), "run", "--addr", "127.0.0.1:0", "--data", dir)
	elsewhere := regexp.MustCompile(`http://\S+`).FindString(second.until("API"))
	second.until("for 7 days.")
	if client, err = tintype.NewClient(elsewhere); err != nil {
		t.Fatal(err)
	}
	file.URL = strings.TrimPrefix(file.URL, base)
	if n, err := client.Media.Download(t.Context(), file, io.Discard); err != nil || n != file.Bytes {
		t.Errorf("after a restart: %d bytes, %v; before it was %+v", n, err, file)
	}
	second.end()
}

func TestRunMistakes(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().String()
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"port in use": {
			[]string{"run", "--addr", addr, "--data", t.TempDir()},
			1,
			"tintype run: another program listens on " + addr + " already; --addr 127.0.0.1:0 takes a free port\n",
		},
		"simulator's port in use": {
			[]string{"sim", "--addr", addr},
			1,
			"tintype sim: another program listens on " + addr + " already; --addr 127.0.0.1:0 takes a free port\n",
		},
		"bad address": {
			[]string{"run", "--addr", "here"},
			2,
			"tintype run: the configuration cannot be used:\n  --addr: server.addr: must be host:port, such as 127.0.0.1:8080\n",
		},
		"bad file": {
			[]string{"run", "--config", "/nowhere.yaml"},
			2,
			"tintype run: the configuration cannot be used:\n  /nowhere.yaml: cannot be opened: no such file or directory\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := call(t, []string{"TINTYPE_LOG_LEVEL=error"}, c.args...)
			if code != c.code || stderr != c.want || stdout != "" {
				t.Errorf("exit code %d\n%s%s\nwant %d\n%s", code, stdout, stderr, c.code, c.want)
			}
		})
	}
}

// TestOpen runs for other machines: nobody may use the accounts without a key,
// and the line to try says which one works.
func TestOpen(t *testing.T) {
	t.Parallel()
	s := serve(t, swift(), "run", "--addr", "0.0.0.0:0", "--data", t.TempDir())
	line, header := s.until("curl"), s.until("-H ")
	s.until("for 7 days.")
	if !strings.Contains(line, "curl http://127.0.0.1:") || !strings.Contains(header, "Bearer sim-me") {
		t.Errorf("it says %s\n%s", line, header)
	}
	base := strings.TrimSuffix(strings.Fields(line)[1], "/v1/images/generations")
	for key, works := range map[string]bool{"sim-me": true, tintype.KeyPooled: false} {
		client, err := tintype.NewClient(base, tintype.WithKey(key))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Images.Generate(t.Context(), tintype.ImageRequest{Prompt: "x"}); (err == nil) != works {
			t.Errorf("with the key %s: %v", key, err)
		}
	}
	s.end()
}

// TestSim points Tintype to a simulator by the settings that it prints.
func TestSim(t *testing.T) {
	t.Parallel()
	s := serve(t, nil, "sim", "--addr", "127.0.0.1:0", "--image-time", "0s")
	base := regexp.MustCompile(`http://\S+`).FindString(s.until("address"))
	help := regexp.MustCompile(`http://\S+`).FindString(s.until("help"))
	var environ []string
	for range 3 {
		environ = append(environ, strings.TrimPrefix(strings.TrimSpace(s.until("export ")), "export "))
	}
	s.until("OpenAI(")
	c, err := config.Load(config.Source{Role: config.ForEmbedded, Environ: environ})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Upstreams) != 1 || c.Upstreams[0].BaseURL != base || c.Sim.Enabled || c.Upstreams[0].Accounts[0].Key.Reveal() != "sim-me" {
		t.Errorf("the settings give %+v", c.Upstreams)
	}
	resp, err := http.Get(help)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || !strings.Contains(string(text), "sim:reject") {
		t.Errorf("%s says %v\n%s", help, err, text)
	}
	http.DefaultClient.CloseIdleConnections()
	s.end()
}

// TestSimVisibilityLag: a new video is not listed yet, but can be asked for.
func TestSimVisibilityLag(t *testing.T) {
	t.Parallel()
	for lag, listed := range map[string]string{"0s": `"total":1`, "1h": `"total":0`} {
		s := serve(t, nil, "sim", "--addr", "127.0.0.1:0", "--visibility-lag", lag)
		tasks := regexp.MustCompile(`http://\S+`).FindString(s.until("address")) + "/contents/generations/tasks"
		s.until("OpenAI(")
		body := `{"model":"doubao-seedance-2-0-260128","content":[{"type":"text","text":"x"}]}`
		id := regexp.MustCompile(`cgt-[0-9a-z-]+`).FindString(ask(t, http.MethodPost, tasks, body))
		if got := ask(t, http.MethodGet, tasks, ""); !strings.Contains(got, listed) {
			t.Errorf("%s: the list is %s, want %s", lag, got, listed)
		}
		if got := ask(t, http.MethodGet, tasks+"/"+id, ""); !strings.Contains(got, `"status":"running"`) {
			t.Errorf("%s: %q is %s", lag, id, got)
		}
		s.end()
	}
}

// ask calls the simulator as its caller's SDK would.
func ask(t *testing.T, method, url, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer sim-me"}}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// TestDemo is the whole demo as people run it, with the simulator's own times.
// The environment names a real service, which it must leave alone.
func TestDemo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	environ := []string{"TINTYPE_ARK_API_KEYS=real", "ARK_API_KEY=real", "TINTYPE_SERVER_ADDR=nonsense"}
	code, stdout, stderr := call(t, environ, "demo", "--out", dir)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
	for _, name := range []string{"image.jpg", "image-to-image.jpg", "video.mp4"} {
		data, err := os.ReadFile(dir + "/" + name)
		if err != nil {
			t.Error(err)
			continue
		}
		sum := sha256.Sum256(data)
		if !strings.Contains(stdout, "sha256 "+hex.EncodeToString(sum[:6])) {
			t.Errorf("the report knows nothing of %s with %x:\n%s", name, sum, stdout)
		}
	}
}
