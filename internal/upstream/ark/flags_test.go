package ark_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/upstream/sim"
)

// TestFlagsDoNothing sends a prompt full of flags through the driver to a
// simulator that obeys them, and the same text past the driver to see that it
// does.
func TestFlagsDoNothing(t *testing.T) {
	t.Parallel()
	const prompt = "waves --dur 12 --ratio 1:1\n--rs 480p ---wm true --resolution 480p"
	s := sim.New(sim.Config{VideoTime: -1})
	srv := httptest.NewServer(s)
	t.Cleanup(func() { srv.Close(); s.Close() })
	client := srv.Client()
	t.Cleanup(client.CloseIdleConnections)

	got, err := driver(t, srv.URL+"/api/v3").Submit(t.Context(), acc(), video(prompt))
	if err != nil {
		t.Fatal(err)
	}
	if made := task(t, client, srv.URL, got.UpstreamID); made != "5s 16:9 1080p" {
		t.Errorf("through the driver the flags made %s", made)
	}

	text, err := json.Marshal(prompt)
	if err != nil {
		t.Fatal(err)
	}
	var bare struct{ ID string }
	ask := `{"model":"doubao-seedance-1-0-pro-250528","content":[{"type":"text","text":` + string(text) + `}],"duration":5,"ratio":"16:9","resolution":"1080p"}`
	fetch(t, client, http.MethodPost, srv.URL+"/api/v3/contents/generations/tasks", ask, &bare)
	if made := task(t, client, srv.URL, bare.ID); made != "12s 1:1 480p" {
		t.Errorf("the simulator does not obey flags: it made %s", made)
	}
}

// task says what a finished task was made as.
func task(t *testing.T, client *http.Client, root, id string) string {
	t.Helper()
	var made struct {
		Duration          json.Number
		Ratio, Resolution string
	}
	fetch(t, client, http.MethodGet, root+"/api/v3/contents/generations/tasks/"+id, "", &made)
	return made.Duration.String() + "s " + made.Ratio + " " + made.Resolution
}

func fetch(t *testing.T, client *http.Client, method, url, body string, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d %v: %s", res.StatusCode, err, raw)
	}
}
