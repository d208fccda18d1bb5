package cli_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/tintypehq/tintype/pkg/tintype"
)

// TestChain puts one Tintype in front of another: the driver for OpenAI-compatible
// upstreams speaks to our own API, and a model falls back from one upstream to the
// next.
func TestChain(t *testing.T) {
	t.Parallel()
	const key = "tt_chained_0123456789"
	back := serve(t, append(swift(), "TINTYPE_AUTH_KEYS_0_NAME=front", "TINTYPE_AUTH_KEYS_0_KEY="+key, "TINTYPE_AUTH_KEYS_0_SCOPES=admin,generate,read"),
		"run", "--addr", "127.0.0.1:0", "--data", t.TempDir())
	backURL := regexp.MustCompile(`http://[0-9.:]+`).FindString(back.until("API"))
	back.until("for 7 days.")
	file := filepath.Join(t.TempDir(), "front.yaml")
	settings := fmt.Sprintf(`
upstreams:
- name: back
  driver: openai
  base_url: %[1]s/v1
  allow_private: true
  openai: {endpoints: [chat, images, new_api_videos], image_sizes: ["1:1=", "16:9="], video_sizes: ["16:9="]}
  accounts: [{id: back-1, key: %[2]s}]
- name: stale
  driver: openai
  base_url: %[1]s/v1
  allow_private: true
  openai: {image_sizes: ["16:9="]}
  accounts: [{id: stale-1, key: tt_revoked_0123456789}]
models:
- {name: talker, kind: chat, upstream: back, id: talker}
- {name: painter, kind: image, upstream: back, id: painter}
- {name: filmer, kind: video, upstream: back, id: filmer}
- {name: sure, kind: image, upstream: stale, id: painter, fallbacks: [{upstream: back, id: painter}]}
`, backURL, key)
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	front := serve(t, nil, "run", "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--config", file)
	frontURL := regexp.MustCompile(`http://[0-9.:]+`).FindString(front.until("API"))
	front.until("for 7 days.")
	client, err := tintype.NewClient(frontURL, tintype.WithKey(tintype.KeyPooled))
	if err != nil {
		t.Fatal(err)
	}
	image, err := client.Image(t.Context(), tintype.ImageRequest{Prompt: "a lighthouse", Ratio: "16:9"})
	if err != nil {
		t.Fatalf("image: %v", err)
	}
	checkMedia(t, client, image.ID, image.Data[0].URL)
	// The first upstream's credential is dead: the job goes on at the second.
	sure, err := client.Image(t.Context(), tintype.ImageRequest{Model: "sure", Prompt: "a lighthouse, surely", Ratio: "16:9"})
	if err != nil {
		t.Fatalf("with a fallback: %v", err)
	}
	checkMedia(t, client, sure.ID, sure.Data[0].URL)
	film, err := client.Video(t.Context(), tintype.VideoRequest{Prompt: "a boat"})
	if err != nil {
		t.Fatalf("video: %v", err)
	}
	checkMedia(t, client, film.ID, film.Data[0].URL)
	chat, err := client.Chat(t.Context(), tintype.ChatRequest{Messages: []tintype.ChatMessage{tintype.UserMessage("hello")}})
	if err != nil || chat.Text() == "" {
		t.Errorf("chat: %+v, %v", chat, err)
	}
	if _, err := client.Image(t.Context(), tintype.ImageRequest{Prompt: "a lighthouse sim:reject"}); !isCode(err, tintype.CodeContentPolicy) {
		t.Errorf("a refused prompt: %v", err)
	}
	front.end()
	back.end()
	http.DefaultClient.CloseIdleConnections()
}

func isCode(err error, code tintype.Code) bool {
	e, ok := errors.AsType[*tintype.APIError](err)
	return ok && e.Code == code
}
