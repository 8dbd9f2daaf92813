package diagnose

import (
	"net/netip"
	"testing"
)

// captured are observations of a capture between self and other, from the view of
// an end.
func captured(here, there netip.Addr, all ...Observation) []Observation {
	for i := range all {
		all[i].Local, all[i].Peer, all[i].OnPath = here, there, true
	}
	return log(all...)
}

func causesOf(r Report) (all []Cause) {
	for _, f := range r.Findings {
		all = append(all, f.Cause)
	}
	return all
}

// An answer that was captured and that the log lacks was dropped behind the
// capture; without the capture nothing tells.
func TestAnswerNotTaken(t *testing.T) {
	calls := log(upTo(1)...)
	if r := Judge(calls); len(r.Findings) == 0 || r.Findings[0].Cause == LocalFirewall {
		t.Fatalf("without a capture: %v", causesOf(r))
	}
	wire := captured(other, self, as(Responder, p1(MessageReceived, 1), p1(MessageSent, 2), p1(DuplicateSeen, 1), p1(Retransmitted, 2))...)
	r := Together(calls, nil, [][]Observation{wire})
	if len(r.Findings) == 0 || r.Findings[0].Cause != LocalFirewall || r.Findings[0].Certainty != Likely {
		t.Errorf("with it: %+v", r.Findings)
	}
	elsewhere := captured(netip.MustParseAddr("198.51.100.7"), self, as(Responder, p1(MessageReceived, 1), p1(MessageSent, 2))...)
	for _, f := range Together(calls, nil, [][]Observation{elsewhere}).Findings {
		if f.Cause == LocalFirewall && f.rule == "" {
			t.Errorf("a capture of other ends counts: %+v", f)
		}
	}
}

// What a log says outweighs what a capture suggests.
func TestLogBesideCapture(t *testing.T) {
	here := log(as(Responder, p1(MessageReceived, 1), Observation{Kind: OfferRefused, Phase: Phase1, Message: 1, Attr: AttrHash, Offered: "md5", Wanted: "sha"}, p1(AllOffersRefused, 1))...)
	wire := captured(other, self, as(Initiator, p1(MessageSent, 1), p1(Retransmitted, 1), p1(Retransmitted, 1), p1(GaveUp, 1))...)
	r := Together(here, nil, [][]Observation{wire})
	if got := causesOf(r); len(got) != 1 || got[0] != Phase1PolicyMismatch {
		t.Errorf("%v", got)
	}
}

// Two logs are of one ISAKMP SA by its cookie, whatever addresses a NAT has made
// of theirs.
func TestPairedByCookie(t *testing.T) {
	cookie := func(c string, all []Observation) []Observation {
		for i := range all {
			all[i].Cookie = c
		}
		return all
	}
	inside, gateway, outside := netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("198.51.100.9"), netip.MustParseAddr("203.0.113.5")
	between := func(local, peer netip.Addr, all ...Observation) []Observation {
		for i := range all {
			all[i].Local, all[i].Peer = local, peer
		}
		return log(all...)
	}
	here := cookie("00112233445566aa", between(inside, gateway, upTo(1)...))
	there := append(cookie("ffeeddccbbaa9988", between(gateway, netip.MustParseAddr("203.0.113.6"), attempts(upTo(3))...)),
		cookie("00112233445566aa", between(gateway, outside, as(Responder, p1(MessageReceived, 1), Observation{Kind: OfferRefused, Phase: Phase1, Message: 1, Attr: AttrHash, Offered: "md5", Wanted: "sha"},
			p1(AllOffersRefused, 1))...))...)
	r := Both(here, there)
	for _, f := range r.Findings {
		if f.Cause == PeerUnreachable && f.Peer == gateway {
			t.Errorf("the silence of the peer is not explained by its log: %v", causesOf(r))
		}
	}
	if len(r.Findings) == 0 || r.Findings[0].Cause != Phase1PolicyMismatch {
		t.Errorf("%v", causesOf(r))
	}
}
