package lab

import (
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// A gateway's peer that is no gateway gets what is sent to it, and is heard.
func TestStrangers(t *testing.T) {
	w, err := NewWorld([]Gateway{{Name: "branch", Config: crowdBranch}}, Options{Seed: 1, Diagnostics: io.Discard}, nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	peer, branch := netip.MustParseAddrPort("192.1.0.1:500"), netip.MustParseAddrPort("192.1.0.2:500")
	var first []byte
	heard := 0
	w.Strangers(func(from, to netip.AddrPort, data []byte) {
		heard++
		if from != branch || to != peer {
			t.Errorf("from %v to %v", from, to)
		}
		if first == nil {
			first = slices.Clone(data)
		}
	})
	w.Ping("branch", netip.MustParseAddr("192.168.2.1"), netip.MustParseAddr("192.168.0.1"), 1, 1, 100)
	w.Run(w.Now().Add(time.Second), never)
	if heard != 1 || !strings.Contains(w.Show("branch", "show crypto isakmp sa"), "MM_NO_STATE") {
		t.Fatalf("%d messages, and\n%s", heard, w.Show("branch", "show crypto isakmp sa"))
	}
	first[0] ^= 1 // another negotiation's
	w.SendAsStranger(peer, branch, first)
	w.SendAsStranger(peer, netip.MustParseAddrPort("10.0.0.1:500"), first) // nobody has that
	w.Run(w.Now().Add(time.Second), never)
	if n := w.Router("branch").Statistics().DatagramsIn; n != 1 || heard != 2 {
		t.Errorf("the gateway has heard %d messages and answered with %d", n, heard-1)
	}
}
