package config

import (
	"net/url"
	"strings"
)

func (l *loader) checkRedis() {
	r := l.cfg.Redis
	if l.cfg.role.deployed() {
		l.require("redis.url", r.Embedded(), " (or redis.sentinel)")
	}
	tls := r.TLS != RedisTLS{}
	if !r.URL.IsZero() {
		l.checkRedisURL(r, tls)
	}
	if r.KeyTag == "" || len(r.KeyTag) > 32 || strings.Trim(r.KeyTag, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		l.report("redis.key_tag", "must be 1 to 32 letters, digits, - or _")
	}
	if (r.TLS.CertFile == "") != (r.TLS.KeyFile == "") {
		l.report("redis.tls.cert_file", "must be set together with redis.tls.key_file")
	}
	l.checkSentinel(r)
}

func (l *loader) checkRedisURL(r Redis, tls bool) {
	const path = "redis.url"
	u, err := url.Parse(r.URL.Reveal())
	if err != nil {
		l.report(path, "must be a URL; a password with special characters must be percent-encoded, or set as redis.password")
		return
	}
	database := strings.Trim(u.Path, "/")
	switch u.Scheme {
	case "redis", "rediss":
		if u.Host == "" {
			l.report(path, "must hold a host, such as redis://localhost:6379/0")
		}
		if strings.Trim(database, "0123456789") != "" {
			l.report(path, "must end with the number of the database, or without one: redis://localhost:6379/0")
		}
	case "unix":
		if u.Path == "" {
			l.report(path, "must hold the socket's path, such as unix:///run/redis.sock")
		}
		database = ""
	default:
		l.report(path, "must begin with redis://, rediss:// or unix://")
	}
	if tls && u.Scheme != "rediss" {
		l.report("redis.tls", "has no effect on a URL without TLS: begin redis.url with rediss://")
	}
	l.checkSaidTwice(r, u.User, database)
}

// checkSaidTwice reports what stands both in the URL and in a setting.
func (l *loader) checkSaidTwice(r Redis, user *url.Userinfo, database string) {
	const message = "is also in redis.url; leave one of them out"
	if user.Username() != "" && r.Username != "" {
		l.report("redis.username", message)
	}
	if password, _ := user.Password(); password != "" && !r.Password.IsZero() {
		l.report("redis.password", message)
	}
	if database != "" && l.isSet("redis.db") {
		l.report("redis.db", message)
	}
}

func (l *loader) checkSentinel(r Redis) {
	s := r.Sentinel
	if s.Master == "" {
		if len(s.Addrs) > 0 || !s.Password.IsZero() {
			l.require("redis.sentinel.master", true, " with redis.sentinel")
		}
		return
	}
	if !r.URL.IsZero() {
		l.report("redis.url", "must stay empty with redis.sentinel, which finds the address; redis.username, redis.password and redis.db say the rest")
	}
	l.require("redis.sentinel.addrs", len(s.Addrs) == 0, " with redis.sentinel.master")
	for i, addr := range s.Addrs {
		l.checkAddr(index("redis.sentinel.addrs", i), addr)
	}
}
