package explain

import (
	"strings"
	"testing"
)

const goodLog = `00:00:01: ISAKMP (0:1): beginning Main Mode exchange
00:00:01: ISAKMP (0:1): sending packet to 198.51.100.2 (I) MM_NO_STATE
00:00:01: ISAKMP (0:1): received packet from 198.51.100.2 (I) MM_NO_STATE
00:00:01: ISAKMP (0:1): processing SA payload. message ID = 0
00:00:01: ISAKMP (0:1): atts are acceptable. Next payload is 0
00:00:01: ISAKMP (0:1): sending packet to 198.51.100.2 (I) MM_SA_SETUP
00:00:02: ISAKMP (0:1): received packet from 198.51.100.2 (I) MM_SA_SETUP
00:00:02: ISAKMP (0:1): processing KE payload. message ID = 0
00:00:02: ISAKMP (0:1): sending packet to 198.51.100.2 (I) MM_KEY_EXCH
00:00:02: ISAKMP (0:1): received packet from 198.51.100.2 (I) MM_KEY_EXCH
00:00:02: ISAKMP (0:1): processing ID payload. message ID = 0
00:00:02: ISAKMP (0:1): SA has been authenticated with 198.51.100.2
`

// The first divergence is found though addresses, times and numbers of SAs
// differ.
func TestBaseline(t *testing.T) {
	lines := strings.SplitAfter(strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(goodLog, "(0:1)", "(0:7)"), "198.51.100.2", "203.0.113.9"), "00:00:", "00:59:"), "\n")
	bad := strings.Join(lines[:9], "") + "00:59:12: ISAKMP (0:7): retransmitting phase 1 MM_KEY_EXCH...\n"
	good, err := Log("good", strings.NewReader(goodLog))
	if err != nil {
		t.Fatal(err)
	}
	failed, err := Log("bad", strings.NewReader(bad))
	if err != nil {
		t.Fatal(err)
	}
	d := Compare(good, failed)
	if d == nil || d.Good == nil || d.Bad == nil || d.Good.Line != 10 || d.Bad.Line != 10 {
		t.Fatalf("%+v", d)
	}
	if d := Compare(good, good); d != nil {
		t.Errorf("a log parts from itself: %+v", d)
	}
	if l := Explain([]*Source{failed}).Ladder(); strings.Count(l, "---->") != 3 || !strings.Contains(l, "- - >") {
		t.Errorf("ladder:\n%s", l)
	}
}

// Two ends' logs are told apart by their addresses, and judged together.
func TestBothEnds(t *testing.T) {
	here := `ISAKMP:(0): sending packet to 198.51.100.2 my_port 500 peer_port 500 (I) MM_NO_STATE
ISAKMP:(0): retransmitting phase 1 MM_NO_STATE...
ISAKMP:(0):deleting SA reason "Death by retransmission P1" state (I) MM_NO_STATE (peer 198.51.100.2)
`
	there := `ISAKMP (0): received packet from 192.0.2.1 dport 500 sport 500 Global (N) NEW SA
ISAKMP:(0):Checking ISAKMP transform 1 against priority 10 policy
ISAKMP:(0):Hash algorithm offered does not match policy!
ISAKMP:(0):no offers accepted!
ISAKMP:(0): phase 1 SA policy not acceptable! (local 198.51.100.2 remote 192.0.2.1)
`
	a, err := Log("here", strings.NewReader(here))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Log("there", strings.NewReader(there))
	if err != nil {
		t.Fatal(err)
	}
	for _, sources := range [][]*Source{{a, b}, {b, a}} {
		e := Explain(sources)
		if len(e.Findings) == 0 || e.Findings[0].Cause != "phase1-policy-mismatch" {
			t.Errorf("%s", e.Text(Options{}))
		}
	}
}
