package keymat

import (
	"fmt"
	"io"
	"sync/atomic"

	"filippo.io/bigmod"

	"qmidle/internal/secret"
)

// modpGroup is a group of integers modulo a prime.
type modpGroup struct {
	p *bigmod.Modulus
	g *bigmod.Nat
	// order is q where g generates a small subgroup of prime order. It is nil
	// where p is a safe prime: what is neither 0 nor +-1 then has a large order.
	order *bigmod.Modulus
	// exponentLen is the octets of a private exponent.
	exponentLen int
	// powers is made when the first key is.
	powers atomic.Pointer[fixedBase]
}

// generatorTable returns the powers of g. Two callers may make them at once; they come
// out the same.
func (m *modpGroup) generatorTable() *fixedBase {
	if t := m.powers.Load(); t != nil {
		return t
	}
	t := newFixedBase(m.g, m.p, m.exponentLen)
	m.powers.Store(t)
	return t
}

func (m *modpGroup) publicLen() int { return m.p.Size() }

func (m *modpGroup) check(pub []byte) PublicValueReason {
	_, reason := m.parse(pub)
	return reason
}

// parse reads a public value and refuses one that would give the secret away.
func (m *modpGroup) parse(pub []byte) (*bigmod.Nat, PublicValueReason) {
	if len(pub) != m.publicLen() {
		return nil, PublicValueLength
	}
	y, err := bigmod.NewNat().SetBytes(pub, m.p)
	if err != nil {
		return nil, PublicValueTooLarge
	}
	switch {
	case y.IsZero() == 1:
		return nil, PublicValueZero
	case y.IsOne() == 1:
		return nil, PublicValueOne
	case y.IsMinusOne(m.p) == 1:
		return nil, PublicValueMinusOne
	case !m.inSubgroup(y):
		return nil, PublicValueSubgroup
	}
	return y, PublicValueOK
}

func (m *modpGroup) inSubgroup(y *bigmod.Nat) bool {
	if m.order == nil {
		return true
	}
	q := m.order.Nat().Bytes(m.order)
	return bigmod.NewNat().Exp(y, q, m.p).IsOne() == 1
}

func (m *modpGroup) generate(rand io.Reader) ([]byte, dhPrivate, error) {
	x, err := m.drawExponent(rand)
	if err != nil {
		return nil, nil, err
	}
	defer clear(x)
	public := m.generatorTable().exp(x).Bytes(m.p)
	return public, &modpPrivate{m, secret.New(x)}, nil
}

// drawExponent draws an exponent of exponentLen octets that is not 0 and, where
// there is an order, less than it.
func (m *modpGroup) drawExponent(rand io.Reader) ([]byte, error) {
	x := make([]byte, m.exponentLen)
	for range drawAttempts {
		if _, err := io.ReadFull(rand, x); err != nil {
			return nil, fmt.Errorf("random source: %w", err)
		}
		if m.exponentOK(x) {
			return x, nil
		}
	}
	return nil, errUnusableRandom
}

func (m *modpGroup) exponentOK(x []byte) bool {
	bound := m.order
	if bound == nil {
		bound = m.p
	}
	n, err := bigmod.NewNat().SetBytes(x, bound)
	return err == nil && n.IsZero() == 0
}

// modpPrivate is a private exponent of a group.
type modpPrivate struct {
	group    *modpGroup
	exponent secret.Secret
}

func (p *modpPrivate) agree(peer []byte) ([]byte, PublicValueReason) {
	y, reason := p.group.parse(peer)
	if reason != PublicValueOK {
		return nil, reason
	}
	m := p.group.p
	return bigmod.NewNat().Exp(y, p.exponent.Reveal(), m).Bytes(m), PublicValueOK
}

func (p *modpPrivate) clear() { clear(p.exponent.Reveal()) }
