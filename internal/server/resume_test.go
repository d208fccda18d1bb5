package server_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// TestResume cuts a finished log at every place, in both ways to say where.
func TestResume(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(videos, `{"prompt":"x"}`)
	h.makeVideo(id)
	path := "/v1/jobs/" + string(id) + "/events"
	_, fs := h.stream(http.MethodGet, path, "")
	fs.next() // retry
	whole := fs.rest()
	for cut := range whole {
		for name, get := range map[string]func() (*http.Response, *frames){
			"header": func() (*http.Response, *frames) {
				// The header is newer than the query of the first try.
				return h.stream(http.MethodGet, path+"?after=0", "", "Last-Event-ID", strconv.Itoa(cut))
			},
			"query": func() (*http.Response, *frames) {
				return h.stream(http.MethodGet, fmt.Sprintf("%s?after=%d", path, cut), "")
			},
		} {
			_, fs := get()
			fs.next()
			if got := fs.rest(); fmt.Sprint(got) != fmt.Sprint(whole[cut:]) {
				t.Errorf("%s after %d:\n%q\nwant\n%q", name, cut, got, whole[cut:])
			}
		}
	}
	a := h.call(http.MethodGet, fmt.Sprintf("%s?after=%d", path, len(whole)), "")
	if a.status != http.StatusNoContent {
		t.Errorf("after the end: %d %s", a.status, a.body)
	}
}

func TestResumeOfChunks(t *testing.T) {
	t.Parallel()
	h := open(t)
	resp, fs := h.stream(http.MethodPost, videos, `{"prompt":"x","stream":true}`)
	id := job.ID(resp.Header.Get("X-Job-Id"))
	h.makeVideo(id)
	whole := fs.rest()
	path := videos + "/" + string(id) + "/events"
	_, fs = h.stream(http.MethodGet, path, "")
	if got := fs.rest(); fmt.Sprint(got) != fmt.Sprint(whole) {
		t.Errorf("again:\n%q\nwant\n%q", got, whole)
	}
	_, fs = h.stream(http.MethodGet, path, "", "Last-Event-ID", "8")
	if got := fs.rest(); fmt.Sprint(got) != fmt.Sprint(whole[len(whole)-4:]) {
		t.Errorf("after 8: %q", got)
	}
	if a := h.call(http.MethodGet, path+"?after=9", ""); a.status != http.StatusNoContent {
		t.Errorf("after the end: %d %s", a.status, a.body)
	}
	if a := h.call(http.MethodGet, images+"/"+string(id)+"/events", ""); a.status != http.StatusNotFound {
		t.Errorf("as an image: %d", a.status)
	}
}

// TestGap: a cursor that the log does not reach gets the state instead.
func TestGap(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := h.create(videos, `{"prompt":"x"}`)
	path := "/v1/jobs/" + string(id) + "/events"

	_, fs := h.stream(http.MethodGet, path+"?after=99", "") // a place that does not exist yet
	fs.next()
	if e := fs.next().event(t); e.Type != tintype.EventGap || e.Seq != 2 || e.Job.Status != tintype.StatusQueued {
		t.Errorf("ahead of the log: %+v", e)
	}
	h.makeVideo(id)
	h.trim(id, 6)
	_, fs = h.stream(http.MethodGet, path+"?after=2", "")
	fs.next()
	all := fs.rest()
	if e := all[0].event(t); len(all) != 1 || e.Type != tintype.EventGap || e.Seq != 9 || e.Job.Status != tintype.StatusSucceeded || len(e.Job.Media) != 2 {
		t.Errorf("older than the log: %q", all)
	}
	_, fs = h.stream(http.MethodGet, path+"?after=6", "")
	fs.next()
	if all = fs.rest(); len(all) != 3 || all[0].event(t).Seq != 7 {
		t.Errorf("within the log: %q", all)
	}
	_, fs = h.stream(http.MethodGet, videos+"/"+string(id)+"/events?after=2", "")
	all = fs.rest()
	if len(all) != 4 || all[2].field("id") != "9" || all[3].field("data") != "[DONE]" {
		t.Errorf("chunks older than the log: %q", all)
	}
}

// trim takes the beginning of a job's log away.
func (h *house) trim(id job.ID, upTo int) {
	h.Helper()
	key := "{tt}:ev:" + string(id)
	for i := 1; i <= upTo; i++ {
		if n, err := h.rdb.XDel(h.Context(), key, strconv.Itoa(i)+"-0").Result(); err != nil || n != 1 {
			if n, err = h.rdb.XDel(h.Context(), key, strconv.Itoa(i)+"-1").Result(); err != nil || n != 1 {
				h.Fatalf("cannot trim event %d: %d %v", i, n, err)
			}
		}
	}
}

func TestBadCursor(t *testing.T) {
	t.Parallel()
	h := open(t)
	id := string(h.create(images, `{"prompt":"x"}`))
	for _, tt := range []struct{ path, header, param string }{
		{"/v1/jobs/" + id + "/events?after=x", "", "after"},
		{"/v1/jobs/" + id + "/events?after=-1", "", "after"},
		{"/v1/jobs/" + id + "/events", "7:1", "Last-Event-ID"},
		{images + "/" + id + "/events?after=1.5", "", "after"},
		{"/v1/jobs/" + id + "?wait=x", "", "wait"},
		{"/v1/jobs/" + id + "?wait=301", "", "wait"},
		{"/v1/jobs/" + id + "?wait=1&after=x", "", "after"},
	} {
		a := h.call(http.MethodGet, tt.path, "", "Last-Event-ID", tt.header)
		if code, param, _ := errorOf(t, a.body); a.status != 400 || code != "invalid_request" || param != tt.param {
			t.Errorf("%s %q: %d %s", tt.path, tt.header, a.status, a.body)
		}
	}
}
