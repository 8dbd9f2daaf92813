package ike

import (
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/isakmp"
)

// fuzzStates are after how many datagrams of a tunnel, and at which end, the
// datagram of FuzzDatagram comes.
var fuzzStates = []struct {
	after      int
	hub        bool
	aggressive bool
}{{0, true, false}, {1, true, false}, {3, true, false}, {5, true, false}, {7, true, false}, {9, true, false},
	{0, false, false}, {2, false, false}, {4, false, false}, {6, false, false}, {8, false, false},
	{1, true, true}, {3, true, true}, {6, true, true}, {0, false, true}, {2, false, true}, {4, false, true}}

// FuzzDatagram hands an engine in some state a datagram: as it is, with the
// cookies of the SA, or as what its peer might have encrypted.
func FuzzDatagram(f *testing.F) {
	for i, d := range capture(f) {
		for state := range fuzzStates {
			f.Add(byte(state), byte(i%3), d.Data)
		}
	}
	for i, d := range captureOf(f, aggressivePFS) {
		for state := range fuzzStates {
			f.Add(byte(state), byte(i%3), d.Data)
		}
	}
	// The payloads in clear of what comes encrypted.
	for n := 5; n <= tunnelDatagrams; n++ {
		at(f, n, withPFS, func(p *pair, d Datagram) {
			h, payloads := inClear(f, p.sideAt(d.Remote.Addr()).newest(), d.Data)
			_, body := chained(payloads)
			for state := range fuzzStates {
				f.Add(byte(state), byte(2), append(h.AppendTo(nil), body...))
			}
		})
	}
	f.Fuzz(func(t *testing.T, state, how byte, data []byte) {
		x := fuzzStates[int(state)%len(fuzzStates)]
		p, whole := frozen(t, x.after), tunnelDatagrams
		if x.aggressive {
			p, whole = frozenIn(t, aggressivePFS, x.after), aggressiveDatagrams
		}
		s := p.spoke
		if x.hub {
			s = p.hub
		}
		before := s.engine.Statistics()
		p.fuzzed(s, how, data)
		after := s.engine.Statistics()
		if got := after.Exponentiation - before.Exponentiation; got > 1 {
			t.Errorf("%d exponentiations for one datagram", got)
		}
		if how%3 < 2 && x.after == whole {
			p.checkUp() // whoever has no keys disturbs nothing
		}
		p.wire = nil
		p.advance(25 * time.Hour)
		p.hub.engine.checkQuiet(t)
		p.spoke.engine.checkQuiet(t)
	})
}

func (p *pair) fuzzed(s *side, how byte, data []byte) {
	local, remote := netip.AddrPortFrom(hubAddr, isakmp.PortIKE), netip.AddrPortFrom(spokeAddr, isakmp.PortIKE)
	if s == p.spoke {
		local, remote = remote, local
	}
	if list := s.engine.sorted(); len(list) > 0 && how%3 > 0 && len(data) >= isakmp.HeaderLen {
		sa := list[len(list)-1]
		data = append([]byte(nil), data...)
		copy(data, sa.cookieI[:])
		copy(data[8:], sa.cookieR[:])
		setLength(data)
		if h, err := isakmp.ParseHeader(data); err == nil && how%3 == 2 {
			h.Flags |= isakmp.FlagEncryption
			data = sa.asItsPeer(h, data[isakmp.HeaderLen:])
		}
	}
	p.do(s, func(e *Engine, fx *Effects) { e.Datagram(p.now, local, remote, data, fx) })
}
