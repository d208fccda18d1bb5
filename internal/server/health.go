package server

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tintypehq/tintype/internal/blob"
)

// healthz says that the process lives. It looks at nothing else: a restart
// would not mend Redis.
func (s *Server) healthz(c echo.Context) error {
	s.writeJSON(c, http.StatusOK, map[string]string{"status": "ok", "version": s.cfg.Version})
	return nil
}

// readiness is what /readyz says, for an operator: which part is away, not why.
type readiness struct {
	Status string `json:"status"` // "ready" or "not_ready"
	Redis  string `json:"redis,omitempty"`
	Bucket string `json:"bucket,omitempty"`
	Server string `json:"server,omitempty"`
}

// readyz says whether calls should be sent here. A process that has never met its
// bucket is not ready, so that a roll-out with a wrong setting stops; of one that has, a
// bucket that is away makes a ready one with less to give: all processes share it, and
// without any of them nobody could ask, wait, or be told what is the matter.
func (s *Server) readyz(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), healthPatience)
	defer cancel()
	is := readiness{Status: "ready"}
	status := http.StatusOK
	down := func() { is.Status, status = "not_ready", http.StatusServiceUnavailable }
	if s.stopping.Load() {
		is.Server = "stopping"
		down()
	}
	if err := s.cfg.Store.Ping(ctx); err != nil {
		is.Redis = "unreachable"
		down()
		s.cfg.Log.WarnContext(ctx, "not ready", "part", "redis", "err", err)
	}
	if met, err := s.bucket.ok(ctx); err != nil {
		is.Bucket = "unreachable"
		if met {
			s.cfg.Log.WarnContext(ctx, "ready, but the bucket is away", "err", err)
		} else {
			down()
			s.cfg.Log.WarnContext(ctx, "not ready", "part", "bucket", "err", err)
		}
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	s.writeJSON(c, status, is)
	return nil
}

// bucketCheck remembers how the bucket was, since a look at it writes a probe
// object. Safe for concurrent use: one caller looks, the others wait for it.
type bucketCheck struct {
	check func(context.Context) error
	up    *prometheus.GaugeVec // without labels; 1 is there

	mu  sync.Mutex
	at  time.Time
	met bool // it was there once
	err error
}

// How long the parts may take to say that they are there. The bucket takes a second more
// where what a look has written must be removed, and those who ask wait for 4 s.
const (
	healthPatience = 3 * time.Second
	bucketPatience = 2 * time.Second
)

// How long a look at the bucket holds.
const (
	bucketGood = 30 * time.Second
	bucketBad  = 3 * time.Second
)

func (b *bucketCheck) ok(ctx context.Context) (met bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	holds := bucketGood
	if b.err != nil {
		holds = bucketBad
	}
	if b.at.IsZero() || time.Since(b.at) > holds {
		b.err = b.look(ctx)
		b.at = time.Now()
		up := 0.0
		if b.err == nil {
			up, b.met = 1, true
		}
		b.up.WithLabelValues().Set(up)
	}
	return b.met, b.err
}

// look takes its own time: a prober that does not wait must not leave a failure
// behind for the others.
func (b *bucketCheck) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bucketPatience)
	defer cancel()
	if err := b.check(ctx); !errors.Is(err, blob.ErrUnproven) {
		return err
	}
	return nil
}
