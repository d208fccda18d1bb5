package config

import (
	"net/url"
	"strings"
	"time"
)

func (l *loader) checkServer() {
	s := l.cfg.Server
	l.checkAddr("server.addr", s.Addr)
	l.checkURL("server.public_url", s.PublicURL)
	for i, origin := range s.CORS.AllowedOrigins {
		path := index("server.cors.allowed_origins", i)
		if origin == "*" {
			continue
		}
		if u := l.checkURL(path, origin); origin == "" || u != nil && u.Path != "" {
			l.report(path, "must be * or an origin: scheme, host and port, such as https://app.example.com")
		}
	}
}

func (l *loader) checkWorker() {
	w := l.cfg.Worker
	l.checkAddr("worker.addr", w.Addr)
	if len(w.Roles) == 0 {
		l.report("worker.roles", "must name at least one stage")
	}
	stages := unique{}
	for i, stage := range w.Roles {
		stages.check(l, index("worker.roles", i), string(stage))
	}
	longest := max(l.cfg.Image.SubmitTimeout, l.cfg.Video.SubmitTimeout)
	if w.ShutdownGrace < longest {
		l.report("worker.shutdown_grace", "must be at least the longest submit_timeout, %s, or submissions that were paid for are cut off; is %s",
			formatDuration(longest), formatDuration(w.ShutdownGrace))
	}
	if w.SweepInterval > w.Lease {
		l.report("worker.sweep_interval", "must not be longer than worker.lease, %s; is %s", formatDuration(w.Lease), formatDuration(w.SweepInterval))
	}
}

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
	password, hasPassword := u.User.Password()
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
	switch {
	case tls && u.Scheme != "rediss":
		l.report("redis.tls", "has no effect on a URL without TLS: begin redis.url with rediss://")
	case hasPassword && password != "" && !r.Password.IsZero():
		l.report("redis.password", "is also in redis.url; leave one of them out")
	case database != "" && l.isSet("redis.db"):
		l.report("redis.db", "is also in redis.url; leave one of them out")
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

func (l *loader) checkTiming() {
	c := l.cfg
	if c.Image.SubmitTimeout > c.Image.Deadline {
		l.report("image.submit_timeout", "must not be longer than image.deadline, %s; is %s", formatDuration(c.Image.Deadline), formatDuration(c.Image.SubmitTimeout))
	}
	if c.Video.SubmitTimeout > c.Video.Deadline {
		l.report("video.submit_timeout", "must not be longer than video.deadline, %s; is %s", formatDuration(c.Video.Deadline), formatDuration(c.Video.SubmitTimeout))
	}
	if p := c.Video.Poll; p.MaxInterval < p.Interval {
		l.report("video.poll.max_interval", "must be at least video.poll.interval, %s; is %s", formatDuration(p.Interval), formatDuration(p.MaxInterval))
	}
	if longest := max(c.Image.Deadline, c.Video.Deadline); c.Retention.Jobs < longest {
		l.report("retention.jobs", "must be at least the longest deadline, %s; is %s", formatDuration(longest), formatDuration(c.Retention.Jobs))
	}
	for i, d := range c.Models {
		if d.Duration%time.Second != 0 {
			l.report(index("models", i)+".duration", "must be whole seconds")
		}
	}
}

func (l *loader) checkSim() {
	s := l.cfg.Sim
	l.checkAddr("sim.addr", s.Addr)
	if l.cfg.role.deployed() && s.Enabled {
		l.report("sim.enabled", "works only in `tintype run`; start `tintype sim` and set its address as an upstream's base_url")
	}
}
