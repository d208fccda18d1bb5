package doubaoweb_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream"
)

// TestRefusals: the table of the note, in both dialects, for all three kinds.
func TestRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		fault string
		class upstream.Class
		code  fault.Code
		wait  time.Duration
	}{
		{"deadkey", upstream.Auth, fault.CredentialRejected, 0},
		{"overdue", upstream.Auth, fault.CredentialRejected, 0},
		{"web-json", upstream.Auth, fault.CredentialRejected, 0},
		{"web-block", upstream.RateLimited, fault.RateLimited, 5 * time.Minute},
		{"429=7", upstream.RateLimited, fault.RateLimited, 7 * time.Second},
		{"web-risk", upstream.RiskControl, fault.CredentialRejected, 0},
		{"web-waf", upstream.RiskControl, fault.CredentialRejected, 0},
		{"quota", upstream.Quota, fault.RateLimited, 0},
		{"reject", upstream.ContentRejected, fault.ContentPolicy, 0},
		{"web-strange", upstream.Unknown, fault.Upstream, 0},
		{"echo", upstream.Unknown, fault.Upstream, 0},
	}
	eachDialect(t, func(t *testing.T, k *kit) {
		for _, tt := range tests {
			for _, s := range []upstream.Submission{image("a cat sim:" + tt.fault), video("a cat sim:" + tt.fault)} {
				_, err := k.Submit(t.Context(), acc(), s)
				tell(t, tt.fault, err, tt.class, upstream.Rejected, tt.code, tt.wait)
			}
			_, err := k.Chat(t.Context(), acc(), talk("hello sim:"+tt.fault))
			tell(t, tt.fault, err, tt.class, upstream.Rejected, tt.code, tt.wait)
			_, err = k.ChatStream(t.Context(), acc(), talk("hello sim:"+tt.fault))
			tell(t, tt.fault, err, tt.class, upstream.Rejected, tt.code, tt.wait)
		}
		if n := k.sim.Ledger().Totals; n.Charged != 0 || n.Submissions != 4*len(tests) {
			t.Errorf("%+v", n)
		}
	})
}

// tell compares an error; no word of the upstream's and no credential may be in it.
func tell(t *testing.T, what string, err error, class upstream.Class, outcome upstream.Outcome, code fault.Code, wait time.Duration) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
		return
	}
	e := fails(t, err)
	if e.Class != class || e.Outcome != outcome || e.Fault.Code != code || e.RetryAfter != wait || e.Fault.RetryAfter != wait {
		t.Errorf("%s: got %v, wait %s\nwant %s, %s, %s, %s", what, e, e.RetryAfter, class, outcome, code, wait)
	}
	for _, private := range []string{key, "Invalid User", "203.0.113", "visit too often", "inner_"} {
		if strings.Contains(e.Error(), private) {
			t.Errorf("%s: the log has %q: %v", what, private, e)
		}
	}
}

// TestBehindTheAcceptance: an error that comes after the conversation began is never
// a reason to send again. History decides; if it stays empty, the job fails.
func TestBehindTheAcceptance(t *testing.T) {
	t.Parallel()
	eachDialect(t, func(t *testing.T, k *kit) {
		now := time.Now()
		k.SetNow(func() time.Time { return now })
		for i, s := range []upstream.Submission{image("a cat sim:web-after"), video("a cat sim:web-after")} {
			id := k.submit(t, s).UpstreamID
			k.status(t, id, upstream.Working)
			now = now.Add(4 * time.Minute)
			if st := k.status(t, id, upstream.Failed); st.Failure.Code != fault.GenerationFailed {
				t.Errorf("the failure is %v", st.Failure)
			}
			if n := k.sim.Ledger().Totals.Submissions; n != i+1 {
				t.Errorf("%d submissions", n)
			}
		}
	})
}

// TestWhatHistorySays of a job that was accepted.
func TestWhatHistorySays(t *testing.T) {
	t.Parallel()
	tests := []struct {
		fault  string
		first  upstream.State // at once
		settle upstream.State // after some minutes
		code   fault.Code
	}{
		{"fail", upstream.Failed, upstream.Failed, fault.ContentPolicy},
		{"broken", upstream.Failed, upstream.Failed, fault.GenerationFailed},
		{"web-paywall", upstream.Working, upstream.Failed, fault.RateLimited},
		{"web-refusal", upstream.Working, upstream.Failed, fault.ContentPolicy},
		{"unknown=2m", upstream.Working, upstream.Working, ""},
		{"queued=2m", upstream.Working, upstream.Working, ""},
		{"ready=72h", upstream.Working, upstream.Working, ""},
	}
	eachDialect(t, func(t *testing.T, k *kit) {
		now := time.Now()
		k.SetNow(func() time.Time { return now })
		for _, tt := range tests {
			extra := ""
			if strings.HasPrefix(tt.fault, "unknown") {
				extra = " sim:ready=10m"
			}
			id := k.submit(t, video("this violates nothing: a cat sim:"+tt.fault+extra)).UpstreamID
			k.clock.Advance(time.Minute)
			k.status(t, id, tt.first)
			now = now.Add(4 * time.Minute)
			st := k.status(t, id, tt.settle)
			if tt.settle == upstream.Failed && st.Failure.Code != tt.code {
				t.Errorf("%s: the failure is %v", tt.fault, st.Failure)
			}
		}
		id := k.submit(t, video("a cat sim:web-code,times=1 sim:web-waf,on=get,skip=1,times=1")).UpstreamID
		for _, class := range []upstream.Class{upstream.Unknown, upstream.RiskControl} {
			_, err := k.Status(t.Context(), acc(), id)
			if e := fails(t, err); e.Class != class || e.Outcome != "" {
				t.Errorf("got %v, want %s", e, class)
			}
		}
		k.status(t, id, upstream.Working)
	})
}

// TestWords of a whole stream that shows no media. Only a plain refusal is a no; what
// may still become something is waited for, and never sent again.
func TestWords(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind  job.Kind
		words string
		class upstream.Class // of the refusal; empty: accepted
		later fault.Code     // of the failure after some minutes without media; empty: none
	}{
		{job.Image, "抱歉，我无法生成这样的图片", upstream.ContentRejected, ""},
		{job.Video, "Sorry, I cannot generate what you ask.", upstream.ContentRejected, ""},
		{job.Video, "今日额度已用完", upstream.Quota, ""},
		{job.Image, "tourist conversation reach limited", upstream.Auth, ""},
		{job.Video, "预计 1-3 分钟，若内容违反规定则无法生成", "", fault.ContentPolicy},
		{job.Video, "takes 1-3 minutes, 0 left today", "", ""},
		{job.Video, "服务繁忙", "", fault.GenerationFailed},
		{job.Image, "服务繁忙，正在排队", "", fault.GenerationFailed},
		{job.Image, "好的", "", fault.GenerationFailed},
		{job.Image, "", "", fault.GenerationFailed},
		{job.Video, "", "", ""},
	}
	for _, tt := range tests {
		var submits atomic.Int64
		root, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/im/") {
				_, _ = io.WriteString(w, answer())
				return
			}
			submits.Add(1)
			w.Header().Set("Content-Type", "text/event-stream")
			head, tail, _ := strings.Cut(streamA, "data: {\"event_data\":\"{\\\"message\\\":{\\\"content_type\\\":2001")
			_, tail, _ = strings.Cut(tail, "{\\\"is_finish")
			content := fmt.Sprintf("{\"message\":{\"content_type\":2001,\"content\":%q}}", fmt.Sprintf("{\"text\":%q}", tt.words))
			_, _ = fmt.Fprintf(w, "%sdata: {\"event_data\":%q,\"event_type\":2001}\n\ndata: {\"event_data\":\"{\\\"is_finish%s", head, content, tail)
		})
		d := driver(t, root, profile(t))
		now := time.Now()
		d.SetNow(func() time.Time { return now })
		s := image("a cat")
		s.Spec.Kind = tt.kind
		got, err := d.Submit(t.Context(), acc(), s)
		if tt.class != "" {
			if e := fails(t, err); e.Class != tt.class || e.Outcome != upstream.Rejected {
				t.Errorf("%q: got %v", tt.words, e)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: got %v", tt.words, err)
			continue
		}
		for _, wait := range []time.Duration{0, 4 * time.Minute} {
			now = now.Add(wait)
			st, err := d.Status(t.Context(), acc(), got.UpstreamID)
			if failed := st.State == upstream.Failed; err != nil || failed != (wait > 0 && tt.later != "") || failed && st.Failure.Code != tt.later {
				t.Errorf("%q after %s: got %s, %v, %v", tt.words, wait, st.State, st.Failure, err)
			}
		}
		if n := submits.Load(); n != 1 {
			t.Errorf("%q: sent %d times", tt.words, n)
		}
	}
}

// server answers every request with a handler and counts them.
func server(t *testing.T, answer http.HandlerFunc) (root string, count *atomic.Int64) {
	t.Helper()
	count = &atomic.Int64{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count.Add(1)
		answer(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, count
}

// TestNoHTTP: an answer that is none is not quoted.
func TestNoHTTP(t *testing.T) {
	t.Parallel()
	root, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "inner_user_ip 203.0.113.77\r\n\r\n")
		_ = conn.Close()
	})
	d := driver(t, root, profile(t))
	_, err := d.Submit(t.Context(), acc(), image("a cat"))
	tell(t, "no HTTP", err, upstream.Transient, upstream.Ambiguous, fault.OutcomeUnknown, 0)
	_, err = d.Chat(t.Context(), acc(), talk("hello"))
	tell(t, "no HTTP", err, upstream.Transient, upstream.Ambiguous, fault.Upstream, 0)
}
