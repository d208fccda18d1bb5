package proc

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Usage is what a process uses, as Linux tells it.
type Usage struct {
	RSSBytes  int64         // memory that it holds now
	PeakBytes int64         // the most since its start, or since [Process.ResetPeak]
	CPU       time.Duration // processor time since its start, user and system
}

// Usage reads what the process uses now.
func (p *Process) Usage() (Usage, error) { return UsageOf(p.PID()) }

// UsageOf reads what any process uses now.
func UsageOf(pid int) (Usage, error) {
	var u Usage
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	if u.RSSBytes, err = statusBytes(string(status), "VmRSS:"); err != nil {
		return u, err
	}
	if u.PeakBytes, err = statusBytes(string(status), "VmHWM:"); err != nil {
		return u, err
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	u.CPU, err = cpuTime(string(stat))
	return u, err
}

// ResetPeak lets PeakBytes begin anew from what the process holds now.
func (p *Process) ResetPeak() error { return ResetPeakOf(p.PID()) }

// ResetPeakOf does the same for any process of this user.
func ResetPeakOf(pid int) error {
	const peak = "5"
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte(peak), 0) // exists already
}

// statusBytes reads a line like "VmRSS:	    3172 kB".
func statusBytes(status, name string) (int64, error) {
	for line := range strings.Lines(status) {
		value, ok := strings.CutPrefix(line, name)
		if !ok {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		return kib << 10, err
	}
	return 0, fmt.Errorf("proc: the kernel tells no %s", name)
}

// cpuTime reads user and system time, the 14th and 15th field of a line whose
// second field, the program's name, may hold anything.
func cpuTime(stat string) (time.Duration, error) {
	const (
		userField = 14 - 3 // counted from the third, behind the name
		tick      = 10 * time.Millisecond
	)
	_, rest, ok := cutLast(stat, ")")
	fields := strings.Fields(rest)
	if !ok || len(fields) < userField+2 {
		return 0, errors.New("proc: the kernel's stat line is too short")
	}
	user, err := strconv.ParseInt(fields[userField], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[userField+1], 10, 64)
	return time.Duration(user+system) * tick, err
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
