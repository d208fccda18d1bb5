package testserver

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Main is the TestMain of a package whose tests need programs: it has them built into a
// folder of their own, runs the tests, removes the folder and looks for goroutines that
// were left. It gives the exit code.
func Main(m *testing.M, prefix string, build func(dir string) error) int {
	dir, err := os.MkdirTemp("", prefix)
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	http.DefaultClient.CloseIdleConnections() //nolint:forbidigo // which the tests of other programs use, and which nobody calls here
	if code != 0 {
		return code
	}
	if err := left(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// left tells of goroutines that do not end, also where a busy machine lets them take
// their time.
func left() (err error) {
	const patience = 10 * time.Second
	for end := time.Now().Add(patience); ; {
		if err = goleak.Find(); err == nil || time.Now().After(end) {
			return err
		}
	}
}
