package app

import "runtime/debug"

const (
	goGC = 100 // Go's own

	// waitingGC is how much garbage, in percent of what is in use, a process with waiting
	// callers lets come up before it collects. What is in use is mostly theirs, some 25 KiB
	// each for as long as they wait, in which hardly anything becomes garbage: with Go's own
	// percentage what is left of the calls' beginning takes as much again.
	waitingGC = 50
)

// collectForWaiters sets it, unless GOGC has said something else than Go's own.
func collectForWaiters() {
	if was := debug.SetGCPercent(waitingGC); was != goGC {
		debug.SetGCPercent(was)
	}
}
