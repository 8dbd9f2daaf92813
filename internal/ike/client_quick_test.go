package ike

import (
	"slices"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// renewable is a client that answers for the address that it has got.
func renewable(t testing.TB, change func(hub, spoke *Config)) *remote {
	return newRemote(t, func(hub, spoke *Config) {
		spoke.Connections[0].ACL[0].Local = hostProxy(clientAddr)
		if change != nil {
			change(hub, spoke)
		}
	})
}

// clientLife is what the client of these tests offers.
const clientLife = 7200

func TestWhoseLifetimeAClientHas(t *testing.T) {
	for _, timed := range []bool{false, true} {
		r := renewable(t, func(hub, spoke *Config) {
			hub.Connections[0].Timed = timed
			spoke.Connections[0].Lives.Seconds = clientLife
		})
		want := uint32(clientLife)
		if timed {
			want = r.hub.engine.cfg.Connections[0].Lives.Seconds
		}
		r.connect()
		if got := r.hub.engine.IPsecSAs()[0].Lives.Seconds; got != want {
			t.Errorf("chosen by the operator: %v; the pair lives %d s, want %d", timed, got, want)
		}
	}
}

// A client's pair is renewed by the server though it carries nothing, with what it
// has: one transform, the same lifetimes.
func TestAClientsPairIsRenewedByTheServer(t *testing.T) {
	r := renewable(t, func(hub, spoke *Config) {
		hub.Connections[0].TransformSets = append([]policy.TransformSet{{Cipher: isakmp.ESPAESGCM16, KeyBits: 256}}, aesSet())
		spoke.Connections[0].Lives.Seconds = clientLife
		spoke.Connections[0].PFS = isakmp.GroupMODP1024
	})
	r.connect()
	first := r.hub.engine.IPsecSAs()[0]
	r.advance((clientLife - 30) * time.Second)
	list := r.hub.engine.IPsecSAs()
	last := list[len(list)-1]
	if last.InSPI == first.InSPI || !last.Initiator || last.Lives.Seconds != clientLife || last.Suite.Transform != first.Suite.Transform ||
		last.PFS != isakmp.GroupMODP1024 || last.Session != first.Session {
		t.Errorf("the first pair is %+v, the last %+v", first, last)
	}
	r.advance(2 * time.Minute)
	if n := len(r.hub.engine.IPsecSAs()); n != 1 {
		t.Errorf("%d pairs, want 1", n)
	}
}

// clear is `clear crypto sa`.
func (r *remote) clear() (n int) {
	r.do(r.hub, func(e *Engine, fx *Effects) { n = e.ClearIPsec(r.now, IPsecFilter{}, fx) })
	return n
}

// Clearing a client's pair gives it another one: vpnc passes no packet in a pair
// that it has opened itself.
func TestAClearedPairOfAClientIsReplaced(t *testing.T) {
	r := renewable(t, nil)
	r.connect()
	session, first := r.hubSA().Login.Session, r.hub.engine.IPsecSAs()[0].InSPI
	if n := r.clear(); n != 1 || r.hub.events.has(trace.CodeDeleteSending) {
		t.Errorf("%d pairs are cleared, and a delete is sent: %v", n, r.hub.events.has(trace.CodeDeleteSending))
	}
	r.advance(time.Minute)
	list := r.hub.engine.IPsecSAs()
	if len(list) != 1 || list[0].InSPI == first || list[0].Session != session {
		t.Errorf("pairs %+v, want another than 0x%x of session %d", list, first, session)
	}
	if s := r.stages(); !slices.Equal(s, []SessionStage{SessionBegun}) {
		t.Errorf("records %v", s)
	}
}

// A client that cannot be asked, or will not have another pair, is logged out.
func TestAClientWithoutAnotherPairIsLoggedOut(t *testing.T) {
	for name, answer := range map[string]func(r *remote){
		"silent": func(*remote) {},
		"unwilling": func(r *remote) {
			r.asClient(isakmp.ExchangeInformational, 7, isakmp.Payload{Type: isakmp.PayloadNotify,
				Body: isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolESP, Type: isakmp.NotifyNoProposalChosen})})
		},
	} {
		r := renewable(t, nil)
		r.connect()
		r.lose = func(int, Datagram) bool { return true }
		r.clear()
		answer(r)
		r.advance(2 * time.Minute)
		if len(r.hub.sas) != 0 || len(r.hub.engine.logins) != 0 || len(r.office.released) != 1 {
			t.Errorf("%s: %d SAs are left, %d logins; released %v", name, len(r.hub.sas), len(r.hub.engine.logins), r.office.released)
		}
	}
}

// A server waits for no client of Cisco's with the outbound SA: it has the new keys
// only, from its message 2 on.
func TestTheServerSwitchesAtOnceForCiscosClients(t *testing.T) {
	for application, want := range map[string]int{"Cisco Systems VPN Client 0.5.3:Linux": 2, "another": 1, "": 1} {
		r := renewable(t, func(hub, spoke *Config) {
			hub.SettleTime, spoke.Connections[0].EasyVPN.Version = 50*time.Millisecond, application
		})
		r.connect()
		r.advance(time.Second)
		r.clear()
		r.settle()
		if n := r.hub.outbound(); n != want {
			t.Errorf("%q: %d outbound SAs after message 3, want %d", application, n, want)
		}
	}
}
