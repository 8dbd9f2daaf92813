package config

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

const sourced = `hostname r
crypto isakmp policy 10
 encr aes 256
 authentication pre-share
crypto isakmp key hidden address 192.0.2.1
crypto isakmp key hidden-too address 192.0.2.0 255.255.255.0
crypto keyring RING
  pre-shared-key address 192.0.2.9 key hidden
crypto isakmp profile P
   keyring RING
   match identity address 192.0.2.9
   self-identity fqdn r.example.com
crypto isakmp keepalive 10
no crypto isakmp enable
crypto ipsec security-association lifetime seconds 900
crypto ipsec transform-set T esp-aes 256 esp-sha-hmac
 mode transport
crypto dynamic-map D 5
 set transform-set T
crypto map M 10 ipsec-isakmp
 set peer 192.0.2.1
 set transform-set T
 set pfs group14
 set security-association lifetime kilobytes 5000
 match address 101
crypto map M 20 ipsec-isakmp dynamic D
crypto map M local-address Loopback0
interface Loopback0
 ip address 192.0.2.77 255.255.255.255
interface Ethernet0
 ip address dhcp
 shutdown
 crypto map M
ip route 0.0.0.0 0.0.0.0 Ethernet0
ip host far 192.0.2.1
access-list 101 permit ip any any
`

func TestSourceKnowsEachLine(t *testing.T) {
	c, s, ds := LoadSource("r.cfg", []byte(sourced))
	if c == nil {
		t.Fatal(ds)
	}
	ring, p := c.Keyring("RING"), c.Profile("P")
	for want, got := range map[string]Line{
		"1:hostname r":              s.Hostname(),
		"2:crypto isakmp policy 10": s.Policy(10, "hash"),
		"3: encr aes 256":           s.Policy(10, "encryption"),
		"5:crypto isakmp key <secret> address 192.0.2.1":               s.Key(DefaultKeyring, c.ISAKMP.Keys[0]),
		"6:crypto isakmp key <secret> address 192.0.2.0 255.255.255.0": s.Key(DefaultKeyring, c.ISAKMP.Keys[1]),
		"8:  pre-shared-key address 192.0.2.9 key <secret>":            s.Key(ring.Name, ring.Keys[0]),
		"9:crypto isakmp profile P":                                    s.Profile("P"),
		"11:   match identity address 192.0.2.9":                       s.ProfileMatch("P", p.Match[0]),
		"12:   self-identity fqdn r.example.com":                       s.ProfileIdentity("P"),
		"13:crypto isakmp keepalive 10":                                s.Keepalive(),
		"14:no crypto isakmp enable":                                   s.Enabled(),
		"15:crypto ipsec security-association lifetime seconds 900":    s.Lifetime("M", false, 10, "seconds"),
		"24: set security-association lifetime kilobytes 5000":         s.Lifetime("M", false, 10, "kilobytes"),
		"0:":                                        s.Lifetime("M", false, 10, "replay"),
		"17: mode transport":                        s.TransformSet("T", "mode"),
		"18:crypto dynamic-map D 5":                 s.Entry("D", true, 5, "pfs"),
		"20:crypto map M 10 ipsec-isakmp":           s.Entry("M", false, 10, ""),
		"21: set peer 192.0.2.1":                    s.Entry("M", false, 10, "peer 192.0.2.1"),
		"22: set transform-set T":                   s.Entry("M", false, 10, "set T"),
		"23: set pfs group14":                       s.Entry("M", false, 10, "pfs"),
		"25: match address 101":                     s.Entry("M", false, 10, "list"),
		"31: ip address dhcp":                       s.Interface("Ethernet0", "learned"),
		"32: shutdown":                              s.Interface("Ethernet0", "shutdown"),
		"33: crypto map M":                          s.Interface("Ethernet0", "map"),
		"29: ip address 192.0.2.77 255.255.255.255": s.Address("Loopback0", netip.MustParseAddr("192.0.2.77")),
		"34:ip route 0.0.0.0 0.0.0.0 Ethernet0":     s.Route(c.Routes[0]),
		"35:ip host far 192.0.2.1":                  s.Host("FAR"),
		"36:access-list 101 permit ip any any":      s.ACL("101", 10),
	} {
		if shown := fmt.Sprintf("%d:%s", got.Number, got.Text); shown != want {
			t.Errorf("%q, want %q", shown, want)
		}
	}
}

// What is only not supported does not stop who compares, and what is wrong does.
func TestSourceOfWhatIsNotSupported(t *testing.T) {
	text := strings.Replace(sourced, " shutdown\n", " shutdown\n tunnel protection ipsec profile X\n", 1)
	c, s, ds := LoadSource("r.cfg", []byte(text))
	if c == nil || ds.Err() == nil {
		t.Fatalf("%v, %v", c, ds)
	}
	if len(s.Unsupported) != 1 || s.Unsupported[0].Feature != "tunnel protection" || !s.Unsupported[0].InUse || s.Unsupported[0].Line.Number != 33 {
		t.Errorf("%+v", s.Unsupported)
	}
	for _, wrong := range []string{text + "crypto isakmp policy ten\n", strings.Replace(text, "match address 101", "match address 102", 1), "\x00", strings.Repeat("crypto isakmp policy ten\n", maxErrors+1)} {
		if c, _, ds := LoadSource("r.cfg", []byte(wrong)); c != nil || ds.Err() == nil {
			t.Errorf("%.40q can be compared", wrong)
		}
	}
}
