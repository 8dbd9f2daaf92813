package ipsec

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

const template = 7

// dynamicLine is a line of a dynamic crypto map entry.
func dynamicLine(open bool, local, remote string) PolicyEntry {
	e := line(template, 0, true, local, remote)
	e.Dynamic, e.Open = true, open
	return e
}

func instanceFor(tag uint32, local, remote string) PolicyEntry {
	return line(tag, 0, true, local, remote)
}

func wantTarget(t testing.TB, p *Processor, src, dst string, action Action, tag uint32) {
	t.Helper()
	for range 2 { // the second from the cache
		r := p.Outbound(nil, ipv4From(src, dst, 17, 1, 2, 60))
		if r.Action != action || action != Bypass && r.Entry.Tag != tag {
			t.Errorf("%s to %s: %v by %d, want %v by %d", src, dst, r.Action, r.Entry.Tag, action, tag)
		}
		want := DropClearTextRequired
		if action == Bypass {
			want = DropNone
		}
		if got := p.ClearTextDrop(Flow{Src: netip.MustParseAddr(dst), Dst: netip.MustParseAddr(src), Protocol: 17}); got != want {
			t.Errorf("%s to %s in clear: %v, want %v", dst, src, got, want)
		}
	}
}

func TestOpenLineHasItsInstancesOnly(t *testing.T) {
	p := NewProcessor(newRandom())
	p.SetPolicies([]PolicyEntry{
		line(1, 0, true, "10.1.0.0/16", "10.2.0.0/16"),
		dynamicLine(true, "0.0.0.0/0", "0.0.0.0/0"),
		line(9, 0, true, "10.1.0.0/16", "10.9.0.0/16"),
	})
	wantTarget(t, p, "10.1.0.1", "10.3.0.1", Bypass, 0)
	wantTarget(t, p, "10.1.0.1", "10.9.0.1", Acquire, 9)
	for _, e := range []PolicyEntry{
		instanceFor(100, "10.1.0.0/16", "10.0.0.0/8"), instanceFor(101, "10.1.0.0/16", "10.3.0.0/16"), instanceFor(102, "10.1.1.0/24", "10.3.0.0/16"),
	} {
		if err := p.AddInstance(template, e); err != nil {
			t.Fatal(err)
		}
	}
	wantTarget(t, p, "10.1.0.1", "10.2.0.1", Acquire, 1)   // a static entry comes first
	wantTarget(t, p, "10.1.0.1", "10.9.0.1", Acquire, 100) // and one behind does not
	wantTarget(t, p, "10.1.0.1", "10.3.0.1", Acquire, 101) // the smaller network of the peer
	wantTarget(t, p, "10.1.1.1", "10.3.0.1", Acquire, 102) // the newer
	wantTarget(t, p, "10.5.0.1", "10.3.0.1", Bypass, 0)
	p.RemoveInstance(102)
	p.RemoveInstance(102)
	wantTarget(t, p, "10.1.1.1", "10.3.0.1", Acquire, 101)
	p.RemoveInstance(101)
	p.RemoveInstance(100)
	wantTarget(t, p, "10.1.1.1", "10.3.0.1", Bypass, 0)
	wantTarget(t, p, "10.1.0.1", "10.9.0.1", Acquire, 9)
}

func TestClosedLineDropsWhatNoInstanceCovers(t *testing.T) {
	p := NewProcessor(newRandom())
	deny := line(template, 0, false, "10.1.0.0/16", "10.4.0.0/16")
	p.SetPolicies([]PolicyEntry{deny, dynamicLine(false, "10.1.0.0/16", "10.0.0.0/8"), line(9, 0, true, "10.0.0.0/8", "10.0.0.0/8")})
	if err := p.AddInstance(template, instanceFor(100, "10.1.0.0/16", "10.3.0.0/16")); err != nil {
		t.Fatal(err)
	}
	wantTarget(t, p, "10.1.0.1", "10.3.0.1", Acquire, 100)
	wantTarget(t, p, "10.1.0.1", "10.5.0.1", Dropped, template)
	wantTarget(t, p, "10.1.0.1", "10.4.0.1", Acquire, 9)
	wantTarget(t, p, "10.2.0.1", "10.5.0.1", Acquire, 9)
	wantTarget(t, p, "10.1.0.1", "11.5.0.1", Bypass, 0)
	if n := p.Stats().Drops[DropNoSA]; n != 2 {
		t.Errorf("%d drops", n)
	}
}

// The SAs of an instance are its own, and a new policy keeps it.
func TestInstanceSealsByItsOwnSAs(t *testing.T) {
	hubEnd, spokeEnd := ends(t)
	open := dynamicLine(true, "0.0.0.0/0", "0.0.0.0/0")
	hubEnd.SetPolicies([]PolicyEntry{open})
	if err := hubEnd.AddInstance(template, instanceFor(tag, "192.168.2.0/24", "192.168.3.0/24")); err != nil {
		t.Fatal(err)
	}
	join(t, hubEnd, spokeEnd, 0x1001, 0x2002, "gcm128")
	sealed := func(spi uint32) {
		t.Helper()
		r := hubEnd.Outbound(nil, ipv4Packet(100))
		if r.Action != Sealed || r.SA.SPI() != spi {
			t.Fatalf("%+v", r)
		}
		if in := spokeEnd.Inbound(nil, r.Packet, fromHub, toSpoke); in.Drop != DropNone {
			t.Fatalf("%+v", in)
		}
	}
	sealed(0x1001)
	hubEnd.SetPolicies([]PolicyEntry{line(1, 0, true, "10.1.0.0/16", "10.2.0.0/16"), open})
	sealed(0x1001)
	join(t, hubEnd, spokeEnd, 0x1003, 0x2004, "gcm128")
	sealed(0x1003)
	hubEnd.RemoveOutbound(0x1003, spoke)
	sealed(0x1001)
	hubEnd.SetPolicies(nil)
	if r := hubEnd.Outbound(nil, ipv4Packet(100)); r.Action != Bypass {
		t.Errorf("without its line: %+v", r)
	}
	hubEnd.SetPolicies([]PolicyEntry{open})
	sealed(0x1001)
	hubEnd.RemoveInstance(tag)
	if r := hubEnd.Outbound(nil, ipv4Packet(100)); r.Action != Bypass {
		t.Errorf("without the instance: %+v", r)
	}
}

func TestInstancesThatCannotBe(t *testing.T) {
	p := NewProcessor(newRandom())
	good := instanceFor(100, "10.1.0.0/16", "10.3.0.0/16")
	if err := p.AddInstance(template, good); !errors.Is(err, ErrNoTemplate) {
		t.Errorf("without a line: %v", err)
	}
	p.SetPolicies([]PolicyEntry{dynamicLine(true, "0.0.0.0/0", "0.0.0.0/0")})
	if err := p.AddInstance(template, good); err != nil {
		t.Fatal(err)
	}
	if err := p.AddInstance(template, good); !errors.Is(err, ErrInstanceTag) {
		t.Errorf("a second time: %v", err)
	}
	var param *ParamError
	if err := p.AddInstance(template, PolicyEntry{Tag: 101, Permit: true}); !errors.As(err, &param) {
		t.Errorf("without a selector: %v", err)
	}
}

// TestInstanceTable compares the table with a walk over all instances.
func TestInstanceTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := NewProcessor(newRandom())
		p.SetPolicies([]PolicyEntry{dynamicLine(true, "0.0.0.0/0", "0.0.0.0/0")})
		addr := func(label string) netip.Addr {
			return netip.AddrFrom4([4]byte{10, 0, 0, rapid.Byte().Draw(t, label)})
		}
		network := func(label string) Range {
			a, b := addr(label), addr(label)
			if b.Less(a) {
				a, b = b, a
			}
			return Range{a, b}
		}
		var there []PolicyEntry // the newest first
		for i := range rapid.IntRange(1, 12).Draw(t, "changes") {
			if len(there) > 0 && rapid.IntRange(0, 3).Draw(t, "remove") == 0 {
				at := rapid.IntRange(0, len(there)-1).Draw(t, "which")
				p.RemoveInstance(there[at].Tag)
				there = append(there[:at:at], there[at+1:]...)
				continue
			}
			e := PolicyEntry{Tag: uint32(100 + i), Permit: true, Selector: Selector{LocalNet: network("local"), RemoteNet: network("remote")}}
			if err := p.AddInstance(template, e); err != nil {
				t.Fatal(err)
			}
			there = append([]PolicyEntry{e}, there...)
		}
		for range 20 {
			f := Flow{Src: addr("src"), Dst: addr("dst")}
			best, bits := uint32(0), -1
			for _, e := range there {
				for _, x := range e.Selector.RemoteNet.Prefixes() {
					if e.Selector.Matches(f) && x.Contains(f.Dst) && x.Bits() > bits {
						best, bits = e.Tag, x.Bits()
					}
				}
			}
			got := uint32(0)
			if x := p.lookup(f); x != nil {
				got = x.tag
			}
			if got != best {
				t.Fatalf("%v: %d, want %d", f, got, best)
			}
		}
	})
}

// BenchmarkInstances is a lookup of a flow that is not in the cache among many
// instances, and what one more costs.
func BenchmarkInstances(b *testing.B) {
	p := NewProcessor(newRandom())
	p.SetPolicies([]PolicyEntry{dynamicLine(true, "0.0.0.0/0", "0.0.0.0/0")})
	for i := range 10000 {
		if err := p.AddInstance(template, instanceFor(uint32(100+i), "10.0.0.0/8", fmt.Sprintf("172.%d.%d.0/24", 16+i>>8, i&255))); err != nil {
			b.Fatal(err)
		}
	}
	f := Flow{Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("172.20.7.1")}
	b.Run("find", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if p.policy.Load().find(f) == nil {
				b.Fatal("not found")
			}
		}
	})
	one := instanceFor(1, "10.0.0.0/8", "192.168.0.0/24")
	b.Run("change", func(b *testing.B) {
		for b.Loop() {
			if err := p.AddInstance(template, one); err != nil {
				b.Fatal(err)
			}
			p.RemoveInstance(1)
		}
	})
}
