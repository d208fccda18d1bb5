package server_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// TestVideosList: GET /v1/videos has the caller's videos and nothing else, over its
// pages.
func TestVideosList(t *testing.T) {
	t.Parallel()
	h := open(t)
	list := func(query string) (ids []string, l tintype.VideoList) {
		t.Helper()
		a := h.call(http.MethodGet, openaiVideos+query, "")
		h.must(json.Unmarshal([]byte(a.body), &l))
		if a.status != http.StatusOK || l.Object != "list" || a.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%q: %d %s", query, a.status, a.body)
		}
		for _, v := range l.Data {
			ids = append(ids, v.ID)
		}
		return ids, l
	}
	if ids, l := list(""); len(ids) != 0 || l.FirstID != nil || l.LastID != nil || l.HasMore {
		t.Errorf("nothing yet: %+v", l)
	}
	var want []string // newest first
	for range 3 {
		want = slices.Insert(want, 0, string(h.create(videos, `{"prompt":"x"}`)))
		nextMillisecond()
	}
	h.create(images, `{"prompt":"x"}`)
	h.create(videos, `{"prompt":"x"}`, "Authorization", "Bearer pooled")
	h.makeVideo(job.ID(want[2]))
	if ids, l := list("?order=desc"); !slices.Equal(ids, want) || *l.FirstID != want[0] || *l.LastID != want[2] || l.HasMore || l.Data[2].Status != "completed" {
		t.Errorf("%v, want %v: %+v", ids, want, l)
	}
	if ids, l := list("?limit=2"); !slices.Equal(ids, want[:2]) || *l.LastID != want[1] || !l.HasMore {
		t.Errorf("the first page: %v %+v", ids, l)
	}
	if ids, _ := list("?after=" + want[1]); !slices.Equal(ids, want[2:]) {
		t.Errorf("the second page: %v", ids)
	}
	for query, param := range map[string]string{"order=asc": "order", "limit=101": "limit", "after=x": "after"} {
		a := h.call(http.MethodGet, openaiVideos+"?"+query, "")
		if code, got, _ := errorOf(t, a.body); a.status != http.StatusBadRequest || code != "invalid_request" || got != param {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
}

// TestVideosDelete: a video that is made goes with its files, by OpenAI's door too.
func TestVideosDelete(t *testing.T) {
	t.Parallel()
	h := archived(t)
	id, link := h.film()
	a := h.call(http.MethodDelete, openaiVideos+"/"+string(id), "")
	if a.status != http.StatusOK || !strings.Contains(a.body, `"deleted":true`) || !strings.Contains(a.body, `"video.deleted"`) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if n := h.files(id); n != 0 {
		t.Errorf("%d files are left", n)
	}
	h.wantNoTrace(id, link)
	if a := h.call(http.MethodGet, openaiVideos+"/"+string(id), ""); a.status != http.StatusNotFound {
		t.Errorf("afterwards: %d %s", a.status, a.body)
	}
}
