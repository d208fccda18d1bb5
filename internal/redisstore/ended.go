package redisstore

import (
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/job"
)

// Ended is a job that is final, and its log from the first event to the last.
type Ended struct {
	Job *job.Job
	Log []job.Event
}

// readEnded reads what news_of_end in lua/prelude.lua has written. It is nil where
// another version has written something else: then the job is read.
func readEnded(text string) *Ended {
	r := &netstrings{rest: text}
	j, err := readJob(r.pairs())
	if err != nil || !j.State.Final() {
		return nil
	}
	end := &Ended{Job: j}
	for r.rest != "" && !r.broken {
		entry := redis.XMessage{ID: r.next(), Values: map[string]any{}}
		for name, value := range r.pairs() {
			entry.Values[name] = value
		}
		e, err := readEvent(entry)
		if err != nil {
			return nil
		}
		end.Log = append(end.Log, e)
	}
	if r.broken || len(end.Log) == 0 || end.Log[len(end.Log)-1].Seq != j.Version {
		return nil
	}
	return end
}

// netstrings are strings, each as "<bytes>:<string>", one behind the other.
type netstrings struct {
	rest   string
	broken bool
}

func (r *netstrings) next() string {
	length, rest, ok := strings.Cut(r.rest, ":")
	n, err := strconv.Atoi(length)
	if r.broken = r.broken || !ok || err != nil || n < 0 || n > len(rest); r.broken {
		return ""
	}
	r.rest = rest[n:]
	return rest[:n]
}

// pairs reads the number of strings, and that many as names and values.
func (r *netstrings) pairs() map[string]string {
	n, err := strconv.Atoi(r.next())
	if r.broken = r.broken || err != nil || n < 0 || n > len(r.rest); r.broken {
		return nil
	}
	m := make(map[string]string, n/2)
	for range n / 2 {
		name := r.next()
		m[name] = r.next()
	}
	return m
}
