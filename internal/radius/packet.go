package radius

import (
	"encoding/binary"
	"net/netip"

	"qmidle/internal/trace"
)

// Code is the kind of a packet (RFC 2865 section 3, RFC 2866 section 3).
type Code uint8

// Codes.
const (
	AccessRequest      Code = 1
	AccessAccept       Code = 2
	AccessReject       Code = 3
	AccountingRequest  Code = 4
	AccountingResponse Code = 5
	AccessChallenge    Code = 11
)

var codeNames = map[Code]string{
	AccessRequest: "Access-Request", AccessAccept: "Access-Accept", AccessReject: "Access-Reject",
	AccountingRequest: "Accounting-Request", AccountingResponse: "Accounting-response", AccessChallenge: "Access-Challenge",
}

// String is the name that IOS prints.
func (c Code) String() string {
	if s := codeNames[c]; s != "" {
		return s
	}
	return "unknown code"
}

const (
	headerLength        = 20
	authenticatorLength = 16
	// MaxLength is the largest packet (RFC 2865 section 3).
	MaxLength = 4096
	// maxValue is the longest value of one attribute.
	maxValue = 253
)

// Attribute is one attribute with its value as it is sent.
type Attribute struct {
	Type  Type
	Value []byte
}

// Packet is a packet. Attributes are in their order.
type Packet struct {
	Code          Code
	Identifier    uint8
	Authenticator [authenticatorLength]byte
	Attributes    []Attribute
}

// Error is what is wrong with a packet.
type Error trace.RADIUSProblem

// Error implements error.
func (e Error) Error() string { return "the RADIUS packet " + trace.RADIUSProblem(e).String() }

// Parse reads a packet. Octets behind the length that it states are padding. The
// values alias b. The error is an Error.
func Parse(b []byte) (*Packet, error) {
	if len(b) < headerLength {
		return nil, Error(trace.RADIUSTooShort)
	}
	length := int(binary.BigEndian.Uint16(b[2:]))
	if length < headerLength || length > MaxLength || length > len(b) {
		return nil, Error(trace.RADIUSBadLength)
	}
	p := &Packet{Code: Code(b[0]), Identifier: b[1], Authenticator: [authenticatorLength]byte(b[4:headerLength])}
	for rest := b[headerLength:length]; len(rest) > 0; {
		if len(rest) < 2 || rest[1] < 2 || int(rest[1]) > len(rest) {
			return nil, Error(trace.RADIUSBadAttribute)
		}
		p.Attributes = append(p.Attributes, Attribute{Type(rest[0]), rest[2:rest[1]]})
		rest = rest[rest[1]:]
	}
	return p, nil
}

// encode writes the packet, and false where it is too long.
func (p *Packet) encode() ([]byte, bool) {
	b := append([]byte{byte(p.Code), p.Identifier, 0, 0}, p.Authenticator[:]...)
	for _, a := range p.Attributes {
		if len(a.Value) > maxValue {
			return nil, false
		}
		b = append(append(b, byte(a.Type), byte(2+len(a.Value))), a.Value...)
	}
	if len(b) > MaxLength {
		return nil, false
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b, true
}

// Add appends an attribute of octets; an empty value adds none.
func (p *Packet) Add(t Type, value []byte) {
	if len(value) > 0 {
		p.Attributes = append(p.Attributes, Attribute{t, value})
	}
}

// AddText appends a text, cut to what an attribute takes.
func (p *Packet) AddText(t Type, text string) { p.Add(t, []byte(text[:min(len(text), maxValue)])) }

// AddUint appends a number.
func (p *Packet) AddUint(t Type, v uint32) { p.Add(t, binary.BigEndian.AppendUint32(nil, v)) }

// AddAddr appends an IPv4 address; an invalid one adds none.
func (p *Packet) AddAddr(t Type, a netip.Addr) {
	if a = a.Unmap(); a.Is4() {
		p.Add(t, a.AsSlice())
	}
}

// First returns the first value of an attribute, and false where there is none.
func (p *Packet) First(t Type) ([]byte, bool) {
	for _, a := range p.Attributes {
		if a.Type == t {
			return a.Value, true
		}
	}
	return nil, false
}

// All returns every value of an attribute.
func (p *Packet) All(t Type) (all [][]byte) {
	for _, a := range p.Attributes {
		if a.Type == t {
			all = append(all, a.Value)
		}
	}
	return all
}

// Uint returns an attribute's number, and false where there is none or it is of
// another length than four.
func (p *Packet) Uint(t Type) (uint32, bool) {
	v, ok := p.First(t)
	if !ok || len(v) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(v), true
}

// Addr returns an attribute's IPv4 address, invalid where there is none.
func (p *Packet) Addr(t Type) netip.Addr {
	v, _ := p.First(t)
	if len(v) != 4 {
		return netip.Addr{}
	}
	return netip.AddrFrom4([4]byte(v))
}

// Text returns every value of an attribute as one text.
func (p *Packet) Text(t Type) (text string) {
	for _, v := range p.All(t) {
		text += string(v)
	}
	return text
}

// Numbers of Cisco's attribute pairs.
const (
	vendorCisco = 9
	ciscoAVPair = 1
)

// AddCisco appends one of Cisco's attribute pairs, "protocol:name=value".
func (p *Packet) AddCisco(pair string) {
	pair = pair[:min(len(pair), maxValue-6)]
	value := binary.BigEndian.AppendUint32(nil, vendorCisco)
	p.Add(VendorSpecific, append(append(value, ciscoAVPair, byte(2+len(pair))), pair...))
}

// Cisco returns Cisco's attribute pairs (RFC 2865 section 5.26). What is no such
// pair is left out.
func (p *Packet) Cisco() (pairs []string) {
	for _, v := range p.All(VendorSpecific) {
		if len(v) < 4 || binary.BigEndian.Uint32(v) != vendorCisco {
			continue
		}
		for rest := v[4:]; len(rest) >= 2 && rest[1] >= 2 && int(rest[1]) <= len(rest); rest = rest[rest[1]:] {
			if rest[0] == ciscoAVPair {
				pairs = append(pairs, string(rest[2:rest[1]]))
			}
		}
	}
	return pairs
}
