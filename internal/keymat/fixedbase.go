package keymat

import (
	"crypto/subtle"

	"filippo.io/bigmod"
)

// windowBits is the bits of an exponent that one entry of a table stands for.
const windowBits = 5

// fixedBase has the powers of a group's generator that make up every power of it by
// multiplications alone: entry k of row i is g^(k*2^(i*windowBits)). Look-ups read all
// of a row, so that time and memory accesses do not depend on the exponent.
type fixedBase struct {
	m     *bigmod.Modulus
	limbs int
	rows  [][]uint // entries one behind the other
}

// newFixedBase makes the table for exponents of so many octets.
func newFixedBase(g *bigmod.Nat, m *bigmod.Modulus, octets int) *fixedBase {
	t := &fixedBase{m: m, limbs: len(g.Bits())}
	base := clone(g, m)
	for range (octets*8 + windowBits - 1) / windowBits {
		row := make([]uint, 0, t.limbs<<windowBits)
		power := one(m)
		for range 1 << windowBits {
			row = append(row, power.Bits()...)
			power.Mul(base, m)
		}
		t.rows = append(t.rows, row)
		base = power
	}
	return t
}

func one(m *bigmod.Modulus) *bigmod.Nat {
	n := bigmod.NewNat().ExpandFor(m)
	n.Bits()[0] = 1
	return n
}

func clone(x *bigmod.Nat, m *bigmod.Modulus) *bigmod.Nat {
	n := bigmod.NewNat().ExpandFor(m)
	copy(n.Bits(), x.Bits())
	return n
}

// exp returns g^x; x is big-endian and no longer than the table is for.
func (t *fixedBase) exp(x []byte) *bigmod.Nat {
	out, entry := one(t.m), one(t.m)
	for i, row := range t.rows {
		t.lookUp(entry.Bits(), row, window(x, i))
		if i == 0 {
			copy(out.Bits(), entry.Bits())
			continue
		}
		out.Mul(entry, t.m)
	}
	clear(entry.Bits())
	return out
}

// lookUp copies entry k of a row.
func (t *fixedBase) lookUp(entry, row []uint, k uint) {
	clear(entry)
	for i := range int32(1 << windowBits) {
		mask := -uint(subtle.ConstantTimeEq(i, int32(k)))
		from := row[int(i)*t.limbs:][:len(entry)]
		for j := range entry {
			entry[j] |= from[j] & mask
		}
	}
}

// window returns bits i*windowBits and up of x.
func window(x []byte, i int) (k uint) {
	at := i * windowBits
	octet := func(n int) uint {
		if n >= len(x) {
			return 0
		}
		return uint(x[len(x)-1-n])
	}
	return (octet(at/8) | octet(at/8+1)<<8) >> (at % 8) & (1<<windowBits - 1)
}
