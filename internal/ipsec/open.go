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
	if sa.direction != Inbound {
		return dst, sa.drop(DropWrongDirection)
	}
	body := len(esp) - sa.headerLen() - int(sa.icvLen)
	if body < trailerLen {
		return dst, sa.drop(DropTruncated)
	}
	if body%int(sa.align) != 0 {
		return dst, sa.drop(DropMalformed)
	}
	if binary.BigEndian.Uint32(esp) != sa.spi {
		return dst, sa.drop(DropUnknownSPI)
	}
	if sa.bytes.Load() >= sa.limits().refuse {
		return dst, sa.drop(DropLifetime)
	}
	start := len(dst)
	// In transport mode the payload leaves room for the IP header to come.
	room := start
	if sa.mode == Transport {
		room += sa.outerIPLen()
	}
	dst = slices.Grow(dst, room-start+body)
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
	if sa.ended {
		return nil, DropUnknownSPI
	}
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
	end := sa.ciphertextEnd(esp)
	iv, body := esp[headerLen:sa.headerLen()], esp[sa.headerLen():end]
	if kind := hashKindOf(sa.auth); kind != noHash {
		s := sa.take()
		icv := s.hash(kind).mac(s.sum[:0], sa.macStates(), esp[:end])[:sa.icvLen]
		same := subtle.ConstantTimeCompare(icv, esp[end:])
		sa.give(s)
		if same != 1 {
			return nil, false
		}
	}
	if sa.start() != nil {
		return nil, false
	}
	plain := head[len(head) : len(head)+len(body)]
	switch w := sa.work.(type) {
	case *gcmWork:
		copy(w.nonce[gcmSaltLen:], iv)
		out, err := w.Open(plain[:0], w.nonce[:], esp[sa.headerLen():], esp[:headerLen])
		return out, err == nil
	case *aesDecrypter:
		w.decrypt(plain, body, iv)
	case *cbcWork:
		w.SetIV(iv)
		w.CryptBlocks(plain, body)
	default: // NULL
		copy(plain, body)
	}
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
	if sa.mode == Transport {
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
