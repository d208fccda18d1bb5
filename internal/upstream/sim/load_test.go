package sim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/upstream/sim"
	"github.com/tintypehq/tintype/internal/upstream/sim/clock"
)

// Many callers at once, while the clock runs and the ledger is read: what the
// ledger says in the end must be what they did.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	m := clock.NewManual(start)
	s := sim.New(sim.Config{Clock: m, ImageTime: -1, Defaults: sim.Account{MaxRunning: 5, MaxQueued: -1, RPM: -1}})
	defer s.Close()
	send := func(key, method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+key)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	const callers, each = 8, 40
	var polls atomic.Int64
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			key := fmt.Sprint("sim-", i%2)
			for n := range each {
				w := send(key, "POST", taskRoute, videoOf(fmt.Sprint(i, " ", n)))
				if w.Code != http.StatusOK {
					t.Errorf("%d %s", w.Code, w.Body)
					return
				}
				id := strings.TrimSuffix(strings.TrimPrefix(w.Body.String(), `{"id":"`), `"}`)
				if send(key, "GET", taskRoute+"/"+id, "").Code == http.StatusOK {
					polls.Add(1)
				}
				switch n % 10 {
				case 0:
					send(key, "GET", taskRoute, "")
				case 1:
					m.Advance(time.Second)
				case 2:
					s.Ledger()
				}
			}
		})
	}
	wg.Wait()
	m.Advance(time.Hour)
	l := s.Ledger()
	if l.Totals.Charged != callers*each || int64(l.Totals.Polls) != polls.Load() || polls.Load() != callers*each {
		t.Errorf("%+v", l.Totals)
	}
	for _, a := range l.Accounts {
		if a.MaxRunning != 5 || a.InFlight != 0 || a.Running != 0 {
			t.Errorf("%s: %d running at most, %d in flight", a.Name, a.MaxRunning, a.InFlight)
		}
	}
	for _, sub := range l.Submissions {
		if sub.State != "succeeded" || sub.Polls != 1 {
			t.Errorf("%+v", sub)
		}
	}
}

// Old final tasks are forgotten, those that run are not.
func TestForgetsOldTasks(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *sim.Config) {
		c.MaxTasks = 20
		c.Defaults = sim.Account{MaxRunning: -1}
	})
	slow, quick := k.create(videoOf("x sim:ready=1h")), k.create(videoOf("x"))
	k.clock.Advance(6 * time.Second)
	link := k.get(quick).Content.VideoURL
	for range 30 {
		k.create(videoOf("x"))
		k.clock.Advance(6 * time.Second)
	}
	k.must(404, "GET", taskRoute+"/"+quick, "")
	k.must(404, "GET", link, "")
	if s := k.get(slow).Status; s != "running" {
		t.Error(s)
	}
	if n := as[listBody](t, k.must(200, "GET", taskRoute, "")).Total; n < 20 || n > 23 {
		t.Errorf("%d tasks", n)
	}
}

func TestLedgerRoute(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(c *sim.Config) { c.Accounts = []sim.Account{{Key: "secret-key", Name: "main"}} })
	k.key = "secret-key"
	k.create(seedance("2-0-260128", obj{"safety_identifier": "fence-1"}))
	k.must(200, "POST", chatRoute, chatOf("hello"))
	a := k.must(200, "GET", "/_sim/ledger", "")
	if strings.Contains(string(a.body), "secret-key") {
		t.Error("the ledger shows the key")
	}
	l := as[sim.Ledger](t, a)
	if len(l.Submissions) != 2 {
		t.Fatalf("%s", a.body)
	}
	v, c := l.Submissions[0], l.Submissions[1]
	if v.Kind != "video" || v.Account != "main" || v.SafetyIdentifier != "fence-1" || v.Model != "doubao-seedance-2-0-260128" || !v.At.Equal(start) || v.Count != 1 {
		t.Errorf("%+v", v)
	}
	if c.Kind != "chat" || c.Prompt != "hello" || c.Status != 200 || !requestID.MatchString(c.RequestID) {
		t.Errorf("%+v", c)
	}
	k.must(204, "DELETE", "/_sim/ledger", "")
	l = as[sim.Ledger](t, k.must(200, "GET", "/_sim/ledger", ""))
	if len(l.Submissions) != 0 || l.Totals.Charged != 0 || l.Accounts[0].InFlight != 1 {
		t.Errorf("%+v", l)
	}
}
