package testserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// RedisServer is a redis-server that writes every command to its append-only
// file before it answers, as the service asks of the one in production: what
// was acknowledged is there again after Kill9 and Restart.
type RedisServer struct {
	*Process

	Addr   string // "127.0.0.1:port"
	URL    string // "redis://127.0.0.1:port/0"
	Socket string // path of its Unix socket; the same server
}

// StartRedis starts a redis-server; the caller closes it. ctx bounds the start
// only. args are added to the command line and win over what stands there.
func StartRedis(ctx context.Context, args ...string) (*RedisServer, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errors.New("redis-server is not on the PATH: run `make setup-test`, or `apt-get install redis-server`")
	}
	dir, err := newDir()
	if err != nil {
		return nil, err
	}
	var s *RedisServer
	err = onFreePort(ctx, func(addr string) error {
		s = newRedis(path, dir, addr, args)
		return s.start(ctx)
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func newRedis(path, dir, addr string, extra []string) *RedisServer {
	host, port, _ := strings.Cut(addr, ":")
	s := &RedisServer{
		Addr:   addr,
		URL:    "redis://" + addr + "/0",
		Socket: filepath.Join(dir, "redis.sock"),
	}
	s.Process = &Process{
		Dir: dir, name: "redis-server", path: path, env: []string{"LC_ALL=C"}, ready: s.ping,
		args: append([]string{
			"--bind", host, "--port", port, "--unixsocket", s.Socket, "--dir", dir, "--daemonize", "no",
			"--save", "", "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction",
		}, extra...),
	}
	return s
}

// ping asks over the Unix socket, which nobody else's server can answer and
// which Redis opens only when it has the port. A server that asks for a
// password is up; one that still loads its data is not.
func (s *RedisServer) ping(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", s.Socket)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(readyWithin)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	if strings.HasPrefix(answer, "+PONG") || strings.HasPrefix(answer, "-NOAUTH") {
		return nil
	}
	return fmt.Errorf("PING was answered with %q", answer)
}

// aofDir is where Redis 7 keeps its append-only file, below its directory.
const aofDir = "appendonlydir"

// Backup copies what the server has acknowledged until now into a directory
// that is not there yet. The server stands still meanwhile.
func (s *RedisServer) Backup(dir string) error {
	if err := s.Stop(); err != nil {
		return err
	}
	return errors.Join(os.CopyFS(dir, os.DirFS(filepath.Join(s.Dir, aofDir))), s.Cont())
}

// RollBack kills the server and starts it again with what it had at the time of
// a backup: everything that it has acknowledged since is lost.
func (s *RedisServer) RollBack(ctx context.Context, dir string) error {
	if err := s.Kill9(); err != nil {
		return err
	}
	now := filepath.Join(s.Dir, aofDir)
	if err := errors.Join(os.RemoveAll(now), os.CopyFS(now, os.DirFS(dir))); err != nil {
		return err
	}
	return s.Restart(ctx)
}
