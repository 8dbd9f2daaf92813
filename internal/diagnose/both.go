package diagnose

import (
	"fmt"
	"net/netip"
)

// Both names what is wrong between two ends from what both of them saw. What one
// end knows explains what the other only suffers, and what one end sent and the
// other never had was lost between them.
func Both(here, there []Observation) Report {
	var r Report
	others := Cases(there)
	for _, c := range Cases(here) {
		d := counterpart(c, others)
		if d == nil {
			r.Findings = append(r.Findings, judgeCase(c)...)
			r.Notes = append(r.Notes, notesOf(c)...)
			continue
		}
		r.Findings = append(r.Findings, judgePair(c, d)...)
		r.Notes = append(append(r.Notes, notesOf(c)...), notesOf(d)...)
	}
	sortFindings(r.Findings)
	return r
}

// counterpart is the case of the other end about this one: the one with the
// addresses of c, or the only one, for a NAT may change them.
func counterpart(c *Case, others []*Case) *Case {
	for _, d := range others {
		if d.Peer == c.local() && d.Peer.IsValid() {
			return d
		}
	}
	if len(others) == 1 {
		return others[0]
	}
	for _, d := range others {
		if d.local() == c.Peer && d.local().IsValid() {
			return d
		}
	}
	return nil
}

func judgePair(c, d *Case) []Finding {
	all := append(candidates(c), candidates(d)...)
	for _, way := range []*between{{c, d}, {d, c}} {
		for _, find := range []func(*between) *Finding{lostMessage, lostQuickMode, lostESP} {
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
	found := weigh(all)
	for i := range found {
		end := c
		if found[i].Local == d.local() && found[i].Local != c.local() {
			end = d
		}
		found[i].Fix = fixesOf(end, &found[i])
	}
	return found
}

// between is the way from one end to the other.
type between struct{ from, to *Case }

// lostMessage is a message of phase 1 that one end sent again and again, and the
// other never had.
func lostMessage(b *between) *Finding {
	a := b.from.Attempt
	if a == nil || a.Sent == 0 || a.Resent[min(a.Sent, maxMessage)] == 0 || b.arrived(a.Sent) || !b.to.listens() {
		return nil
	}
	on := a.Of(MessageSent, Retransmitted).At(a.Sent)
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
		case MessageReceived, DuplicateSeen, Undecryptable, Malformed, HashMismatch, Differs:
			if o.Message >= message {
				return true
			}
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
	if len(on) == 0 || !b.to.listens() {
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

// listens says whether the end is one that would have seen the message.
func (c *Case) listens() bool { return !c.Surveyed || len(c.configured()) > 0 }

// lostESP is a tunnel that one end puts packets into and the other gets none out
// of.
func lostESP(b *between) *Finding {
	for _, out := range b.from.All.Of(Encapsulated) {
		for _, in := range b.to.All.Of(Decapsulated) {
			if out.Count < enough || 2*in.Count > out.Count || in.Pair != flip(out.Pair) {
				continue
			}
			if b.to.All.Of(DataDropped, ReplaySeen).Total() > 0 {
				continue
			}
			return find(ESPBlocked, Likely, Part{out, in}, fmt.Sprintf("%d ESP packets left %s and %d came to %s: something drops them between the two", out.Count, name(b.from.local()), in.Count, name(b.to.local()))).
				in(PhaseData, 0).or("A packet filter of the receiving host drops them too.", LocalFirewall)
		}
	}
	return nil
}
