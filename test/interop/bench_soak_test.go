//go:build interop && bench

package interop

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	soakTunnels = flag.Int("soak-tunnels", 1000, "tunnels of the soak")
	soakLength  = flag.Duration("soak", 30*time.Minute, "how long the soak takes")
	soakRate    = flag.Int("soak-rate", 1000, "echo requests a second through all tunnels")
	soakDrop    = flag.Int("soak-uncounted", 0, "drop one of so many packets that come to the gateway, and do not count it: the soak must fail")
)

// soakLoss loses one of a hundred IKE messages and of a hundred ESP packets that come,
// and counts all. What goes out is lost where it comes: a sender whose own host drops
// it is told.
const soakLoss = `table ip soak {
	counter ike_seen { }
	counter ike_lost { }
	counter esp_seen { }
	counter esp_lost { }
	chain in {
		type filter hook input priority 0;
		udp dport { 500, 4500 } jump messages
		ip protocol esp jump packets
	}
	chain messages {
		counter name ike_seen
		numgen random mod 100 == 0 counter name ike_lost drop
	}
	chain packets {
		counter name esp_seen
		numgen random mod 100 == 0 counter name esp_lost drop
	}
}
`

// soakCount counts what the host behind the gateway is asked and answers.
const soakCount = `table ip soak {
	counter asked { }
	counter answered { }
	chain in {
		type filter hook input priority 0;
		icmp type echo-request counter name asked
	}
	chain out {
		type filter hook output priority 0;
		icmp type echo-reply counter name answered
	}
}
`

const (
	// soakPhase1 is the lifetime of the sites' ISAKMP SAs, in seconds.
	soakPhase1 = 300
	// soakTrace has Go print what each collection of garbage leaves, and all
	// goroutines each ten seconds.
	soakTrace = "GODEBUG=gctrace=1,schedtrace=10000,scheddetail=1"
)

func loadRules(t *testing.T, ns, rules string) {
	t.Helper()
	load := exec.Command("ip", "netns", "exec", ns, "nft", "-f", "-")
	load.Stdin = strings.NewReader(rules)
	if out, err := load.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestSoak keeps tunnels up for a long time with short lifetimes, dead peer detection
// from both ends, echo requests through each, and a hundredth of all IKE messages and
// ESP packets lost on either way: no tunnel is lost, no packet beyond those that the
// filters have counted, each negotiation is counted by both ends, and memory,
// goroutines and descriptors of the gateway are flat.
func TestSoak(t *testing.T) {
	l := newField(t)
	loadRules(t, l.hub.ns, soakLoss)
	loadRules(t, l.spoke.ns, soakLoss)
	loadRules(t, l.hub.hostNS, soakCount)
	if *soakDrop > 0 {
		loadRules(t, l.hub.ns, fmt.Sprintf("table ip uncounted {\n chain in {\n type filter hook input priority 10;\n ip protocol esp numgen random mod %d == 0 drop\n }\n}\n", *soakDrop))
	}
	q := newQmidle(t, l, l.hub, qmidlePath)
	q.write(t, q.keptConfig())
	q.serveBy(t, "env", soakTrace)
	n := *soakTunnels
	c := startCrowd(t, l, "-sites", strconv.Itoa(n), "-group", "19", "-window", "64", "-retransmit", "5s", "-dpd", "30s",
		"-phase1", strconv.Itoa(soakPhase1), "-phase2", strconv.Itoa(sizeLife), "-interval", "250ms", "-rate", strconv.Itoa(*soakRate))
	c.waitUp(t, n, 5*time.Minute)
	q.watch(t, c, 2*sizeLife*time.Second, func() {}) // until all that will be kept is there
	settled := len(q.output.String())
	moments := q.watch(t, c, *soakLength, func() {})
	first, last := moments[0], moments[len(moments)-1]
	t.Logf("%d tunnels for %v: %d pairs and %d ISAKMP SAs renewed, %d tunnels lost, %d negotiations failed, %.1f %% of a core",
		n, *soakLength, last.crowd.Renewed-first.crowd.Renewed, last.crowd.Phase1-first.crowd.Phase1, last.crowd.Lost, last.crowd.Failed, 100*(last.cpu-first.cpu)/soakLength.Seconds())
	if last.crowd.Lost+last.crowd.Failed > 0 || last.crowd.Up < n {
		t.Errorf("tunnels were lost or failed: %+v", last.crowd)
	}
	q.wantFlat(t, moments, q.output.String()[settled:])
	c.wantAccount(t, l)
	for _, name := range []string{"phase 1 negotiations failed", "phase 2 negotiations failed"} {
		if failed := q.number(t, name); failed > 0 {
			t.Errorf("%s: %d", name, failed)
		}
	}
	c.wantCounted(t, l, q)
	t.Log(q.do(t, "show crypto isakmp statistics"))
	c.end()
	q.wantNothingLeft(t)
	q.stop(t, syscall.SIGTERM)
}

// wantNothingLeft fails where the gateway keeps an SA. One whose delete was lost ends
// with its lifetime: nobody answers a delete.
func (q *qmidle) wantNothingLeft(t *testing.T) {
	t.Helper()
	eventually(t, "no SA at the gateway", (soakPhase1+30)*time.Second, func() (bool, string) {
		sas, pairs := strings.Count(q.do(t, "show crypto isakmp sa"), "QM_IDLE"), strings.Count(q.do(t, "show crypto ipsec sa"), "\n      spi: 0x")
		return sas+pairs == 0, fmt.Sprintf("%d ISAKMP SAs and %d IPsec SAs", sas, pairs)
	})
}

// wantFlat fails where the gateway grows: output is what Go has printed of it.
func (q *qmidle) wantFlat(t *testing.T, moments []moment, output string) {
	t.Helper()
	var rss, files []float64
	for _, m := range moments {
		rss, files = append(rss, m.rss), append(files, m.files)
	}
	for _, x := range []struct {
		what        string
		values      []float64
		share, some float64
	}{
		{"resident memory in MB", rss, 0.1, 0},
		{"heap after a collection in MB", heaps(output), 0.1, 1}, // Go prints whole ones
		{"goroutines", goroutines(output), 0, 0},
		{"file descriptors", files, 0, 0},
	} {
		first, last, fault := growth(x.what, x.values, x.share, x.some)
		t.Logf("%s: %.1f in the first quarter, %.1f in the last, of %d values", x.what, first, last, len(x.values))
		if fault != "" {
			t.Error(fault)
		}
	}
}

// openFiles is how many descriptors a process has.
func openFiles(t *testing.T, p *process) float64 {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return float64(len(list))
}

// wantAccount ends the traffic and fails for each packet that nobody has counted.
func (c *crowd) wantAccount(t *testing.T, l *lab) {
	t.Helper()
	fmt.Fprintln(c.input, "rest")
	var a account
	deadline := time.Now().Add(20 * time.Second) // for what is on its way
	eventually(t, "an account of the packets", time.Minute, func() (bool, string) {
		in, out, host := filterCounters(t, l.hub.ns, "soak"), filterCounters(t, l.spoke.ns, "soak"), filterCounters(t, l.hub.hostNS, "soak")
		s := c.next(t)
		a = account{sent: s.Sent, inSeen: in["esp_seen"], inLost: in["esp_lost"], asked: host["asked"], answered: host["answered"],
			outSeen: out["esp_seen"], outLost: out["esp_lost"], received: s.Answered, twice: s.Twice, strange: s.Strange}
		for _, n := range s.Refused {
			a.refused += n
		}
		return len(a.faults()) == 0 || time.Now().After(deadline), ""
	})
	t.Logf("packets: %+v; IKE messages in: %v, out: %v", a, filterCounters(t, l.hub.ns, "soak"), filterCounters(t, l.spoke.ns, "soak"))
	for _, fault := range a.faults() {
		t.Errorf("packets are missing: %s", fault)
	}
	if t.Failed() {
		t.Logf("%+v", c.last())
		l.logKernel(t)
	}
	if a.inLost == 0 || a.outLost == 0 {
		t.Error("no packet was lost on its way, so that nothing is shown")
	}
}

// wantCounted ends the loss and fails where the two ends have counted other numbers
// of negotiations since they began. The sites are looked at before and after the
// gateway, until they have counted nothing in between.
func (c *crowd) wantCounted(t *testing.T, l *lab, q *qmidle) {
	t.Helper()
	for _, ns := range []string{l.hub.ns, l.spoke.ns} {
		command(t, "ip", "netns", "exec", ns, "nft", "flush", "chain", "ip", "soak", "messages")
	}
	var phase1, phase2 uint64
	eventually(t, "the same counts at both ends", time.Minute, func() (bool, string) {
		before := c.next(t)
		phase1, phase2 = q.number(t, "phase 1 negotiations up"), q.number(t, "phase 2 negotiations up")
		after := c.next(t)
		quiet := before.Phase1 == after.Phase1 && before.pairs() == after.pairs()
		return quiet && phase1 == after.Phase1 && phase2 == after.pairs(), fmt.Sprintf("%d and %d at the gateway; %+v at the sites", phase1, phase2, after)
	})
	t.Logf("%d ISAKMP SAs and %d pairs since the beginning, as both ends counted", phase1, phase2)
}

// pairs are all that came up.
func (s standing) pairs() uint64 { return s.Established + s.Renewed }

// next is how the crowd stands at a moment that is still to come.
func (c *crowd) next(t *testing.T) standing {
	t.Helper()
	now := float64(time.Now().UnixMicro()) / 1e6
	eventually(t, "the crowd's next line", 30*time.Second, func() (bool, string) { return c.last().Time > now, "" })
	return c.last()
}

// number is a counter of `show crypto isakmp statistics`.
func (q *qmidle) number(t *testing.T, name string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(q.statistic(t, name), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
