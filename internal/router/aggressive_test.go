package router

import (
	"net/netip"
	"testing"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
)

const presented = `
hostname hub
ip host peers.example.net 198.51.100.7
crypto isakmp policy 10
 encr aes
 authentication pre-share
 group 14
crypto isakmp key by-name hostname far.example.net no-xauth
crypto isakmp key by-host address 192.0.2.7
crypto isakmp key by-range address 192.0.2.0 255.255.255.0
crypto isakmp client configuration group admin
 key of-the-group
crypto isakmp client configuration group empty
 pool NONE
crypto isakmp peer address 198.51.100.2
 set aggressive-mode password of-two
 set aggressive-mode client-endpoint fqdn hub.example.net
crypto isakmp peer hostname peers.example.net
 set aggressive-mode client-endpoint ipv4-address 203.0.113.1
crypto isakmp peer address 198.51.100.9
 set aggressive-mode password without-an-endpoint
ip local pool NONE 10.0.0.1 10.0.0.9
crypto ipsec transform-set A esp-aes esp-sha-hmac
crypto map M 10 ipsec-isakmp
 set peer 198.51.100.2
 set transform-set A
 match address VPN
interface Ethernet0/0
 ip address 203.0.113.1 255.255.255.0
 crypto map M
ip access-list extended VPN
 permit ip 192.168.2.0 0.0.0.255 192.168.3.0 0.0.0.255
`

func loadPresented(t *testing.T) (peering, *names) {
	t.Helper()
	c, diags := config.Load("hub.cfg", []byte(presented))
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	known := newNames(c, nil)
	return newPeering(c, ConfiguredAddress, known), known
}

// A key is found by the name that a peer presents, then by the longest range that has
// its address, or the one that it presents.
func TestKeysByWhatPeersPresent(t *testing.T) {
	p, _ := loadPresented(t)
	address := func(a string) policy.Identity { return policy.AddressIdentity(netip.MustParseAddr(a)) }
	for name, c := range map[string]struct {
		remote string
		who    policy.Identity
		want   string // "" for none
		named  bool
	}{
		"the name, in any case":        {"203.0.113.9", policy.FQDNIdentity("FAR.example.net"), "by-name", true},
		"the name, and a range":        {"192.0.2.9", policy.FQDNIdentity("far.example.net"), "by-name", true},
		"another name":                 {"203.0.113.9", policy.FQDNIdentity("other.example.net"), "", false},
		"another name, and a range":    {"192.0.2.9", policy.FQDNIdentity("other.example.net"), "by-range", false},
		"a longer name":                {"203.0.113.9", policy.FQDNIdentity("xfar.example.net"), "", false},
		"an address behind a NAT":      {"203.0.113.9", address("192.0.2.7"), "by-host", false},
		"the nearer of two addresses":  {"192.0.2.9", address("192.0.2.7"), "by-host", false},
		"the address it comes from":    {"192.0.2.7", address("10.0.0.1"), "by-host", false},
		"a key ID that is a name":      {"203.0.113.9", policy.Identity{Type: isakmp.IDKeyID, Data: "far.example.net"}, "", false},
		"main mode, which has no name": {"203.0.113.9", policy.Identity{}, "", false},
	} {
		k, ok := p.keys.PresharedKey(ike.KeyQuery{Remote: netip.MustParseAddr(c.remote), Identity: c.who})
		if ok != (c.want != "") || string(k.Secret.Reveal()) != c.want || k.Named != c.named || k.NoXAuth != (c.want == "by-name") {
			t.Errorf("%s: found %v, the one wanted %v, named %v", name, ok, string(k.Secret.Reveal()) == c.want, k.Named)
		}
	}
}

// Peers with an endpoint begin in aggressive mode; groups with a key prove it.
func TestAggressivePeersAndGroups(t *testing.T) {
	p, _ := loadPresented(t)
	if len(p.aggressive) != 2 || len(p.groups) != 1 || string(p.groups["admin"].Reveal()) != "of-the-group" {
		t.Fatalf("%d peers and %d groups", len(p.aggressive), len(p.groups))
	}
	two, named := p.aggressive[netip.MustParseAddr("198.51.100.2")], p.aggressive[netip.MustParseAddr("198.51.100.7")]
	if two == nil || two.Identity != policy.FQDNIdentity("hub.example.net") || string(two.Secret.Reveal()) != "of-two" {
		t.Error("the peer of an address is wrong")
	}
	if named == nil || named.Identity != policy.AddressIdentity(netip.MustParseAddr("203.0.113.1")) || !named.Secret.IsZero() {
		t.Error("the peer of a name is wrong")
	}
}
