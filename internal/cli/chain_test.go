package cli_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
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
  openai: {endpoints: [chat, images, edits, videos], thumbnails: true, image_sizes: ["1:1=", "16:9="], video_sizes: ["16:9="]}
  accounts: [{id: back-1, key: %[2]s}]
- name: held
  driver: openai
  base_url: %[1]s/v1
  allow_private: true
  openai: {endpoints: [new_api_videos], video_sizes: ["16:9="]}
  accounts: [{id: held-1, key: %[2]s}]
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
- {name: patient filmer, kind: video, upstream: held, id: filmer}
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
	image, err := client.Images.Generate(t.Context(), tintype.ImageRequest{Prompt: "a lighthouse", Ratio: "16:9"})
	if err != nil {
		t.Fatalf("image: %v", err)
	}
	checkMedia(t, client, image.ID, image.Data[0].URL)
	picture := base64.StdEncoding.EncodeToString(download(t, image.Data[0].URL))
	// The first upstream's credential is dead: the job goes on at the second.
	sure, err := client.Images.Generate(t.Context(), tintype.ImageRequest{Model: "sure", Prompt: "a lighthouse, surely", Ratio: "16:9"})
	if err != nil {
		t.Fatalf("with a fallback: %v", err)
	}
	checkMedia(t, client, sure.ID, sure.Data[0].URL)
	// Edits and /v1/videos of the second, with the first's own image; its other door
	// holds the call until the video is made.
	for _, model := range []string{"filmer", "patient filmer"} {
		film, err := client.Videos.Generate(t.Context(), tintype.VideoRequest{Model: model, Prompt: "a boat by a " + model, Image: picture})
		if err != nil {
			t.Fatalf("video: %v", err)
		}
		checkMedia(t, client, film.ID, film.Data[0].URL)
		if film.Data[0].Cover == "" {
			t.Errorf("%s: no still", model)
		}
	}
	edited, err := client.Images.Generate(t.Context(), tintype.ImageRequest{Prompt: "at night", Image: picture, Ratio: "16:9"})
	if err != nil {
		t.Fatalf("edit: %v", err)
	}
	checkMedia(t, client, edited.ID, edited.Data[0].URL)
	chat, err := client.Chat.Create(t.Context(), tintype.ChatRequest{Messages: []tintype.ChatMessage{tintype.UserMessage("hello")}})
	if err != nil || chat.Text() == "" {
		t.Errorf("chat: %+v, %v", chat, err)
	}
	if _, err := client.Images.Generate(t.Context(), tintype.ImageRequest{Prompt: "a lighthouse sim:reject"}); !isCode(err, tintype.CodeContentPolicy) {
		t.Errorf("a refused prompt: %v", err)
	}
	front.end()
	back.end()
	http.DefaultClient.CloseIdleConnections()
}

func download(t *testing.T, url string) []byte {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, resp.Status, err)
	}
	return b
}

func isCode(err error, code tintype.Code) bool {
	e, ok := errors.AsType[*tintype.APIError](err)
	return ok && e.Code == code
}

// TestWeb runs the service on sessions of Doubao's web chat, as the simulator speaks
// it: media, chat, a refused prompt, and a dead session.
func TestWeb(t *testing.T) {
	t.Parallel()
	sim := serve(t, nil, "sim", "--addr", "127.0.0.1:0", "--image-time", "0s", "--video-time", "200ms")
	simURL := regexp.MustCompile(`http://[0-9.:]+`).FindString(sim.until("address"))
	sim.until("OpenAI(")
	dir := t.TempDir()
	const key = "tt_operator_0123456789"
	files := map[string]string{
		"profile.yaml": "media_hosts: [127.0.0.1]\n",
		"web.yaml": fmt.Sprintf(`
auth: {keys: [{name: op, key: %s, scopes: [admin, generate, read]}]}
video: {poll: {first: 100ms, interval: 100ms}}
upstreams:
- name: web
  driver: doubaoweb
  base_url: %s/doubaoweb
  allow_private: true
  profile: %s
  accounts:
  - {id: dead, key: "sessionid=nobody; ttwid=x"}
  - {id: own, key: sim-session, cookies: ["ttwid=y"], headers: ["User-Agent=a browser"], query: ["device_id=7"]}
models:
- {name: talker, kind: chat, id: doubao}
- {name: painter, kind: image, id: Seedream 4.0}
- {name: filmer, kind: video, id: seedance_v2.0}
`, key, simURL, filepath.Join(dir, "profile.yaml")),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := serve(t, nil, "run", "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--config", filepath.Join(dir, "web.yaml"))
	base := regexp.MustCompile(`http://[0-9.:]+`).FindString(s.until("API"))
	s.until("for 7 days.")
	client, err := tintype.NewClient(base, tintype.WithKey(key))
	if err != nil {
		t.Fatal(err)
	}
	for _, prompt := range []string{"a lighthouse", "a mole"} { // one of them meets the dead session
		image, err := client.Images.Generate(t.Context(), tintype.ImageRequest{Prompt: prompt, Ratio: "16:9"})
		if err != nil {
			t.Fatalf("image: %v", err)
		}
		checkMedia(t, client, image.ID, image.Data[0].URL)
	}
	film, err := client.Videos.Generate(t.Context(), tintype.VideoRequest{Prompt: "a boat"})
	if err != nil {
		t.Fatalf("video: %v", err)
	}
	checkMedia(t, client, film.ID, film.Data[0].URL)
	chat, err := client.Chat.Create(t.Context(), tintype.ChatRequest{Messages: []tintype.ChatMessage{tintype.UserMessage("hello")}})
	if err != nil || chat.Text() == "" {
		t.Errorf("chat: %+v, %v", chat, err)
	}
	if _, err := client.Images.Generate(t.Context(), tintype.ImageRequest{Prompt: "a lighthouse sim:reject"}); !isCode(err, tintype.CodeContentPolicy) {
		t.Errorf("a refused prompt: %v", err)
	}
	accounts, err := client.Admin.Accounts(t.Context())
	if err != nil || len(accounts) != 2 || accounts[0].State != "parked" || accounts[0].Cause != "auth" || accounts[1].State != "healthy" {
		t.Errorf("%+v, %v", accounts, err)
	}
	s.end()
	sim.end()
	http.DefaultClient.CloseIdleConnections()
}
