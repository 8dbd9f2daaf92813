package console

import (
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// situations are the routers whose every show command has a golden file.
var situations = []struct {
	name   string
	router func(*testing.T) *fakeRouter
}{
	{"nothing-configured", nothingConfigured},
	{"configured-and-down", hubRouter},
	{"policy-mismatch", policyMismatch},
	{"key-exchange", keyExchange},
	{"up-responder", upResponder},
	{"up-initiator", upInitiator},
	{"nat-traversal", natTraversal},
	{"many", many},
	{"accounts", withAccounts},
	{"counters", counters},
	{"dynamic", dynamic},
	{"remote-access", remoteAccess},
	{"names", named},
}

func nothingConfigured(*testing.T) *fakeRouter { return &fakeRouter{cfg: config.New()} }

func policyMismatch(t *testing.T) *fakeRouter {
	f := hubRouter(t)
	sa := bookISAKMP()
	sa.Conn, sa.State, sa.Show, sa.Policy = 0, trace.StateRMM1, trace.MMNoState, policy.IKE{}
	sa.Established, sa.Expires, sa.PeerIdentity, sa.DPD = time.Time{}, time.Time{}, policy.Identity{}, false
	sa.Dead, sa.DeadReason = true, trace.ReasonPolicyNotAccepted
	f.isakmp = []ike.ISAKMPSA{sa}
	offer := []byte{0x80, 1, 0, 7, 0x80, 14, 0, 128, 0x80, 2, 0, 2, 0x80, 4, 0, 1, 0x80, 3, 0, 1,
		0x80, 11, 0, 1, 0, 12, 0, 4, 0, 1, 0x51, 0x80}
	event := func(e trace.Event) trace.Record { return record(0, 0, trace.MMNoState, e) }
	f.records = []trace.Record{
		event(&trace.IKETransformOffered{Number: 1, Priority: 1, Attributes: offer}),
		event(&trace.IKETransformRefused{Number: 1, Priority: 1, Attr: trace.IKEAttrHash, Offered: 2, Wanted: 1}),
		event(&trace.IKETransformJudged{}),
		event(&trace.Phase1PolicyRefused{}),
		event(&trace.SADeleting{Reason: trace.ReasonPolicyNotAccepted}),
	}
	f.stats.DatagramsIn, f.stats.DatagramsOut, f.stats.Phase1Failed = 1, 1, 1
	return f
}

func keyExchange(t *testing.T) *fakeRouter {
	f := hubRouter(t)
	sa := bookISAKMP()
	sa.State, sa.Show, sa.PeerIdentity = trace.StateRMM4, trace.MMKeyExch, policy.Identity{}
	sa.Established, sa.Expires, sa.DPD = time.Time{}, time.Time{}, false
	f.isakmp = []ike.ISAKMPSA{sa}
	f.records = []trace.Record{record(-20, 2, trace.MMKeyExch, &trace.PacketDropped{
		Reason: trace.DropMalformed, Exchange: isakmp.ExchangeIdentity, Payload: isakmp.PayloadID, Offset: 28})}
	f.stats.DatagramsIn, f.stats.DatagramsOut, f.stats.Exponentiation, f.stats.Retransmits = 3, 4, 1, 2
	f.stats.Dropped[trace.DropMalformed] = 1
	f.stats.Dropped[trace.DropDuplicate] = 2
	return f
}

func upResponder(t *testing.T) *fakeRouter {
	f := hubRouter(t)
	f.cpuFeatures = []string{"AES-NI", "PCLMULQDQ", "SHA-NI"}
	f.isakmp = []ike.ISAKMPSA{bookISAKMP()}
	f.ipsec = []ike.IPsecSA{bookIPsec()}
	carried := Counters{EncapsPackets: 199, EncapsBytes: 19900, DecapsPackets: 198, DecapsBytes: 19800}
	f.sa = map[[2]uint32]Counters{{0x705B8268, 1221163868}: carried}
	f.line = map[string]Counters{"1/0": carried}
	f.stats = ike.Statistics{DatagramsIn: 5, DatagramsOut: 4, Phase1Up: 1, Phase2Up: 1, Exponentiation: 1}
	f.debug = Debug{ISAKMP: true}
	return f
}

// upInitiator is the other end of upResponder.
func upInitiator(t *testing.T) *fakeRouter {
	f := upResponder(t)
	f.cfg.Hostname = "spoke1"
	f.connections[0].Local, f.connections[0].Peers[0] = spoke, hub
	f.connections[0].ACL[0] = permit("192.168.3.0/24", "192.168.2.0/24")
	sa := &f.isakmp[0]
	sa.Local, sa.Remote, sa.Role, sa.PeerIdentity = sa.Remote, sa.Local, trace.RoleInitiator, policy.AddressIdentity(hub)
	pair := &f.ipsec[0]
	pair.Local, pair.Remote, pair.Initiator = pair.Remote, pair.Local, true
	pair.LocalProxy, pair.RemoteProxy = pair.RemoteProxy, pair.LocalProxy
	pair.InSPI, pair.OutSPI = pair.OutSPI, pair.InSPI
	f.debug = Debug{ISAKMP: true, IPsec: true}
	return f
}

func natTraversal(t *testing.T) *fakeRouter {
	f := upResponder(t)
	behind := at(spoke, 61234)
	f.isakmp[0].Local, f.isakmp[0].Remote, f.isakmp[0].NATT = at(hub, 4500), behind, true
	f.ipsec[0].Local, f.ipsec[0].Remote = at(hub, 4500), behind
	f.ipsec[0].Suite.Encap = isakmp.EncapUDPTunnel
	return f
}

const manyConfig = `hostname hub
crypto isakmp policy 10
 encr aes 256
 hash md5
 authentication pre-share
 group 14
 lifetime 3600
crypto isakmp policy 20
 encr 3des
 authentication pre-share
 group 2
no crypto isakmp default policy
crypto isakmp key cisco123 address 0.0.0.0 0.0.0.0
crypto ipsec transform-set STRONG esp-aes 256 esp-sha-hmac
crypto ipsec transform-set OLD esp-3des esp-md5-hmac
crypto map CMAP 10 ipsec-isakmp
 description to the first spoke
 set peer 192.1.1.42
 set peer 192.1.1.43
 set security-association lifetime seconds 1800
 set transform-set STRONG OLD
 set pfs group2
 match address BRANCH
crypto map CMAP 20 ipsec-isakmp
 set peer 192.1.1.44
 set transform-set OLD
 match address 102
crypto map CMAP 30 ipsec-isakmp
 set peer 192.1.1.45
 set transform-set OLD
interface FastEthernet0/0
 ip address 192.1.1.40 255.255.255.0
 crypto map CMAP
ip access-list extended BRANCH
 deny ip 192.168.2.0 0.0.0.255 192.168.3.128 0.0.0.127
 permit ip 192.168.2.0 0.0.0.255 192.168.3.0 0.0.0.255
 permit tcp host 192.168.2.9 host 192.168.3.9 eq www
access-list 102 permit gre host 192.1.1.40 host 192.1.1.44
`

// many has a rekeying peer, one that asked for a part of a line, one with
// IPsec SAs only, one that negotiates, and an SA whose crypto map is gone.
func many(t *testing.T) *fakeRouter {
	peer := func(last string) netip.Addr { return netip.MustParseAddr("192.1.1." + last) }
	gre := func(a netip.Addr) policy.Proxy { return policy.ProxyFromPrefix(netip.PrefixFrom(a, 32), 47, 0) }
	f := &fakeRouter{cfg: load(t, manyConfig)}
	deny := permit("192.168.2.0/24", "192.168.3.128/25")
	deny.Permit = false
	web := permit("192.168.2.9/32", "192.168.3.9/32")
	web.Local.Protocol, web.Remote.Protocol, web.Remote.Port = 6, 6, 80
	f.connections = []*ike.Connection{
		{Tag: 1, Map: "CMAP", Seq: 10, Interface: "FastEthernet0/0", Local: hub, Peers: []netip.Addr{spoke, peer("43")},
			ACL: []policy.ACLEntry{deny, permit("192.168.2.0/24", "192.168.3.0/24"), web}},
		{Tag: 2, Map: "CMAP", Seq: 20, Interface: "FastEthernet0/0", Local: hub, Peers: []netip.Addr{peer("44")},
			ACL: []policy.ACLEntry{{Permit: true, Local: gre(hub), Remote: gre(peer("44"))}}},
	}

	old, dead, negotiating := bookISAKMP(), bookISAKMP(), bookISAKMP()
	dead.Conn, dead.Dead, dead.DeadReason = 1, true, trace.ReasonUserCommand
	negotiating.Conn, negotiating.Show, negotiating.Remote = 3, trace.AGInitExch, at(peer("43"), 500)
	stranger := negotiating
	stranger.Conn, stranger.Show, stranger.Remote, stranger.Policy = 0, trace.MMSASetup, at(peer("99"), 500), policy.IKE{}
	f.isakmp = []ike.ISAKMPSA{dead, old, negotiating, stranger}

	first, second, part, alone, orphan := bookIPsec(), bookIPsec(), bookIPsec(), bookIPsec(), bookIPsec()
	first.Line, second.Line, part.Line, orphan.Line = 1, 1, 1, -1
	first.Expires = now.Add(30 * time.Second)
	second.InSPI, second.OutSPI, second.InConn, second.OutConn = 0x100, 0x200, 2003, 2004
	second.OutboundReady, second.Created = false, now
	part.InSPI, part.OutSPI, part.InConn, part.OutConn = 0x101, 0x201, 2005, 2006
	part.RemoteProxy, part.PFS = subnet("192.168.3.64/26"), isakmp.GroupMODP1024
	alone.ReplayWindow = -1
	alone.Connection, alone.Line, alone.Remote = 2, 0, at(peer("44"), 500)
	alone.LocalProxy, alone.RemoteProxy = gre(hub), gre(peer("44"))
	alone.InSPI, alone.OutSPI, alone.InConn, alone.OutConn = 0x102, 0x202, 2007, 2008
	alone.Suite = trace.IPsecSuite{Transform: isakmp.ESP3DES, Auth: isakmp.AuthAlgHMACMD5, Encap: isakmp.EncapTransport}
	orphan.Connection, orphan.Remote = 9, at(peer("98"), 500)
	orphan.InSPI, orphan.OutSPI, orphan.InConn, orphan.OutConn = 0x103, 0x203, 2009, 2010
	orphan.Suite = trace.IPsecSuite{Transform: isakmp.ESPAESGCM16, KeyBits: 256, Encap: isakmp.EncapTunnel}
	f.ipsec = []ike.IPsecSA{first, second, part, alone, orphan}
	f.sa = map[[2]uint32]Counters{{0x101, 0x201}: {EncapsPackets: 3, EncapsBytes: 2048, DecapsPackets: 2, DecapsBytes: 200}}
	return f
}

// counters has SAs that are nearly used up, without one kind of lifetime or
// without any, and errors.
func counters(t *testing.T) *fakeRouter {
	f := upResponder(t)
	noVolume, noTime, noLimit := bookIPsec(), bookIPsec(), bookIPsec()
	f.ipsec[0].Expires = now.Add(-time.Second)
	noVolume.InSPI, noVolume.OutSPI, noVolume.Lives.Kilobytes = 0x301, 0x401, 0
	noTime.InSPI, noTime.OutSPI, noTime.Expires = 0x302, 0x402, time.Time{}
	noLimit.InSPI, noLimit.OutSPI, noLimit.Lives, noLimit.Expires = 0x303, 0x403, policy.Lives{}, time.Time{}
	noLimit.Suite = trace.IPsecSuite{Transform: isakmp.ESPNull, Auth: isakmp.AuthAlgHMACSHA256, Encap: isakmp.EncapTunnel}
	f.ipsec = append(f.ipsec, noVolume, noTime, noLimit)
	used := Counters{EncapsPackets: 1 << 32, EncapsBytes: 5 << 40, DecapsPackets: 7, DecapsBytes: 1 << 20,
		PathMTU: 1400}
	for d := ipsec.Drop(1); int(d) < ipsec.DropCount; d++ {
		used.SendDrops[d], used.RecvDrops[d], f.drops[d] = uint64(d), 100*uint64(d), 1000+uint64(d)
	}
	f.sa = map[[2]uint32]Counters{{0x705B8268, 1221163868}: used}
	f.line = map[string]Counters{"1/0": used}
	f.stats.Dropped = [trace.NumDrops]uint64{}
	for d := range trace.NumDrops {
		f.stats.Dropped[d] = uint64(d) + 1
	}
	f.stats.DPDSent, f.stats.DPDReceived, f.stats.NotifyIgnored, f.stats.Evicted = 11, 12, 13, 14
	return f
}
