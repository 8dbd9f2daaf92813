//go:build interop

package interop

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const megabytes = 200 << 20

// TestTCP sends 200 MiB each way, through CBC and through GCM, and looks at
// every packet on the wire.
func TestTCP(t *testing.T) {
	for _, x := range []setup{usual, gcm} {
		t.Run(x.esp(), func(t *testing.T) {
			l := newLab(t)
			capture := startCapture(t, l)
			c := startCharon(t, l, l.spoke, x)
			q := startQmidle(t, l, l.hub, x, qmidlePath)
			t.Logf("from qmidle's host: %.0f Mbit/s", transfer(t, l.hub, l.spoke, megabytes, 2*time.Minute))
			t.Logf("from charon's host: %.0f Mbit/s", transfer(t, l.spoke, l.hub, megabytes, 2*time.Minute))
			overflows(t, l.hub)
			overflows(t, l.spoke)
			wantPing(t, l.hub, 3)
			if _, _, failed := q.counters(t); failed != 0 {
				t.Errorf("%d errors:\n%s", failed, q.do(t, "show crypto ipsec sa"))
			}
			q.end(t)
			c.end(t)
			capture.end(t).wantProtected(t, 2*megabytes/65536)
			c.wantNoComplaint(t)
		})
	}
}

// TestVolume has pairs end by their kilobytes, the least that can be configured: at
// seven megabytes a second, where no packet is lost, and as fast as TCP goes, where
// the whole volume passes before a successor is there: packets wait too long, and
// charon, whose only pair is deleted, lets them out in clear.
func TestVolume(t *testing.T) {
	for _, test := range []struct {
		name     string
		rate     int64
		lossless bool
	}{
		{"paced", 7 << 20, true},
		{"as fast as it goes", 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := gcm
			x.ios = "crypto ipsec security-association lifetime kilobytes 2560\n"
			l := newLab(t)
			capture := startCapture(t, l)
			c := startCharon(t, l, l.spoke, x)
			q := startQmidle(t, l, l.hub, x, qmidlePath)
			wake(t, l.hub)
			var echoing []*echoes
			for _, s := range []*site{l.hub, l.spoke} {
				e, err := startEchoes(s, 600, 10*time.Millisecond, echoPatience)
				if err != nil {
					t.Fatal(err)
				}
				echoing = append(echoing, e)
			}
			for _, ends := range [][2]*site{{l.hub, l.spoke}, {l.spoke, l.hub}} {
				s := startStream(t, ends[0], ends[1], 20<<20, test.rate, time.Minute)
				t.Logf("%v: %.0f Mbit/s", s, s.wait(t))
			}
			lost := 0
			for _, e := range echoing {
				lost += e.tell(t)
			}
			late := overflows(t, l.hub) + overflows(t, l.spoke)
			if made := established(c.log(t)); made < 16 {
				t.Errorf("%d pairs of IPsec SAs, want one for every 2560 kilobytes", made)
			}
			wantPing(t, l.hub, 3)
			wantPing(t, l.spoke, 3)
			q.end(t)
			c.waitSAs(t, 0, 0)
			c.end(t)
			s := capture.end(t)
			leaks := s.charonsLeaks(t)
			s.wantProtected(t, 40<<20/65536)
			if !test.lossless {
				return
			}
			if lost > leaks && late == 0 {
				t.Errorf("%d echo requests were lost, and charon let %d packets out in clear", lost, leaks)
			}
			c.wantNoComplaint(t)
		})
	}
}

// overflows are the packets that the kernel has dropped because a gateway did not
// take them in time, which on a busy machine is nobody's fault.
func overflows(t *testing.T, s *site) int {
	t.Helper()
	snmp := command(t, "ip", "netns", "exec", s.ns, "cat", "/proc/net/snmp")
	var names []string
	for line := range strings.Lines(snmp) {
		fields := strings.Fields(line)
		if fields[0] != "Udp:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		n, err := strconv.Atoi(fields[slices.Index(names, "RcvbufErrors")])
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d packets were not taken in time at the %s", n, s.name)
		return n
	}
	t.Fatalf("no counters of UDP in:\n%s", snmp)
	return 0
}
