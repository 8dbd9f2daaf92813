package config

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// addr4 is the IPv4 address of 32 bits.
func addr4(v uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	return netip.AddrFrom4(b)
}

// uint4 is the 32 bits of an IPv4 address.
func uint4(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// parseAddr reads an IPv4 address in dotted form.
func parseAddr(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	return a, err == nil && a.Is4()
}

// maskBits is the prefix length of a netmask, and false for one with holes.
func maskBits(mask netip.Addr) (int, bool) {
	v := uint4(mask)
	n := bits.LeadingZeros32(^v)
	return n, v<<n == 0
}

// mask is the netmask of a prefix length.
func mask(n int) netip.Addr { return addr4(^uint32(0) << (32 - n)) }
