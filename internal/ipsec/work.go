package ipsec

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"

	"qmidle/internal/isakmp"
)

// work is a cipher that is set up for one SA and direction: *gcmWork, *aesAbreast,
// *aesDecrypter or *cbcWork. It is many times its key, which is why an SA has it only
// while it is in use.
type work interface {
	clear() // overwrites what of the key can be reached
}

// gcmWork is AES-GCM with the SA's salt, and room for a nonce.
type gcmWork struct {
	cipher.AEAD
	nonce [gcmSaltLen + gcmIVLen]byte
}

func (g *gcmWork) clear() { clear(g.nonce[:]) }

// cbcWork is a CBC mode of crypto/cipher.
type cbcWork struct{ cbcMode }

// cbcMode is a CBC mode that is told a new IV instead of being made anew,
// which would allocate for every packet. Those of crypto/cipher are.
type cbcMode interface {
	cipher.BlockMode
	SetIV(iv []byte)
}

func (*cbcWork) clear() {}

// newWork sets the cipher up; nil is for NULL. The key has the transform's length.
func newWork(t isakmp.ESPTransform, d Direction, key []byte) (work, error) {
	switch t {
	case isakmp.ESPAESGCM16:
		return newGCM(key)
	case isakmp.ESPAES:
		if d == Inbound && hasAES() {
			return newAESDecrypter(key), nil
		}
		if d == Outbound && hasAES() {
			return newAESAbreast(key), nil
		}
		return newCBC(aes.NewCipher, d, key)
	case isakmp.ESPDES:
		return newCBC(des.NewCipher, d, key)
	case isakmp.ESP3DES:
		return newCBC(des.NewTripleDESCipher, d, key)
	}
	return nil, nil
}

func newGCM(key []byte) (work, error) {
	n := len(key) - gcmSaltLen
	block, err := aes.NewCipher(key[:n])
	if err != nil {
		return nil, &ParamError{"EncKey", err.Error()}
	}
	g := new(gcmWork)
	if g.AEAD, err = cipher.NewGCM(block); err != nil {
		return nil, &ParamError{"Transform", err.Error()}
	}
	copy(g.nonce[:], key[n:])
	return g, nil
}

func newCBC(newCipher func([]byte) (cipher.Block, error), d Direction, key []byte) (work, error) {
	block, err := newCipher(key)
	if err != nil {
		return nil, &ParamError{"EncKey", err.Error()}
	}
	zero := make([]byte, block.BlockSize())
	mode := cipher.NewCBCDecrypter(block, zero)
	if d == Outbound {
		mode = cipher.NewCBCEncrypter(block, zero)
	}
	cbc, ok := mode.(cbcMode)
	if !ok {
		return nil, &ParamError{"Transform", "this CBC implementation cannot be told an IV"}
	}
	return &cbcWork{cbc}, nil
}
