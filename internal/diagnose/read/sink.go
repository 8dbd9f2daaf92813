package read

import (
	"cmp"
	"net/netip"
	"slices"
	"unicode/utf8"

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

type peer struct{ all []*kept }

// kept is an observation with its place among all and the line that is its
// evidence, where it brought none.
type kept struct {
	diagnose.Observation
	sequence uint64
	line     []byte
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
	if len(p.all) >= maxPeer {
		s.forget(p)
	}
	if s.kept >= maxKept {
		s.forget(s.greatest())
	}
	s.sequence++
	k := p.next()
	k.Observation, k.sequence, k.line = *o, s.sequence, k.line[:0]
	if o.Evidence.Text == "" {
		k.line = append(k.line, quotable(text)...)
	}
	s.kept++
}

// next is the room for an observation; that of one that was forgotten where there
// is any.
func (p *peer) next() *kept {
	n := len(p.all)
	if n == cap(p.all) || p.all[:n+1][n] == nil {
		p.all = append(p.all, new(kept))
		return p.all[n]
	}
	p.all = p.all[:n+1]
	return p.all[n]
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
	before, left := len(p.all), 0
	for i := range p.all {
		if drop > 0 && !p.all[i].Standing {
			drop--
			continue
		}
		// What is forgotten comes to stand behind: its room is used again.
		p.all[left], p.all[i] = p.all[i], p.all[left]
		left++
	}
	if left == before && before > 0 { // all of it stands
		left--
	}
	p.all = p.all[:left]
	s.kept -= before - left
	s.dropped += uint64(before - left)
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
	left := 0
	moved := false
	for i, k := range none.all {
		if k.Session != session {
			none.all[i], none.all[left] = none.all[left], k
			left++
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
		clear(none.all[left:]) // they have moved
		none.all = none.all[:left]
		slices.SortStableFunc(p.all, func(a, b *kept) int { return cmp.Compare(a.sequence, b.sequence) })
	}
}

// observations are all that is kept, in order.
func (s *sink) observations() []diagnose.Observation {
	all := make([]*kept, 0, s.kept)
	for _, p := range s.of {
		all = append(all, p.all...)
	}
	slices.SortFunc(all, func(a, b *kept) int { return cmp.Compare(a.sequence, b.sequence) })
	out := make([]diagnose.Observation, len(all))
	for i, k := range all {
		out[i] = k.Observation
		if len(k.line) > 0 {
			out[i].Evidence.Text = quoted(k.line)
		}
	}
	return out
}

// quoted is a line as evidence.
func quoted(text []byte) string {
	text = quotable(text)
	if len(text) <= maxText {
		return string(text)
	}
	cut := maxText
	for cut > 0 && text[cut]&0xc0 == 0x80 {
		cut--
	}
	return string(text[:cut]) + " ..."
}

// quotable is what of a line a quotation needs.
func quotable(text []byte) []byte {
	for len(text) > 0 && isBlank(text[0]) {
		text = text[1:]
	}
	for len(text) > 0 && isBlank(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text[:min(len(text), maxText+utf8.UTFMax)]
}
