package config

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// largeFiles are the lines of files with many parts of one kind.
var largeFiles = map[string]func(i int) string{
	"access list": func(i int) string {
		return fmt.Sprintf("access-list 101 permit ip host %s any\n", addr4(uint32(i)))
	},
	"lists": func(i int) string {
		return fmt.Sprintf("ip access-list extended L%d\n", i)
	},
	"keys": func(i int) string {
		return fmt.Sprintf("crypto isakmp key secret address %s\n", addr4(uint32(1000+i)))
	},
	"routes": func(i int) string {
		return fmt.Sprintf("ip route %s 255.255.255.255 10.0.0.1\n", addr4(uint32(i)))
	},
	"interfaces": func(i int) string {
		return fmt.Sprintf("interface Tunnel%d\n", i)
	},
	"policies": func(i int) string {
		return fmt.Sprintf("crypto isakmp policy %d\n", 10000-i)
	},
	"entries": func(i int) string {
		return fmt.Sprintf("crypto map M %d ipsec-isakmp\n", 10000-i)
	},
	"peers": func(i int) string {
		if i == 0 {
			return "crypto map M 1 ipsec-isakmp\n"
		}
		return fmt.Sprintf("set peer %s\n", addr4(uint32(1000+i)))
	},
	"skipped": func(int) string { return "line vty 0 4\n" },
	"wrong words": func(i int) string {
		return fmt.Sprintf("frobnicate%d\n", i)
	},
	"wrong references": func(i int) string {
		return fmt.Sprintf("interface Tunnel%d\ncrypto map M%d\n", i, i)
	},
	"wrong selectors": func(i int) string {
		return fmt.Sprintf("crypto map M %d ipsec-isakmp\nmatch address 101\naccess-list 101 permit tcp host %s any established\n", 1+i, addr4(uint32(i)))
	},
}

// TestLargeFiles loads ten thousand lines of each kind: what grows faster than
// the file would take minutes.
func TestLargeFiles(t *testing.T) {
	long := func(line func(i int) string) []byte {
		var b bytes.Buffer
		for i := range 10000 {
			b.WriteString(line(i))
		}
		return b.Bytes()
	}
	for name, line := range largeFiles {
		t.Run(name, func(t *testing.T) {
			text := long(line)
			if c, ds := Load(name, text); c == nil && !strings.HasPrefix(name, "wrong") {
				t.Fatal(ds.Err())
			}
		})
	}
}
