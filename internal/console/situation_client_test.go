package console

import (
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// remoteAccess has a client with its address and tunnel, one that is asked for its
// user, and one that waits for its address.
func remoteAccess(t *testing.T) *fakeRouter {
	f := dynamic(t)
	f.isakmp, f.ipsec, f.instances, f.reverse, f.line = nil, nil, nil, nil, nil
	client := func(conn uint32, address string, show trace.ShowState) ike.ISAKMPSA {
		sa := bookISAKMP()
		sa.Conn, sa.Remote, sa.Show, sa.XAuth, sa.Aggressive = conn, at(netip.MustParseAddr(address), 500), show, true, true
		sa.PeerIdentity = policy.Identity{Type: isakmp.IDKeyID, Data: "admin"}
		return sa
	}
	in := client(2, "192.168.1.100", trace.QMIdle)
	in.Login = &ike.Login{Session: 1, Group: "admin", User: "joe", Address: netip.MustParseAddr("192.168.0.222"), Since: in.Established, Begun: true}
	asked := client(3, "192.168.1.101", trace.ConfXauth)
	waits := client(4, "192.168.1.102", trace.ConfAddr)
	waits.Login = &ike.Login{Session: 2, Group: "admin", User: "ann", Since: in.Established.Add(time.Second)}
	f.isakmp = []ike.ISAKMPSA{in, asked, waits}
	acl := permit("0.0.0.0/0", "192.168.0.222/32")
	c := &ike.Connection{Tag: 1 << 31, Map: "CMAP", Seq: 65536, Interface: "FastEthernet0/0", Local: hub, Peers: []netip.Addr{in.Remote.Addr()}, Remote: in.Remote,
		ACL: []policy.ACLEntry{acl}, Template: 3, DynamicMap: "SPOKES", DynamicSeq: 20, TransformSets: []policy.TransformSet{{Name: "TSET"}},
		Lives: policy.Lives{Seconds: 1800, Kilobytes: 4608000}}
	f.instances = []*ike.Connection{c}
	pair := bookIPsec()
	pair.Connection, pair.Configured, pair.Remote, pair.LocalProxy, pair.RemoteProxy, pair.Session = c.Tag, 3, in.Remote, acl.Local, acl.Remote, 1
	f.ipsec = []ike.IPsecSA{pair}
	return f
}
