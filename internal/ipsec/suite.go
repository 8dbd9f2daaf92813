package ipsec

import (
	"crypto/aes"
	"crypto/des"
	"fmt"

	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
)

const (
	headerLen  = 8 // SPI and sequence number
	trailerLen = 2 // pad length and next header
	gcmSaltLen = 4
	gcmIVLen   = 8
	gcmICVLen  = 16
)

// suite is the transforms of an SA, and how many octets they put around and into a
// packet. There are as many suites as SAs, which is why they are small.
type suite struct {
	transform isakmp.ESPTransform
	auth      isakmp.AuthAlgorithm
	keyBits   uint16

	ivLen, icvLen uint8
	align         uint8 // what payload, padding and trailer together are a multiple of
	encLen        uint8 // octets of the cipher's key, with the salt
}

// newSuite also checks the lengths of the keys.
func newSuite(p *SAParams) (suite, error) {
	s := suite{transform: p.Transform, auth: p.Auth, keyBits: p.KeyBits, align: 4}
	if err := s.setCipher(p); err != nil {
		return suite{}, err
	}
	if err := s.setAuth(p.AuthKey); err != nil {
		return suite{}, err
	}
	if p.Transform == isakmp.ESPNull && !s.authenticated() {
		return suite{}, &ParamError{"Auth", "NULL encryption needs integrity (RFC 4303 section 3.2)"}
	}
	return s, nil
}

func (s *suite) setCipher(p *SAParams) error {
	length := 0
	switch p.Transform {
	case isakmp.ESPNull:
	case isakmp.ESPDES:
		length, s.ivLen, s.align = 8, des.BlockSize, des.BlockSize
	case isakmp.ESP3DES:
		length, s.ivLen, s.align = 24, des.BlockSize, des.BlockSize
	case isakmp.ESPAES, isakmp.ESPAESGCM16:
		var err error
		if length, err = aesKeyLen(p.KeyBits); err != nil {
			return err
		}
		s.ivLen, s.align = aes.BlockSize, aes.BlockSize
	default:
		return &ParamError{"Transform", fmt.Sprintf("%d is not supported", p.Transform)}
	}
	if p.Transform == isakmp.ESPAESGCM16 {
		length += gcmSaltLen
		s.ivLen, s.icvLen, s.align = gcmIVLen, gcmICVLen, 4
	}
	s.encLen = uint8(length)
	if err := checkKeyLen("EncKey", p.EncKey, length); err != nil {
		return err
	}
	if p.Transform == isakmp.ESPAESGCM16 && p.Auth != isakmp.AuthAlgNone {
		return &ParamError{"Auth", "AES-GCM has its own integrity (RFC 4106 section 3.3)"}
	}
	return nil
}

func aesKeyLen(bits uint16) (int, error) {
	switch bits {
	case 0:
		return 16, nil
	case 128, 192, 256:
		return int(bits) / 8, nil
	}
	return 0, &ParamError{"KeyBits", fmt.Sprintf("%d is no AES key length", bits)}
}

func checkKeyLen(field string, key secret.Secret, want int) error {
	if got := len(key.Reveal()); got != want {
		return &ParamError{field, fmt.Sprintf("%d octets, the transform needs %d", got, want)}
	}
	return nil
}

func (s *suite) setAuth(key secret.Secret) error {
	if s.auth == isakmp.AuthAlgNone {
		return checkKeyLen("AuthKey", key, 0)
	}
	kind := hashKindOf(s.auth)
	if kind == noHash {
		return &ParamError{"Auth", fmt.Sprintf("%d is not supported", s.auth)}
	}
	s.icvLen = uint8(hashes[kind].icvLen)
	return checkKeyLen("AuthKey", key, hashes[kind].size)
}

// authenticated says whether packets carry an ICV.
func (s *suite) authenticated() bool { return s.icvLen > 0 }

// isCBC says whether packets have an IV that cannot be foreseen.
func (s *suite) isCBC() bool { return s.ivLen > 0 && s.transform != isakmp.ESPAESGCM16 }

// headerLen is the octets before the ciphertext.
func (s *suite) headerLen() int { return headerLen + int(s.ivLen) }

// ciphertextEnd is where the ICV of an ESP packet begins.
func (s *suite) ciphertextEnd(esp []byte) int { return len(esp) - int(s.icvLen) }

// padLen is the padding that brings payload and trailer to the alignment.
func (s *suite) padLen(payload int) int {
	align := int(s.align)
	return (align - (payload+trailerLen)%align) % align
}

// espLen is the length of the ESP packet that carries payload octets.
func (s *suite) espLen(payload int) int {
	return s.headerLen() + payload + s.padLen(payload) + trailerLen + int(s.icvLen)
}

// maxPayload is the largest payload whose ESP packet has at most n octets.
func (s *suite) maxPayload(n int) int {
	room := n - s.headerLen() - int(s.icvLen)
	return max(0, room-room%int(s.align)-trailerLen)
}
