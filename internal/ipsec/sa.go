package ipsec

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"io"
	"math"
	"net/netip"
	"runtime"
	"sync/atomic"

	"qmidle/internal/secret"
)

// SA is one security association, inbound or outbound. Its methods may be
// called from any goroutine; Seal and Open let one packet at a time pass, so
// spread load over SAs rather than over goroutines of one.
type SA struct {
	params SAParams // its keys are gone: the transforms hold them
	serial uint64   // order of installation
	lane   uint32
	suite

	busy atomic.Bool // held during Seal and Open; the package has no mutex by its rules

	seq    atomic.Uint32 // last number sent, or highest authenticated
	replay replayWindow
	ivs    ivGenerator
	nonce  [gcmSaltLen + gcmIVLen]byte
	icv    [64]byte

	endpoint       atomic.Pointer[netip.AddrPort] // of the peer, where it has moved
	moveTold       atomic.Int64
	pathMTU        atomic.Int32 // 0: not known
	plaintextMTU   atomic.Int32 // likewise
	packets, bytes atomic.Uint64
	softDone       atomic.Bool
	softBytes      uint64
	hardBytes      uint64
	refuseBytes    uint64 // from here on packets are dropped
	drops          [dropCount]atomic.Uint64
}

// NewSA makes an SA. random gives an outbound CBC SA the key of its IVs and
// is not read otherwise. Errors are *ParamError, or random's.
func NewSA(p SAParams, random io.Reader) (*SA, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	s, err := newSuite(&p)
	if err != nil {
		return nil, err
	}
	if p.ReplayWindow == 0 {
		p.ReplayWindow = DefaultReplayWindow
	}
	if !s.authenticated() || p.ReplayWindow < 0 {
		p.ReplayWindow = ReplayOff
	}
	p.EncKey, p.AuthKey = secret.Secret{}, secret.Secret{}
	sa := &SA{params: p, suite: s, lane: laneOf(&p)}
	sa.setLife(p.LifeKilobytes)
	copy(sa.nonce[:], s.salt[:])
	if p.Direction == Inbound {
		sa.replay = newReplayWindow(p.ReplayWindow)
		return sa, nil
	}
	if s.cbc != nil {
		return sa, sa.ivs.init(random)
	}
	return sa, nil
}

// MoveTold is the SA's owner's: when it was last told that the peer has moved.
func (sa *SA) MoveTold() *atomic.Int64 { return &sa.moveTold }

// quickVolume is kilobytes that a fast network carries in the time that it takes
// to negotiate a successor.
const quickVolume = 64 << 10

// setLife puts the soft limit a tenth of the volume before the hard one, but
// quickVolume at least, or half of what there is: IOS's 256 kilobytes pass in no
// time. What comes in may exceed the hard limit by as much, since a peer that is
// told of the end goes on sending until it has heard it.
func (sa *SA) setLife(kilobytes uint32) {
	sa.softBytes, sa.hardBytes, sa.refuseBytes = math.MaxUint64, math.MaxUint64, math.MaxUint64
	if kilobytes == 0 {
		return
	}
	volume := uint64(kilobytes)
	margin := max(volume/10, min(volume/2, quickVolume)) * 1024
	sa.hardBytes = volume * 1024
	sa.softBytes, sa.refuseBytes = sa.hardBytes-margin, sa.hardBytes
	if sa.params.Direction == Inbound {
		sa.refuseBytes += margin
	}
}

// UsedUp says that the SA has carried its kilobytes or sequence numbers.
func (sa *SA) UsedUp() bool {
	return sa.bytes.Load() >= sa.hardBytes || sa.seq.Load() == math.MaxUint32
}

// Lane is a number by which work may be spread over the cores: an SA's and its
// successor's is the same, so that what goes by the lane keeps its order.
func (sa *SA) Lane() uint32 { return sa.lane }

func laneOf(p *SAParams) uint32 {
	f := Flow{Src: p.Selector.LocalNet.Lo, Dst: p.Selector.RemoteNet.Lo, Protocol: p.Selector.Protocol,
		SrcPort: p.Selector.LocalPort.Lo, DstPort: p.Selector.RemotePort.Lo}
	return f.hash() ^ p.Tag*0x9e3779b1>>16
}

// Params returns what the SA was made of, without the keys.
func (sa *SA) Params() SAParams { return sa.params }

// SPI returns the security parameters index.
func (sa *SA) SPI() uint32 { return sa.params.SPI }

// Endpoint is where the peer is now: Params's Remote and RemotePort, until
// SetEndpoint. The port is 0 without UDP encapsulation.
func (sa *SA) Endpoint() netip.AddrPort {
	if moved := sa.endpoint.Load(); moved != nil {
		return *moved
	}
	if !sa.params.UDPEncap {
		return netip.AddrPortFrom(sa.params.Remote, 0)
	}
	return netip.AddrPortFrom(sa.params.Remote, sa.params.RemotePort)
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
	for i := range sa.drops {
		c.Drops[i] = sa.drops[i].Load()
	}
	return c
}

// RemainingBytes returns how many octets of inner packets may still pass, and
// false where the SA has no limit.
func (sa *SA) RemainingBytes() (uint64, bool) {
	if sa.hardBytes == math.MaxUint64 {
		return 0, false
	}
	return sa.hardBytes - min(sa.bytes.Load(), sa.hardBytes), true
}

// SoftLimitReached says once, and never again, that the SA is nearly used up,
// in kilobytes or in sequence numbers, and wants a successor.
func (sa *SA) SoftLimitReached() bool {
	if sa.bytes.Load() < sa.softBytes && sa.seq.Load() < softSequence {
		return false
	}
	return !sa.softDone.Load() && sa.softDone.CompareAndSwap(false, true)
}

// softSequence leaves a sixteenth of the sequence numbers for the rekeying.
const softSequence = math.MaxUint32 - math.MaxUint32/16

// CountDrop counts a drop that happened outside of Seal and Open.
func (sa *SA) CountDrop(d Drop) { sa.drops[d].Add(1) }

// HeaderLen is the octets before the ciphertext: SPI, sequence number and IV.
func (sa *SA) HeaderLen() int { return headerLen + sa.ivLen }

// EncapsulatedLen is the length on the wire, with the outer IP header and UDP
// header, of an inner packet of n octets.
func (sa *SA) EncapsulatedLen(n int) int {
	if sa.params.Mode == Transport {
		n -= sa.outerIPLen()
	}
	return sa.outerLen() + sa.espLen(max(0, n))
}

// PlaintextMTU is the largest inner packet whose encapsulation fits pathMTU.
func (sa *SA) PlaintextMTU(pathMTU int) int {
	n := sa.maxPayload(pathMTU - sa.outerLen())
	if sa.params.Mode == Transport {
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
	if sa.params.Remote.Is4() {
		return 20
	}
	return 40
}

func (sa *SA) outerLen() int {
	if sa.params.UDPEncap {
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

func (sa *SA) drop(d Drop) error {
	sa.drops[d].Add(1)
	return d
}

func (sa *SA) count(innerLen int) {
	sa.packets.Add(1)
	sa.bytes.Add(uint64(innerLen))
}

// ivGenerator makes unpredictable IVs for CBC without allocating and without
// a read of randomness for each: a counter under AES with a key of its own,
// the first method of SP 800-38A appendix C.
type ivGenerator struct {
	block   cipher.Block
	counter [aes.BlockSize]byte
	out     [aes.BlockSize]byte
}

func (g *ivGenerator) init(random io.Reader) error {
	var key [16]byte
	if _, err := io.ReadFull(random, key[:]); err != nil {
		return err
	}
	block, err := aes.NewCipher(key[:])
	g.block = block
	return err
}

// fill writes an IV of at most 16 octets.
func (g *ivGenerator) fill(iv []byte) {
	binary.BigEndian.PutUint64(g.counter[8:], binary.BigEndian.Uint64(g.counter[8:])+1)
	g.block.Encrypt(g.out[:], g.counter[:])
	copy(iv, g.out[:])
}
