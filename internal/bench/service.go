package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/bench/proc"
	"github.com/tintypehq/tintype/internal/bench/stand"
	"github.com/tintypehq/tintype/internal/testserver"
)

// service is the service under measurement: its stores, an upstream, and
// whichever of its programs the scenario starts.
type service struct {
	rig      *rig
	redis    *testserver.RedisServer
	s3       *testserver.S3Server
	upstream string // host:port
	settings settings
	config   string // file

	api        *proc.Process
	apiAddr    string
	worker     *proc.Process
	workerAddr string

	closers []func() // in order of opening
}

// settings are those in which scenarios differ.
type settings struct {
	accounts int           // of the pool, each with up to 1,000 jobs at once
	poll     time.Duration // from one question after a video to the next; 0: the programs' default
	files    bool          // media lies in a directory, not in the S3 server
	tenants  int           // that have keys of their own; see tenantKey
}

// mostInFlight is the most jobs that the configuration lets one account run.
const mostInFlight = 1000

// newService starts the stores, and a stand-in for the upstream.
func (r *rig) newService(ctx context.Context, s settings, role stand.Role, args ...string) (sv *service, err error) {
	sv = &service{rig: r, settings: s}
	defer func() {
		if err != nil {
			sv.close()
		}
	}()
	if sv.redis, err = testserver.StartRedis(ctx); err != nil {
		return sv, err
	}
	sv.onClose(func() { _ = sv.redis.Close() })
	if sv.s3, err = testserver.StartVersity(ctx, testserver.PlainHTTP); err != nil {
		return sv, err
	}
	sv.onClose(func() { _ = sv.s3.Close() })
	up, addr, err := r.stand(ctx, role, args...)
	if err != nil {
		return sv, err
	}
	sv.onClose(up.Kill)
	sv.upstream = addr
	if sv.apiAddr, err = testserver.FreeAddr(ctx); err != nil {
		return sv, err
	}
	if sv.workerAddr, err = testserver.FreeAddr(ctx); err != nil {
		return sv, err
	}
	sv.config, err = sv.writeConfig()
	return sv, err
}

func (s *service) onClose(f func()) { s.closers = append(s.closers, f) }

// close ends everything, the programs first.
func (s *service) close() {
	for _, end := range slices.Backward(s.closers) {
		end()
	}
}

// startAPI starts cmd/api and gives the time to its first ready answer.
func (s *service) startAPI(ctx context.Context) (ready time.Duration, err error) {
	if s.api, err = s.rig.program(ctx, "api", s.config, ""); err != nil {
		return 0, err
	}
	s.onClose(func() { s.rig.end(s.api) })
	return s.api.AwaitOK(ctx, "http://"+s.apiAddr+"/readyz")
}

// startWorker does the same for cmd/worker.
func (s *service) startWorker(ctx context.Context) (ready time.Duration, err error) {
	if s.worker, err = s.rig.program(ctx, "worker", s.config, ""); err != nil {
		return 0, err
	}
	s.onClose(func() { s.rig.end(s.worker) })
	return s.worker.AwaitOK(ctx, "http://"+s.workerAddr+"/readyz")
}

// writeConfig writes the programs' settings. What is not about addresses or the
// pool stays at its default, the log included.
func (s *service) writeConfig() (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "server: {addr: %q}\nworker: {addr: %q}\nredis: {url: %q}\n", s.apiAddr, s.workerAddr, s.redis.URL)
	fmt.Fprintf(&b, "auth:\n  pass_through: false\n  allow_pooled: always\n  keys:\n")
	for i := range max(1, s.settings.tenants) {
		fmt.Fprintf(&b, "    - {name: tenant-%d, key: %s}\n", i, tenantKey(i))
	}
	if err := s.writeStorage(&b); err != nil {
		return "", err
	}
	if p := s.settings.poll; p > 0 {
		fmt.Fprintf(&b, "video: {poll: {first: %s, interval: %s, growth: 1, max_interval: %s}}\n", p, p, p)
	}
	fmt.Fprintf(&b, "upstreams:\n  - name: ark\n    base_url: \"http://%s/api/v3\"\n    allow_private: true\n    accounts:\n", s.upstream)
	for i := range max(1, s.settings.accounts) {
		fmt.Fprintf(&b, "      - {id: bench-%d, key: sim-bench-%d, max_in_flight: %d}\n", i, i, mostInFlight)
	}
	file, err := os.CreateTemp(s.rig.dir, "settings-*.yaml")
	if err != nil {
		return "", err
	}
	_, err = file.WriteString(b.String())
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return filepath.Clean(file.Name()), err
}

// tenantKey is a tenant's key.
func tenantKey(i int) string { return fmt.Sprintf("tt_bench-tenant-%04d", i) }

func (s *service) writeStorage(b *strings.Builder) error {
	if !s.settings.files {
		fmt.Fprintf(b, "storage:\n  driver: s3\n  s3: {endpoint: %q, bucket: %q, region: %q, path_style: true, access_key_id: %q, secret_access_key: %q}\n",
			s.s3.Endpoint, s.s3.Bucket, s.s3.Region, s.s3.AccessKey, s.s3.SecretKey)
		return nil
	}
	dir, err := os.MkdirTemp(s.rig.dir, "media-")
	fmt.Fprintf(b, "storage: {driver: file, file: {dir: %q}}\n", dir)
	return err
}
