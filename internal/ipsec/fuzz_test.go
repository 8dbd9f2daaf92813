package ipsec

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
)

// FuzzOpen has two halves: bytes as ESP packets of every kind of SA, and bytes
// as plaintext that a peer with the keys made of ill will.
func FuzzOpen(f *testing.F) {
	names := []string{"gcm128", "aes128-sha1", "3des-md5", "null-sha256", "aes128-none"}
	for i, name := range names {
		sender, _ := pair(f, protectionNamed(f, name).outParams(0x1000))
		f.Add(uint8(i), mustSeal(f, sender, ipv4Packet(60)))
		f.Add(uint8(i+len(names)), append(ipv4Packet(30), 0, 4))
		f.Add(uint8(i+len(names)), append(ipv4Packet(28), 1, 2, 2, 4))
	}
	f.Add(uint8(5), []byte{1, 2, 2, 59})
	f.Add(uint8(9), append(ipv6Packet("2001:db8::1", "2001:db8::2", 59, nil), 1, 2, 2, 41))
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		p := protectionNamed(t, names[int(which)%len(names)]).outParams(0x1000)
		p.ReplayWindow = ReplayOff
		if which&0x80 != 0 {
			p.Mode = Transport
		}
		sender, receiver := pair(t, p)
		esp := data
		if int(which&0x7f) >= len(names) {
			if len(data) < trailerLen || len(data)%int(sender.align) != 0 {
				return
			}
			esp = forge(t, sender, data[:len(data)-trailerLen], data[len(data)-trailerLen:])
		}
		before := bytes.Clone(esp)
		got, err := receiver.Open([]byte("kept"), esp)
		if !bytes.Equal(esp, before) {
			t.Fatal("the packet was changed")
		}
		if !bytes.HasPrefix(got, []byte("kept")) {
			t.Fatal("dst was changed")
		}
		if err != nil {
			if _, ok := err.(Drop); !ok || len(got) != 4 {
				t.Fatalf("%v with %d octets", err, len(got))
			}
			return
		}
		if h, drop := parseIP(got[4:]); drop != DropNone || h.total != len(got)-4 {
			t.Fatalf("opened to %x: %v", got[4:], drop)
		}
	})
}

func FuzzFlow(f *testing.F) {
	f.Add(ipv4Packet(60))
	f.Add(ipv4From("192.168.2.10", "192.168.3.10", 6, 1, 2, 24))
	f.Add(ipv6Packet("2001:db8::1", "2001:db8::2", 0, []byte{44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 1, 0, 0, 0, 9, 0, 53, 0, 54, 0, 8, 0, 0}))
	f.Add(ipv6Packet("2001:db8::1", "2001:db8::2", 51, []byte{17, 1, 0, 0}))
	p := NewProcessor(newRandom())
	p.SetPolicies([]PolicyEntry{
		line(1, 0, false, "192.168.2.0/25", "0.0.0.0/0"),
		line(1, 1, true, "192.168.2.0/24", "0.0.0.0/0"),
		line(2, 0, true, "::/0", "::/0"),
	})
	f.Fuzz(func(t *testing.T, packet []byte) {
		h, drop := parseIP(packet)
		r := p.Outbound(nil, packet)
		if drop != DropNone {
			if r.Action != Dropped || r.Drop != drop {
				t.Fatalf("%v, but %+v", drop, r)
			}
			return
		}
		if h.total > len(packet) || h.payload > h.total || h.flow.Src.BitLen() != h.flow.Dst.BitLen() {
			t.Fatalf("%+v of %d octets", h, len(packet))
		}
		if h.flow.Reverse().Reverse() != h.flow {
			t.Fatalf("%+v", h.flow)
		}
		if _, ok := p.policy.Load().spd.Lookup(h.flow); ok != (r.Action == Acquire) || !ok != (r.Action == Bypass) {
			t.Fatalf("lookup %v, outbound %v", ok, r.Action)
		}
		if h.flow.Src.Is4() && packet[0] == 0x45 && h.flow.Protocol == 17 && !h.flow.PortsUnknown &&
			h.flow.SrcPort != binary.BigEndian.Uint16(packet[20:]) {
			t.Fatalf("%+v of %x", h.flow, packet)
		}
	})
}

func FuzzRange(f *testing.F) {
	f.Add([]byte{10, 0, 0, 0, 10, 0, 0, 255})
	f.Add(make([]byte, 32))
	f.Fuzz(func(t *testing.T, data []byte) {
		half := len(data) / 2
		lo, ok1 := netip.AddrFromSlice(data[:half])
		hi, ok2 := netip.AddrFromSlice(data[half:])
		r := Range{lo, hi}
		prefixes := r.Prefixes()
		if r.Valid() != (len(prefixes) > 0) || (!ok1 || !ok2) && r.Valid() {
			t.Fatalf("%v has %d prefixes", r, len(prefixes))
		}
		if r.Valid() && (prefixes[0].Addr() != lo || RangeOf(prefixes[len(prefixes)-1]).Hi != hi) {
			t.Fatalf("%v becomes %v", r, prefixes)
		}
	})
}
