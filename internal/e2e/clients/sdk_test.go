package clients_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// call is one call that an SDK is to make.
type call struct {
	Kind           string `json:"kind"` // image, video
	Prompt         string `json:"prompt"`
	Key            string `json:"key"`
	IdempotencyKey string `json:"idempotency_key,omitempty"`
	Retries        int    `json:"retries,omitempty"` // of the SDK; zero: as it comes
	Timeout        int    `json:"timeout,omitempty"` // of the SDK, in seconds; zero: as it comes
}

// result is what became of it.
type result struct {
	ID    string `json:"id"`
	URL   string `json:"url"` // of the media
	Error string `json:"error"`
}

// sdk makes calls, some of them at once, and gives their results in order.
type sdk func(t *testing.T, base string, atOnce int, calls []call) []result

var sdks = map[string]sdk{"node": nodeSDK, "go": goSDK}

// callsWithin bounds all calls of a test.
const callsWithin = 8 * time.Minute

// nodeSDK makes the calls in a process of Node.
func nodeSDK(t *testing.T, base string, atOnce int, calls []call) (results []result) {
	t.Helper()
	if _, err := os.Stat(filepath.Join("node_modules", "openai")); err != nil {
		t.Fatal("OpenAI's SDK for Node is not installed: run `make test-clients`, or `npm ci` in this folder")
	}
	input, err := json.Marshal(map[string]any{"base": base, "atOnce": atOnce, "calls": calls})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), callsWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "calls.mjs")
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("node: %v\n%s", err, said.String())
	}
	if err := json.Unmarshal(out.Bytes(), &results); err != nil {
		t.Fatalf("node said %.300q: %v", out.String(), err)
	}
	return results
}

// goSDK makes the calls in this process.
func goSDK(t *testing.T, base string, atOnce int, calls []call) []result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), callsWithin)
	defer cancel()
	results, places := make([]result, len(calls)), make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, c := range calls {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			results[i] = c.repeat(ctx, base)
		})
	}
	wg.Wait()
	return results
}

// repeat makes a call; one with a key is repeated by its caller, too: the SDK
// gives up once the head of an answer has come.
func (c call) repeat(ctx context.Context, base string) (r result) {
	tries := 1
	if c.IdempotencyKey != "" {
		tries = 5
	}
	for range tries {
		answer, err := c.send(ctx, base)
		if err == nil {
			r, err = readResult(answer)
		}
		if err == nil {
			return r
		}
		r = result{Error: err.Error()}
	}
	return r
}

// send makes a call with OpenAI's SDK and gives the body of the answer.
func (c call) send(ctx context.Context, base string) (json.RawMessage, error) {
	options := []option.RequestOption{option.WithBaseURL(base + "/v1"), option.WithAPIKey(c.Key)}
	if c.Retries > 0 {
		options = append(options, option.WithMaxRetries(c.Retries))
	}
	if c.Timeout > 0 {
		options = append(options, option.WithRequestTimeout(time.Duration(c.Timeout)*time.Second))
	}
	if c.IdempotencyKey != "" {
		options = append(options, option.WithHeader("Idempotency-Key", c.IdempotencyKey))
	}
	client := openai.NewClient(options...)
	if c.Kind == "video" {
		var answer json.RawMessage
		err := client.Post(ctx, "video/generations", map[string]any{"prompt": c.Prompt, "ratio": "16:9"}, &answer)
		return answer, err
	}
	answer, err := client.Images.Generate(ctx, openai.ImageGenerateParams{Prompt: c.Prompt}, option.WithJSONSet("ratio", "16:9"))
	if err != nil {
		return nil, err
	}
	return json.RawMessage(answer.RawJSON()), nil
}

func readResult(body json.RawMessage) (result, error) {
	var answer struct {
		ID   string
		Data []struct{ URL string }
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return result{}, err
	}
	if len(answer.Data) != 1 {
		return result{}, errors.New("no media in " + fmt.Sprintf("%.200s", body))
	}
	return result{ID: answer.ID, URL: answer.Data[0].URL}, nil
}
