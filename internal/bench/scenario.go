package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// scenario is one thing that is measured.
type scenario struct {
	name   string
	about  string // what is done, for the head of its part of the table
	target string // in words; each figure has its own as a number

	// run measures. It starts what it needs and ends it; an error means that
	// the run is broken, not that a target was missed.
	run func(context.Context, *rig) ([]figure, error)
}

// scenarios are all there are, in the order in which they run: what an idle
// machine is needed for comes first.
func scenarios() []scenario {
	return []scenario{
		{"idle", "each program after its start, with nothing to do", "below 40 MiB, ready within 150 ms", measureIdle},
		{"chat", "POST /v1/chat/completions on 64 connections", "0.6 × the rate of a bare Echo reverse proxy, or more", measureChat},
		{"chat-added", "time added to a chat on one connection", "at most 2 × what the bare proxy adds", measureChatAdded},
		{"chunks", "from the upstream's writing of a chunk to the caller's reading, 64 chunks a second and stream", "p50 below 1 ms, p99 below 5 ms", measureChunks},
		{"submit", "POST /v1/images/generations, Prefer: respond-async, on 64 connections; admitted, bell rung, no worker", "0.4 × the rate of bare Echo and asynq Enqueue, or more", measureSubmit},
		{"open-loop", "jobs of 20 tenants that come at a fixed rate, 3 images to 1 video, some urgent, some not; answers count from when they were due", "p99 at most 3 × the floor's + 5 ms", measureOpenLoop},
		{"admission", "10,000 jobs of 500 tenants wait for 50 accounts", "p99 below 1 ms, 2,000 a second", measureAdmission},
		{"waiters", "10,000 callers wait on one API process, each for a job of its own; no worker (-short: 2,000)", "45 KiB each, a stream 50 KiB; all answered; p99 at most 3 × the floor's; alone p50 below 5 ms", measureWaiters},
		{"fanout", "10,000 streams on one API process, each of a job of its own; no worker (-short: 2,000)", "2,000 events a second, none lost", measureFanout},
		{"idle-start", "from the request to the upstream's hearing of it, nothing else to do", "p50 below 60 ms", measureIdleStart},
		{"ready-to-answer", "from a video's being ready at the upstream to the blocking caller's answer", "at most poll interval + mirror time + 50 ms", measureReadyToAnswer},
		{"mirror", "copying media into the bucket", "0.9 × a bare streamed PutObject, 16 MiB for each at once", measureMirror},
		{"proxy", "GET of a film's link, through the API", "0.8 × a bare http.ServeContent of the same bytes, or more; memory flat", measureProxy},
		{"scale", "pictures from request to answer by one API and one worker, and by more of each, all on this machine", "what each process more costs", measureScale},
		{"polling", "running videos, each asked after every 3 s by one worker", "below 5 % of a Redis core, 150 MiB", measurePolling},
	}
}

func names(list []scenario) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = s.name
	}
	return out
}

// choose gives those that were asked for, in their own order.
func choose(all []scenario, only []string) ([]scenario, error) {
	if len(only) == 0 {
		return all, nil
	}
	known := names(all)
	for _, name := range only {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("-only: there is no scenario %q; there are %s", name, strings.Join(known, ", "))
		}
	}
	return slices.DeleteFunc(all, func(s scenario) bool { return !slices.Contains(only, s.name) }), nil
}
