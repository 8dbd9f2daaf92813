package isakmp

import (
	"encoding/binary"
	"errors"
)

// MaxMessageLen is the longest message that fits a UDP datagram over IPv4,
// with room for the non-ESP marker.
const MaxMessageLen = 65535 - 20 - 8 - 4

// ErrMessageTooLong is the error of a Builder whose message no datagram can hold.
var ErrMessageTooLong = errors.New("ISAKMP message is longer than a UDP datagram")

// Builder writes a message: a header, then payloads whose Next Payload fields
// it chains. The zero value is of no use.
type Builder struct {
	buf   []byte
	start int // of the message in buf
	next  int // index in buf of the Next Payload field of what was added last
	err   error
}

// NewBuilder starts a message with header h in the capacity of dst, after what
// dst holds. The header's NextPayload and Length are set by the Builder.
func NewBuilder(dst []byte, h Header) *Builder {
	h.NextPayload = PayloadNone
	b := &Builder{buf: h.AppendTo(dst), start: len(dst)}
	b.next = b.start + headerNextPayload
	return b
}

// Add adds a payload of type t; body is what follows the generic header.
func (b *Builder) Add(t PayloadType, body []byte) {
	if b.err != nil || len(b.message())+payloadHeaderLen+len(body) > MaxMessageLen {
		b.err = ErrMessageTooLong
		return
	}
	b.buf[b.next] = byte(t)
	b.next = len(b.buf)
	b.buf = appendPayloadHeader(b.buf, PayloadNone, len(body))
	b.buf = append(b.buf, body...)
}

// Payloads is the payloads so far, generic headers included: what follows the
// ISAKMP header. A hash payload that was added first with zeros, to be filled
// in when what follows it is known, is filled in here: its body is at
// [4:4+hash length] and what the hash covers follows it. The slice is valid
// until the next Add.
func (b *Builder) Payloads() []byte { return b.buf[b.start+HeaderLen:] }

// Err is ErrMessageTooLong if a payload did not fit.
func (b *Builder) Err() error { return b.err }

// Bytes ends the message and returns it, without what dst held before it; it
// is nil if Err is not. With a blockSize above one the payloads are padded
// with zeros to a multiple of it (RFC 2409 appendix B), and not at all if they
// are one already. Length counts the padding.
func (b *Builder) Bytes(blockSize int) []byte {
	if b.err != nil {
		return nil
	}
	if blockSize > 1 {
		for len(b.Payloads())%blockSize != 0 {
			b.buf = append(b.buf, 0)
		}
	}
	message := b.message()
	if len(message) > MaxMessageLen {
		b.err = ErrMessageTooLong
		return nil
	}
	binary.BigEndian.PutUint32(message[headerLength:], uint32(len(message)))
	return message
}

func (b *Builder) message() []byte { return b.buf[b.start:] }
