package isakmp

import (
	"encoding/binary"
	"encoding/hex"
)

// HeaderLen is the length of the ISAKMP header in bytes.
const HeaderLen = 28

// Version1 is the version byte of IKEv1: major 1, minor 0.
const Version1 uint8 = 0x10

// Offsets of header fields that are written after the header itself.
const (
	headerNextPayload = 16
	headerLength      = 24
)

// Cookie is one half of the pair that names a phase 1 SA (RFC 2408 section 2.5.3).
type Cookie [8]byte

// IsZero reports whether the cookie is not set, as the responder's in a first message.
func (c Cookie) IsZero() bool { return c == Cookie{} }

// String is the cookie as 16 hexadecimal digits.
func (c Cookie) String() string { return hex.EncodeToString(c[:]) }

// Header is the ISAKMP header (RFC 2408 section 3.1).
type Header struct {
	Initiator   Cookie
	Responder   Cookie
	NextPayload PayloadType
	Version     uint8 // major in the high four bits, minor in the low
	Exchange    ExchangeType
	Flags       uint8
	MessageID   uint32 // zero in phase 1
	Length      uint32 // of the whole message in bytes, header included
}

// Encrypted reports whether what follows the header is encrypted. A fragment
// never is by itself, even if its header has the flag: racoon copies the
// header of the message that it cuts.
func (h Header) Encrypted() bool {
	return h.Flags&FlagEncryption != 0 && h.NextPayload != PayloadFragment
}

// ParseHeader reads the header of datagram, which must be the whole UDP
// payload without the non-ESP marker. The error is an *Error: the datagram is
// shorter than a header, its major version is not 1, or its length field
// differs from its length. A minor version above 0 is left to the caller, as
// are unknown flags and exchanges.
func ParseHeader(datagram []byte) (Header, error) {
	if len(datagram) < HeaderLen {
		return Header{}, truncated(PayloadNone, FieldHeader, 0, len(datagram), HeaderLen)
	}
	h := Header{
		NextPayload: PayloadType(datagram[headerNextPayload]),
		Version:     datagram[17],
		Exchange:    ExchangeType(datagram[18]),
		Flags:       datagram[19],
		MessageID:   binary.BigEndian.Uint32(datagram[20:]),
		Length:      binary.BigEndian.Uint32(datagram[headerLength:]),
	}
	copy(h.Initiator[:], datagram[0:8])
	copy(h.Responder[:], datagram[8:16])
	if h.Version>>4 != Version1>>4 {
		return Header{}, &Error{Kind: KindVersion, Field: FieldVersion, Offset: 17, Got: uint64(h.Version), Want: 1}
	}
	if uint64(h.Length) != uint64(len(datagram)) {
		return Header{}, &Error{Kind: KindLength, Field: FieldLength, Offset: headerLength,
			Got: uint64(h.Length), Want: uint64(len(datagram))}
	}
	return h, nil
}

// AppendTo appends the header's 28 bytes to dst, Length as it stands.
func (h Header) AppendTo(dst []byte) []byte {
	dst = append(dst, h.Initiator[:]...)
	dst = append(dst, h.Responder[:]...)
	dst = append(dst, byte(h.NextPayload), h.Version, byte(h.Exchange), h.Flags)
	dst = binary.BigEndian.AppendUint32(dst, h.MessageID)
	return binary.BigEndian.AppendUint32(dst, h.Length)
}
