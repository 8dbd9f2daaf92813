package policy

import (
	"net/netip"
	"strings"
	"testing"

	"qmidle/internal/isakmp"
)

func TestIdentities(t *testing.T) {
	for want, id := range map[string]Identity{
		"192.0.2.7":   AddressIdentity(netip.MustParseAddr("192.0.2.7")),
		"2001:db8::7": AddressIdentity(netip.MustParseAddr("2001:db8::7")),
		"example.com": FQDNIdentity("example.com"),
		"a@b.example": {isakmp.IDUserFQDN, "a@b.example"},
		"branch":      {isakmp.IDKeyID, "branch"},
		"cn=r1,o=Lab": {isakmp.IDDERASN1DN, "0\x1b1\x0c0\n\x06\x03U\x04\n\x13\x03Lab1\x0b0\t\x06\x03U\x04\x03\x13\x02r1"},
	} {
		got, ok := IdentityFromID(isakmp.ID{Type: id.Type, Data: []byte(id.Data)})
		if !ok || got != id || got.String() != want {
			t.Errorf("%s: %+v (%s), %v", want, got, got, ok)
		}
	}
}

func TestIDsThatNameNoPeer(t *testing.T) {
	for name, id := range map[string]isakmp.ID{
		"a subnet":        {Type: isakmp.IDIPv4AddrSubnet, Data: make([]byte, 8)},
		"a range":         {Type: isakmp.IDIPv4AddrRange, Data: make([]byte, 8)},
		"a short address": {Type: isakmp.IDIPv4Addr, Data: make([]byte, 3)},
		"a long address":  {Type: isakmp.IDIPv6Addr, Data: make([]byte, 17)},
		"an empty name":   {Type: isakmp.IDFQDN},
		"an endless name": {Type: isakmp.IDFQDN, Data: []byte(strings.Repeat("a", 256))},
		"a name with NUL": {Type: isakmp.IDUserFQDN, Data: []byte("a@b\x00c")},
		"an empty DN":     {Type: isakmp.IDDERASN1DN},
		"an unknown type": {Type: 77, Data: []byte("x")},
	} {
		if got, ok := IdentityFromID(id); ok {
			t.Errorf("%s is %+v", name, got)
		}
	}
}
