package lab

import (
	"bytes"
	"testing"
	"time"

	"qmidle/internal/console"
)

// A link that repeats delivers twice, one with noise delivers what is no longer
// an answer, and each can be switched off again.
func TestLinksRepeatAndGarble(t *testing.T) {
	l, _ := start(t, iface("Ethernet0/0", "10.0.1.1"), iface("Ethernet0/0", "10.0.1.2"))
	r1 := l.host("r1")
	seen := make(map[*host]int)
	l.watch = counting{blind{}, func(gateway string) { seen[l.host(gateway)]++ }}
	for _, tt := range []struct {
		line, want string
		arrivals   int // at r2
	}{
		{"repeat 0", "!!!!!", 5}, {"repeat 100% on 10.0.1.0/24", "!!!!!", 10}, {"repeat 0", "!!!!!", 5},
		{"noise 100", ".....", 5}, {"noise 0 on 10.0.1.0/24", "!!!!!", 5},
	} {
		clear(seen)
		l.mustRun(t, tt.line)
		if got := marks(t, r1, "10.0.1.2", ""); got != tt.want {
			t.Errorf("%s: ping %s, want %s", tt.line, got, tt.want)
		}
		if got := seen[l.host("r2")]; got != tt.arrivals {
			t.Errorf("%s: %d packets arrive, want %d", tt.line, got, tt.arrivals)
		}
	}
}

// counting sees arrivals only.
type counting struct {
	blind
	arrived func(gateway string)
}

func (c counting) Arrived(gateway string, _ []byte, _ bool) { c.arrived(gateway) }

func TestNoiseChangesOneBitBehindTheHeaders(t *testing.T) {
	l, _ := start(t, iface("Ethernet0/0", "10.0.1.1"))
	l.mustRun(t, "noise 100")
	before := newEcho(l.host("r1").ports[0].addr, l.host("r1").ports[0].addr, 1, 1, 100)
	for range 200 {
		copies := l.net.faults.copies(l.net.links[0], append(packet(nil), before...))
		bits := 0
		for i, b := range copies[0] {
			for x := b ^ before[i]; x != 0; x &= x - 1 {
				bits++
			}
		}
		if len(copies) != 1 || bits != 1 || !bytes.Equal(copies[0][:ipLen], before[:ipLen]) {
			t.Fatalf("%d copies, %d bits changed: %x", len(copies), bits, copies[0])
		}
	}
}

func TestJitterLetsPacketsOvertake(t *testing.T) {
	l, _ := start(t, iface("Ethernet0/0", "10.0.1.1"), iface("Ethernet0/0", "10.0.1.2"))
	l.mustRun(t, "jitter 10.0.1.0/24 30ms")
	r := l.host("r1").session.Feed("ping 10.0.1.2").JSON.(console.Ping)
	if r.MinMicroseconds == r.MaxMicroseconds || r.MaxMicroseconds > 62000 || r.MinMicroseconds < 2000 {
		t.Errorf("round trips of %d to %d microseconds", r.MinMicroseconds, r.MaxMicroseconds)
	}
	l.mustRun(t, "jitter 10.0.1.0/24 0s")
	l.run(time.Second, never)
	if r := l.host("r1").session.Feed("ping 10.0.1.2").JSON.(console.Ping); r.MinMicroseconds != 2000 || r.MaxMicroseconds != 2000 {
		t.Errorf("round trips of %d to %d microseconds, want 2000", r.MinMicroseconds, r.MaxMicroseconds)
	}
}
