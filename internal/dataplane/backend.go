package dataplane

import (
	"errors"
	"net/netip"

	"qmidle/internal/ipsec"
)

// Backend keeps SAs and policies and moves the packets. Its methods may be
// called from any goroutine.
type Backend interface {
	// Install installs SAs in the order given, all or none: an inbound SA with
	// its outbound one, or each when its time comes. An outbound SA releases
	// the packets that waited for it.
	Install(sas ...ipsec.SAParams) error
	// Remove removes an SA. remote matters for outbound ones, whose SPI the
	// peer chose. ErrNoSA says that there is none.
	Remove(d ipsec.Direction, spi uint32, remote netip.Addr) error
	// MovePeer makes an SA follow its peer to another address or port. remote
	// is the address that the SA was installed with.
	MovePeer(d ipsec.Direction, spi uint32, remote netip.Addr, to netip.AddrPort) error
	// SetPolicies replaces the policy. What is selected by the old and the new
	// one passes at no time in clear. Packets that wait for an SA are dropped.
	SetPolicies(entries []ipsec.PolicyEntry) error
	// AddInstance adds an entry that the dynamic lines with a template's Tag lead
	// to, ahead of its SAs. RemoveInstance takes it back, and drops the packets
	// that wait for its SAs. Other entries and their packets are not disturbed.
	AddInstance(template uint32, entry ipsec.PolicyEntry) error
	RemoveInstance(tag uint32) error
	// Discard drops the packets that wait for an SA of this entry's line,
	// when its negotiation has failed.
	Discard(tag, line uint32)
	// SAs shows every SA, SA one of them: remote matters as with Remove. Packets is
	// how many packets it has carried, for those who ask often.
	SAs() []SAStatus
	SA(d ipsec.Direction, spi uint32, remote netip.Addr) (SAStatus, bool)
	Packets(d ipsec.Direction, spi uint32, remote netip.Addr) (uint64, bool)
	// Stats shows the counters of all SAs together.
	Stats() Stats
	// Close stops the packets and removes what was put into the kernel.
	Close() error
}

// ErrNoSA says that an SA is not installed.
var ErrNoSA = errors.New("dataplane: no such SA")

// SAStatus is an SA with its counters. The MTUs are octets of IP packets and 0
// where the path is not known; PlaintextMTU is of the packet inside.
type SAStatus struct {
	Params                ipsec.SAParams // without keys
	Endpoint              netip.AddrPort // where the peer is now
	Counters              ipsec.Counters
	PathMTU, PlaintextMTU int
	BytesLeft             uint64
	Limited               bool // BytesLeft counts
}

// SAKey names an SA; Remote is set for outbound ones only, whose SPI the peer chose.
type SAKey struct {
	Direction ipsec.Direction
	SPI       uint32
	Remote    netip.Addr
}

// SAKeyOf is the key of an SA with a peer.
func SAKeyOf(d ipsec.Direction, spi uint32, remote netip.Addr) SAKey {
	if d == ipsec.Inbound {
		remote = netip.Addr{}
	}
	return SAKey{d, spi, remote}
}

// statusOf shows an SA with its counters.
func statusOf(sa *ipsec.SA, c ipsec.Counters) SAStatus {
	s := SAStatus{Params: sa.Params(), Endpoint: sa.Endpoint(), Counters: c}
	s.BytesLeft, s.Limited = sa.RemainingBytes(c.Bytes)
	if s.PathMTU = sa.PathMTU(); s.PathMTU > 0 {
		s.PlaintextMTU = sa.PlaintextMTU(s.PathMTU)
	}
	return s
}

// Stats are counters since the start. Queued is the packets that wait now.
type Stats struct {
	ipsec.Stats
	Queued     int
	Keepalives uint64 // NAT keepalives received
}

// addGuarded adds what the guard has dropped. Without its table that is missing.
func (s *Stats) addGuarded(host *Host) {
	if guarded, err := host.GuardCounters(); err == nil {
		s.Drops[ipsec.DropClearTextRequired] += guarded.In
		s.Drops[ipsec.DropLeavesClear] += guarded.Out
	}
}

// Events are what the backend tells its owner; nil ones are not told. They
// are called from the goroutines that move packets, so they must not block,
// and must not call the backend.
type Events struct {
	// Acquire asks for SAs for an entry: a packet waits for them. It is told
	// again, at most once a second, as long as packets come.
	Acquire func(entry ipsec.PolicyEntry, flow ipsec.Flow)
	// UnknownSPI tells of ESP for an SA that is not there, 64 times in a second at
	// most, and once for one sender.
	UnknownSPI func(spi uint32, from, to netip.AddrPort)
	// SoftLimit tells once that an SA wants a successor: its kilobytes or
	// sequence numbers run out.
	SoftLimit func(sa ipsec.SAParams)
	// UsedUp tells that an SA has carried its kilobytes or sequence numbers: it
	// has to end. It is told again, at most once a second, as long as packets come.
	UsedUp func(sa ipsec.SAParams)
	// PeerMoved tells that the NAT before a peer gave it a new address or
	// port, proven by an authentic packet; at most once a second for each SA.
	PeerMoved func(sa ipsec.SAParams, from netip.AddrPort)
	// Dropped tells of a packet dropped for a reason that an operator wants to
	// see (replay, authentication, selector, clear text); at most once a
	// second for each reason. SPI is 0 for clear text.
	Dropped func(reason ipsec.Drop, spi uint32, flow ipsec.Flow)
	// Device tells that somebody has removed the TUN device or set it down,
	// with the reason why it could not be put right, nil if it was. Until it is,
	// protected packets are dropped.
	Device func(name string, err error)
	// Contain is asked to handle packets that came from an address in UDP, so that
	// the owner may recover from a panic. It is not told of all packets: those that
	// are handled in ReceiveUDP are under the caller's eye.
	Contain func(from netip.AddrPort, handle func())
	// HostChanged tells that addresses or links of the host have changed, and
	// now and then that they may have. The policy is in force by then.
	HostChanged func()
}

// SendUDP sends ESP packets in order from one UDP socket of the gateway's to
// a peer (RFC 3948 section 2.1), with the IP header that is asked for.
type SendUDP func(local, remote netip.AddrPort, outer ipsec.OuterHeader, packets [][]byte) error
