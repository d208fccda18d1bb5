package e2e_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/upstream/sim"
	"github.com/tintypehq/tintype/internal/upstream/sim/ledger"
)

// sound is a world in which all promises are kept.
func sound() *state {
	j := record{
		id: "j1", state: "succeeded", deadline: time.UnixMilli(10), upstreamID: "cgt-1", version: 3, spec: job.Spec{Kind: job.Video, Prompt: "waves (1)"},
		media: []job.Media{{Key: "jobs/j1/video-0.mp4", SizeBytes: 9, SHA256: "ab"}},
		log: []entry{
			{id: "1-0", kind: "job.queued", at: 1}, {id: "2-0", kind: "job.submitted", at: 2}, {id: "3-0", kind: "job.succeeded", at: 3},
		},
	}
	return &state{
		limit: poolLimit,
		jobs:  []record{j},
		ledger: sim.Ledger{
			Submissions: []sim.Submission{{Prompt: "waves (1) --wm false", TaskID: "cgt-1", Kind: "video", Charged: true, State: "succeeded"}},
		},
		objects: map[string]object{"jobs/j1/video-0.mp4": {9, "ab"}, "jobs/j1/job.json": {1, "cd"}, "jobs/j1/fence-1": {12, "ef"}},
	}
}

// findings runs the rules that look at a state.
func (s *state) findings() (found []string) {
	for _, j := range s.jobs {
		found = append(found, s.checkCharges(j)...)
		found = append(found, j.checkLog()...)
		found = append(found, j.checkTime()...)
		found = append(found, s.checkMade(j)...)
		found = append(found, s.checkMedia(j)...)
	}
	found = append(found, s.checkAccounts()...)
	found = append(found, s.checkStrangers()...)
	return append(found, s.checkLeftovers()...)
}

// TestChecker: each broken promise is found, and nothing else.
func TestChecker(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string]func(*state){
		"sound": func(*state) {},
		"a web session's": func(s *state) {
			s.jobs[0].upstreamID = webRef + base64.RawURLEncoding.EncodeToString([]byte(`{"k":"video","c":"cgt-1"}`))
		},
		"an image, which has no task": func(s *state) {
			s.jobs[0].spec.Kind, s.jobs[0].upstreamID, s.ledger.Submissions[0].TaskID = job.Image, "request-1", ""
		},
		"recovered": func(s *state) {
			s.jobs[0].recovered, s.jobs[0].version = true, 4
			s.jobs[0].log[2].kind = "job.failed"
			s.jobs[0].log = append(s.jobs[0].log, entry{id: "4-0", kind: "job.recovered", at: 4})
		},
		"canceled, and made all the same": func(s *state) {
			s.jobs[0].state, s.jobs[0].version, s.jobs[0].log[2].kind = "canceled", 4, "job.canceled"
			s.jobs[0].log = append(s.jobs[0].log, entry{id: "4-0", kind: "job.media", state: "canceled", at: 4})
		},
	} {
		s := sound()
		changes(s)
		if found := s.findings(); len(found) != 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
	for name, tt := range map[string]struct {
		breaks func(s *state)
		says   string
	}{
		"paid twice":     {func(s *state) { s.ledger.Submissions = append(s.ledger.Submissions, s.ledger.Submissions[0]) }, "paid for 2 times"},
		"free":           {func(s *state) { s.ledger.Submissions = nil }, "knows nothing"},
		"another's task": {func(s *state) { s.jobs[0].upstreamID = "cgt-2" }, "was not charged for it"},
		"another's conversation": {func(s *state) {
			s.jobs[0].upstreamID = webRef + base64.RawURLEncoding.EncodeToString([]byte(`{"k":"video","c":"77"}`))
		}, "was not charged for it"},
		"an image of another's conversation": {func(s *state) {
			s.jobs[0].spec.Kind, s.jobs[0].upstreamID = job.Image, webRef+base64.RawURLEncoding.EncodeToString([]byte(`{"c":"77"}`))
		}, "was not charged for it"},
		"no job for it": {func(s *state) {
			s.ledger.Submissions = append(s.ledger.Submissions, sim.Submission{Prompt: "x", Charged: true})
		}, "belongs to no job"},
		"a gap":           {func(s *state) { s.jobs[0].log[1].id = "7-0" }, "number 7-0"},
		"a lost event":    {func(s *state) { s.jobs[0].version = 4 }, "version is 4"},
		"two ends":        {func(s *state) { s.jobs[0].log[1].kind = "job.failed" }, "the ends [failed succeeded]"},
		"no end":          {func(s *state) { s.jobs[0].log[2].kind = "job.progress" }, "the ends []"},
		"two beginnings":  {func(s *state) { s.jobs[0].log[1].kind = "job.queued" }, "entry 2 is job.queued"},
		"time runs back":  {func(s *state) { s.jobs[0].log[1].at = 0 }, "older"},
		"lost media":      {func(s *state) { delete(s.objects, "jobs/j1/video-0.mp4") }, "not in the bucket"},
		"cut-off media":   {func(s *state) { s.objects["jobs/j1/video-0.mp4"] = object{8, "ab"} }, "has 8 bytes"},
		"other media":     {func(s *state) { s.objects["jobs/j1/video-0.mp4"] = object{9, "ff"} }, "ff"},
		"no media":        {func(s *state) { s.jobs[0].media, s.objects = nil, map[string]object{"jobs/j1/job.json": {}} }, "without media"},
		"not archived":    {func(s *state) { delete(s.objects, "jobs/j1/job.json") }, "no record in the bucket"},
		"a leftover file": {func(s *state) { s.objects["jobs/j1/staged-0"] = object{} }, "nobody knows"},
		"no fence":        {func(s *state) { s.objects["jobs/j1/fence-0"] = object{} }, "nobody knows"},
		"half an upload":  {func(s *state) { s.uploads = []string{"jobs/j1/video-0.mp4"} }, "unfinished upload"},
		"a slot kept":     {func(s *state) { s.left = map[string]int64{"{tt}:slots:ark-1": 1} }, "slots:ark-1"},
		"over its limit": {func(s *state) {
			s.ledger.Accounts = []ledger.Account{{KeyHash: keyHash(poolKeys()["WEB_SESSION_2"]), MaxInFlight: poolLimit + 1}}
		}, "its limit is 3"},
		"an own one's": {func(s *state) { s.ledger.Accounts = []ledger.Account{{KeyHash: "x", MaxInFlight: ownLimit + 1}} }, "its limit is 2"},
		"late":         {func(s *state) { s.jobs[0].deadline = time.UnixMilli(3).Add(-mercy - 1) }, "after its deadline"},
		"changed its mind": {func(s *state) {
			s.jobs[0].log = append(s.jobs[0].log, entry{id: "4-0", kind: "job.failed", at: 4})
			s.jobs[0].state, s.jobs[0].version = "failed", 4
		}, "the ends [succeeded failed]"},
		"recovered without a word": {func(s *state) {
			s.jobs[0].log[1].kind, s.jobs[0].log[2].kind = "job.failed", "job.recovered"
		}, "the ends [failed recovered]"},
		"goes on behind its end": {func(s *state) {
			s.jobs[0].log = append(s.jobs[0].log, entry{id: "4-0", kind: "job.progress", state: "succeeded", at: 4})
			s.jobs[0].version = 4
		}, "behind the end"},
		"another state behind its end": {func(s *state) {
			s.jobs[0].state, s.jobs[0].version, s.jobs[0].log[2].kind = "canceled", 4, "job.canceled"
			s.jobs[0].log = append(s.jobs[0].log, entry{id: "4-0", kind: "job.media", state: "running", at: 4})
		}, "says running"},
		"made and thrown away": {func(s *state) {
			s.jobs[0].state, s.jobs[0].failure, s.jobs[0].log[2].kind = "failed", "generation_timeout", "job.failed"
			s.jobs[0].media, s.objects = nil, map[string]object{"jobs/j1/job.json": {}}
		}, "has no media"},
		"looked up and not found": {func(s *state) {
			s.jobs[0].state, s.jobs[0].failure, s.jobs[0].log[2].kind = "failed", "submit_outcome_unknown", "job.failed"
			s.jobs[0].spec.UpstreamModel = "doubao-seedance-2-0-260128"
			s.jobs[0].media, s.objects = nil, map[string]object{"jobs/j1/job.json": {}}
		}, "has no media"},
		"still in flight": {func(s *state) { s.ledger.Accounts = []ledger.Account{{KeyHash: "x", InFlight: 1}} }, "after the end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sound()
			tt.breaks(s)
			found := s.findings()
			if len(found) != 1 || !strings.Contains(found[0], tt.says) {
				t.Errorf("found %q, want one about %q", found, tt.says)
			}
		})
	}
}
