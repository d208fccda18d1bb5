// Package sdktest points Volcengine's own Go SDK at the simulator. It is a
// module of its own, so that nobody else has to download the SDK; run it with
// "go test ./..." in its directory.
package sdktest
