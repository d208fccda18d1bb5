package server

import (
	"encoding/json"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
)

// keepFor is how long after its end a job and its media are kept: as the request
// wishes, within the operator's bounds. "expires_after" is a number of seconds,
// bare or as OpenAI has it on files; "store": false is the shortest time there
// is, since a result that nobody could fetch would be lost.
func (s *Server) keepFor(f fields) (time.Duration, error) {
	store, err := f.flag("store")
	if err != nil {
		return 0, err
	}
	given := !f.missing("store")
	seconds, err := expiresAfter(f)
	least, most := s.cfg.Jobs.LeastRetention, s.cfg.Jobs.MostRetention
	switch {
	case err != nil:
		return 0, err
	case given && !store && seconds != nil:
		return 0, fault.New(fault.Invalid, "expires_after: says something else than \"store\": false. Leave one of the two fields out.").WithParam("expires_after")
	case given && !store:
		return least, nil
	case seconds == nil:
		return s.cfg.Jobs.Retention, nil
	}
	if *seconds < int64(least.Seconds()) || *seconds > int64(most.Seconds()) {
		return 0, fault.Newf(fault.Invalid, "expires_after: must be from %d to %d seconds, counted from the job's end (settings retention.min and retention.max).",
			int64(least.Seconds()), int64(most.Seconds())).WithParam("expires_after")
	}
	return time.Duration(*seconds) * time.Second, nil
}

// expiresAfter reads the number; nil if there is none.
func expiresAfter(f fields) (*int64, error) {
	const name = "expires_after"
	if f.missing(name) {
		return nil, nil //nolint:nilnil // no wish is an answer, not an error
	}
	inner := fields{name: f[name]}
	if kindOf(f[name]) == "an object" {
		var object struct {
			Anchor  string          `json:"anchor"`
			Seconds json.RawMessage `json:"seconds"`
		}
		if json.Unmarshal(f[name], &object) != nil || len(object.Seconds) == 0 {
			return nil, fault.New(fault.Invalid, `expires_after: must be a number of seconds, or {"anchor": "finished_at", "seconds": 86400}.`).WithParam(name)
		}
		if object.Anchor != "" && object.Anchor != "finished_at" {
			return nil, fault.Newf(fault.Invalid, "expires_after.anchor: %q is not known. Allowed: finished_at. A job is kept from its end on.", clip(object.Anchor)).WithParam("expires_after.anchor")
		}
		inner[name] = object.Seconds
	}
	n, _, err := inner.whole(name)
	return &n, err
}
