package ipsec

import (
	"fmt"
	"runtime"
	"testing"
)

// TestPreparedPacketsAreProtected sends packets of several lengths through
// Prepare and Protect, by every transform: the other end opens them in order.
func TestPreparedPacketsAreProtected(t *testing.T) {
	later := 0
	for _, x := range protections() {
		hubEnd, spokeEnd := ends(t)
		join(t, hubEnd, spokeEnd, 0x1001, 0x2001, x.name)
		for count := 1; count <= Abreast; count++ {
			var sent, sealed, open [][]byte
			var sa *SA
			for i := range count {
				sent = append(sent, ipv4Packet(60+i*count*31%900))
				r := hubEnd.Prepare(make([]byte, 0, 1500), sent[i])
				if r.Action != Sealed {
					t.Fatalf("%s: %+v", x.name, r)
				}
				sealed, sa = append(sealed, r.Packet), r.SA
				if r.Unprotected {
					open = append(open, r.Packet)
				}
			}
			if len(open) != 0 && len(open) != count {
				t.Fatalf("%s: %d of %d are unprotected", x.name, len(open), count)
			}
			if len(open) > 0 {
				if in := spokeEnd.Inbound(nil, open[0], fromHub, toSpoke); in.Drop == DropNone && x.auth != 0 {
					t.Fatalf("%s: the packet was taken before it was protected", x.name)
				}
				if err := sa.Protect(open); err != nil {
					t.Fatal(err)
				}
				later++
			}
			for i, esp := range sealed {
				in := spokeEnd.Inbound(nil, esp, fromHub, toSpoke)
				if in.Drop != DropNone {
					t.Fatalf("%s, packet %d of %d: %v", x.name, i, count, in.Drop)
				}
				wantEqual(t, x.name, in.Packet, sent[i])
			}
		}
	}
	if hasAES() && later == 0 {
		t.Error("no transform left its packets for later")
	}
}

// An SA that ends before its packets are encrypted leaves them as they are, and
// says so.
func TestNothingIsProtectedByAnEndedSA(t *testing.T) {
	hubEnd, spokeEnd := ends(t)
	join(t, hubEnd, spokeEnd, 0x1001, 0x2001, "aes128-sha1")
	r := hubEnd.Prepare(nil, ipv4Packet(100))
	if !r.Unprotected {
		return // this processor encrypts one packet at a time
	}
	keys := r.SA.work
	hubEnd.RemoveOutbound(0x1001, spoke)
	if err := r.SA.Protect([][]byte{r.Packet}); err != DropNoSA {
		t.Errorf("%v", err)
	}
	if c, ok := any(keys).(interface{ cleared() bool }); !ok || !c.cleared() {
		t.Error("the keys are still there")
	}
	if n := r.SA.Counters().Drops[DropNoSA]; n != 1 {
		t.Errorf("%d drops", n)
	}
}

func TestProtectDoesNotAllocate(t *testing.T) {
	hubEnd, spokeEnd := ends(t)
	join(t, hubEnd, spokeEnd, 0x1001, 0x2001, "aes128-sha1")
	packet, rooms, open := ipv4Packet(1400), rooms(), make([][]byte, 0, Abreast)
	if n := testing.AllocsPerRun(50, func() {
		open = open[:0]
		var sa *SA
		for i := range Abreast {
			r := hubEnd.Prepare(rooms[i], packet)
			if sa = r.SA; r.Unprotected {
				open = append(open, r.Packet)
			}
		}
		if err := sa.Protect(open); len(open) > 0 && err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func rooms() (all [Abreast][]byte) {
	for i := range all {
		all[i] = make([]byte, 0, 2000)
	}
	return all
}

// BenchmarkAbreast is the sealing of packets of 1,400 octets, some of them at once;
// the time is that of one.
func BenchmarkAbreast(b *testing.B) {
	for _, name := range []string{"aes128-sha1", "aes256-sha256"} {
		for _, count := range []int{1, 2, 4, Abreast} {
			p := protectionNamed(b, name).outParams(0x1000)
			sender, _ := pair(b, p)
			packet, rooms, open := ipv4Packet(1400), rooms(), make([][]byte, count)
			h, _ := parseIP(packet)
			b.Run(fmt.Sprintf("%s/%d", name, count), func(b *testing.B) {
				b.SetBytes(1400)
				b.ReportAllocs()
				for range b.N / count {
					for i := range count {
						var err error
						if open[i], err = sender.seal(rooms[i], packet, h, true); err != nil {
							b.Fatal(err)
						}
					}
					if err := sender.Protect(open); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// SAs end while others prepare and protect packets by them: what is protected can
// be opened, and the rest is refused.
func TestSAsEndWhilePacketsWait(t *testing.T) {
	hubEnd, spokeEnd := ends(t)
	join(t, hubEnd, spokeEnd, 0x1000, 0x2000, "aes128-sha1", func(p *SAParams) { p.ReplayWindow = ReplayOff })
	stop := again(func() bool {
		r := hubEnd.Prepare(nil, ipv4Packet(60))
		runtime.Gosched()
		if r.Action != Sealed || r.Unprotected && r.SA.Protect([][]byte{r.Packet}) != nil {
			return true
		}
		in := spokeEnd.Inbound(nil, r.Packet, fromHub, toSpoke)
		if in.Drop != DropNone {
			t.Errorf("%+v", in)
		}
		return in.Drop == DropNone
	})
	for i := range uint32(50) {
		out := protectionNamed(t, "aes128-sha1").outParams(0x1001 + i)
		out.Tag, out.ReplayWindow = tag, ReplayOff
		if _, err := spokeEnd.InstallInbound(mirror(out)); err != nil {
			t.Error(err)
		}
		if _, err := hubEnd.InstallOutbound(out); err != nil {
			t.Error(err)
		}
		runtime.Gosched()
		hubEnd.RemoveOutbound(0x1000+i, spoke)
	}
	stop()
}
