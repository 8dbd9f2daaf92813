package isakmp

import "net/netip"

// NATOA is the body of a NAT original address payload (RFC 3947 section 5.2).
type NATOA struct {
	Type IDType // IDIPv4Addr or IDIPv6Addr
	Addr netip.Addr
}

// ParseNATOA reads a NAT-OA payload. The error is an *Error.
func ParseNATOA(p Payload) (NATOA, error) {
	if len(p.Body) < 4 {
		return NATOA{}, truncated(p.Type, FieldBody, p.bodyOffset(), len(p.Body), 4)
	}
	oa := NATOA{Type: IDType(p.Body[0])}
	if oa.Type != IDIPv4Addr && oa.Type != IDIPv6Addr {
		return NATOA{}, &Error{Kind: KindUnsupported, Payload: p.Type, Field: FieldAddressType, Offset: p.bodyOffset(),
			Got: uint64(oa.Type)}
	}
	for i, b := range p.Body[1:4] {
		if b != 0 {
			return NATOA{}, &Error{Kind: KindReserved, Payload: p.Type, Field: FieldReserved, Offset: p.bodyOffset() + 1 + i,
				Got: uint64(b)}
		}
	}
	addr := p.Body[4:]
	if want, _ := idDataLen(oa.Type); len(addr) != want {
		return NATOA{}, &Error{Kind: KindLength, Payload: p.Type, Field: FieldAddress, Offset: p.bodyOffset() + 4,
			Got: uint64(len(addr)), Want: uint64(want)}
	}
	oa.Addr, _ = netip.AddrFromSlice(addr)
	return oa, nil
}

// AppendNATOA appends the body of a NAT-OA payload to dst, without its generic
// header. Type must be the one of Addr's family.
func AppendNATOA(dst []byte, oa NATOA) []byte {
	dst = append(dst, byte(oa.Type), 0, 0, 0)
	return append(dst, oa.Addr.AsSlice()...)
}

// NATTNumbers are the numbers that differ between RFC 3947 and its drafts.
type NATTNumbers struct {
	NATD         PayloadType
	NATOA        PayloadType
	UDPTunnel    Encapsulation
	UDPTransport Encapsulation
}

// NATT returns the numbers that the peers use once both have sent v (RFC 3947
// sections 5.1 and 9; sections 3.2, 5.1 and 5.2 of the drafts). It is
// false for a vendor ID that does not announce RFC 3947 or a draft of it, and
// for drafts 00 and 01, which neither change ports nor carry ESP as later ones do.
func (v VendorID) NATT() (NATTNumbers, bool) {
	switch v {
	case VendorRFC3947:
		return NATTNumbers{PayloadNATD, PayloadNATOA, EncapUDPTunnel, EncapUDPTransport}, true
	case VendorNATT04, VendorNATT05, VendorNATT06, VendorNATT07, VendorNATT08:
		return NATTNumbers{PayloadNATDDraft04, PayloadNATOADraft04, EncapUDPTunnel, EncapUDPTransport}, true
	case VendorNATT02, VendorNATT02n, VendorNATT03:
		return NATTNumbers{PayloadNATDDraft, PayloadNATOADraft, EncapUDPTunnelDraft, EncapUDPTransportDraft}, true
	}
	return NATTNumbers{}, false
}
