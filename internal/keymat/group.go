package keymat

import (
	"errors"
	"fmt"
	"io"

	"qmidle/internal/isakmp"
)

// dhGroup is a Diffie-Hellman group of either kind.
type dhGroup interface {
	publicLen() int
	check(pub []byte) PublicValueReason
	generate(rand io.Reader) (public []byte, private dhPrivate, err error)
}

// dhPrivate is the private half of a key pair. agree checks peer's length and
// value first; the secret is nil unless the reason is PublicValueOK.
type dhPrivate interface {
	agree(peer []byte) (secret []byte, reason PublicValueReason)
	clear()
}

func groupOf(g isakmp.Group) dhGroup {
	switch g {
	case isakmp.GroupMODP768:
		return modp768
	case isakmp.GroupMODP1024:
		return modp1024
	case isakmp.GroupMODP1536:
		return modp1536
	case isakmp.GroupMODP2048:
		return modp2048
	case isakmp.GroupMODP3072:
		return modp3072
	case isakmp.GroupMODP4096:
		return modp4096
	case isakmp.GroupMODP2048S256:
		return modp2048s256
	case isakmp.GroupECP256:
		return ecp256
	case isakmp.GroupECP384:
		return ecp384
	case isakmp.GroupECP521:
		return ecp521
	}
	return nil
}

// GroupSupported says whether g is a group of this package: MODP 1, 2, 5, 14,
// 15, 16 and 24, ECP 19, 20 and 21.
func GroupSupported(g isakmp.Group) bool { return groupOf(g) != nil }

// PublicLen returns the octets of a public value of g, which are all of the KE
// payload's data: for MODP those of the modulus (RFC 2409 section 5), for ECP
// the coordinates x and y (RFC 5903 section 7). It is 0 when g is not supported.
func PublicLen(g isakmp.Group) int {
	group := groupOf(g)
	if group == nil {
		return 0
	}
	return group.publicLen()
}

// PublicValueReason says what is wrong with a peer's public value.
type PublicValueReason uint8

// What may be wrong with a public value. A value that is not of the group's
// length is a mistake of the peer or another group than was agreed; the others
// come from an attacker or a broken implementation only.
const (
	PublicValueOK PublicValueReason = iota
	PublicValueLength
	PublicValueZero
	PublicValueOne
	PublicValueMinusOne
	PublicValueTooLarge
	PublicValueSubgroup
	PublicValueNotOnCurve
)

// String returns the reason in words.
func (r PublicValueReason) String() string {
	switch r {
	case PublicValueOK:
		return "valid"
	case PublicValueLength:
		return "wrong length"
	case PublicValueZero:
		return "is 0"
	case PublicValueOne:
		return "is 1"
	case PublicValueMinusOne:
		return "is p-1"
	case PublicValueTooLarge:
		return "is not less than p"
	case PublicValueSubgroup:
		return "is not in the subgroup of order q"
	case PublicValueNotOnCurve:
		return "is no point of the curve"
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// PublicValueError says that a peer's public value cannot be used. Len and
// WantLen are octets.
type PublicValueError struct {
	Group   isakmp.Group
	Reason  PublicValueReason
	Len     int
	WantLen int
}

// Error implements error.
func (e *PublicValueError) Error() string {
	if e.Reason == PublicValueLength {
		return fmt.Sprintf("public value of group %d has %d octets, not %d", e.Group, e.Len, e.WantLen)
	}
	return fmt.Sprintf("public value of group %d %s", e.Group, e.Reason)
}

// ValidatePublic checks a public value of group g (SP 800-56A revision 3
// sections 5.6.2.3.1 and 5.6.2.3.3). The error is a *PublicValueError. For group
// 24 it costs an exponentiation, since that prime has small subgroups (RFC 6989
// section 2.2); for the others it costs next to nothing.
func ValidatePublic(g isakmp.Group, pub []byte) error {
	group := groupOf(g)
	if group == nil {
		panic(unsupportedGroup(g))
	}
	return publicValueError(g, group.check(pub), pub)
}

func publicValueError(g isakmp.Group, r PublicValueReason, pub []byte) error {
	if r == PublicValueOK {
		return nil
	}
	return &PublicValueError{Group: g, Reason: r, Len: len(pub), WantLen: PublicLen(g)}
}

// KeyPair is an ephemeral key of one group. It prints nothing of its private
// part. Several goroutines may ask it for secrets, as long as none clears it.
type KeyPair struct {
	group   isakmp.Group
	public  []byte
	private dhPrivate
}

// GenerateKeyPair draws a key of group g from rand, which must be
// cryptographically secure outside of tests. Equal octets give equal keys. The
// error is rand's, or tells that rand yields nothing usable.
func GenerateKeyPair(g isakmp.Group, rand io.Reader) (*KeyPair, error) {
	group := groupOf(g)
	if group == nil {
		panic(unsupportedGroup(g))
	}
	public, private, err := group.generate(rand)
	if err != nil {
		return nil, fmt.Errorf("key of group %d: %w", g, err)
	}
	return &KeyPair{group: g, public: public, private: private}, nil
}

// Group returns the key's group.
func (k *KeyPair) Group() isakmp.Group { return k.group }

// Public returns the public value in PublicLen octets, padded on the left. The
// caller must not change it.
func (k *KeyPair) Public() []byte { return k.public }

// ErrCleared says that a key pair was asked for a secret after Clear.
var ErrCleared = errors.New("private key was cleared")

// SharedSecret validates peer as ValidatePublic does and returns g^xy: for MODP
// as long as the modulus, padded on the left (RFC 2409 section 5), for ECP the x
// coordinate only (RFC 5903 section 7). The error is a *PublicValueError or
// ErrCleared.
func (k *KeyPair) SharedSecret(peer []byte) ([]byte, error) {
	if k.private == nil {
		return nil, ErrCleared
	}
	secret, reason := k.private.agree(peer)
	return secret, publicValueError(k.group, reason, peer)
}

// Clear forgets the private part and overwrites it where Go lets us: a MODP
// exponent is zeroed, an ECP scalar is left to the garbage collector.
func (k *KeyPair) Clear() {
	if k.private == nil {
		return
	}
	k.private.clear()
	k.private = nil
}

// Format implements fmt.Formatter and shows the group only.
func (k *KeyPair) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "key pair of group %d", uint16(k.group))
}

func unsupportedGroup(g isakmp.Group) string {
	return fmt.Sprintf("keymat: group %d is not supported", uint16(g))
}

// drawAttempts bounds the rejections while drawing a private value. The worst
// group (24) rejects 45 of 100 draws, so running out means a broken reader.
const drawAttempts = 128

var errUnusableRandom = errors.New("random source yields no usable private value")
