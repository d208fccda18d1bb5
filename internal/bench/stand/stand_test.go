package stand_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/tintypehq/tintype/internal/bench/stand"
	"github.com/tintypehq/tintype/internal/bench/wire"
	"github.com/tintypehq/tintype/internal/testserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a role until the test ends and gives its address.
func start(t *testing.T, role stand.Role, flags ...string) string {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	out, stdout := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := stand.Run(ctx, append([]string{string(role), "-addr", "127.0.0.1:0"}, flags...), stdout, io.Discard)
		_ = stdout.CloseWithError(err)
		ended <- err
	}()
	t.Cleanup(func() {
		end()
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", role, err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		t.Fatalf("%s says %q, %v", role, line, err)
	}
	return addr
}

func chat(addr string, stream bool) wire.Request {
	return wire.NewRequest(http.MethodPost, "/v1/chat/completions", addr, `{"model":"m","stream":`+strconv.FormatBool(stream)+`}`)
}

// exchange sends one request.
func exchange(t *testing.T, addr string, r wire.Request, status int) string {
	t.Helper()
	got, body, err := wire.Exchange(t.Context(), addr, r)
	if err != nil || got != status {
		t.Fatalf("%s answered %d %s, %v", addr, got, body, err)
	}
	return string(body)
}

func TestUpstreamAndPassthrough(t *testing.T) {
	t.Parallel()
	upstream := start(t, stand.Upstream, "-chunks", "5", "-pace", "1ms")
	for name, addr := range map[string]string{"upstream": upstream, "passthrough": start(t, stand.Passthrough, "-to", "http://"+upstream)} {
		var whole struct {
			Choices []struct{ Message struct{ Content string } }
		}
		body := exchange(t, addr, chat(addr, false), http.StatusOK)
		if err := json.Unmarshal([]byte(body), &whole); err != nil || whole.Choices[0].Message.Content != stand.Said {
			t.Errorf("%s: %v %s", name, err, body)
		}
		for range 3 {
			checkStream(t, addr, 5)
		}
	}
}

// checkStream reads a stream whose chunks say when they were sent.
func checkStream(t *testing.T, addr string, chunks int) {
	t.Helper()
	conn, err := wire.Dial(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stamps, events, last := 0, 0, ""
	_, err = conn.Lines(chat(addr, true), func(line []byte) {
		events++
		last = string(line)
		if at, ok := stand.SentAt(line); ok {
			stamps++
			if since := time.Since(at); since < 0 || since > time.Minute {
				t.Errorf("sent %v ago", since)
			}
		}
		if data, ok := strings.CutPrefix(string(line), "data: {"); ok && !json.Valid([]byte("{"+data)) {
			t.Errorf("not JSON: %s", line)
		}
	})
	if err != nil || stamps != chunks || events != chunks+2 || last != "data: [DONE]" {
		t.Errorf("%s: %d of %d chunks with a time, %d events, the last %q, %v", addr, stamps, chunks, events, last, err)
	}
}

func TestSentAtOfOtherLines(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"", "data: [DONE]", `data: {"content":"Hello, this is no time"}`, `data: {"content":"17"}`} {
		if at, ok := stand.SentAt([]byte(line)); ok {
			t.Errorf("%q was sent at %v", line, at)
		}
	}
}

func TestEnqueue(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	addr := start(t, stand.Enqueue, "-redis", server.Addr)
	for range 3 {
		exchange(t, addr, wire.NewRequest(http.MethodPost, "/v1/images/generations", addr, `{"prompt":"a fox"}`), http.StatusAccepted)
	}
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer rdb.Close()
	if n := rdb.LLen(t.Context(), "asynq:{floor}:pending").Val(); n != 3 {
		t.Errorf("%d tasks in the queue, want 3", n)
	}
}

func TestWaiting(t *testing.T) {
	t.Parallel()
	addr := start(t, stand.Waiting)
	get := func(path string) string {
		return exchange(t, addr, wire.NewRequest(http.MethodGet, path, addr, ""), http.StatusOK)
	}
	const size = 100 // of a word
	answers := make(chan int)
	for range 3 {
		go func() {
			words := 0
			conn, err := wire.Dial(t.Context(), addr)
			if err != nil {
				t.Error(err)
				answers <- 0
				return
			}
			defer conn.Close()
			_, err = conn.Lines(wire.NewRequest(http.MethodGet, "/wait?events=2&bytes="+strconv.Itoa(size), addr, ""), func(line []byte) {
				if at, ok := stand.SentAt(line); ok && time.Since(at) < time.Minute && len(line) == size-len("\n\n") {
					words++
				}
			})
			if err != nil {
				t.Error(err)
			}
			answers <- words
		}()
	}
	for end := time.Now().Add(30 * time.Second); get("/tell?from=0&count=0&pace=1") != "3"; { // until all wait
		if time.Now().After(end) {
			t.Fatal("not all of the callers wait")
		}
	}
	for range 2 {
		get("/tell?from=0&count=1&pace=1")
		get("/tell?from=1&count=9&pace=1000")
	}
	for range 3 {
		if n := <-answers; n != 2 {
			t.Errorf("a caller was told %d words, want 2", n)
		}
	}
	exchange(t, addr, wire.NewRequest(http.MethodGet, "/wait?events=many&bytes=0", addr, ""), http.StatusBadRequest)
	exchange(t, addr, wire.NewRequest(http.MethodGet, "/tell?from=0", addr, ""), http.StatusBadRequest)
}

func TestContent(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "film")
	if err := os.WriteFile(file, []byte("a film"), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := start(t, stand.Content, "-file", file)
	if got := exchange(t, addr, wire.NewRequest(http.MethodGet, "/", addr, ""), http.StatusOK); got != "a film" {
		t.Errorf("got %q", got)
	}
}

func TestSimulatorHasNoLimits(t *testing.T) {
	t.Parallel()
	addr := start(t, stand.Simulator, "-video-time", "1h")
	for range 200 { // more than run and wait at once under the usual limits
		exchange(t, addr, wire.NewRequest(http.MethodPost, "/api/v3/contents/generations/tasks", addr,
			`{"model":"doubao-seedance-1-0-pro-250528","content":[{"type":"text","text":"waves"}]}`, "Authorization: Bearer sim-x"), http.StatusOK)
	}
}

func TestPut(t *testing.T) {
	t.Parallel()
	s3 := testserver.Versity(t)
	for _, by := range []stand.Uploader{stand.OurStore, stand.BareSDK} {
		var out bytes.Buffer
		err := stand.Run(t.Context(), []string{
			string(stand.Put), "-by", string(by), "-endpoint", s3.Endpoint, "-bucket", s3.Bucket,
			"-key", s3.AccessKey, "-secret", s3.SecretKey, "-size", "3000000", "-at-once", "2", "-prefix", string(by),
		}, &out, io.Discard)
		var result stand.PutResult
		if err != nil || json.Unmarshal(out.Bytes(), &result) != nil || result.SizeBytes != 6_000_000 || result.Seconds <= 0 {
			t.Errorf("%s: %v %s", by, err, out.String())
		}
	}
}

func TestWrongRole(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"nothing"}, {"upstream", "-no-such-flag"}, {"put", "-by", "hand"}} {
		var stderr bytes.Buffer
		if code := stand.Main(args, io.Discard, &stderr); code == 0 || stderr.Len() == 0 {
			t.Errorf("%q: code %d, %q", args, code, stderr.String())
		}
	}
}
