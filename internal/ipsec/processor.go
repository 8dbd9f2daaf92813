package ipsec

import (
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net/netip"
	"slices"
	"sync/atomic"
)

// Errors of installation.
var (
	ErrSPIInUse  = errors.New("ipsec: an SA with this SPI is installed")
	ErrDirection = errors.New("ipsec: SA parameters have the wrong direction")
)

// Processor joins SAD and SPD. Outbound, Inbound and the readers (SAs, Stats,
// Policies) may run in any number of goroutines and take no lock. The writers
// (Install, InstallInbound, InstallOutbound, RemoveInbound, RemoveOutbound,
// SetPolicies, AddInstance, RemoveInstance) must run one at a time; they disturb
// no reader.
type Processor struct {
	random   io.Reader
	serial   uint64 // of the last outbound SA; the writers'
	common   *common
	inbound  sad
	outbound sad
	policy   atomic.Pointer[policyState]
	outer    atomic.Pointer[OuterPolicy]
	flows    [flowCacheSize]atomic.Pointer[cachedFlow]

	instances  map[uint32]*instance // by tag; the writers'
	generation atomic.Uint64        // counts changes of instances

	sealed, opened, bypassed, acquired atomic.Uint64
	drops                              [dropCount]atomic.Uint64
}

// policyState is an SPD with the outbound SAs of each of its lines, and the
// instances of the dynamic ones by their Tag.
type policyState struct {
	spd       *SPD
	lines     []target
	byTag     map[uint32][]int
	instances map[uint32]*instanceTable
}

// target is what packets go by: a line of the policy, or an instance of a dynamic
// one. It has its outbound SAs, the newest first.
type target struct {
	sas     atomic.Pointer[saList]
	traffic traffic
	tag     uint32
	line    uint32

	permit, dynamic, open bool
}

func (t *target) set(e PolicyEntry) {
	t.traffic, t.tag, t.line, t.permit, t.dynamic, t.open = trafficOf(e.Selector), e.Tag, e.Line, e.Permit, e.Dynamic, e.Open
}

func (t *target) entry() PolicyEntry {
	return PolicyEntry{Tag: t.tag, Line: t.line, Permit: t.permit, Selector: t.traffic.selector(), Dynamic: t.dynamic, Open: t.open}
}

// find returns what a flow goes by, nil for nothing.
func (s *policyState) find(f Flow) *target {
	for i := s.spd.next(0, f); i >= 0; i = s.spd.next(i+1, f) {
		e := &s.spd.entries[i]
		if !e.Dynamic {
			return &s.lines[i]
		}
		if t := s.instances[e.Tag].covering(f); t != nil {
			return t
		}
		if !e.Open {
			return &s.lines[i]
		}
	}
	return nil
}

// NewProcessor makes a Processor without SAs and policies. random is read by
// the writers only.
func NewProcessor(random io.Reader) *Processor {
	p := &Processor{random: random, common: newCommon(), instances: map[uint32]*instance{}}
	p.SetPolicies(nil)
	return p
}

// SetPolicies replaces the SPD. SAs stay; they serve the new lines that have
// their Tag and meet their selector. So do instances, as long as there is a
// dynamic line of their template.
func (p *Processor) SetPolicies(entries []PolicyEntry) {
	s := &policyState{spd: NewSPD(entries), lines: make([]target, len(entries)), byTag: map[uint32][]int{}, instances: map[uint32]*instanceTable{}}
	for i, e := range entries {
		s.lines[i].set(e)
		if e.Permit {
			s.byTag[e.Tag] = append(s.byTag[e.Tag], i)
		}
		if e.Dynamic && s.instances[e.Tag] == nil {
			s.instances[e.Tag] = new(instanceTable)
		}
	}
	for _, tag := range slices.Sorted(maps.Keys(p.instances)) { // the newest last
		if table := s.instances[p.instances[tag].template]; table != nil {
			table.add(p.instances[tag])
		}
	}
	var sas []*SA
	p.outbound.each(func(sa *SA) { sas = append(sas, sa) })
	slices.SortFunc(sas, func(a, b *SA) int { return cmp.Compare(a.serial, b.serial) })
	for _, sa := range sas {
		s.attach(sa, prepend)
	}
	p.policy.Store(s)
}

// attach changes the list of every line, and of the instance, that sa serves.
func (p *Processor) attach(sa *SA, change func(*SA, *saList) *saList) {
	p.policy.Load().attach(sa, change)
	if x := p.instances[sa.tag]; x != nil {
		x.target.sas.Store(change(sa, x.target.sas.Load()))
	}
}

// attach changes the list of every line that sa serves.
func (s *policyState) attach(sa *SA, change func(*SA, *saList) *saList) {
	for _, i := range s.byTag[sa.tag] {
		if s.spd.entries[i].Selector.Overlaps(sa.traffic.selector()) {
			s.lines[i].sas.Store(change(sa, s.lines[i].sas.Load()))
		}
	}
}

// Policies returns the entries of the SPD in order.
func (p *Processor) Policies() []PolicyEntry { return p.policy.Load().spd.Entries() }

// Install installs a pair of SAs, the inbound one first, so that the peer's
// answer finds it. On an error neither is installed.
func (p *Processor) Install(in, out SAParams) (inSA, outSA *SA, err error) {
	if inSA, err = p.InstallInbound(in); err != nil {
		return nil, nil, err
	}
	if outSA, err = p.InstallOutbound(out); err != nil {
		p.RemoveInbound(in.SPI)
		return nil, nil, err
	}
	return inSA, outSA, nil
}

// InstallInbound installs an inbound SA, whose SPI must be free.
func (p *Processor) InstallInbound(params SAParams) (*SA, error) {
	if params.Direction != Inbound {
		return nil, ErrDirection
	}
	if p.inbound.bySPI(params.SPI) != nil {
		return nil, ErrSPIInUse
	}
	sa, err := makeSA(params, p.common, p.random)
	if err != nil {
		return nil, err
	}
	p.inbound.add(sa)
	return sa, nil
}

// InstallOutbound installs an outbound SA. Packets use it from now on rather
// than older ones with the same Tag that cover them too.
func (p *Processor) InstallOutbound(params SAParams) (*SA, error) {
	if params.Direction != Outbound {
		return nil, ErrDirection
	}
	if p.outbound.byPeer(params.SPI, params.Remote) != nil {
		return nil, ErrSPIInUse
	}
	sa, err := makeSA(params, p.common, p.random)
	if err != nil {
		return nil, err
	}
	p.serial++
	sa.serial = p.serial
	p.outbound.add(sa)
	p.attach(sa, prepend)
	return sa, nil
}

// RemoveInbound removes and ends the inbound SA and returns it, nil if there is none.
func (p *Processor) RemoveInbound(spi uint32) *SA {
	sa := p.inbound.bySPI(spi)
	if sa != nil {
		p.inbound.remove(sa)
		sa.End()
	}
	return sa
}

// RemoveOutbound removes and ends the outbound SA and returns it, nil if there is none.
func (p *Processor) RemoveOutbound(spi uint32, remote netip.Addr) *SA {
	sa := p.outbound.byPeer(spi, remote)
	if sa != nil {
		p.attach(sa, without)
		p.outbound.remove(sa)
		sa.End()
	}
	return sa
}

// FindInbound returns the inbound SA with this SPI, or nil.
func (p *Processor) FindInbound(spi uint32) *SA { return p.inbound.bySPI(spi) }

// FindOutbound returns the outbound SA to remote with this SPI, or nil.
func (p *Processor) FindOutbound(spi uint32, remote netip.Addr) *SA {
	return p.outbound.byPeer(spi, remote)
}

// SAs returns every SA, inbound ones first, in no order of time.
func (p *Processor) SAs() (all []*SA) {
	p.EachSA(func(sa *SA) { all = append(all, sa) })
	return all
}

// EachSA calls do for every SA, in the order of SAs.
func (p *Processor) EachSA(do func(*SA)) {
	p.inbound.each(do)
	p.outbound.each(do)
}

// Stats is a snapshot of the Processor's counters. Drops counts those of all
// SAs too, removed ones included.
type Stats struct {
	Sealed, Opened, Bypassed, Acquired uint64
	Drops                              DropCounts
}

// Stats reads the counters one by one.
func (p *Processor) Stats() Stats {
	s := Stats{Sealed: p.sealed.Load(), Opened: p.opened.Load(), Bypassed: p.bypassed.Load(), Acquired: p.acquired.Load()}
	for i := range p.drops {
		s.Drops[i] = p.drops[i].Load()
	}
	return s
}

// CountDrop counts a drop that happened around the Processor, in a queue or a
// socket. sa may be nil.
func (p *Processor) CountDrop(sa *SA, d Drop) {
	p.drops[d].Add(1)
	if sa != nil {
		sa.CountDrop(d)
	}
}

// Action is what is to become of a packet that leaves this side.
type Action uint8

// Actions.
const (
	Sealed  Action = iota // send OutResult.Packet to the SA's peer
	Acquire               // keep the packet and ask for an SA for OutResult.Entry
	Bypass                // not for IPsec
	Dropped
)

var actionNames = [...]string{"sealed", "acquire", "bypass", "dropped"}

// String returns the action in lower case.
func (a Action) String() string {
	if int(a) >= len(actionNames) {
		return "unknown"
	}
	return actionNames[a]
}

// OutResult is the fate of an outbound packet. Packet is dst with the ESP
// packet behind it; More holds those of further fragments, where the packet was
// fragmented first. SoftLimit is true once in an SA's life, when it nears its
// end in kilobytes or sequence numbers. UsedUp says that it has reached it: the
// packet is to wait for the next SA.
type OutResult struct {
	Action    Action
	Packet    []byte
	More      [][]byte
	Outer     OuterHeader // with Sealed, for each of the packets
	SA        *SA         // with Sealed and UsedUp, and with Dropped once an SA was chosen
	Entry     PolicyEntry // with Sealed and Acquire
	Flow      Flow
	Drop      Drop // with Dropped
	MTU       int  // with DropTooBig, the largest packet that fits
	SoftLimit bool
	UsedUp    bool // with Acquire
	// Unprotected says that Packet must not be sent before SA.Protect has taken it.
	// It is in clear until then.
	Unprotected bool
}

// Outbound decides on an IP packet that leaves this side, and seals it if an
// SA is there. The sealed packet is appended to dst, as SA.Seal does it.
func (p *Processor) Outbound(dst, packet []byte) OutResult {
	return p.leave(dst, packet, false)
}

// Prepare is Outbound, but may leave the packet Unprotected: an SA encrypts several
// packets faster than one after the other.
func (p *Processor) Prepare(dst, packet []byte) OutResult {
	return p.leave(dst, packet, true)
}

func (p *Processor) leave(dst, packet []byte, later bool) OutResult {
	h, drop := parseIP(packet)
	if drop != DropNone {
		return p.dropOut(OutResult{Flow: h.flow}, drop)
	}
	t := p.lookup(h.flow)
	if t == nil {
		p.bypassed.Add(1)
		return OutResult{Action: Bypass, Flow: h.flow}
	}
	r := OutResult{Entry: t.entry(), Flow: h.flow}
	if t.dynamic {
		return p.dropOut(r, DropNoSA)
	}
	r.SA = t.serving(h.flow)
	r.UsedUp = r.SA != nil && r.SA.UsedUp()
	if r.SA == nil || r.UsedUp {
		p.acquired.Add(1)
		r.Action = Acquire
		return r
	}
	outer := p.outerPolicy()
	r.Outer = OuterHeader{TOS: tosOf(packet), DF: outer.df(h.df)}
	if mtu := int(r.SA.plaintextMTU.Load()); mtu > 0 && h.total > mtu {
		switch outer.fate(r.SA, packet, h.df) {
		case tooBig:
			r.MTU = mtu
			r.SA.CountDrop(DropTooBig)
			return p.dropOut(r, DropTooBig)
		case fragmentFirst:
			return p.sealFragments(dst, r, Fragments(packet, mtu))
		case sealWhole:
			r.Outer.DF = false
		}
	}
	out, err := r.SA.seal(dst, packet, h, later)
	r.SoftLimit = r.SA.SoftLimitReached()
	if err != nil {
		return p.dropOut(r, asDrop(err))
	}
	p.sealed.Add(1)
	r.Action, r.Packet, r.Unprotected = Sealed, out, later && r.SA.together
	return r
}

// Lane is that of the SA which Outbound would choose for the packet, 0 without
// any.
func (p *Processor) Lane(packet []byte) uint32 {
	h, drop := parseIP(packet)
	if drop != DropNone {
		return 0
	}
	if t := p.lookup(h.flow); t != nil {
		if sa := t.serving(h.flow); sa != nil {
			return sa.lane
		}
	}
	return 0
}

// InboundLane is that of the inbound SA with this SPI, 0 without any.
func (p *Processor) InboundLane(spi uint32) uint32 {
	if sa := p.inbound.bySPI(spi); sa != nil {
		return sa.lane
	}
	return 0
}

// SPIOf is an ESP packet's SPI, 0 if it is too short to have one.
func SPIOf(esp []byte) uint32 {
	if len(esp) < headerLen {
		return 0
	}
	return binary.BigEndian.Uint32(esp)
}

// sealFragments seals all fragments of a packet by the same SA.
func (p *Processor) sealFragments(dst []byte, r OutResult, pieces [][]byte) OutResult {
	if len(pieces) == 0 {
		return p.dropOut(r, DropMalformed)
	}
	for i, piece := range pieces {
		out, err := r.SA.Seal(dst, piece)
		if err != nil {
			r.Packet, r.More = nil, nil
			return p.dropOut(r, asDrop(err))
		}
		if p.sealed.Add(1); i == 0 {
			r.Packet, dst = out, nil
		} else {
			r.More = append(r.More, out)
		}
	}
	r.SoftLimit = r.SA.SoftLimitReached()
	r.Action = Sealed
	return r
}

// serving returns the newest SA that covers the flow.
func (t *target) serving(f Flow) *SA {
	for at := t.sas.Load(); at != nil; at = at.next {
		if at.sa.traffic.matches(f) {
			return at.sa
		}
	}
	return nil
}

func (p *Processor) dropOut(r OutResult, d Drop) OutResult {
	p.drops[d].Add(1)
	r.Action, r.Drop = Dropped, d
	return r
}

func asDrop(err error) Drop {
	if d, ok := err.(Drop); ok {
		return d
	}
	return DropMalformed
}

// ClearTextDrop judges a packet that came in clear: DropClearTextRequired if
// the policy wants its flow, seen from the other side, under IPsec.
func (p *Processor) ClearTextDrop(f Flow) Drop {
	if p.lookup(f.Reverse()) != nil {
		return DropClearTextRequired
	}
	return DropNone
}

// InResult is the fate of an inbound ESP packet. Packet is dst with the inner
// packet behind it; it is nil with a Drop. PeerMoved says that an authentic
// packet came from another address or port than the SA's: the NAT gave the
// peer a new mapping. UsedUp says that the SA has carried its kilobytes: some
// more are taken, until the peer has heard of its end.
type InResult struct {
	Packet    []byte
	SA        *SA // nil with DropTruncated and DropUnknownSPI
	SPI       uint32
	Flow      Flow // of the inner packet, as the peer sent it
	Drop      Drop
	PeerMoved bool
	SoftLimit bool
	UsedUp    bool
}

// Inbound opens an ESP packet, from SPI to ICV, that came from one address to
// another; the ports are those of UDP, and 0 with raw ESP. An invalid to is
// not compared with the SA's address. The inner packet is appended to dst, as
// SA.Open does it, and lies within the SA's selector.
func (p *Processor) Inbound(dst, esp []byte, from, to netip.AddrPort) InResult {
	if len(esp) < headerLen {
		return p.dropIn(InResult{}, DropTruncated)
	}
	r := InResult{SPI: binary.BigEndian.Uint32(esp)}
	r.SA = p.inbound.bySPI(r.SPI)
	if r.SA == nil {
		return p.dropIn(r, DropUnknownSPI)
	}
	if d := r.SA.checkArrival(from, to); d != DropNone {
		return p.dropInSA(r, d)
	}
	out, err := r.SA.Open(dst, esp)
	r.SoftLimit, r.UsedUp = r.SA.SoftLimitReached(), r.SA.UsedUp()
	if err != nil {
		return p.dropIn(r, asDrop(err))
	}
	r.PeerMoved = r.SA.udpEncap && from != r.SA.Endpoint()
	flow, drop := ParseFlow(out[len(dst):])
	r.Flow = flow
	if drop != DropNone {
		return p.dropInSA(r, drop)
	}
	if !r.SA.traffic.matches(flow.Reverse()) {
		return p.dropInSA(r, DropSelectorMismatch)
	}
	p.opened.Add(1)
	r.Packet = out
	return r
}

// checkArrival compares how a packet came with what was agreed.
func (sa *SA) checkArrival(from, to netip.AddrPort) Drop {
	if sa.udpEncap != (from.Port() != 0) {
		return DropWrongEncapsulation
	}
	if to.Addr().IsValid() && to.Addr() != sa.addresses.local() {
		return DropWrongDestination
	}
	return DropNone
}

func (p *Processor) dropInSA(r InResult, d Drop) InResult {
	r.SA.CountDrop(d)
	return p.dropIn(r, d)
}

func (p *Processor) dropIn(r InResult, d Drop) InResult {
	p.drops[d].Add(1)
	r.Drop = d
	return r
}
