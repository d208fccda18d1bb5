// Package e2e holds the tests of the whole: the built programs as processes of
// their own, a real redis-server that writes every command to disk, a real S3
// server, and the simulator as the upstream, in the protocols of all drivers.
//
// A test starts a cluster (cluster_test.go): two of cmd/api, two of cmd/worker,
// each on a port of its own, with testdata/tintype.yaml and what the test sets
// by environment variables. It speaks to them by plain HTTP as callers do, kills
// and stops them by signals, and never looks into them.
//
// After every test the checker (checker_test.go) compares what the service says
// with what others saw: the simulator's ledger, the event logs in Redis, the
// objects in the bucket. Its rules are the promises of the service: paid once,
// never lost, always deliverable. It also looks for the tests' credentials wherever
// anything is written down (leaks_test.go).
//
// Between the programs may stand proxies (doors_test.go, package wire) that
// refuse, swallow, delay, cut, and lose replies. The files chaos_*_test.go are
// the fault suite, `make chaos`: a table of faults (chaos_test.go) on programs
// that are built with crash points (package crash). A row says what goes wrong
// and what must come of its jobs; what came of them all is printed and kept in
// CHAOS.md. Short forms of the rows are ordinary tests.
package e2e
