package console

import (
	"net/netip"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/trace"
)

// Router is what the console sees of a gateway. Each method returns a snapshot
// that stays as it is; the console calls none of them from another goroutine.
type Router interface {
	Now() time.Time
	Config() *config.Config
	Hostname() string
	Started() time.Time

	ISAKMPSAs() []ike.ISAKMPSA
	IPsecSAs() []ike.IPsecSA
	Connections() []*ike.Connection
	// Instances lists what live peers have of dynamic crypto maps, oldest first.
	Instances() []*ike.Connection
	// ReverseRoutes lists the routes of reverse-route, by prefix.
	ReverseRoutes() []ReverseRoute
	Statistics() ike.Statistics
	// PacketDrops counts the packets that the data plane has dropped, by
	// reason, those of no SA included.
	PacketDrops() ipsec.DropCounts

	// SACounters returns the counters of a pair of IPsec SAs.
	SACounters(inSPI, outSPI uint32) Counters
	// PolicyCounters returns those of one line of the access list of the
	// connection with this tag. They outlive rekeying.
	PolicyCounters(tag uint32, line int) Counters
	// Matches counts the packets that a line has protected, in both directions.
	Matches(tag uint32, line int) uint64

	// PeersWithHistory lists the peers whose events were recorded, the one that was
	// active last first; the invalid address stands for events of no peer.
	PeersWithHistory() []netip.Addr
	// History returns the recorded events of a peer, oldest first; of no peer
	// for the invalid address.
	History(peer netip.Addr) []trace.Record
	// HistoryLost is how many events of a peer were recorded before those.
	HistoryLost(peer netip.Addr) uint64

	// Debug returns the debug switches, which the console sets.
	Debug() *Debug
	// ClearISAKMP deletes the ISAKMP SA with this conn-id, or all for 0, and
	// returns how many there were.
	ClearISAKMP(conn uint32) int
	// ClearIPsec deletes the pairs of IPsec SAs that a filter chooses, and
	// returns how many there were.
	ClearIPsec(ike.IPsecFilter) int
	// ClearSession deletes the SAs of both phases that a filter chooses, and
	// returns how many ISAKMP SAs and pairs of IPsec SAs there were.
	ClearSession(ike.SessionFilter) int
	// ClearCounters makes SACounters and PolicyCounters begin at zero.
	ClearCounters()
	// ClearAdmission makes the counters of call admission begin at zero.
	ClearAdmission()
	// ClearMatches makes the Matches of some connections begin at zero.
	ClearMatches(tags []uint32)
	// ClearLog takes what was recorded so far out of the log, not out of the
	// history. LogCleared is when that was last done, zero for never.
	ClearLog()
	LogCleared() time.Time
	// Ping sends echo requests one after the other and returns when the last
	// is answered or given up.
	Ping(PingRequest) (PingResult, error)
	Version() VersionInfo
}

// Counters count packets, and bytes of inner packets.
type Counters struct {
	EncapsPackets, EncapsBytes uint64
	DecapsPackets, DecapsBytes uint64
	SendDrops, RecvDrops       ipsec.DropCounts
	// PathMTU is that of the outer packets; 0 when not known, which is shown
	// as Ethernet's 1500.
	PathMTU int
}

// Debug is the debug switches.
type Debug struct {
	ISAKMP bool
	IPsec  bool
	Engine bool

	Authentication bool // of AAA
	Authorization  bool // of AAA
	RADIUS         bool

	PKIMessages     bool
	PKITransactions bool
	PKIValidation   bool
}

// PingRequest is a number of ICMP echo requests.
type PingRequest struct {
	Target  netip.Addr
	Source  netip.Addr // invalid: the router chooses
	Count   int
	Size    int           // of the IP packet, in bytes
	Timeout time.Duration // of one request
}

// PingOutcome is what became of one echo request.
type PingOutcome uint8

// Outcomes.
const (
	PingTimeout     PingOutcome = iota // nothing came back
	PingReply                          // an echo reply
	PingUnreachable                    // ICMP destination unreachable
)

// PingProbe is one echo request. RTT counts with PingReply only.
type PingProbe struct {
	Outcome PingOutcome
	RTT     time.Duration
}

// PingResult is a finished ping, its probes in the order of sending.
type PingResult struct{ Probes []PingProbe }

// VersionInfo says which program this is.
type VersionInfo struct {
	Version    string // of the release
	Commit     string // "" when not known
	GoVersion  string // such as go1.26.0
	Platform   string // such as linux/amd64
	ConfigFile string // "" when there is none
	// CPUFeatures are the instructions of the CPU that ciphers and hashes use,
	// such as AES-NI.
	CPUFeatures []string
}
