// Package testserver starts the real servers that the tests and the bench
// program run against: redis-server, and the S3 servers versitygw and MinIO.
//
// Each call starts a process of its own in a directory of its own, on a free
// port of 127.0.0.1, and returns when the server answers. A server is cheap
// (Redis and versitygw 10 ms, MinIO half a second), so a test that breaks
// things need not share one.
//
// [Program] starts one of our own programs in the same way.
//
// [Redis], [Versity], [VersityTLS] and [MinIO] are for tests and benchmarks:
// they fail the test when the server cannot be had, never skip it, end the
// process when the test is over, and log what the server said if the test
// failed. [StartRedis], [StartVersity] and [StartMinIO] are the same without
// package testing's life cycle; whoever calls them calls Close.
//
// redis-server comes from the system. The S3 servers are built from the tool
// modules under internal/tools when they are first used, which takes a minute
// or two once; `make setup-test` does that ahead of the tests.
package testserver

import (
	"os"
	"testing"
)

// Redis starts a redis-server that lives as long as the test does. args are
// added to its command line, such as "--requirepass", "secret".
func Redis(tb testing.TB, args ...string) *RedisServer {
	tb.Helper()
	s, err := StartRedis(tb.Context(), args...)
	if err != nil {
		tb.Fatalf("no Redis for this test: %v", err)
	}
	closeAfter(tb, s.Process)
	return s
}

// Versity starts a versitygw with one empty bucket that lives as long as the
// test does.
func Versity(tb testing.TB) *S3Server {
	tb.Helper()
	return s3(tb, func() (*S3Server, error) { return StartVersity(tb.Context(), PlainHTTP) })
}

// VersityTLS is Versity over TLS. The client must trust the server's CA.
func VersityTLS(tb testing.TB) *S3Server {
	tb.Helper()
	return s3(tb, func() (*S3Server, error) { return StartVersity(tb.Context(), TLS) })
}

// MinIO starts a MinIO with one empty bucket that lives as long as the test
// does.
func MinIO(tb testing.TB) *S3Server {
	tb.Helper()
	return s3(tb, func() (*S3Server, error) { return StartMinIO(tb.Context()) })
}

func s3(tb testing.TB, start func() (*S3Server, error)) *S3Server {
	tb.Helper()
	s, err := start()
	if err != nil {
		tb.Fatalf("no S3 server for this test: %v", err)
	}
	closeAfter(tb, s.Process)
	return s
}

func closeAfter(tb testing.TB, p *Process) {
	tb.Helper()
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("%s (pid %d) said:\n%s", p.name, p.PID(), p.Output())
		}
		if err := p.Close(); err != nil {
			tb.Errorf("close %s: %v", p.name, err)
		}
	})
}

// newDir makes the directory of one server. It is not the test's TempDir: that
// one's path can be too long for the Unix socket in it.
func newDir() (string, error) { return os.MkdirTemp("", "tt-") }
