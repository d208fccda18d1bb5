package clients_test

import (
	"fmt"
	"net/http"
	"testing"
)

// manyCalls are 200 different calls: images and videos, of a caller that waits
// in silence, of one that is sent away now and then, and of one that sends keys
// since its answers have their head early.
func manyCalls(name string) (calls []call) {
	add := func(n int, c call) {
		for range n {
			one := c
			one.Prompt = fmt.Sprintf("%s %d by %s", c.Prompt, len(calls), name)
			if c.IdempotencyKey != "" {
				one.IdempotencyKey = fmt.Sprintf("%s-%s-%d", c.IdempotencyKey, name, len(calls))
			}
			calls = append(calls, one)
		}
	}
	add(80, call{Kind: "image", Prompt: "a fox", Key: patient})
	add(60, call{Kind: "video", Prompt: "waves", Key: patient})
	add(30, call{Kind: "video", Prompt: "sim:ready=2500ms clouds", Key: window, Retries: 12})
	add(15, call{Kind: "image", Prompt: "sim:ready=1500ms a cat", Key: website, IdempotencyKey: "cat"})
	add(15, call{Kind: "video", Prompt: "sim:ready=1500ms rain", Key: website, IdempotencyKey: "rain"})
	return calls
}

// spoil cuts calls as suits how they wait.
func spoil(r *http.Request, luck uint) cut {
	switch r.Header.Get("Authorization") {
	case "Bearer " + window:
		return []cut{atOnce, waiting, afterHead}[luck%3]
	case "Bearer " + website:
		return afterHead
	}
	return []cut{atOnce, waiting, inHead}[luck%3]
}

// TestCutCalls: the first two connections of each of 200 calls are cut after the
// request has gone out. Each call returns its media, and each was paid once.
func TestCutCalls(t *testing.T) {
	t.Parallel()
	s := start(t)
	for name, make := range sdks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := manyCalls(name)
			proxy := &cutter{T: t, choose: spoil}
			results := make(t, proxy.listen(s), 10, calls)
			s.check(t, calls, results)
			charged, paid := s.charges(t), 0
			for i, c := range calls {
				if n := charged[c.Prompt]; n != 1 {
					t.Errorf("call %d was paid for %d times: %+v", i, n, c)
				}
				paid += charged[c.Prompt]
			}
			cuts := proxy.done()
			t.Logf("%d calls, %d charges; cut: %v", len(calls), paid, cuts)
			all := 0
			for _, how := range []cut{atOnce, waiting, inHead, afterHead} {
				if cuts[how] == 0 {
					t.Errorf("nothing was cut %s", how)
				}
				all += cuts[how]
			}
			if all != 2*len(calls) {
				t.Errorf("%d connections were cut", all)
			}
		})
	}
}

// check wants each call to have media of a job of its own, made of its prompt.
func (s *service) check(t *testing.T, calls []call, results []result) {
	t.Helper()
	owner := map[string]int{}
	for i, r := range results {
		if r.Error != "" || r.ID == "" || r.URL == "" {
			t.Errorf("call %d, %+v: %+v", i, calls[i], r)
			continue
		}
		if first, ok := owner[r.ID]; ok {
			t.Errorf("calls %d and %d share job %s", first, i, r.ID)
		}
		owner[r.ID] = i
		if got := s.made(t, r.ID); got != calls[i].Prompt {
			t.Errorf("call %d, %+v, got what was made of %q", i, calls[i], got)
		}
		if len(get(t, r.URL)) < 1000 {
			t.Errorf("call %d: no media at %s", i, r.URL)
		}
	}
}

// TestEqualCalls: equal calls are one only if they are tries of one call. Two
// tenants, and a second call on purpose, have jobs of their own, also when all
// of them are cut, which is while they wait: an answer that was sent and lost in
// the same moment looks delivered, and may be told to another call's retry.
func TestEqualCalls(t *testing.T) {
	t.Parallel()
	for name, make := range sdks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			base := (&cutter{T: t, choose: func(*http.Request, uint) cut { return settled }}).listen(s)
			one := call{Kind: "image", Prompt: "sim:ready=12s twins by " + name, Key: patient}
			another := call{Kind: "image", Prompt: "sim:ready=12s twins by " + name, Key: second}
			film := call{Kind: "video", Prompt: "sim:ready=12s twins in motion by " + name, Key: patient}
			calls := []call{one, another, one, another, film, film, film}
			s.check(t, calls, make(t, base, len(calls), calls))
			calls = append(calls, one, one)
			s.check(t, calls[7:], make(t, base, 1, calls[7:])) // one after the other
			charged := s.charges(t)
			if charged[one.Prompt] != 6 || charged[film.Prompt] != 3 {
				t.Errorf("six images were paid for %d times, three videos %d times", charged[one.Prompt], charged[film.Prompt])
			}
		})
	}
}
