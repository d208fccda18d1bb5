package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// Headers by which callers say that a request is one they have sent before.
const (
	headerIdempotencyKey = "Idempotency-Key"
	headerReplayed       = "Idempotency-Replayed"

	// headerRetryCount is what the SDKs of OpenAI send with their own retries,
	// from 1; with a first try they send 0.
	headerRetryCount = "X-Stainless-Retry-Count"
)

// maxKeyBytes is how long an idempotency key may be.
const maxKeyBytes = 255

// readKey reads the idempotency key, with or without the quotes that the draft
// standard has around it; "" if there is none.
func readKey(h http.Header) (string, error) {
	values := h.Values(headerIdempotencyKey)
	if len(values) == 0 {
		return "", nil
	}
	key := strings.TrimSpace(values[0])
	if inner, quoted := strings.CutPrefix(key, `"`); quoted {
		inner, quoted = strings.CutSuffix(inner, `"`)
		if !quoted {
			return "", badKey("has a quote at its beginning and none at its end.")
		}
		key = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(inner)
	}
	switch {
	case len(values) > 1:
		return "", badKey("sent more than once.")
	case key == "":
		return "", badKey("is empty. Send a fresh random value with each new request, or leave the header out.")
	case len(key) > maxKeyBytes:
		return "", badKey("is longer than " + strconv.Itoa(maxKeyBytes) + " bytes.")
	case strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }):
		return "", badKey("must be of printable ASCII characters.")
	}
	return key, nil
}

func badKey(what string) error {
	return fault.New(fault.Invalid, headerIdempotencyKey+": "+what).WithParam(headerIdempotencyKey)
}

// once tells a repeated request from a new one.
func (s *Server) once(c echo.Context, who caller, body fields) (redisstore.Once, error) {
	h := c.Request().Header
	key, err := readKey(h)
	if err != nil {
		return redisstore.Once{}, err
	}
	count, _ := strconv.Atoi(h.Get(headerRetryCount)) // anything else is no retry
	o := redisstore.Once{Repeats: count > 0, KeyFor: s.cfg.Jobs.KeyRetention, BodyFor: max(0, s.cfg.Jobs.Absorb)}
	if key != "" {
		o.Key = s.digest("key", who, c.Path(), func(h hash.Hash) { writeText(h, key) })
	}
	if key != "" || o.BodyFor > 0 {
		o.Body = s.digest("body", who, c.Path(), func(h hash.Hash) { writeObject(h, body, deliveryFields) })
	}
	return o, nil
}

// deliveryFields are those of a request that only choose how its answer comes:
// who repeats a request may have it in another way.
var deliveryFields = []string{"stream", "response_format", "on_disconnect"}

// digest stands for a part of a tenant's request to a path. Where there is a
// secret, nobody can tell from it what it is of.
func (s *Server) digest(purpose string, who caller, path string, write func(hash.Hash)) string {
	mac := hmac.New(sha256.New, s.cfg.Auth.DigestSecret)
	for _, part := range []string{purpose, who.tenant, path} {
		writeText(mac, part)
	}
	write(mac)
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// The following write JSON so that two texts of the same value write the same:
// whatever their order, white space, escapes and spelling of numbers.

// writeText writes a string that cannot run into what follows it.
func writeText(h hash.Hash, s string) {
	_, _ = h.Write(binary.AppendUvarint([]byte{'s'}, uint64(len(s)))) // a hash never fails
	_, _ = h.Write([]byte(s))
}

// writeObject writes an object but for some of its fields; null is as good as
// absent.
func writeObject(h hash.Hash, object fields, without []string) {
	_, _ = h.Write([]byte{'{'})
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if object.missing(name) || slices.Contains(without, name) {
			continue
		}
		writeText(h, name)
		writeValue(h, object[name])
	}
	_, _ = h.Write([]byte{'}'})
}

func writeValue(h hash.Hash, raw json.RawMessage) {
	switch raw[0] {
	case '{':
		var object fields
		_ = json.Unmarshal(raw, &object) // it was read once as a part of the body
		writeObject(h, object, nil)
	case '[':
		var list []json.RawMessage
		_ = json.Unmarshal(raw, &list)
		_, _ = h.Write(binary.AppendUvarint([]byte{'['}, uint64(len(list))))
		for _, v := range list {
			writeValue(h, v)
		}
	case '"':
		var text string
		_ = json.Unmarshal(raw, &text)
		writeText(h, text)
	case 't', 'f', 'n':
		_, _ = h.Write(raw[:1])
	default:
		writeNumber(h, string(raw))
	}
}

func writeNumber(h hash.Hash, s string) {
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		s = strconv.FormatFloat(f, 'g', -1, 64)
	}
	_, _ = h.Write([]byte{'#'})
	writeText(h, s)
}

// attach finds the job of the request that this one repeats; nil if it is new.
// It comes before everything that a repeat must not depend on: an image's link
// may have expired meanwhile, a credential have died.
func (s *Server) attach(ctx context.Context, once redisstore.Once) (*job.Job, error) {
	taken, err := s.cfg.Store.Repeated(ctx, once)
	if taken == nil {
		return nil, err
	}
	return s.takenJob(ctx, once, taken)
}

// takenJob gives the job of an earlier request.
func (s *Server) takenJob(ctx context.Context, once redisstore.Once, taken *redisstore.TakenError) (*job.Job, error) {
	if !taken.Same {
		return nil, fault.New(fault.KeyReuse, "Idempotency-Key: this key was sent before with another request. Send a fresh one with each new request.").WithParam(headerIdempotencyKey)
	}
	j, err := s.load(ctx, taken.Job)
	if fault.Is(err, fault.NotFound) {
		// The key outlives the job, or the store has lost it. Making another one
		// could be the second time that it is paid for.
		return nil, fault.Newf(fault.NotFound, "This request was made before, as job %s, which is no longer kept. Send a fresh Idempotency-Key to make it again.", taken.Job).WithParam(headerIdempotencyKey)
	}
	if err != nil {
		return nil, err
	}
	by := "retry"
	if once.Key != "" {
		by = "key"
	}
	s.metrics.attached.WithLabelValues(by).Inc()
	return j, nil
}

// takenIn gives the earlier request that Accept has met; nil if its error is
// another.
func takenIn(err error) *redisstore.TakenError {
	taken, _ := errors.AsType[*redisstore.TakenError](err)
	return taken
}
