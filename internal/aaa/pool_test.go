package aaa

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func smallPool(recycle time.Duration) *pool {
	return newPool(Pool{Name: "P", Ranges: []Range{{addr("10.0.0.1"), addr("10.0.0.3")}, {addr("10.0.9.1"), addr("10.0.9.1")}}, Recycle: recycle})
}

func TestPoolInOrder(t *testing.T) {
	p := smallPool(0)
	for n, want := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.9.1", "invalid IP"} {
		if got := p.allocate(start, uint64(n), fmt.Sprint("u", n), netip.Addr{}); got.String() != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	if s := p.status(); s.Ranges[0].InUse != 3 || s.Ranges[0].Free != 0 || s.Ranges[1].InUse != 1 || len(s.Leases) != 4 {
		t.Errorf("%+v", s)
	}
}

// Who comes again gets what he had; others get what is free for the longest
// time.
func TestReturningClient(t *testing.T) {
	p := smallPool(0)
	for n := range 4 {
		p.allocate(start, uint64(n), fmt.Sprint("u", n), netip.Addr{})
	}
	for i, n := range []uint64{2, 0, 1} {
		p.release(start.Add(time.Duration(i)*time.Second), n, addr(fmt.Sprintf("10.0.0.%d", n+1)))
	}
	later := start.Add(time.Hour)
	if got := p.allocate(later, 10, "u1", netip.Addr{}); got != addr("10.0.0.2") {
		t.Errorf("u1 gets %s", got)
	}
	if got := p.allocate(later, 11, "new", netip.Addr{}); got != addr("10.0.0.3") {
		t.Errorf("another gets %s, and not what u2 has given up first", got)
	}
	if got := p.allocate(later, 12, "u2", netip.Addr{}); got != addr("10.0.0.1") {
		t.Errorf("u2, whose address is another's, gets %s", got)
	}
	if got := p.allocate(later, 13, "u0", netip.Addr{}); got.IsValid() {
		t.Errorf("u0 gets %s of a full pool", got)
	}
}

func TestWantedAddress(t *testing.T) {
	p := smallPool(0)
	if got := p.allocate(start, 1, "a", addr("10.0.0.3")); got != addr("10.0.0.3") {
		t.Errorf("what is wanted and free: %s", got)
	}
	for n, wanted := range []string{"10.0.0.3", "192.0.2.1"} {
		if got := p.allocate(start, uint64(2+n), fmt.Sprint(n), addr(wanted)); got == addr(wanted) || !got.IsValid() {
			t.Errorf("%s, another's or none of the pool's: %s", wanted, got)
		}
	}
}

func TestRecycleDelay(t *testing.T) {
	p := newPool(Pool{Ranges: []Range{{addr("10.0.0.1"), addr("10.0.0.1")}}, Recycle: time.Minute})
	a := p.allocate(start, 1, "a", netip.Addr{})
	p.release(start, 1, a)
	if got := p.allocate(start.Add(59*time.Second), 2, "b", netip.Addr{}); got.IsValid() {
		t.Errorf("given before it has rested: %s", got)
	}
	if got := p.allocate(start.Add(time.Second), 3, "a", netip.Addr{}); got != a {
		t.Errorf("its owner need not wait: %s", got)
	}
	p.release(start.Add(2*time.Second), 3, a)
	if got := p.allocate(start.Add(62*time.Second), 4, "b", netip.Addr{}); got != a {
		t.Errorf("it has rested: %s", got)
	}
}

// A client that logs in anew holds its address twice until the first session is
// over.
func TestTwoSessionsOfAClient(t *testing.T) {
	p := smallPool(0)
	a := p.allocate(start, 1, "a", netip.Addr{})
	if !p.join(2, a) || p.join(3, addr("10.0.0.2")) {
		t.Error("join")
	}
	if p.release(start, 9, a) || p.release(start, 1, a) || !p.leases[a].InUse {
		t.Error("it is free too early")
	}
	if !p.release(start, 2, a) || p.leases[a].InUse || p.inUse != 0 {
		t.Error("it is not free")
	}
}

func TestRestore(t *testing.T) {
	p := smallPool(0)
	p.restore([]Lease{
		{Addr: addr("10.0.0.1"), Owner: "up", Since: start, InUse: true},
		{Addr: addr("10.0.0.2"), Owner: "gone", Since: start.Add(time.Hour)},
		{Addr: addr("172.16.0.1"), Owner: "elsewhere", Since: start},
	})
	later := start.Add(2 * time.Hour)
	if got := p.allocate(later, 1, "gone", netip.Addr{}); got != addr("10.0.0.2") {
		t.Errorf("who had gone gets %s", got)
	}
	for n, want := range []string{"10.0.0.3", "10.0.9.1", "10.0.0.1"} {
		if got := p.allocate(later, uint64(2+n), fmt.Sprint("new", n), netip.Addr{}); got != addr(want) {
			t.Errorf("%d gets %s, want %s: what was in use is the last to go", n, got, want)
		}
	}
}

func TestPoolMadeSmaller(t *testing.T) {
	p := smallPool(0)
	a := p.allocate(start, 1, "a", addr("10.0.0.3"))
	b := p.allocate(start, 2, "b", addr("10.0.0.2"))
	p.release(start, 2, b)
	p.reconfigure(Pool{Ranges: []Range{{addr("10.0.0.1"), addr("10.0.0.1")}}})
	if !p.leases[a].InUse || p.leases[b] != nil {
		t.Error("who has an address keeps it, the others go")
	}
	if p.release(start, 1, a); p.leases[a] != nil {
		t.Error("an address that is no longer the pool's is kept")
	}
	if got := p.allocate(start, 3, "a", addr("10.0.0.3")); got != addr("10.0.0.1") {
		t.Errorf("got %s", got)
	}
}

// TestPoolProperties: no two owners hold an address at the same time, every one
// is of the pool, the counts fit, and a full pool is full.
func TestPoolProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := smallPool(time.Duration(rapid.IntRange(0, 2).Draw(t, "recycle")) * time.Second)
		held := map[netip.Addr]uint64{}
		now := start
		for session := uint64(1); session < 60; session++ {
			now = now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond)
			if rapid.Bool().Draw(t, "release") {
				for a, s := range held {
					if !p.release(now, s, a) {
						t.Fatalf("%s is not freed", a)
					}
					delete(held, a)
					break
				}
				continue
			}
			wanted := netip.Addr{}
			if rapid.Bool().Draw(t, "wants") {
				wanted = addr(fmt.Sprintf("10.0.0.%d", rapid.IntRange(0, 4).Draw(t, "wanted")))
			}
			a := p.allocate(now, session, rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "owner"), wanted)
			if !a.IsValid() {
				if len(held) < p.size() && p.cfg.Recycle == 0 {
					t.Fatalf("refused with %d of %d in use", len(held), p.size())
				}
				continue
			}
			if _, taken := held[a]; taken || !p.contains(a) {
				t.Fatalf("%s is given twice, or none of the pool's", a)
			}
			held[a] = session
			if p.inUse != len(held) || p.free.Len() != len(p.leases)-len(held) {
				t.Fatalf("%d in use, %d free of %d; %d held", p.inUse, p.free.Len(), len(p.leases), len(held))
			}
		}
	})
}
