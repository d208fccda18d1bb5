// Package redisstore keeps the jobs, their events, leases and slots in Redis.
// Every key and every Lua script of ours lives here; lua/prelude.lua and
// lua/repeats.lua list the keys. All times come from Redis, never from a
// process's own clock.
//
// Every change is one script that checks the job's state and who may change it
// (the lease's token, or the fence of a submission), and that may run twice: a
// client repeats a command whose reply was lost, and the second run finds the
// first one's work done.
//
// It needs Redis 6.2 or later with maxmemory-policy noeviction and, for the
// promises to hold over a crash of Redis, appendfsync always.
package redisstore

import (
	"context"
	"embed"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
)

// DefaultTag is the hash tag of our keys.
const DefaultTag = "tt"

// Config is what a Store needs.
type Config struct {
	// Client is closed by whoever made it.
	Client redis.UniversalClient

	// Tag is the hash tag that keeps all our keys on one node of a Cluster.
	// Empty: DefaultTag. Services with different tags may share a Redis.
	Tag string

	// Lease is how long a worker may act on a job without renewing. Zero: 15 s.
	Lease time.Duration

	// Keys seals callers' own credentials. May be nil if none is ever accepted.
	Keys *account.KeyRing
}

// Store is the jobs in Redis. It is safe for concurrent use. Its errors are
// faults: Unavailable when Redis does not answer.
type Store struct {
	rdb    redis.UniversalClient
	prefix string
	lease  time.Duration
	keys   *account.KeyRing
	lua    scripts
	clock  clock
}

// New makes a store. It opens no connection.
func New(c Config) *Store {
	s := &Store{rdb: c.Client, lease: c.Lease, keys: c.Keys, lua: loadScripts()}
	if s.lease == 0 {
		s.lease = 15 * time.Second
	}
	tag := c.Tag
	if tag == "" {
		tag = DefaultTag
	}
	s.prefix = "{" + tag + "}:"
	return s
}

// Lease is how long a claim lasts without renewal.
func (s *Store) Lease() time.Duration { return s.lease }

// Ping tells whether Redis answers.
func (s *Store) Ping(ctx context.Context) error {
	return unavailable(s.rdb.Ping(ctx).Err())
}

func (s *Store) key(kind, name string) string { return s.prefix + kind + name }

//go:embed lua/*.lua
var luaFiles embed.FS

// scripts are the Lua scripts, each with what they share in front.
type scripts struct {
	look, census *redis.Script

	accept, claim, begin, accepted, notSent, rejected, finish,
	progress, ready, stored, claimPolls, renew, release, sweep, accounts, postpone, unsettled, cancel, canceled, archived,
	earlier, left, position, turn, pause, expect, stands, cool, works, list, forget, expired, removed,
	deliver, delivered, undelivered, redeliver, endpoint, endpointGone *redis.Script
}

// parts are what stands in front of a script: all of them need the prelude, most of
// those that run all the time nothing else.
func parts(name string) []string {
	switch name {
	case "look", "claim", "begin", "progress", "stored", "claim_polls", "renew", "release", "defer", "unsettled", "archived", "expect", "left", "list",
		"deliver", "delivered", "undelivered", "redeliver", "endpoint", "endpoint_gone":
		return []string{"prelude"}
	case "forget", "expired", "removed":
		return []string{"prelude", "gone"}
	case "accept":
		return []string{"prelude", "pool", "lines", "repeats", "mine"}
	case "earlier": // whether a request came before
		return []string{"prelude", "pool", "lines", "repeats"}
	case "stands", "cool", "works":
		return []string{"prelude", "pool", "standing"}
	case "sweep": // who waits in vain
		return []string{"prelude", "pool", "lines", "life", "stranded", "recount"}
	case "census":
		return []string{"prelude", "pool"}
	}
	return []string{"prelude", "pool", "lines", "life"}
}

func newScript(name string) *redis.Script {
	var text strings.Builder
	for _, part := range append(parts(name), name) {
		text.WriteString(luaFile(part))
	}
	return redis.NewScript(text.String())
}

// ScriptSHA is how a script is called on the wire, for whoever looks there.
func ScriptSHA(name string) string { return newScript(name).Hash() }

func loadScripts() scripts {
	load := newScript
	return scripts{
		look: load("look"), census: load("census"),
		accept: load("accept"), claim: load("claim"), begin: load("begin"), accepted: load("accepted"),
		notSent: load("not_sent"), rejected: load("rejected"), finish: load("finish"), progress: load("progress"),
		ready: load("ready"), stored: load("stored"), claimPolls: load("claim_polls"), renew: load("renew"),
		release: load("release"), sweep: load("sweep"), accounts: load("accounts"),
		postpone: load("defer"), unsettled: load("unsettled"),
		cancel: load("cancel"), canceled: load("canceled"), archived: load("archived"),
		earlier: load("earlier"), left: load("left"), position: load("position"), turn: load("switch"), pause: load("pause"), expect: load("expect"),
		stands: load("stands"), cool: load("cool"), works: load("works"),
		deliver: load("deliver"), delivered: load("delivered"), undelivered: load("undelivered"), redeliver: load("redeliver"),
		endpoint: load("endpoint"), endpointGone: load("endpoint_gone"),
		list: load("list"), forget: load("forget"), expired: load("expired"), removed: load("removed"),
	}
}

func luaFile(name string) string {
	b, err := luaFiles.ReadFile("lua/" + name + ".lua")
	if err != nil {
		panic("redisstore: " + err.Error()) // embedded at build time
	}
	return string(b)
}

// run runs a script. Its arguments are ARGV.
func (s *Store) run(ctx context.Context, script *redis.Script, args ...any) *redis.Cmd {
	return script.Run(ctx, s.rdb, []string{s.prefix}, args...)
}

// unavailable turns an error of the client into a fault.
func unavailable(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return fault.Wrap(fault.Unavailable, "The job store cannot be reached. Try again in a moment.", err)
}

// reply is what the scripts that may ring return: a word and bells.
type reply struct {
	word  string
	bells []job.Bell
}

var errReply = errors.New("redisstore: a script's reply has the wrong form")

func readReply(cmd *redis.Cmd) (reply, error) {
	parts, err := cmd.Slice()
	if err != nil {
		return reply{}, unavailable(err)
	}
	return readParts(parts)
}

func readParts(parts []any) (reply, error) {
	if len(parts) != 2 {
		return reply{}, errReply
	}
	word, ok := parts[0].(string)
	if !ok {
		return reply{}, errReply
	}
	bells, err := readBells(parts[1])
	return reply{word, bells}, err
}

// readBells reads a list of {id, stage, number}.
func readBells(v any) ([]job.Bell, error) {
	rows, ok := v.([]any)
	if !ok {
		return nil, errReply
	}
	bells := make([]job.Bell, 0, len(rows))
	for _, row := range rows {
		cells, ok := row.([]any)
		if !ok || len(cells) != 3 {
			return nil, errReply
		}
		id, ok1 := cells[0].(string)
		stage, ok2 := cells[1].(string)
		n, ok3 := cells[2].(int64)
		if !ok1 || !ok2 || !ok3 {
			return nil, errReply
		}
		bells = append(bells, job.Bell{Job: job.ID(id), Stage: job.Stage(stage), N: n})
	}
	return bells, nil
}

// flag is how a script is told yes and no.
func flag(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
