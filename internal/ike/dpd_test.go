package ike

import (
	"encoding/binary"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// traffic is what a data plane would tell of packets.
type traffic struct{ in, out time.Time }

func (t *traffic) LastPackets(uint32) (in, out time.Time) { return t.in, t.out }

// periodic has the spoke ask every 10 s, and again every 2 s.
func periodic(_, spoke *Config) {
	spoke.Keepalive = &Keepalive{Interval: 10 * time.Second, Retry: 2 * time.Second, Periodic: true}
}

func TestPeriodicDPDAsksAndIsAnswered(t *testing.T) {
	p := upWith(t, periodic)
	p.advance(time.Minute)
	p.checkUp()
	asked, got := p.spoke.engine.Statistics().DPDSent, p.hub.engine.Statistics().DPDReceived
	if asked < 5 || asked > 6 || got != asked {
		t.Errorf("%d questions sent, %d received, want 5 or 6", asked, got)
	}
	if !p.spoke.events.has(trace.CodeDPDReceived) {
		t.Error("no answer is received")
	}
}

// A peer that does not answer is dead after five questions, with all its SAs,
// and the SAs go without a message that nobody would read.
func TestDeadPeer(t *testing.T) {
	p := upWith(t, periodic)
	p.lose = func(_ int, d Datagram) bool { return d.Local.Addr() == hubAddr }
	p.advance(10*time.Second + 4*2*time.Second + time.Second)
	p.checkUp()
	p.advance(2 * time.Second)
	x := p.spoke.shown()
	if !x.Dead || x.DeadReason != trace.ReasonPeerDead || len(p.spoke.sas) != 0 {
		t.Errorf("the spoke has %+v and %d IPsec SAs", x, len(p.spoke.sas))
	}
	if n := p.spoke.engine.Statistics().DPDSent; n != dpdMaxMissed {
		t.Errorf("%d questions, want %d", n, dpdMaxMissed)
	}
	p.advance(2 * purgeDelay)
	p.spoke.engine.checkQuiet(t)
}

func TestOneAnswerForgivesWhatWasMissed(t *testing.T) {
	p := upWith(t, periodic)
	drop := 0
	p.lose = func(_ int, d Datagram) bool {
		if d.Local.Addr() != hubAddr {
			return false
		}
		drop++
		return drop%dpdMaxMissed != 0 // four of five answers are lost
	}
	p.advance(10 * time.Minute)
	p.lose = nil
	p.checkUp()
}

// On demand, nothing is asked while nothing is sent, nor while something comes.
func TestOnDemandDPD(t *testing.T) {
	seen := &traffic{}
	p := upWith(t, func(_, spoke *Config) {
		spoke.Keepalive = &Keepalive{Interval: 10 * time.Second, Retry: 2 * time.Second}
		spoke.Traffic = seen
	})
	asked := func() uint64 { return p.spoke.engine.Statistics().DPDSent }
	p.advance(5 * time.Minute)
	if asked() != 0 {
		t.Fatalf("%d questions without traffic", asked())
	}
	for range 30 {
		seen.in, seen.out = p.now, p.now
		p.advance(5 * time.Second)
	}
	if asked() != 0 {
		t.Fatalf("%d questions while packets come back", asked())
	}
	for range 6 {
		seen.out = p.now
		p.advance(5 * time.Second)
	}
	if asked() == 0 {
		t.Error("no question while packets go out and none come back")
	}
	p.checkUp()
}

// Packets in the tunnel show that a peer lives whose answers do not arrive.
func TestTrafficIsAnAnswer(t *testing.T) {
	seen := &traffic{}
	p := upWith(t, func(hub, spoke *Config) {
		periodic(hub, spoke)
		spoke.Traffic = seen
	})
	p.advance(9 * time.Second)
	p.lose = func(_ int, d Datagram) bool { return d.Local.Addr() == hubAddr }
	p.advance(3 * time.Second)
	for range 20 {
		seen.in = p.now
		p.advance(time.Second)
	}
	p.checkUp()
	if n := p.spoke.engine.Statistics().DPDSent; n > 2 {
		t.Errorf("%d questions to a peer whose packets come in", n)
	}
}

// A gateway without keepalives answers, and one whose peer does not do DPD does
// not ask.
func TestWhoDoesDPD(t *testing.T) {
	p := upWith(t, periodic)
	if p.hub.shown().DPD || !p.spoke.shown().DPD {
		t.Errorf("DPD: hub %v, spoke %v", p.hub.shown().DPD, p.spoke.shown().DPD)
	}
	p.spoke.newest().peerDPD = false
	p.spoke.engine.timers.clear(&p.spoke.newest().dpd.timer)
	p.spoke.newest().startDPD()
	p.advance(time.Minute)
	if n := p.spoke.engine.Statistics().DPDSent; n != 0 {
		t.Errorf("%d questions to a peer without DPD", n)
	}
}

// An answer must carry the number that was asked with, and a question one that
// is not older than the last.
func TestDPDSequenceNumbers(t *testing.T) {
	p := upWith(t, periodic)
	question := func(from *side, kind isakmp.NotifyType, sequence uint32, spi []byte) Datagram {
		return p.inform(from, isakmp.PayloadNotify, isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec,
			Protocol: isakmp.ProtocolISAKMP, SPI: spi, Type: kind, Data: binary.BigEndian.AppendUint32(nil, sequence)}))
	}
	spi := p.spoke.newest().spi()
	received := func() uint64 { return p.hub.engine.Statistics().DPDReceived }
	for _, step := range []struct {
		sequence uint32
		spi      []byte
		counts   uint64
	}{
		{1000, spi, 1}, {1001, spi, 2}, {1001, spi, 3}, {900, spi, 3}, {1002, spi[:8], 3}, {1002, make([]byte, 16), 3}, {1003, spi, 4},
	} {
		p.deliver(question(p.spoke, isakmp.NotifyRUThere, step.sequence, step.spi))
		if received() != step.counts {
			t.Errorf("after %d: %d questions taken, want %d", step.sequence, received(), step.counts)
		}
	}
	p.lose = func(int, Datagram) bool { return true }
	p.advance(15 * time.Second)
	s := p.spoke.newest()
	if !s.dpd.asked {
		t.Fatal("nothing is asked")
	}
	p.lose = nil
	p.deliver(question(p.hub, isakmp.NotifyRUThereAck, s.dpd.sequence+1, spi))
	if !s.dpd.asked {
		t.Error("an answer with another number is taken")
	}
	p.deliver(question(p.hub, isakmp.NotifyRUThereAck, s.dpd.sequence, spi))
	if s.dpd.asked {
		t.Error("the true answer is not taken")
	}
}

// A peer that has forgotten one ISAKMP SA and answers under another lives: the
// SA that it does not know goes, and the IPsec SAs stay.
func TestAPeerThatForgotOneSALives(t *testing.T) {
	p := upWith(t, periodic)
	p.lose = func(_ int, d Datagram) bool { return d.Local.Addr() == hubAddr } // the delete
	p.do(p.hub, func(e *Engine, fx *Effects) { e.ClearISAKMP(p.now, 0, fx) })
	p.settle()
	p.lose = nil
	p.do(p.hub, func(e *Engine, fx *Effects) {
		e.begin(p.now, fx)
		e.startPhase1(toPort(hubAddr), toPort(spokeAddr), "", nil)
	})
	p.settle()
	if n := p.spoke.upSAs(); n != 2 {
		t.Fatalf("the spoke has %d ISAKMP SAs, want 2", n)
	}
	p.advance(time.Minute)
	p.checkUp()
	if n := p.spoke.upSAs(); n != 1 {
		t.Errorf("the spoke has %d ISAKMP SAs, want the one that the hub has too", n)
	}
}
