package e2e_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/job"
)

// key is one of the service's keys in Redis. The checker reads them itself, and
// not through the code that wrote them.
func key(rest string) string { return "{tt}:" + rest }

// record is a job as it stands in Redis, with its log.
type record struct {
	id, state, upstreamID string
	failure               string // the code of its error; "" without one
	account               string
	recovered             bool
	inDoubt               bool // somebody waits for the answer to its submission
	version               int64
	fence                 int64
	created, deadline     time.Time
	submitBegan, finished time.Time // zero: not yet
	spec                  job.Spec
	media                 []job.Media
	log                   []entry
}

// entry is one event.
type entry struct {
	id, kind, state string
	at              int64 // ms
}

func (j record) final() bool {
	return j.state == "succeeded" || j.state == "failed" || j.state == "canceled"
}

// records reads all jobs, in the order of their ids.
func (c *cluster) records(ctx context.Context) ([]record, error) {
	names, err := c.scan(ctx, "job:*")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	out := make([]record, 0, len(names))
	for _, name := range names {
		j, err := c.record(ctx, strings.TrimPrefix(name, key("job:")))
		if err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	return out, nil
}

// scan gives the names of the keys that match.
func (c *cluster) scan(ctx context.Context, pattern string) ([]string, error) {
	var names []string
	it := c.rdb.Scan(ctx, 0, key(pattern), 1000).Iterator()
	for it.Next(ctx) {
		if !slices.Contains(names, it.Val()) { // a scan may give one twice
			names = append(names, it.Val())
		}
	}
	return names, it.Err()
}

func (c *cluster) record(ctx context.Context, id string) (record, error) {
	m, err := c.rdb.HGetAll(ctx, key("job:"+id)).Result()
	if err != nil {
		return record{}, err
	}
	j := record{
		id: id, state: m["state"], upstreamID: m["upstream_id"], account: m["account"], recovered: m["recovered"] != "", inDoubt: m["doubt"] != "",
		created: instant(m["created"]), deadline: instant(m["deadline"]), submitBegan: instant(m["submit_began"]), finished: instant(m["finished"]),
	}
	j.version, _ = strconv.ParseInt(m["ver"], 10, 64)
	j.fence, _ = strconv.ParseInt(m["fence"], 10, 64)
	if m["failure"] != "" {
		var failure struct{ Code string }
		if err := json.Unmarshal([]byte(m["failure"]), &failure); err != nil {
			return j, fmt.Errorf("failure of job %s: %w", id, err)
		}
		j.failure = failure.Code
	}
	if err := json.Unmarshal([]byte(m["spec"]), &j.spec); err != nil {
		return j, fmt.Errorf("spec of job %s: %w", id, err)
	}
	for i := 0; m["media:"+strconv.Itoa(i)] != ""; i++ {
		var file job.Media
		if err := json.Unmarshal([]byte(m["media:"+strconv.Itoa(i)]), &file); err != nil {
			return j, fmt.Errorf("media of job %s: %w", id, err)
		}
		j.media = append(j.media, file)
	}
	entries, err := c.rdb.XRange(ctx, key("ev:"+id), "-", "+").Result()
	for _, e := range entries {
		one := entry{id: e.ID, kind: fmt.Sprint(e.Values["type"]), state: fmt.Sprint(e.Values["state"])}
		one.at, _ = strconv.ParseInt(fmt.Sprint(e.Values["at"]), 10, 64)
		j.log = append(j.log, one)
	}
	return j, err
}

// instant reads a time in ms, as Redis saw it; the zero time for "".
func instant(ms string) time.Time {
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(n)
}

// checkLog: numbered from 1 without gap or double, one beginning, one end, and
// the end is what the record says. A job that has failed may succeed by media
// that came late, and what comes late for a canceled one is noted behind its end.
func (j record) checkLog() (found []string) {
	bad := func(format string, args ...any) {
		found = append(found, fmt.Sprintf("log of job %s: ", j.id)+fmt.Sprintf(format, args...))
	}
	var ends []string
	for i, e := range j.log {
		if want := fmt.Sprintf("%d-0", i+1); e.id != want {
			bad("entry %d has the number %s", i+1, e.id)
		}
		if i > 0 && e.at < j.log[i-1].at {
			bad("entry %d is older than the one before", i+1)
		}
		if (e.kind == "job.queued") != (i == 0) {
			bad("entry %d is %s", i+1, e.kind)
		}
		end := slices.Contains([]string{"job.succeeded", "job.failed", "job.canceled", "job.recovered"}, e.kind)
		switch {
		case end:
			ends = append(ends, strings.TrimPrefix(e.kind, "job."))
		case len(ends) > 0 && e.kind != "job.media":
			bad("entry %d is %s, behind the end", i+1, e.kind)
		}
		if len(ends) > 0 && !end && e.state != ends[len(ends)-1] {
			bad("entry %d says %s, behind the end", i+1, e.state)
		}
	}
	if int64(len(j.log)) != j.version {
		bad("has %d entries; the job's version is %d", len(j.log), j.version)
	}
	want := []string{j.state}
	if j.recovered {
		want = []string{"failed", "recovered"}
	}
	if !slices.Equal(ends, want) || j.recovered && j.state != "succeeded" {
		bad("has the ends %v; the job is %s", ends, j.state)
	}
	if n := len(j.log); j.state == "succeeded" && n > 0 && j.log[n-1].kind == "job.media" {
		bad("does not end with its end")
	}
	return found
}

// mercy is how long after its deadline a job may become final, should nobody
// have looked.
const mercy = 60 * time.Second

// checkTime: the caller is told in time, if only that it took too long.
func (j record) checkTime() (found []string) {
	for _, e := range j.log {
		if slices.Contains([]string{"job.succeeded", "job.failed", "job.canceled"}, e.kind) {
			if late := time.UnixMilli(e.at).Sub(j.deadline); late > mercy {
				found = append(found, fmt.Sprintf("job %s was final %s after its deadline", j.id, late))
			}
			break
		}
	}
	return found
}

// webRef begins the upstream ids of the driver doubaoweb.
const webRef = "dw1."

// web tells whether a job was accepted by a web session.
func (j record) web() bool { return strings.HasPrefix(j.upstreamID, webRef) }

// task is the upstream's own id of what it makes for a job: that of a web session's
// job is in its upstream id, among other things.
func (j record) task() string {
	if !j.web() {
		return j.upstreamID
	}
	var ref struct {
		Conversation string `json:"c"`
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(j.upstreamID, webRef))
	if err != nil || json.Unmarshal(raw, &ref) != nil {
		return "unreadable"
	}
	return ref.Conversation
}

// lookup tells whether the upstream can be asked for a lost submission.
func (j record) lookup() bool { return strings.HasPrefix(j.spec.UpstreamModel, "doubao-seedance-2-0-") }

// leftovers counts what the service keeps for jobs that are not final: with all
// of them final there must be none.
func (c *cluster) leftovers(ctx context.Context) (map[string]int64, error) {
	left := map[string]int64{}
	for _, set := range []string{"bells", "polls", "deadlines", "cancels", "harvests", "archive"} {
		n, err := c.rdb.ZCard(ctx, key(set)).Result()
		if err != nil {
			return nil, err
		}
		if n > 0 {
			left[key(set)] = n
		}
	}
	for _, pattern := range []string{"slots:*", "lane:*", "lanes:*", "pools", "busy:*", "waits:*", "held:*", "tenants", "cred:*"} {
		names, err := c.scan(ctx, pattern) // an empty set is no key
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			left[name] = 1
		}
	}
	return left, nil
}
