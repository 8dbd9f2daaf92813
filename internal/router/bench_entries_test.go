package router

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/ike"
)

// manyEntries is a hub that names each of its sites, with a key for each.
func manyEntries(sites int) string {
	var b strings.Builder
	b.WriteString("crypto isakmp policy 10\n encr aes\n authentication pre-share\n group 14\ncrypto ipsec transform-set T esp-aes esp-sha-hmac\n")
	site := netip.MustParseAddr("10.0.0.1")
	for i := range sites {
		fmt.Fprintf(&b, "crypto isakmp key key-%d address %v\nip access-list extended SITE-%d\n permit ip 192.168.2.0 0.0.0.255 11.%d.%d.0 0.0.0.255\n"+
			"crypto map M %d ipsec-isakmp\n set peer %v\n set transform-set T\n match address SITE-%d\n", i, site, i, i>>8, i&255, i+1, site, i)
		site = site.Next()
	}
	b.WriteString("interface Ethernet0/0\n ip address 192.1.1.40 255.255.255.0\n crypto map M\n")
	return b.String()
}

// BenchmarkManyEntries is what a configuration takes that names each of its sites: to
// be read, to be put in the place of another like it, and to find a site's key in. The
// gateway stands still for the second, and for the third in each phase 1.
func BenchmarkManyEntries(b *testing.B) {
	for _, sites := range []int{1000, 8000} {
		text := []byte(manyEntries(sites))
		loaded := func() *config.Config {
			cfg, diagnostics := config.Load("many", text)
			if err := diagnostics.Err(); err != nil {
				b.Fatal(err)
			}
			return cfg
		}
		r, err := New(Options{Config: loaded(), Local: ConfiguredAddress})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("read %d", sites), func(b *testing.B) {
			for b.Loop() {
				loaded()
			}
		})
		b.Run(fmt.Sprintf("change %d", sites), func(b *testing.B) {
			cfg := loaded()
			for b.Loop() {
				c, err := r.Prepare(cfg, ConfiguredAddress)
				if err != nil {
					b.Fatal(err)
				}
				r.Reconfigure(time.Unix(0, 0), c)
			}
		})
		b.Run(fmt.Sprintf("key of %d", sites), func(b *testing.B) {
			q := ike.KeyQuery{Local: netip.MustParseAddr("192.1.1.40"), Remote: netip.MustParseAddr("10.0.0.77")}
			for b.Loop() {
				if _, ok := r.peers.keys.PresharedKey(q); !ok {
					b.Fatal("there is no key")
				}
			}
		})
	}
}
