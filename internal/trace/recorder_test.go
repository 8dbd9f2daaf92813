package trace

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"qmidle/internal/isakmp"
)

var compareRecords = cmp.Options{
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b PayloadList) bool { return a == b }),
}

func recordAll(r *Recorder, records []Record) {
	for i := range records {
		r.Record(&records[i])
	}
}

// A tunnel's whole main mode and quick mode is kept, within the 2 KiB that are
// meant for it.
func TestRecorderKeepsWholeTunnel(t *testing.T) {
	r := NewRecorder(DefaultLimits)
	want := tunnel(true)
	recordAll(r, want)
	if diff := cmp.Diff(want, r.Records(bookPeer), compareRecords); diff != "" {
		t.Errorf("records differ (-want +got):\n%s", diff)
	}
	h := r.peers[bookPeer]
	t.Logf("%d events in %d of %d octets", len(want), h.ring.size, h.ring.octets)
	if h.ring.octets > 2048 || h.dropped != 0 {
		t.Errorf("%d octets, %d events dropped", h.ring.octets, h.dropped)
	}
}

func drawRecord(t *rapid.T, peers []netip.AddrPort) Record {
	return Record{
		// Clocks jump, backwards too.
		Time: time.Unix(0, rapid.Int64Range(-1e18, 4e18).Draw(t, "time")).UTC(),
		Context: Context{
			Local:  netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 1, 1, 40}), rapid.SampledFrom([]uint16{500, 4500}).Draw(t, "port")),
			Remote: rapid.SampledFrom(peers).Draw(t, "peer"),
			Peer:   rapid.Uint32Max(3).Draw(t, "peer number"),
			SA:     rapid.Uint32Max(3).Draw(t, "SA"),
			Conn:   rapid.Uint32Max(3).Draw(t, "conn"),
			Role:   Role(rapid.Uint8Max(2).Draw(t, "role")),
			State:  ShowState(rapid.Uint8Max(10).Draw(t, "state")),
		},
		Event: drawEvent(t, Code(rapid.Uint8Range(1, uint8(NumCodes)-1).Draw(t, "code"))),
	}
}

// What the recorder has of a peer is the end of what it was given, before that
// some of what came earlier, in order, and with what it says it lost it is all.
func TestRecorderKeepsTheEnd(t *testing.T) {
	peers := []netip.AddrPort{
		netip.MustParseAddrPort("192.1.1.42:500"), netip.MustParseAddrPort("192.1.1.42:4500"),
		netip.MustParseAddrPort("[2001:db8::1]:500"), {},
	}
	limits := Limits{Peers: 10, PeerBytes: minPeerBytes}
	rapid.Check(t, func(t *rapid.T) {
		r := NewRecorder(limits)
		given := map[netip.Addr][]Record{}
		for range rapid.IntRange(0, 60).Draw(t, "events") {
			rec := drawRecord(t, peers)
			r.Record(&rec)
			addr := rec.Remote.Addr()
			given[addr] = append(given[addr], rec)
		}
		for addr, all := range given {
			kept := r.Records(addr)
			lost := int(r.Lost(addr))
			h := r.peers[addr]
			if len(kept) == 0 || len(kept)+lost != len(all) {
				t.Fatalf("%s: %d kept and %d lost of %d", addr, len(kept), lost, len(all))
			}
			end := len(h.ring.decode(&r.store, nil))
			if diff := cmp.Diff(all[len(all)-end:], kept[len(kept)-end:], compareRecords); diff != "" {
				t.Fatalf("%s differs (-want +got):\n%s", addr, diff)
			}
			rest := all[:len(all)-end]
			for _, early := range kept[:len(kept)-end] {
				at := slices.IndexFunc(rest, func(rec Record) bool { return cmp.Equal(rec, early, compareRecords) })
				if at < 0 {
					t.Fatalf("%s: kept out of order, or never given: %+v", addr, early)
				}
				rest = rest[at+1:]
			}
			if size := int(h.ring.octets) + cap(h.kept); size > limits.PeerBytes {
				t.Fatalf("%s takes %d octets", addr, size)
			}
		}
		if len(r.Peers()) != len(given) {
			t.Fatalf("%d peers, want %d", len(r.Peers()), len(given))
		}
	})
}

// addressed returns a datagram's record from the n-th address.
func addressed(n int, at time.Time, c Context) *Record {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 0x0A000000+uint32(n))
	c.Remote = netip.AddrPortFrom(netip.AddrFrom4(b), 500)
	return &Record{Time: at, Context: c, Event: &PacketReceived{}}
}

// A flood of datagrams from addresses without an SA costs no peer its history,
// but for the one that makes the room; one of half-open SAs costs none of an
// authenticated peer or of a peer that we called.
func TestRecorderEvictsGarbageFirst(t *testing.T) {
	r := NewRecorder(Limits{Peers: 8})
	start := time.Unix(1000, 0)
	authenticated := Context{SA: 1, Conn: 1, Role: RoleResponder, State: QMIdle}
	called := Context{SA: 2, Role: RoleInitiator, State: MMNoState}
	halfOpened := Context{SA: 3, Role: RoleResponder, State: MMNoState}
	known := []*Record{addressed(1, start, authenticated), addressed(2, start, called)}
	for _, rec := range known {
		r.Record(rec)
	}
	waiting := addressed(3, start, halfOpened)
	r.Record(waiting)
	for n := 100; n < 200; n++ {
		r.Record(addressed(n, start.Add(time.Duration(n)*time.Second), Context{}))
	}
	for _, rec := range append(known, waiting) {
		if r.Records(rec.Remote.Addr()) == nil {
			t.Errorf("datagrams without an SA evicted %s", rec.Remote)
		}
	}
	for n := 200; n < 300; n++ {
		r.Record(addressed(n, start.Add(time.Duration(n)*time.Second), halfOpened))
	}
	for _, rec := range known {
		if r.Records(rec.Remote.Addr()) == nil {
			t.Errorf("half-open SAs evicted %s", rec.Remote)
		}
	}
	if r.Records(waiting.Remote.Addr()) != nil {
		t.Error("the half-open peer silent longest is still there")
	}
	if got := len(r.Peers()); got != 8 {
		t.Errorf("%d peers, want 8", got)
	}
}

// Among peers of the same standing the one silent longest goes.
func TestRecorderEvictsOldestIdle(t *testing.T) {
	r := NewRecorder(Limits{Peers: 3})
	start := time.Unix(1000, 0)
	for i, n := range []int{1, 2, 3, 1, 4} {
		r.Record(addressed(n, start.Add(time.Duration(i)*time.Second), Context{}))
	}
	var got []string
	for _, a := range r.Peers() {
		got = append(got, a.String())
	}
	if want := []string{"10.0.0.4", "10.0.0.1", "10.0.0.3"}; !slices.Equal(got, want) {
		t.Errorf("peers %v, want %v", got, want)
	}
	if n := len(r.Records(netip.MustParseAddr("10.0.0.4"))); n != 1 {
		t.Errorf("the new peer has %d records, want its own only", n)
	}
}

func TestRecorderForgets(t *testing.T) {
	r := NewRecorder(DefaultLimits)
	recordAll(r, tunnel(false))
	r.Forget(bookPeer)
	r.Forget(bookPeer)
	if r.Records(bookPeer) != nil || len(r.Peers()) != 0 || r.Lost(bookPeer) != 0 {
		t.Error("a forgotten peer is still there")
	}
	recordAll(r, tunnel(false))
	if got, want := len(r.Records(netip.MustParseAddr("::ffff:192.1.1.42"))), len(tunnel(false)); got != want {
		t.Errorf("%d records afterwards, want %d", got, want)
	}
}

// The largest event fits into the smallest history.
func TestLargestEventFits(t *testing.T) {
	longest := make([]byte, 70000)
	six := netip.MustParseAddr("2001:db8::1")
	proxy := Proxy{0xff, six, six, 0xff, 0xffff}
	events := []Event{
		&IDPayload{true, 0xff, 0xff, 0xff, 0xffff, 0xffff, longest},
		&IPsecSACreated{true, six, 1 << 31, IPsecSuite{0xff, 0xffff, 0xffff, 0xffff}, 1 << 31, 1 << 31, 1 << 31, proxy, proxy},
		&IPsecSARequested{six, six, proxy, proxy, IPsecSuite{0xff, 0xffff, 0xffff, 0xffff}, 1 << 31, 1 << 31, 1 << 31},
	}
	for _, e := range events {
		r := NewRecorder(Limits{})
		for range 3 {
			r.Record(&Record{time.Unix(0, 1<<62), Context{netip.AddrPortFrom(six, 65535), netip.AddrPortFrom(six, 65535),
				1 << 31, 1 << 31, 1 << 31, 2, 10}, e})
		}
		if got := r.Records(six); len(got) == 0 || got[0].Event.Code() != e.Code() {
			t.Errorf("%s is not kept", e.Code())
		}
	}
}

func TestRecordAllocatesNothing(t *testing.T) {
	r := NewRecorder(DefaultLimits)
	records := tunnel(true)
	for range 10 {
		recordAll(r, records)
	}
	if n := testing.AllocsPerRun(100, func() { recordAll(r, records) }); n != 0 {
		t.Errorf("%d records allocate %v times", len(records), n)
	}
	// Nor does a new peer that takes an old one's memory, but for the map.
	full := NewRecorder(Limits{Peers: 16})
	rec := addressed(0, time.Unix(1000, 0), Context{})
	n := 0
	next := func() {
		n++
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(n))
		rec.Remote = netip.AddrPortFrom(netip.AddrFrom4(b), 500)
		full.Record(rec)
	}
	for range 100 {
		next()
	}
	if n := testing.AllocsPerRun(1000, next); n > 0.1 {
		t.Errorf("a peer in another's place allocates %v times", n)
	}
}

// emit is how an engine emits: the event is made only if somebody listens.
func emit(s Sink, rec *Record, node uint32) {
	if s == nil {
		return
	}
	rec.Event = &Transition{node, FromPeer, InputQMExch, StateQMReady, StateQMSPIStarve}
	s.Record(rec)
}

// BenchmarkEventUnread is the cost of an event that nobody reads: in the
// recorder with the event's own allocation, in the recorder alone, and with
// nobody listening.
func BenchmarkEventUnread(b *testing.B) {
	records := tunnel(false)
	rec := records[len(records)-1]
	b.Run("recorder", func(b *testing.B) {
		b.ReportAllocs()
		var s Sink = NewRecorder(DefaultLimits)
		for b.Loop() {
			emit(s, &rec, 482536716)
		}
	})
	b.Run("recorder/event-reused", func(b *testing.B) {
		b.ReportAllocs()
		r := NewRecorder(DefaultLimits)
		for b.Loop() {
			r.Record(&rec)
		}
	})
	b.Run("no-sink", func(b *testing.B) {
		b.ReportAllocs()
		var s Sink
		for b.Loop() {
			emit(s, &rec, 482536716)
		}
	})
}

// What tells how a negotiation went outlives what repeats: a day of dead peer
// detection, or of attempts that all fail alike.
func TestRecorderKeepsWhatTells(t *testing.T) {
	r := NewRecorder(DefaultLimits)
	s := newScript()
	s.established(RoleResponder, MMKeyExch)
	s.add(&PacketReceived{}, &Transition{From: StateRMM5, To: StateP1Complete}, &KeyLookup{Peer: bookPeer},
		&IKETransformRefused{Attr: IKEAttrHash, Offered: 2, Wanted: 1}, &IKETransformRefused{Attr: IKEAttrGroup, Offered: 2, Wanted: 1},
		&NotifyReceived{Type: isakmp.NotifyNoProposalChosen, MessageID: 7})
	for i := range uint32(5000) {
		s.add(&NodeCreated{i}, &NotifyReceived{Type: isakmp.NotifyRUThere, MessageID: i, Protected: true}, &DPDReceived{Sequence: i},
			&PacketSent{MessageID: i}, &IKETransformRefused{Attr: IKEAttrHash, Offered: 2, Wanted: 1})
	}
	recordAll(r, s.records)
	var codes []Code
	for _, rec := range r.Records(bookPeer) {
		if c := rec.Event.Code(); !slices.Contains(codes, c) {
			codes = append(codes, c)
		}
	}
	for _, want := range []Code{CodeTransition, CodeKeyLookup, CodeNotifyReceived, CodeIKETransformRefused, CodeDPDReceived} {
		if !slices.Contains(codes, want) {
			t.Errorf("%s is gone", want)
		}
	}
	early := r.Records(bookPeer)[:5]
	if _, ok := early[0].Event.(*Transition); !ok || early[0].Time.After(s.records[5].Time) {
		t.Errorf("the first record is %s at %s", early[0].Event.Code(), early[0].Time)
	}
	hashes := 0
	for _, rec := range r.kept(bookPeer) {
		if e, ok := rec.Event.(*IKETransformRefused); ok && e.Attr == IKEAttrHash {
			hashes++
		}
	}
	if hashes != 1 {
		t.Errorf("one refusal is kept %d times", hashes)
	}
}

// kept are the records of a peer that outlived the ring.
func (r *Recorder) kept(peer netip.Addr) []Record { return r.peers[peer].kept.decode(nil) }

// Every event that is worth keeping can be asked whether it is, whatever its
// fields hold.
func TestWorthOfAnyEvent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		code := Code(rapid.Uint8Range(1, uint8(NumCodes)-1).Draw(t, "code"))
		var f Fields
		drawEvent(t, code).Fields(&f)
		if key, _ := worthOf(code, f.buf); len(key) > len(f.buf) {
			t.Fatal("the key is longer than the fields")
		}
	})
}
