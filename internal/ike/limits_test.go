package ike

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// A peer's address in a spoofed first message must not keep us from asking that
// peer for a tunnel.
func TestASpoofedFirstMessageDoesNotHoldOurRequestBack(t *testing.T) {
	p := newPair(t, nil)
	data := firstMessage(t, 1)
	local, remote := netip.AddrPortFrom(hubAddr, 500), netip.AddrPortFrom(spokeAddr, 500)
	p.do(p.hub, func(e *Engine, fx *Effects) { e.Datagram(p.now, local, remote, data, fx) })
	p.wire = nil
	p.do(p.hub, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 1}, fx) })
	p.settle()
	p.checkWorking()
}

// More lines of an access list than quick modes at a time all come up.
func TestManyLinesAtOnce(t *testing.T) {
	const lines = 200
	p := newPair(t, func(hub, spoke *Config) {
		hub.Connections[0].ACL, spoke.Connections[0].ACL = nil, nil
		for i := range lines {
			local := policy.ProxyFromPrefix(hubNet, 0, 0)
			remote := policy.ProxyFromPrefix(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 7, byte(i), 0}), 24), 0, 0)
			hub.Connections[0].ACL = append(hub.Connections[0].ACL, policy.ACLEntry{Permit: true, Local: local, Remote: remote})
			spoke.Connections[0].ACL = append(spoke.Connections[0].ACL, policy.ACLEntry{Permit: true, Local: remote, Remote: local})
		}
	})
	for line := range lines {
		p.do(p.spoke, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 1, Line: line}, fx) })
	}
	p.advance(time.Minute)
	if h, s := len(p.hub.engine.IPsecSAs()), len(p.spoke.engine.IPsecSAs()); h != lines || s != lines {
		t.Errorf("hub %d, spoke %d pairs, want %d", h, s, lines)
	}
	if n := len(p.spoke.failed); n != 0 {
		t.Errorf("%d requests failed", n)
	}
}

// A peer that begins quick modes and finishes none holds a bounded number.
func TestUnfinishedQuickModesAreBounded(t *testing.T) {
	p := newPair(t, nil)
	p.lose = func(n int, _ Datagram) bool { return n > 6 }
	p.connect()
	s := p.spoke.newest()
	var first *node
	for _, n := range s.nodes {
		first = n
	}
	h, payloads := inClear(t, p.hub.newest(), first.lastOut)
	for i := range 300 {
		h.MessageID = uint32(i) + 1
		_, body := chained(withSPI(t, payloads, uint32(i)+0x1000))
		data := p.hub.newest().asItsPeer(h, body)
		p.do(p.hub, func(e *Engine, fx *Effects) { e.Datagram(p.now, s.remote, s.local, data, fx) })
	}
	p.wire = nil
	if n := len(p.hub.newest().nodes); n != maxUnfinished {
		t.Errorf("%d quick modes, want %d", n, maxUnfinished)
	}
	if n := p.hub.engine.Statistics().Dropped[trace.DropLimit]; n != 300-maxUnfinished {
		t.Errorf("%d are counted as too many", n)
	}
	p.advance(3 * time.Minute)
	if n := len(p.hub.sas); n != 0 {
		t.Errorf("%d SAs of quick modes that nobody finished", n)
	}
}

// withSPI is an offer's payloads with another SPI.
func withSPI(t testing.TB, payloads []isakmp.Payload, spi uint32) []isakmp.Payload {
	payloads = slices.Clone(payloads)
	for i, p := range payloads {
		if p.Type != isakmp.PayloadSA {
			continue
		}
		sa, err := isakmp.ParseSA(p)
		if err != nil {
			t.Fatal(err)
		}
		for j := range sa.Proposals {
			sa.Proposals[j].SPI = spiOctets(spi)
		}
		payloads[i].Body = isakmp.AppendSA(nil, sa)
	}
	return payloads
}

// limited is a source of randomness that fails after some octets.
type limited struct {
	from io.Reader
	left int
}

func (l *limited) Read(b []byte) (int, error) {
	if l.left < len(b) {
		return 0, errors.New("exhausted")
	}
	l.left -= len(b)
	return l.from.Read(b)
}

// A source of randomness that fails gives no cookie, nonce or key of zeros, and
// leaves nothing behind.
func TestRandomnessFails(t *testing.T) {
	for _, deferred := range []bool{false, true} {
		for octets := 0; octets < 1500; octets += 9 {
			p := newPair(t, func(hub, spoke *Config) { withPFS(hub, spoke); hub.DeferDH, spoke.DeferDH = deferred, deferred })
			p.hub.engine.cfg.Rand = &limited{rand.NewChaCha8([32]byte{1}), octets}
			p.spoke.engine.cfg.Rand = &limited{rand.NewChaCha8([32]byte{2}), octets}
			p.lose = func(n int, d Datagram) bool {
				h, err := isakmp.ParseHeader(d.Data)
				if err != nil || h.Initiator.IsZero() || (n > 1 && h.Responder.IsZero() && d.Local.Addr() == hubAddr) {
					t.Errorf("%d octets: datagram %d has no cookie", octets, n)
				}
				if bytes.Contains(d.Data, make([]byte, 16)) {
					t.Errorf("%d octets: datagram %d has zeros in the place of random octets", octets, n)
				}
				return false
			}
			p.connect()
			p.lose = nil
			p.advance(25 * time.Hour)
			p.hub.engine.checkQuiet(t)
			p.spoke.engine.checkQuiet(t)
			if t.Failed() {
				return
			}
		}
	}
}

// Every reason for dropping a datagram has a datagram that is dropped for it,
// and counted once.
func TestEveryReasonForADrop(t *testing.T) {
	local, remote := netip.AddrPortFrom(hubAddr, 500), netip.AddrPortFrom(spokeAddr, 500)
	first := firstMessage(t, 9)
	edited := func(edit func(b []byte)) []byte {
		b := bytes.Clone(first)
		edit(b)
		return b
	}
	cases := []struct {
		want  trace.Drop
		after int // how much of the tunnel there is
		data  func(p *pair) []byte
	}{
		{trace.DropTruncated, 0, func(*pair) []byte { return first[:27] }},
		{trace.DropTooLarge, 0, func(*pair) []byte { return make([]byte, maxDatagram+1) }},
		{trace.DropHeader, 0, func(*pair) []byte { return first[:len(first)-1] }},
		{trace.DropVersion, 0, func(*pair) []byte { return edited(func(b []byte) { b[17] = 0x20 }) }},
		{trace.DropMalformed, 0, func(*pair) []byte { return edited(func(b []byte) { b[29] = 1 }) }},
		{trace.DropUnexpectedPayload, 0, func(*pair) []byte { return edited(func(b []byte) { b[16] = byte(isakmp.PayloadHash) }) }},
		{trace.DropMissingPayload, 0, func(*pair) []byte { return edited(func(b []byte) { b[16] = byte(isakmp.PayloadVendorID) }) }},
		{trace.DropNoSA, 0, func(*pair) []byte { return edited(func(b []byte) { b[8] = 1 }) }},
		{trace.DropExchange, 0, func(*pair) []byte { return edited(func(b []byte) { b[18] = byte(isakmp.ExchangeBase) }) }},
		{trace.DropAggressiveMode, 0, func(p *pair) []byte {
			p.hub.engine.cfg.NoAggressive = true
			return edited(func(b []byte) { b[18] = byte(isakmp.ExchangeAggressive) })
		}},
		{trace.DropNotEnabled, 0, func(p *pair) []byte { p.hub.engine.conns = indexOf(nil); return first }},
		{trace.DropNotEncrypted, 9, func(p *pair) []byte { return p.quick(0, isakmp.PayloadHash, 32) }},
		{trace.DropBlockSize, 9, func(p *pair) []byte { return p.quick(isakmp.FlagEncryption, isakmp.PayloadHash, 33) }},
		{trace.DropMessageID, 9, func(p *pair) []byte {
			b := p.quick(isakmp.FlagEncryption, isakmp.PayloadHash, 32)
			clear(b[20:24])
			return b
		}},
		{trace.DropEncrypted, 1, func(p *pair) []byte {
			b := p.quick(isakmp.FlagEncryption, isakmp.PayloadKE, 32)
			b[18] = byte(isakmp.ExchangeIdentity)
			clear(b[20:24])
			return b
		}},
		{trace.DropFragment, 9, func(p *pair) []byte { return p.quick(0, isakmp.PayloadFragment, 32) }},
		{trace.DropState, 1, func(p *pair) []byte { return p.quick(isakmp.FlagEncryption, isakmp.PayloadHash, 32) }},
		{trace.DropUnauthenticated, 9, func(p *pair) []byte {
			b := p.quick(0, isakmp.PayloadNone, 0)
			b[18] = byte(isakmp.ExchangeInformational)
			return b
		}},
	}
	covered := map[trace.Drop]bool{
		// Each of these has a test of its own.
		trace.DropWrongAddress: true, trace.DropBadHash: true, trace.DropDuplicate: true, trace.DropLimit: true, trace.DropPublicValue: true,
		trace.DropNonce: true, trace.DropIdentity: true, trace.DropReplay: true,
		trace.DropUserUnknown: true, trace.DropConfigType: true, trace.DropConfigAttribute: true, trace.DropNoClients: true, trace.DropEmpty: true,
		trace.DropBadSignature: true, trace.DropRate: true, trace.DropPrefix: true,
		trace.DropCommit: true, // the commit bit is ignored, not refused
	}
	for _, c := range cases {
		t.Run(c.want.String(), func(t *testing.T) {
			p := frozen(t, c.after)
			data := c.data(p)
			before := p.hub.engine.Statistics().Dropped
			p.do(p.hub, func(e *Engine, fx *Effects) { e.Datagram(p.now, local, remote, data, fx) })
			before[c.want]++
			if after := p.hub.engine.Statistics().Dropped; after != before {
				t.Errorf("counted %v, want %v", after, before)
			}
			var last *trace.PacketDropped
			for _, r := range p.hub.events.list {
				if e, ok := r.Event.(*trace.PacketDropped); ok {
					last = e
				}
			}
			if last == nil || last.Reason != c.want {
				t.Errorf("told %+v", last)
			}
		})
		covered[c.want] = true
	}
	for d := trace.Drop(0); d < trace.NumDrops; d++ {
		if !covered[d] {
			t.Errorf("%s has no test", d)
		}
	}
}

// quick is a quick mode message of the hub's newest SA with a body of zeros.
func (p *pair) quick(flags uint8, first isakmp.PayloadType, length int) []byte {
	s := p.hub.newest()
	h := isakmp.Header{Initiator: s.cookieI, Responder: s.cookieR, NextPayload: first, Version: isakmp.Version1,
		Exchange: isakmp.ExchangeQuick, Flags: flags, MessageID: 5}
	data := append(h.AppendTo(nil), make([]byte, length)...)
	binary.BigEndian.PutUint32(data[24:], uint32(len(data)))
	return data
}
