package keymat

import (
	"crypto/aes"
	"encoding/binary"

	"qmidle/internal/isakmp"
)

// IV is one link of the chain of CBC initialization vectors (RFC 2409 appendix
// B). The chain belongs to a message ID: phase 1 has one, and every exchange
// after it has its own, which starts from phase 1's last block. A copy is
// independent, so a datagram can be tried and the old IV kept.
type IV struct {
	block [aes.BlockSize]byte
	size  uint8
}

// Phase1IV returns the first IV of phase 1, hash(g^xi | g^xr) cut to blockSize
// octets. gxi and gxr are the KE payloads' data as they were on the wire.
func Phase1IV(h isakmp.HashAlgorithm, gxi, gxr []byte, blockSize int) IV {
	return makeIV(Hash(h, gxi, gxr), blockSize)
}

// ForMessage returns the first IV of the exchange messageID, made of the last
// block of phase 1, which is what phase1Last holds once phase 1 is over.
func (phase1Last IV) ForMessage(h isakmp.HashAlgorithm, messageID uint32, blockSize int) IV {
	var buf [aes.BlockSize + 4]byte
	n := copy(buf[:], phase1Last.Bytes())
	binary.BigEndian.PutUint32(buf[n:], messageID)
	d := digest(h, buf[:n+4])
	return makeIV(d[:], blockSize)
}

// Bytes returns the IV: one cipher block. It aliases iv; it is empty for the
// zero IV.
func (iv *IV) Bytes() []byte { return iv.block[:iv.size] }

// Advance makes the last block of a message that was sent or received in this
// exchange the next IV. Less than a block changes nothing. A retransmission is
// not another message and must not advance.
func (iv *IV) Advance(ciphertext []byte) {
	n := int(iv.size)
	if len(ciphertext) < n {
		return
	}
	copy(iv.block[:n], ciphertext[len(ciphertext)-n:])
}

func makeIV(from []byte, blockSize int) IV {
	iv := IV{size: uint8(blockSize)}
	copy(iv.block[:blockSize], from)
	return iv
}
