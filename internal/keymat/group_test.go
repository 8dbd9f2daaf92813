package keymat

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/big"
	"testing"

	"qmidle/internal/isakmp"
)

var modpGroups = []isakmp.Group{
	isakmp.GroupMODP768, isakmp.GroupMODP1024, isakmp.GroupMODP1536, isakmp.GroupMODP2048,
	isakmp.GroupMODP3072, isakmp.GroupMODP4096, isakmp.GroupMODP2048S256,
}

var ecpGroups = []isakmp.Group{isakmp.GroupECP256, isakmp.GroupECP384, isakmp.GroupECP521}

var allGroups = append(append([]isakmp.Group(nil), modpGroups...), ecpGroups...)

// pseudorandom yields the same octets for the same seed: hash(seed | counter).
type pseudorandom struct {
	seed, counter byte
	rest          []byte
}

func (p *pseudorandom) Read(b []byte) (int, error) {
	for i := range b {
		if len(p.rest) == 0 {
			p.counter++
			p.rest = Hash(isakmp.HashSHA256, []byte{p.seed, p.counter})
		}
		b[i], p.rest = p.rest[0], p.rest[1:]
	}
	return len(b), nil
}

func mustKeyPair(t testing.TB, g isakmp.Group, rand io.Reader) *KeyPair {
	t.Helper()
	k, err := GenerateKeyPair(g, rand)
	if err != nil {
		t.Fatalf("group %d: %v", g, err)
	}
	return k
}

func mustShare(t testing.TB, k *KeyPair, peer []byte) []byte {
	t.Helper()
	s, err := k.SharedSecret(peer)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// pi returns [2^bits * pi] by Machin's formula.
func pi(bits uint) *big.Int {
	const guard = 64
	one := new(big.Int).Lsh(big.NewInt(1), bits+guard)
	p := new(big.Int).Mul(big.NewInt(4), arctan(5, one))
	p.Sub(p, arctan(239, one)).Mul(p, big.NewInt(4))
	return p.Rsh(p, guard)
}

// arctan returns arctan(1/x) times one.
func arctan(x int64, one *big.Int) *big.Int {
	term := new(big.Int).Quo(one, big.NewInt(x))
	sum := new(big.Int).Set(term)
	square := big.NewInt(-x * x)
	for n := int64(3); term.Sign() != 0; n += 2 {
		term.Quo(term, square)
		sum.Add(sum, new(big.Int).Quo(term, big.NewInt(n)))
	}
	return sum
}

// TestPrimes computes each prime by the formula of its RFC.
func TestPrimes(t *testing.T) {
	for _, v := range []struct {
		prime string
		n     uint
		c     int64
	}{
		{modp768Prime, 768, 149686},   // RFC 2409 section 6.1
		{modp1024Prime, 1024, 129093}, // RFC 2409 section 6.2
		{modp1536Prime, 1536, 741804}, // RFC 3526 section 2
		{modp2048Prime, 2048, 124476}, // RFC 3526 section 3
		{modp3072Prime, 3072, 1690314},
		{modp4096Prime, 4096, 240904},
	} {
		power := func(e uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), e) }
		middle := pi(v.n - 130)
		middle.Add(middle, big.NewInt(v.c)).Lsh(middle, 64)
		want := power(v.n)
		want.Sub(want, power(v.n-64)).Sub(want, big.NewInt(1)).Add(want, middle)
		checkBytes(t, fmt.Sprintf("prime of %d bits", v.n), octets(v.prime), want.Bytes())
	}
}

// TestSubgroup checks what RFC 5114 section 2.3 says of its numbers, and that
// they are prime.
func TestSubgroup(t *testing.T) {
	number := func(digits string) *big.Int { return new(big.Int).SetBytes(octets(digits)) }
	p, g, q := number(modp2048s256Prime), number(modp2048s256Generator), number(modp2048s256Order)
	one := big.NewInt(1)
	if p.BitLen() != 2048 || q.BitLen() != 256 || !p.ProbablyPrime(2) || !q.ProbablyPrime(2) {
		t.Error("p or q is not the prime that it should be")
	}
	if new(big.Int).Mod(new(big.Int).Sub(p, one), q).Sign() != 0 {
		t.Error("q does not divide p-1")
	}
	if g.Cmp(one) == 0 || new(big.Int).Exp(g, q, p).Cmp(one) != 0 {
		t.Error("g does not have the order q")
	}
}

// TestMODPAgainstBig computes every key and secret a second time with math/big.
func TestMODPAgainstBig(t *testing.T) {
	for _, g := range modpGroups {
		group := groupOf(g).(*modpGroup)
		p := new(big.Int).SetBytes(group.p.Nat().Bytes(group.p))
		base := new(big.Int).SetBytes(group.g.Bytes(group.p))
		a, b := mustKeyPair(t, g, &pseudorandom{seed: 1}), mustKeyPair(t, g, &pseudorandom{seed: 2})
		x := new(big.Int).SetBytes(a.private.(*modpPrivate).exponent.Reveal())
		want := make([]byte, PublicLen(g))
		checkBytes(t, fmt.Sprintf("group %d g^x", g), a.Public(), new(big.Int).Exp(base, x, p).FillBytes(want))
		new(big.Int).Exp(new(big.Int).SetBytes(b.Public()), x, p).FillBytes(want)
		checkBytes(t, fmt.Sprintf("group %d g^xy", g), mustShare(t, a, b.Public()), want)
	}
}

func TestAgreement(t *testing.T) {
	lengths := map[isakmp.Group][2]int{ // public, secret
		1: {96, 96}, 2: {128, 128}, 5: {192, 192}, 14: {256, 256}, 15: {384, 384}, 16: {512, 512}, 24: {256, 256},
		19: {64, 32}, 20: {96, 48}, 21: {132, 66},
	}
	for _, g := range allGroups {
		if !GroupSupported(g) || PublicLen(g) != lengths[g][0] {
			t.Errorf("group %d: supported %v, %d octets", g, GroupSupported(g), PublicLen(g))
		}
		a, b := mustKeyPair(t, g, &pseudorandom{seed: 3}), mustKeyPair(t, g, &pseudorandom{seed: 4})
		if a.Group() != g || len(a.Public()) != PublicLen(g) || bytes.Equal(a.Public(), b.Public()) {
			t.Errorf("group %d: bad key pairs", g)
		}
		secret := mustShare(t, a, b.Public())
		checkBytes(t, fmt.Sprintf("group %d", g), mustShare(t, b, a.Public()), secret)
		if len(secret) != lengths[g][1] {
			t.Errorf("group %d: secret of %d octets", g, len(secret))
		}
		again := mustKeyPair(t, g, &pseudorandom{seed: 3})
		checkBytes(t, fmt.Sprintf("group %d with the same octets", g), again.Public(), a.Public())
	}
}

func TestExponentLengths(t *testing.T) {
	for g, bits := range map[isakmp.Group]int{1: 160, 2: 160, 5: 192, 14: 256, 15: 280, 16: 328, 24: 256} {
		k := mustKeyPair(t, g, &pseudorandom{seed: 5})
		if n := len(k.private.(*modpPrivate).exponent.Reveal()) * 8; n != bits {
			t.Errorf("group %d: exponent of %d bits, want %d", g, n, bits)
		}
	}
}

func TestPaddedOnTheLeft(t *testing.T) {
	const g = isakmp.GroupMODP768
	shortPublic, shortSecret := false, false
	peer := mustKeyPair(t, g, &pseudorandom{seed: 0}).Public()
	for seed := 1; seed < 256*16 && !(shortPublic && shortSecret); seed++ {
		k := mustKeyPair(t, g, io.MultiReader(bytes.NewReader([]byte{byte(seed >> 8), byte(seed)}), &pseudorandom{seed: 6}))
		secret := mustShare(t, k, peer)
		if len(k.Public()) != 96 || len(secret) != 96 {
			t.Fatalf("%d and %d octets, want 96", len(k.Public()), len(secret))
		}
		shortPublic = shortPublic || k.Public()[0] == 0
		shortSecret = shortSecret || secret[0] == 0
	}
	if !shortPublic || !shortSecret {
		t.Error("no seed gave a value that needs padding")
	}
}

func TestGroupVectors(t *testing.T) {
	for _, v := range groupVectors {
		t.Run(v.name, func(t *testing.T) {
			secret := unhex(t, v.secret)
			a := mustKeyPair(t, v.group, bytes.NewReader(unhex(t, v.privateA)))
			b := mustKeyPair(t, v.group, bytes.NewReader(unhex(t, v.privateB)))
			checkBytes(t, "public value of A", a.Public(), unhex(t, v.publicA))
			checkBytes(t, "public value of B", b.Public(), unhex(t, v.publicB))
			checkBytes(t, "secret of A", mustShare(t, a, b.Public()), secret)
			checkBytes(t, "secret of B", mustShare(t, b, a.Public()), secret)
		})
	}
}

func TestUnsupportedGroup(t *testing.T) {
	for _, g := range []isakmp.Group{isakmp.GroupNone, 3, 4, 17, 22, 23, 25, 26, 31} {
		if GroupSupported(g) || PublicLen(g) != 0 {
			t.Errorf("group %d counts as supported", g)
		}
		mustPanic(t, "GenerateKeyPair", func() { GenerateKeyPair(g, &pseudorandom{}) })
		mustPanic(t, "ValidatePublic", func() { ValidatePublic(g, nil) })
	}
}

func checkReason(t *testing.T, what string, err error, g isakmp.Group, want PublicValueReason) {
	t.Helper()
	var e *PublicValueError
	if !errors.As(err, &e) {
		t.Errorf("group %d, %s: error %v", g, what, err)
		return
	}
	if e.Group != g || e.Reason != want || e.WantLen != PublicLen(g) {
		t.Errorf("group %d, %s: %+v, want %v", g, what, *e, want)
	}
}

func checkRefused(t *testing.T, what string, g isakmp.Group, pub []byte, want PublicValueReason) {
	t.Helper()
	checkReason(t, what, ValidatePublic(g, pub), g, want)
	secret, err := mustKeyPair(t, g, &pseudorandom{seed: 7}).SharedSecret(pub)
	checkReason(t, what+" shared", err, g, want)
	if secret != nil {
		t.Errorf("group %d, %s: a secret came with the error", g, what)
	}
}

func TestValidatePublicMODP(t *testing.T) {
	for _, g := range modpGroups {
		n := PublicLen(g)
		m := groupOf(g).(*modpGroup).p
		p := new(big.Int).SetBytes(m.Nat().Bytes(m))
		plus := func(d int64) []byte { return new(big.Int).Add(p, big.NewInt(d)).FillBytes(make([]byte, n)) }
		small := func(d int64) []byte { return big.NewInt(d).FillBytes(make([]byte, n)) }
		good := mustKeyPair(t, g, &pseudorandom{seed: 8}).Public()
		if err := ValidatePublic(g, good); err != nil {
			t.Errorf("group %d: a good value is refused: %v", g, err)
		}
		checkRefused(t, "empty", g, nil, PublicValueLength)
		checkRefused(t, "short", g, good[1:], PublicValueLength)
		checkRefused(t, "long", g, append([]byte{0}, good...), PublicValueLength)
		checkRefused(t, "0", g, small(0), PublicValueZero)
		checkRefused(t, "1", g, small(1), PublicValueOne)
		checkRefused(t, "p-1", g, plus(-1), PublicValueMinusOne)
		checkRefused(t, "p", g, plus(0), PublicValueTooLarge)
		checkRefused(t, "p+1", g, plus(1), PublicValueTooLarge)
		checkRefused(t, "all ones", g, bytes.Repeat([]byte{0xff}, n), PublicValueTooLarge)
		if g != isakmp.GroupMODP2048S256 {
			if err := ValidatePublic(g, small(2)); err != nil {
				t.Errorf("group %d: 2 is refused: %v", g, err)
			}
			if err := ValidatePublic(g, plus(-2)); err != nil {
				t.Errorf("group %d: p-2 is refused: %v", g, err)
			}
		}
	}
}

// TestValidatePublicSubgroup offers group 24 values of a small order and of an
// order that q is only part of.
func TestValidatePublicSubgroup(t *testing.T) {
	const g = isakmp.GroupMODP2048S256
	p := new(big.Int).SetBytes(octets(modp2048s256Prime))
	q := new(big.Int).SetBytes(octets(modp2048s256Order))
	cofactor := new(big.Int).Sub(p, big.NewInt(1))
	cofactor.Quo(cofactor, q)
	fill := func(n *big.Int) []byte { return n.FillBytes(make([]byte, PublicLen(g))) }
	checkRefused(t, "2", g, fill(big.NewInt(2)), PublicValueSubgroup)
	checkRefused(t, "order without q", g, fill(new(big.Int).Exp(big.NewInt(2), q, p)), PublicValueSubgroup)
	if err := ValidatePublic(g, fill(new(big.Int).Exp(big.NewInt(2), cofactor, p))); err != nil {
		t.Errorf("an element of order q is refused: %v", err)
	}
	negated := new(big.Int).Sub(p, new(big.Int).SetBytes(octets(modp2048s256Generator)))
	checkRefused(t, "-g", g, fill(negated), PublicValueSubgroup)
}

func TestValidatePublicECP(t *testing.T) {
	for _, g := range ecpGroups {
		n := PublicLen(g)
		good := mustKeyPair(t, g, &pseudorandom{seed: 9}).Public()
		if err := ValidatePublic(g, good); err != nil {
			t.Errorf("group %d: a good point is refused: %v", g, err)
		}
		checkRefused(t, "empty", g, nil, PublicValueLength)
		checkRefused(t, "with the octet 4", g, append([]byte{4}, good...), PublicValueLength)
		checkRefused(t, "x only", g, good[:n/2], PublicValueLength)
		checkRefused(t, "zero", g, make([]byte, n), PublicValueNotOnCurve)
		checkRefused(t, "coordinates not less than p", g, bytes.Repeat([]byte{0xff}, n), PublicValueNotOnCurve)
		bad := append([]byte(nil), good...)
		bad[n-1] ^= 1
		checkRefused(t, "off the curve", g, bad, PublicValueNotOnCurve)
	}
}

func TestPublicValueErrorText(t *testing.T) {
	for want, err := range map[string]error{
		"public value of group 2 has 96 octets, not 128":    ValidatePublic(isakmp.GroupMODP1024, make([]byte, 96)),
		"public value of group 2 is 0":                      ValidatePublic(isakmp.GroupMODP1024, make([]byte, 128)),
		"public value of group 19 is no point of the curve": ValidatePublic(isakmp.GroupECP256, make([]byte, 64)),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	seen := map[string]bool{}
	for r := PublicValueOK; r <= PublicValueNotOnCurve+1; r++ {
		if s := r.String(); s == "" || seen[s] {
			t.Errorf("reason %d has the text %q", r, s)
		} else {
			seen[s] = true
		}
	}
}

// constantReader yields one octet for ever.
type constantReader byte

func (c constantReader) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(c)
	}
	return len(b), nil
}

func TestRandomSource(t *testing.T) {
	for _, g := range allGroups {
		if _, err := GenerateKeyPair(g, bytes.NewReader([]byte{1, 2, 3})); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("group %d: a short source gave %v", g, err)
		}
		if k, err := GenerateKeyPair(g, constantReader(0)); !errors.Is(err, errUnusableRandom) || k != nil {
			t.Errorf("group %d: zeros gave %v", g, err)
		}
	}
	// These have a bound that is not a power of two: all ones are beyond it.
	for _, g := range append([]isakmp.Group{isakmp.GroupMODP2048S256}, ecpGroups...) {
		if _, err := GenerateKeyPair(g, constantReader(0xff)); !errors.Is(err, errUnusableRandom) {
			t.Errorf("group %d: ones gave %v", g, err)
		}
		refusedThenGood := io.MultiReader(bytes.NewReader(bytes.Repeat([]byte{0xff}, scalarLen(g))), &pseudorandom{seed: 11})
		checkBytes(t, fmt.Sprintf("group %d after a rejection", g),
			mustKeyPair(t, g, refusedThenGood).Public(), mustKeyPair(t, g, &pseudorandom{seed: 11}).Public())
	}
}

func scalarLen(g isakmp.Group) int {
	if c, ok := groupOf(g).(*ecpGroup); ok {
		return c.fieldLen
	}
	return groupOf(g).(*modpGroup).exponentLen
}

func TestClear(t *testing.T) {
	for _, g := range []isakmp.Group{isakmp.GroupMODP1024, isakmp.GroupECP256} {
		k := mustKeyPair(t, g, &pseudorandom{seed: 12})
		var exponent []byte
		if p, ok := k.private.(*modpPrivate); ok {
			exponent = p.exponent.Reveal()
		}
		public := k.Public()
		k.Clear()
		k.Clear()
		checkBytes(t, "exponent", exponent, make([]byte, len(exponent)))
		if _, err := k.SharedSecret(public); !errors.Is(err, ErrCleared) {
			t.Errorf("group %d: error %v after Clear", g, err)
		}
	}
}

func TestKeyPairNeverPrints(t *testing.T) {
	const private = "zqj0123456789abcdefghijklmnopqrs"
	for _, g := range []isakmp.Group{isakmp.GroupMODP2048, isakmp.GroupMODP2048S256, isakmp.GroupECP256} {
		k := mustKeyPair(t, g, bytes.NewReader([]byte(private)))
		for _, v := range []any{k, *k, struct{ k *KeyPair }{k}, struct{ k KeyPair }{*k}, []*KeyPair{k}} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
				if out := fmt.Sprintf(verb, v); showsKey(out, private) {
					t.Errorf("group %d: %s of %T shows the exponent: %s", g, verb, v, out)
				}
			}
		}
		if out := fmt.Sprint(k); out != fmt.Sprintf("key pair of group %d", uint16(g)) {
			t.Errorf("shown as %q", out)
		}
	}
}

func FuzzSharedSecret(f *testing.F) {
	for _, g := range allGroups {
		f.Add(uint16(g), mustKeyPair(f, g, &pseudorandom{seed: 13}).Public())
	}
	keys := map[isakmp.Group]*KeyPair{}
	for _, g := range allGroups {
		keys[g] = mustKeyPair(f, g, &pseudorandom{seed: 14})
	}
	f.Fuzz(func(t *testing.T, g uint16, peer []byte) {
		k := keys[isakmp.Group(g)]
		if k == nil {
			return
		}
		secret, err := k.SharedSecret(peer)
		if (secret == nil) != (err != nil) {
			t.Errorf("secret %x with error %v", secret, err)
		}
		if (ValidatePublic(k.Group(), peer) == nil) != (err == nil) {
			t.Errorf("ValidatePublic and SharedSecret do not agree on %x", peer)
		}
	})
}
