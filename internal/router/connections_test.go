package router

import (
	"net/netip"
	"strings"
	"testing"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// base is a complete configuration; %ACL% stands for its access list's lines
// and %MAP% for more lines of the map's entry.
const base = `
hostname hub
ip domain-name example.com
crypto isakmp policy 20
 authentication pre-share
crypto isakmp policy 10
 encr aes 256
 hash sha256
 authentication pre-share
 group 14
 lifetime 7200
crypto isakmp key anyone address 0.0.0.0 0.0.0.0
crypto isakmp key range address 192.1.1.0 255.255.255.0
crypto isakmp key host address 192.1.1.42
crypto ipsec transform-set A esp-aes 256 esp-sha-hmac
crypto ipsec transform-set B esp-gcm 128
crypto map M 10 ipsec-isakmp
 set peer 192.1.1.42
 set transform-set A B
 match address VPN
%MAP%
interface Ethernet0/0
 ip address 192.1.1.40 255.255.255.0
 crypto map M
ip access-list extended VPN
%ACL%
`

const plainACL = " permit ip 192.168.2.0 0.0.0.255 192.168.3.0 0.0.0.255\n"

func load(t *testing.T, acl, entry string) *config.Config {
	t.Helper()
	text := strings.NewReplacer("%ACL%\n", acl, "%MAP%\n", entry).Replace(base)
	c, diags := config.Load("hub.cfg", []byte(text))
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConnectionsTakeTheEntryAndTheGlobalDefaults(t *testing.T) {
	c := load(t, plainACL, " set pfs group14\n set security-association lifetime seconds 900\n")
	conns, err := Connections(c, ConfiguredAddress)
	if err != nil || len(conns) != 1 {
		t.Fatalf("%d connections, %v", len(conns), err)
	}
	got := conns[0]
	if got.Tag != 1 || got.Map != "M" || got.Seq != 10 || got.Interface != "Ethernet0/0" || got.Local.String() != "192.1.1.40" {
		t.Errorf("connection is %+v", got)
	}
	if got.PFS != isakmp.GroupMODP2048 || got.Lives != (policy.Lives{Seconds: 900, Kilobytes: 4608000}) {
		t.Errorf("PFS %v, lifetimes %+v", got.PFS, got.Lives)
	}
	if len(got.TransformSets) != 2 || got.TransformSets[0].KeyBits != 256 || got.TransformSets[1].Auth != isakmp.AuthAlgNone {
		t.Errorf("transform sets %+v", got.TransformSets)
	}
}

func TestEntryIsInertWithoutItsParts(t *testing.T) {
	c := load(t, plainACL, "crypto map M 20 ipsec-isakmp\n set peer 192.1.1.43\n")
	conns, err := Connections(c, ConfiguredAddress)
	if err != nil || len(conns) != 1 || conns[0].Seq != 10 {
		t.Errorf("%d connections, %v: an entry without access list must stay disabled", len(conns), err)
	}
}

func TestDenyLinesReachThePolicyDatabaseWithTheirPorts(t *testing.T) {
	c := load(t, " deny tcp any any range 20 25\n deny tcp any any gt 60000\n deny tcp any lt 10 any\n"+plainACL, "")
	conns, err := Connections(c, ConfiguredAddress)
	if err != nil {
		t.Fatal(err)
	}
	entries := PolicyEntries(conns)
	if len(entries) != 4 || entries[0].Permit || !entries[3].Permit {
		t.Fatalf("entries %+v", entries)
	}
	want := []ipsec.PortRange{{Lo: 20, Hi: 25}, {Lo: 60001, Hi: 65535}, {}}
	for i, w := range want {
		if got := entries[i].Selector.RemotePort; got != w {
			t.Errorf("line %d: remote ports %v, want %v", i, got, w)
		}
	}
	if got := entries[2].Selector.LocalPort; got != (ipsec.PortRange{Lo: 0, Hi: 9}) {
		t.Errorf("lt 10 became %v", got)
	}
	local, remote := conns[0].ACL[3].Local, conns[0].ACL[3].Remote
	if line, ok := policy.AllowingLine(conns[0].ACL, local, remote); !ok || line != 3 {
		t.Errorf("the mirror of the permit line got line %d, %v: a deny line for some ports must not refuse it", line, ok)
	}
}

func TestWhatCannotRunIsRefusedWithAHint(t *testing.T) {
	for name, acl := range map[string]string{
		"neq":         " deny tcp any any neq 80\n" + plainACL,
		"established": " deny tcp any any established\n" + plainACL,
		"icmp type":   " deny icmp any any echo\n" + plainACL,
	} {
		_, err := Connections(load(t, acl, ""), ConfiguredAddress)
		if err == nil || !strings.Contains(err.Error(), "access list VPN, line 10: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLongestMaskOfAKeyWins(t *testing.T) {
	keys := keyrings{{keys: config.NewKeyTable(load(t, plainACL, "").ISAKMP.Keys)}}
	for peer, want := range map[string]string{"192.1.1.42": "host", "192.1.1.43": "range", "10.0.0.1": "anyone"} {
		key, ok := keys.PresharedKey(ike.KeyQuery{Remote: netip.MustParseAddr(peer)})
		if !ok || string(key.Secret.Reveal()) != want {
			t.Errorf("%s: found %v, want the key %q", peer, ok, want)
		}
	}
	if _, ok := keyrings(nil).PresharedKey(ike.KeyQuery{Remote: netip.MustParseAddr("10.0.0.1")}); ok {
		t.Error("a key out of nothing")
	}
}

func TestPoliciesComeByPriorityWithDefaults(t *testing.T) {
	got := IKEPolicies(load(t, plainACL, ""))
	want := []policy.IKE{
		{Priority: 10, Encryption: isakmp.EncrAESCBC, KeyBits: 256, Hash: isakmp.HashSHA256, Auth: isakmp.AuthPSK, Group: isakmp.GroupMODP2048, Lifetime: 7200},
		{Priority: 20, Encryption: isakmp.EncrDESCBC, Hash: isakmp.HashSHA1, Auth: isakmp.AuthPSK, Group: isakmp.GroupMODP768, Lifetime: 86400},
	}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("policies %+v", got)
	}
}

func TestReleaseChoosesNATVersions(t *testing.T) {
	for release, first := range map[string]trace.NATTVersion{"": trace.NATTRFC3947, "12.3": trace.NATTDraft07, "12.3(14)T": trace.NATTDraft07, "12.4": trace.NATTRFC3947} {
		if got := nattVersions(release); got[0] != first || len(got) != map[bool]int{true: 4, false: 3}[first == trace.NATTRFC3947] {
			t.Errorf("release %q offers %v", release, got)
		}
	}
}

func TestIdentityByHostname(t *testing.T) {
	c := load(t, plainACL, "")
	if got := identity(c); got != (policy.Identity{}) {
		t.Errorf("default identity %v", got)
	}
	c.ISAKMP.Identity = config.IdentityHostname
	if got := identity(c); got != policy.FQDNIdentity("hub.example.com") {
		t.Errorf("identity by host name is %v", got)
	}
}
