package ipsec

import (
	"io"
	"math"
	"net/netip"
	"runtime"
	"sync/atomic"

	"qmidle/internal/isakmp"
)

// SA is one security association, inbound or outbound. Its methods may be
// called from any goroutine; Seal and Open let one packet at a time pass, so
// spread load over SAs rather than over goroutines of one.
//
// A gateway has more of them than of anything else, most of them idle: what an SA takes
// is bounded by a test.
type SA struct {
	common *common
	next   atomic.Pointer[SA] // in its bucket of the SAD

	// What Seal and Open work with. The package has no mutex by its rules.
	busy   atomic.Bool // held meanwhile
	ended  bool
	used   bool // since the last Rest
	work   work // nil until it is needed, and with NULL
	keys   keys
	replay *replayWindow // inbound

	suite
	direction Direction
	mode      Mode
	udpEncap  bool
	// together says that packets may be left for Protect.
	together bool

	localPort, remotePort uint16
	window                int16 // of Params
	spi, tag, id, lane    uint32
	lifeSeconds           uint32
	lifeKilobytes         uint32
	addresses             addresses
	traffic               traffic

	seq                   atomic.Uint32 // last number sent, or highest authenticated
	pathMTU, plaintextMTU atomic.Int32  // 0: not known
	softDone              atomic.Bool
	serial                uint64 // order of installation, of outbound SAs
	packets, bytes        atomic.Uint64

	endpoint atomic.Pointer[netip.AddrPort] // of the peer, where it has moved
	moveTold atomic.Int64
	drops    atomic.Pointer[dropCounters] // nil before the first
}

// inboundSA is an SA with what only inbound ones have, in one piece of memory.
type inboundSA struct {
	SA
	replayWindow
}

type dropCounters [dropCount]atomic.Uint64

// NewSA makes an SA. random gives an outbound CBC SA the key of its IVs and
// is not read otherwise. Errors are *ParamError, or random's.
func NewSA(p SAParams, random io.Reader) (*SA, error) {
	c := commonOfOne()
	sa, err := makeSA(p, c, random)
	c.first[0].scratch.Store(nil) // there may never be a packet: the kernel does ESP too
	return sa, err
}

// makeSA is NewSA with what the SA is to share with others.
func makeSA(p SAParams, c *common, random io.Reader) (*SA, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	s, err := newSuite(&p)
	if err != nil {
		return nil, err
	}
	if p.Direction == Outbound && s.isCBC() {
		if err := c.drawKey(random); err != nil {
			return nil, err
		}
	}
	var sa *SA
	if p.Direction == Outbound {
		sa = new(SA)
	} else {
		in := new(inboundSA)
		sa, in.replay = &in.SA, &in.replayWindow
		in.begin(windowOf(&p, s))
	}
	sa.common, sa.suite, sa.lane = c, s, laneOf(&p)
	sa.together = p.Direction == Outbound && p.Transform == isakmp.ESPAES && hasAES()
	sa.setParams(&p)
	sa.setKeys(&p)
	return sa, nil
}

// windowOf is the size of the replay window that holds, or ReplayOff.
func windowOf(p *SAParams, s suite) int {
	switch {
	case !s.authenticated() || p.ReplayWindow < 0:
		return ReplayOff
	case p.ReplayWindow == 0:
		return DefaultReplayWindow
	}
	return p.ReplayWindow
}

// MoveTold is the SA's owner's: when it was last told that the peer has moved.
func (sa *SA) MoveTold() *atomic.Int64 { return &sa.moveTold }

// quickVolume is kilobytes that a fast network carries in the time that it takes
// to negotiate a successor.
const quickVolume = 64 << 10

// limits are in octets of inner packets: from soft on the SA wants a successor, at
// hard it has carried its kilobytes, and from refuse on packets are dropped.
type limits struct{ soft, hard, refuse uint64 }

// limits puts the soft limit a tenth of the volume before the hard one, but
// quickVolume at least, or half of what there is: IOS's 256 kilobytes pass in no
// time. What comes in may exceed the hard limit by as much, since a peer that is
// told of the end goes on sending until it has heard it.
func (sa *SA) limits() limits {
	if sa.lifeKilobytes == 0 {
		return limits{math.MaxUint64, math.MaxUint64, math.MaxUint64}
	}
	volume := uint64(sa.lifeKilobytes)
	margin := max(volume/10, min(volume/2, quickVolume))
	l := limits{(volume - margin) << 10, volume << 10, volume << 10}
	if sa.direction == Inbound {
		l.refuse += margin << 10
	}
	return l
}

// Volumes are octets of inner packets: from soft on the SA wants a successor, at
// hard it has carried its kilobytes, and from refuse on nothing passes.
// math.MaxUint64 stands for no limit.
func (sa *SA) Volumes() (soft, hard, refuse uint64) {
	l := sa.limits()
	return l.soft, l.hard, l.refuse
}

// UsedUp says that the SA has carried its kilobytes or sequence numbers.
func (sa *SA) UsedUp() bool {
	return sa.bytes.Load() >= sa.limits().hard || sa.seq.Load() == math.MaxUint32
}

// Lane is a number by which work may be spread over the cores: an SA's and its
// successor's is the same, so that what goes by the lane keeps its order.
func (sa *SA) Lane() uint32 { return sa.lane }

func laneOf(p *SAParams) uint32 {
	f := Flow{Src: p.Selector.LocalNet.Lo, Dst: p.Selector.RemoteNet.Lo, Protocol: p.Selector.Protocol,
		SrcPort: p.Selector.LocalPort.Lo, DstPort: p.Selector.RemotePort.Lo}
	return f.hash() ^ p.Tag*0x9e3779b1>>16
}

// SPI returns the security parameters index.
func (sa *SA) SPI() uint32 { return sa.spi }

// Endpoint is where the peer is now: Params's Remote and RemotePort, until
// SetEndpoint. The port is 0 without UDP encapsulation.
func (sa *SA) Endpoint() netip.AddrPort {
	if moved := sa.endpoint.Load(); moved != nil {
		return *moved
	}
	if !sa.udpEncap {
		return netip.AddrPortFrom(sa.addresses.remote(), 0)
	}
	return netip.AddrPortFrom(sa.addresses.remote(), sa.remotePort)
}

// SetEndpoint follows a peer behind a NAT to its new address or port. The SA
// is still found under the old address.
func (sa *SA) SetEndpoint(remote netip.AddrPort) { sa.endpoint.Store(&remote) }

// Counters is a snapshot of an SA's counters. Bytes are those of inner
// packets. Sequence is the last number sent, or the highest authenticated.
type Counters struct {
	Packets, Bytes uint64
	Sequence       uint32
	Drops          DropCounts
}

// Counters reads the counters. They are read one by one: under load they may
// be some packets apart.
func (sa *SA) Counters() Counters {
	c := Counters{Packets: sa.packets.Load(), Bytes: sa.bytes.Load(), Sequence: sa.seq.Load()}
	if drops := sa.drops.Load(); drops != nil {
		for i := range drops {
			c.Drops[i] = drops[i].Load()
		}
	}
	return c
}

// Packets is that of Counters.
func (sa *SA) Packets() uint64 { return sa.packets.Load() }

// RemainingBytes returns how many octets of inner packets may still pass after those
// that were carried, and false where the SA has no limit.
func (sa *SA) RemainingBytes(carried uint64) (uint64, bool) {
	if sa.lifeKilobytes == 0 {
		return 0, false
	}
	hard := sa.limits().hard
	return hard - min(carried, hard), true
}

// SoftLimitReached says once, and never again, that the SA is nearly used up,
// in kilobytes or in sequence numbers, and wants a successor.
func (sa *SA) SoftLimitReached() bool {
	if sa.bytes.Load() < sa.limits().soft && sa.seq.Load() < SoftSequence {
		return false
	}
	return !sa.softDone.Load() && sa.softDone.CompareAndSwap(false, true)
}

// SoftSequence is the sequence number from which on an SA wants a successor. It
// leaves a sixteenth of the numbers for the rekeying.
const SoftSequence = math.MaxUint32 - math.MaxUint32/16

// CountDrop counts a drop that happened outside of Seal and Open.
func (sa *SA) CountDrop(d Drop) {
	drops := sa.drops.Load()
	if drops == nil {
		sa.drops.CompareAndSwap(nil, new(dropCounters))
		drops = sa.drops.Load()
	}
	drops[d].Add(1)
}

// HeaderLen is the octets before the ciphertext: SPI, sequence number and IV.
func (sa *SA) HeaderLen() int { return sa.headerLen() }

// EncapsulatedLen is the length on the wire, with the outer IP header and UDP
// header, of an inner packet of n octets.
func (sa *SA) EncapsulatedLen(n int) int {
	if sa.mode == Transport {
		n -= sa.outerIPLen()
	}
	return sa.outerLen() + sa.espLen(max(0, n))
}

// PlaintextMTU is the largest inner packet whose encapsulation fits pathMTU.
func (sa *SA) PlaintextMTU(pathMTU int) int {
	n := sa.maxPayload(pathMTU - sa.outerLen())
	if sa.mode == Transport {
		n += sa.outerIPLen()
	}
	return n
}

// SetPathMTU tells an outbound SA how large a packet the path to its peer
// takes; 0 makes it forget. Packets that would exceed it are then dropped with
// DropTooBig (RFC 4301 section 8.2) or fragmented, as OuterPolicy has it.
func (sa *SA) SetPathMTU(pathMTU int) {
	n := 0
	if pathMTU > 0 {
		n = max(minPlaintextMTU, sa.PlaintextMTU(pathMTU))
	}
	sa.pathMTU.Store(int32(pathMTU))
	sa.plaintextMTU.Store(int32(n))
}

// PathMTU is what SetPathMTU was told last, 0 before.
func (sa *SA) PathMTU() int { return int(sa.pathMTU.Load()) }

// minPlaintextMTU is what IPv4 hosts may rely on (RFC 791 section 3.2): a
// smaller report from the network is not believed.
const minPlaintextMTU = 576

func (sa *SA) outerIPLen() int {
	if sa.addresses.wide == nil {
		return 20
	}
	return 40
}

func (sa *SA) outerLen() int {
	if sa.udpEncap {
		return sa.outerIPLen() + 8
	}
	return sa.outerIPLen()
}

func (sa *SA) acquire() {
	for !sa.busy.CompareAndSwap(false, true) {
		runtime.Gosched()
	}
}

func (sa *SA) release() { sa.busy.Store(false) }

// End overwrites the SA's keys, but for what of them stands inside of Go's ciphers,
// which it lets go. What is sealed or opened after it is dropped.
func (sa *SA) End() {
	sa.acquire()
	defer sa.release()
	sa.ended = true
	sa.rest()
	sa.keys.clear()
	sa.common = nil
}

// Rest, called now and then, lets an SA that has had no packet since the last time go
// back to what it was before its first one.
func (sa *SA) Rest() {
	sa.acquire()
	defer sa.release()
	if !sa.used {
		sa.rest()
	}
	sa.used = false
}

func (sa *SA) rest() {
	if sa.work != nil {
		sa.work.clear()
		sa.work = nil
	}
}

func (sa *SA) drop(d Drop) error {
	sa.CountDrop(d)
	return d
}

func (sa *SA) count(innerLen int) {
	sa.packets.Add(1)
	sa.bytes.Add(uint64(innerLen))
}
