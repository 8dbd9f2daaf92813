package policy

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"qmidle/internal/isakmp"
)

func net4(s string, protocol uint8, port uint16) Proxy {
	return ProxyFromPrefix(netip.MustParsePrefix(s), protocol, port)
}

func span(lo, hi string) Proxy {
	return Proxy{Type: isakmp.IDIPv4AddrRange, Lo: netip.MustParseAddr(lo), Hi: netip.MustParseAddr(hi)}
}

func TestProxyRoundTrip(t *testing.T) {
	v6 := span("2001:db8::5", "2001:db8::ff")
	v6.Type = isakmp.IDIPv6AddrRange
	for _, p := range []Proxy{net4("10.0.0.1/32", 0, 0), net4("10.1.0.0/16", 6, 443), net4("0.0.0.0/0", 0, 0), span("10.0.0.5", "10.0.0.9"),
		net4("2001:db8::/32", 17, 0), net4("2001:db8::1/128", 0, 0), v6} {
		got, ok := ProxyFromID(ID(p))
		if !ok || got != p {
			t.Errorf("%+v comes back as %+v, %v", p, got, ok)
		}
	}
}

func TestIDsThatAreNoProxy(t *testing.T) {
	for name, id := range map[string]isakmp.ID{
		"a name":               {Type: isakmp.IDFQDN, Data: []byte("example.com")},
		"a key ID":             {Type: isakmp.IDKeyID, Data: []byte{1, 2, 3, 4}},
		"no address":           {Type: isakmp.IDIPv4Addr},
		"a short address":      {Type: isakmp.IDIPv4Addr, Data: []byte{10, 0, 0}},
		"a mask with holes":    {Type: isakmp.IDIPv4AddrSubnet, Data: []byte{10, 0, 0, 0, 255, 0, 255, 0}},
		"half a subnet":        {Type: isakmp.IDIPv4AddrSubnet, Data: []byte{10, 0, 0, 0}},
		"a range backwards":    {Type: isakmp.IDIPv4AddrRange, Data: []byte{10, 0, 0, 9, 10, 0, 0, 5}},
		"an odd range":         {Type: isakmp.IDIPv4AddrRange, Data: []byte{10, 0, 0, 5, 10, 0, 0}},
		"IPv6 in an IPv4 type": {Type: isakmp.IDIPv4Addr, Data: make([]byte, 16)},
		"an IPv4 in IPv6 type": {Type: isakmp.IDIPv6Addr, Data: make([]byte, 4)},
		"IPv6 subnet as IPv4":  {Type: isakmp.IDIPv4AddrSubnet, Data: make([]byte, 32)},
		"IPv6 range as IPv4":   {Type: isakmp.IDIPv4AddrRange, Data: make([]byte, 32)},
	} {
		t.Run(name, func(t *testing.T) {
			if p, ok := ProxyFromID(id); ok {
				t.Errorf("read as %+v", p)
			}
		})
	}
}

// A subnet's host bits do not count.
func TestSubnetsAreMasked(t *testing.T) {
	p, ok := ProxyFromID(isakmp.ID{Type: isakmp.IDIPv4AddrSubnet, Data: []byte{10, 1, 2, 3, 255, 255, 0, 0}})
	if !ok || p != net4("10.1.0.0/16", 0, 0) {
		t.Errorf("read as %+v, %v", p, ok)
	}
}

func TestMask(t *testing.T) {
	for _, c := range []struct {
		p    Proxy
		want string
	}{{net4("10.0.0.0/8", 0, 0), "255.0.0.0"}, {net4("10.0.0.1/32", 0, 0), "255.255.255.255"}, {net4("0.0.0.0/0", 0, 0), "0.0.0.0"},
		{span("10.0.0.0", "10.0.0.255"), "255.255.255.0"}} {
		if m, ok := Mask(c.p); !ok || m.String() != c.want {
			t.Errorf("%+v: %v, %v", c.p, m, ok)
		}
	}
	for _, p := range []Proxy{span("10.0.0.1", "10.0.0.3"), span("10.0.0.5", "10.0.0.9")} {
		if m, ok := Mask(p); ok {
			t.Errorf("%+v: %v", p, m)
		}
	}
}

func TestContains(t *testing.T) {
	for name, c := range map[string]struct {
		outer, inner Proxy
		want         bool
	}{
		"itself":                  {net4("10.0.0.0/8", 6, 80), net4("10.0.0.0/8", 6, 80), true},
		"a part":                  {net4("10.0.0.0/8", 0, 0), span("10.0.0.0", "10.255.255.255"), true},
		"a part of a range":       {span("10.0.0.5", "10.0.0.9"), net4("10.0.0.6/31", 0, 0), true},
		"beyond the range":        {span("10.0.0.5", "10.0.0.9"), net4("10.0.0.8/30", 0, 0), false},
		"more":                    {net4("10.1.0.0/16", 0, 0), net4("10.0.0.0/8", 0, 0), false},
		"a protocol":              {net4("10.0.0.0/8", 0, 0), net4("10.0.0.0/8", 17, 53), true},
		"any protocol":            {net4("10.0.0.0/8", 17, 0), net4("10.0.0.0/8", 0, 0), false},
		"another protocol":        {net4("10.0.0.0/8", 17, 0), net4("10.0.0.0/8", 6, 0), false},
		"any port":                {net4("10.0.0.0/8", 17, 53), net4("10.0.0.0/8", 17, 0), false},
		"IPv6 in all of IPv4":     {net4("0.0.0.0/0", 0, 0), net4("::/0", 0, 0), false},
		"IPv4 in all of IPv6":     {net4("::/0", 0, 0), net4("10.0.0.0/8", 0, 0), false},
		"mapped IPv4 in all IPv6": {net4("::/0", 0, 0), net4("::ffff:10.0.0.0/104", 0, 0), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Contains(c.outer, c.inner); got != c.want {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestSameProxy(t *testing.T) {
	if !SameProxy(net4("10.0.0.1/32", 0, 0), Proxy{Type: isakmp.IDIPv4AddrSubnet, Lo: netip.MustParseAddr("10.0.0.1"), Hi: netip.MustParseAddr("10.0.0.1")}) {
		t.Error("a host is not its /32")
	}
	for _, p := range []Proxy{net4("10.0.0.2/32", 0, 0), net4("10.0.0.0/31", 0, 0), net4("10.0.0.1/32", 6, 0), net4("10.0.0.1/32", 0, 9)} {
		if SameProxy(net4("10.0.0.1/32", 0, 0), p) {
			t.Errorf("the same as %+v", p)
		}
	}
}

func drawProxy(t *rapid.T, label string) Proxy {
	a := rapid.Uint32Range(0, 31).Draw(t, label+" low")
	b := rapid.Uint32Range(a, 31).Draw(t, label+" high")
	at := func(x uint32) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(x)}) }
	p := Proxy{Type: isakmp.IDIPv4AddrRange, Lo: at(a), Hi: at(b), Protocol: rapid.SampledFrom([]uint8{0, 6, 17}).Draw(t, label+" protocol")}
	if p.Protocol != 0 {
		p.Port = rapid.SampledFrom([]uint16{0, 53, 80}).Draw(t, label+" port")
	}
	return p
}

// covers is Contains by enumeration.
func covers(p Proxy, last byte, protocol uint8, port uint16) bool {
	a := netip.AddrFrom4([4]byte{10, 0, 0, last})
	return !a.Less(p.Lo) && !p.Hi.Less(a) && (p.Protocol == 0 || p.Protocol == protocol) && (p.Port == 0 || p.Port == port)
}

func TestContainsAgainstEnumeration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawProxy(t, "a"), drawProxy(t, "b")
		within := true
		for last := range byte(32) {
			for _, protocol := range []uint8{1, 6, 17} {
				for _, port := range []uint16{1, 53, 80} {
					inA, inB := covers(a, last, protocol, port), covers(b, last, protocol, port)
					within = within && (inA || !inB)
				}
			}
		}
		if got := Contains(a, b); got != within {
			t.Errorf("Contains is %v, want %v", got, within)
		}
	})
}

func TestAllowingLine(t *testing.T) {
	line := func(permit bool, local, remote string) ACLEntry {
		return ACLEntry{Permit: permit, Local: net4(local, 0, 0), Remote: net4(remote, 0, 0)}
	}
	acl := []ACLEntry{
		line(true, "10.1.1.0/24", "10.2.1.0/24"),
		line(false, "10.1.9.0/24", "10.2.0.0/16"),
		line(true, "10.1.0.0/16", "10.2.0.0/16"),
	}
	for _, c := range []struct {
		local, remote string
		want          int
	}{
		{"10.1.1.0/24", "10.2.1.0/24", 0}, {"10.1.1.7/32", "10.2.1.0/25", 0}, {"10.1.2.0/24", "10.2.1.0/24", 2},
		{"10.1.9.0/24", "10.2.1.0/24", -1}, {"10.1.0.0/16", "10.2.0.0/16", 2}, {"10.0.0.0/8", "10.2.0.0/16", -1}, {"10.2.0.0/16", "10.1.0.0/16", -1},
	} {
		got, ok := AllowingLine(acl, net4(c.local, 0, 0), net4(c.remote, 0, 0))
		if ok != (c.want >= 0) || (ok && got != c.want) {
			t.Errorf("%s to %s: line %d, %v, want %d", c.local, c.remote, got, ok, c.want)
		}
	}
}

func TestSelector(t *testing.T) {
	s := Selector(net4("10.1.0.0/16", 6, 0), net4("10.2.2.2/32", 6, 443))
	if s.Protocol != 6 || !s.LocalPort.Any() || s.RemotePort.Lo != 443 || s.RemotePort.Hi != 443 ||
		s.LocalNet.Hi != netip.MustParseAddr("10.1.255.255") || s.RemoteNet.Lo != netip.MustParseAddr("10.2.2.2") {
		t.Errorf("%+v", s)
	}
	if s := Selector(net4("10.1.0.0/16", 0, 0), net4("10.2.2.2/32", 47, 0)); s.Protocol != 47 {
		t.Errorf("the protocol of one side does not hold: %+v", s)
	}
}
