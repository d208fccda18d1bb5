package config

import "time"

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

func (l *loader) checkLimits() {
	m := l.cfg.Limits
	if m.BodyBudget < 2*m.Body {
		l.report("limits.body_budget", "must be at least twice limits.body, which is %s; is %s", m.Body, m.BodyBudget)
	}
	if m.Connections < m.WaitingPerProcess {
		l.report("limits.connections", "must be at least limits.waiting_per_process, %d; is %d", m.WaitingPerProcess, m.Connections)
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
}

// checkRetention: what is kept for less than retries are absorbed could be paid
// for twice.
func (l *loader) checkRetention() {
	r := l.cfg.Retention
	const leastJobs = time.Hour // less is reported by itself
	if r.Min > max(r.Jobs, leastJobs) {
		l.report("retention.min", "must not be longer than retention.jobs, %s; is %s", formatDuration(r.Jobs), formatDuration(r.Min))
	}
	if r.Min < r.Absorb {
		l.report("retention.min", "must be at least retention.absorb, %s; is %s", formatDuration(r.Absorb), formatDuration(r.Min))
	}
	if r.Max > 0 && r.Max < r.Jobs {
		l.report("retention.max", "must be at least retention.jobs, %s, or 0s for that; is %s", formatDuration(r.Jobs), formatDuration(r.Max))
	}
}

// checkRepeats: without absorbing, each return of a caller that was sent away by
// a 409 would be another job.
func (l *loader) checkRepeats() {
	if l.cfg.Retention.Absorb > 0 {
		return
	}
	const rule = "must not be window with retention.absorb 0s: every return of a caller would be paid anew"
	if l.cfg.Wait.Mode == Window {
		l.report("wait.mode", rule)
	}
	for i, k := range l.cfg.Auth.Keys {
		if k.WaitMode == Window {
			l.report(index("auth.keys", i)+".wait_mode", rule)
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
