package ipsec

import (
	"net/netip"
	"testing"
)

func TestParseFlowIPv4(t *testing.T) {
	packet := ipv4From("192.168.2.10", "192.168.3.10", 6, 1024, 80, 60)
	want := Flow{Src: netip.MustParseAddr("192.168.2.10"), Dst: netip.MustParseAddr("192.168.3.10"), Protocol: 6, SrcPort: 1024, DstPort: 80}
	if got, drop := ParseFlow(packet); got != want || drop != DropNone {
		t.Errorf("%+v, %v", got, drop)
	}
	if got, drop := ParseFlow(append(packet, 1, 2, 3)); got != want || drop != DropNone {
		t.Errorf("with padding: %+v, %v", got, drop)
	}

	first := ipv4From("192.168.2.10", "192.168.3.10", 6, 1024, 80, 60)
	first[6] = 0x20
	if got, drop := ParseFlow(first); got != want || drop != DropNone {
		t.Errorf("first fragment: %+v, %v", got, drop)
	}
	later := ipv4From("192.168.2.10", "192.168.3.10", 6, 1024, 80, 60)
	later[6], later[7] = 0, 3
	want.PortsUnknown, want.SrcPort, want.DstPort = true, 0, 0
	if got, drop := ParseFlow(later); got != want || drop != DropNone {
		t.Errorf("later fragment: %+v, %v", got, drop)
	}

	icmp := ipv4From("192.168.2.10", "192.168.3.10", 1, 0x0800, 0x1234, 60)
	if got, drop := ParseFlow(icmp); got.SrcPort != 0 || got.DstPort != 0 || got.Protocol != 1 || drop != DropNone {
		t.Errorf("ICMP: %+v, %v", got, drop)
	}
}

func TestParseFlowOptions(t *testing.T) {
	packet := ipv4From("192.168.2.10", "192.168.3.10", 17, 0, 0, 40)
	packet[0] = 0x46
	packet[24], packet[25], packet[26], packet[27] = 0, 53, 0, 54
	if got, drop := ParseFlow(packet); got.SrcPort != 53 || got.DstPort != 54 || drop != DropNone {
		t.Errorf("%+v, %v", got, drop)
	}
}

func TestParseFlowIPv6(t *testing.T) {
	ports := []byte{0, 53, 0, 54, 0, 8, 0, 0}
	hop := []byte{17, 0, 1, 4, 0, 0, 0, 0}
	auth := append([]byte{17, 1, 0, 0}, make([]byte, 8)...)
	cases := []struct {
		name string
		next uint8
		body []byte
		want Flow
	}{
		{"plain", 17, ports, Flow{Protocol: 17, SrcPort: 53, DstPort: 54}},
		{"hop-by-hop", 0, append(hop, ports...), Flow{Protocol: 17, SrcPort: 53, DstPort: 54}},
		{"AH", 51, append(auth, ports...), Flow{Protocol: 17, SrcPort: 53, DstPort: 54}},
		{"first fragment", 44, append([]byte{17, 0, 0, 1, 0, 0, 0, 9}, ports...), Flow{Protocol: 17, SrcPort: 53, DstPort: 54}},
		{"later fragment", 44, append([]byte{17, 0, 0, 9, 0, 0, 0, 9}, ports...), Flow{Protocol: 17, PortsUnknown: true}},
		{"no next header", 59, nil, Flow{Protocol: 59}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.want.Src, c.want.Dst = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
			got, drop := ParseFlow(ipv6Packet("2001:db8::1", "2001:db8::2", c.next, c.body))
			if got != c.want || drop != DropNone {
				t.Errorf("%+v, %v", got, drop)
			}
		})
	}
}

func TestParseFlowRefuses(t *testing.T) {
	cut := func(p []byte, n int) []byte { return p[:n] }
	v4 := ipv4From("192.168.2.10", "192.168.3.10", 6, 1, 2, 60)
	v6 := ipv6Packet("2001:db8::1", "2001:db8::2", 17, []byte{0, 53, 0, 54})
	short := ipv4From("192.168.2.10", "192.168.3.10", 6, 1, 2, 22)
	longHeader := ipv4From("192.168.2.10", "192.168.3.10", 6, 1, 2, 30)
	longHeader[0] = 0x4f
	tinyHeader := ipv4From("192.168.2.10", "192.168.3.10", 6, 1, 2, 30)
	tinyHeader[0] = 0x44
	cases := []struct {
		name   string
		packet []byte
		want   Drop
	}{
		{"nothing", nil, DropTruncated},
		{"version 5", []byte{0x50}, DropMalformed},
		{"IPv4 header cut", cut(v4, 19), DropTruncated},
		{"IPv4 body cut", cut(v4, 59), DropTruncated},
		{"IPv4 without ports", short, DropTruncated},
		{"header longer than the packet", longHeader, DropMalformed},
		{"header too short", tinyHeader, DropMalformed},
		{"IPv6 header cut", cut(v6, 39), DropTruncated},
		{"IPv6 body cut", cut(v6, 43), DropTruncated},
		{"extension header cut", ipv6Packet("2001:db8::1", "2001:db8::2", 0, []byte{17, 1, 0, 0, 0, 0, 0, 0}), DropTruncated},
		{"extension header absent", ipv6Packet("2001:db8::1", "2001:db8::2", 0, []byte{17}), DropTruncated},
		{"AH absent", ipv6Packet("2001:db8::1", "2001:db8::2", 51, []byte{17}), DropTruncated},
		{"fragment header cut", ipv6Packet("2001:db8::1", "2001:db8::2", 44, []byte{17, 0, 0}), DropTruncated},
		{"IPv6 without ports", ipv6Packet("2001:db8::1", "2001:db8::2", 6, []byte{0, 1}), DropTruncated},
	}
	for _, c := range cases {
		if _, drop := ParseFlow(c.packet); drop != c.want {
			t.Errorf("%s: %v, want %v", c.name, drop, c.want)
		}
	}
}
