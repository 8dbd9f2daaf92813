package ipsec

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding"
	"hash"

	"qmidle/internal/isakmp"
)

// hashKind is a hash that HMAC is made with; it is an index into hashes.
type hashKind int8

const (
	hashMD5 hashKind = iota
	hashSHA1
	hashSHA256
	hashSHA384
	hashSHA512
	hashCount
	noHash hashKind = -1
)

// hashes have the truncations of RFC 2403, RFC 2404 and RFC 4868. state is the octets
// that a hash hands from block to block.
var hashes = [hashCount]struct {
	make                       func() hash.Hash
	size, block, state, icvLen int
}{
	hashMD5:    {md5.New, md5.Size, md5.BlockSize, 16, 12},
	hashSHA1:   {sha1.New, sha1.Size, sha1.BlockSize, 20, 12},
	hashSHA256: {sha256.New, sha256.Size, sha256.BlockSize, 32, 16},
	hashSHA384: {sha512.New384, sha512.Size384, sha512.BlockSize, 64, 24},
	hashSHA512: {sha512.New, sha512.Size, sha512.BlockSize, 64, 32},
}

func hashKindOf(a isakmp.AuthAlgorithm) hashKind {
	switch a {
	case isakmp.AuthAlgHMACMD5:
		return hashMD5
	case isakmp.AuthAlgHMACSHA1:
		return hashSHA1
	case isakmp.AuthAlgHMACSHA256:
		return hashSHA256
	case isakmp.AuthAlgHMACSHA384:
		return hashSHA384
	case isakmp.AuthAlgHMACSHA512:
		return hashSHA512
	}
	return noHash
}

const maxBlock = sha512.BlockSize

// resumable is a hash that goes on from a state. An HMAC's key is no more than the two
// states after its inner and its outer pad (RFC 2104 section 4), so that SAs need no
// hash of their own.
type resumable struct {
	hash  stateHash
	state int
	pad   [maxBlock]byte // zero but while a key is set up
	// form is the hash as it marshals itself behind one block, but for the state, which
	// stands behind magicLen octets.
	form []byte
}

// stateHash is what the hashes of the standard library can all do.
type stateHash interface {
	hash.Hash
	encoding.BinaryAppender
	encoding.BinaryUnmarshaler
}

const magicLen = 4

func newResumable(kind hashKind) *resumable {
	r := &resumable{hash: hashes[kind].make().(stateHash), state: hashes[kind].state}
	r.hash.Write(r.pad[:hashes[kind].block])
	r.marshal()
	r.forget()
	return r
}

// marshal has the hash's state in the form.
func (r *resumable) marshal() {
	var err error
	if r.form, err = r.hash.AppendBinary(r.form[:0]); err != nil {
		panic(err) // no hash of the standard library does that
	}
}

// resume sets the hash to a state.
func (r *resumable) resume(state []byte) {
	copy(r.form[magicLen:], state)
	if err := r.hash.UnmarshalBinary(r.form); err != nil {
		panic(err) // the form is its own
	}
}

// forget leaves nothing of a key that appendStates or mac was given.
func (r *resumable) forget() {
	clear(r.form[magicLen : magicLen+r.state])
	r.hash.Reset()
}

// appendStates appends an HMAC key's states, the inner and the outer one.
func (r *resumable) appendStates(b, key []byte) []byte {
	for _, pad := range [...]byte{0x36, 0x5c} {
		block := r.pad[:r.hash.BlockSize()]
		copy(block, key)
		for i := range block {
			block[i] ^= pad
		}
		r.hash.Reset()
		r.hash.Write(block)
		clear(block)
		r.marshal()
		b = append(b, r.form[magicLen:magicLen+r.state]...)
	}
	return b
}

// mac returns the HMAC of a message, by the states of its key, behind sum.
func (r *resumable) mac(sum, states, message []byte) []byte {
	start := len(sum)
	r.resume(states[:r.state])
	r.hash.Write(message)
	sum = r.hash.Sum(sum)
	r.resume(states[r.state:])
	r.hash.Write(sum[start:])
	return r.hash.Sum(sum[:start])
}
