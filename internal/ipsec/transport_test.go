package ipsec

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

func transportParams(t *testing.T, name string) SAParams {
	p := protectionNamed(t, name).outParams(0x1000)
	p.Mode = Transport
	p.Selector = Selector{LocalNet: HostRange(hub), RemoteNet: HostRange(spoke)}
	return p
}

func TestTransportMode(t *testing.T) {
	for _, name := range []string{"gcm128", "aes256-sha256", "null-md5"} {
		sender, receiver := pair(t, transportParams(t, name))
		packet := ipv4From("192.1.1.40", "192.1.1.42", 17, 1000, 2000, 91)
		esp := mustSeal(t, sender, packet)
		if len(esp) != sender.EncapsulatedLen(len(packet))-20 {
			t.Errorf("%s: ESP of %d octets", name, len(esp))
		}
		got, err := receiver.Open([]byte("kept"), esp)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		inner := got[4:]
		wantEqual(t, "payload", inner[20:], packet[20:])
		if f, drop := ParseFlow(inner); drop != DropNone || f.Src != hub || f.Dst != spoke || f.SrcPort != 1000 {
			t.Errorf("%s: flow %+v, %v", name, f, drop)
		}
		if fold(sum(0, inner[:20])) != 0xffff {
			t.Errorf("%s: header checksum", name)
		}
	}
}

func TestTransportModeIPv6(t *testing.T) {
	p := transportParams(t, "gcm128")
	p.Local, p.Remote = netip.MustParseAddr("2001:db8::40"), netip.MustParseAddr("2001:db8::42")
	p.Selector = Selector{LocalNet: HostRange(p.Local), RemoteNet: HostRange(p.Remote)}
	sender, receiver := pair(t, p)
	packet := ipv6Packet("2001:db8::40", "2001:db8::42", 17, []byte{0, 53, 0, 54, 0, 8, 1, 2})
	got, err := receiver.Open(nil, mustSeal(t, sender, packet))
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "packet", got, packet)
}

func TestTransportModeRefusesFragments(t *testing.T) {
	sender, _ := pair(t, transportParams(t, "gcm128"))
	for _, flags := range []uint16{0x2000, 0x0001} {
		packet := ipv4From("192.1.1.40", "192.1.1.42", 17, 1000, 2000, 91)
		binary.BigEndian.PutUint16(packet[6:], flags)
		_, err := sender.Seal(nil, packet)
		wantDrop(t, err, DropMalformed)
	}
}

// TestTransportChecksumBehindNAT lets the packet come from another address
// than its sender knew.
func TestTransportChecksumBehindNAT(t *testing.T) {
	private := netip.MustParseAddr("10.0.0.5")
	for proto, at := range map[uint8]int{6: 16, 17: 6} {
		out := transportParams(t, "gcm128")
		out.UDPEncap, out.LocalPort, out.RemotePort = true, 4500, 4500
		in := mirror(out) // the receiver sees the NAT's address
		out.Local = private
		out.Selector.LocalNet = HostRange(private)
		sender, receiver := newSA(t, out), newSA(t, in)

		packet := ipv4From("10.0.0.5", "192.1.1.42", proto, 1000, 2000, 73)
		packet[20+at], packet[20+at+1] = 0, 0
		binary.BigEndian.PutUint16(packet[20+at:], ^fold(pseudoSum(private, spoke, proto, packet[20:])))
		got, err := receiver.Open(nil, mustSeal(t, sender, packet))
		if err != nil {
			t.Fatal(err)
		}
		if f := fold(pseudoSum(hub, spoke, proto, got[20:])); f != 0xffff {
			t.Errorf("protocol %d: checksum is off by %#x", proto, 0xffff-f)
		}
	}
}

func pseudoSum(src, dst netip.Addr, proto uint8, payload []byte) uint32 {
	return sum(sumAddr(src)+sumAddr(dst)+uint32(proto)+uint32(len(payload)), payload)
}

func TestTransportLeavesUDPWithoutChecksum(t *testing.T) {
	out := transportParams(t, "gcm128")
	out.UDPEncap, out.LocalPort, out.RemotePort = true, 4500, 4500
	sender, receiver := pair(t, out)
	packet := ipv4From("192.1.1.40", "192.1.1.42", 17, 1000, 2000, 60)
	packet[26], packet[27] = 0, 0
	got, err := receiver.Open(nil, mustSeal(t, sender, packet))
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "payload", got[20:], packet[20:])
}
