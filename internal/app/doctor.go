package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/blob"
	"github.com/tintypehq/tintype/internal/blob/s3blob"
	"github.com/tintypehq/tintype/internal/config"
)

// Grade is how a part of what the programs stand on is.
type Grade string

// The grades.
const (
	Well   Grade = "ok"
	Doubt  Grade = "warning" // it works, and a promise may be broken by it one day
	Broken Grade = "failure" // it does not work like this
)

// Finding is one thing that was looked at.
type Finding struct {
	Part  string // "redis", "clock", "bucket", "upstream ark"
	Grade Grade
	Text  string // names the setting and the way out, where it is not well
}

// ErrUnwell is what Doctor returns when a part does not work.
var ErrUnwell = errors.New("something of what the programs stand on does not work; see above")

// doctorPatience is how long one part may take.
const doctorPatience = 15 * time.Second

// Doctor looks at everything that the programs stand on: Redis, its version and its
// settings, the clocks, the bucket, its expiry rules and a signed link through its public endpoint,
// and whether the upstreams can be reached. It writes one small object into the
// bucket and removes it, asks upstreams nothing that costs, and changes no
// job. tell gets each finding as it is made. ErrUnwell if one of them is Broken.
func Doctor(ctx context.Context, c *config.Config, tell func(Finding)) error {
	broken := false
	report := func(f Finding) {
		broken = broken || f.Grade == Broken
		tell(f)
	}
	if err := examineRedis(ctx, c, report); err != nil {
		return err
	}
	if err := examineStorage(ctx, c, report); err != nil {
		return err
	}
	for _, u := range c.Upstreams {
		report(examineUpstream(ctx, u))
	}
	if broken {
		return ErrUnwell
	}
	return ctx.Err()
}

func examineRedis(ctx context.Context, c *config.Config, report func(Finding)) error {
	if c.Redis.Embedded() {
		report(Finding{"redis", Doubt, "redis.url is not set: jobs are kept in the memory of `tintype run` and end with it"})
		return nil
	}
	rdb, closeRedis, err := openRedis(c.Redis)
	if err != nil {
		return err
	}
	defer closeRedis()
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	begun := time.Now()
	if err := rdb.Ping(ctx).Err(); err != nil {
		report(Finding{"redis", Broken, fmt.Sprintf("redis.url: no Redis answers at %s: %s", c.Redis.URL, why(err))})
		return nil
	}
	took := time.Since(begun)
	report(Finding{"redis", Well, fmt.Sprintf("%s answers in %s", c.Redis.URL, took.Round(10*time.Microsecond))})
	for _, f := range redisFindings(ctx, rdb) {
		report(f)
	}
	report(examineClock(ctx, rdb))
	return nil
}

// oldestRedis is what our scripts need.
const (
	oldestMajor = 6
	oldestMinor = 2
)

// fullAt is the share of its memory from which on a Redis is called nearly full.
// It evicts nothing: when it is full, nothing is accepted any more.
const fullAt = 0.8

// redisFindings holds a Redis against what the promises need: its version, that it
// may run scripts, and that it neither forgets nor drops jobs. A Redis that does
// not tell, as managed ones do not, is believed.
func redisFindings(ctx context.Context, rdb redis.UniversalClient) []Finding {
	var found []Finding
	info := redisInfo(ctx, rdb)
	if major, minor, ok := redisVersion(info["redis_version"]); ok {
		f := Finding{"redis", Well, "version " + info["redis_version"]}
		if major < oldestMajor || major == oldestMajor && minor < oldestMinor {
			f.Grade, f.Text = Broken, fmt.Sprintf("redis.url: version %s is too old: %d.%d or later is needed", info["redis_version"], oldestMajor, oldestMinor)
		}
		found = append(found, f)
	}
	if err := rdb.Eval(ctx, "return redis.call('TIME')[1]", nil).Err(); err != nil {
		found = append(found, Finding{"redis", Broken, "redis.username: this user may not run scripts (EVAL, EVALSHA), by which every change is made: " + why(err)})
	}
	wrong := durability(ctx, rdb)
	for _, what := range wrong {
		found = append(found, Finding{"redis", Doubt, what})
	}
	if len(wrong) == 0 {
		found = append(found, Finding{"redis", Well, "keeps what it has confirmed, and evicts nothing"})
	}
	used, most := count(info["used_memory"]), count(info["maxmemory"])
	if most > 0 && used > fullAt*most {
		found = append(found, Finding{"redis", Doubt, fmt.Sprintf("uses %.0f %% of its maxmemory; when it is full nothing is accepted any more: raise maxmemory, or shorten retention.jobs", 100*used/most)})
	}
	return found
}

// redisInfo gives the fields of INFO; empty if it may not be asked.
func redisInfo(ctx context.Context, rdb redis.UniversalClient) map[string]string {
	text, err := rdb.Info(ctx).Result()
	if err != nil {
		return nil
	}
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields
}

func redisVersion(text string) (major, minor int, ok bool) {
	parts := strings.SplitN(text, ".", 3)
	if len(parts) < 2 {
		return 0, 0, false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return major, minor, err1 == nil && err2 == nil
}

func count(text string) float64 {
	n, _ := strconv.ParseFloat(text, 64) // 0 where it is not told
	return n
}

// clockDoubt is how far this machine's clock may be from Redis'. Jobs live by Redis'
// alone; signatures of S3 requests, links and webhooks by this one's.
const clockDoubt = 5 * time.Second

func examineClock(ctx context.Context, rdb redis.UniversalClient) Finding {
	begun := time.Now()
	theirs, err := rdb.Time(ctx).Result()
	if err != nil {
		return Finding{"clock", Broken, "redis.url: Redis does not tell its time: " + why(err)}
	}
	middle := begun.Add(time.Since(begun) / 2)
	apart := middle.Sub(theirs).Abs().Round(time.Millisecond)
	if apart > clockDoubt {
		return Finding{"clock", Doubt, fmt.Sprintf("this machine's clock and Redis' are %s apart: signed requests, links and webhooks are refused when it is minutes. Run a time service (NTP) on both", apart)}
	}
	return Finding{"clock", Well, fmt.Sprintf("%s from Redis'", apart)}
}

func examineStorage(ctx context.Context, c *config.Config, report func(Finding)) error {
	store, closeStore, err := openStorage(ctx, c)
	if err != nil {
		return err
	}
	defer closeStore()
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	switch err := store.Check(ctx); {
	case errors.Is(err, blob.ErrUnproven):
		report(Finding{"bucket", Well, writesText(c)})
		report(Finding{"bucket", Doubt, err.Error()})
	case err != nil:
		report(Finding{"bucket", Broken, err.Error()})
		return nil
	default:
		report(Finding{"bucket", Well, writesText(c) + linkText(c)})
	}
	if bucket, ok := store.(*s3blob.Store); ok {
		examineExpiry(ctx, c, bucket, report)
	}
	if c.Worker.SubmitFence != config.FenceInBucket {
		return nil
	}
	switch err := blob.ProveNew(ctx, store); {
	case errors.Is(err, blob.ErrNoPutNew):
		report(Finding{"bucket", Broken, "worker.submit_fence: this store does not keep an object from being written twice (If-None-Match); set it to redis"})
	case err != nil:
		report(Finding{"bucket", Broken, err.Error()})
	default:
		report(Finding{"bucket", Well, "writes a fence once alone"})
	}
	return nil
}

// examineExpiry holds the rules by which the store itself removes what is old
// against what the settings need today: nothing but `tintype bucket init` changes
// them. A store that does not tell them is believed.
func examineExpiry(ctx context.Context, c *config.Config, bucket *s3blob.Store, report func(Finding)) {
	soon, err := bucket.TooSoon(ctx, folders(c))
	switch {
	case err != nil:
		report(Finding{"bucket", Well, "whether its rules remove what jobs still promise is not known: " + err.Error()})
	case len(soon) == 0:
		report(Finding{"bucket", Well, "no rule of it removes what jobs or files still promise"})
	}
	for _, e := range soon {
		way := "Run `tintype bucket init` again after each change of a retention, a deadline or a harvest"
		if !e.Ours {
			way = "It is not one of `tintype bucket init`: have it spare the folder, or shorten what is set under retention"
		}
		report(Finding{"bucket", Doubt, fmt.Sprintf("its rule %s removes %s after %d days, and the settings need %d: links go before their time. %s",
			e.Rule, e.Dir, e.Days, e.Folder.Days(), way)})
	}
}

func writesText(c *config.Config) string {
	if c.Storage.Driver == config.DiskStorage {
		return c.Storage.File.Dir + " can be written, read and cleaned up"
	}
	return fmt.Sprintf("%s at %s can be written, read and cleaned up", c.Storage.S3.Bucket, c.Storage.S3.Endpoint)
}

func linkText(c *config.Config) string {
	s := c.Storage.S3
	if c.Storage.Driver == config.DiskStorage || s.PublicEndpoint == "" || s.PublicEndpoint == s.Endpoint {
		return ""
	}
	return ", and a signed link opens at " + s.PublicEndpoint
}

// examineUpstream asks an upstream for nothing but an answer, of whatever kind,
// without a credential.
func examineUpstream(ctx context.Context, u config.Upstream) Finding {
	part := "upstream " + u.Name
	if u.Driver == config.DoubaoWeb {
		profile, err := webProfile(u)
		if err != nil {
			return Finding{part, Broken, err.Error()}
		}
		u.BaseURL = cmp.Or(u.BaseURL, profile.BaseURL)
	}
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, u.BaseURL, nil)
	if err != nil {
		return Finding{part, Broken, "base_url is no URL"}
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return Finding{part, Broken, fmt.Sprintf("base_url: %s cannot be reached from here: %s", u.BaseURL, why(err))}
	}
	_ = resp.Body.Close()
	return Finding{part, Well, fmt.Sprintf("%s answers (accounts: %d). Whether it takes their credentials, the first job shows", u.BaseURL, len(u.Accounts))}
}

// why is an error's innermost text, without the addresses and passwords that the
// outer ones quote.
func why(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
