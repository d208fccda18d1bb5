package queue_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/queue"
)

func TestMonitor(t *testing.T) {
	t.Parallel()
	eachRedis(t, func(t *testing.T, rdb redis.UniversalClient) {
		m := queue.NewMonitor(rdb, "tt")
		stats := func() map[job.Stage]queue.Stat {
			t.Helper()
			list, err := m.Queues(context.Background())
			if err != nil || len(list) != 3 {
				t.Fatalf("%+v, %v", list, err)
			}
			return map[job.Stage]queue.Stat{list[0].Stage: list[0], list[1].Stage: list[1], list[2].Stage: list[2]}
		}
		if got := stats()[job.StageSubmit]; got.Pending != 0 {
			t.Errorf("%+v", got)
		}
		if err := queue.NewClient(rdb, "tt").Ring(t.Context(), job.Bell{Job: "a", Stage: job.StageSubmit, N: 1}, job.Bell{Job: "b", Stage: job.StageSubmit, N: 1}); err != nil {
			t.Fatal(err)
		}
		if got := stats(); got[job.StageSubmit].Pending != 2 || got[job.StageMirror].Pending != 0 {
			t.Errorf("%+v", got)
		}
		page := m.Page("/admin/queues")
		for path, want := range map[string]string{"/admin/queues/": "<html", "/admin/queues/api/queues": `"tt-submit"`} {
			w := httptest.NewRecorder()
			page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: %d %.300s", path, w.Code, w.Body)
			}
		}
		w := httptest.NewRecorder()
		page.ServeHTTP(w, httptest.NewRequest(http.MethodDelete, "/admin/queues/api/queues/tt-submit/pending_tasks/submit:a:1", nil))
		if got := stats()[job.StageSubmit]; w.Code < 400 || got.Pending != 2 {
			t.Errorf("it does more than read: %d, %+v", w.Code, got)
		}
	})
}
