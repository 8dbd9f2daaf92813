package ipsec

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// TestTrafficIsTheSelector draws selectors and flows of both families from few
// addresses, so that many fit.
func TestTrafficIsTheSelector(t *testing.T) {
	addr := rapid.Custom(func(t *rapid.T) netip.Addr {
		n := rapid.Uint32Range(0, 3).Draw(t, "n")
		switch rapid.IntRange(0, 5).Draw(t, "family") {
		case 0:
			return netip.AddrFrom16([16]byte{15: byte(n)})
		case 1:
			return netip.AddrFrom16([16]byte{10: 0xff, 11: 0xff, 15: byte(n)}) // IPv4 mapped
		case 2:
			return netip.Addr{}
		}
		return addr4(n << 30)
	})
	port := rapid.Uint16Range(0, 3)
	rapid.Check(t, func(t *rapid.T) {
		ports := func() PortRange { return PortRange{port.Draw(t, "lo"), port.Draw(t, "hi")} }
		s := Selector{Range{addr.Draw(t, "lo"), addr.Draw(t, "hi")}, Range{addr.Draw(t, "lo"), addr.Draw(t, "hi")},
			rapid.Uint8Range(0, 2).Draw(t, "protocol"), ports(), ports()}
		f := Flow{Src: addr.Draw(t, "src"), Dst: addr.Draw(t, "dst"), Protocol: rapid.Uint8Range(0, 2).Draw(t, "protocol"),
			PortsUnknown: rapid.Bool().Draw(t, "unknown"), SrcPort: port.Draw(t, "sport"), DstPort: port.Draw(t, "dport")}
		x := trafficOf(s)
		if x.selector() != s {
			t.Fatalf("%v becomes %v", s, x.selector())
		}
		if x.matches(f) != s.Matches(f) || x.hasPorts() != s.HasPorts() {
			t.Fatalf("%v, %+v: %v and %v", s, f, x.matches(f), x.hasPorts())
		}
	})
}
