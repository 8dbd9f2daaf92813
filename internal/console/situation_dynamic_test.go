package console

import (
	"net/netip"
	"testing"

	"qmidle/internal/ike"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

const dynamicConfig = `hostname hub
crypto isakmp policy 1
 encr aes
 authentication pre-share
crypto isakmp key cisco123 address 0.0.0.0 0.0.0.0
crypto ipsec transform-set TSET esp-aes esp-sha-hmac
crypto dynamic-map SPOKES 10
 description plants
 set peer 192.1.1.77
 set transform-set TSET
 match address 102
crypto dynamic-map SPOKES 20
 description all others
 set security-association lifetime seconds 1800
 set transform-set TSET
 set pfs group2
 set reverse-route distance 20
 reverse-route
crypto dynamic-map EMPTY 1
crypto map CMAP 10 ipsec-isakmp
 set peer 192.1.1.42
 set transform-set TSET
 match address 101
crypto map CMAP 65000 ipsec-isakmp dynamic SPOKES
interface FastEthernet0/0
 ip address 192.1.1.40 255.255.255.0
 crypto map CMAP
interface Loopback0
 ip address 192.168.2.1 255.255.255.0
ip route 0.0.0.0 0.0.0.0 192.1.1.1
access-list 101 permit ip 192.168.2.0 0.0.0.255 192.168.3.0 0.0.0.255
access-list 102 permit ip 192.168.2.0 0.0.0.255 192.168.0.0 0.0.255.255
`

// dynamic has a static entry that is down, and of a dynamic crypto map two peers
// behind one NAT, one of them with a range and a port, one peer with an ISAKMP
// SA only, and one that negotiates.
func dynamic(t *testing.T) *fakeRouter {
	f := hubRouter(t)
	f.cfg = load(t, dynamicConfig)
	template := func(tag uint32, seq int) *ike.Connection {
		return &ike.Connection{Tag: tag, Map: "CMAP", Seq: 65000, Interface: "FastEthernet0/0", Local: hub, Dynamic: true, DynamicMap: "SPOKES", DynamicSeq: seq}
	}
	first := template(2, 10)
	first.Peers = []netip.Addr{netip.MustParseAddr("192.1.1.77")}
	f.connections = append(f.connections, first, template(3, 20))
	nat := netip.MustParseAddr("203.0.113.9")
	web := permit("192.168.2.9/32", "192.168.5.9/32")
	web.Local.Protocol, web.Remote.Protocol, web.Local.Port = 6, 6, 80
	web.Remote.Type, web.Remote.Hi = isakmp.IDIPv4AddrRange, netip.MustParseAddr("192.168.5.20")
	for i, acl := range []policy.ACLEntry{permit("192.168.2.0/24", "192.168.4.0/24"), web} {
		c := &ike.Connection{Tag: 1<<31 + uint32(i), Map: "CMAP", Seq: 65536 + i, Interface: "FastEthernet0/0", Local: hub,
			Peers: []netip.Addr{nat}, Remote: at(nat, uint16(1024+i)), ACL: []policy.ACLEntry{acl}, Template: 3,
			DynamicMap: "SPOKES", DynamicSeq: 20, Lives: policy.Lives{Seconds: 1800, Kilobytes: 4608000}, PFS: isakmp.GroupMODP1024,
			TransformSets: []policy.TransformSet{{Name: "TSET"}}}
		f.instances = append(f.instances, c)
		sa := bookISAKMP()
		sa.Conn, sa.Local, sa.Remote, sa.NATT = uint32(2+i), at(hub, 4500), c.Remote, true
		f.isakmp = append(f.isakmp, sa)
		pair := bookIPsec()
		pair.Connection, pair.Configured, pair.Local, pair.Remote, pair.LocalProxy, pair.RemoteProxy = c.Tag, 3, sa.Local, sa.Remote, acl.Local, acl.Remote
		pair.InSPI, pair.OutSPI, pair.InConn, pair.OutConn = 0x500+uint32(i), 0x600+uint32(i), 2001+2*uint32(i), 2002+2*uint32(i)
		pair.Suite.Encap, pair.PFS = isakmp.EncapUDPTunnel, isakmp.GroupMODP1024
		f.ipsec = append(f.ipsec, pair)
	}
	idle, negotiating := bookISAKMP(), bookISAKMP()
	idle.Conn, idle.Remote = 4, at(netip.MustParseAddr("198.51.100.7"), 500)
	negotiating.Conn, negotiating.Show, negotiating.Remote = 5, trace.MMKeyExch, at(nat, 1030)
	f.isakmp = append(f.isakmp, idle, negotiating)
	f.reverse = []ReverseRoute{{Prefix: netip.MustParsePrefix("192.168.4.0/24"), NextHop: nat, Distance: 20}}
	f.sa = map[[2]uint32]Counters{{0x500, 0x600}: {EncapsPackets: 3, DecapsPackets: 2}}
	f.line = map[string]Counters{"2147483648/0": {EncapsPackets: 13, DecapsPackets: 12}}
	return f
}
