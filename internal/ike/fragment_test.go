package ike

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// fragmenting has both ends send packets of at most 300 octets.
func fragmenting(hub, spoke *Config) {
	withPFS(hub, spoke)
	hub.Fragmentation, spoke.Fragmentation = &Fragmentation{MTU: 300}, &Fragmentation{MTU: 300}
}

func TestLongMessagesGoInFragments(t *testing.T) {
	p := newPair(t, fragmenting)
	p.rewrite = func(_ int, d *Datagram) {
		if len(d.Data) > 300-28 {
			t.Errorf("a datagram of %d octets", len(d.Data))
		}
	}
	p.connect()
	p.checkUp()
	for _, s := range []*side{p.hub, p.spoke} {
		var sent, received bool
		for _, r := range s.events.list {
			if e, ok := r.Event.(*trace.MessageFragmented); ok {
				sent, received = sent || e.Sent, received || !e.Sent
			}
		}
		if !sent || !received {
			t.Errorf("%s: fragments sent %v, received %v", s.name, sent, received)
		}
	}
}

// Who did not announce that it takes fragments gets none.
func TestNoFragmentsWithoutTheVendorID(t *testing.T) {
	for name, change := range map[string]func(hub, spoke *Config){
		"the spoke":      func(hub, spoke *Config) { fragmenting(hub, spoke); spoke.Fragmentation = nil },
		"the hub":        func(hub, spoke *Config) { fragmenting(hub, spoke); hub.Fragmentation = nil },
		"none of them":   func(hub, spoke *Config) { fragmenting(hub, spoke); hub.Fragmentation, spoke.Fragmentation = nil, nil },
		"and short ones": func(hub, spoke *Config) { hub.Fragmentation, spoke.Fragmentation = &Fragmentation{}, &Fragmentation{} },
	} {
		p := newPair(t, change)
		p.connect()
		p.checkUp()
		if p.sent != tunnelDatagrams {
			t.Errorf("%s without: %d datagrams, want %d", name, p.sent, tunnelDatagrams)
		}
	}
}

func TestFragmentsVendorIDCapabilities(t *testing.T) {
	for tail, want := range map[string]struct{ main, aggressive bool }{
		"": {true, true}, "\x80\x00\x00\x00": {true, false}, "\xc0\x00\x00\x00": {true, true}, "\x40\x00\x00\x00": {false, true}, "\x80": {true, true},
	} {
		id := []byte(isakmp.VIDFragmentation + tail)
		if main, aggressive := (&sa{}).takesFragments(id), (&sa{aggressive: true}).takesFragments(id); main != want.main || aggressive != want.aggressive {
			t.Errorf("capabilities %x: %v and %v, want %v", tail, main, aggressive, want)
		}
	}
}

// TestFragmentsUnderTrouble loses, repeats and reorders: the tunnel comes up
// when the network is well, and nothing is left behind.
func TestFragmentsUnderTrouble(t *testing.T) {
	for seed := range uint64(40) {
		p := newPair(t, fragmenting)
		r := rand.New(rand.NewPCG(seed, 3))
		p.lose = func(_ int, d Datagram) bool {
			switch x := r.IntN(12); {
			case x == 0:
				return true
			case x == 1:
				p.wire = append(p.wire, copied(d))
			case x < 5:
				r.Shuffle(len(p.wire), func(i, j int) { p.wire[i], p.wire[j] = p.wire[j], p.wire[i] })
			}
			return false
		}
		p.connect()
		p.advance(50 * time.Second)
		p.lose = nil
		p.advance(2 * time.Minute)
		p.connect()
		p.advance(time.Minute)
		p.checkAgree(seed)
		for _, s := range []*side{p.hub, p.spoke} {
			if n := len(s.engine.assembling); n != 0 {
				t.Fatalf("seed %d: %s still holds %d incomplete messages", seed, s.name, n)
			}
		}
	}
}

// fragmentOf is a datagram with one fragment under the hub's newest SA.
func (p *pair) fragmentOf(f isakmp.Fragment) []byte {
	s := p.hub.newest()
	b := s.builder(isakmp.ExchangeIdentity, 0, 0)
	b.Add(isakmp.PayloadFragment, isakmp.AppendFragment(nil, f))
	return b.Bytes(1)
}

func (p *pair) toHub(data ...[]byte) {
	for _, d := range data {
		p.deliver(Datagram{Local: p.spoke.newest().local, Remote: p.spoke.newest().remote, Data: d})
	}
}

func TestHostileFragments(t *testing.T) {
	p := newPair(t, fragmenting)
	p.connect()
	drops := func(reason trace.Drop) uint64 { return p.hub.engine.Statistics().Dropped[reason] }
	part := func(id uint16, number uint8, last bool, data []byte) []byte {
		return p.fragmentOf(isakmp.Fragment{ID: id, Number: number, Last: last, Data: data})
	}
	long := make([]byte, 1000)
	before := drops(trace.DropFragment)
	// Too many, one within another, another SA's header, and no message at all.
	p.toHub(part(1, maxFragments+1, false, long))
	inner := part(7, 1, true, long)
	p.toHub(part(2, 1, true, inner))
	foreign := bytes.Clone(p.quick(isakmp.FlagEncryption, isakmp.PayloadHash, 32))
	foreign[0] ^= 1
	p.toHub(part(3, 1, true, foreign))
	p.toHub(part(4, 1, true, []byte("no message")))
	two := p.hub.newest().builder(isakmp.ExchangeIdentity, 0, 0)
	for range 2 {
		two.Add(isakmp.PayloadFragment, isakmp.AppendFragment(nil, isakmp.Fragment{ID: 5, Number: 1, Data: long}))
	}
	p.toHub(two.Bytes(1))
	if n := drops(trace.DropFragment) - before; n != 5 {
		t.Errorf("%d bad fragments are counted, want 5", n)
	}
	if n := len(p.hub.engine.assembling); n != 0 {
		t.Errorf("%d incomplete messages", n)
	}
	// More than a datagram can be.
	tooLarge := drops(trace.DropTooLarge)
	for i := range uint8(20) {
		p.toHub(part(6, i+1, false, long))
	}
	if drops(trace.DropTooLarge) == tooLarge {
		t.Error("a message may be longer than a datagram")
	}
	// A flood of unfinished ones is one at a time, and gone after a while.
	for i := range uint16(1000) {
		p.toHub(part(100+i, 1, false, long), part(100+i, 3, true, long), part(100+i, 5, false, long), part(100+i, 2, true, long))
	}
	if n := len(p.hub.engine.assembling); n != 1 {
		t.Errorf("%d incomplete messages, want 1", n)
	}
	p.advance(assemblyAge)
	if n := len(p.hub.engine.assembling); n != 0 {
		t.Errorf("%d incomplete messages after their age", n)
	}
	p.checkUp()
	// The tunnel's own messages still pass.
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.ClearIPsec(p.now, IPsecFilter{}, fx) })
	p.connect()
	p.checkUp()
	p.do(p.hub, func(e *Engine, fx *Effects) { e.Shutdown(p.now, fx) })
	p.advance(2 * time.Hour)
	p.hub.engine.checkQuiet(t)
}

// A message whose rest does not come is told, when its time is over or when
// another begins.
func TestMissingFragmentsAreTold(t *testing.T) {
	p := newPair(t, fragmenting)
	p.connect()
	missing := func() (list []trace.FragmentsMissing) {
		for _, r := range p.hub.events.list {
			if e, ok := r.Event.(*trace.FragmentsMissing); ok {
				list = append(list, *e)
			}
		}
		return list
	}
	part := func(id uint16, number uint8, last bool) []byte {
		return p.fragmentOf(isakmp.Fragment{ID: id, Number: number, Last: last, Data: []byte{number}})
	}
	p.toHub(part(1, 1, false), part(1, 3, true), part(2, 1, false))
	p.advance(assemblyAge)
	if want := []trace.FragmentsMissing{{Have: 2, Count: 3}, {Have: 1}}; !slices.Equal(missing(), want) {
		t.Errorf("%+v, want %+v", missing(), want)
	}
}
