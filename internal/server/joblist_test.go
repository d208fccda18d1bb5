package server_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/pkg/tintype"
)

func (h *house) list(query string, headers ...string) (ids []string, list tintype.JobList) {
	h.Helper()
	a := h.call(http.MethodGet, "/v1/jobs"+query, "", headers...)
	if a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" {
		h.Fatalf("%s: %d %v %s", query, a.status, a.header, a.body)
	}
	for _, key := range []string{`"object":"list"`, `"data":[`, `"first_id":`, `"last_id":`, `"has_more":`} {
		if !strings.Contains(a.body, key) {
			h.Errorf("no %s in %s", key, a.body)
		}
	}
	h.must(json.Unmarshal([]byte(a.body), &list))
	for _, j := range list.Data {
		ids = append(ids, j.ID)
	}
	return ids, list
}

func TestListJobs(t *testing.T) {
	t.Parallel()
	h := open(t)
	if ids, list := h.list(""); len(ids) != 0 || list.FirstID != nil || list.LastID != nil || list.HasMore {
		t.Errorf("nothing yet: %+v", list)
	}
	var ids []string // newest first
	for _, path := range []string{videos, images, videos} {
		ids = append([]string{string(h.create(path, `{"prompt":"x"}`))}, ids...)
		nextMillisecond()
	}
	h.create(images, `{"prompt":"x"}`, "Authorization", "Bearer "+otherKey)
	h.makeVideo(job.ID(ids[2]))
	h.submitted(job.ID(ids[0]), "cgt-1")
	for _, tt := range []struct {
		query string
		want  []string
	}{
		{"", ids},
		{"?limit=2", ids[:2]},
		{"?limit=2&after=" + ids[1], ids[2:]},
		{"?kind=image", ids[1:2]},
		{"?kind=video", []string{ids[0], ids[2]}},
		{"?status=running", ids[:1]},
		{"?status=succeeded", ids[2:]},
		{"?status=queued,running", ids[:2]},
		{"?status=queued,%20failed", ids[1:2]},
		{"?status=canceled", nil},
		{"?status=&kind=&after=&limit=", ids},
		{"?order=desc", ids}, // unknown names are passed over
	} {
		got, list := h.list(tt.query)
		if !slices.Equal(got, tt.want) || list.HasMore != (tt.query == "?limit=2") {
			t.Errorf("%s: %v, want %v; has_more %v", tt.query, got, tt.want, list.HasMore)
		}
		if len(got) > 0 && (*list.FirstID != got[0] || *list.LastID != got[len(got)-1]) {
			t.Errorf("%s: first_id %s, last_id %s", tt.query, *list.FirstID, *list.LastID)
		}
	}
	_, list := h.list("?status=succeeded")
	whole, _ := h.job(job.ID(ids[2]), "")
	one := list.Data[0]
	if len(one.Media) != 2 || one.Media[0].URL != whole.Media[0].URL || len(one.Choices) != 1 || len(one.Timeline) != 3 || one.URLs != whole.URLs {
		t.Errorf("%+v", one)
	}
	if ids, _ := h.list("", "Authorization", "Bearer sim-own"); len(ids) != 0 {
		t.Errorf("a stranger sees %v", ids)
	}
}

func TestListJobsRefuses(t *testing.T) {
	t.Parallel()
	h := open(t)
	for query, want := range map[string][2]string{
		"?status=done":                       {"status", "queued, running, mirroring, succeeded, failed, canceled"},
		"?status=queued,":                    {"status", "canceled"},
		"?kind=chat":                         {"kind", "image, video"},
		"?after=x":                           {"after", "last_id"},
		"?limit=0":                           {"limit", "1 to 100"},
		"?limit=101":                         {"limit", "1 to 100"},
		"?limit=x":                           {"limit", "1 to 100"},
		"?kind=" + strings.Repeat("x", 9000): {"kind", "image, video"},
	} {
		a := h.call(http.MethodGet, "/v1/jobs"+query, "")
		code, param, message := errorOf(t, a.body)
		if a.status != 400 || code != "invalid_request" || param != want[0] || !strings.Contains(message, want[1]) || len(message) > 300 {
			t.Errorf("%.40s: %d %s", query, a.status, a.body)
		}
	}
}

// nextMillisecond returns in another one: ids of the same have no order.
func nextMillisecond() {
	for now := time.Now().UnixMilli(); time.Now().UnixMilli() == now; {
	}
}
