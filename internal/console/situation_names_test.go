package console

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/policy"
)

const namesConfig = `hostname hub
ip domain-name example.com
ip host backup.example.com 192.1.1.43
ip name-server 192.168.2.53
crypto isakmp policy 1
 encr aes
 authentication pre-share
crypto isakmp key cisco123 hostname spoke.example.com
crypto ipsec transform-set TSET esp-aes esp-sha-hmac
crypto map CMAP 10 ipsec-isakmp
 description to the first spoke
 set peer spoke.example.com dynamic
 set peer backup.example.com
 set transform-set TSET
 match address 101
crypto map CMAP 20 ipsec-isakmp
 description to a name without an address
 set peer lost.example.com
 set transform-set TSET
 match address 102
interface FastEthernet0/0
 ip address 192.1.1.40 255.255.255.0
 crypto map CMAP
access-list 101 permit ip 192.168.2.0 0.0.0.255 192.168.3.0 0.0.0.255
access-list 102 permit ip 192.168.2.0 0.0.0.255 192.168.4.0 0.0.0.255
`

// named has a peer that has moved since its SAs came up, one by `ip host`, and
// one without an address.
func named(t *testing.T) *fakeRouter {
	f := upResponder(t)
	f.cfg = load(t, namesConfig)
	moved, backup := netip.MustParseAddr("192.1.1.142"), netip.MustParseAddr("192.1.1.43")
	first := f.connections[0]
	first.Peers, first.Former = []netip.Addr{moved, backup}, []netip.Addr{spoke}
	f.connections = append(f.connections, &ike.Connection{Tag: 2, Map: "CMAP", Seq: 20, Interface: "FastEthernet0/0", Local: hub,
		Lives: bookLives(), ACL: []policy.ACLEntry{permit("192.168.2.0/24", "192.168.4.0/24")}})
	f.hosts = []HostName{
		{Name: "spoke.example.com", Addresses: []netip.Addr{moved}, Answered: now.Add(-2*time.Hour - time.Minute)},
		{Name: "backup.example.com", Addresses: []netip.Addr{backup}, Static: true},
		{Name: "lost.example.com", Problem: "no such host"},
	}
	return f
}

func TestFlagsOfHosts(t *testing.T) {
	address := []netip.Addr{spoke}
	for _, tt := range []struct {
		want string
		line HostLine
	}{
		{"(perm, OK)", HostLine{Addresses: address, Permanent: true}},
		{"(temp, OK)", HostLine{Addresses: address}},
		{"(temp, ??)", HostLine{Addresses: address, Problem: "timeout"}},
		{"(temp, UN)", HostLine{Problem: "no such host"}},
		{"(temp, UN)", HostLine{}},
	} {
		equal(t, tt.want, tt.line.flags())
	}
}

func TestHostsWithoutLookup(t *testing.T) {
	f := named(t)
	f.cfg = load(t, strings.Replace(namesConfig, "ip name-server", "no ip domain lookup\nip name-server", 1))
	text := New(f).Run("show hosts").Output
	if !strings.Contains(text, "Name/address lookup uses static mappings\n") || strings.Contains(text, "Name servers") {
		t.Error(text)
	}
}

func TestClearsByTheNameOfAPeer(t *testing.T) {
	f := named(t)
	if r := New(f).Run("clear crypto sa peer spoke.example.com"); r.Err != nil {
		t.Fatal(r.Err)
	}
	if len(f.cleared) != 1 || !strings.Contains(f.cleared[0], "192.1.1.142") {
		t.Errorf("cleared %v", f.cleared)
	}
	if r := New(f).Run("clear crypto sa peer lost.example.com"); r.Err == nil {
		t.Error("no error for a name without an address")
	}
}
