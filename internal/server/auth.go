package server

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/tintypehq/tintype/internal/account"
	"github.com/tintypehq/tintype/internal/fault"
	"github.com/tintypehq/tintype/internal/job"
	"github.com/tintypehq/tintype/internal/redisstore"
)

// Auth says who may call and with what.
type Auth struct {
	// Keys are the gateway keys: our own credentials, which use the pool.
	Keys []GatewayKey

	// AllowPooled opens the pool to whoever sends the word "pooled". The
	// setting auth.allow_pooled.
	AllowPooled bool

	// PassThrough takes any other credential for the caller's own at the
	// upstream. The setting auth.pass_through.
	PassThrough bool

	// TenantSecret keys the HMAC that stands for a caller's own credential
	// wherever a name is needed. At least 16 bytes; the same in every process.
	TenantSecret []byte
}

// GatewayKey is one of our own credentials. We know only its digest.
type GatewayKey struct {
	Name   string            // of its tenant; unique
	SHA256 [sha256.Size]byte // of the whole key
	Mode   WaitMode          // for its blocking calls; empty: the server's
	Scopes []Scope           // what it may do; empty: generate and read

	Priority job.Priority            // of its jobs; empty: normal
	Limits   redisstore.TenantLimits // zero values: those of all tenants
}

// Scope is one thing that a credential may do. None includes another.
type Scope string

// The scopes. Callers without a gateway key have the first two.
const (
	ScopeGenerate Scope = "generate" // have media and chat made, and stop that
	ScopeRead     Scope = "read"     // see one's jobs, their events, the models
	ScopeAdmin    Scope = "admin"    // see and change what is not one's own
)

// usualScopes are those of a caller of whom nothing else is said.
var usualScopes = []Scope{ScopeGenerate, ScopeRead}

// The credentials with a meaning of their own.
const (
	pooledWord       = "pooled"
	gatewayKeyPrefix = "tt_"
)

// maxCredential is more than any known upstream's credential needs; session
// cookies are the longest.
const maxCredential = 8 << 10

// ownMaxInFlight is how many jobs of one credential of a caller's own run at
// once, where nothing else is configured.
const ownMaxInFlight = 2

// caller is who asks.
type caller struct {
	tenant string         // the jobs of other tenants do not exist for it
	mode   WaitMode       // of its blocking calls; empty: the server's
	scopes []Scope        // what it may do
	own    account.Secret // its own credential at the upstream; zero: it uses the pool

	priority job.Priority // of its jobs; empty: normal
	limits   redisstore.TenantLimits
}

// authenticate tells who asks, or refuses: whom nobody knows, and whom the
// scope is missing that the call needs.
func (s *Server) authenticate(c echo.Context, needs Scope) (caller, error) {
	credential, err := bearer(c.Request().Header.Values(echo.HeaderAuthorization))
	if err != nil {
		return caller{}, err
	}
	who, err := s.identify(credential)
	if err == nil && !slices.Contains(who.scopes, needs) {
		err = fault.Newf(fault.PermissionDenied, "Authorization: this call needs the scope %q, which this gateway key does not have (setting auth.keys[].scopes).", needs).WithParam("Authorization")
	}
	return who, err
}

// identify tells whose a credential is.
func (s *Server) identify(credential string) (caller, error) {
	if key := s.gatewayKey(credential); key != nil {
		return caller{tenant: "key:" + key.Name, mode: key.Mode, scopes: key.scopes(), priority: key.Priority, limits: key.Limits}, nil
	}
	auth := s.cfg.Auth
	switch {
	case credential == pooledWord && auth.AllowPooled:
		return caller{tenant: pooledWord, scopes: usualScopes}, nil
	case credential == pooledWord:
		return caller{}, fault.New(fault.PermissionDenied, "Authorization: this server does not take \"Bearer pooled\" (setting auth.allow_pooled, whose auto wants server.addr on loopback, no server.public_url and no server.trust_forwarded). Use a gateway key.").WithParam("Authorization")
	case strings.HasPrefix(credential, gatewayKeyPrefix):
		return caller{}, unauthenticated("this gateway key is not known here.")
	case !auth.PassThrough:
		return caller{}, unauthenticated("this server takes gateway keys only (setting auth.pass_through).")
	}
	return caller{tenant: "own:" + s.nameOf("tenant", credential), own: account.NewSecret(credential), scopes: usualScopes}, nil
}

func (k *GatewayKey) scopes() []Scope {
	if len(k.Scopes) == 0 {
		return usualScopes
	}
	return k.Scopes
}

// bearer takes the credential out of the Authorization headers.
func bearer(values []string) (string, error) {
	if len(values) == 0 || strings.TrimSpace(values[0]) == "" {
		return "", unauthenticated("missing. Send \"Authorization: Bearer <credential>\".")
	}
	if len(values) > 1 {
		return "", unauthenticated("sent more than once.")
	}
	scheme, credential, _ := strings.Cut(strings.TrimSpace(values[0]), " ")
	credential = strings.TrimSpace(credential)
	if !strings.EqualFold(scheme, "Bearer") || credential == "" || len(credential) > maxCredential || strings.ContainsFunc(credential, notVisible) {
		return "", unauthenticated("must be \"Bearer <credential>\".")
	}
	return credential, nil
}

func notVisible(r rune) bool { return r <= ' ' || r > '~' }

func unauthenticated(what string) error {
	return fault.New(fault.Unauthenticated, "Authorization: "+what).WithParam("Authorization")
}

// gatewayKey finds the key, looking at all of them however early one matches.
func (s *Server) gatewayKey(credential string) *GatewayKey {
	sum := sha256.Sum256([]byte(credential))
	var found *GatewayKey
	for i := range s.cfg.Auth.Keys {
		if subtle.ConstantTimeCompare(sum[:], s.cfg.Auth.Keys[i].SHA256[:]) == 1 {
			found = &s.cfg.Auth.Keys[i]
		}
	}
	return found
}

// nameOf gives a name that stands for a credential and does not reveal it.
// Names for different purposes are unrelated.
func (s *Server) nameOf(purpose, credential string) string {
	mac := hmac.New(sha256.New, s.cfg.Auth.TenantSecret)
	mac.Write([]byte(purpose + "\x00" + credential))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// ownAccount is the caller's own credential as an account of an upstream; nil
// if the caller uses the pool.
func (s *Server) ownAccount(who caller, upstreamName string) *account.Account {
	if who.own.IsZero() {
		return nil
	}
	return &account.Account{
		ID:          "own-" + s.nameOf("account/"+upstreamName, who.own.Reveal()),
		Upstream:    upstreamName,
		Secret:      who.own,
		MaxInFlight: cmp.Or(s.cfg.PassThroughMaxInFlight[upstreamName], ownMaxInFlight),
		Ephemeral:   true,
	}
}
