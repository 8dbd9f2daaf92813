package ike

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// floating is a client behind a NAT that renews its ISAKMP SA as vpnc does: at
// port 4500, and by a new socket from message 3 on.
func floating(t testing.TB) (r *remote, renew func()) {
	r = newRemote(t, func(hub, spoke *Config) {
		all := []trace.NATTVersion{trace.NATTRFC3947}
		hub.NATT, spoke.NATT = all, all
	})
	at := netip.AddrPortFrom(spokeAddr, 20000)
	renewing, moved := false, false
	inside, first := netip.AddrPortFrom(spokeAddr, isakmp.PortNATT), netip.AddrPortFrom(spokeAddr, 10000)
	r.rewrite = func(_ int, d *Datagram) {
		h, err := isakmp.ParseHeader(d.Data)
		if err == nil && d.Local == inside && renewing && !moved && h.Exchange == isakmp.ExchangeAggressive && h.Encrypted() {
			at, moved = netip.AddrPortFrom(spokeAddr, 20001), true
		}
		switch {
		case d.Local == toPort(spokeAddr):
			d.Local = first
		case d.Local == inside:
			d.Local = at
		case d.Remote == first:
			d.Remote = toPort(spokeAddr)
		case d.Remote.Addr() == spokeAddr && d.Remote.Port() >= 20000:
			d.Remote = inside
		}
	}
	return r, func() {
		renewing = true
		r.do(r.spoke, func(e *Engine, fx *Effects) {
			e.begin(r.now, fx)
			e.startPhase1(inside, netip.AddrPortFrom(hubAddr, isakmp.PortNATT), "", nil)
		})
		r.settle()
	}
}

// A user who comes back from a crash has his old login asked whether it lives, though
// dead peer detection asks on demand only.
func TestAUserWhoReturnsHasHisOldLoginAsked(t *testing.T) {
	for answers, want := range map[bool]int{true: 2, false: 1} {
		r := newRemote(t, func(hub, spoke *Config) {
			hub.NATT, spoke.NATT = nil, nil
			hub.Keepalive = &Keepalive{Interval: 10 * time.Second, Retry: 2 * time.Second}
		})
		r.office.pool = append(r.office.pool, spokeAddr.Next())
		first := r.spoke
		at := map[*side]netip.AddrPort{first: netip.AddrPortFrom(spokeAddr, 10000)}
		r.rewrite = func(_ int, d *Datagram) {
			if d.Local == toPort(spokeAddr) {
				d.Local = at[r.spoke]
			} else if d.Remote == at[r.spoke] {
				d.Remote = toPort(spokeAddr)
			}
		}
		r.connect()
		r.spoke = newSide("again", first.engine.cfg, 3)
		at[r.spoke] = netip.AddrPortFrom(spokeAddr, 10001)
		r.lose = func(_ int, d Datagram) bool { return d.Remote == at[first] }
		r.connect()
		if n := r.hub.engine.Statistics().DPDSent; n != 1 || len(r.hub.engine.logins) != 2 {
			t.Fatalf("%d questions, %d logins; want 1 and 2", n, len(r.hub.engine.logins))
		}
		if answers {
			old := r.hub.engine.sorted()[0]
			notify := isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolISAKMP, SPI: old.spi(), Type: isakmp.NotifyRUThereAck,
				Data: binary.BigEndian.AppendUint32(nil, old.dpd.sequence)})
			data := r.fromClient(old, isakmp.ExchangeInformational, 9, isakmp.Payload{Type: isakmp.PayloadNotify, Body: notify})
			r.do(r.hub, func(e *Engine, fx *Effects) { e.Datagram(r.now, old.local, old.remote, data, fx) })
		}
		r.advance(20 * time.Second)
		if n := len(r.hub.engine.logins); n != want {
			t.Errorf("the old one answers: %v; %d logins, want %d", answers, n, want)
		}
	}
}

// deletes is a delete of an ISAKMP SA.
func deletes(s *sa) isakmp.Payload {
	return isakmp.Payload{Type: isakmp.PayloadDelete, Body: isakmp.AppendDelete(nil, s.ownDelete())}
}

func TestAClientMayFloatWhenItRenews(t *testing.T) {
	r, renew := floating(t)
	r.connect()
	r.checkUp()
	session, before := r.hubSA().Login.Session, r.hubSA().Remote
	told := r.hub.events.count(trace.CodeResponderLifetime)
	renew()
	sa, pair := r.hubSA(), r.hub.engine.IPsecSAs()[0]
	if sa.Login == nil || sa.Login.Session != session || sa.Login.Address != clientAddr {
		t.Fatalf("login %+v, want session %d", sa.Login, session)
	}
	if sa.Remote == before || pair.Remote != sa.Remote {
		t.Errorf("the client is seen at %v, its pair at %v; both were at %v", sa.Remote, pair.Remote, before)
	}
	if n := r.hub.events.count(trace.CodeResponderLifetime); n != told+1 {
		t.Errorf("the lifetime is told %d times, want once", n-told)
	}

	// vpnc deletes the new SA's name, and means the old one.
	renewed := r.hub.newest()
	r.asClient(isakmp.ExchangeInformational, 155, deletes(renewed))
	if renewed.dead || len(renewed.predecessors()) != 0 || len(r.hub.engine.IPsecSAs()) != 1 {
		t.Errorf("the new SA is dead: %v, %d older ones, %d pairs", renewed.dead, len(renewed.predecessors()), len(r.hub.engine.IPsecSAs()))
	}
	r.asClient(isakmp.ExchangeInformational, 156, deletes(renewed))
	if !renewed.dead || len(r.hub.sas) != 0 || len(r.office.released) != 1 {
		t.Errorf("after the last delete the new SA is dead: %v, %d SAs are left, released %v", renewed.dead, len(r.hub.sas), r.office.released)
	}
}

// A client that has deleted its pairs means the SA that it names.
func TestAClientThatLogsOutAtOnce(t *testing.T) {
	r, renew := floating(t)
	r.connect()
	renew()
	renewed := r.hub.newest()
	pair := r.hub.engine.IPsecSAs()[0]
	r.asClient(isakmp.ExchangeInformational, 155, isakmp.Payload{Type: isakmp.PayloadDelete,
		Body: isakmp.AppendDelete(nil, isakmp.Delete{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolESP, SPIs: [][]byte{spiOctets(pair.OutSPI)}})})
	r.asClient(isakmp.ExchangeInformational, 156, deletes(renewed))
	if !renewed.dead {
		t.Error("the SA that was deleted is not dead")
	}
}

// Who has the group's key and no user, and is where the client is, moves nothing.
func TestAStrangerMovesNoClient(t *testing.T) {
	r, renew := floating(t)
	r.connect()
	before := r.hub.engine.IPsecSAs()[0].Remote
	r.office.typed = []Credentials{{Given: true, User: "joe", Password: secret.FromString("wrong")}}
	renew()
	r.advance(time.Second)
	if list := r.hub.engine.IPsecSAs(); len(list) != 1 || list[0].Remote != before {
		t.Errorf("pairs %+v, want one at %v", list, before)
	}
}

// A client of Cisco's that may renew at any moment is sent nothing that it has not
// asked for, and its own questions are answered a little later.
func TestNothingWakesAClientThatMayRenew(t *testing.T) {
	const life = 1000
	for application, want := range map[string]bool{"Cisco Systems VPN Client 0.5.3:Linux": true, "another": false} {
		r := newRemote(t, func(hub, spoke *Config) {
			hub.Policies[0].Lifetime = life
			hub.Keepalive = &Keepalive{Interval: 10 * time.Second, Retry: 2 * time.Second, Periodic: true}
			spoke.Connections[0].EasyVPN.Version = application
		})
		r.connect()
		r.checkUp()
		s := r.hub.newest()
		r.advance((life*4/5 - 2) * time.Second)
		asked := r.hub.engine.Statistics().DPDSent
		if asked == 0 {
			t.Errorf("%s: nothing is asked ahead of four fifths", application)
		}
		r.advance(60 * time.Second)
		if silent := r.hub.engine.Statistics().DPDSent == asked; silent != want {
			t.Errorf("%s: asks no more: %v, want %v", application, silent, want)
		}
		sent := 0
		r.effects = func(from *side, fx *Effects) {
			if from == r.hub {
				sent += len(fx.Send)
			}
		}
		notify := isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolISAKMP, SPI: s.spi(), Type: isakmp.NotifyRUThere, Data: []byte{0, 0, 0, 9}})
		r.asClient(isakmp.ExchangeInformational, 23, isakmp.Payload{Type: isakmp.PayloadNotify, Body: notify})
		if waits := sent == 0; waits != want {
			t.Errorf("%s: an answer waits: %v, want %v", application, waits, want)
		}
		r.advance(answerDelay)
		if sent != 1 {
			t.Errorf("%s: %d answers", application, sent)
		}
	}
}
