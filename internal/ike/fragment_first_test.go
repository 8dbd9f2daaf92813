package ike

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// inFragments cuts a first message as strongSwan does with fragmentation = force.
func inFragments(t *testing.T, d Datagram, id uint16, size int) (list []Datagram) {
	t.Helper()
	h, err := isakmp.ParseHeader(d.Data)
	if err != nil {
		t.Fatal(err)
	}
	for number, rest := uint8(1), d.Data; len(rest) > 0; number++ {
		n := min(size, len(rest))
		b := isakmp.NewBuilder(nil, isakmp.Header{Initiator: h.Initiator, Version: 0x10, Exchange: isakmp.ExchangeIdentity})
		b.Add(isakmp.PayloadFragment, isakmp.AppendFragment(nil, isakmp.Fragment{ID: id, Number: number, Last: n == len(rest), Data: rest[:n]}))
		list = append(list, Datagram{Local: d.Local, Remote: d.Remote, Data: b.Bytes(1)})
		rest = rest[n:]
	}
	return list
}

// firstOf is the spoke's message 1, which is not sent.
func (p *pair) firstOf(t *testing.T) Datagram {
	t.Helper()
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 1}, fx) })
	d := p.wire[0]
	p.wire = nil
	return d
}

func TestAFirstMessageInFragments(t *testing.T) {
	p := newPair(t, fragmenting)
	list := inFragments(t, p.firstOf(t), 1, 40)
	slices.Reverse(list)
	p.wire = append(append(p.wire, list...), list[1]) // one of them twice
	p.settle()
	p.checkUp()
	if n := len(p.hub.engine.firstParts); n != 1 {
		t.Errorf("%d incomplete messages, want that of the repeated fragment", n)
	}
	p.advance(assemblyAge)
	if n := len(p.hub.engine.firstParts); n != 0 {
		t.Errorf("%d incomplete messages after their age", n)
	}
}

// A retransmission is answered from the last reply, and opens no other SA.
func TestAFirstMessageInFragmentsAgain(t *testing.T) {
	p := newPair(t, fragmenting)
	d := p.firstOf(t)
	p.lose = func(_ int, d Datagram) bool { return d.Local.Addr() == hubAddr }
	p.wire = inFragments(t, d, 1, 40)
	p.settle()
	p.lose = nil
	p.now = p.now.Add(2 * time.Second)
	p.wire = inFragments(t, d, 2, 50)
	p.settle()
	p.checkUp()
}

func TestFirstMessagesInFragmentsAreBounded(t *testing.T) {
	p := newPair(t, fragmenting)
	list := inFragments(t, p.firstOf(t), 1, 40)
	send := func(source netip.AddrPort, d Datagram) {
		d.Local = source
		p.deliver(d)
	}
	for i := range 10 * maxFirst {
		send(netip.AddrPortFrom(spokeAddr, uint16(1000+i)), list[0])
	}
	if n := len(p.hub.engine.firstParts); n != maxFirst {
		t.Errorf("%d incomplete messages, want %d", n, maxFirst)
	}
	if err := p.hub.engine.Check(); err != nil {
		t.Error(err)
	}
	// One that comes at once still gets through.
	for _, d := range list {
		send(netip.AddrPortFrom(spokeAddr, 500), d)
	}
	p.settle()
	p.checkUp()
	p.advance(assemblyAge)
	if n := len(p.hub.engine.firstParts); n != 0 {
		t.Errorf("%d incomplete messages after their age", n)
	}
}

func TestNoFirstMessageInFragmentsUnlessConfigured(t *testing.T) {
	p := newPair(t, func(hub, spoke *Config) { fragmenting(hub, spoke); hub.Fragmentation = nil })
	p.wire = inFragments(t, p.firstOf(t), 1, 40)
	sent := uint64(len(p.wire))
	p.settle()
	if n := p.hub.engine.Statistics().Dropped[trace.DropFragment]; n != sent || len(p.hub.engine.firstParts) != 0 {
		t.Errorf("%d fragments dropped of %d, %d kept", n, sent, len(p.hub.engine.firstParts))
	}
}
