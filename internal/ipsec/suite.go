package ipsec

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"

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

// cbcMode is a CBC mode that is told a new IV instead of being made anew,
// which would allocate for every packet. Those of crypto/cipher are.
type cbcMode interface {
	cipher.BlockMode
	SetIV(iv []byte)
}

// suite is the working transforms of one SA. Exactly one of aead, cbc and
// neither (NULL) is set; mac is nil with AES-GCM and without integrity.
type suite struct {
	aead cipher.AEAD
	salt [gcmSaltLen]byte
	cbc  cbcMode
	mac  hash.Hash

	ivLen, icvLen int
	align         int // what payload, padding and trailer together are a multiple of
}

func newSuite(p *SAParams) (suite, error) {
	s := suite{align: 4}
	if err := s.setCipher(p); err != nil {
		return suite{}, err
	}
	if err := s.setAuth(p.Auth, p.AuthKey); err != nil {
		return suite{}, err
	}
	if p.Transform == isakmp.ESPNull && s.mac == nil {
		return suite{}, &ParamError{"Auth", "NULL encryption needs integrity (RFC 4303 section 3.2)"}
	}
	return s, nil
}

func (s *suite) setCipher(p *SAParams) error {
	switch p.Transform {
	case isakmp.ESPNull:
		return checkKeyLen("EncKey", p.EncKey, 0)
	case isakmp.ESPDES:
		return s.setCBC(p, 8, des.NewCipher)
	case isakmp.ESP3DES:
		return s.setCBC(p, 24, des.NewTripleDESCipher)
	case isakmp.ESPAES:
		n, err := aesKeyLen(p.KeyBits)
		if err != nil {
			return err
		}
		return s.setCBC(p, n, aes.NewCipher)
	case isakmp.ESPAESGCM16:
		return s.setGCM(p)
	}
	return &ParamError{"Transform", fmt.Sprintf("%d is not supported", p.Transform)}
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

func (s *suite) setCBC(p *SAParams, keyLen int, newCipher func([]byte) (cipher.Block, error)) error {
	if err := checkKeyLen("EncKey", p.EncKey, keyLen); err != nil {
		return err
	}
	block, err := newCipher(p.EncKey.Reveal())
	if err != nil {
		return &ParamError{"EncKey", err.Error()}
	}
	s.ivLen, s.align = block.BlockSize(), block.BlockSize()
	if p.Transform == isakmp.ESPAES && p.Direction == Inbound {
		if s.cbc = newAESDecrypter(p.EncKey.Reveal()); s.cbc != nil {
			return nil
		}
	}
	zero := make([]byte, s.ivLen)
	mode := cipher.NewCBCDecrypter(block, zero)
	if p.Direction == Outbound {
		mode = cipher.NewCBCEncrypter(block, zero)
	}
	cbc, ok := mode.(cbcMode)
	if !ok {
		return &ParamError{"Transform", "this CBC implementation cannot be told an IV"}
	}
	s.cbc = cbc
	return nil
}

func (s *suite) setGCM(p *SAParams) error {
	n, err := aesKeyLen(p.KeyBits)
	if err != nil {
		return err
	}
	if err := checkKeyLen("EncKey", p.EncKey, n+gcmSaltLen); err != nil {
		return err
	}
	if p.Auth != isakmp.AuthAlgNone {
		return &ParamError{"Auth", "AES-GCM has its own integrity (RFC 4106 section 3.3)"}
	}
	key := p.EncKey.Reveal()
	block, err := aes.NewCipher(key[:n])
	if err != nil {
		return &ParamError{"EncKey", err.Error()}
	}
	if s.aead, err = cipher.NewGCM(block); err != nil {
		return &ParamError{"Transform", err.Error()}
	}
	copy(s.salt[:], key[n:])
	s.ivLen, s.icvLen = gcmIVLen, gcmICVLen
	return nil
}

// setAuth sets HMAC with the truncation of RFC 2403, RFC 2404 and RFC 4868.
func (s *suite) setAuth(a isakmp.AuthAlgorithm, key secret.Secret) error {
	var newHash func() hash.Hash
	switch a {
	case isakmp.AuthAlgNone:
		return checkKeyLen("AuthKey", key, 0)
	case isakmp.AuthAlgHMACMD5:
		newHash, s.icvLen = md5.New, 12
	case isakmp.AuthAlgHMACSHA1:
		newHash, s.icvLen = sha1.New, 12
	case isakmp.AuthAlgHMACSHA256:
		newHash, s.icvLen = sha256.New, 16
	case isakmp.AuthAlgHMACSHA384:
		newHash, s.icvLen = sha512.New384, 24
	case isakmp.AuthAlgHMACSHA512:
		newHash, s.icvLen = sha512.New, 32
	default:
		return &ParamError{"Auth", fmt.Sprintf("%d is not supported", a)}
	}
	if err := checkKeyLen("AuthKey", key, newHash().Size()); err != nil {
		return err
	}
	s.mac = hmac.New(newHash, key.Reveal())
	return nil
}

// authenticated says whether packets carry an ICV.
func (s *suite) authenticated() bool { return s.icvLen > 0 }

// padLen is the padding that brings payload and trailer to the alignment.
func (s *suite) padLen(payload int) int {
	return (s.align - (payload+trailerLen)%s.align) % s.align
}

// espLen is the length of the ESP packet that carries payload octets.
func (s *suite) espLen(payload int) int {
	return headerLen + s.ivLen + payload + s.padLen(payload) + trailerLen + s.icvLen
}

// maxPayload is the largest payload whose ESP packet has at most n octets.
func (s *suite) maxPayload(n int) int {
	room := n - headerLen - s.ivLen - s.icvLen
	return max(0, room-room%s.align-trailerLen)
}
