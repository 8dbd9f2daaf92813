package ipsec

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func addrs(lo, hi string) Range {
	return Range{netip.MustParseAddr(lo), netip.MustParseAddr(hi)}
}

func TestRange(t *testing.T) {
	net := RangeOf(netip.MustParsePrefix("192.168.2.77/24"))
	if net.Lo.String() != "192.168.2.0" || net.Hi.String() != "192.168.2.255" {
		t.Errorf("range %v", net)
	}
	six := RangeOf(netip.MustParsePrefix("2001:db8::/33"))
	if six.Hi.String() != "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff" {
		t.Errorf("range %v", six)
	}
	for addr, want := range map[string]bool{
		"192.168.2.0": true, "192.168.2.255": true, "192.168.1.255": false, "192.168.3.0": false,
		"::ffff:192.168.2.1": false, "2001:db8::": false,
	} {
		if got := net.Contains(netip.MustParseAddr(addr)); got != want {
			t.Errorf("contains %s: %v", addr, got)
		}
	}
	for _, bad := range []Range{{}, {Lo: net.Lo}, {Lo: net.Hi, Hi: net.Lo}, {Lo: net.Lo, Hi: six.Lo}} {
		if bad.Valid() || bad.Overlaps(net) || bad.Prefixes() != nil || bad.String() != "invalid" {
			t.Errorf("%v counts as valid", bad)
		}
	}
	if (Range{}).Contains(netip.Addr{}) {
		t.Error("nothing contains something")
	}
	if (RangeOf(netip.Prefix{}) != Range{}) {
		t.Error("no prefix has a range")
	}
}

func TestRangeString(t *testing.T) {
	for want, r := range map[string]Range{
		"192.168.2.0/24":          RangeOf(netip.MustParsePrefix("192.168.2.0/24")),
		"192.1.1.40/32":           HostRange(hub),
		"192.168.2.3-192.168.2.9": addrs("192.168.2.3", "192.168.2.9"),
		"0.0.0.0/0":               addrs("0.0.0.0", "255.255.255.255"),
	} {
		if r.String() != want {
			t.Errorf("%q, want %q", r.String(), want)
		}
	}
}

// TestPrefixesCoverTheRange checks that the prefixes follow each other
// without a gap from the first address to the last.
func TestPrefixesCoverTheRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Uint32().Draw(t, "a"), rapid.Uint32().Draw(t, "b")
		r := Range{addr4(min(a, b)), addr4(max(a, b))}
		next := r.Lo
		prefixes := r.Prefixes()
		for _, p := range prefixes {
			if p.Addr() != next || p.Masked() != p {
				t.Fatalf("%v of %v starts not at %v", p, r, next)
			}
			next = RangeOf(p).Hi.Next()
		}
		if next != r.Hi.Next() || len(prefixes) > 62 {
			t.Fatalf("%v: %d prefixes up to %v", r, len(prefixes), next)
		}
	})
}

func TestPrefixesOfEverything(t *testing.T) {
	for _, p := range []string{"0.0.0.0/0", "::/0", "255.255.255.255/32", "10.0.0.0/8"} {
		got := RangeOf(netip.MustParsePrefix(p)).Prefixes()
		if len(got) != 1 || got[0].String() != p {
			t.Errorf("%s becomes %v", p, got)
		}
	}
}

func TestSelectorMatches(t *testing.T) {
	web := Selector{LocalNet: hubNet, RemoteNet: spokeNet, Protocol: 6, RemotePort: PortRange{80, 90}}
	flow := func(src, dst string, proto uint8, sport, dport uint16) Flow {
		return Flow{Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), Protocol: proto, SrcPort: sport, DstPort: dport}
	}
	fragment := Flow{Src: hubNet.Lo, Dst: spokeNet.Lo, Protocol: 6, PortsUnknown: true}
	cases := []struct {
		f    Flow
		want bool
	}{
		{flow("192.168.2.1", "192.168.3.1", 6, 1, 80), true},
		{flow("192.168.2.1", "192.168.3.1", 6, 1, 90), true},
		{flow("192.168.2.1", "192.168.3.1", 6, 80, 91), false},
		{flow("192.168.2.1", "192.168.3.1", 17, 1, 80), false},
		{flow("192.168.3.1", "192.168.2.1", 6, 1, 80), false},
		{flow("192.168.2.1", "192.168.4.1", 6, 1, 80), false},
		{fragment, true},
		{Flow{Src: hubNet.Lo, Dst: spokeNet.Lo, Protocol: 17, PortsUnknown: true}, false},
	}
	for _, c := range cases {
		if got := web.Matches(c.f); got != c.want {
			t.Errorf("%+v: %v", c.f, got)
		}
	}
	if web.MatchesAll(fragment) {
		t.Error("a fragment is sure to have port 80")
	}
	all := Selector{LocalNet: hubNet, RemoteNet: spokeNet}
	if !all.MatchesAll(fragment) || !all.Matches(fragment) || all.HasPorts() {
		t.Error("a selector without ports needs them")
	}
	if got := flow("192.168.2.1", "192.168.3.1", 6, 1, 80).Reverse(); got != flow("192.168.3.1", "192.168.2.1", 6, 80, 1) {
		t.Errorf("reverse %+v", got)
	}
}

func TestSelectorOverlaps(t *testing.T) {
	base := Selector{LocalNet: hubNet, RemoteNet: spokeNet, Protocol: 6, LocalPort: PortRange{1000, 2000}}
	cases := []struct {
		name string
		o    Selector
		want bool
	}{
		{"itself", base, true},
		{"any protocol and port", Selector{LocalNet: hubNet, RemoteNet: spokeNet}, true},
		{"a host of it", Selector{LocalNet: addrs("192.168.2.9", "192.168.2.9"), RemoteNet: spokeNet}, true},
		{"touching ports", Selector{LocalNet: hubNet, RemoteNet: spokeNet, LocalPort: PortRange{2000, 3000}}, true},
		{"other ports", Selector{LocalNet: hubNet, RemoteNet: spokeNet, LocalPort: PortRange{2001, 3000}}, false},
		{"other protocol", Selector{LocalNet: hubNet, RemoteNet: spokeNet, Protocol: 17}, false},
		{"other net", Selector{LocalNet: spokeNet, RemoteNet: spokeNet}, false},
	}
	for _, c := range cases {
		if base.Overlaps(c.o) != c.want || c.o.Overlaps(base) != c.want {
			t.Errorf("%s: not %v both ways", c.name, c.want)
		}
	}
}

func TestSelectorString(t *testing.T) {
	s := Selector{LocalNet: hubNet, RemoteNet: HostRange(spoke), Protocol: 6, LocalPort: PortRange{80, 80}, RemotePort: PortRange{1000, 2000}}
	if got, want := s.String(), "192.168.2.0/24:80 === 192.1.1.42/32:1000-2000 proto 6"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s = Selector{LocalNet: hubNet, RemoteNet: spokeNet}
	if got, want := s.String(), "192.168.2.0/24 === 192.168.3.0/24"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
