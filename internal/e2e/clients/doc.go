// Package clients holds the tests of the service with other people's clients:
// OpenAI's SDKs for Node and for Go, as they are published. A proxy cuts the
// first two connections of each of their calls, and the simulator's ledger
// tells what that would have cost. And a real nginx stands between them and jobs
// that take longer than it lets a connection be silent.
//
// It is a module of its own, so that nobody else has to download the SDKs. Run
// it with "make test-clients", which installs what it needs.
package clients
