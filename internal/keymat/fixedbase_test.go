package keymat

import (
	"bytes"
	"testing"

	"filippo.io/bigmod"
	"pgregory.net/rapid"
)

// Powers by the table are those by the usual exponentiation, whatever the windows of
// the exponent are.
func TestFixedBase(t *testing.T) {
	for name, m := range map[string]*modpGroup{"768": modp768, "1024": modp1024, "1536": modp1536, "2048": modp2048, "24": modp2048s256} {
		t.Run(name, func(t *testing.T) {
			check := func(t interface{ Fatalf(string, ...any) }, x []byte) {
				want := bigmod.NewNat().Exp(m.g, x, m.p).Bytes(m.p)
				if got := m.generatorTable().exp(x).Bytes(m.p); !bytes.Equal(got, want) {
					t.Fatalf("g^%x is %x, want %x", x, got, want)
				}
			}
			for _, fill := range []byte{0, 1, 0x80, 0xff} {
				check(t, bytes.Repeat([]byte{fill}, m.exponentLen))
			}
			rapid.Check(t, func(t *rapid.T) {
				check(t, rapid.SliceOfN(rapid.Byte(), m.exponentLen, m.exponentLen).Draw(t, "exponent"))
			})
		})
	}
}
