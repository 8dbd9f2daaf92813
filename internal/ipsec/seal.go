package ipsec

import (
	"encoding/binary"
	"math"
	"slices"
)

// Seal appends to dst the ESP packet, from SPI to ICV and without an outer
// header, that carries an IP packet: the whole of it in tunnel mode, what its
// IP header carries in transport mode. packet may lie in dst's spare room. It
// allocates only if dst has less room than EncapsulatedLen says. The error is
// a Drop, and dst is then returned as it was.
func (sa *SA) Seal(dst, packet []byte) ([]byte, error) {
	if sa.params.Direction != Outbound {
		return dst, sa.drop(DropWrongDirection)
	}
	h, drop := parseIP(packet)
	if drop != DropNone {
		return dst, sa.drop(drop)
	}
	return sa.seal(dst, packet, h)
}

func (sa *SA) seal(dst, packet []byte, h ipHeader) ([]byte, error) {
	payload, next, drop := sa.payloadOf(packet, h)
	if drop != DropNone {
		return dst, sa.drop(drop)
	}
	if sa.bytes.Load() >= sa.refuseBytes {
		return dst, sa.drop(DropLifetime)
	}
	sa.acquire()
	defer sa.release()
	seq := sa.seq.Load()
	if seq == math.MaxUint32 {
		return dst, sa.drop(DropSeqOverflow)
	}
	seq++
	sa.seq.Store(seq)

	start, length := len(dst), sa.espLen(len(payload))
	dst = slices.Grow(dst, length)[:start+length]
	esp := dst[start:]
	// The payload moves first: it may lie where the header goes.
	copy(esp[sa.HeaderLen():], payload)
	binary.BigEndian.PutUint32(esp, sa.params.SPI)
	binary.BigEndian.PutUint32(esp[4:], seq)
	putTrailer(esp[sa.HeaderLen()+len(payload):length-sa.icvLen], next)
	sa.protect(esp, seq)
	sa.count(h.total)
	return dst, nil
}

// payloadOf returns what ESP carries of the packet, and its next header.
func (sa *SA) payloadOf(packet []byte, h ipHeader) ([]byte, uint8, Drop) {
	if sa.params.Mode == Tunnel {
		if packet[0]>>4 == 4 {
			return packet[:h.total], protoIPv4, DropNone
		}
		return packet[:h.total], protoIPv6, DropNone
	}
	// RFC 4303 section 3.1.1: transport mode is for whole packets.
	if isFragment(packet) {
		return nil, 0, DropMalformed
	}
	return packet[h.payload:h.total], h.next, DropNone
}

func isFragment(packet []byte) bool {
	return packet[0]>>4 == 4 && binary.BigEndian.Uint16(packet[6:])&0x3fff != 0
}

// putTrailer writes padding 1, 2, 3..., pad length and next header.
func putTrailer(trailer []byte, next uint8) {
	pad := len(trailer) - trailerLen
	for i := range pad {
		trailer[i] = byte(i + 1)
	}
	trailer[pad], trailer[pad+1] = byte(pad), next
}

// protect encrypts in place and writes IV and ICV.
func (sa *SA) protect(esp []byte, seq uint32) {
	iv, body := esp[headerLen:sa.HeaderLen()], esp[sa.HeaderLen():len(esp)-sa.icvLen]
	if sa.aead != nil {
		// The sequence number never repeats under a key, so neither does the IV
		// (RFC 4106 section 3.1).
		binary.BigEndian.PutUint64(iv, uint64(seq))
		copy(sa.nonce[gcmSaltLen:], iv)
		sa.aead.Seal(body[:0], sa.nonce[:], body, esp[:headerLen])
		return
	}
	if sa.cbc != nil {
		sa.ivs.fill(iv)
		sa.cbc.SetIV(iv)
		sa.cbc.CryptBlocks(body, body)
	}
	if sa.mac != nil {
		copy(esp[len(esp)-sa.icvLen:], sa.computeICV(esp[:len(esp)-sa.icvLen]))
	}
}

// computeICV returns the truncated HMAC in the SA's own buffer.
func (sa *SA) computeICV(covered []byte) []byte {
	sa.mac.Reset()
	sa.mac.Write(covered)
	return sa.mac.Sum(sa.icv[:0])[:sa.icvLen]
}
