package server_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/server"
	"github.com/tintypehq/tintype/pkg/tintype"
)

// measure notes how long jobs like those of these tests have taken.
func (h *house) measure(took ...time.Duration) {
	h.Helper()
	class := job.Spec{Kind: job.Image, UpstreamModel: seedream}.Class()
	for _, d := range took {
		h.must(h.rdb.LPush(h.Context(), "{tt}:took:"+class, strconv.FormatInt(d.Milliseconds(), 10)).Err())
	}
}

func (h *house) view(id job.ID) (j tintype.Job, a answer) {
	h.Helper()
	a = h.call(http.MethodGet, "/v1/jobs/"+string(id), "")
	h.must(json.Unmarshal([]byte(a.body), &j))
	return j, a
}

// TestETA: an estimate is made of what was measured, when that is enough.
func TestETA(t *testing.T) {
	t.Parallel()
	var took []time.Duration
	for i := range 20 {
		took = append(took, time.Duration(10*i+10)*time.Second) // 10 s to 200 s
	}
	few := open(t)
	few.measure(took[:19]...)
	id := few.create(images, `{"prompt":"x"}`)
	if j, _ := few.view(id); j.ETA != nil {
		t.Errorf("19 jobs tell nothing: %+v", j.ETA)
	}
	h := open(t)
	h.must(h.store.SyncAccounts(t.Context(), "ark", []account.Account{pooledOne(2)}))
	h.measure(took...)
	began := time.Now()
	running, _, first := h.create(images, `{"prompt":"x"}`), h.create(images, `{"prompt":"x"}`), h.create(images, `{"prompt":"x"}`)
	third := func() job.ID { h.create(images, `{"prompt":"x"}`); return h.create(images, `{"prompt":"x"}`) }()
	within := func(what string, got time.Time, want time.Duration) {
		t.Helper()
		if early, late := began.Add(want-time.Second), time.Now().Add(want+time.Second); got.Before(early) || got.After(late) {
			t.Errorf("%s is in %v, want %v from when it began, %v ago, or later", what, time.Until(got), want, time.Since(began))
		}
	}
	j, _ := h.view(running)
	within("half of such jobs", j.ETA.P50At, 110*time.Second)
	within("nine in ten", j.ETA.P90At, 190*time.Second)
	if j.ETA.N != 20 {
		t.Errorf("%+v", j.ETA)
	}
	if got, _ := h.view(first); got.Queue.Position != 0 {
		t.Errorf("%+v", got.Queue)
	} else { // two slots with a mean of 105 s: one is free in 52.5 s
		within("the first in line", got.ETA.P50At, 162*time.Second)
	}
	if got, _ := h.view(third); got.Queue.Position != 2 {
		t.Errorf("%+v", got.Queue)
	} else {
		within("the third in line", got.ETA.P50At, 267*time.Second)
	}
	_, one := h.view(first)
	_, two := h.view(first)
	if one.header.Get("ETag") != two.header.Get("ETag") {
		t.Error("the tag changes with the time")
	}
	if got := h.get(running).ExpectedBy; got.IsZero() || !got.Equal(j.ETA.P90At.Truncate(time.Millisecond)) {
		t.Errorf("%v was told, %v is remembered", j.ETA.P90At, got)
	}
	// A job that has taken longer than any of them: nobody knows.
	h.must(h.rdb.HSet(t.Context(), "{tt}:job:"+string(running), "admitted", time.Now().Add(-201*time.Second).UnixMilli()).Err())
	if j, _ := h.view(running); j.ETA != nil {
		t.Errorf("%+v", j.ETA)
	}
	// One that has taken longer than most is told of the others.
	began = time.Now()
	h.must(h.rdb.HSet(t.Context(), "{tt}:job:"+string(running), "admitted", began.Add(-150*time.Second).UnixMilli()).Err())
	j, _ = h.view(running)
	within("half of the rest", j.ETA.P50At, 30*time.Second)
}

// TestETAOnStreams: a stream's signs of life tell how long it will take.
func TestETAOnStreams(t *testing.T) {
	t.Parallel()
	h := open(t, configure(func(c *server.Config) { c.Wait.Beat = 20 * ms }))
	for range 20 {
		h.measure(100 * time.Second)
	}
	asked := time.Now()
	resp := h.open(t.Context(), http.MethodPost, images, strings.NewReader(`{"prompt":"x","stream":true}`))
	defer func() { _ = resp.Body.Close() }()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		_, eta, says := strings.Cut(lines.Text(), `"eta_seconds":`)
		if !says || strings.HasPrefix(eta, "null") {
			continue
		}
		var left int
		if _, err := fmt.Sscan(eta, &left); err != nil || left > 100 || left < 99-int(time.Since(asked).Seconds()) {
			t.Errorf("said %.40s after %s", eta, time.Since(asked))
		}
		return
	}
	t.Error("nothing was said of it")
}
