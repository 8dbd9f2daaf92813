package ike

import (
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/trace"
)

// shown is the state of a side's newest ISAKMP SA.
func (s *side) shown() ISAKMPSA {
	list := s.engine.ISAKMPSAs()
	return list[len(list)-1]
}

// upSAs counts a side's ISAKMP SAs that are up.
func (s *side) upSAs() int {
	n := 0
	for _, x := range s.engine.ISAKMPSAs() {
		if x.Show == trace.QMIdle && !x.Dead {
			n++
		}
	}
	return n
}

// newest is a side's newest SA itself.
func (s *side) newest() *sa {
	list := s.engine.sorted()
	return list[len(list)-1]
}

// inform has a side send an informational message of one payload under its
// newest SA, and returns the datagram, which is not sent yet.
func (p *pair) inform(from *side, t isakmp.PayloadType, body []byte) Datagram {
	p.t.Helper()
	var fx Effects
	e := from.engine
	e.begin(p.now, &fx)
	from.newest().sendInfo(t, body, e.newMessageID())
	return copied(fx.Send[0])
}

func (p *pair) deliver(list ...Datagram) {
	for _, d := range list {
		p.wire = append(p.wire, copied(d))
	}
	p.settle()
}

func TestClearISAKMPKeepsIPsec(t *testing.T) {
	p := upWith(t, nil)
	p.do(p.spoke, func(e *Engine, fx *Effects) {
		if n := e.ClearISAKMP(p.now, 99, fx); n != 0 {
			t.Errorf("%d SAs with conn-id 99", n)
		}
		if n := e.ClearISAKMP(p.now, 1, fx); n != 1 {
			t.Errorf("cleared %d, want 1", n)
		}
	})
	p.settle()
	for _, s := range []*side{p.hub, p.spoke} {
		if x := s.shown(); !x.Dead {
			t.Errorf("%s: the ISAKMP SA is still up", s.name)
		}
		if len(s.sas) != 2 {
			t.Errorf("%s: %d IPsec SAs, want 2", s.name, len(s.sas))
		}
	}
	if got := p.spoke.shown().DeadReason; got != trace.ReasonUserCommand {
		t.Errorf("the spoke's reason is %v", got)
	}
}

func TestClearIPsecEndsItAtBothEnds(t *testing.T) {
	p := upWith(t, nil)
	p.do(p.hub, func(e *Engine, fx *Effects) {
		if n := e.ClearIPsec(p.now, IPsecFilter{}, fx); n != 1 {
			t.Errorf("cleared %d pairs, want 1", n)
		}
	})
	p.settle()
	if len(p.hub.sas) != 0 || len(p.spoke.sas) != 0 {
		t.Errorf("hub %d, spoke %d SAs are left", len(p.hub.sas), len(p.spoke.sas))
	}
	if p.hub.upSAs() != 1 || p.spoke.upSAs() != 1 {
		t.Error("the ISAKMP SAs are gone too")
	}
	p.connect()
	p.checkUp()
}

func TestShutdownEndsEverythingAtBothEnds(t *testing.T) {
	p := upWith(t, withKeepalive)
	p.do(p.hub, func(e *Engine, fx *Effects) { e.Shutdown(p.now, fx) })
	p.settle()
	if len(p.hub.sas) != 0 || len(p.spoke.sas) != 0 || p.hub.upSAs() != 0 || p.spoke.upSAs() != 0 {
		t.Error("something is left")
	}
	p.advance(2 * purgeDelay)
	p.hub.engine.checkQuiet(t)
	p.spoke.engine.checkQuiet(t)
}

func deleteOf(protocol isakmp.ProtocolID, spis ...[]byte) []byte {
	return isakmp.AppendDelete(nil, isakmp.Delete{DOI: isakmp.DOIIPsec, Protocol: protocol, SPIs: spis})
}

func notifyOf(t isakmp.NotifyType, protocol isakmp.ProtocolID, spi []byte) []byte {
	return isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec, Protocol: protocol, SPI: spi, Type: t})
}

// A DELETE names SAs by the SPIs of its sender. Another's SPIs, our own and
// those of another protocol name nothing.
func TestADeleteNamesItsSendersSAsOnly(t *testing.T) {
	p := upWith(t, nil)
	h := p.hub.engine.IPsecSAs()[0]
	for _, body := range [][]byte{
		deleteOf(isakmp.ProtocolESP, spiOctets(h.InSPI)), // the hub's own inbound SPI
		deleteOf(isakmp.ProtocolESP, spiOctets(0xdeadbeef)),
		deleteOf(isakmp.ProtocolAH, spiOctets(h.OutSPI)),
		deleteOf(isakmp.ProtocolISAKMP, make([]byte, 16)),
	} {
		p.deliver(p.inform(p.spoke, isakmp.PayloadDelete, body))
		p.checkUp()
	}
	p.deliver(p.inform(p.spoke, isakmp.PayloadDelete, deleteOf(isakmp.ProtocolESP, spiOctets(0xdeadbeef), spiOctets(h.OutSPI))))
	if len(p.hub.sas) != 0 {
		t.Errorf("%d SAs are left after the true SPI", len(p.hub.sas))
	}
}

// A peer cannot delete the SAs of another peer, of either phase.
func TestADeleteCannotNameAnotherPeersSAs(t *testing.T) {
	other := netip.MustParseAddr("192.1.1.99")
	p := upWith(t, func(hub, _ *Config) {
		c := *hub.Connections[0]
		c.Tag, c.Seq, c.Peers = 2, 20, []netip.Addr{other}
		hub.Connections = append(hub.Connections, &c)
		hub.Keys = fixedKeys("mekmitasdigoat")
	})
	// The third gateway takes the spoke's place on the wire.
	spoke := p.spoke
	cfg := configFor(other, hubAddr, spokeNet, hubNet)
	p.spoke = newSide("other", cfg, 3)
	p.connect()
	if len(p.spoke.sas) != 2 {
		t.Fatalf("the other peer has %d SAs, want 2", len(p.spoke.sas))
	}
	victim, cookies := spoke.engine.IPsecSAs()[0], spoke.newest().spi()
	p.deliver(p.inform(p.spoke, isakmp.PayloadDelete, deleteOf(isakmp.ProtocolESP, spiOctets(victim.InSPI))),
		p.inform(p.spoke, isakmp.PayloadDelete, deleteOf(isakmp.ProtocolISAKMP, cookies)))
	if len(p.hub.sas) != 4 || p.hub.upSAs() != 2 {
		t.Errorf("the hub has %d IPsec and %d ISAKMP SAs, want 4 and 2", len(p.hub.sas), p.hub.upSAs())
	}
}

// No message in clear changes anything, whatever it says and in whatever state.
func TestClearTextNotifiesTearNothingDown(t *testing.T) {
	for at := 1; at <= tunnelDatagrams; at++ {
		p := newPair(t, nil)
		p.lose = func(n int, d Datagram) bool {
			if n == at {
				for _, s := range []*side{p.hub, p.spoke} {
					p.clearTextLies(s, d)
				}
			}
			return false
		}
		p.connect()
		p.checkUp()
		if n := p.hub.engine.Statistics().NotifyIgnored + p.spoke.engine.Statistics().NotifyIgnored; n == 0 {
			t.Errorf("message %d: no lie is counted", at)
		}
		p.lose = nil
		for _, s := range []*side{p.hub, p.spoke} {
			p.clearTextLies(s, Datagram{})
		}
		p.checkUp()
	}
}

// clearTextLies hands a side unauthenticated notifies and deletes with the
// cookies of each of its SAs and of the datagram under way.
func (p *pair) clearTextLies(s *side, d Datagram) {
	var headers []isakmp.Header
	if h, err := isakmp.ParseHeader(d.Data); err == nil {
		headers = append(headers, h, isakmp.Header{Initiator: h.Initiator})
	}
	for _, x := range s.engine.ISAKMPSAs() {
		headers = append(headers, isakmp.Header{Initiator: x.InitiatorCookie, Responder: x.ResponderCookie})
	}
	local, remote := netip.AddrPortFrom(hubAddr, 500), netip.AddrPortFrom(spokeAddr, 500)
	if s == p.spoke {
		local, remote = remote, local
	}
	for _, h := range headers {
		cookies := append(append([]byte(nil), h.Initiator[:]...), h.Responder[:]...)
		for _, t := range []isakmp.NotifyType{isakmp.NotifyNoProposalChosen, isakmp.NotifyInvalidKeyInfo, isakmp.NotifyAuthFailed,
			isakmp.NotifyInvalidCookie, isakmp.NotifyInitialContact, isakmp.NotifyRUThereAck, isakmp.NotifyPayloadMalformed} {
			b := isakmp.NewBuilder(nil, isakmp.Header{Initiator: h.Initiator, Responder: h.Responder, Version: isakmp.Version1,
				Exchange: isakmp.ExchangeInformational, MessageID: 77})
			b.Add(isakmp.PayloadNotify, notifyOf(t, isakmp.ProtocolISAKMP, cookies))
			b.Add(isakmp.PayloadDelete, deleteOf(isakmp.ProtocolISAKMP, cookies))
			p.do(s, func(e *Engine, fx *Effects) { e.Datagram(p.now, local, remote, b.Bytes(1), fx) })
		}
	}
}

// INITIAL-CONTACT drops what the peer no longer has, and nothing of this SA.
func TestInitialContact(t *testing.T) {
	p := upWith(t, nil)
	old := p.hub.shown()
	p.now = p.now.Add(time.Minute)
	p.restartSpoke(7)
	p.connect()
	p.checkUp()
	if x := p.hub.engine.ISAKMPSAs()[0]; x.ID != old.ID || !x.Dead || x.DeadReason != trace.ReasonInitialContact {
		t.Errorf("the hub's old SA is %+v", x)
	}
	var removed []uint16
	for _, r := range p.hub.events.list {
		if e, ok := r.Event.(*trace.InitialContactReceived); ok {
			removed = append(removed, e.Removed)
		}
	}
	if len(removed) != 2 || removed[0] != 0 || removed[1] != 2 {
		t.Errorf("INITIAL-CONTACT removed %v, want 0, then an ISAKMP SA and a pair of IPsec SAs", removed)
	}
}

// restartSpoke puts a spoke that has forgotten everything in the spoke's place.
func (p *pair) restartSpoke(seed uint16) {
	cfg := p.spoke.engine.cfg
	cfg.Events = nil
	p.spoke = newSide("spoke", cfg, seed)
}

// It is not sent while we hold an SA with the peer, of either phase.
func TestInitialContactIsNotSentOnRekey(t *testing.T) {
	p := upWith(t, func(hub, spoke *Config) { addLine(hub, spoke) })
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.ClearISAKMP(p.now, 0, fx) })
	p.settle()
	p.spoke.events.list, p.hub.events.list = nil, nil
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 1, Line: 1}, fx) })
	p.settle()
	if p.spoke.events.has(trace.CodeInitialContactSent) || p.hub.events.has(trace.CodeInitialContactReceived) {
		t.Error("INITIAL-CONTACT goes with IPsec SAs up")
	}
	if n := len(p.hub.engine.IPsecSAs()); n != 2 {
		t.Errorf("the hub has %d pairs, want both", n)
	}
}

// In message 5 it does nothing unless authentication succeeds.
func TestInitialContactNeedsAuthentication(t *testing.T) {
	p := upWith(t, nil)
	p.restartSpoke(7)
	p.spoke.engine.cfg.Keys = keys{hubAddr: "another"}
	p.connect()
	if p.hub.upSAs() != 1 || len(p.hub.sas) != 2 {
		t.Errorf("the hub has %d ISAKMP and %d IPsec SAs, want 1 and 2", p.hub.upSAs(), len(p.hub.sas))
	}
}

// An informational message that came once does nothing when it comes again:
// an old INITIAL-CONTACT would take the SAs down that were made since.
func TestReplayedInformationalMessages(t *testing.T) {
	p := newPair(t, nil)
	p.do(p.hub, func(e *Engine, fx *Effects) { e.Acquire(p.now, Acquire{Connection: 1}, fx) })
	p.settle()
	p.checkUp()
	contact := p.inform(p.spoke, isakmp.PayloadNotify, notifyOf(isakmp.NotifyInitialContact, isakmp.ProtocolISAKMP, p.spoke.newest().spi()))
	refuse := p.inform(p.spoke, isakmp.PayloadNotify, notifyOf(isakmp.NotifyNoProposalChosen, isakmp.ProtocolESP, nil))
	p.deliver(contact, refuse)
	if len(p.hub.sas) != 0 {
		t.Fatal("INITIAL-CONTACT in an exchange of its own is not obeyed")
	}
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.ClearIPsec(p.now, IPsecFilter{}, fx) })
	p.connect()
	p.checkUp()
	before := p.hub.engine.Statistics().Dropped[trace.DropReplay]
	for range 2 {
		p.deliver(contact, refuse)
		p.checkUp()
	}
	if got := p.hub.engine.Statistics().Dropped[trace.DropReplay] - before; got != 4 {
		t.Errorf("%d replays are counted, want 4", got)
	}
	// However many messages have come since.
	for range 600 {
		p.deliver(p.inform(p.spoke, isakmp.PayloadNotify, notifyOf(isakmp.NotifyConnected, isakmp.ProtocolISAKMP, nil)))
	}
	p.deliver(contact)
	p.checkUp()
}

// A refusal ends the quick mode that it names, or the only one if it names none.
func TestWhichQuickModeARefusalEnds(t *testing.T) {
	for name, c := range map[string]struct {
		spi  func(own uint32) []byte
		ends bool
	}{
		"its SPI":     {spiOctets, true},
		"another SPI": {func(own uint32) []byte { return spiOctets(own + 1) }, false},
		"no SPI":      {func(uint32) []byte { return nil }, true},
		"an SPI of 0": {func(uint32) []byte { return spiOctets(0) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, nil)
			p.lose = func(n int, _ Datagram) bool { return n == 7 }
			p.connect()
			var own uint32
			for _, n := range p.spoke.newest().nodes {
				own = n.inSPI
			}
			p.deliver(p.inform(p.hub, isakmp.PayloadNotify, notifyOf(isakmp.NotifyNoProposalChosen, isakmp.ProtocolESP, c.spi(own))))
			if ended := len(p.spoke.failed) == 1; ended != c.ends {
				t.Errorf("ended: %v, want %v", ended, c.ends)
			}
		})
	}
}

// An informational message needs the SA's keys.
func TestInformationalMessagesNeedTheirHash(t *testing.T) {
	p := upWith(t, nil)
	s := p.spoke.newest()
	body := deleteOf(isakmp.ProtocolISAKMP, s.spi())
	b := s.startProtected(isakmp.ExchangeInformational, 5)
	b.Add(isakmp.PayloadDelete, body)
	iv := s.iv.ForMessage(s.suite.Hash, 5, s.cipher.BlockSize())
	wrong := s.protected(b, &iv, func(rest []byte) []byte { return keymat.InfoHash(s.suite.Hash, s.skeyid.D, 5, rest) })
	p.deliver(Datagram{Local: s.local, Remote: s.remote, Data: wrong.data})
	p.checkUp()
	if n := p.hub.engine.Statistics().Dropped[trace.DropBadHash]; n != 1 {
		t.Errorf("%d drops for the hash, want 1", n)
	}
}
