package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// upstreamFault is something that goes wrong at the upstream, asked for by words
// in the prompt, and what must become of the job.
type upstreamFault struct {
	tags    string
	path    string
	model   string // "": the default one, which is ark's
	status  string
	codes   []string // one of these, if it fails
	charges int
}

// faults are the upstream's ways to fail, one job each. That nothing is paid
// twice is the checker's affair; here stands what the caller is told.
func upstreamFaults() []upstreamFault {
	unknown, refused, invalid := []string{"submit_outcome_unknown"}, []string{"content_policy_violation"}, []string{"media_invalid"}
	out := []upstreamFault{
		// Refused at the door: nothing was made.
		{"sim:reject", videoPath, "", "failed", refused, 0},
		{"sim:reject", imagePath, "", "failed", refused, 0},
		// Too many requests: it goes elsewhere, or waits.
		{"sim:429=1,times=1", videoPath, "", "succeeded", nil, 1},
		{"sim:429,times=1", imagePath, "", "succeeded", nil, 1},
		// Nobody knows whether it was made: it is not sent again.
		{"sim:500", videoPath, "", "failed", unknown, 0},
		{"sim:500,accepted", videoPath, "", "failed", unknown, 1},
		{"sim:502", imagePath, "", "failed", unknown, 0},
		{"sim:drop", videoPath, "", "failed", unknown, 1},
		{"sim:drop", imagePath, "", "failed", unknown, 1},
		{"sim:hang", videoPath, "", "failed", unknown, 1},
		{"sim:truncate", videoPath, "", "failed", unknown, 1},
		{"sim:truncate", imagePath, "", "failed", unknown, 1},
		{"sim:empty", videoPath, "", "failed", unknown, 1},
		// A redirect is not followed with a request that costs money.
		{"sim:redirect", videoPath, "", "failed", append(slices.Clone(unknown), "upstream_error"), 0},
		// Accepted, and then not made.
		{"sim:fail", videoPath, "", "failed", refused, 1},
		{"sim:fail", imagePath, "", "failed", refused, 1},
		{"sim:toplevel", imagePath, "", "failed", refused, 1},
		{"sim:broken", videoPath, "", "failed", []string{"generation_failed"}, 1},
		{"sim:lost", videoPath, "", "failed", []string{"generation_failed"}, 1},
		// Trouble on the way costs time and nothing else.
		{"sim:queued=1s", videoPath, "", "succeeded", nil, 1},
		{"sim:unknown=1s", videoPath, "", "succeeded", nil, 1},
		{"sim:500,on=get,times=2", videoPath, "", "succeeded", nil, 1},
		{"sim:429=1,on=get,times=1", videoPath, "", "succeeded", nil, 1},
		{"sim:slow=1s", imagePath, "", "succeeded", nil, 1},
		// The media: taken up again, fetched again, or given up honestly.
		{"sim:stall,times=1", videoPath, "", "succeeded", nil, 1},
		{"sim:stall,times=1", imagePath, "", "succeeded", nil, 1},
		{"sim:truncate=media,times=2", videoPath, "", "succeeded", nil, 1},
		{"sim:nolength", videoPath, "", "succeeded", nil, 1},
		{"sim:nolength", imagePath, "", "succeeded", nil, 1},
		{"sim:expired", videoPath, "", "succeeded", nil, 1},
		{"sim:html,times=1", videoPath, "", "succeeded", nil, 1},
		{"sim:html,times=5", videoPath, "", "succeeded", nil, 1},                                      // more than one round of tries
		{"sim:html", imagePath, "", "failed", append(slices.Clone(invalid), "generation_timeout"), 1}, // whichever comes first
		{"sim:size=20MB", videoPath, "", "succeeded", nil, 1},
	}
	for _, w := range slices.Concat(otherWorks()["openai"], otherWorks()["doubaoweb"]) {
		out = append(out,
			upstreamFault{"sim:reject", w.path, w.model, "failed", refused, 0},
			upstreamFault{"sim:429=1,times=1", w.path, w.model, "succeeded", nil, 1},
			upstreamFault{"sim:500,accepted", w.path, w.model, "failed", unknown, 1},
			upstreamFault{"sim:502", w.path, w.model, "failed", unknown, 0},
			upstreamFault{"sim:drop", w.path, w.model, "failed", unknown, 1},
			upstreamFault{"sim:truncate", w.path, w.model, "failed", unknown, 1},
			upstreamFault{"sim:redirect", w.path, w.model, "failed", append(slices.Clone(unknown), "upstream_error"), 0},
		)
	}
	return append(out, upstreamFault{"sim:web-late", imagePath, "web-image", "succeeded", nil, 1})
}

// TestUpstreamFaults: whatever the upstream does, the job ends, with the truth.
func TestUpstreamFaults(t *testing.T) {
	t.Parallel()
	// Short deadlines: what is hopeless is told as such before they pass. Slots that
	// unknown outcomes hold are waited for.
	c := start(t, "TINTYPE_IMAGE_DEADLINE=45s", "TINTYPE_VIDEO_DEADLINE=60s")
	cases := upstreamFaults()
	prompts, ids := make([]string, len(cases)), make([]string, len(cases))
	key := func(i int) string { // a caller's own is for one upstream, as its limit is
		upstream, _, _ := strings.Cut(cases[i].model, "-")
		return []string{pooled, fmt.Sprintf("%s-%d%s", ownKey, i%4, upstream)}[i%2]
	}
	for i, f := range cases {
		prompts[i] = c.prompt("waves " + f.tags)
		ids[i] = c.post(c.apis[i%2], f.path, key(i), prompts[i], f.model)
	}
	for i, f := range cases {
		t.Run(strings.TrimSpace(f.model+" "+f.path[4:9]+" "+f.tags), func(t *testing.T) {
			c := c.in(t)
			j := c.awaitJob(c.apis[0], key(i), ids[i], jobView.final)
			code := ""
			if j.Error != nil {
				code = j.Error.Code
			}
			if j.Status != f.status || code != "" && !slices.Contains(f.codes, code) || code == "" && f.codes != nil {
				t.Errorf("the job is %s (%s), not %s (%v): %+v", j.Status, code, f.status, f.codes, j.Error)
			}
			if n := c.charges(prompts[i]); n != f.charges {
				t.Errorf("charged %d times, not %d", n, f.charges)
			}
		})
	}
}

// charges counts what was paid for a prompt.
func (c *cluster) charges(prompt string) (n int) {
	c.Helper()
	l, err := c.ledger()
	if err != nil {
		c.Fatal(err)
	}
	for _, sub := range l.Submissions {
		if sub.Charged && strings.Contains(sub.Prompt, prompt) { // some upstreams are told more than that
			n++
		}
	}
	return n
}
