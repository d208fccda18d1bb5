package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// withKeys starts programs again with another key ring.
func (c *cluster) withKeys(keys []string, programs ...*program) {
	c.Helper()
	for _, p := range programs {
		if p.alive() {
			p.stop(c.T)
		}
		p.env = append(slices.Clone(c.env), "TINTYPE_SECURITY_KEYS="+strings.Join(keys, ","))
	}
	c.run(programs...)
}

// sealedJobs posts jobs of both kinds with credentials of callers' own.
func (c *cluster) sealedJobs(what string) map[string]string {
	c.Helper()
	jobs := map[string]string{}
	for i := range 6 {
		key := fmt.Sprintf("%s-%d", ownKey, i)
		jobs[key] = c.post(c.apis[i%2], []string{imagePath, videoPath}[i%2], key, c.prompt(what))
	}
	return jobs
}

// TestKeyRotation rotates the key that seals callers' credentials as the
// settings say it is done, while jobs are in line and under way: each worker
// opens what was sealed by either key.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	old, young := sealKey("old"), sealKey("young")
	c := start(t, "TINTYPE_SECURITY_KEYS="+old, "TINTYPE_VIDEO_UNKNOWN_HOLD=1s")
	running := c.post(c.apis[0], videoPath, ownKey, c.prompt("waves sim:ready=5s"))
	c.awaitJob(c.apis[0], ownKey, running, func(j jobView) bool { return j.Phase == "generating" })
	for _, w := range c.workers {
		w.stop(t)
	}
	waiting := c.sealedJobs("sealed with the old key")
	c.withKeys([]string{young, old}, c.workers...)
	for key, id := range waiting {
		c.succeeded(c.apis[0], key, id)
	}
	c.succeeded(c.apis[1], ownKey, running)
	c.withKeys([]string{young, old}, c.apis...)
	for key, id := range c.sealedJobs("sealed with the young key") {
		if sealed, err := c.rdb.Get(t.Context(), "{tt}:cred:"+id).Result(); err == nil && !strings.HasPrefix(sealed, "young.") {
			t.Errorf("job %s is sealed by %.6s", id, sealed)
		}
		c.succeeded(c.apis[1], key, id)
	}
}

// TestKeyGone: jobs whose key no worker has any more end at once and say why, by
// every door. Nothing is submitted for them, and no worker dies of it.
func TestKeyGone(t *testing.T) {
	t.Parallel()
	old, young := sealKey("same"), sealKey("same") // another key of the same name is as good as none
	c := start(t, "TINTYPE_SECURITY_KEYS="+old)
	running := c.post(c.apis[0], videoPath, ownKey, c.prompt("waves sim:ready=8s"))
	c.awaitJob(c.apis[0], ownKey, running, func(j jobView) bool { return j.Phase == "generating" })
	for _, w := range c.workers {
		w.stop(t)
	}
	jobs := c.sealedJobs("sealed for nobody")
	waits := make(chan []tried, 1)
	go func() {
		waits <- c.together([]request{
			{url: c.apis[0].base() + imagePath, key: ownKey, body: encode(fields{"prompt": c.prompt("a cat for nobody")})},
			{url: c.apis[1].base() + videoPath, key: ownKey, body: encode(fields{"prompt": c.prompt("waves for nobody"), "stream": true})},
		})
	}()
	c.awaitJobs(len(jobs) + 3)
	c.withKeys([]string{young}, c.workers...)
	for key, id := range jobs {
		j := c.awaitJob(c.apis[0], key, id, jobView.final)
		if j.Status != "failed" || j.Error == nil || j.Error.Code != "credential_unavailable" || !strings.Contains(j.Error.Message, "Post the job again") {
			t.Errorf("job %s is %s: %+v", id, j.Status, j.Error)
		}
	}
	for _, call := range <-waits {
		if text := string(call.answer.body); call.err != nil || strings.Count(text, `"credential_unavailable"`) != 1 || strings.Contains(call.body, "cat") && call.answer.status != http.StatusBadGateway {
			t.Errorf("a caller that waits: %d %s %v", call.answer.status, text, call.err)
		}
	}
	j := c.awaitJob(c.apis[1], ownKey, running, jobView.final)
	if j.Status != "failed" || j.Error == nil || j.Error.Code != "credential_unavailable" || !strings.Contains(j.Error.Message, "billed") {
		t.Errorf("the job that was under way is %s: %+v", j.Status, j.Error)
	}
	l, err := c.ledger()
	if err != nil {
		t.Fatal(err)
	}
	for _, sub := range l.Submissions {
		if strings.Contains(sub.Prompt, "nobody") {
			t.Errorf("submitted: %+v", sub)
		}
	}
	c.succeeded(c.apis[0], pooled, c.post(c.apis[0], imagePath, pooled, c.prompt("a cat"))) // the workers live
}
