package server

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tintypehq/tintype/internal/fault"
)

// preference is what a caller asks for with the Prefer header (RFC 7240).
type preference struct {
	async bool          // respond-async: 202 rather than a long wait
	wait  time.Duration // how long a wait it would take; zero: not said
}

// given tells whether the caller has any wish that this server knows.
func (p preference) given() bool { return p.async || p.wait > 0 }

// readPreference reads all Prefer headers. Preferences that this server does
// not know are passed over, as the RFC wants; of one that is there twice the
// first counts.
func readPreference(h http.Header, longest time.Duration) (preference, error) {
	most := int(longest.Seconds())
	var p preference
	for _, line := range h.Values("Prefer") {
		for part := range strings.SplitSeq(line, ",") {
			part, _, _ = strings.Cut(part, ";") // parameters of a preference: none of ours has any
			name, value, _ := strings.Cut(part, "=")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "respond-async":
				p.async = true
			case "wait":
				if p.wait > 0 {
					continue
				}
				n, err := strconv.Atoi(strings.Trim(strings.TrimSpace(value), `"`))
				if err != nil || n < 1 || n > most {
					return p, fault.Newf(fault.Invalid, "Prefer: wait must be a whole number of seconds from 1 to %d.", most).WithParam("Prefer")
				}
				p.wait = time.Duration(n) * time.Second
			}
		}
	}
	return p, nil
}

// applied is the value of Preference-Applied.
func (p preference) applied() string {
	var said []string
	if p.async {
		said = append(said, "respond-async")
	}
	if p.wait > 0 {
		said = append(said, "wait="+strconv.Itoa(int(p.wait.Seconds())))
	}
	return strings.Join(said, ", ")
}
