package ipsec

import (
	"bytes"
	"errors"
	"math"
	"net/netip"
	"runtime"
	"sync"
	"testing"
)

const tag = 10

// ends are a hub and a spoke that protect their nets from each other.
func ends(t testing.TB) (hubEnd, spokeEnd *Processor) {
	t.Helper()
	hubEnd, spokeEnd = NewProcessor(newRandom()), NewProcessor(newRandom())
	hubEnd.SetPolicies([]PolicyEntry{line(tag, 0, true, "192.168.2.0/24", "192.168.3.0/24")})
	spokeEnd.SetPolicies([]PolicyEntry{line(tag, 0, true, "192.168.3.0/24", "192.168.2.0/24")})
	return hubEnd, spokeEnd
}

// join installs one pair of SAs with the SPI toSpoke in the spoke's packets
// and toHub in the hub's.
func join(t testing.TB, hubEnd, spokeEnd *Processor, toSpoke, toHub uint32, name string, change ...func(*SAParams)) {
	t.Helper()
	out := protectionNamed(t, name).outParams(toSpoke)
	out.Tag = tag
	for _, f := range change {
		f(&out)
	}
	back := mirror(out)
	back.Direction, back.SPI = Outbound, toHub
	if _, _, err := hubEnd.Install(mirror(back), out); err != nil {
		t.Fatal(err)
	}
	if _, _, err := spokeEnd.Install(mirror(out), back); err != nil {
		t.Fatal(err)
	}
}

var (
	fromHub = netip.AddrPortFrom(hub, 0)
	toSpoke = netip.AddrPortFrom(spoke, 0)
)

func TestAcquireThenSealThenOpen(t *testing.T) {
	hubEnd, spokeEnd := ends(t)
	packet := ipv4Packet(100)
	r := hubEnd.Outbound(nil, packet)
	if r.Action != Acquire || r.Entry.Tag != tag || r.Flow.DstPort != 53 || r.Packet != nil {
		t.Fatalf("before an SA: %+v", r)
	}
	join(t, hubEnd, spokeEnd, 0x1001, 0x2002, "gcm128")
	r = hubEnd.Outbound([]byte("pre"), packet)
	if r.Action != Sealed || r.SA.SPI() != 0x1001 || r.Entry.Tag != tag || string(r.Packet[:3]) != "pre" {
		t.Fatalf("with an SA: %+v", r)
	}
	in := spokeEnd.Inbound([]byte("in"), r.Packet[3:], fromHub, toSpoke)
	if in.Drop != DropNone || in.SA.SPI() != 0x1001 || in.PeerMoved || in.Flow != r.Flow {
		t.Fatalf("inbound: %+v", in)
	}
	wantEqual(t, "packet", in.Packet, append([]byte("in"), packet...))

	if s := hubEnd.Stats(); s.Acquired != 1 || s.Sealed != 1 {
		t.Errorf("hub %+v", s)
	}
	if s := spokeEnd.Stats(); s.Opened != 1 {
		t.Errorf("spoke %+v", s)
	}
	if n := len(hubEnd.SAs()); n != 2 {
		t.Errorf("%d SAs", n)
	}
}

func TestOutboundBypassAndDrop(t *testing.T) {
	hubEnd, _ := ends(t)
	other := ipv4From("192.168.2.10", "198.51.100.1", 17, 1, 2, 60)
	for range 2 { // the second from the cache
		if r := hubEnd.Outbound(nil, other); r.Action != Bypass || r.Flow.Dst.String() != "198.51.100.1" {
			t.Errorf("%+v", r)
		}
	}
	if r := hubEnd.Outbound(nil, other[:10]); r.Action != Dropped || r.Drop != DropTruncated {
		t.Errorf("%+v", r)
	}
	if s := hubEnd.Stats(); s.Bypassed != 2 || s.Drops[DropTruncated] != 1 {
		t.Errorf("%+v", s)
	}
}

func TestNewPoliciesMakeTheFlowCacheVoid(t *testing.T) {
	hubEnd, _ := ends(t)
	packet := ipv4Packet(60)
	for i, want := range []Action{Acquire, Acquire, Bypass, Bypass, Acquire} {
		switch i {
		case 2:
			hubEnd.SetPolicies(nil)
		case 4:
			hubEnd.SetPolicies([]PolicyEntry{line(tag, 0, true, "192.168.2.0/24", "192.168.3.0/24")})
		}
		if r := hubEnd.Outbound(nil, packet); r.Action != want {
			t.Errorf("step %d: %v, want %v", i, r.Action, want)
		}
	}
	if got := hubEnd.Policies(); len(got) != 1 || got[0].Tag != tag {
		t.Errorf("policies %+v", got)
	}
}

func TestNewerSAIsUsedAndOlderAgainAfterItsRemoval(t *testing.T) {
	hubEnd, spokeEnd := ends(t)
	used := func() uint32 { return hubEnd.Outbound(nil, ipv4Packet(60)).SA.SPI() }
	join(t, hubEnd, spokeEnd, 0x1001, 0x2001, "gcm128")
	join(t, hubEnd, spokeEnd, 0x1002, 0x2002, "aes128-sha1")
	if used() != 0x1002 {
		t.Errorf("SA %#x is used", used())
	}
	// The same policies again, as a reload does it.
	hubEnd.SetPolicies(hubEnd.Policies())
	if used() != 0x1002 {
		t.Errorf("after new policies SA %#x is used", used())
	}
	if hubEnd.RemoveOutbound(0x1002, netip.MustParseAddr("192.1.1.99")) != nil {
		t.Error("an SA to another peer was removed")
	}
	if sa := hubEnd.RemoveOutbound(0x1002, spoke); sa == nil || sa.SPI() != 0x1002 || used() != 0x1001 {
		t.Errorf("after its removal SA %#x is used", used())
	}
	if hubEnd.RemoveOutbound(0x1002, spoke) != nil {
		t.Error("removed twice")
	}
	hubEnd.RemoveOutbound(0x1001, spoke)
	if r := hubEnd.Outbound(nil, ipv4Packet(60)); r.Action != Acquire {
		t.Errorf("without SAs: %v", r.Action)
	}
	if hubEnd.FindInbound(0x2001) == nil || hubEnd.FindOutbound(0x1001, spoke) != nil {
		t.Error("find")
	}
}

// TestSANarrowerThanItsLine: a responder may narrow nothing in IKEv1, but its
// ACL may be the narrower one. What the SA does not cover wants its own.
func TestSANarrowerThanItsLine(t *testing.T) {
	hubEnd, _ := ends(t)
	p := protectionNamed(t, "gcm128").outParams(0x1001)
	p.Tag, p.Selector.RemoteNet = tag, prefix("192.168.3.0/29")
	if _, err := hubEnd.InstallOutbound(p); err != nil {
		t.Fatal(err)
	}
	if r := hubEnd.Outbound(nil, ipv4From("192.168.2.10", "192.168.3.7", 17, 1, 2, 60)); r.Action != Sealed {
		t.Errorf("inside: %v", r.Action)
	}
	if r := hubEnd.Outbound(nil, ipv4From("192.168.2.10", "192.168.3.8", 17, 1, 2, 60)); r.Action != Acquire {
		t.Errorf("outside: %v", r.Action)
	}
}

func TestSAOfAnotherCryptoMapEntryIsNotUsed(t *testing.T) {
	hubEnd, _ := ends(t)
	p := protectionNamed(t, "gcm128").outParams(0x1001)
	p.Tag = tag + 1
	if _, err := hubEnd.InstallOutbound(p); err != nil {
		t.Fatal(err)
	}
	if r := hubEnd.Outbound(nil, ipv4Packet(60)); r.Action != Acquire {
		t.Errorf("%v", r.Action)
	}
	hubEnd.SetPolicies([]PolicyEntry{line(tag+1, 0, true, "192.168.2.0/24", "192.168.3.0/24")})
	if r := hubEnd.Outbound(nil, ipv4Packet(60)); r.Action != Sealed {
		t.Errorf("after its line came: %v", r.Action)
	}
}

func TestInboundDrops(t *testing.T) {
	hubEnd, spokeEnd := ends(t)
	join(t, hubEnd, spokeEnd, 0x1001, 0x2001, "gcm128")
	seal := func(packet []byte) []byte { return mustSeal(t, hubEnd.FindOutbound(0x1001, spoke), packet) }
	good := seal(ipv4Packet(60))
	forged := bytes.Clone(good)
	forged[30] ^= 1
	unknown := bytes.Clone(good)
	unknown[0] = 9
	cases := []struct {
		name     string
		esp      []byte
		from, to netip.AddrPort
		want     Drop
		hasSA    bool
	}{
		{"too short for an SPI", good[:7], fromHub, toSpoke, DropTruncated, false},
		{"unknown SPI", unknown, fromHub, toSpoke, DropUnknownSPI, false},
		{"UDP where raw ESP was agreed", good, netip.AddrPortFrom(hub, 4500), toSpoke, DropWrongEncapsulation, true},
		{"another local address", good, fromHub, netip.MustParseAddrPort("192.1.1.99:0"), DropWrongDestination, true},
		{"forged", forged, fromHub, toSpoke, DropAuthFailed, true},
		{"good", good, fromHub, toSpoke, DropNone, true},
		{"replayed", good, fromHub, toSpoke, DropReplayDuplicate, true},
		{"no local address known", seal(ipv4Packet(60)), fromHub, netip.AddrPort{}, DropNone, true},
		{"inner source outside", seal(ipv4From("192.168.9.9", "192.168.3.10", 17, 1, 2, 60)), fromHub, toSpoke, DropSelectorMismatch, true},
		{"inner destination outside", seal(ipv4From("192.168.2.9", "192.168.4.10", 17, 1, 2, 60)), fromHub, toSpoke, DropSelectorMismatch, true},
	}
	var want [DropCount]uint64
	for _, c := range cases {
		r := spokeEnd.Inbound(nil, c.esp, c.from, c.to)
		if r.Drop != c.want || (r.SA != nil) != c.hasSA || (r.Packet != nil) != (c.want == DropNone) {
			t.Errorf("%s: %+v", c.name, r)
		}
		if c.want != DropNone {
			want[c.want]++
		}
	}
	if got := spokeEnd.Stats().Drops; got != want {
		t.Errorf("counted %v, want %v", got, want)
	}
	want[DropTruncated], want[DropUnknownSPI] = 0, 0
	if got := spokeEnd.FindInbound(0x1001).Counters().Drops; got != want {
		t.Errorf("the SA counted %v, want %v", got, want)
	}
}

func TestUDPEncapsulatedPeerMoves(t *testing.T) {
	out := protectionNamed(t, "aes128-sha1").outParams(0x1001)
	out.UDPEncap, out.LocalPort, out.RemotePort = true, 4500, 4500
	sender := newSA(t, out)
	p := NewProcessor(newRandom())
	if _, err := p.InstallInbound(mirror(out)); err != nil {
		t.Fatal(err)
	}
	to := netip.AddrPortFrom(spoke, 4500)
	for from, want := range map[string]bool{"192.1.1.40:4500": false, "192.1.1.40:1024": true, "192.1.1.77:4500": true} {
		r := p.Inbound(nil, mustSeal(t, sender, ipv4Packet(60)), netip.MustParseAddrPort(from), to)
		if r.Drop != DropNone || r.PeerMoved != want {
			t.Errorf("from %s: %+v", from, r)
		}
	}
	moved := netip.MustParseAddrPort("192.1.1.40:1024")
	p.FindInbound(0x1001).SetEndpoint(moved)
	if r := p.Inbound(nil, mustSeal(t, sender, ipv4Packet(60)), moved, to); r.Drop != DropNone || r.PeerMoved || r.SA.Endpoint() != moved {
		t.Errorf("after the SA followed: %+v", r)
	}
	forged := mustSeal(t, sender, ipv4Packet(60))
	forged[20] ^= 1
	if r := p.Inbound(nil, forged, netip.MustParseAddrPort("192.1.1.77:4500"), to); r.PeerMoved {
		t.Error("a forged packet moved the peer")
	}
	if r := p.Inbound(nil, mustSeal(t, sender, ipv4Packet(60)), fromHub, toSpoke); r.Drop != DropWrongEncapsulation {
		t.Errorf("raw ESP: %v", r.Drop)
	}
}

func TestEndpoint(t *testing.T) {
	p := protectionNamed(t, "gcm128").outParams(0x1001)
	if got := newSA(t, p).Endpoint(); got != toSpoke {
		t.Errorf("raw ESP to %v", got)
	}
	p.UDPEncap, p.LocalPort, p.RemotePort = true, 4500, 1024
	if got := newSA(t, p).Endpoint(); got.String() != "192.1.1.42:1024" {
		t.Errorf("UDP to %v", got)
	}
}

func TestSoftLimitIsToldByBothEnds(t *testing.T) {
	hubEnd, spokeEnd := ends(t)
	out := protectionNamed(t, "gcm128").outParams(0x1001)
	out.Tag, out.LifeKilobytes = tag, 2560
	if _, err := hubEnd.InstallOutbound(out); err != nil {
		t.Fatal(err)
	}
	if _, err := spokeEnd.InstallInbound(mirror(out)); err != nil {
		t.Fatal(err)
	}
	var sent, received, sealed int
	for {
		r := hubEnd.Outbound(nil, ipv4Packet(10240))
		if r.SoftLimit {
			sent++
		}
		if r.Action == Acquire {
			if !r.UsedUp || r.SA == nil || r.Entry.Tag != tag {
				t.Errorf("%+v", r)
			}
			break
		}
		sealed++
		if spokeEnd.Inbound(nil, r.Packet, fromHub, toSpoke).SoftLimit {
			received++
		}
	}
	if sent != 1 || received != 1 || sealed != 256 {
		t.Errorf("told %d and %d times in %d packets", sent, received, sealed)
	}
}

// TestInboundMayExceedItsVolume: the peer sends until it has heard of the end.
func TestInboundMayExceedItsVolume(t *testing.T) {
	p := protectionNamed(t, "gcm128").outParams(0x1000)
	sender := newSA(t, p)
	p.LifeKilobytes = 2560
	receiver := newSA(t, mirror(p))
	for n := 1; ; n++ {
		_, err := receiver.Open(nil, mustSeal(t, sender, ipv4Packet(1024)))
		if receiver.UsedUp() != (n >= 2560) {
			t.Fatalf("used up after %d kilobytes: %v", n, receiver.UsedUp())
		}
		if n <= 2560+1280 {
			if err != nil {
				t.Fatalf("after %d kilobytes: %v", n, err)
			}
			continue
		}
		wantDrop(t, err, DropLifetime)
		return
	}
}

// TestLimitsInKilobytes are the soft limits, and what an inbound SA takes.
func TestLimitsInKilobytes(t *testing.T) {
	for _, test := range []struct{ kilobytes, soft, refuse uint64 }{
		{1, 1, 1}, {2560, 1280, 3840}, {100 << 10, 50 << 10, 150 << 10}, {1 << 20, 1<<20 - (1<<20)/10, 1<<20 + (1<<20)/10},
		{4608000, 4147200, 5068800}, {math.MaxUint32, 3865470566, 4724464024},
	} {
		sa := &SA{direction: Inbound, lifeKilobytes: uint32(test.kilobytes)}
		if soft, hard, refuse := sa.Volumes(); soft>>10 != test.soft || hard>>10 != test.kilobytes || refuse>>10 != test.refuse {
			t.Errorf("%d kilobytes: limits %d, %d, %d, want %+v", test.kilobytes, soft>>10, hard>>10, refuse>>10, test)
		}
		sa.direction = Outbound
		if _, hard, refuse := sa.Volumes(); refuse != hard {
			t.Errorf("%d kilobytes: more is sent than they are", test.kilobytes)
		}
	}
}

func TestClearText(t *testing.T) {
	hubEnd, _ := ends(t)
	judge := func(src, dst string) Drop {
		f, _ := ParseFlow(ipv4From(src, dst, 17, 1, 2, 60))
		return hubEnd.ClearTextDrop(f)
	}
	if d := judge("192.168.3.10", "192.168.2.10"); d != DropClearTextRequired {
		t.Errorf("from the protected net: %v", d)
	}
	if d := judge("192.168.4.10", "192.168.2.10"); d != DropNone {
		t.Errorf("from elsewhere: %v", d)
	}
}

func TestInstallErrors(t *testing.T) {
	p := NewProcessor(newRandom())
	out := protectionNamed(t, "gcm128").outParams(0x1001)
	in := mirror(out)
	if _, err := p.InstallInbound(out); !errors.Is(err, ErrDirection) {
		t.Errorf("%v", err)
	}
	if _, err := p.InstallOutbound(in); !errors.Is(err, ErrDirection) {
		t.Errorf("%v", err)
	}
	bad := out
	bad.KeyBits = 100
	if _, _, err := p.Install(in, bad); err == nil || len(p.SAs()) != 0 {
		t.Errorf("half a pair stays: %v, %d SAs", err, len(p.SAs()))
	}
	if _, _, err := p.Install(in, out); err != nil {
		t.Fatal(err)
	}
	if _, err := p.InstallInbound(in); !errors.Is(err, ErrSPIInUse) {
		t.Errorf("%v", err)
	}
	if _, err := p.InstallOutbound(out); !errors.Is(err, ErrSPIInUse) {
		t.Errorf("%v", err)
	}
	other := out
	other.Remote = netip.MustParseAddr("192.1.1.99")
	if _, err := p.InstallOutbound(other); err != nil {
		t.Errorf("the same SPI of another peer: %v", err)
	}
	if p.RemoveInbound(0x1001) == nil || p.RemoveInbound(0x1001) != nil || len(p.SAs()) != 2 {
		t.Error("removal")
	}
}

func TestManySAsInTheTable(t *testing.T) {
	p := NewProcessor(newRandom())
	params := mirror(protectionNamed(t, "gcm128").outParams(0))
	for i := range uint32(5000) {
		params.SPI = 0x10000000 + i<<12
		if _, err := p.InstallInbound(params); err != nil {
			t.Fatal(err)
		}
	}
	longest := 0
	for i := range p.inbound.buckets {
		length := 0
		for sa := p.inbound.buckets[i].Load(); sa != nil; sa = sa.next.Load() {
			length++
		}
		longest = max(longest, length)
	}
	if longest > 12 {
		t.Errorf("%d SAs in one bucket", longest)
	}
	for i := range uint32(5000) {
		if p.RemoveInbound(0x10000000+i<<12) == nil {
			t.Fatalf("SA %d is lost", i)
		}
	}
	if n := len(p.SAs()); n != 0 {
		t.Errorf("%d SAs left", n)
	}
}

// TestReadersWhileWriting is for the race detector: packets and counters go
// on while SAs and policies change, and no packet is lost to the change. One
// reader may fall behind the other by more than any replay window.
func TestReadersWhileWriting(t *testing.T) {
	hubEnd, spokeEnd := ends(t)
	hubEnd.SetPolicies(append(hubEnd.Policies(), dynamicLine(true, "0.0.0.0/0", "0.0.0.0/0")))
	join(t, hubEnd, spokeEnd, 0x1000, 0x2000, "gcm128", func(p *SAParams) { p.ReplayWindow = ReplayOff })
	stop := again(func() bool {
		r := hubEnd.Outbound(nil, ipv4Packet(60))
		if r.Action != Sealed {
			t.Errorf("%+v", r)
			return false
		}
		if in := spokeEnd.Inbound(nil, r.Packet, fromHub, toSpoke); in.Drop != DropNone {
			t.Errorf("%+v", in)
			return false
		}
		hubEnd.Stats()
		hubEnd.SAs()
		return true
	})
	for i := range uint32(50) {
		out := protectionNamed(t, "gcm128").outParams(0x1001 + i)
		out.Tag, out.ReplayWindow = tag, ReplayOff
		if _, err := spokeEnd.InstallInbound(mirror(out)); err != nil {
			t.Error(err)
		}
		if _, err := hubEnd.InstallOutbound(out); err != nil {
			t.Error(err)
		}
		hubEnd.SetPolicies(hubEnd.Policies())
		runtime.Gosched()
		if err := hubEnd.AddInstance(template, instanceFor(1000+i, "10.1.0.0/16", "192.168.3.0/24")); err != nil {
			t.Error(err)
		}
		hubEnd.RemoveInstance(1000 + i)
		hubEnd.RemoveOutbound(0x1000+i, spoke)
	}
	stop()
}

// again does something over and over in two goroutines, until one returns false or
// stop is called.
func again(do func() bool) (stop func()) {
	end := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for do() {
				select {
				case <-end:
					return
				default:
					runtime.Gosched()
				}
			}
		})
	}
	return func() {
		close(end)
		wg.Wait()
	}
}

func TestProcessorDoesNotAllocate(t *testing.T) {
	hubEnd, spokeEnd := ends(t)
	join(t, hubEnd, spokeEnd, 0x1001, 0x2001, "aes128-sha1")
	buf, out, packet := make([]byte, 0, 2000), make([]byte, 0, 2000), ipv4Packet(1400)
	if n := testing.AllocsPerRun(50, func() {
		r := hubEnd.Outbound(buf, packet)
		if in := spokeEnd.Inbound(out, r.Packet, fromHub, toSpoke); in.Drop != DropNone {
			t.Error(in.Drop)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestClassifyUDP(t *testing.T) {
	for _, c := range []struct {
		datagram string
		want     UDPKind
	}{
		{"", UDPInvalid}, {"\xff", UDPKeepalive}, {"\xfe", UDPInvalid}, {"\x00\x00\x00", UDPInvalid},
		{"\x00\x00\x00\x00", UDPIKE}, {"\x00\x00\x00\x00ike", UDPIKE},
		{"\x00\x00\x10\x01\x00\x00\x00", UDPInvalid}, {"\x00\x00\x10\x01\x00\x00\x00\x01", UDPESP},
	} {
		if got := ClassifyUDP([]byte(c.datagram)); got != c.want {
			t.Errorf("%x: %v, want %v", c.datagram, got, c.want)
		}
	}
}

func TestTooBigForThePath(t *testing.T) {
	hubEnd, spokeEnd := ends(t)
	join(t, hubEnd, spokeEnd, 0x1001, 0x2001, "aes128-sha1")
	sa := hubEnd.FindOutbound(0x1001, spoke)
	fits, exceeds := ipv4Packet(1438), ipv4Packet(1439)
	mayFragment := ipv4Packet(1439)
	mayFragment[6] = 0
	if r := hubEnd.Outbound(nil, exceeds); r.Action != Sealed {
		t.Errorf("with an unknown path: %+v", r)
	}
	sa.SetPathMTU(1500)
	for _, packet := range [][]byte{fits, mayFragment} {
		if r := hubEnd.Outbound(nil, packet); r.Action != Sealed {
			t.Errorf("%d octets: %v", len(packet), r.Drop)
		}
	}
	if r := hubEnd.Outbound(nil, exceeds); r.Drop != DropTooBig || r.MTU != 1438 {
		t.Errorf("%v, MTU %d", r.Drop, r.MTU)
	}
	if n := sa.Counters().Drops[DropTooBig]; n != 1 {
		t.Errorf("counted %d", n)
	}
	sa.SetPathMTU(68)
	if r := hubEnd.Outbound(nil, exceeds); r.MTU != 576 {
		t.Errorf("MTU %d on a path that lies", r.MTU)
	}
}
