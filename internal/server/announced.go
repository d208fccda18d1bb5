package server

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
)

// What OpenAI's SDKs say of how long they wait.
const (
	headerSDKTimeout     = "X-Stainless-Timeout"      // until the answer is there, in seconds
	headerSDKReadTimeout = "X-Stainless-Read-Timeout" // of a silence, in seconds
	headerSDKLang        = "X-Stainless-Lang"
)

// patience is how long a caller has announced to wait, less a margin for the way.
// Zero: it has not said.
type patience struct {
	since  time.Time     // when it came
	whole  time.Duration // for all of the answer
	silent time.Duration // for the next byte of it
}

// readPatience reads what the SDKs announce. The one for JavaScript waits so long
// for the head of an answer alone, as its timer ends there.
func readPatience(c echo.Context) patience {
	h := c.Request().Header
	p := patience{since: began(c), whole: announced(h, headerSDKTimeout), silent: announced(h, headerSDKReadTimeout)}
	if h.Get(headerSDKLang) == "js" {
		p.whole, p.silent = 0, shorter(p.whole, p.silent)
	}
	return p
}

// announced reads seconds. What cannot be read is passed over: a library has
// written it, not the caller.
func announced(h http.Header, name string) time.Duration {
	const longest = 24 * 60 * 60
	seconds, err := strconv.ParseFloat(h.Get(name), 64)
	if err != nil || math.IsNaN(seconds) || seconds <= 0 || seconds > longest {
		return 0
	}
	d := time.Duration(seconds * float64(time.Second))
	return d - min(d/10, 5*time.Second)
}

// shorter gives the shorter of two times of which zero is none.
func shorter(a, b time.Duration) time.Duration {
	if a <= 0 || b > 0 && b < a {
		return b
	}
	return a
}

// quiet is how long an answer may stay silent.
func (p patience) quiet() time.Duration { return shorter(p.whole, p.silent) }

// within gives the earlier of a time and the end of a part of the patience.
func (p patience) within(limit time.Time, d time.Duration) time.Time {
	if d <= 0 {
		return limit
	}
	return earliest(limit, p.since.Add(d))
}

// bound shortens what a caller wants to wait to what it can, and gives the end of it.
func (p patience) bound(wish *preference) time.Time {
	quiet := p.quiet()
	if wish.wait > 0 && quiet > 0 {
		wish.wait = min(wish.wait, max(quiet.Truncate(time.Second), time.Second))
	}
	return p.within(time.Now().Add(wish.wait), quiet)
}
