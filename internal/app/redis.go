package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/tintypehq/tintype/internal/config"
)

// openRedis makes the client of the configured Redis, or starts one inside of
// this process. It opens no connection to a configured one.
func openRedis(c config.Redis) (redis.UniversalClient, func(), error) {
	if c.Embedded() {
		return embeddedRedis()
	}
	tlsConfig, err := redisTLS(c.TLS)
	if err != nil {
		return nil, nil, err
	}
	opts, err := redisOptions(c, tlsConfig)
	if err != nil {
		return nil, nil, err
	}
	client := redis.NewUniversalClient(opts)
	return client, func() { _ = client.Close() }, nil
}

// leastPool is how many connections a process may open even on few CPUs. Redis
// writes its file once for all commands that came together, so more of them at
// a time are served faster; see redis.pool_size.
const leastPool = 64

// redisOptions joins the URL with the settings beside it.
func redisOptions(c config.Redis, tlsConfig *tls.Config) (*redis.UniversalOptions, error) {
	o := &redis.UniversalOptions{
		DB: c.DB, Username: c.Username, Password: c.Password.Reveal(), PoolSize: cmp.Or(c.PoolSize, max(leastPool, 10*runtime.GOMAXPROCS(0))),
		ContextTimeoutEnabled: true, // else a context does not end a blocking read
		TLSConfig:             tlsConfig,
	}
	if c.Sentinel.Master != "" {
		o.MasterName, o.Addrs, o.SentinelPassword = c.Sentinel.Master, c.Sentinel.Addrs, c.Sentinel.Password.Reveal()
		return o, nil
	}
	u, err := redis.ParseURL(c.URL.Reveal())
	if err != nil {
		return nil, errors.New("redis.url: not a Redis URL (redis://, rediss:// or unix://)") // the cause quotes its password
	}
	o.Addrs = []string{u.Addr} // a path for unix://, which the client knows by its first slash
	o.Username, o.Password, o.DB = cmp.Or(o.Username, u.Username), cmp.Or(o.Password, u.Password), cmp.Or(o.DB, u.DB)
	if u.TLSConfig == nil {
		o.TLSConfig = nil
	} else if tlsConfig == nil {
		o.TLSConfig = u.TLSConfig
	}
	return o, nil
}

// redisTLS reads the certificates; nil if nothing is set.
func redisTLS(c config.RedisTLS) (*tls.Config, error) {
	if c == (config.RedisTLS{}) {
		return nil, nil //nolint:nilnil // no TLS settings is an answer, not an error
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("redis.tls.ca_file: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("redis.tls.ca_file: no certificate in the file")
		}
	}
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("redis.tls.cert_file: %w", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}

// embeddedRedis starts a Redis in this process's memory. Its clock stands still
// by itself as far as expiry goes, so it is moved on each second.
func embeddedRedis() (redis.UniversalClient, func(), error) {
	m := miniredis.NewMiniRedis()
	if err := m.Start(); err != nil {
		return nil, nil, fmt.Errorf("the embedded Redis cannot start: %w", err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				m.FastForward(time.Second)
			}
		}
	}()
	client := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{m.Addr()}, ContextTimeoutEnabled: true})
	return client, func() {
		close(stop)
		<-stopped
		_ = client.Close()
		m.Close()
	}, nil
}

// durability gives what is wrong with a Redis for keeping promises over its
// own crash. A Redis that does not tell its settings is believed.
func durability(ctx context.Context, rdb redis.UniversalClient) []string {
	want := []struct{ setting, value, why string }{
		{"maxmemory-policy", "noeviction", "jobs may be evicted"},
		{"appendonly", "yes", "jobs are lost when Redis restarts"},
		{"appendfsync", "always", "the last second of jobs may be lost when its machine crashes"},
	}
	var wrong []string
	for _, w := range want {
		got, err := rdb.ConfigGet(ctx, w.setting).Result()
		if err == nil && got[w.setting] != "" && got[w.setting] != w.value {
			wrong = append(wrong, fmt.Sprintf("%s is %s, not %s: %s", w.setting, got[w.setting], w.value, w.why))
		}
	}
	return wrong
}
