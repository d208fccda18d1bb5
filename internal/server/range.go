package server

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/tintypehq/tintype/internal/fault"
)

// byteSpan is the part of a file that is sent.
type byteSpan struct {
	first, length int64
	partial       bool
}

func (s byteSpan) contentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", s.first, s.first+s.length-1, size)
}

// rangeOf reads Range and If-Range. One range is served; several, other units
// and what cannot be read give the whole file, as the RFC allows. A range that
// lies behind the end is an error.
func rangeOf(h http.Header, tag, modified string, size int64) (byteSpan, error) {
	whole := byteSpan{length: size}
	spec, ok := strings.CutPrefix(h.Get("Range"), "bytes=")
	if !ok || strings.Contains(spec, ",") {
		return whole, nil
	}
	if cond := h.Get("If-Range"); cond != "" && cond != tag && (modified == "" || cond != modified) {
		return whole, nil
	}
	from, to, ok := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok {
		return whole, nil
	}
	first, last, ok := spanEnds(from, to, size)
	switch {
	case !ok:
		return whole, nil
	case first >= size || first > last:
		return whole, fault.Newf(fault.Invalid, "Range: the file has %d bytes.", size).WithParam("Range")
	}
	return byteSpan{first, last - first + 1, true}, nil
}

// spanEnds reads "first-last", "first-" and "-length".
func spanEnds(from, to string, size int64) (first, last int64, ok bool) {
	if from == "" {
		n, err := strconv.ParseInt(to, 10, 64)
		if err != nil || n < 0 {
			return 0, 0, false
		}
		return max(0, size-n), size - 1, true
	}
	first, err := strconv.ParseInt(from, 10, 64)
	if err != nil || first < 0 {
		return 0, 0, false
	}
	last = size - 1
	if to != "" {
		n, err := strconv.ParseInt(to, 10, 64)
		if err != nil || n < first {
			return 0, 0, false
		}
		last = min(last, n)
	}
	return first, last, true
}
