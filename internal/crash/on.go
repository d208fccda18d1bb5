//go:build chaos

package crash

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// What the suite arms a program with. They are no settings of the service: a
// program that is not built for the suite does not know them.
const (
	pointVar  = "CHAOS_CRASH_POINT"  // the [Point] that acts, as it is written; empty: none
	dirVar    = "CHAOS_CRASH_DIR"    // where each act leaves a file that is named for its job
	actionVar = "CHAOS_CRASH_ACTION" // an [Action]; empty: exit
)

// Action is what happens at a point.
type Action string

// The actions.
const (
	Exit Action = "exit" // the process ends at once with [ExitCode]
	Stop Action = "stop" // it stops itself as SIGSTOP does, until somebody wakes it up
	Hold Action = "hold" // the goroutine waits for the file [Released]
)

// ExitCode is that of a killed process.
const ExitCode = 137

const (
	holdMost = 60 * time.Second       // how long a goroutine is held, should nobody release it
	holdLook = 5 * time.Millisecond   // how often it looks
	stopMost = 10 * time.Second       // how long a stop of all threads may need to take effect
	stopGap  = 500 * time.Millisecond // a moment that lasted longer was one in which all stood still
)

// Released is the file in the marks' directory that lets a held job go on.
func Released(dir, job string) string { return filepath.Join(dir, job+".go") }

// At acts if the program is armed for the point and the job has not met it
// before, in this process or in one that it has ended.
func At(p Point, job string) {
	if os.Getenv(pointVar) != string(p) { //nolint:forbidigo // of the suite's programs only
		return
	}
	dir := os.Getenv(dirVar) //nolint:forbidigo // as above
	if !mark(dir, job) {
		return
	}
	switch Action(os.Getenv(actionVar)) { //nolint:forbidigo // as above
	case Exit, "":
		os.Exit(ExitCode)
	case Stop:
		standStill()
	case Hold:
		hold(dir, job)
	}
}

// standStill stops the process and returns when it has been woken up again. The signal
// may take effect at once or, on a busy machine, a while later, and what comes behind
// the point must not be done before.
func standStill() {
	before := time.Now()
	end := before.Add(stopMost)
	_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	for time.Since(before) < stopGap && before.Before(end) {
		before = time.Now()
		time.Sleep(holdLook)
	}
}

// mark leaves a job's file with the id of this process, and tells whether there
// was none.
func mark(dir, job string) bool {
	f, err := os.OpenFile(filepath.Join(dir, job), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the suite's own folder
	if errors.Is(err, fs.ErrExist) {
		return false
	}
	if err == nil {
		_, err = fmt.Fprint(f, os.Getpid())
		err = errors.Join(err, f.Close())
	}
	if err != nil { // a suite that proves nothing is worse than one that fails
		panic("crash: " + err.Error())
	}
	return true
}

func hold(dir, job string) {
	for end := time.Now().Add(holdMost); time.Now().Before(end); time.Sleep(holdLook) {
		if _, err := os.Stat(Released(dir, job)); err == nil {
			return
		}
	}
}
