package fetch

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"syscall"

	"code.dny.dev/ssrf"
)

// guard decides which addresses may be reached.
type guard struct {
	public *ssrf.Guardian
	allow  []netip.Prefix
	only   bool // nothing but what is in allow
}

func newGuard(allow []netip.Prefix) guard {
	return guard{public: ssrf.New(ssrf.WithAnyPort()), allow: slices.Clone(allow)}
}

// control is a net.Dialer's Control: it sees each address right before the
// connection is made to it.
func (g guard) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return forbidden("not an address")
	}
	return g.check(to)
}

// check refuses an address that is neither public nor allowed by the operator.
func (g guard) check(to netip.AddrPort) error {
	addr := to.Addr().Unmap() // ::ffff:a.b.c.d is reached over IPv4
	if g.allowed(addr) {
		return nil
	}
	if g.only {
		return forbidden("the address is not one that was opened")
	}
	if err := g.public.SafeAddr(addr); err != nil {
		return &Error{Kind: ErrForbidden, Cause: err}
	}
	if p := to.Port(); p < 1024 && p != 80 && p != 443 {
		return &Error{Kind: ErrForbidden, Cause: ErrPort}
	}
	return nil
}

// allowed reports whether the operator opened the address.
func (g guard) allowed(addr netip.Addr) bool {
	in := func(p netip.Prefix) bool { return p.Contains(addr) }
	if !slices.ContainsFunc(g.allow, in) {
		return false
	}
	if !ssrf.IPv6NAT64Prefix.Contains(addr) {
		return true
	}
	b := addr.As16()
	behind := netip.AddrFrom4([4]byte(b[12:]))
	return g.allowed(behind) || g.public.SafeAddr(behind) == nil
}

// portOf gives the port that a URL leads to.
func portOf(u *url.URL) (uint16, error) {
	switch {
	case u.Port() != "":
		n, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil {
			return 0, forbidden("not a port")
		}
		return uint16(n), nil
	case u.Scheme == "http":
		return 80, nil
	}
	return 443, nil
}
