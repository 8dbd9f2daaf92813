package policy

import (
	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// TransformSet is a `crypto ipsec transform-set`: one ESP suite. KeyBits is
// the AES key's length and 0 for other ciphers; Auth is none for AES-GCM.
type TransformSet struct {
	Name      string
	Cipher    isakmp.ESPTransform
	KeyBits   uint16
	Auth      isakmp.AuthAlgorithm
	Transport bool
}

// Default lifetimes of IOS for phase 2.
const (
	DefaultIPsecSeconds   = 3600
	DefaultIPsecKilobytes = 4608000
)

// ESPOffer is a phase 2 transform's attributes, decoded; 0 where absent.
type ESPOffer struct {
	Number    uint8
	Protocol  isakmp.ProtocolID
	Cipher    isakmp.ESPTransform
	KeyBits   uint16
	Auth      isakmp.AuthAlgorithm
	Encap     isakmp.Encapsulation
	Group     isakmp.Group
	Seconds   uint64
	Kilobytes uint64
	Unknown   isakmp.AttributeType // not known, with a value out of range, or contradicting another
}

// ParseESPOffer decodes a phase 2 transform, attributes in any order and form.
func ParseESPOffer(protocol isakmp.ProtocolID, t isakmp.Transform) ESPOffer {
	o := ESPOffer{Number: t.Number, Protocol: protocol, Cipher: isakmp.ESPTransform(t.ID)}
	var life isakmp.LifeType
	for _, a := range t.Attributes {
		v, ok := a.Uint()
		if !ok || (a.Type != isakmp.IPsecAttrLifeDuration && v > 0xffff) {
			o.Unknown = orReserved(a.Type)
			continue
		}
		good := true
		switch a.Type {
		case isakmp.IPsecAttrLifeType:
			life = isakmp.LifeType(v)
			good = life == isakmp.LifeSeconds || life == isakmp.LifeKilobytes
		case isakmp.IPsecAttrLifeDuration:
			o.setLife(life, v)
		case isakmp.IPsecAttrGroup:
			good = set(&o.Group, v)
		case isakmp.IPsecAttrEncapsulation:
			good = set(&o.Encap, v)
		case isakmp.IPsecAttrAuth:
			good = set(&o.Auth, v)
		case isakmp.IPsecAttrKeyLength:
			good = set(&o.KeyBits, v)
		default:
			good = false
		}
		if !good {
			o.Unknown = orReserved(a.Type)
		}
	}
	if KeyLengthVaries(o.Cipher) && o.KeyBits == 0 {
		o.KeyBits = 128
	}
	return o
}

func (o *ESPOffer) setLife(t isakmp.LifeType, v uint64) {
	switch t {
	case isakmp.LifeKilobytes:
		o.Kilobytes = v
	default:
		o.Seconds = v
	}
}

// KeyLengthVaries says whether a transform's key length is an attribute.
func KeyLengthVaries(t isakmp.ESPTransform) bool {
	switch t {
	case isakmp.ESPAES, isakmp.ESPAESCTR, isakmp.ESPAESGCM8, isakmp.ESPAESGCM12, isakmp.ESPAESGCM16,
		isakmp.ESPAESCCM8, isakmp.ESPAESCCM12, isakmp.ESPAESCCM16, isakmp.ESPAESGMAC:
		return true
	}
	return false
}

// ESPRefusal is the first attribute in which an offer differs.
type ESPRefusal struct {
	Attr            trace.IPsecAttr
	Offered, Wanted uint32
}

// Match compares o with ts: protocol, transform, key length, authenticator,
// encapsulation, then the PFS group. pfs is the group that we demand; without
// one any group of the peer is accepted, as IOS does.
func (ts TransformSet) Match(o ESPOffer, pfs isakmp.Group) (r ESPRefusal, ok bool) {
	wantTransport := uint16(0)
	if ts.Transport {
		wantTransport = 1
	}
	offersTransport := uint16(0)
	if IsTransport(o.Encap) {
		offersTransport = 1
	}
	pairs := [...]struct {
		attr            trace.IPsecAttr
		offered, wanted uint16
	}{
		{trace.IPsecAttrProtocol, uint16(o.Protocol), uint16(isakmp.ProtocolESP)},
		{trace.IPsecAttrTransform, uint16(o.Cipher), uint16(ts.Cipher)},
		{trace.IPsecAttrKeyLength, o.KeyBits, ts.KeyBits},
		{trace.IPsecAttrAuth, uint16(o.Auth), uint16(ts.Auth)},
		{trace.IPsecAttrMode, offersTransport, wantTransport},
	}
	for _, c := range pairs {
		if c.offered != c.wanted {
			return ESPRefusal{c.attr, uint32(c.offered), uint32(c.wanted)}, false
		}
	}
	if pfs != isakmp.GroupNone && o.Group != pfs {
		return ESPRefusal{trace.IPsecAttrGroup, uint32(o.Group), uint32(pfs)}, false
	}
	if o.Unknown != 0 {
		return ESPRefusal{Attr: trace.IPsecAttrUnknown, Offered: uint32(o.Unknown)}, false
	}
	return ESPRefusal{}, true
}

// IsTransport says whether an encapsulation is one of the transport modes.
func IsTransport(e isakmp.Encapsulation) bool {
	return e == isakmp.EncapTransport || e == isakmp.EncapUDPTransport || e == isakmp.EncapUDPTransportDraft
}

// IsUDP says whether an encapsulation is one of the UDP modes.
func IsUDP(e isakmp.Encapsulation) bool {
	switch e {
	case isakmp.EncapUDPTunnel, isakmp.EncapUDPTransport, isakmp.EncapUDPTunnelDraft, isakmp.EncapUDPTransportDraft:
		return true
	}
	return false
}

// Lives are the phase 2 lifetimes; 0 means none.
type Lives struct{ Seconds, Kilobytes uint32 }

// Shorter returns the shorter of l and what o offers, each kind by itself.
func (l Lives) Shorter(o ESPOffer) Lives {
	return Lives{shorter(l.Seconds, o.Seconds), shorter(l.Kilobytes, o.Kilobytes)}
}

func shorter(ours uint32, offered uint64) uint32 {
	if offered != 0 && (ours == 0 || offered < uint64(ours)) {
		return uint32(min(offered, 0xffffffff))
	}
	return ours
}

// Transform returns ts as an offer, attributes in IOS's order.
func (ts TransformSet) Transform(number uint8, encap isakmp.Encapsulation, pfs isakmp.Group, l Lives) isakmp.Transform {
	attrs := make([]isakmp.Attribute, 0, 8)
	attrs = append(attrs, isakmp.BasicAttribute(isakmp.IPsecAttrEncapsulation, uint16(encap)))
	if l.Seconds != 0 {
		attrs = append(attrs, isakmp.BasicAttribute(isakmp.IPsecAttrLifeType, uint16(isakmp.LifeSeconds)),
			lifeAttribute(isakmp.IPsecAttrLifeDuration, l.Seconds))
	}
	if l.Kilobytes != 0 {
		attrs = append(attrs, isakmp.BasicAttribute(isakmp.IPsecAttrLifeType, uint16(isakmp.LifeKilobytes)),
			lifeAttribute(isakmp.IPsecAttrLifeDuration, l.Kilobytes))
	}
	if ts.Auth != isakmp.AuthAlgNone {
		attrs = append(attrs, isakmp.BasicAttribute(isakmp.IPsecAttrAuth, uint16(ts.Auth)))
	}
	if ts.KeyBits != 0 {
		attrs = append(attrs, isakmp.BasicAttribute(isakmp.IPsecAttrKeyLength, ts.KeyBits))
	}
	if pfs != isakmp.GroupNone {
		attrs = append(attrs, isakmp.BasicAttribute(isakmp.IPsecAttrGroup, uint16(pfs)))
	}
	return isakmp.Transform{Number: number, ID: uint8(ts.Cipher), Attributes: attrs}
}
