package ike

import (
	"fmt"
	"strings"
	"testing"

	"qmidle/internal/trace"
	"qmidle/test/leak"
)

// No event has a key: neither the pre-shared one, nor phase 1's, nor those of the
// IPsec SAs. Nor has an engine's state where it is printed.
func TestEventsTellNoKey(t *testing.T) {
	p := newPair(t, withKeepalive)
	p.connect()
	p.checkUp()
	var told strings.Builder
	all := trace.IOS{ISAKMP: true, IPsec: true, Engine: true, Sessions: true}
	for _, s := range []*side{p.hub, p.spoke} {
		for i := range s.events.list {
			r := &s.events.list[i]
			fmt.Fprintf(&told, "%s%s%+v\n", all.Append(nil, r), trace.AppendJSON(nil, r), r.Event)
		}
		fmt.Fprintf(&told, "%+v %+v %+v\n", *s.newest(), s.engine.ISAKMPSAs(), s.engine.IPsecSAs())
	}
	s := p.hub.newest()
	keys := [][]byte{[]byte("mekmitasdigoat"), s.skeyid.Base, s.skeyid.D, s.skeyid.A, s.skeyid.E}
	for _, sa := range p.hub.sas {
		keys = append(keys, sa.EncKey.Reveal(), sa.AuthKey.Reveal())
	}
	if len(keys) != 9 {
		t.Fatalf("%d keys to look for", len(keys))
	}
	for _, found := range leak.FindOctets(told.String(), keys...) {
		t.Error(found)
	}
	// What the peer has sent in clear is in the events: the check is not blind.
	if len(leak.FindOctets(told.String(), []byte("192.1.1.42"))) == 0 {
		t.Error("not even the peer's address is found")
	}
}
