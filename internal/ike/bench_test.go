package ike

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"testing"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// BenchmarkMainQuick is a whole tunnel, both engines of which run here: half of
// the time is the peer's.
func BenchmarkMainQuick(b *testing.B) {
	for _, g := range []isakmp.Group{isakmp.GroupMODP1024, isakmp.GroupMODP2048, isakmp.GroupECP256} {
		b.Run(fmt.Sprint("group ", uint16(g)), func(b *testing.B) {
			for b.Loop() {
				p := newPair(b, phase1(isakmp.EncrAESCBC, 128, isakmp.HashSHA1, g))
				p.silence()
				p.connect()
				if len(p.hub.sas) != 2 {
					b.Fatal("no tunnel")
				}
			}
		})
	}
}

// BenchmarkAggressiveQuick is the same in aggressive mode with the key of a group: what
// a remote client costs, but for its user.
func BenchmarkAggressiveQuick(b *testing.B) {
	for _, g := range []isakmp.Group{isakmp.GroupMODP1024, isakmp.GroupMODP2048} {
		b.Run(fmt.Sprint("group ", uint16(g)), func(b *testing.B) {
			for b.Loop() {
				p := newPair(b, func(hub, spoke *Config) {
					withGroup(hub, spoke)
					phase1(isakmp.EncrAESCBC, 128, isakmp.HashSHA1, g)(hub, spoke)
				})
				p.silence()
				p.connect()
				if len(p.hub.sas) != 2 {
					b.Fatal("no tunnel")
				}
			}
		})
	}
}

// BenchmarkForgedAggressiveMessage is what a spoofed first message of aggressive mode
// costs that an answer is made for.
func BenchmarkForgedAggressiveMessage(b *testing.B) {
	p := newPair(b, withGroup)
	p.silence()
	data := firstAggressive(b, withGroup)
	var fx Effects
	number := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		number++
		binary.BigEndian.PutUint64(data, number)
		fx.Reset()
		p.hub.engine.Datagram(p.now, netip.AddrPortFrom(hubAddr, 500), netip.AddrPortFrom(spokeAddr, 500), slices.Clone(data), &fx)
	}
}

// silence takes the events of both ends away.
func (p *pair) silence() { p.hub.engine.cfg.Events, p.spoke.engine.cfg.Events = nil, nil }

// BenchmarkEventUnread is one event that nobody takes.
func BenchmarkEventUnread(b *testing.B) {
	p := upWith(b, nil)
	p.silence()
	s := p.hub.newest()
	datagram := make([]byte, isakmp.HeaderLen)
	b.ReportAllocs()
	for b.Loop() {
		s.tellSent(datagram, trace.Contents{}, false)
	}
}

// BenchmarkRefusedFirstMessage is what a spoofed datagram costs.
func BenchmarkRefusedFirstMessage(b *testing.B) {
	p := newPair(b, nil)
	p.silence()
	data := firstMessage(b, 0)
	var fx Effects
	number := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		number++
		data[0], data[1], data[2], data[3] = byte(number), byte(number>>8), byte(number>>16), byte(number>>24)
		fx.Reset()
		p.hub.engine.Datagram(p.now, netip.AddrPortFrom(hubAddr, 500), netip.AddrPortFrom(spokeAddr, 500), data, &fx)
	}
}

// hubWith is a hub with n tunnels, each to another of its peers, that has settled.
func hubWith(t testing.TB, peers, n int, events trace.Sink) *side {
	p := newPair(t, func(hub, _ *Config) {
		hub.Keys = fixedKeys("mekmitasdigoat")
		hub.Connections[0].Peers = nil
		for i := range peers {
			hub.Connections[0].Peers = append(hub.Connections[0].Peers, spokeNumber(i))
		}
	})
	p.hub.engine.cfg.Events = events
	for i := range n {
		p.spoke = newSide("spoke", configFor(spokeNumber(i), hubAddr, spokeNet, hubNet), uint16(i+10))
		p.spoke.engine.cfg.Events = nil
		p.connect()
		if len(p.spoke.sas) != 2 {
			t.Fatalf("spoke %d has no tunnel", i)
		}
		clear(p.hub.sas)
	}
	p.spoke = newSide("nobody", configFor(spokeAddr, hubAddr, spokeNet, hubNet), 9)
	p.now = p.now.Add(2 * purgeDelay)
	p.fire()
	for _, s := range p.hub.engine.sorted() {
		for i := range 200 { // until its recorder is full
			s.emit(&trace.PacketSent{MessageID: uint32(i) << 20})
		}
	}
	return p.hub
}

func spokeNumber(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}) }

// heapPerTunnel is the live heap of one tunnel at the hub, in octets.
func heapPerTunnel(t testing.TB, sink func() trace.Sink) int {
	const tunnels = 200
	measure := func(n int) uint64 {
		hub := hubWith(t, tunnels+1, n, sink())
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		runtime.KeepAlive(hub)
		return m.HeapAlloc
	}
	base := measure(1)
	return int(measure(tunnels+1)-base) / tunnels
}

func TestHeapPerTunnel(t *testing.T) {
	bare := heapPerTunnel(t, func() trace.Sink { return nil })
	recorded := heapPerTunnel(t, func() trace.Sink { return trace.NewRecorder(trace.DefaultLimits) })
	t.Logf("%d octets of a tunnel without a recorder, %d with one", bare, recorded)
	if bare > 2304 || recorded > 4096 {
		t.Errorf("a tunnel costs %d octets and with a recorder %d, want 2304 and 4096 at most", bare, recorded)
	}
}

// A first message, which may be spoofed, costs a small record.
func TestHeapPerHalfOpenSA(t *testing.T) {
	const peers = 4000
	p := newPair(t, func(hub, _ *Config) { hub.Keys = fixedKeys("mekmitasdigoat") })
	p.silence()
	data := firstMessage(t, 0)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for i := range peers {
		var fx Effects
		binary.BigEndian.PutUint64(data, uint64(i)+1)
		p.hub.engine.Datagram(p.now, netip.AddrPortFrom(hubAddr, 500), netip.AddrPortFrom(spokeNumber(i), 500), slices.Clone(data), &fx)
	}
	each := int(heap()-before) / peers
	t.Logf("%d octets of a half-open SA", each)
	if each > 2560 {
		t.Errorf("a half-open SA costs %d octets, want 2560 at most", each)
	}
	runtime.KeepAlive(p)
}

// BenchmarkMainModeSigned is a main mode by signatures with its quick mode, both
// engines of which run here: half of the time is the peer's.
func BenchmarkMainModeSigned(b *testing.B) {
	for _, auth := range []isakmp.AuthMethod{isakmp.AuthRSASig, isakmp.AuthECDSA256, isakmp.AuthECDSA384} {
		for _, g := range []isakmp.Group{isakmp.GroupMODP2048, isakmp.GroupECP256} {
			b.Run(fmt.Sprint(auth, " group ", uint16(g)), func(b *testing.B) {
				for b.Loop() {
					p := newSignedPair(b, auth, methods[auth], func(hub, spoke *Config) {
						hub.Policies[0].Group, spoke.Policies[0].Group = g, g
					})
					p.silence()
					p.connect()
					if len(p.hub.sas) != 2 {
						b.Fatal("no tunnel")
					}
				}
			})
		}
	}
}
