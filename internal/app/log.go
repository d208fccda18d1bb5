package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/tintypehq/tintype/internal/config"
	"github.com/tintypehq/tintype/internal/telemetry"
)

// newLog makes the logger of a program. Its level is what level says at the time.
func newLog(c config.Log, level slog.Leveler, w io.Writer, program string) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: readable}
	var h slog.Handler = slog.NewJSONHandler(w, opts)
	if c.Format == config.FormatText {
		h = slog.NewTextHandler(w, opts)
	}
	return slog.New(telemetry.Logs(h)).With("program", program)
}

// readable writes durations as text and errors as their whole text.
func readable(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		return slog.String(a.Key, a.Value.Duration().Round(time.Microsecond).String())
	}
	return a
}

// redisLog hands the Redis client's own lines to our log. What matters of them
// comes back to us as errors, so that they are for debugging alone.
type redisLog struct{ log *slog.Logger }

// Printf is what the client calls.
func (l redisLog) Printf(ctx context.Context, format string, v ...any) {
	l.log.LogAttrs(ctx, slog.LevelDebug, "redis", slog.String("text", fmt.Sprintf(format, v...)))
}
