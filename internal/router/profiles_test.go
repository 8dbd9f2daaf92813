package router

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
)

// ringed is a configuration whose keyrings overlap; %MORE% stands for more
// lines.
const ringed = `
hostname hub
ip domain name example.net
crypto keyring WIDE
 pre-shared-key address 0.0.0.0 0.0.0.0 key wide
crypto keyring HERE
 local-address Ethernet0/1
 pre-shared-key address 192.1.1.0 255.255.255.0 key here
 pre-shared-key address 192.1.1.42 key here-42
crypto keyring TWIN
 pre-shared-key address 192.1.1.0 255.255.255.0 key twin
 pre-shared-key hostname far.example.net key far
crypto isakmp policy 10
 encr aes
 authentication pre-share
 group 14
crypto isakmp key global address 192.1.1.0 255.255.255.0
crypto ipsec transform-set A esp-aes esp-sha-hmac
crypto map M 10 ipsec-isakmp
 set peer 192.1.1.42
 set transform-set A
 match address VPN
interface Ethernet0/0
 ip address 192.1.1.40 255.255.255.0
 crypto map M
interface Ethernet0/1
 ip address 192.1.2.40 255.255.255.0
interface Loopback0
 ip address 10.255.0.1 255.255.255.255
ip access-list extended VPN
 permit ip 192.168.2.0 0.0.0.255 192.168.3.0 0.0.0.255
%MORE%
`

func loadRinged(t *testing.T, more string) *config.Config {
	t.Helper()
	c, diags := config.Load("hub.cfg", []byte(strings.Replace(ringed, "%MORE%", more, 1)))
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestKeysOfKeyrings(t *testing.T) {
	keys := newKeyrings(loadRinged(t, ""), ConfiguredAddress, nil)
	first, second := netip.MustParseAddr("192.1.1.40"), netip.MustParseAddr("192.1.2.40")
	for _, x := range []struct {
		what, key, keyring string
		local              netip.Addr
		remote             string
		in                 []string
	}{
		{"the longest mask", "global", "", first, "192.1.1.7", nil},
		{"the first of equal ones", "global", "", first, "192.1.1.42", nil},
		{"the keyring for this address before those for all", "here", "HERE", second, "192.1.1.7", nil},
		{"the longest mask of that", "here-42", "HERE", second, "192.1.1.42", nil},
		{"no other", "wide", "WIDE", first, "10.0.0.1", nil},
		{"some keyrings only", "twin", "TWIN", second, "192.1.1.42", []string{"WIDE", "TWIN"}},
		{"a keyring for another address", "", "", first, "192.1.1.42", []string{"HERE"}},
		{"the global keys only", "", "", first, "10.0.0.1", []string{"default"}},
		{"no keyring", "", "", first, "192.1.1.42", []string{}},
		{"a keyring that is not there", "", "", first, "192.1.1.42", []string{"GONE"}},
	} {
		key, ok := keys.PresharedKey(ike.KeyQuery{Local: x.local, Remote: netip.MustParseAddr(x.remote), Keyrings: x.in})
		if ok != (x.key != "") || key.Keyring != x.keyring || string(key.Secret.Reveal()) != x.key {
			t.Errorf("%s: %q of %q, %v", x.what, key.Secret.Reveal(), key.Keyring, ok)
		}
	}
}

// A keyring or profile for an interface that has no address is for none of
// ours, not for all.
func TestLocalAddressThatIsNotThere(t *testing.T) {
	c := loadRinged(t, "crypto isakmp profile P\n match identity address 0.0.0.0\n local-address Ethernet0/1\n")
	missing := func(i *config.Interface) (netip.Addr, bool) {
		if i.Name == "Ethernet0/1" {
			return netip.Addr{}, false
		}
		return ConfiguredAddress(i)
	}
	p := newPeering(c, missing, nil)
	local, remote := netip.MustParseAddr("192.1.1.40"), netip.MustParseAddr("192.1.1.42")
	if key, ok := p.keys.PresharedKey(ike.KeyQuery{Local: local, Remote: remote, Keyrings: []string{"HERE"}}); ok {
		t.Errorf("the key %q is for every address", key.Secret.Reveal())
	}
	if ike.ProfileFor(p.profiles, local, policy.AddressIdentity(remote)) != nil {
		t.Error("the profile is for every address")
	}
}

func TestProfilesReachTheEngine(t *testing.T) {
	c := loadRinged(t, `
crypto isakmp keepalive 30 5 periodic
crypto isakmp profile A
 keyring HERE TWIN
 self-identity fqdn
 match identity address 192.1.1.0 255.255.255.0
 match identity host domain example.org
 match identity user admin@example.org
 keepalive 10 retry 3
 local-address Ethernet0/1
crypto isakmp profile B
 self-identity user-fqdn hub@example.net
 match identity host b
crypto isakmp profile C
 self-identity address
 match identity user domain example.org
crypto isakmp profile D
 self-identity 198.51.100.1
`)
	p := newPeering(c, ConfiguredAddress, nil).profiles
	if len(p) != 4 {
		t.Fatalf("%d profiles", len(p))
	}
	a := p[0]
	want := []policy.IdentityMatch{{Type: isakmp.IDIPv4Addr, Prefix: netip.MustParsePrefix("192.1.1.0/24")},
		{Type: isakmp.IDFQDN, Name: "example.org", Domain: true}, {Type: isakmp.IDUserFQDN, Name: "admin@example.org"}}
	if a.Name != "A" || a.Local.String() != "192.1.2.40" || !slices.Equal(a.Keyrings, []string{"HERE", "TWIN"}) || !slices.Equal(a.Match, want) {
		t.Errorf("profile A is %+v", a)
	}
	if *a.Identity != policy.FQDNIdentity("hub.example.net") || *a.Keepalive != (ike.Keepalive{Interval: 10 * time.Second, Retry: 3 * time.Second, Periodic: true}) {
		t.Errorf("profile A presents %v, and asks as %+v", *a.Identity, *a.Keepalive)
	}
	if b := p[1]; *b.Identity != (policy.Identity{Type: isakmp.IDUserFQDN, Data: "hub@example.net"}) || !slices.Equal(b.Keyrings, []string{"default"}) || b.Keepalive != nil {
		t.Errorf("profile B is %+v", b)
	}
	if c := p[2]; *c.Identity != (policy.Identity{}) || !c.Match[0].Domain {
		t.Errorf("profile C is %+v", c)
	}
	if d := p[3]; *d.Identity != policy.AddressIdentity(netip.MustParseAddr("198.51.100.1")) {
		t.Errorf("profile D presents %v", *d.Identity)
	}
}

func TestProfileOfAnEntry(t *testing.T) {
	profiles := "crypto isakmp profile P\n match identity host p\ncrypto isakmp profile Q\n match identity host q\n"
	for lines, want := range map[string]string{
		"": "", "crypto map M isakmp-profile P\n": "P",
		"crypto map M 10\n set isakmp-profile Q\n":                                "Q",
		"crypto map M isakmp-profile P\ncrypto map M 10\n set isakmp-profile Q\n": "Q",
	} {
		conns, err := Connections(loadRinged(t, profiles+lines), ConfiguredAddress)
		if err != nil || conns[0].Profile != want {
			t.Errorf("%q: profile %q, %v", lines, conns[0].Profile, err)
		}
	}
}

const looped = "crypto map M local-address Loopback0\n"

// A crypto map with a local address of its own makes one connection an entry,
// however many interfaces have it.
func TestLocalAddressOfACryptoMap(t *testing.T) {
	c := loadRinged(t, looped+"interface Ethernet0/1\n crypto map M\n")
	conns, err := Connections(c, ConfiguredAddress)
	if err != nil || len(conns) != 1 {
		t.Fatalf("%d connections, %v", len(conns), err)
	}
	got := conns[0]
	if got.Local.String() != "10.255.0.1" || got.LocalInterface != "Loopback0" || !slices.Equal(got.Interfaces(), []string{"Ethernet0/0", "Ethernet0/1"}) {
		t.Errorf("connection %+v", got)
	}
	if n := len(PolicyEntries(conns)); n != 1 {
		t.Errorf("%d policies", n)
	}
}

// SAs stay as long as one interface is common to before and after.
func TestInterfacesOfASharedCryptoMapComeAndGo(t *testing.T) {
	second, third := "interface Ethernet0/1\n crypto map M\n", "interface Ethernet0/2\n ip address 192.1.3.40 255.255.255.0\n crypto map M\n"
	off := "interface Ethernet0/0\n no crypto map\n"
	r := newRouter(t, loadRinged(t, looped), nil)
	for _, step := range []struct {
		what, more string
		want       []uint32
	}{
		{"a second interface", looped + second, []uint32{1}},
		{"the first goes", looped + second + off, []uint32{1}},
		{"a third comes", looped + second + third + off, []uint32{1}},
		{"all but that", looped + third + off, []uint32{1}},
		{"another", looped, []uint32{2}},
		{"two again", looped + second, []uint32{2}},
		{"each with its own address", second, []uint32{3, 4}},
		{"one address again", looped + second, []uint32{5}},
	} {
		c, err := r.Prepare(loadRinged(t, step.more), ConfiguredAddress)
		if err != nil {
			t.Fatal(err)
		}
		if got := tags(c.Connections); !slices.Equal(got, step.want) {
			t.Errorf("%s: tags %v, want %v", step.what, got, step.want)
		}
		r.Reconfigure(time.Time{}, c)
	}
	// None has an address: what comes of one connection must not be two of its
	// tag.
	nowhere := func(*config.Interface) (netip.Addr, bool) { return netip.Addr{}, false }
	for _, more := range []string{looped + second, second} {
		c, err := r.Prepare(loadRinged(t, more), nowhere)
		if err != nil {
			t.Fatal(err)
		}
		if got := tags(c.Connections); len(got) == 2 && got[0] == got[1] {
			t.Errorf("tags %v", got)
		}
		r.Reconfigure(time.Time{}, c)
	}
}

// What another configuration changes for a peer that is up.
func TestWhatAPeersChangeIsSaid(t *testing.T) {
	before := `
crypto isakmp profile P
 keyring TWIN
 match identity host p.example.net
crypto isakmp profile Q
 match identity host q.example.net
`
	local, remote := netip.MustParseAddrPort("192.1.1.40:500"), netip.MustParseAddrPort("192.1.1.42:500")
	of := func(profile, name string) ike.ISAKMPSA {
		return ike.ISAKMPSA{Local: local, Remote: remote, Profile: profile, PeerIdentity: policy.FQDNIdentity(name)}
	}
	p, none := of("P", "p.example.net"), of("", "x.example.net")
	for _, x := range []struct {
		what, more   string
		sa           ike.ISAKMPSA
		key, profile bool // are the same
	}{
		{"nothing", before, p, true, true},
		{"the profile is gone", "", p, false, false},
		{"its match is gone", before + "crypto isakmp profile P\n no match identity host p.example.net\n", p, true, false},
		{"its identity", before + "crypto isakmp profile P\n self-identity fqdn\n", p, true, false},
		{"its keyring", before + "crypto isakmp profile P\n no keyring\n", p, false, false},
		{"its key", before + "crypto keyring TWIN\n pre-shared-key address 192.1.1.42 key new\n", p, false, true},
		{"its keepalive", before + "crypto isakmp profile P\n keepalive 10 retry 2\n", p, true, true},
		{"another keyring's key", before + "crypto isakmp key other address 192.1.1.42\n", p, true, true},
		{"nothing for a peer of no profile", before, none, true, true},
		{"a profile that takes it", before + "crypto isakmp profile Q\n match identity host x.example.net\n", none, true, false},
		{"the key of a peer of no profile", before + "crypto isakmp key other address 192.1.1.42\n", none, false, true},
	} {
		old, now := newPeering(loadRinged(t, before), ConfiguredAddress, nil), newPeering(loadRinged(t, x.more), ConfiguredAddress, nil)
		if got := old.sameKey(&now, x.sa); got != x.key {
			t.Errorf("%s: the same key: %v", x.what, got)
		}
		if got := old.sameProfile(&now, x.sa); got != x.profile {
			t.Errorf("%s: the same profile: %v", x.what, got)
		}
	}
}

func TestDistinguishedNameWithoutCertificateIsTheAddress(t *testing.T) {
	if got := identity(loadRinged(t, "crypto isakmp identity dn\n")); got != (policy.Identity{}) {
		t.Errorf("presented: %v", got)
	}
}
