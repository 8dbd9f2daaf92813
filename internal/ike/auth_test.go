package ike

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// wrongKey is a pair whose spoke has another key, run with one of its seeds.
func wrongKey(t testing.TB, seed uint16) *pair {
	p := newPair(t, func(_, spoke *Config) { spoke.Keys = keys{hubAddr: "another"} })
	p.spoke = newSide("spoke", p.spoke.engine.cfg, seed)
	p.spoke.engine.cfg.Events = p.spoke.events
	p.connect()
	return p
}

// With a wrong key message 5 decrypts to noise, whose reserved octet is not 0
// but one time in 256. Then another check must fail.
func TestWrongKeyIsNoticedWhateverTheNoise(t *testing.T) {
	kinds := map[isakmp.ErrorKind]bool{}
	dropped := map[trace.Drop]bool{}
	for seed := uint16(10); seed < 2000 && (len(kinds)+len(dropped) < 3 || !kinds[isakmp.KindReserved]); seed++ {
		p := wrongKey(t, seed)
		for _, r := range p.hub.events.list {
			switch e := r.Event.(type) {
			case *trace.PayloadMalformed:
				kinds[e.Kind] = true
			case *trace.PacketDropped:
				dropped[e.Reason] = true
			}
		}
		stats := p.hub.engine.Statistics()
		if stats.Phase1Up != 0 || p.spoke.engine.Statistics().Phase1Up != 0 {
			t.Fatalf("seed %d: phase 1 is up with different keys", seed)
		}
		if !p.hub.events.has(trace.CodeErrorCounted) {
			t.Fatalf("seed %d: the hub counts no error", seed)
		}
	}
	if len(kinds)+len(dropped) < 3 {
		t.Errorf("the noise passed the reserved octet in no run: %v, %v", kinds, dropped)
	}
}

func TestWrongKeyEndsAtBothEnds(t *testing.T) {
	p := wrongKey(t, 2)
	p.advance(3 * time.Minute)
	for _, s := range []*side{p.hub, p.spoke} {
		if n := s.engine.Statistics().Phase1Failed; n != 1 {
			t.Errorf("%s: %d failures, want 1", s.name, n)
		}
		s.engine.checkQuiet(t)
	}
	if len(p.spoke.failed) != 1 {
		t.Errorf("the request failed %d times, want once", len(p.spoke.failed))
	}
}

// A forged message 5 costs an error count and nothing else: the IV chain and
// the state are as before, so that the true message is understood.
func TestForgedMessage5DoesNotHinderTheTrueOne(t *testing.T) {
	p := newPair(t, nil)
	forged := 0
	p.lose = func(n int, d Datagram) bool {
		if n == 5 {
			for i := range 20 {
				f := copied(d)
				f.Data[isakmp.HeaderLen+i] ^= 0x5a
				p.do(p.hub, func(e *Engine, fx *Effects) { e.Datagram(p.now, f.Remote, f.Local, f.Data, fx) })
				forged++
			}
		}
		return false
	}
	p.connect()
	p.checkUp()
	if forged != 20 {
		t.Fatalf("%d forged messages, want 20", forged)
	}
}

// The same for every encrypted message, at whichever end it arrives.
func TestForgedEncryptedMessagesChangeNothing(t *testing.T) {
	for at := 5; at <= tunnelDatagrams; at++ {
		t.Run(fmt.Sprint("message ", at), func(t *testing.T) {
			p := newPair(t, withPFS)
			p.lose = func(n int, d Datagram) bool {
				if n != at {
					return false
				}
				// HASH_I and HASH_R cover neither notifies nor padding, but all of
				// the first two blocks.
				end := isakmp.HeaderLen + 32
				if n > 6 {
					end = len(d.Data)
				}
				for i := isakmp.HeaderLen; i < end; i += 7 {
					f := copied(d)
					f.Data[i] ^= 0x80
					p.do(p.sideAt(f.Remote.Addr()), func(e *Engine, fx *Effects) { e.Datagram(p.now, f.Remote, f.Local, f.Data, fx) })
				}
				return false
			}
			p.connect()
			p.checkUp()
		})
	}
}

// holdQuestions collects the questions of both ends, unanswered.
func holdQuestions(p *pair) *[]Question {
	var held []Question
	p.hold = func(s *side, q Question) bool {
		held = append(held, q)
		return true
	}
	return &held
}

func TestDeferredComputationGivesTheSameRun(t *testing.T) {
	later := func(hub, spoke *Config) { hub.DeferDH, spoke.DeferDH = true, true }
	upWith(t, func(hub, spoke *Config) { withPFS(hub, spoke); later(hub, spoke) })
	inline, deferred := upWith(t, nil), upWith(t, later)
	if inline.sent != deferred.sent {
		t.Errorf("%d datagrams inline, %d deferred", inline.sent, deferred.sent)
	}
	for i, a := range []*side{inline.hub, inline.spoke} {
		b := []*side{deferred.hub, deferred.spoke}[i]
		if diff := lineDiff(normal(iosText(a.events)), normal(iosText(b.events))); diff != "" {
			t.Errorf("%s: the traces differ:\n%s", a.name, diff)
		}
		if x, y := a.engine.Statistics(), b.engine.Statistics(); x != y {
			t.Errorf("%s: the counters differ: %+v and %+v", a.name, x, y)
		}
		if n := len(b.engine.questions); n != 0 {
			t.Errorf("%s: %d questions are left", b.name, n)
		}
	}
}

// While a computation is under way, duplicates and other messages wait; they do
// not start it again.
func TestABusySAIgnoresMessages(t *testing.T) {
	p := newPair(t, func(hub, _ *Config) { hub.DeferDH = true })
	held := holdQuestions(p)
	p.connect()
	p.advance(25 * time.Second) // the spoke sends message 3 again, twice
	if len(*held) != 1 {
		t.Fatalf("%d questions, want 1", len(*held))
	}
	q := (*held)[0]
	p.hold = nil
	p.do(p.hub, func(e *Engine, fx *Effects) { e.Answer(p.now, q.ID, q.Run(), fx) })
	p.settle()
	p.checkUp()
}

func TestAnAnswerForAnEndedSAIsIgnored(t *testing.T) {
	for _, at := range []struct {
		name   string
		change func(hub, spoke *Config)
		nth    int // the question that is held
	}{
		{"responder's phase 1", func(hub, _ *Config) { hub.DeferDH = true }, 1},
		{"initiator's key pair", func(_, spoke *Config) { spoke.DeferDH = true }, 1},
		{"initiator's secret", func(_, spoke *Config) { spoke.DeferDH = true }, 2},
		{"responder's quick mode", func(hub, spoke *Config) { withPFS(hub, spoke); hub.DeferDH = true }, 2},
		{"initiator's quick mode key pair", func(hub, spoke *Config) { withPFS(hub, spoke); spoke.DeferDH = true }, 3},
		{"initiator's quick mode secret", func(hub, spoke *Config) { withPFS(hub, spoke); spoke.DeferDH = true }, 4},
	} {
		t.Run(at.name, func(t *testing.T) {
			p := newPair(t, at.change)
			var q Question
			var owner *side
			asked := 0
			p.hold = func(s *side, x Question) bool {
				asked++
				if asked == at.nth {
					owner, q = s, x
					return true
				}
				return false
			}
			p.connect()
			if owner == nil {
				t.Fatalf("only %d questions", asked)
			}
			p.do(owner, func(e *Engine, fx *Effects) { e.Shutdown(p.now, fx) })
			p.settle()
			r := q.Run().(DHResult) // on another goroutine, so nothing of it may have been wiped
			if r.Err != nil {
				t.Errorf("the computation fails once its SA has ended: %v", r.Err)
			}
			sent := p.sent
			p.do(owner, func(e *Engine, fx *Effects) { e.Answer(p.now, q.ID, r, fx) })
			p.settle()
			if p.sent != sent || len(owner.sas) != 0 {
				t.Errorf("the answer causes %d datagrams and %d SAs", p.sent-sent, len(owner.sas))
			}
			p.advance(2 * purgeDelay)
			owner.engine.checkQuiet(t)
		})
	}
}

func TestAnAnswerNobodyAskedForIsIgnored(t *testing.T) {
	p := upWith(t, nil)
	var fx Effects
	p.hub.engine.Answer(p.now, 4711, DHResult{}, &fx)
	if len(fx.Send)+len(fx.Install)+len(fx.Remove) != 0 {
		t.Errorf("effects: %+v", fx)
	}
	p.checkUp()
}

// hiddenKeys keeps its key as a store outside of tests must.
type hiddenKeys struct{ key secret.Secret }

func (k hiddenKeys) PresharedKey(KeyQuery) (Key, bool) { return Key{Secret: k.key}, true }

// Keys must not reach a log by way of a %+v.
func TestSecretsDoNotPrint(t *testing.T) {
	p := upWith(t, func(hub, spoke *Config) {
		withPFS(hub, spoke)
		hub.Keys = hiddenKeys{secret.FromString("mekmitasdigoat")}
	})
	e := p.hub.engine
	var s *sa
	for _, x := range e.byCookies {
		s = x
	}
	c := e.sortedChildren()[0]
	secrets := map[string][]byte{"psk": []byte("mekmitasdigoat"), "SKEYID": s.skeyid.Base, "SKEYID_d": s.skeyid.D,
		"SKEYID_a": s.skeyid.A, "SKEYID_e": s.skeyid.E}
	for spi, x := range p.hub.sas {
		secrets[fmt.Sprintf("key of %08x", spi)] = x.EncKey.Reveal()
	}
	for _, v := range []any{e, *e, s, *s, c, *c, e.cfg, s.nodes, e.ISAKMPSAs(), e.IPsecSAs(), p.hub.sas} {
		for _, verb := range []string{"%v", "%+v", "%#v"} {
			text := fmt.Sprintf(verb, v)
			for name, b := range secrets {
				for _, shape := range []string{string(b), fmt.Sprint(b)[1 : len(fmt.Sprint(b))-1], strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", b), "[]byte{"), "}"), fmt.Sprintf("%x", b)} {
					if strings.Contains(text, shape) {
						t.Errorf("%s of %T shows %s", verb, v, name)
					}
				}
			}
		}
	}
}
