package ipsec

import (
	"net/netip"
	"testing"
)

func prefix(s string) Range { return RangeOf(netip.MustParsePrefix(s)) }

func line(tag, n uint32, permit bool, local, remote string) PolicyEntry {
	return PolicyEntry{Tag: tag, Line: n, Permit: permit, Selector: Selector{LocalNet: prefix(local), RemoteNet: prefix(remote)}}
}

func TestSPDFirstMatchWins(t *testing.T) {
	any4 := "0.0.0.0/0"
	web := line(30, 1, true, any4, "192.168.9.0/24")
	web.Selector.Protocol, web.Selector.RemotePort = 6, PortRange{80, 80}
	noSSH := line(40, 0, false, any4, "192.168.8.0/24")
	noSSH.Selector.Protocol, noSSH.Selector.RemotePort = 6, PortRange{22, 22}
	spd := NewSPD([]PolicyEntry{
		line(10, 0, false, "192.168.2.7/32", any4),
		line(10, 1, true, "192.168.2.0/24", "192.168.3.0/24"),
		line(10, 2, true, "192.168.2.0/24", "192.168.4.0/24"),
		line(20, 0, true, "192.168.2.0/25", "192.168.3.0/24"),
		line(30, 0, false, any4, "192.168.9.99/32"),
		web,
		noSSH,
		line(40, 1, true, any4, "192.168.8.0/24"),
	})
	cases := []struct {
		name           string
		src, dst       string
		dport          uint16
		fragment       bool
		wantTag, wantN uint32 // 0, 0: no entry
	}{
		{"the first of two that match", "192.168.2.1", "192.168.3.1", 0, false, 10, 1},
		{"the second line", "192.168.2.1", "192.168.4.1", 0, false, 10, 2},
		{"deny goes on with the next crypto map entry", "192.168.2.7", "192.168.3.1", 0, false, 20, 0},
		{"deny and no later entry", "192.168.2.7", "192.168.4.1", 0, false, 0, 0},
		{"nothing", "192.168.2.1", "192.168.5.1", 0, false, 0, 0},
		{"a port", "192.168.5.1", "192.168.9.1", 80, false, 30, 1},
		{"another port", "192.168.5.1", "192.168.9.1", 81, false, 0, 0},
		{"a denied host", "192.168.5.1", "192.168.9.99", 80, false, 0, 0},
		{"a fragment meets a permit line with ports", "192.168.5.1", "192.168.9.1", 0, true, 30, 1},
		{"denied port", "192.168.5.1", "192.168.8.1", 22, false, 0, 0},
		{"a fragment passes a deny line with ports", "192.168.5.1", "192.168.8.1", 0, true, 40, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := Flow{Src: netip.MustParseAddr(c.src), Dst: netip.MustParseAddr(c.dst), Protocol: 6, DstPort: c.dport, PortsUnknown: c.fragment}
			e, ok := spd.Lookup(f)
			if ok != (c.wantTag != 0) || e.Tag != c.wantTag || e.Line != c.wantN {
				t.Errorf("entry %d line %d, %v", e.Tag, e.Line, ok)
			}
		})
	}
}

func TestSPDIsACopy(t *testing.T) {
	entries := []PolicyEntry{line(10, 0, true, "192.168.2.0/24", "192.168.3.0/24")}
	spd := NewSPD(entries)
	entries[0].Permit = false
	if _, ok := spd.Lookup(Flow{Src: hubNet.Lo, Dst: spokeNet.Lo}); !ok || len(spd.Entries()) != 1 {
		t.Error("the caller's slice changed the SPD")
	}
}
