package console

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// fakeRouter is a router whose state the test writes down.
type fakeRouter struct {
	cfg         *config.Config
	isakmp      []ike.ISAKMPSA
	ipsec       []ike.IPsecSA
	connections []*ike.Connection
	instances   []*ike.Connection
	reverse     []ReverseRoute
	stats       ike.Statistics
	drops       ipsec.DropCounts
	sa          map[[2]uint32]Counters
	line        map[string]Counters // "tag/line"
	records     []trace.Record
	lost        uint64 // records before them
	debug       Debug
	cleared     []string
	logCleared  time.Time
	cpuFeatures []string
	pings       []PingRequest
	probes      []PingProbe
	pingErr     error
	hosts       []HostName
	pools       []AddressPool
	radius      []RADIUSServer
}

var (
	started = time.Date(2005, 3, 1, 0, 0, 0, 0, time.UTC)
	now     = started.Add(5*time.Hour + 6*time.Minute + 3*time.Second)
)

func (f *fakeRouter) Now() time.Time                 { return now }
func (f *fakeRouter) Started() time.Time             { return started }
func (f *fakeRouter) Config() *config.Config         { return f.cfg }
func (f *fakeRouter) Hostname() string               { return f.cfg.Hostname }
func (f *fakeRouter) ISAKMPSAs() []ike.ISAKMPSA      { return f.isakmp }
func (f *fakeRouter) IPsecSAs() []ike.IPsecSA        { return f.ipsec }
func (f *fakeRouter) Connections() []*ike.Connection { return f.connections }
func (f *fakeRouter) Instances() []*ike.Connection   { return f.instances }
func (f *fakeRouter) ReverseRoutes() []ReverseRoute  { return f.reverse }
func (f *fakeRouter) Statistics() ike.Statistics     { return f.stats }
func (f *fakeRouter) PacketDrops() ipsec.DropCounts  { return f.drops }
func (f *fakeRouter) SACounters(in, out uint32) Counters {
	return f.sa[[2]uint32{in, out}]
}
func (f *fakeRouter) PolicyCounters(tag uint32, line int) Counters {
	return f.line[fmt.Sprintf("%d/%d", tag, line)]
}
func (f *fakeRouter) PeersWithHistory() []netip.Addr {
	var peers []netip.Addr
	for _, r := range f.records {
		if a := r.Remote.Addr(); !slices.Contains(peers, a) {
			peers = append(peers, a)
		}
	}
	return peers
}
func (f *fakeRouter) History(peer netip.Addr) []trace.Record {
	var out []trace.Record
	for _, r := range f.records {
		if r.Remote.Addr() == peer {
			out = append(out, r)
		}
	}
	return out
}
func (f *fakeRouter) AddressPools() []AddressPool   { return f.pools }
func (f *fakeRouter) RADIUSServers() []RADIUSServer { return f.radius }
func (f *fakeRouter) RADIUSUnexpected() uint64      { return uint64(len(f.radius)) }
func (f *fakeRouter) HostNames() []HostName         { return f.hosts }
func (f *fakeRouter) HostAddresses(name string) []netip.Addr {
	for _, h := range f.hosts {
		if h.Name == name {
			return h.Addresses
		}
	}
	return nil
}
func (f *fakeRouter) HistoryLost(netip.Addr) uint64 { return f.lost }
func (f *fakeRouter) Debug() *Debug                 { return &f.debug }
func (f *fakeRouter) ClearISAKMP(conn uint32) (n int) {
	for _, sa := range f.isakmp {
		if conn == 0 || sa.Conn == conn {
			f.cleared = append(f.cleared, fmt.Sprintf("isakmp %d", conn))
			n++
		}
	}
	return n
}
func (f *fakeRouter) ClearIPsec(filter ike.IPsecFilter) (n int) {
	f.cleared = append(f.cleared, fmt.Sprintf("ipsec %+v", filter))
	for _, sa := range f.ipsec {
		if filter.SPI == 0 || filter.SPI == sa.InSPI {
			n++
		}
	}
	return n
}
func (f *fakeRouter) ClearSession(filter ike.SessionFilter) int {
	f.cleared = append(f.cleared, fmt.Sprintf("session %+v", filter))
	return len(f.isakmp) + len(f.ipsec)
}
func (f *fakeRouter) ClearAdmission() { f.cleared = append(f.cleared, "admission") }
func (f *fakeRouter) ClearCounters()  { f.cleared = append(f.cleared, "counters") }
func (f *fakeRouter) ClearMatches(tags []uint32) {
	f.cleared = append(f.cleared, fmt.Sprintf("matches %v", tags))
}
func (f *fakeRouter) ClearLog()             { f.logCleared = now }
func (f *fakeRouter) LogCleared() time.Time { return f.logCleared }
func (f *fakeRouter) Matches(tag uint32, line int) uint64 {
	c := f.PolicyCounters(tag, line)
	return c.EncapsPackets + c.DecapsPackets
}
func (f *fakeRouter) Ping(r PingRequest) (PingResult, error) {
	f.pings = append(f.pings, r)
	return PingResult{f.probes}, f.pingErr
}
func (f *fakeRouter) Version() VersionInfo {
	return VersionInfo{Version: "0.1.0", Commit: "0123456", GoVersion: "go1.26.0", Platform: "linux/amd64", ConfigFile: "/etc/qmidle/startup-config",
		CPUFeatures: f.cpuFeatures}
}

var errNoRoute = errors.New("no route to 10.9.9.9")

// The addresses of the book's example: the hub 192.1.1.40 before 192.168.2.0,
// the spoke 192.1.1.42 before 192.168.3.0.
var (
	hub   = netip.MustParseAddr("192.1.1.40")
	spoke = netip.MustParseAddr("192.1.1.42")
)

func at(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }

func subnet(prefix string) policy.Proxy {
	return policy.ProxyFromPrefix(netip.MustParsePrefix(prefix), 0, 0)
}

func permit(local, remote string) policy.ACLEntry {
	return policy.ACLEntry{Permit: true, Local: subnet(local), Remote: subnet(remote)}
}

func load(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, diagnostics := config.Load("test", []byte(text))
	if err := diagnostics.Err(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

const hubConfig = `hostname hub
crypto isakmp policy 1
 encr aes
 authentication pre-share
crypto isakmp key cisco123 address 192.1.1.42
crypto ipsec transform-set TSET esp-aes esp-sha-hmac
crypto map CMAP 10 ipsec-isakmp
 set peer 192.1.1.42
 set transform-set TSET
 match address 101
interface FastEthernet0/0
 ip address 192.1.1.40 255.255.255.0
 crypto map CMAP
interface Loopback0
 ip address 192.168.2.1 255.255.255.0
access-list 101 permit ip 192.168.2.0 0.0.0.255 192.168.3.0 0.0.0.255
`

var bookPolicy = policy.IKE{
	Priority: 1, Encryption: isakmp.EncrAESCBC, KeyBits: 128, Hash: isakmp.HashSHA1, Auth: isakmp.AuthPSK,
	Group: isakmp.GroupMODP768, Lifetime: 86400,
}

var bookSuite = trace.IPsecSuite{
	Transform: isakmp.ESPAES, KeyBits: 128, Auth: isakmp.AuthAlgHMACSHA1, Encap: isakmp.EncapTunnel,
}

func bookLives() policy.Lives { return policy.Lives{Seconds: 3600, Kilobytes: 4608000} }

// hubRouter is the hub with its crypto map and no SA.
func hubRouter(t *testing.T) *fakeRouter {
	return &fakeRouter{
		cfg: load(t, hubConfig),
		connections: []*ike.Connection{{
			Tag: 1, Map: "CMAP", Seq: 10, Interface: "FastEthernet0/0", Local: hub, Peers: []netip.Addr{spoke},
			Lives: bookLives(), ACL: []policy.ACLEntry{permit("192.168.2.0/24", "192.168.3.0/24")},
		}},
	}
}

// bookISAKMP is the ISAKMP SA of the book's example as the hub sees it.
func bookISAKMP() ike.ISAKMPSA {
	return ike.ISAKMPSA{
		ID: 1, Conn: 2, Local: at(hub, 500), Remote: at(spoke, 500), Role: trace.RoleResponder,
		State: trace.StateP1Complete, Show: trace.QMIdle, Policy: bookPolicy,
		PeerIdentity: policy.AddressIdentity(spoke), Established: now.Add(-10 * time.Minute),
		Expires: now.Add(24*time.Hour - 10*time.Minute), DPD: true,
		InitiatorCookie: isakmp.Cookie{1, 2, 3, 4, 5, 6, 7, 8}, ResponderCookie: isakmp.Cookie{8, 7, 6, 5, 4, 3, 2, 1},
	}
}

// bookIPsec is the pair of IPsec SAs of the book's example as the hub sees it.
func bookIPsec() ike.IPsecSA {
	return ike.IPsecSA{
		Connection: 1, Local: at(hub, 500), Remote: at(spoke, 500),
		LocalProxy: subnet("192.168.2.0/24"), RemoteProxy: subnet("192.168.3.0/24"),
		InSPI: 0x705B8268, OutSPI: 1221163868, InConn: 2001, OutConn: 2002, Suite: bookSuite, Lives: bookLives(),
		Created: now.Add(-10 * time.Minute), Expires: now.Add(50 * time.Minute), OutboundReady: true, InID: 1, OutID: 2,
	}
}

// record is an event of the hub's history with the spoke.
func record(seconds int, conn uint32, state trace.ShowState, e trace.Event) trace.Record {
	return trace.Record{
		Time: now.Add(time.Duration(seconds) * time.Second),
		Context: trace.Context{
			Local: at(hub, 500), Remote: at(spoke, 500), Peer: 1, SA: 1, Conn: conn, Role: trace.RoleResponder, State: state,
		},
		Event: e,
	}
}
