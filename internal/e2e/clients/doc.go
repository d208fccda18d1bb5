// Package clients holds the tests of the service with other people's clients, as
// they are published: OpenAI's SDKs for Node and for Go, the Vercel AI SDK, Python's
// own library, curl, Chromium. A proxy cuts the first two connections of each call of
// OpenAI's SDKs, and the simulator's ledger tells what that would have cost. A real
// nginx stands between some of them and jobs that take longer than it lets a
// connection be silent. What a client has no words for, it is not asked: the Vercel
// AI SDK has no videos and no streams of images for a server of OpenAI's kind.
//
// It is a module of its own, so that nobody else has to download the SDKs. Run
// it with "make test-clients", which installs what it needs.
package clients
