package diagnose

import (
	"net/netip"
	"strconv"
	"strings"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// pairOf names the traffic between two proxies, this side's first: as in
// "192.168.2.0/24 - 192.168.3.0/24 tcp port 80".
func pairOf(local, remote trace.Proxy) string {
	if !local.Lo.IsValid() || !remote.Lo.IsValid() {
		return ""
	}
	return proxyWords(local) + " - " + proxyWords(remote)
}

func proxyWords(p trace.Proxy) string {
	words := rangeWords(p.Lo, p.Hi)
	switch p.Protocol {
	case 0:
		return words
	case 1:
		words += " icmp"
	case 6:
		words += " tcp"
	case 17:
		words += " udp"
	case 47:
		words += " gre"
	default:
		words += " protocol " + strconv.Itoa(int(p.Protocol))
	}
	if p.Port != 0 {
		words += " port " + strconv.Itoa(int(p.Port))
	}
	return words
}

// rangeWords is a prefix where the addresses are one.
func rangeWords(lo, hi netip.Addr) string {
	if !hi.IsValid() || lo == hi {
		return lo.String()
	}
	for bits := range lo.BitLen() + 1 {
		if p, err := lo.Prefix(bits); err == nil && p.Addr() == lo && lastOf(p) == hi {
			return p.String()
		}
	}
	return lo.String() + "-" + hi.String()
}

func lastOf(p netip.Prefix) netip.Addr {
	raw := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(raw)*8; bit++ {
		raw[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(raw)
	return a
}

// PairOf names the traffic of two identities of quick mode, as a log of this end
// does; "" where one is none of addresses.
func PairOf(local, remote isakmp.ID) string {
	l, r := identityProxy(local), identityProxy(remote)
	return pairOf(l, r)
}

func identityProxy(id isakmp.ID) trace.Proxy {
	lo, hi, ok := id.Range()
	if !ok {
		return trace.Proxy{}
	}
	return trace.Proxy{Lo: lo, Hi: hi, Protocol: id.Protocol, Port: id.Port}
}

// Flip is the pair as the other end names it.
func Flip(pair string) string {
	local, remote, ok := strings.Cut(pair, " - ")
	if !ok {
		return pair
	}
	return remote + " - " + local
}

// pairsOverlap says whether two pairs share addresses on both sides: one may be
// the other, mended.
func pairsOverlap(a, b string) bool {
	aLocal, aRemote, okA := strings.Cut(a, " - ")
	bLocal, bRemote, okB := strings.Cut(b, " - ")
	return okA && okB && overlap(aLocal, bLocal) && overlap(aRemote, bRemote)
}

func overlap(a, b string) bool {
	p, okP := netOf(a)
	q, okQ := netOf(b)
	return okP && okQ && p.Overlaps(q)
}

// netOf reads the addresses at the start of a proxy's words.
func netOf(words string) (netip.Prefix, bool) {
	first, _, _ := strings.Cut(words, " ")
	if p, err := netip.ParsePrefix(first); err == nil {
		return p, true
	}
	a, err := netip.ParseAddr(first)
	if err != nil {
		return netip.Prefix{}, false
	}
	p, err := a.Prefix(a.BitLen())
	return p, err == nil
}
