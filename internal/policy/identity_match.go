package policy

import (
	"net/netip"
	"strings"

	"qmidle/internal/isakmp"
)

// IdentityMatch says which phase 1 identities are wanted of a peer.
type IdentityMatch struct {
	Type   isakmp.IDType // IDIPv4Addr, IDFQDN, IDUserFQDN or IDKeyID
	Prefix netip.Prefix  // of an address
	Name   string        // of the others
	Domain bool          // Name is a domain, and what is below it matches
}

// Exactly is nearer than any range of addresses and any domain, whose names have
// 255 octets at most.
const Exactly = 1000

// Matches says whether an identity is wanted, and how near the match is: of two
// that match one identity the greater is the more particular.
func (m IdentityMatch) Matches(i Identity) (near int, ok bool) {
	if i.Type != m.Type {
		return 0, false
	}
	switch {
	case m.Type == isakmp.IDIPv4Addr:
		a, valid := netip.AddrFromSlice([]byte(i.Data))
		return m.Prefix.Bits(), valid && m.Prefix.Contains(a)
	case m.Type == isakmp.IDKeyID:
		return Exactly, i.Data == m.Name
	case !m.Domain:
		return Exactly, sameName(i.Data, m.Name)
	}
	host := i.Data
	if m.Type == isakmp.IDUserFQDN {
		at := strings.LastIndexByte(host, '@')
		if at < 0 {
			return 0, false
		}
		host = host[at+1:]
	}
	return len(m.Name), within(host, m.Name)
}

// within says whether a host name is a domain's own or below it.
func within(host, domain string) bool {
	rest := len(host) - len(domain)
	if rest < 0 || !sameName(host[rest:], domain) {
		return false
	}
	return rest == 0 || host[rest-1] == '.'
}

// sameName compares names whatever the case of their letters. Of letters beyond
// ASCII none is another's case: names of hosts have none, and a peer must not
// pass for another by one that only looks like its.
func sameName(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
