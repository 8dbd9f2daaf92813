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
	if sa.direction != Outbound {
		return dst, sa.drop(DropWrongDirection)
	}
	h, drop := parseIP(packet)
	if drop != DropNone {
		return dst, sa.drop(drop)
	}
	return sa.seal(dst, packet, h, false)
}

// seal is Seal of a packet whose header was read. With later it leaves what
// Protect does, if the SA can do it for several packets at once.
func (sa *SA) seal(dst, packet []byte, h ipHeader, later bool) ([]byte, error) {
	payload, next, drop := sa.payloadOf(packet, h)
	if drop != DropNone {
		return dst, sa.drop(drop)
	}
	if sa.bytes.Load() >= sa.limits().refuse {
		return dst, sa.drop(DropLifetime)
	}
	sa.acquire()
	defer sa.release()
	if sa.ended {
		return dst, sa.drop(DropNoSA)
	}
	if sa.start() != nil {
		return dst, sa.drop(DropNoSA)
	}
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
	copy(esp[sa.headerLen():], payload)
	binary.BigEndian.PutUint32(esp, sa.spi)
	binary.BigEndian.PutUint32(esp[4:], seq)
	putTrailer(esp[sa.headerLen()+len(payload):sa.ciphertextEnd(esp)], next)
	if !later || !sa.together {
		sa.protect(esp)
	}
	sa.count(h.total)
	return dst, nil
}

// payloadOf returns what ESP carries of the packet, and its next header.
func (sa *SA) payloadOf(packet []byte, h ipHeader) ([]byte, uint8, Drop) {
	if sa.mode == Tunnel {
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
func (sa *SA) protect(esp []byte) {
	if w, ok := sa.work.(*gcmWork); ok {
		iv, body := esp[headerLen:sa.headerLen()], esp[sa.headerLen():sa.ciphertextEnd(esp)]
		// The sequence number never repeats under a key, so neither does the IV
		// (RFC 4106 section 3.1).
		binary.BigEndian.PutUint64(iv, uint64(sequenceOf(esp)))
		copy(w.nonce[gcmSaltLen:], iv)
		w.Seal(body[:0], w.nonce[:], body, esp[:headerLen])
		return
	}
	s := sa.take()
	sa.encrypt(sa.message(s, esp))
	sa.putICV(s, esp)
	sa.give(s)
}

// message is what of a packet CBC encrypts, behind its IV, which is written.
func (sa *SA) message(s *scratch, esp []byte) []byte {
	if sa.ivLen > 0 {
		s.fillIV(sa.common, esp[headerLen:sa.headerLen()], sa.serial, sequenceOf(esp))
	}
	return esp[headerLen:sa.ciphertextEnd(esp)]
}

// encrypt encrypts in place what stands behind an IV, by CBC.
func (sa *SA) encrypt(message []byte) {
	switch w := sa.work.(type) {
	case *aesAbreast:
		w.encrypt([][]byte{message})
	case *cbcWork:
		w.SetIV(message[:sa.ivLen])
		w.CryptBlocks(message[sa.ivLen:], message[sa.ivLen:])
	}
}

// putICV writes the ICV of a packet, if there is to be one behind the ciphertext.
func (sa *SA) putICV(s *scratch, esp []byte) {
	if kind := hashKindOf(sa.auth); kind != noHash {
		end := sa.ciphertextEnd(esp)
		copy(esp[end:], s.hash(kind).mac(s.sum[:0], sa.macStates(), esp[:end])[:sa.icvLen])
	}
}

func sequenceOf(esp []byte) uint32 { return binary.BigEndian.Uint32(esp[4:]) }
