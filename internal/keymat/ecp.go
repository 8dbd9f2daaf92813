package keymat

import (
	"crypto/ecdh"
	"fmt"
	"io"
)

// ecpGroup is a NIST curve as RFC 5903 uses it: public values are x | y without
// the octet 4 of other formats.
type ecpGroup struct {
	curve    ecdh.Curve
	fieldLen int // octets of a coordinate and of a scalar
	topMask  byte
}

// The groups 19, 20 and 21 of RFC 5903. A scalar's first octet is cut to the
// bits of the group order; only P-521's has fewer than eight.
var (
	ecp256 = &ecpGroup{curve: ecdh.P256(), fieldLen: 32, topMask: 0xff}
	ecp384 = &ecpGroup{curve: ecdh.P384(), fieldLen: 48, topMask: 0xff}
	ecp521 = &ecpGroup{curve: ecdh.P521(), fieldLen: 66, topMask: 0x01}
)

// uncompressedPoint is SEC 1's mark before x | y, which crypto/ecdh wants.
const uncompressedPoint = 4

func (c *ecpGroup) publicLen() int { return 2 * c.fieldLen }

func (c *ecpGroup) check(pub []byte) PublicValueReason {
	_, reason := c.parse(pub)
	return reason
}

func (c *ecpGroup) parse(pub []byte) (*ecdh.PublicKey, PublicValueReason) {
	if len(pub) != c.publicLen() {
		return nil, PublicValueLength
	}
	point := make([]byte, 0, 1+len(pub))
	point = append(append(point, uncompressedPoint), pub...)
	key, err := c.curve.NewPublicKey(point)
	if err != nil {
		return nil, PublicValueNotOnCurve
	}
	return key, PublicValueOK
}

// generate draws the scalar itself: ecdh's GenerateKey ignores the reader that
// it is given, and keys must come out the same for the same octets.
func (c *ecpGroup) generate(rand io.Reader) ([]byte, dhPrivate, error) {
	scalar := make([]byte, c.fieldLen)
	defer clear(scalar)
	for range drawAttempts {
		if _, err := io.ReadFull(rand, scalar); err != nil {
			return nil, nil, fmt.Errorf("random source: %w", err)
		}
		scalar[0] &= c.topMask
		// NewPrivateKey refuses 0 and what is not less than the order.
		key, err := c.curve.NewPrivateKey(scalar)
		if err != nil {
			continue
		}
		return key.PublicKey().Bytes()[1:], &ecpPrivate{c, key}, nil
	}
	return nil, nil, errUnusableRandom
}

// ecpPrivate is a private scalar of a curve.
type ecpPrivate struct {
	group *ecpGroup
	key   *ecdh.PrivateKey
}

func (p *ecpPrivate) agree(peer []byte) ([]byte, PublicValueReason) {
	point, reason := p.group.parse(peer)
	if reason != PublicValueOK {
		return nil, reason
	}
	x, err := p.key.ECDH(point)
	if err != nil {
		// Only the point at infinity fails, and these curves' order is prime.
		return nil, PublicValueNotOnCurve
	}
	return x, PublicValueOK
}

func (p *ecpPrivate) clear() { p.key = nil }
