package ipsec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"testing"
)

// What a peer with the keys may do by fault or ill will, and a stranger without:
// the table of docs/bad-input.md says which test shows which.

// inner is what a peer puts into ESP, with a trailer of its own making.
type inner struct {
	name string
	body []byte // payload and padding before the pad length
	pad  uint8  // the pad length said
	next uint8
	want Drop
}

// edited is a packet of the hub's to the spoke after a change.
func edited(size int, edit func(p []byte)) []byte {
	p := ipv4Packet(size)
	edit(p)
	return p
}

func hostileInners() []inner {
	v6 := ipv6Packet("2001:db8::1", "2001:db8::2", 17, make([]byte, 8))
	options := append(edited(60, func(p []byte) { p[0] = 0x4f })[:60], make([]byte, 20)...) // fifteen words of header
	binary.BigEndian.PutUint16(options[2:], 80)
	return []inner{
		{"pad length beyond the packet", ipv4Packet(60), 255, protoIPv4, DropBadPadding},
		{"pad length that leaves nothing", padding(30), 30, protoIPv4, DropTruncated},
		{"pad length one beyond", padding(30), 31, protoIPv4, DropBadPadding},
		{"padding of zeros", append(ipv4Packet(60), 0, 0), 2, protoIPv4, DropBadPadding},
		{"padding that counts down", append(ipv4Packet(60), 2, 1), 2, protoIPv4, DropBadPadding},
		{"padding that begins with 0", append(ipv4Packet(60), 0, 1), 2, protoIPv4, DropBadPadding},
		{"next header 59", ipv4Packet(60), 0, protoNoNext, DropDummy},
		{"next header 59 and nothing", nil, 0, protoNoNext, DropDummy},
		{"next header 0", ipv4Packet(60), 0, 0, DropBadNextHeader},
		{"next header TCP in tunnel mode", ipv4Packet(60), 0, protoTCP, DropBadNextHeader},
		{"next header ESP", ipv4Packet(60), 0, 50, DropBadNextHeader},
		{"next header 255", ipv4Packet(60), 0, 255, DropBadNextHeader},
		{"IPv6 said, IPv4 there", ipv4Packet(60), 0, protoIPv6, DropBadNextHeader},
		{"IPv4 said, IPv6 there", v6, 0, protoIPv4, DropBadNextHeader},
		{"nothing", nil, 0, protoIPv4, DropTruncated},
		{"one octet", []byte{0x45}, 0, protoIPv4, DropTruncated},
		{"a header cut", ipv4Packet(60)[:19], 0, protoIPv4, DropTruncated},
		{"a packet cut", ipv4Packet(60)[:59], 0, protoIPv4, DropTruncated},
		{"ports cut", edited(22, func(p []byte) {}), 0, protoIPv4, DropTruncated},
		{"version 5", edited(60, func(p []byte) { p[0] = 0x55 }), 0, protoIPv4, DropMalformed},
		{"header of four words", edited(60, func(p []byte) { p[0] = 0x44 }), 0, protoIPv4, DropMalformed},
		{"header longer than the packet", edited(28, func(p []byte) { p[0] = 0x4f }), 0, protoIPv4, DropMalformed},
		{"total length below the header", edited(60, func(p []byte) { p[3] = 19 }), 0, protoIPv4, DropMalformed},
		{"total length beyond", edited(60, func(p []byte) { p[2] = 0xff }), 0, protoIPv4, DropTruncated},
		{"IPv6 cut", v6[:39], 0, protoIPv6, DropTruncated},
		{"IPv6 longer than it is", edit6(v6, 4, 0xff), 0, protoIPv6, DropTruncated},
		{"IPv6 extensions without an end", ipv6Packet("2001:db8::1", "2001:db8::2", protoHopByHop, make([]byte, 8)), 0, protoIPv6, DropTruncated},
		{"IPv6 where the SA is for IPv4", v6, 0, protoIPv6, DropSelectorMismatch},
		{"a source outside", ipv4From("192.168.9.9", "192.168.3.10", 17, 1, 2, 60), 0, protoIPv4, DropSelectorMismatch},
		{"a destination outside", ipv4From("192.168.2.9", "192.168.4.10", 17, 1, 2, 60), 0, protoIPv4, DropSelectorMismatch},
		{"our own packet back", ipv4From("192.168.3.10", "192.168.2.10", 17, 1, 2, 60), 0, protoIPv4, DropSelectorMismatch},
		{"the gateways' own addresses", ipv4From("192.1.1.40", "192.1.1.42", 17, 500, 500, 60), 0, protoIPv4, DropSelectorMismatch},
		{"to everybody", ipv4From("192.168.2.9", "255.255.255.255", 17, 1, 2, 60), 0, protoIPv4, DropSelectorMismatch},
		{"options, and all in order", options, 0, protoIPv4, DropNone},
		{"padding of traffic flow confidentiality", append(ipv4Packet(60), make([]byte, 200)...), 0, protoIPv4, DropNone},
	}
}

func edit6(p []byte, at int, value byte) []byte {
	p = bytes.Clone(p)
	p[at] = value
	return p
}

// sealed puts an inner packet under ESP, filled up so that the block fits: where
// the trailer is checked the fill comes first and is part of what is checked.
func (x inner) sealed(t *testing.T, sa *SA) []byte {
	t.Helper()
	body := bytes.Clone(x.body)
	pad := x.pad
	for (len(body)+2)%int(sa.align) != 0 {
		if x.want == DropBadPadding || x.pad != 0 {
			body = append([]byte{0x45}, body...) // ahead of it: the end is the case's
			continue
		}
		pad++
		body = append(body, pad)
	}
	return forge(t, sa, body, []byte{pad, x.next})
}

// Each is dropped for its reason, counted once at the SA and once in all, and the
// next packet passes.
func TestWhatAPeerMustNotSend(t *testing.T) {
	for _, suite := range []string{"gcm128", "aes128-sha256", "3des-md5", "null-sha1"} {
		hubEnd, spokeEnd := ends(t)
		join(t, hubEnd, spokeEnd, 0x1001, 0x2001, suite)
		sender, receiver := hubEnd.FindOutbound(0x1001, spoke), spokeEnd.FindInbound(0x1001)
		for _, x := range hostileInners() {
			before, total := receiver.Counters(), spokeEnd.Stats().Drops
			r := spokeEnd.Inbound(nil, x.sealed(t, sender), fromHub, toSpoke)
			if r.Drop != x.want || (r.Packet == nil) != (x.want != DropNone) {
				t.Errorf("%s, %s: %v, want %v", suite, x.name, r.Drop, x.want)
			}
			after := receiver.Counters()
			if x.want != DropNone {
				before.Drops[x.want]++
				total[x.want]++
			}
			if after.Drops != before.Drops || spokeEnd.Stats().Drops != total {
				t.Errorf("%s, %s: counted %v and %v", suite, x.name, after.Drops, spokeEnd.Stats().Drops)
			}
			if r := spokeEnd.Inbound(nil, mustSeal(t, sender, ipv4Packet(60)), fromHub, toSpoke); r.Drop != DropNone {
				t.Fatalf("%s, %s: the next packet: %v", suite, x.name, r.Drop)
			}
		}
	}
}

// Without the keys nothing passes, nothing moves the window, and nothing but a
// counter changes: ICVs cut and bent, bodies of other lengths, other numbers.
func TestWhatAStrangerCanSend(t *testing.T) {
	for _, suite := range []string{"gcm128", "aes128-sha256", "3des-md5", "null-sha1"} {
		hubEnd, spokeEnd := ends(t)
		join(t, hubEnd, spokeEnd, 0x1001, 0x2001, suite)
		sender, receiver := hubEnd.FindOutbound(0x1001, spoke), spokeEnd.FindInbound(0x1001)
		seen := mustSeal(t, sender, ipv4Packet(60))
		next := mustSeal(t, sender, ipv4Packet(60))
		forged := map[string][]byte{"an ICV too long": append(bytes.Clone(seen), 0), "another body": bytes.Clone(next)}
		for cut := 1; cut < len(next)-headerLen; cut++ {
			forged[fmt.Sprint("cut by ", cut)] = next[:len(next)-cut]
		}
		for _, number := range []uint32{0, 1, 3, 1000, math.MaxUint32} {
			other := bytes.Clone(seen)
			binary.BigEndian.PutUint32(other[4:], number)
			if number == 1 {
				other[len(other)-1] ^= 1
			}
			forged[fmt.Sprint("number ", number)] = other
		}
		forged["another body"][sender.HeaderLen()] ^= 1
		for name, esp := range forged {
			r := spokeEnd.Inbound(nil, esp, fromHub, toSpoke)
			switch r.Drop {
			case DropAuthFailed, DropTruncated, DropMalformed:
			case DropReplayOld: // number 0
			default:
				t.Errorf("%s, %s: %v", suite, name, r.Drop)
			}
		}
		if c := receiver.Counters(); c.Packets != 0 || c.Sequence != 0 || c.Drops.Errors() != uint64(len(forged)) {
			t.Errorf("%s: %+v after %d forged packets", suite, c, len(forged))
		}
		for _, esp := range [][]byte{next, seen} { // in the wrong order, and both in the window
			if r := spokeEnd.Inbound(nil, esp, fromHub, toSpoke); r.Drop != DropNone {
				t.Errorf("%s: the true packet: %v", suite, r.Drop)
			}
		}
	}
}

// The edges of every window: the last number that it holds, the first that is too
// old, copies, and a jump that leaves all behind.
func TestEdgesOfEveryReplayWindow(t *testing.T) {
	for _, size := range []int{64, 128, 256, 512, 1024} {
		p := protectionNamed(t, "gcm128").outParams(0x1000)
		p.ReplayWindow = size
		sender, receiver := pair(t, p)
		var sent [][]byte
		for range 3 * size {
			sent = append(sent, mustSeal(t, sender, ipv4Packet(28)))
		}
		open := func(number int) Drop {
			if _, err := receiver.Open(nil, sent[number-1]); err != nil {
				return asDrop(err)
			}
			return DropNone
		}
		top := 2 * size
		for _, step := range []struct {
			number int
			want   Drop
		}{
			{1, DropNone}, {1, DropReplayDuplicate},
			{top, DropNone}, {top, DropReplayDuplicate},
			{top - size + 1, DropNone}, {top - size + 1, DropReplayDuplicate},
			{top - size, DropReplayOld}, {top - size - 1, DropReplayOld}, {1, DropReplayOld}, {2, DropReplayOld},
			{top - 1, DropNone}, {top - 1, DropReplayDuplicate},
			{top + 1, DropNone}, {top - size + 1, DropReplayOld}, {top - size + 2, DropNone},
			{3 * size, DropNone}, {top, DropReplayOld}, {top + 1, DropReplayDuplicate}, {top + 2, DropNone},
		} {
			if got := open(step.number); got != step.want {
				t.Errorf("window %d: number %d: %v, want %v", size, step.number, got, step.want)
			}
		}
		c := receiver.Counters()
		if c.Drops[DropReplayOld] != 6 || c.Drops[DropReplayDuplicate] != 5 || c.Drops.Errors() != 11 {
			t.Errorf("window %d: counted %v", size, c.Drops)
		}
	}
}

// An SA hears only what comes as it was agreed, whatever the outer addresses say.
func TestESPThatComesTheWrongWay(t *testing.T) {
	hubEnd, spokeEnd := ends(t)
	join(t, hubEnd, spokeEnd, 0x1001, 0x2001, "gcm128")
	esp := mustSeal(t, hubEnd.FindOutbound(0x1001, spoke), ipv4Packet(60))
	for name, c := range map[string]struct {
		from, to netip.AddrPort
		want     Drop
	}{
		"in UDP":             {netip.AddrPortFrom(hub, 4500), netip.AddrPortFrom(spoke, 4500), DropWrongEncapsulation},
		"to another address": {fromHub, netip.MustParseAddrPort("192.1.1.99:0"), DropWrongDestination},
	} {
		if r := spokeEnd.Inbound(nil, esp, c.from, c.to); r.Drop != c.want {
			t.Errorf("%s: %v, want %v", name, r.Drop, c.want)
		}
	}
	for _, spi := range []uint32{0, 1, 255, 0x1000, 0x2001, math.MaxUint32} {
		other := bytes.Clone(esp)
		binary.BigEndian.PutUint32(other, spi)
		if r := spokeEnd.Inbound(nil, other, fromHub, toSpoke); r.Drop != DropUnknownSPI || r.SA != nil {
			t.Errorf("SPI %d: %v", spi, r.Drop)
		}
	}
	if r := spokeEnd.Inbound(nil, esp, fromHub, toSpoke); r.Drop != DropNone {
		t.Errorf("as agreed: %v", r.Drop)
	}
}
