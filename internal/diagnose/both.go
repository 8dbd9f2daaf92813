package diagnose

import (
	"fmt"
	"net/netip"
	"slices"
)

// Both names what is wrong between two ends from what both of them saw. What one
// end knows explains what the other only suffers, and what one end sent and the
// other never had was lost between them.
func Both(here, there []Observation) Report { return Together(here, there, nil) }

// Together is Both with captures besides, each for itself: what was seen between
// the two ends is weighed with what the ends say of it.
func Together(here, there []Observation, captures [][]Observation) Report {
	mine, others := Cases(here), Cases(there)
	var paths []*Case
	for _, all := range captures {
		paths = append(paths, Cases(all)...)
	}
	var r Report
	used := make(map[*Case]bool)
	judge := func(c, d *Case) {
		var between []*Case
		for _, p := range paths {
			if p.isBetween(c, paths) || d != nil && p.isBetween(d, paths) {
				between, used[p] = append(between, p), true
			}
		}
		r.Findings = append(r.Findings, judgeAll(c, d, between)...)
		for _, x := range append([]*Case{c, d}, between...) {
			if x != nil {
				r.Notes = append(r.Notes, notesOf(x)...)
			}
		}
	}
	for _, c := range mine {
		d := counterpart(c, mine, others)
		if d != nil && (c.OnPath || d.OnPath) {
			d = nil
		}
		if d != nil {
			used[d] = true
		}
		judge(c, d)
	}
	for _, d := range others {
		if !used[d] && d.Dealings {
			judge(d, nil)
		}
	}
	for _, p := range paths {
		if !used[p] {
			r.Findings = append(r.Findings, judgeCase(p)...)
			r.Notes = append(r.Notes, notesOf(p)...)
		}
	}
	sortFindings(r.Findings)
	return r
}

// judgeAll weighs what is known of one tunnel: from an end, from the other where d
// is not nil, and from captures between them.
func judgeAll(c, d *Case, captures []*Case) []Finding {
	ends := []*Case{c}
	var all []Finding
	if d == nil {
		all = candidates(c)
	} else {
		all, ends = pairCandidates(c, d), append(ends, d)
	}
	for _, p := range captures {
		for _, end := range ends {
			if f := notTaken(end, p); f != nil {
				f.weight, f.Peer, f.Local = seen, end.Peer, end.local()
				all = append(all, *f)
			}
		}
		all = append(all, candidates(p)...)
	}
	found := weigh(all)
	for i := range found {
		found[i].Fix = fixesOf(found[i].endOf(c, d, captures), &found[i])
	}
	return found
}

// endOf is the case whose words the fixes of a finding speak.
func (f *Finding) endOf(c, d *Case, captures []*Case) *Case {
	for _, p := range captures {
		if f.onPath && slices.Contains(p.All, f.about) {
			return p
		}
	}
	if d != nil && f.Local == d.local() && f.Local != c.local() {
		return d
	}
	return c
}

// counterpart is the case of the other end about this one: the one with the
// addresses of c, or the only one, for a NAT may change them. One that nothing is
// configured for, and whom the other end has heard, is this end rather than one
// that it has not heard.
func counterpart(c *Case, mine, others []*Case) *Case {
	found := byAddress(c, others)
	if found == nil || c.Peer == found.local() {
		return found
	}
	if slices.ContainsFunc(mine, func(m *Case) bool { return m.Peer.IsValid() && m.Peer == found.local() }) {
		return nil // c is about somebody else
	}
	return found
}

func byAddress(c *Case, others []*Case) *Case {
	var found *Case
	for _, d := range others {
		if c.sharesCookie(d) {
			return d
		}
	}
	for _, d := range others {
		if d.Peer == c.local() && d.Peer.IsValid() {
			found = d
		}
	}
	if found == nil && len(others) == 1 {
		return others[0]
	}
	for _, d := range others {
		if found == nil && d.local() == c.Peer && d.local().IsValid() {
			found = d
		}
	}
	if found != nil && c.Dealings && !found.Dealings {
		for _, d := range others {
			if d.Dealings && d.Surveyed && !d.named() {
				return d
			}
		}
	}
	return found
}

// pairCandidates are what the rules say of both ends and of what is between them.
func pairCandidates(c, d *Case) []Finding {
	all := slices.DeleteFunc(append(candidates(c), candidates(d)...), func(f Finding) bool {
		other := c
		if f.Peer == c.Peer {
			other = d
		}
		return f.rule == ruleOutOnly && other.unanswering() || f.rule == ruleNothingAsked && other.All.Has(Asked, MessageSent, Encapsulated)
	})
	for _, way := range []*between{{c, d}, {d, c}} {
		for _, find := range []func(*between) *Finding{lostMessage, lostQuickMode, lostESP, lostSA, otherAddress} {
			if f := find(way); f != nil {
				f.weight, f.Peer, f.Local = seen, way.to.local(), way.from.local()
				if !f.Peer.IsValid() {
					f.Peer = way.from.Peer
				}
				all = append(all, *f)
			}
		}
	}
	for i := range all {
		all[i].idle = !c.Dealings && !d.Dealings
	}
	return all
}

// between is the way from one end to the other.
type between struct{ from, to *Case }

// lostMessage is a message of phase 1 that one end sent again and again, and the
// other never had.
func lostMessage(b *between) *Finding {
	a := b.from.Attempt
	if a == nil || a.Sent == 0 || a.Resent[min(a.Sent, maxMessage)] == 0 || b.arrived(a.Sent) || !b.to.listens() || otherAddress(b) != nil {
		return nil
	}
	on := a.Of(MessageSent, Retransmitted).At(a.Sent)
	if b.to.forgot(on) {
		return nil
	}
	f := find(PeerUnreachable, Likely, on, fmt.Sprintf("message %d left %s and never came to %s: something drops it between the two", a.Sent, name(b.from.local()), name(b.to.local())))
	f.in(Phase1, a.Sent).or("A packet filter of the receiving host drops it too, before its IKE can see it.", LocalFirewall)
	switch {
	case a.Floated && a.Sent == 5:
		f.Cause = NATT4500Blocked
		f.Summary += ", on UDP 4500"
	case a.Sent > 2 && !a.Floated:
		f.Cause = FragmentationMTU
		f.Summary += "; smaller messages before it did come"
		f.Alternatives = append(f.Alternatives, PeerUnreachable)
	}
	return f
}

// lostSA is a tunnel that only one end has.
func lostSA(b *between) *Finding {
	if !b.from.Surveyed || !b.to.Surveyed || !b.from.TunnelUp || b.to.TunnelUp || len(b.to.configured()) == 0 {
		return nil
	}
	if b.from.Attempt != nil || b.to.Attempt != nil || b.to.All.After(Phase1Up).Has(PeerDead) {
		return nil // that is why
	}
	on := append(b.from.All.Of(Encapsulated, Decapsulated), b.to.All.Of(InvalidSPI, NoSAForMessage)...)
	return find(StaleSA, Likely, on, fmt.Sprintf("%s has IPsec SAs with %s, which has none: it was restarted, or has cleared them", name(b.from.local()), name(b.to.local()))).in(PhaseLife, 0).
		or("An end that was told of the other's end cannot be in this state for long: the deletes were lost.", PeerUnreachable)
}

// otherAddress is an end that calls an address which is not the other's.
func otherAddress(b *between) *Finding {
	a, there := b.from.Attempt, b.to.local()
	if a == nil || a.Received > 0 || a.Role == Responder || b.arrived(1) || b.from.Succeeded || there == b.from.Peer || !there.IsValid() || !b.from.Peer.IsValid() {
		return nil
	}
	f := find(ConnectionNotMatched, Likely, append(slices.Clone(a.Part), b.to.configured()...), fmt.Sprintf("%s calls %s, and the other end is at %s", name(b.from.local()), b.from.Peer, there)).in(Phase1, 1).
		or("Where a NAT stands before the other end, the address that is called is the NAT's: see whether it passes UDP 500 and 4500 on.", PeerUnreachable, LocalFirewall)
	if there.IsPrivate() && !b.from.Peer.IsPrivate() {
		f.Cause, f.Alternatives = PeerUnreachable, append(f.Alternatives, ConnectionNotMatched)
	}
	return f
}

func name(a netip.Addr) string {
	if !a.IsValid() {
		return "the other end"
	}
	return a.String()
}

// arrived says whether the receiving end has seen a message, or anything that
// comes after it.
func (b *between) arrived(message int) bool {
	for _, o := range b.to.Phase1 {
		switch o.Kind {
		case MessageReceived, DuplicateSeen, Undecryptable, Malformed, HashMismatch, Differs, Late:
			if o.Message >= message {
				return true
			}
		case NoSAForMessage:
			return true
		case AllOffersRefused, NotEnabled, KeyMissing, OtherIKEVersion, AggressiveMode, AdmissionLimit, NoConnection:
			if message <= 2 {
				return true
			}
		}
	}
	return false
}

// lostQuickMode is an offer of IPsec SAs, or the answer to one, that the other
// end never had.
func lostQuickMode(b *between) *Finding {
	on := b.from.Phase2.Of(Retransmitted)
	if len(on) == 0 || !b.to.listens() || b.to.forgot(on) {
		return nil
	}
	last := on.Last()
	for _, o := range b.to.All.After(Phase2Up) {
		if o.Phase == Phase2 && o.Kind != Asked && o.Kind != SADeleted && (last.Message == 1 || o.Message > last.Message) {
			return nil
		}
	}
	if last.Message == 1 && b.to.All.Has(InvalidSPI, NoSAForMessage) {
		return nil // it came, and belongs to no SA there
	}
	return find(PeerUnreachable, Likely, on, fmt.Sprintf("message %d of quick mode left %s and never came to %s: something drops it between the two", last.Message, name(b.from.local()), name(b.to.local()))).
		in(Phase2, last.Message).or("If smaller messages do come, it is dropped for its size.", FragmentationMTU, LocalFirewall)
}

// forgot says whether an end was restarted after the last of what was sent to it.
func (c *Case) forgot(sent Part) bool {
	began := c.All.Of(Started).Last()
	return began != nil && len(sent) > 0 && began.Time.After(sent.Last().Time)
}

// listens says whether the end is one that would have seen the message.
func (c *Case) listens() bool { return !c.Surveyed || len(c.configured()) > 0 }

// lostESP is a tunnel that one end puts packets into and the other gets none out
// of.
func lostESP(b *between) *Finding {
	if b.to.All.Of(DataDropped, ReplaySeen).Total() > 0 {
		return nil
	}
	for _, out := range b.from.All.Of(Encapsulated) {
		for _, in := range b.to.All.Of(Decapsulated) {
			if out.Count < enough || 2*in.Count > out.Count || in.Pair != Flip(out.Pair) {
				continue
			}
			f := find(ESPBlocked, Likely, Part{out, in}, fmt.Sprintf("%d ESP packets left %s and %d came to %s: something drops them between the two", out.Count, name(b.from.local()), in.Count, name(b.to.local()))).
				in(PhaseData, 0).or("A packet filter of the receiving host drops them too.", LocalFirewall)
			if out.Detail == OverUDP {
				f.Cause, f.Alternatives = NATT4500Blocked, append(f.Alternatives, ESPBlocked)
				f.Summary += ", on UDP 4500"
			}
			return f
		}
	}
	return nil
}
