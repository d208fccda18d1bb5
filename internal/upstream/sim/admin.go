package sim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/tintypehq/tintype/internal/upstream/sim/faults"
)

// maxRuleBytes bounds the body of an admin request.
const maxRuleBytes = 1 << 20

// admin serves the routes under /_sim/, which need no key.
func (s *Simulator) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_sim/{$}", help)
	mux.HandleFunc("GET /_sim/ledger", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Ledger()) })
	mux.HandleFunc("DELETE /_sim/ledger", func(w http.ResponseWriter, _ *http.Request) {
		s.ResetLedger()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /_sim/faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.faults.Rules()) })
	mux.HandleFunc("POST /_sim/faults", s.postFault)
	mux.HandleFunc("DELETE /_sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func (s *Simulator) postFault(w http.ResponseWriter, r *http.Request) {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRuleBytes))
	d.DisallowUnknownFields()
	var rule Rule
	err := d.Decode(&rule)
	if err == nil {
		err = s.AddFault(rule)
	}
	if err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	writeJSON(w, http.StatusCreated, s.faults.Rules())
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller may have gone
}

const helpHead = `Tintype's simulator: an upstream to test against. It speaks Volcengine Ark under /api/v3, and
OpenAI's protocol with new-api's call for videos under /openai/v1, and that of Doubao's web
site under /doubaoweb, where the cookie sessionid is the key.

Keys: any that begins with "sim-" is valid; "sim-limited" is always answered 429 with
Retry-After; every other is answered 401.

Routes
  GET    /_sim/ledger   submissions, charges, polls, media reads, in-flight per key; a video
                        that is cancelled while it waits is not charged
  DELETE /_sim/ledger   forget them
  POST   /_sim/faults   {"match":"substring of the prompt, or *","fault":"500","op":"create","times":3,"skip":0,"accepted":false}
  GET    /_sim/faults   the rules, and how often each has hit
  DELETE /_sim/faults   remove them, and reset what tags have counted

Tags are words in a prompt: sim:NAME or sim:NAME=VALUE, and after that, joined by commas,
  times=N   only the first N times (counted per prompt at the submission, per task or media after it)
  skip=N    not the first N times
  on=OP     submit, create, chat, get, list, delete or media instead of the natural one
  accepted  carry the request out (and charge it) before the error answer
as in "a cat sim:429=3,times=2" or "a cat sim:500,on=get,skip=1". An unknown tag is answered 400.

`

// help describes the simulator to whoever opens it.
func help(w http.ResponseWriter, _ *http.Request) {
	var b strings.Builder
	b.WriteString(helpHead)
	for _, name := range faults.Names() {
		fmt.Fprintf(&b, "  sim:%-12s %s\n", name, faults.About(name))
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, b.String()) // the caller may have gone
}
