package e2e_test

import (
	"encoding/json"
	"time"
)

// logLine is as much of a program's log line as the tests look at.
type logLine struct {
	Level   string    `json:"level"`
	Msg     string    `json:"msg"`
	Addr    string    `json:"addr"`
	Job     string    `json:"job_id"`
	Trace   string    `json:"trace_id"`
	Account string    `json:"account"`
	How     string    `json:"how"`
	Time    time.Time `json:"time"`
}

// parseLine reads a line in JSON; the zero value for any other.
func parseLine(line string) (l logLine) {
	_ = json.Unmarshal([]byte(line), &l) // not JSON: a panic, a race
	return l
}
