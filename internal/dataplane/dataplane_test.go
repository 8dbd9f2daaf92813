package dataplane

import (
	"bytes"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"qmidle/internal/ipsec"
)

var start = time.Unix(1000, 0)

func allLines(lineKey) bool { return true }

func TestQueueKeepsTheFirstPackets(t *testing.T) {
	q := newAcquireQueue(3)
	a, b := lineKey{10, 0}, lineKey{20, 0}
	packet := []byte{0}
	for i := range 5 {
		packet[0] = byte(i)
		ask, aged, full := q.put(a, packet, start)
		if ask != (i == 0) || aged != 0 || full != (i >= 3) {
			t.Errorf("packet %d: ask %v, aged %d, full %v", i, ask, aged, full)
		}
	}
	q.put(b, []byte("b"), start)
	if q.len() != 4 {
		t.Errorf("%d wait", q.len())
	}
	got := q.take(func(k lineKey) bool { return k == a })
	if !bytes.Equal(bytes.Join(got, nil), []byte{0, 1, 2}) || q.len() != 1 {
		t.Errorf("took %v, %d wait", got, q.len())
	}
	if ask, _, _ := q.put(a, packet, start); !ask {
		t.Error("a line that was emptied does not ask again")
	}
	if got := q.take(allLines); len(got) != 2 || q.len() != 0 {
		t.Errorf("took %v, %d wait", got, q.len())
	}
}

func TestQueueAsksOnceASecondAndForgets(t *testing.T) {
	q := newAcquireQueue(64)
	k := lineKey{10, 0}
	asked := 0
	for i := range 40 { // ten seconds
		if ask, _, _ := q.put(k, nil, start.Add(time.Duration(i)*250*time.Millisecond)); ask {
			asked++
		}
	}
	if asked != 10 {
		t.Errorf("asked %d times in ten seconds", asked)
	}
	_, aged, full := q.put(k, nil, start.Add(queueLifetime+5*time.Second))
	if aged != 20 || full || q.len() != 21 {
		t.Errorf("%d aged, full %v, %d wait", aged, full, q.len())
	}
}

func TestQueueHasATotalLimit(t *testing.T) {
	q := newAcquireQueue(64)
	refused := 0
	for line := range uint32(100) {
		for range 64 {
			if _, _, full := q.put(lineKey{1, line}, nil, start); full {
				refused++
			}
		}
	}
	if refused != 6400-totalQueueLimit || q.len() != totalQueueLimit {
		t.Errorf("%d refused, %d wait", refused, q.len())
	}
}

// echo is an ICMP echo request from 192.168.2.10 to 192.168.3.10.
func echo() []byte {
	p := append([]byte{0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 1, 0, 0, 192, 168, 2, 10, 192, 168, 3, 10}, make([]byte, 20)...)
	p[20] = 8
	return p
}

func TestFragNeeded(t *testing.T) {
	in := echo()
	got := fragNeeded(in, 1406)
	if len(got) != 20+8+28 || checksum(got[:20]) != 0 || checksum(got[20:]) != 0 {
		t.Fatalf("%x", got)
	}
	f, drop := ipsec.ParseFlow(got)
	if drop != ipsec.DropNone || f.Src != ip("192.168.3.10") || f.Dst != ip("192.168.2.10") || f.Protocol != 1 {
		t.Errorf("flow %+v, %v", f, drop)
	}
	if got[20] != 3 || got[21] != 4 || got[26] != 1406>>8 || got[27] != 1406&255 {
		t.Errorf("ICMP %x", got[20:28])
	}
	if !bytes.Equal(got[28:], in[:28]) {
		t.Errorf("quotes %x", got[28:])
	}
}

func TestFragNeededIsNotAlwaysSent(t *testing.T) {
	change := func(at int, b byte) []byte { p := echo(); p[at] = b; return p }
	for name, p := range map[string][]byte{
		"nothing": nil, "IPv6": change(0, 0x60), "header cut": change(0, 0x4f)[:30], "tiny header": change(0, 0x41),
		"later fragment": change(7, 1), "error of ICMP": change(20, 3), "payload cut": echo()[:25],
	} {
		if got := fragNeeded(p, 1400); got != nil {
			t.Errorf("%s is answered with %x", name, got)
		}
	}
}

func FuzzFragNeeded(f *testing.F) {
	f.Add(echo())
	f.Add(append([]byte{0x46, 0, 0, 44}, make([]byte, 40)...))
	f.Fuzz(func(t *testing.T, packet []byte) {
		got := fragNeeded(packet, 1400)
		if got == nil {
			return
		}
		if len(got) > 96 || checksum(got[:20]) != 0 || checksum(got[20:]) != 0 {
			t.Fatalf("%x for %x", got, packet)
		}
		if again := fragNeeded(got, 1400); again != nil {
			t.Fatalf("an answer is answered with %x", again)
		}
	})
}

func FuzzStripOuter(f *testing.F) {
	f.Add(echo())
	f.Add([]byte{0x4f})
	f.Fuzz(func(t *testing.T, packet []byte) {
		payload, from, to, tos, ok := stripOuter(packet)
		if !ok {
			return
		}
		if !from.Is4() || !to.Is4() || len(payload) > len(packet)-20 || !bytes.HasSuffix(packet, payload) || tos != packet[1] {
			t.Fatalf("%v to %v: %x of %x", from, to, payload, packet)
		}
	})
}

func TestSegmentRun(t *testing.T) {
	of := func(sizes ...int) (out [][]byte) {
		for _, n := range sizes {
			out = append(out, make([]byte, n))
		}
		return out
	}
	many := make([]int, 100)
	for i := range many {
		many[i] = 100
	}
	cases := []struct {
		sizes []int
		want  int
	}{
		{[]int{1400}, 1}, {[]int{1400, 1400, 1400}, 3}, {[]int{1400, 1400, 60, 1400}, 3}, {[]int{60, 1400}, 1},
		{[]int{1400, 0}, 1}, {many, maxSegments}, {[]int{40000, 40000}, 1},
	}
	for _, c := range cases {
		if got := segmentRun(of(c.sizes...)); got != c.want {
			t.Errorf("%v: %d", c.sizes, got)
		}
	}
}

func TestSplit(t *testing.T) {
	whole := []byte("aaabbbcc")
	for size, want := range map[int]string{0: "aaabbbcc", 3: "aaa|bbb|cc", 8: "aaabbbcc", 9: "aaabbbcc", 4: "aaab|bbcc"} {
		if got := string(bytes.Join(split(nil, whole, size), []byte("|"))); got != want {
			t.Errorf("size %d: %s", size, got)
		}
	}
	for _, oob := range [][]byte{nil, {1, 2, 3}} {
		if size, tos := readControl(oob); size != 0 || tos != 0 {
			t.Errorf("%x: size %d, TOS %d", oob, size, tos)
		}
	}
	if size, tos := readControl(appendTOS(make([]byte, 0, controlRoom), 0xba)); size != 0 || tos != 0xba {
		t.Errorf("size %d, TOS %#x", size, tos)
	}
}

func TestEventsAreLimited(t *testing.T) {
	var last atomic.Int64
	told := 0
	for i := range 100 { // five seconds
		if due(&last, start.Add(time.Duration(i)*50*time.Millisecond)) {
			told++
		}
	}
	if told != 5 {
		t.Errorf("told %d times in five seconds", told)
	}
}

// A flood of ESP with unknown SPIs is told of a few times in a second, and a peer that
// sends with one all the time is told of within some seconds.
func TestAFloodOfUnknownSPIsHidesNoPeer(t *testing.T) {
	peer, now := netip.MustParseAddrPort("192.0.2.7:0"), start
	heard, told := 0, 0
	x := teller{now: func() time.Time { return now }, events: Events{UnknownSPI: func(_ uint32, from, _ netip.AddrPort) {
		told++
		if from == peer {
			heard++
		}
	}}}
	const seconds = 10
	for i := range seconds * 10000 {
		now = start.Add(time.Duration(i) * 100 * time.Microsecond)
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{16, byte(i >> 16), byte(i >> 8), byte(i)}), 0)
		if i > 5000 && i%20 == 0 { // 500 a second
			from = peer
		}
		x.tellUnknown(0x1234, from, from)
	}
	if heard == 0 || told > (seconds+1)*unknownKinds {
		t.Errorf("told %d times, of the peer %d times", told, heard)
	}
}

func TestDefaultMTUFitsEveryTransform(t *testing.T) {
	// The outer headers are 20 of IPv4 and 8 of UDP; AES-CBC with HMAC-SHA-512
	// adds 8 + 16 + 32 and at least 2 up to a multiple of 16.
	room := 1500 - 20 - 8 - 8 - 16 - 32
	if want := room - room%16 - 2; DefaultMTU != want {
		t.Errorf("%d, want %d", DefaultMTU, want)
	}
}
