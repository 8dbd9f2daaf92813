package policy

import (
	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// IKE is an ISAKMP policy: a phase 1 protection suite with its priority.
// KeyBits is the AES key's length and 0 for other ciphers.
type IKE struct {
	Priority   uint16
	Encryption isakmp.EncryptionAlgorithm
	KeyBits    uint16
	Hash       isakmp.HashAlgorithm
	Auth       isakmp.AuthMethod
	Group      isakmp.Group
	Lifetime   uint32 // seconds
}

// DefaultLifetime is IOS's phase 1 lifetime in seconds.
const DefaultLifetime = 86400

// Default is the built-in policy that IOS compares last (12.3: priority 65535).
var Default = IKE{
	Priority:   65535,
	Encryption: isakmp.EncrDESCBC,
	Hash:       isakmp.HashSHA1,
	Auth:       isakmp.AuthRSASig,
	Group:      isakmp.GroupMODP768,
	Lifetime:   DefaultLifetime,
}

// IKEOffer is a phase 1 transform's attributes, decoded. An attribute that is
// absent has the value 0.
type IKEOffer struct {
	Number     uint8
	Encryption isakmp.EncryptionAlgorithm
	KeyBits    uint16
	Hash       isakmp.HashAlgorithm
	Auth       isakmp.AuthMethod
	Group      isakmp.Group
	Seconds    uint64
	Kilobytes  uint64
	// Unknown is set by an attribute that changes the suite's meaning and
	// that this implementation does not know (a PRF, a private group, ...), and
	// by one that contradicts another of its type. Type 0 is reserved, and
	// stands here as AttrReserved.
	Unknown isakmp.AttributeType
	// LengthLast says that the key length stands behind the hash, as Cisco's VPN
	// Client has it: IOS compares the attributes as they come.
	LengthLast bool
}

// AttrReserved stands for the attribute type 0 where 0 means none.
const AttrReserved isakmp.AttributeType = 0x7fff

func (o *IKEOffer) unknown(t isakmp.AttributeType) { o.Unknown = orReserved(t) }

func orReserved(t isakmp.AttributeType) isakmp.AttributeType {
	if t == 0 {
		return AttrReserved
	}
	return t
}

// set takes an attribute's value; ok is false when one of its type said another.
func set[T ~uint16](field *T, v uint64) (ok bool) {
	before := *field
	*field = T(v)
	return before == 0 || uint64(before) == v
}

// ParseIKEOffer decodes a transform's attributes, in any order. A life
// duration counts what the life type before it says (RFC 2409 appendix A).
func ParseIKEOffer(t isakmp.Transform) IKEOffer {
	o := IKEOffer{Number: t.Number}
	var life isakmp.LifeType
	for _, a := range t.Attributes {
		v, ok := a.Uint()
		if !ok || (a.Type != isakmp.AttrLifeDuration && v > 0xffff) {
			o.unknown(a.Type)
			continue
		}
		good := true
		switch a.Type {
		case isakmp.AttrEncryption:
			good = set(&o.Encryption, v)
		case isakmp.AttrHash:
			good = set(&o.Hash, v)
		case isakmp.AttrAuthMethod:
			good = set(&o.Auth, v)
		case isakmp.AttrGroup:
			good = set(&o.Group, v)
		case isakmp.AttrKeyLength:
			good = set(&o.KeyBits, v)
			o.LengthLast = o.Hash != 0
		case isakmp.AttrLifeType:
			life = isakmp.LifeType(v)
			good = life == isakmp.LifeSeconds || life == isakmp.LifeKilobytes
		case isakmp.AttrLifeDuration:
			o.setLife(life, v)
		case isakmp.AttrGroupType:
			// Redundant beside a named group.
		default:
			good = false
		}
		if !good {
			o.unknown(a.Type)
		}
	}
	if o.Encryption == isakmp.EncrAESCBC && o.KeyBits == 0 {
		o.KeyBits = 128
	}
	return o
}

func (o *IKEOffer) setLife(t isakmp.LifeType, v uint64) {
	switch t {
	case isakmp.LifeKilobytes:
		o.Kilobytes = v
	default:
		o.Seconds = v
	}
}

// IKERefusal is the first attribute in which an offer differs from a policy.
type IKERefusal struct {
	Attr            trace.IKEAttr
	Offered, Wanted uint32
}

// Match compares o with p in IOS's order: encryption, key length, hash, group,
// authentication; or the key length last, where it comes behind the hash. A lifetime never refuses: the shorter one is used. ok says
// that all are equal.
func (p IKE) Match(o IKEOffer) (r IKERefusal, ok bool) {
	pairs := [...]struct {
		attr            trace.IKEAttr
		offered, wanted uint16
	}{
		{trace.IKEAttrEncryption, uint16(o.Encryption), uint16(p.Encryption)},
		{trace.IKEAttrKeyLength, o.KeyBits, p.KeyBits},
		{trace.IKEAttrHash, uint16(o.Hash), uint16(p.Hash)},
		{trace.IKEAttrGroup, uint16(o.Group), uint16(p.Group)},
		{trace.IKEAttrAuth, uint16(o.Auth), uint16(p.Auth)},
	}
	if o.LengthLast {
		length := pairs[1]
		copy(pairs[1:], pairs[2:])
		pairs[len(pairs)-1] = length
	}
	for _, c := range pairs {
		if c.offered != c.wanted {
			return IKERefusal{c.attr, uint32(c.offered), uint32(c.wanted)}, false
		}
	}
	if o.Unknown != 0 {
		return IKERefusal{Attr: trace.IKEAttrUnknown, Offered: uint32(o.Unknown)}, false
	}
	return IKERefusal{}, true
}

// Life returns the phase 1 lifetime in seconds that holds between o and p.
func (p IKE) Life(o IKEOffer) uint32 {
	if o.Seconds != 0 && o.Seconds < uint64(p.Lifetime) {
		return uint32(o.Seconds)
	}
	return p.Lifetime
}

// Transform returns p as an offer, attributes in IOS's order.
func (p IKE) Transform(number uint8) isakmp.Transform {
	attrs := make([]isakmp.Attribute, 0, 7)
	attrs = append(attrs, isakmp.BasicAttribute(isakmp.AttrEncryption, uint16(p.Encryption)))
	if p.KeyBits != 0 {
		attrs = append(attrs, isakmp.BasicAttribute(isakmp.AttrKeyLength, p.KeyBits))
	}
	attrs = append(attrs,
		isakmp.BasicAttribute(isakmp.AttrHash, uint16(p.Hash)),
		isakmp.BasicAttribute(isakmp.AttrGroup, uint16(p.Group)),
		isakmp.BasicAttribute(isakmp.AttrAuthMethod, uint16(p.Auth)),
		isakmp.BasicAttribute(isakmp.AttrLifeType, uint16(isakmp.LifeSeconds)),
		lifeAttribute(isakmp.AttrLifeDuration, p.Lifetime))
	return isakmp.Transform{Number: number, ID: isakmp.TransformKeyIKE, Attributes: attrs}
}

// lifeAttribute takes the basic form where the value fits, as IOS does.
func lifeAttribute(t isakmp.AttributeType, v uint32) isakmp.Attribute {
	if v <= 0xffff {
		return isakmp.BasicAttribute(t, uint16(v))
	}
	return isakmp.VariableAttribute(t, uint64(v), 4)
}
