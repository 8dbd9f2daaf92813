package ipsec

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"testing"
)

// An SA without packets has no cipher set up: before the first packet, and again when
// none has come for the time from one Rest to the next. Nothing else of it changes.
func TestIdleSAHasNoCipher(t *testing.T) {
	for _, x := range protections() {
		sender, receiver := pair(t, x.outParams(0x1000))
		pass := func(sequence uint32) {
			t.Helper()
			packet := ipv4Packet(100 + int(sequence))
			got, err := receiver.Open(nil, mustSeal(t, sender, packet))
			if err != nil {
				t.Fatalf("%s: %v", x.name, err)
			}
			wantEqual(t, x.name, got, packet)
			if c := receiver.Counters(); c.Sequence != sequence || c.Packets != uint64(sequence) {
				t.Errorf("%s: %+v", x.name, c)
			}
		}
		works := func(want bool) {
			t.Helper()
			if want = want && x.encLen > 0; (sender.work != nil) != want || (receiver.work != nil) != want {
				t.Errorf("%s: works %v and %v", x.name, sender.work, receiver.work)
			}
		}
		rest := func() { sender.Rest(); receiver.Rest() }
		works(false)
		pass(1)
		rest()
		works(true)
		pass(2)
		rest()
		works(true)
		rest()
		works(false)
		pass(3)
		works(true)
	}
}

// A key that is not in use any more is overwritten, as far as it can be reached.
func TestRestOverwritesKeys(t *testing.T) {
	sender, receiver := pair(t, protectionNamed(t, "aes256-sha256").outParams(0x1000))
	if _, err := receiver.Open(nil, mustSeal(t, sender, ipv4Packet(60))); err != nil {
		t.Fatal(err)
	}
	for _, sa := range []*SA{sender, receiver} {
		w, ok := sa.work.(interface{ cleared() bool })
		sa.Rest()
		sa.Rest()
		if hasAES() && (!ok || !w.cleared()) {
			t.Errorf("the %v SA's round keys are still there", sa.Direction())
		}
	}
}

// SAs are laid to rest while packets pass, between Prepare and Protect too.
func TestRestWhilePacketsPass(t *testing.T) {
	for _, name := range []string{"aes128-sha1", "gcm128", "3des-md5"} {
		hubEnd, spokeEnd := ends(t)
		join(t, hubEnd, spokeEnd, 0x1000, 0x2000, name, func(p *SAParams) { p.ReplayWindow = ReplayOff })
		stop := again(func() bool {
			packet := ipv4Packet(60)
			r := hubEnd.Prepare(nil, packet)
			runtime.Gosched()
			if r.Action != Sealed || r.Unprotected && r.SA.Protect([][]byte{r.Packet}) != nil {
				t.Errorf("%+v", r)
				return false
			}
			in := spokeEnd.Inbound(nil, r.Packet, fromHub, toSpoke)
			if in.Drop != DropNone || !slices.Equal(in.Packet, packet) {
				t.Errorf("%+v", in)
			}
			return in.Drop == DropNone
		})
		for range 300 {
			hubEnd.EachSA((*SA).Rest)
			spokeEnd.EachSA((*SA).Rest)
			runtime.Gosched()
		}
		stop()
	}
}

// heapOf is the live heap that make leaves behind, in octets and objects for each of n.
func heapOf(n int, make func() any) (octets, objects float64) {
	read := func() (m runtime.MemStats) {
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m
	}
	before := read()
	kept := make()
	after := read()
	runtime.KeepAlive(kept)
	return float64(int64(after.HeapAlloc-before.HeapAlloc)) / float64(n), float64(int64(after.HeapObjects-before.HeapObjects)) / float64(n)
}

// TestHeapOfPairs bounds what a pair of SAs takes, with its instance of a dynamic entry
// and all tables: before its first packet, and while it has packets.
func TestHeapOfPairs(t *testing.T) {
	const n = 2000
	for _, test := range []struct {
		name         string
		idle, active float64
	}{
		{"aes128-sha1", 1100, 1700}, {"aes256-sha256", 1100, 1700}, {"gcm256", 1100, 3000}, {"3des-md5", 1100, 2400}, {"aes256-sha512", 1450, 2050},
	} {
		var p *Processor
		octets, objects := heapOf(n, func() any { p = manyPairs(t, test.name, n); return p })
		t.Logf("%s: a pair takes %.0f octets in %.1f objects", test.name, octets, objects)
		if octets > test.idle || objects > 8 {
			t.Errorf("%s: a pair takes %.0f octets, want %.0f, in %.1f objects", test.name, octets, test.idle, objects)
		}
		more, _ := heapOf(n, func() any {
			p.EachSA(func(sa *SA) {
				if err := sa.start(); err != nil {
					t.Error(err)
				}
			})
			return p
		})
		t.Logf("%s: and %.0f octets more while it has packets", test.name, more)
		if octets+more > test.active {
			t.Errorf("%s: a pair that has packets takes %.0f octets, want %.0f", test.name, octets+more, test.active)
		}
	}
}

// manyPairs are those of as many sites, each with a network behind it.
func manyPairs(t *testing.T, name string, n int) *Processor {
	t.Helper()
	p := NewProcessor(newRandom())
	p.SetPolicies([]PolicyEntry{dynamicLine(true, "192.168.2.0/24", "10.0.0.0/8")})
	out := protectionNamed(t, name).outParams(0)
	for i := range n {
		entry := instanceFor(uint32(1000+i), "192.168.2.0/24", fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255))
		if err := p.AddInstance(template, entry); err != nil {
			t.Fatal(err)
		}
		out.SPI, out.Tag, out.Selector = 0x100000+uint32(i)*7919, entry.Tag, entry.Selector
		out.Remote = netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)})
		in := out
		in.Direction = Inbound
		if _, _, err := p.Install(in, out); err != nil {
			t.Fatal(err)
		}
	}
	return p
}
