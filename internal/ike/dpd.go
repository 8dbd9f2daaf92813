package ike

import (
	"bytes"
	"encoding/binary"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// dpdState is dead peer detection of one SA (RFC 3706).
type dpdState struct {
	timer    timer
	sequence uint32
	asked    bool // sequence is not answered yet
	askedAt  instant
	missed   int
	peerSeq  uint32
	peerSeen bool
}

// dpdMaxMissed is IOS's number of unanswered R-U-THERE until a peer is dead.
const dpdMaxMissed = 5

// startDPD arms dead peer detection if it is configured and the peer does it.
func (s *sa) startDPD() {
	k := s.liveness()
	if k == nil || !s.peerDPD {
		return
	}
	var b [4]byte
	s.e.random(b[:])
	s.dpd.sequence = binary.BigEndian.Uint32(b[:]) &^ (1 << 31)
	s.e.timers.set(&s.dpd.timer, s.e.now.Add(k.Interval))
}

// dpdDue asks, asks again, or gives the peer up. What the peer sent meanwhile,
// under the SA's keys or in its tunnels, is an answer too (RFC 3706 section 5.5).
func (s *sa) dpdDue(now time.Time) {
	k := s.liveness()
	if k == nil || s.dead {
		return
	}
	if heard, _ := s.lastPackets(); s.dpd.asked && !heard.After(s.e.timers.time(s.dpd.askedAt)) {
		s.dpdMissed(now, k)
		return
	}
	s.dpd.asked, s.dpd.missed = false, 0
	if s.awaitsRenewal() {
		s.e.timers.set(&s.dpd.timer, now.Add(k.Interval))
		return
	}
	if wait := s.quiet(now, k); wait > 0 {
		s.e.timers.set(&s.dpd.timer, now.Add(wait))
		return
	}
	s.dpdAsk(now, k)
}

// quiet returns how long there is still no reason to ask. Periodic DPD asks at
// every interval without a word of the peer; on demand it asks only if we sent
// something since the peer was last heard.
func (s *sa) quiet(now time.Time, k *Keepalive) time.Duration {
	heard, sent := s.lastPackets()
	if wait := heard.Add(k.Interval).Sub(now); wait > 0 {
		return wait
	}
	if !k.Periodic && !sent.After(heard) {
		return k.Interval
	}
	return 0
}

// lastPackets returns when the peer was last heard, and when we last sent in a
// tunnel with it.
func (s *sa) lastPackets() (heard, sent time.Time) {
	heard = s.e.timers.time(s.heard)
	if s.e.cfg.Traffic == nil {
		return heard, sent
	}
	for _, c := range s.e.byEnds[s.pair()] {
		in, out := s.e.cfg.Traffic.LastPackets(c.in.spi)
		heard, sent = later(heard, in), later(sent, out)
	}
	return heard, sent
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (s *sa) dpdAsk(now time.Time, k *Keepalive) {
	s.dpd.sequence++
	s.dpd.asked, s.dpd.askedAt = true, s.e.timers.instant(now)
	s.e.stats.DPDSent++
	s.sendDPD(isakmp.NotifyRUThere, s.dpd.sequence)
	s.same(trace.FromTimer, trace.InputTimerIMAlive)
	s.e.timers.set(&s.dpd.timer, now.Add(k.Retry))
}

// dpdMissed counts an unanswered question.
func (s *sa) dpdMissed(now time.Time, k *Keepalive) {
	s.dpd.missed++
	s.emit(&trace.DPDUnanswered{Count: uint8(s.dpd.missed), Max: dpdMaxMissed})
	if s.dpd.missed < dpdMaxMissed {
		s.dpdAsk(now, k)
		return
	}
	s.emit(&trace.PeerDead{})
	if s.heardElsewhere() {
		s.deleteSA(trace.ReasonPeerDead)
		return
	}
	for _, c := range cloneList(s.e.byEnds[s.pair()]) {
		if s.peerOf(c) {
			s.e.removeChild(c, trace.ReasonPeerDead)
		}
	}
	s.e.peerDied(s.pair())
	s.deleteSA(trace.ReasonPeerDead)
}

// heardElsewhere says whether the peer has been heard under another ISAKMP SA
// since it was last heard under s: then it lives, and has only forgotten s.
func (s *sa) heardElsewhere() bool {
	for _, o := range s.rivals() {
		if o.heard > s.heard {
			return true
		}
	}
	return false
}

// sendDPD sends R-U-THERE or its answer.
func (s *sa) sendDPD(t isakmp.NotifyType, sequence uint32) {
	id := s.e.newMessageID()
	s.emit(&trace.NodeCreated{Node: id})
	s.emit(&trace.DPDSending{Ack: t == isakmp.NotifyRUThereAck, Sequence: sequence, MessageID: id})
	s.sendInfo(isakmp.PayloadNotify, isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec,
		Protocol: isakmp.ProtocolISAKMP, SPI: s.spi(), Type: t, Data: binary.BigEndian.AppendUint32(nil, sequence)}), id)
}

// dpdRequest answers R-U-THERE. A sequence number that is not new is a replay
// (RFC 3706 section 6.3), but the last one may come again if our answer was
// lost.
func (m *message) dpdRequest(x isakmp.Notify) {
	s := m.s
	sequence, ok := m.dpdSequence(x)
	if !ok {
		return
	}
	if s.dpd.peerSeen && sequence < s.dpd.peerSeq {
		m.drop(trace.DropReplay)
		return
	}
	s.dpd.peerSeen, s.dpd.peerSeq = true, sequence
	s.e.stats.DPDReceived++
	s.emit(&trace.DPDReceived{Sequence: sequence})
	if s.awaitsRenewal() {
		s.answerLater()
	} else {
		s.sendDPD(isakmp.NotifyRUThereAck, sequence)
	}
	s.same(trace.FromPeer, trace.InputKeepAlive)
}

// dpdAck takes the answer to our question.
func (m *message) dpdAck(x isakmp.Notify) {
	s := m.s
	sequence, ok := m.dpdSequence(x)
	if !ok {
		return
	}
	if !s.dpd.asked || sequence != s.dpd.sequence {
		m.drop(trace.DropReplay)
		return
	}
	s.dpd.asked, s.dpd.missed = false, 0
	s.emit(&trace.DPDReceived{Ack: true, Sequence: sequence})
	if k := s.liveness(); k != nil {
		s.e.timers.set(&s.dpd.timer, s.e.now.Add(k.Interval))
	}
}

// dpdSequence reads a DPD notify: its SPI must be the SA's cookies.
func (m *message) dpdSequence(x isakmp.Notify) (uint32, bool) {
	if len(x.Data) != 4 || !bytes.Equal(x.SPI, m.s.spi()) {
		m.dropPayload(trace.DropMalformed, isakmp.PayloadNotify, 0)
		return 0, false
	}
	return binary.BigEndian.Uint32(x.Data), true
}
