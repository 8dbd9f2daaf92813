package ipsec

import (
	"crypto/subtle"
	"encoding/binary"
	"slices"
)

// Open appends to dst the IP packet that an ESP packet, from SPI to ICV,
// carries. In the order of RFC 4303 section 3.4 it checks replay, ICV,
// padding and next header; the selector is the Processor's to check. In
// transport mode the packet gets a new IP header with the SA's addresses.
//
// dst's spare room must not overlap esp, with one exception: to decrypt a
// tunnel mode packet in place, pass esp[:sa.HeaderLen()]. The error is a
// Drop, and dst is then returned as it was.
func (sa *SA) Open(dst, esp []byte) ([]byte, error) {
	if sa.params.Direction != Inbound {
		return dst, sa.drop(DropWrongDirection)
	}
	if len(esp) < sa.HeaderLen()+trailerLen+sa.icvLen {
		return dst, sa.drop(DropTruncated)
	}
	if (len(esp)-sa.HeaderLen()-sa.icvLen)%sa.align != 0 {
		return dst, sa.drop(DropMalformed)
	}
	if binary.BigEndian.Uint32(esp) != sa.params.SPI {
		return dst, sa.drop(DropUnknownSPI)
	}
	if sa.bytes.Load() >= sa.refuseBytes {
		return dst, sa.drop(DropLifetime)
	}
	start := len(dst)
	// In transport mode the payload leaves room for the IP header to come.
	room := start
	if sa.params.Mode == Transport {
		room += sa.outerIPLen()
	}
	dst = slices.Grow(dst, room-start+len(esp)-sa.HeaderLen()-sa.icvLen)
	plain, drop := sa.decrypt(dst[start:room], esp)
	if drop != DropNone {
		return dst[:start], sa.drop(drop)
	}
	inner, drop := sa.unwrap(dst[start:room], plain)
	if drop != DropNone {
		return dst[:start], sa.drop(drop)
	}
	sa.count(len(inner))
	return dst[:start+len(inner)], nil
}

// decrypt appends payload, padding and trailer to head and returns them
// without head. The replay window is checked first and moves only after the
// ICV was found right.
func (sa *SA) decrypt(head, esp []byte) ([]byte, Drop) {
	sa.acquire()
	defer sa.release()
	seq := binary.BigEndian.Uint32(esp[4:])
	if d := sa.replay.check(seq); d != DropNone {
		return nil, d
	}
	plain, ok := sa.unprotect(head, esp)
	if !ok {
		return nil, DropAuthFailed
	}
	sa.replay.commit(seq)
	if seq > sa.seq.Load() {
		sa.seq.Store(seq)
	}
	return plain, DropNone
}

func (sa *SA) unprotect(head, esp []byte) ([]byte, bool) {
	iv, body := esp[headerLen:sa.HeaderLen()], esp[sa.HeaderLen():len(esp)-sa.icvLen]
	if sa.aead != nil {
		copy(sa.nonce[gcmSaltLen:], iv)
		out, err := sa.aead.Open(head[len(head):], sa.nonce[:], esp[sa.HeaderLen():], esp[:headerLen])
		return out, err == nil
	}
	if sa.mac != nil {
		covered, icv := esp[:len(esp)-sa.icvLen], esp[len(esp)-sa.icvLen:]
		if subtle.ConstantTimeCompare(sa.computeICV(covered), icv) != 1 {
			return nil, false
		}
	}
	plain := head[len(head) : len(head)+len(body)]
	if sa.cbc == nil {
		copy(plain, body)
		return plain, true
	}
	sa.cbc.SetIV(iv)
	sa.cbc.CryptBlocks(plain, body)
	return plain, true
}

// unwrap checks trailer and next header and returns the IP packet, which
// starts where head does in transport mode and at plain in tunnel mode.
func (sa *SA) unwrap(head, plain []byte) ([]byte, Drop) {
	payload, next, drop := stripTrailer(plain)
	if drop != DropNone {
		return nil, drop
	}
	if next == protoNoNext {
		return nil, DropDummy
	}
	if sa.params.Mode == Transport {
		return sa.rebuild(head[:len(head)+len(payload)], next)
	}
	if next != protoIPv4 && next != protoIPv6 {
		return nil, DropBadNextHeader
	}
	h, drop := parseIP(payload)
	if drop != DropNone {
		return nil, drop
	}
	if (next == protoIPv4) != (payload[0]>>4 == 4) {
		return nil, DropBadNextHeader
	}
	// What is behind the packet's own length is padding for traffic flow
	// confidentiality (RFC 4303 section 2.7).
	return payload[:h.total], DropNone
}

// stripTrailer checks the padding and returns payload and next header.
func stripTrailer(plain []byte) ([]byte, uint8, Drop) {
	end := len(plain) - trailerLen
	pad, next := int(plain[end]), plain[end+1]
	if pad > end {
		return nil, 0, DropBadPadding
	}
	for i, b := range plain[end-pad : end] {
		if b != byte(i+1) {
			return nil, 0, DropBadPadding
		}
	}
	return plain[:end-pad], next, DropNone
}
