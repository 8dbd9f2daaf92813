package read

import (
	"net/netip"

	"qmidle/internal/diagnose"
)

// Bounds of what is kept of a log. What comes last counts most: of what is too
// much the oldest goes.
const (
	maxKept    = 16 << 10 // observations
	maxPeer    = 1 << 10  // of one peer
	maxText    = 400      // bytes of a quoted line
	maxRepeats = 64       // how far back a repetition is looked for
)

// sink keeps observations in order, counts what repeats itself, and forgets the
// oldest of a peer of whom there is too much.
type sink struct {
	all     []diagnose.Observation
	of      map[netip.Addr]int
	dropped uint64 // observations that were forgotten
}

func newSink() *sink { return &sink{of: make(map[netip.Addr]int)} }

func (s *sink) add(o diagnose.Observation) {
	if s.repeats(&o) {
		return
	}
	if s.of[o.Peer] >= maxPeer {
		s.forget(o.Peer)
	}
	if len(s.all) >= maxKept {
		s.forget(s.greatest())
	}
	s.all = append(s.all, o)
	s.of[o.Peer]++
}

// repeats counts an observation that says what one shortly before said. One that
// is a step of an exchange is kept, for how often it happened matters.
func (s *sink) repeats(o *diagnose.Observation) bool {
	if o.Session != 0 && step(o.Kind) {
		return false
	}
	for i := len(s.all) - 1; i >= max(0, len(s.all)-maxRepeats); i-- {
		old := &s.all[i]
		if old.Peer != o.Peer {
			continue
		}
		if o.Session != 0 && old.Session != o.Session {
			return false
		}
		if same(old, o) {
			old.Evidence.Times = max(1, old.Evidence.Times) + 1
			old.Time = o.Time
			return true
		}
	}
	return false
}

func step(k diagnose.Kind) bool {
	switch k {
	case diagnose.MessageSent, diagnose.MessageReceived, diagnose.Retransmitted, diagnose.DuplicateSeen,
		diagnose.Phase1Up, diagnose.Phase2Up, diagnose.SADeleted, diagnose.GaveUp, diagnose.DPDUnanswered, diagnose.DPDAnswered:
		return true
	}
	return false
}

// same compares all but the times and the quoted text.
func same(a, b *diagnose.Observation) bool {
	x, y := *a, *b
	y.Time, y.Evidence = x.Time, x.Evidence
	return x == y
}

// forget takes away the older half of what is known of a peer, but for what is
// so at any time.
func (s *sink) forget(peer netip.Addr) {
	drop := s.of[peer] / 2
	kept := s.all[:0]
	for _, o := range s.all {
		if o.Peer == peer && drop > 0 && !o.Standing {
			drop--
			s.of[peer]--
			s.dropped++
			continue
		}
		kept = append(kept, o)
	}
	if drop > 0 && drop == s.of[peer]/2 { // all of it stands
		kept = kept[:len(kept)-1]
		s.of[peer]--
	}
	s.all = kept
}

func (s *sink) greatest() (peer netip.Addr) {
	most := -1
	for p, n := range s.of {
		if n > most || n == most && p.Less(peer) {
			peer, most = p, n
		}
	}
	return peer
}

// settle gives the observations of a session the peer that was not known when
// they were made.
func (s *sink) settle(session uint64, peer, local netip.Addr) {
	for i := range s.all {
		o := &s.all[i]
		if o.Session != session {
			continue
		}
		if !o.Peer.IsValid() && peer.IsValid() {
			s.of[o.Peer]--
			o.Peer = peer
			s.of[peer]++
		}
		if !o.Local.IsValid() {
			o.Local = local
		}
	}
}

// quoted is a line as evidence.
func quoted(text []byte) string {
	for len(text) > 0 && isBlank(text[0]) {
		text = text[1:]
	}
	for len(text) > 0 && isBlank(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	if len(text) <= maxText {
		return string(text)
	}
	cut := maxText
	for cut > 0 && text[cut]&0xc0 == 0x80 {
		cut--
	}
	return string(text[:cut]) + " ..."
}
