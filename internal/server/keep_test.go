package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/server"
)

func keeping(c *server.Config) {
	c.Jobs.Retention, c.Jobs.LeastRetention, c.Jobs.MostRetention = 24*time.Hour, time.Hour, 48*time.Hour
}

// TestKeep: a job is kept from its end on for as long as was asked for.
func TestKeep(t *testing.T) {
	t.Parallel()
	h := open(t, configure(keeping))
	for wish, want := range map[string]time.Duration{
		``:                                 24 * time.Hour,
		`"store":true`:                     24 * time.Hour,
		`"store":null`:                     24 * time.Hour,
		`"expires_after":null`:             24 * time.Hour,
		`"store":false`:                    time.Hour,
		`"expires_after":3600`:             time.Hour,
		`"expires_after":"7200"`:           2 * time.Hour,
		`"expires_after":172800`:           48 * time.Hour,
		`"expires_after":{"seconds":7200}`: 2 * time.Hour,
		`"expires_after":{"anchor":"finished_at","seconds":7200}`: 2 * time.Hour,
		`"expires_after":7200,"store":true`:                       2 * time.Hour,
	} {
		id := h.create(images, strings.Replace(`{"prompt":"x",`+wish+`}`, ",}", "}", 1))
		h.makeImage(id, []byte("a picture"))
		j, _ := h.job(id, "")
		if got := j.ExpiresAt.Sub(*j.FinishedAt); got != want {
			t.Errorf("%s: kept for %s, want %s", wish, got, want)
		}
	}
}

func TestKeepRefuses(t *testing.T) {
	t.Parallel()
	h := open(t, configure(keeping))
	for wish, want := range map[string][2]string{
		`"expires_after":3599`:                                   {"expires_after", "from 3600 to 172800 seconds"},
		`"expires_after":172801`:                                 {"expires_after", "from 3600 to 172800 seconds"},
		`"expires_after":-1`:                                     {"expires_after", "from 3600 to 172800 seconds"},
		`"expires_after":1e99`:                                   {"expires_after", "a whole number"},
		`"expires_after":3600.5`:                                 {"expires_after", "a whole number"},
		`"expires_after":"soon"`:                                 {"expires_after", "a whole number"},
		`"expires_after":[3600]`:                                 {"expires_after", "a whole number"},
		`"expires_after":{}`:                                     {"expires_after", `{"anchor": "finished_at"`},
		`"expires_after":{"seconds":"x"}`:                        {"expires_after", "a whole number"},
		`"expires_after":{"anchor":7,"seconds":3600}`:            {"expires_after", `{"anchor": "finished_at"`},
		`"expires_after":{"anchor":"created_at","seconds":3600}`: {"expires_after.anchor", "Allowed: finished_at"},
		`"store":"no"`:                                           {"store", "true or false"},
		`"store":false,"expires_after":7200`:                     {"expires_after", "Leave one of the two fields out"},
	} {
		a := h.call(http.MethodPost, images, `{"prompt":"x",`+wish+`}`)
		code, param, message := errorOf(t, a.body)
		if a.status != 400 || code != "invalid_request" || param != want[0] || !strings.Contains(message, want[1]) {
			t.Errorf("%s: %d %s", wish, a.status, a.body)
		}
	}
	h.nothingHappened()
}

// TestUnstoredIsDelivered: "store": false takes nothing from the answer, nor from
// whoever comes back for it.
func TestUnstoredIsDelivered(t *testing.T) {
	t.Parallel()
	h := open(t, configure(keeping))
	var id job.ID
	h.meanwhile(func() {
		id = h.waitForJob()
		h.makeImage(id, []byte("a picture"))
	})
	a := h.call(http.MethodPost, images, `{"prompt":"x","store":false}`)
	link := h.link(a.header.Get("X-Job-Id"), "image-0.png")
	if a.status != 200 || !strings.Contains(a.body, link) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for range 2 {
		if got := h.call(http.MethodGet, strings.TrimPrefix(link, h.url), ""); got.body != "a picture" {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
}
