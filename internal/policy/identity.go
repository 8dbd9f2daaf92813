package policy

import (
	"bytes"
	"net/netip"

	"qmidle/internal/isakmp"
	"qmidle/internal/pki"
)

// Identity is a phase 1 identity: an address, a name, or a key ID.
type Identity struct {
	Type isakmp.IDType
	Data string // octets of the payload's data
}

// AddressIdentity makes ID_IPV4_ADDR or ID_IPV6_ADDR.
func AddressIdentity(a netip.Addr) Identity {
	t := isakmp.IDIPv4Addr
	if a.Is6() {
		t = isakmp.IDIPv6Addr
	}
	return Identity{t, string(a.AsSlice())}
}

// FQDNIdentity makes ID_FQDN.
func FQDNIdentity(name string) Identity { return Identity{isakmp.IDFQDN, name} }

// IdentityFromID reads a phase 1 identity payload. ok is false for a type that
// names no peer (subnets, ranges) and for an address of a wrong length.
func IdentityFromID(id isakmp.ID) (i Identity, ok bool) {
	i = Identity{id.Type, string(id.Data)}
	switch id.Type {
	case isakmp.IDIPv4Addr:
		return i, len(id.Data) == 4
	case isakmp.IDIPv6Addr:
		return i, len(id.Data) == 16
	case isakmp.IDFQDN, isakmp.IDUserFQDN, isakmp.IDKeyID:
		return i, len(id.Data) > 0 && len(id.Data) <= 255 && !bytes.ContainsRune(id.Data, 0)
	case isakmp.IDDERASN1DN:
		return i, len(id.Data) > 0
	}
	return i, false
}

// String shows an address or a name; other octets are escaped by the reader.
func (i Identity) String() string {
	if i.Type == isakmp.IDDERASN1DN {
		return pki.RawName([]byte(i.Data))
	}
	if i.Type == isakmp.IDIPv4Addr || i.Type == isakmp.IDIPv6Addr {
		if a, ok := netip.AddrFromSlice([]byte(i.Data)); ok {
			return a.String()
		}
	}
	return i.Data
}
