package read

import (
	"cmp"
	"net/netip"
	"slices"

	"qmidle/internal/diagnose"
)

// Bounds of what is kept of a log. What comes last counts most: of what is too
// much the oldest goes.
const (
	maxKept    = 16 << 10 // observations
	maxPeer    = 1 << 10  // of one peer
	maxPeers   = 256      // of whom something is kept
	maxText    = 400      // bytes of a quoted line
	maxRepeats = 16       // how far back a repetition is looked for
)

// sink keeps observations by peer, counts what repeats itself, and forgets the
// oldest of a peer of whom there is too much.
type sink struct {
	of       map[netip.Addr]*peer
	last     *peer
	lastAddr netip.Addr
	kept     int
	sequence uint64
	dropped  uint64 // observations that were forgotten
}

type peer struct{ all []kept }

// kept is an observation with its place among all.
type kept struct {
	diagnose.Observation
	sequence uint64
}

func newSink() *sink { return &sink{of: make(map[netip.Addr]*peer)} }

func (s *sink) peer(a netip.Addr) *peer {
	if s.last != nil && s.lastAddr == a {
		return s.last
	}
	p := s.of[a]
	if p == nil {
		if len(s.of) >= maxPeers {
			s.leave()
		}
		p = &peer{}
		s.of[a] = p
	}
	s.last, s.lastAddr = p, a
	return p
}

// leave forgets the peer that was not spoken of for longest.
func (s *sink) leave() {
	var oldest netip.Addr
	least := s.sequence + 1
	for a, p := range s.of {
		last := uint64(0)
		if n := len(p.all); n > 0 {
			last = p.all[n-1].sequence
		}
		if a.IsValid() && last < least {
			oldest, least = a, last
		}
	}
	if p := s.of[oldest]; p != nil && oldest.IsValid() {
		s.kept -= len(p.all)
		s.dropped += uint64(len(p.all))
		delete(s.of, oldest)
		s.last = nil
	}
}

// add keeps an observation, with the line as its evidence where it has none.
func (s *sink) add(o *diagnose.Observation, text []byte) {
	p := s.peer(o.Peer)
	if p.repeats(o) {
		return
	}
	if o.Evidence.Text == "" {
		o.Evidence.Text = quoted(text)
	}
	if len(p.all) >= maxPeer {
		s.forget(p)
	}
	if s.kept >= maxKept {
		s.forget(s.greatest())
	}
	s.sequence++
	p.all = append(p.all, kept{*o, s.sequence})
	s.kept++
}

// repeats counts an observation that says what one shortly before said. One that
// is a step of an exchange is kept, for how often it happened matters.
func (p *peer) repeats(o *diagnose.Observation) bool {
	if o.Session != 0 && step(o.Kind) {
		return false
	}
	for i := len(p.all) - 1; i >= max(0, len(p.all)-maxRepeats); i-- {
		old := &p.all[i].Observation
		if o.Session != 0 && old.Session != o.Session {
			return false
		}
		if old.Kind == o.Kind && same(old, o) {
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
	return a.Session == b.Session && a.Message == b.Message && a.Count == b.Count && a.Role == b.Role && a.Phase == b.Phase && a.Attr == b.Attr &&
		a.Offered == b.Offered && a.Wanted == b.Wanted && a.Detail == b.Detail && a.Pair == b.Pair && a.Place == b.Place && a.Local == b.Local &&
		a.Authentic == b.Authentic && a.Standing == b.Standing
}

// forget takes away the older half of what is known of a peer, but for what is
// so at any time.
func (s *sink) forget(p *peer) {
	drop := max(1, len(p.all)/2)
	before := len(p.all)
	left := p.all[:0]
	for i := range p.all {
		if drop > 0 && !p.all[i].Standing {
			drop--
			continue
		}
		left = append(left, p.all[i])
	}
	if len(left) == before && before > 0 { // all of it stands
		left = left[:before-1]
	}
	clear(p.all[len(left):])
	p.all = left
	s.kept -= before - len(left)
	s.dropped += uint64(before - len(left))
}

func (s *sink) greatest() *peer {
	var most *peer
	for _, p := range s.of {
		if most == nil || len(p.all) > len(most.all) || len(p.all) == len(most.all) && len(p.all) > 0 && p.all[0].sequence < most.all[0].sequence {
			most = p
		}
	}
	return most
}

// settle gives the observations of a session the peer that was not known when
// they were made.
func (s *sink) settle(session uint64, to, local netip.Addr) {
	none := s.of[netip.Addr{}]
	if none == nil || len(none.all) == 0 || !to.IsValid() {
		return
	}
	p := s.peer(to)
	left := none.all[:0]
	moved := false
	for _, k := range none.all {
		if k.Session != session {
			left = append(left, k)
			continue
		}
		k.Peer, moved = to, true
		if !k.Local.IsValid() {
			k.Local = local
		}
		p.all = append(p.all, k)
	}
	if moved {
		s.last = nil
		clear(none.all[len(left):])
		none.all = left
		slices.SortStableFunc(p.all, func(a, b kept) int { return cmp.Compare(a.sequence, b.sequence) })
	}
}

// observations are all that is kept, in order.
func (s *sink) observations() []diagnose.Observation {
	var all []kept
	for _, p := range s.of {
		all = append(all, p.all...)
	}
	slices.SortFunc(all, func(a, b kept) int { return cmp.Compare(a.sequence, b.sequence) })
	out := make([]diagnose.Observation, len(all))
	for i := range all {
		out[i] = all[i].Observation
	}
	return out
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
