package isakmp

import (
	"encoding/binary"
	"net/netip"
)

// ID is the body of an identification payload (RFC 2407 section 4.6.2).
// Protocol and Port are zero when they do not restrict anything.
type ID struct {
	Type     IDType
	Protocol uint8 // IP protocol number
	Port     uint16
	Data     []byte
}

// ParseID reads an ID payload; Data is a view. The error is an *Error. The
// length of Data is checked for every type that has one, and the types that
// name something must not be empty; the data of an unknown type is kept as it is.
func ParseID(p Payload) (ID, error) {
	if len(p.Body) < 4 {
		return ID{}, truncated(p.Type, FieldBody, p.bodyOffset(), len(p.Body), 4)
	}
	id := ID{
		Type:     IDType(p.Body[0]),
		Protocol: p.Body[1],
		Port:     binary.BigEndian.Uint16(p.Body[2:]),
		Data:     p.Body[4:],
	}
	if want, fixed := idDataLen(id.Type); fixed && len(id.Data) != want {
		return ID{}, &Error{Kind: KindLength, Payload: p.Type, Field: FieldIDData, Offset: p.bodyOffset() + 4,
			Got: uint64(len(id.Data)), Want: uint64(want)}
	}
	if len(id.Data) == 0 {
		return ID{}, truncated(p.Type, FieldIDData, p.bodyOffset()+4, 0, 1)
	}
	return id, nil
}

// idDataLen is the length in bytes of the data of an ID whose type fixes it.
func idDataLen(t IDType) (length int, fixed bool) {
	switch t {
	case IDIPv4Addr:
		return 4, true
	case IDIPv4AddrSubnet, IDIPv4AddrRange:
		return 8, true
	case IDIPv6Addr:
		return 16, true
	case IDIPv6AddrSubnet, IDIPv6AddrRange:
		return 32, true
	}
	return 0, false
}

// AppendID appends the body of an ID payload to dst, without its generic header.
func AppendID(dst []byte, id ID) []byte {
	dst = append(dst, byte(id.Type), id.Protocol)
	dst = binary.BigEndian.AppendUint16(dst, id.Port)
	return append(dst, id.Data...)
}

// AddrID is the ID of a single address, which must be valid, with neither
// protocol nor port.
func AddrID(addr netip.Addr) ID {
	addr = addr.Unmap()
	t := IDIPv6Addr
	if addr.Is4() {
		t = IDIPv4Addr
	}
	return ID{Type: t, Data: addr.AsSlice()}
}

// PrefixID is the ID of a subnet, which must be valid, with neither protocol
// nor port. It has the subnet form for a host's prefix too: AddrID gives the other.
func PrefixID(prefix netip.Prefix) ID {
	prefix = prefix.Masked()
	data := prefix.Addr().AsSlice()
	data = append(data, make([]byte, len(data))...)
	mask := data[len(data)/2:]
	for bit := range prefix.Bits() {
		mask[bit/8] |= 0x80 >> (bit % 8)
	}
	if prefix.Addr().Is4() {
		return ID{Type: IDIPv4AddrSubnet, Data: data}
	}
	return ID{Type: IDIPv6AddrSubnet, Data: data}
}

// Addr is the address of an ID of a single address; it is false for other types.
func (id ID) Addr() (netip.Addr, bool) {
	if id.Type != IDIPv4Addr && id.Type != IDIPv6Addr {
		return netip.Addr{}, false
	}
	if want, _ := idDataLen(id.Type); len(id.Data) != want {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(id.Data)
}

// Prefix is the prefix of an ID of an address or of a subnet. It is false for
// other types and for a mask with holes. Address bits under the mask's zeros
// are cleared.
func (id ID) Prefix() (netip.Prefix, bool) {
	if addr, ok := id.Addr(); ok {
		return netip.PrefixFrom(addr, addr.BitLen()), true
	}
	if id.Type != IDIPv4AddrSubnet && id.Type != IDIPv6AddrSubnet {
		return netip.Prefix{}, false
	}
	first, mask, ok := id.pair()
	if !ok {
		return netip.Prefix{}, false
	}
	bits, ok := MaskBits(mask.AsSlice())
	if !ok {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(first, bits).Masked(), true
}

// Range is the first and the last address of an ID of an address, a subnet or
// a range. It is false for other types, for a mask with holes and for a range
// that ends before it starts.
func (id ID) Range() (first, last netip.Addr, ok bool) {
	if id.Type == IDIPv4AddrRange || id.Type == IDIPv6AddrRange {
		first, last, ok = id.pair()
		if !ok || last.Less(first) {
			return netip.Addr{}, netip.Addr{}, false
		}
		return first, last, true
	}
	prefix, ok := id.Prefix()
	if !ok {
		return netip.Addr{}, netip.Addr{}, false
	}
	end := prefix.Addr().AsSlice()
	for bit := prefix.Bits(); bit < len(end)*8; bit++ {
		end[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ = netip.AddrFromSlice(end)
	return prefix.Addr(), last, true
}

// pair is the data of an ID of a subnet or range as its two halves.
func (id ID) pair() (a, b netip.Addr, ok bool) {
	if want, fixed := idDataLen(id.Type); !fixed || len(id.Data) != want {
		return netip.Addr{}, netip.Addr{}, false
	}
	half := len(id.Data) / 2
	a, _ = netip.AddrFromSlice(id.Data[:half])
	b, _ = netip.AddrFromSlice(id.Data[half:])
	return a, b, true
}

// MaskBits counts the leading ones of a netmask of 4 or 16 octets; it is false if a
// one follows a zero.
func MaskBits(mask []byte) (int, bool) {
	bits, ended := 0, false
	for bit := range len(mask) * 8 {
		set := mask[bit/8]&(0x80>>(bit%8)) != 0
		if set && ended {
			return 0, false
		}
		if set {
			bits++
		}
		ended = !set
	}
	return bits, true
}
