package ipsec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// sized is an IPv4 packet with the TOS octet and DF bit given.
func sized(n int, tos uint8, df bool) []byte {
	p := ipv4Packet(n)
	p[1], p[6] = tos, 0
	if df {
		p[6] = 0x40
	}
	putChecksum(p[:20])
	return p
}

func TestOuterHeader(t *testing.T) {
	const fits, large = 1438, 1439 // octets, on a path of 1,500
	type fate struct {
		drop    Drop
		df      bool
		packets int
	}
	for _, c := range []struct {
		policy              OuterPolicy
		dfFits, plainFits   bool
		dfLarge, plainLarge fate
	}{
		{OuterPolicy{}, true, false, fate{DropTooBig, false, 0}, fate{DropNone, false, 2}},
		{OuterPolicy{DF: DFSet}, true, true, fate{DropTooBig, false, 0}, fate{DropNone, true, 2}},
		{OuterPolicy{DF: DFClear}, false, false, fate{DropNone, false, 1}, fate{DropNone, false, 2}},
		{OuterPolicy{FragmentAfter: true}, true, false, fate{DropTooBig, false, 0}, fate{DropNone, false, 1}},
		{OuterPolicy{DF: DFSet, FragmentAfter: true}, true, true, fate{DropTooBig, false, 0}, fate{DropNone, false, 1}},
		{OuterPolicy{DF: DFClear, FragmentAfter: true}, false, false, fate{DropNone, false, 1}, fate{DropNone, false, 1}},
	} {
		t.Run(fmt.Sprintf("%v, after %v", c.policy.DF, c.policy.FragmentAfter), func(t *testing.T) {
			hubEnd, spokeEnd := ends(t)
			join(t, hubEnd, spokeEnd, 0x1001, 0x2001, "aes128-sha1")
			hubEnd.FindOutbound(0x1001, spoke).SetPathMTU(1500)
			hubEnd.SetOuterPolicy(c.policy)
			for _, want := range []struct {
				size int
				df   bool
				fate
			}{
				{fits, true, fate{DropNone, c.dfFits, 1}}, {fits, false, fate{DropNone, c.plainFits, 1}},
				{large, true, c.dfLarge}, {large, false, c.plainLarge},
			} {
				r := hubEnd.Outbound(nil, sized(want.size, 0xb8|ecnECT0, want.df))
				got := fate{drop: r.Drop}
				if r.Action == Sealed {
					got = fate{DropNone, r.Outer.DF, 1 + len(r.More)}
				}
				if got != want.fate || r.Outer.TOS != 0xb8|ecnECT0 {
					t.Errorf("%d octets, DF %v: %+v with TOS %#x, want %+v", want.size, want.df, got, r.Outer.TOS, want.fate)
				}
			}
		})
	}
}

func TestWhatMustNotBeFragmentedFirst(t *testing.T) {
	ports := protectionNamed(t, "aes128-sha1").outParams(0x1000)
	ports.Selector.Protocol, ports.Selector.RemotePort = 17, PortRange{Lo: 53, Hi: 53}
	for name, p := range map[string]SAParams{"transport mode": transportParams(t, "aes128-sha1"), "ports": ports} {
		if f := (OuterPolicy{}).fate(newSA(t, p), ipv4Packet(40), false); f != sealWhole {
			t.Errorf("%s: %d", name, f)
		}
	}
}

func TestFragmentsGoThroughTheSA(t *testing.T) {
	hubEnd, spokeEnd := ends(t)
	join(t, hubEnd, spokeEnd, 0x1001, 0x2001, "aes128-sha1")
	sa := hubEnd.FindOutbound(0x1001, spoke)
	sa.SetPathMTU(1000)
	packet := sized(4000, 0, false)
	r := hubEnd.Outbound([]byte("kept"), packet)
	if r.Action != Sealed || !bytes.HasPrefix(r.Packet, []byte("kept")) {
		t.Fatalf("%v, %v", r.Action, r.Drop)
	}
	var pieces [][]byte
	for _, esp := range append([][]byte{r.Packet[4:]}, r.More...) {
		if len(esp)+20 > 1000 {
			t.Errorf("ESP of %d octets", len(esp))
		}
		in := spokeEnd.Inbound(nil, esp, netip.AddrPortFrom(hub, 0), netip.AddrPortFrom(spoke, 0))
		if in.Drop != DropNone {
			t.Fatal(in.Drop)
		}
		pieces = append(pieces, in.Packet)
	}
	wantEqual(t, "the packet", joined(t, pieces), packet)
	if n := hubEnd.Stats().Sealed; int(n) != len(pieces) || sa.Counters().Packets != n {
		t.Errorf("counted %d and %d of %d", n, sa.Counters().Packets, len(pieces))
	}
}

// joined puts fragments together, in any order, and checks their headers.
func joined(t testing.TB, pieces [][]byte) []byte {
	t.Helper()
	offset := func(p []byte) int { return int(binary.BigEndian.Uint16(p[6:])&fragmentOffset) * 8 }
	slices.SortFunc(pieces, func(a, b []byte) int { return offset(a) - offset(b) })
	first := pieces[0]
	out := bytes.Clone(first[:int(first[0]&15)*4])
	for i, p := range pieces {
		header := int(p[0]&15) * 4
		if fold(sum(0, p[:header])) != 0xffff || int(binary.BigEndian.Uint16(p[2:])) != len(p) {
			t.Errorf("fragment %d: header %x of %d octets", i, p[:header], len(p))
		}
		if at := len(out) - int(first[0]&15)*4 + offset(first); offset(p) != at {
			t.Fatalf("fragment %d is at %d, not at %d", i, offset(p), at)
		}
		if more := p[6]&0x20 != 0; i < len(pieces)-1 && !more {
			t.Errorf("fragment %d says that it is the last", i)
		}
		out = append(out, p[header:]...)
	}
	copy(out[6:8], pieces[len(pieces)-1][6:8])
	binary.BigEndian.PutUint16(out[6:], binary.BigEndian.Uint16(out[6:])&^fragmentOffset|uint16(offset(first)/8))
	binary.BigEndian.PutUint16(out[2:], uint16(len(out)))
	putChecksum(out[:int(out[0]&15)*4])
	return out
}

func TestFragmentsJoinToThePacket(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		packet := sized(rapid.IntRange(28, 5000).Draw(r, "size"), 0, false)
		if rapid.Bool().Draw(r, "fragment") {
			packet[6], packet[7] = 0x20, 0x10
			packet = packet[:20+(len(packet)-20)&^7]
			binary.BigEndian.PutUint16(packet[2:], uint16(len(packet)))
			putChecksum(packet[:20])
		}
		mtu := rapid.IntRange(68, 1500).Draw(r, "mtu")
		pieces := Fragments(packet, mtu)
		for _, p := range pieces {
			if len(p) > mtu {
				r.Fatalf("%d octets, more than %d", len(p), mtu)
			}
		}
		if !bytes.Equal(joined(t, pieces), packet) {
			r.Fatal("the fragments do not join to the packet")
		}
	})
}

func TestOptionsOfFragments(t *testing.T) {
	// Record route stays in the first fragment, a router alert goes to all.
	options := []byte{optionNop, 7, 7, 4, 0, 0, 0, 0, 0x94, 4, 0, 0}
	packet := append([]byte{0x48, 0, 0, 0, 0, 9, 0, 0, 64, 17, 0, 0, 192, 168, 2, 10, 192, 168, 3, 10}, options...)
	packet = append(packet, make([]byte, 100)...)
	binary.BigEndian.PutUint16(packet[2:], uint16(len(packet)))
	pieces := Fragments(packet, 64)
	if len(pieces) != 3 || !bytes.Equal(pieces[0][20:32], options) {
		t.Fatalf("%d fragments, the first with %x", len(pieces), pieces[0][20:32])
	}
	for _, p := range pieces[1:] {
		if p[0] != 0x46 || !bytes.Equal(p[20:24], options[8:]) {
			t.Errorf("a later fragment begins with %x", p[:24])
		}
	}
	packet[22] = 99 // an option beyond the header
	if pieces := Fragments(packet, 64); len(pieces) != 3 || pieces[1][0] != 0x45 {
		t.Errorf("broken options: %d fragments", len(pieces))
	}
	if Fragments(packet, 32) != nil || Fragments(ipv6Packet("2001:db8::1", "2001:db8::2", 17, make([]byte, 100)), 80) != nil {
		t.Error("what cannot be cut was cut")
	}
}

// TestCongestionMarks holds the table of RFC 6040 section 4.2.
func TestCongestionMarks(t *testing.T) {
	tunnel := newSA(t, mirror(protectionNamed(t, "gcm128").outParams(0x1000)))
	const drop = 0xff
	for inner, row := range map[uint8][4]uint8{ // by the outer mark: none, ECT(1), ECT(0), CE
		ecnNone: {ecnNone, ecnNone, ecnNone, drop},
		ecnECT0: {ecnECT0, ecnECT1, ecnECT0, ecnCE},
		ecnECT1: {ecnECT1, ecnECT1, ecnECT1, ecnCE},
		ecnCE:   {ecnCE, ecnCE, ecnCE, ecnCE},
	} {
		for outer, want := range row {
			const dscp = 0x28
			for version, packet := range map[int][]byte{4: sized(60, dscp|inner, false), 6: ipv6Packet("2001:db8::1", "2001:db8::2", 59, nil)} {
				setTOS(packet, dscp|inner)
				got := tunnel.InheritTOS(packet, 0xb8|uint8(outer))
				if want == drop {
					if got != DropCongested {
						t.Errorf("IPv%d, %d in %d: %v", version, inner, outer, got)
					}
					continue
				}
				if got != DropNone || tosOf(packet) != dscp|want {
					t.Errorf("IPv%d, %d in %d: %v, TOS %#x", version, inner, outer, got, tosOf(packet))
				}
				if version == 4 && fold(sum(0, packet[:20])) != 0xffff {
					t.Errorf("%d in %d: header checksum", inner, outer)
				}
			}
		}
	}
	transport := newSA(t, mirror(transportParams(t, "gcm128")))
	packet := sized(60, 0, false)
	if d := transport.InheritTOS(packet, 0xbb); d != DropNone || tosOf(packet) != 0xbb {
		t.Errorf("transport mode: %v, TOS %#x", d, tosOf(packet))
	}
}
