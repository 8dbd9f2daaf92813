package ike

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// flooded is a hub with a tunnel whose table is a quarter full of nothing.
func flooded(t testing.TB, change func(hub, spoke *Config)) *pair {
	p := tunnelWith(t, func(hub, spoke *Config) {
		hub.MaxHalfOpen = 256
		if change != nil {
			change(hub, spoke)
		}
	})
	first := firstMessage(t, 0)
	for i := range 64 {
		binary.BigEndian.PutUint64(first, uint64(i)+1)
		p.from(stranger(256*i), first)
	}
	if !p.hub.engine.pressed() {
		t.Fatal("no pressure")
	}
	return p
}

// A peer that comes in the middle of a flood of main modes is answered, and gets in
// when it comes back; what is told of it is all that is told of any.
func TestNewPeerUnderAFlood(t *testing.T) {
	p := flooded(t, nil)
	first := firstMessage(t, 0)
	number := 1000
	flood := func() {
		for range 3000 {
			number++
			binary.BigEndian.PutUint64(first, uint64(number))
			if out := p.from(netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(number >> 16), byte(number >> 8), byte(number), 9}), 500), first); len(out) != 1 {
				t.Fatalf("%d answers", len(out))
			}
		}
	}
	// The spoke has lost everything, and begins anew between floods.
	p.wire = nil
	p.restartSpoke(77)
	p.hub.events.list = nil
	p.lose = func(int, Datagram) bool { flood(); return false }
	p.connect()
	p.lose = nil
	e := p.hub.engine
	if got := p.spoke.engine.Statistics(); got.Phase1Up != 1 || got.Phase2Up != 1 {
		t.Fatalf("the new peer: %+v", got)
	}
	if n := e.Statistics().Floods; n.Returned != 1 || n.Stubs < 9000 || n.ByPrefix+n.ByRate != 0 {
		t.Errorf("%+v", n)
	}
	if err := e.Check(); err != nil {
		t.Error(err)
	}
	told := 0
	for _, r := range p.hub.events.list {
		if r.Remote.Addr() != spokeAddr {
			told++
		}
	}
	if told != 0 || !p.hub.events.has(trace.CodeSAInserted) {
		t.Errorf("%d events tell of strangers, or none of the peer", told)
	}
	p.advance(10 * time.Minute)
	if h := e.Holdings(); h.Stubs != 0 || h.HalfOpen != 0 || e.pressure.prefixes != nil || e.pressure.stubs.first != nil {
		t.Errorf("left: %+v", h)
	}
	p.checkWorking()
}

// Message 3 makes an SA of a stub once, from where message 1 came, and within its age.
func TestAStubIsItsPeers(t *testing.T) {
	p := flooded(t, nil)
	public := somePublic(t)
	at := stranger(50000)
	third := func(number int, from netip.AddrPort) (before, after Statistics) {
		first := firstMessage(t, number)
		answer := p.from(at, first)
		if len(answer) != 1 {
			t.Fatal("no answer")
		}
		data := keyExchange(headerOf(t, answer[0].Data), public)
		before = p.hub.engine.Statistics()
		p.from(from, data)
		p.from(from, data)
		return before, p.hub.engine.Statistics()
	}
	if before, after := third(5000, at); after.Floods.Returned != before.Floods.Returned+1 || after.Exponentiation != before.Exponentiation+1 {
		t.Errorf("its own: %+v", after)
	}
	if before, after := third(5001, stranger(50001)); after.Floods.Returned != before.Floods.Returned || after.Dropped[trace.DropNoSA] != before.Dropped[trace.DropNoSA]+2 {
		t.Errorf("from elsewhere: %+v", after)
	}
	answer := p.from(at, firstMessage(t, 5002))
	p.advance(stubAge + time.Second)
	before := p.hub.engine.Statistics()
	p.from(at, keyExchange(headerOf(t, answer[0].Data), public))
	if after := p.hub.engine.Statistics(); after.Floods.Returned != before.Floods.Returned {
		t.Error("an old stub is still there")
	}
}

func headerOf(t testing.TB, data []byte) isakmp.Header {
	t.Helper()
	h, err := isakmp.ParseHeader(data)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A prefix has its share of a second; who comes again gets in, and who comes from
// elsewhere. A known peer's share is its own.
func TestAFloodFromOnePrefix(t *testing.T) {
	p := flooded(t, nil)
	first := firstMessage(t, 0)
	send := func(number int, from netip.AddrPort) bool {
		binary.BigEndian.PutUint64(first, uint64(number))
		return len(p.from(from, first)) == 1
	}
	near := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 500)
	}
	answers := 0
	for i := range 10000 {
		if send(10000+i, near(i)) {
			answers++
		}
	}
	if answers != perPrefix {
		t.Errorf("%d of 10000 answered, want %d", answers, perPrefix)
	}
	stats := p.hub.engine.Statistics()
	if stats.Floods.ByPrefix != 8000 || stats.Dropped[trace.DropPrefix] != 8000 {
		t.Errorf("%+v, %d dropped", stats.Floods, stats.Dropped[trace.DropPrefix])
	}
	if !send(30000, stranger(9)) {
		t.Error("a stranger from elsewhere is not answered")
	}
	if !send(19999, near(9999)) {
		t.Error("who comes again is not answered")
	}
	if send(40000, near(7)) {
		t.Error("a new one of the prefix is answered")
	}
	if !send(40000, near(7)) {
		t.Error("and not when it comes again")
	}
	if spoke := netip.AddrPortFrom(spokeAddr, 500); !send(50000, spoke) {
		t.Error("a known peer is not answered")
	}
	p.now = p.now.Add(time.Second)
	if !send(60000, near(8)) {
		t.Error("another second, and the prefix is not answered")
	}
}

// A client of aggressive mode that is refused in a flood gets in when it sends its
// first message again.
func TestAClientUnderAFlood(t *testing.T) {
	p := flooded(t, withGroup)
	data := firstAggressive(t, withGroup)
	send := func(number int, from netip.AddrPort) bool {
		binary.BigEndian.PutUint64(data, uint64(number))
		return len(p.from(from, data)) == 1
	}
	for i := range perAggressive {
		if !send(100000+i, stranger(i)) {
			t.Fatalf("number %d is not answered", i)
		}
	}
	if client := stranger(60000); send(900000, client) || !send(900000, client) {
		t.Error("want a client to be answered at the second time")
	}
	again := 0
	for range 2 {
		for i := range 5000 {
			if send(200000+i, stranger(i)) {
				again++
			}
		}
	}
	if again != perAgain-1 {
		t.Errorf("%d that come again get in, want %d", again, perAgain-1)
	}
}

// Stubs are bounded in number and in octets.
func TestStubsAreBounded(t *testing.T) {
	for _, size := range []int{100, maxStubbed} {
		table := stubs{e: New(Config{})}
		for i := range 2 * maxStubs {
			x := &stub{raw: make([]byte, size)}
			binary.BigEndian.PutUint64(x.key.i[:], uint64(i))
			table.add(x)
			if i%3 == 0 {
				table.take(x)
			}
		}
		if table.count > maxStubs || table.octets > maxStubOctets || len(table.byCookies) > table.count || table.octets != size*table.count {
			t.Errorf("%d stubs, %d known, of %d octets", table.count, len(table.byCookies), table.octets)
		}
		for table.first != nil {
			table.dropFirst()
		}
		if len(table.byCookies) != 0 || table.count != 0 || table.octets != 0 || table.last != nil {
			t.Errorf("left: %d stubs, %d known, %d octets", table.count, len(table.byCookies), table.octets)
		}
	}
}

// BenchmarkFlood is a spoofed first message of main mode under pressure.
func BenchmarkFlood(b *testing.B) {
	p := flooded(b, nil)
	p.silence()
	data := firstMessage(b, 0)
	var fx Effects
	number := uint64(1 << 32)
	b.ReportAllocs()
	runtime.GC()
	for b.Loop() {
		number++
		binary.BigEndian.PutUint64(data, number)
		fx.Reset()
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(number >> 16), byte(number >> 8), byte(number), 1}), 500)
		p.hub.engine.Datagram(p.now, netip.AddrPortFrom(hubAddr, 500), from, slices.Clone(data), &fx)
	}
}
