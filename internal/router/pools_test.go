package router

import (
	"net/netip"
	"testing"

	"qmidle/internal/ipsec"
)

// What goes to a pool's address is protected by a line behind the one that is open, so
// that a client's pair comes first, and nothing leaves in clear without one. What goes
// elsewhere is as it was.
func TestPoolsAreProtected(t *testing.T) {
	o := newOffice(t, localLists)
	spd := ipsec.NewSPD(o.hub.Policies())
	if first := spd.Entries()[0]; !first.Open {
		t.Errorf("the first line is %+v", first)
	}
	for to, want := range map[string]bool{"10.9.0.1": true, "10.9.0.2": true, "10.9.0.3": false, "192.0.2.1": false} {
		e, ok := spd.Lookup(ipsec.Flow{Src: netip.MustParseAddr("192.168.2.10"), Dst: netip.MustParseAddr(to), Protocol: 6})
		if ok != want || ok && (!e.Dynamic || e.Open || !e.Permit) {
			t.Errorf("to %s: %t, %+v", to, ok, e)
		}
	}
}
