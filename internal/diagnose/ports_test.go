package diagnose

import (
	"net/netip"
	"slices"
	"testing"
)

// A proof that is not answered may be lost on UDP 4500 where the source says nothing of
// ports; where it does, and tells of no NAT, it is not.
func TestProofMayBeLostOnAnotherPort(t *testing.T) {
	peer := netip.MustParseAddr("198.51.100.7")
	for _, c := range []struct {
		detail string
		want   bool
	}{{PortsUnsaid, true}, {"", false}} {
		var all []Observation
		for i, kind := range []Kind{MessageSent, MessageReceived, MessageSent, MessageReceived, MessageSent} {
			all = append(all, Observation{Kind: kind, Phase: Phase1, Message: i + 1, Peer: peer, Session: 1, Role: Initiator, Detail: c.detail, Evidence: Evidence{Log: true, Text: "x"}})
		}
		all = append(all, Observation{Kind: GaveUp, Phase: Phase1, Message: 5, Peer: peer, Session: 1, Role: Initiator, Evidence: Evidence{Log: true, Text: "y"}})
		r := Judge(all)
		if len(r.Findings) == 0 || r.Findings[0].Cause != PSKMismatch {
			t.Fatalf("%q: %s", c.detail, r.Text())
		}
		if got := slices.Contains(r.Findings[0].Alternatives, NATT4500Blocked); got != c.want {
			t.Errorf("%q: %v", c.detail, r.Findings[0].Alternatives)
		}
	}
}
