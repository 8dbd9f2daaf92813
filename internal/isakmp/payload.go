package isakmp

import "encoding/binary"

// MaxPayloads bounds the payloads of one message. The longest honest messages
// are those of peers that trust many CAs and send a certificate request for
// each, beside some thirty vendor IDs.
const MaxPayloads = 128

// payloadHeaderLen is the length of the generic payload header (RFC 2408 section 3.2).
const payloadHeaderLen = 4

// Nonce lengths in bytes (RFC 2409 section 5).
const (
	MinNonceLen = 8
	MaxNonceLen = 256
)

// Payload is a view of one payload of a message.
type Payload struct {
	Type   PayloadType
	Body   []byte // what follows the generic payload header
	Raw    []byte // the payload with its generic header, as hashes cover it
	Offset int    // of Raw in the datagram, in bytes
}

// ParsePayloads walks the chain of payloads in body, which is everything after
// the ISAKMP header, decrypted if it was encrypted; first is the header's Next
// Payload. It appends a view of each payload to dst and copies nothing.
//
// consumed is how many bytes of body the payloads cover. In an encrypted
// message the rest is padding and may hold anything (RFC 2409 appendix B); in
// a clear one up to three octets of zero. Payloads of unknown types are kept.
//
// The error is an *Error (RFC 2408 section 5.3). A payload's reserved byte is
// checked before its length: with a wrong key it is what fails first. The
// payloads before the malformed one are returned with the error.
func ParsePayloads(first PayloadType, body []byte, encrypted bool, dst []Payload) (payloads []Payload, consumed int, err error) {
	payloads = dst
	next := first
	for n := 0; next != PayloadNone; n++ {
		if n == MaxPayloads {
			return payloads, consumed, tooMany(PayloadNone, FieldPayload, HeaderLen+consumed, MaxPayloads)
		}
		if next == PayloadProposal || next == PayloadTransform {
			return payloads, consumed, &Error{Kind: KindMisplaced, Payload: next, Field: FieldNextPayload,
				Offset: HeaderLen + consumed, Got: uint64(next)}
		}
		p, following, bad := splitPayload(next, body[consumed:], HeaderLen+consumed)
		if bad != nil {
			return payloads, consumed, bad
		}
		payloads = append(payloads, p)
		consumed += len(p.Raw)
		next = following
	}
	if !encrypted && !padding(body[consumed:]) {
		return payloads, consumed, trailing(PayloadNone, FieldPayload, HeaderLen+consumed, len(body)-consumed)
	}
	return payloads, consumed, nil
}

// padding says whether what follows the last payload fills up to a multiple of 4
// octets: libreswan sends messages in clear so.
func padding(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return len(b) < 4
}

// splitPayload cuts the payload of type t off the front of b, which starts at
// offset in the datagram.
func splitPayload(t PayloadType, b []byte, offset int) (p Payload, next PayloadType, err *Error) {
	if len(b) < payloadHeaderLen {
		return Payload{}, 0, truncated(t, FieldPayload, offset, len(b), payloadHeaderLen)
	}
	if b[1] != 0 {
		return Payload{}, 0, &Error{Kind: KindReserved, Payload: t, Field: FieldReserved, Offset: offset + 1, Got: uint64(b[1])}
	}
	length := int(binary.BigEndian.Uint16(b[2:]))
	if length < payloadHeaderLen {
		return Payload{}, 0, &Error{Kind: KindUndersized, Payload: t, Field: FieldLength, Offset: offset + 2,
			Got: uint64(length), Want: payloadHeaderLen}
	}
	if length > len(b) {
		return Payload{}, 0, &Error{Kind: KindOverrun, Payload: t, Field: FieldLength, Offset: offset + 2,
			Got: uint64(length), Want: uint64(len(b))}
	}
	p = Payload{Type: t, Body: b[payloadHeaderLen:length:length], Raw: b[:length:length], Offset: offset}
	return p, PayloadType(b[0]), nil
}

// appendPayloadHeader appends a generic payload header for a body of bodyLen bytes.
func appendPayloadHeader(dst []byte, next PayloadType, bodyLen int) []byte {
	dst = append(dst, byte(next), 0)
	return binary.BigEndian.AppendUint16(dst, uint16(payloadHeaderLen+bodyLen))
}

// bodyOffset is where the payload's body starts in the datagram.
func (p Payload) bodyOffset() int { return p.Offset + payloadHeaderLen }

// ParseOpaque returns the body of a payload that holds nothing but bytes and
// must not be empty: KE, HASH, SIG, NAT-D (RFC 2408 sections 3.7, 3.11, 3.12;
// RFC 3947 section 3.2).
func ParseOpaque(p Payload) ([]byte, error) {
	if len(p.Body) == 0 {
		return nil, truncated(p.Type, FieldBody, p.bodyOffset(), 0, 1)
	}
	return p.Body, nil
}

// ParseNonce returns the nonce of p, whose length RFC 2409 section 5 bounds.
// It is not for the encrypted nonces of RFC 2409 sections 5.2 and 5.3.
func ParseNonce(p Payload) ([]byte, error) {
	if len(p.Body) < MinNonceLen {
		return nil, &Error{Kind: KindUndersized, Payload: p.Type, Field: FieldBody, Offset: p.bodyOffset(),
			Got: uint64(len(p.Body)), Want: MinNonceLen}
	}
	if len(p.Body) > MaxNonceLen {
		return nil, &Error{Kind: KindOversized, Payload: p.Type, Field: FieldBody, Offset: p.bodyOffset(),
			Got: uint64(len(p.Body)), Want: MaxNonceLen}
	}
	return p.Body, nil
}
