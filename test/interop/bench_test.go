//go:build interop && bench

package interop

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	benchRounds  = flag.Int("rounds", 5, "rounds of the benchmark of tunnels")
	benchSeconds = flag.Int("seconds", 4, "seconds of each measurement")
	benchOnly    = flag.String("only", "", "tunnels to measure: words of their names, with commas between")
	benchEarlier = flag.String("earlier", "", "another build of qmidle, to be measured too")
	benchSmall   = flag.Bool("small", true, "measure packets of 64 octets too")
)

// smallPayload makes IP packets of 64 octets.
const smallPayload = 64 - 20 - 8

// contender is a way from host to host, with what moves its packets.
type contender struct {
	name string
	open func(*testing.T) (l *lab, hub, spoke *process)

	lab        *lab
	hub, spoke *process // nil: the kernel
	bulk       []sample
	small      []sample
}

// sample is one measurement. Rates are of what was received, CPU is in seconds
// of the processes: the gateways' and iperf3's.
type sample struct {
	amount                         float64 // Gbit, or millions of packets
	seconds                        float64
	sender, receiver, client, sink float64
}

// TestBenchTunnel measures tunnels against each other, in rounds, so that what
// else the machine does troubles them all. Packets go from the hub to the spoke.
func TestBenchTunnel(t *testing.T) {
	cbc, tunnels := usual, []*contender{{name: "plain veth", open: plainTunnel}}
	add := func(name string, open func(*testing.T) (*lab, *process, *process)) {
		tunnels = append(tunnels, &contender{name: name, open: open})
	}
	for _, x := range []struct {
		name string
		setup
	}{{"GCM", gcm}, {"CBC/SHA-1", cbc}} {
		add("qmidle "+x.name+" UDP", qmidleTunnel(x.setup, true, qmidlePath))
		add("qmidle "+x.name+" raw", qmidleTunnel(x.setup, false, qmidlePath))
		if *benchEarlier != "" {
			earlier := func() (string, error) { return *benchEarlier, nil }
			add("earlier "+x.name+" UDP", qmidleTunnel(x.setup, true, earlier))
			add("earlier "+x.name+" raw", qmidleTunnel(x.setup, false, earlier))
		}
		add("charon "+x.name+" UDP", charonTunnel(x.setup))
	}
	add("wireguard-go", wireguardTunnel)
	tunnels = chosen(tunnels)
	for _, c := range tunnels {
		c.lab, c.hub, c.spoke = c.open(t)
		wake(t, c.lab.hub)
		c.measure(t, 1) // so that what is slow at first is over
	}
	for round := range *benchRounds {
		for _, c := range tunnels {
			c.bulk = append(c.bulk, c.measure(t, *benchSeconds))
			if *benchSmall {
				c.small = append(c.small, c.measure(t, *benchSeconds, "-u", "-b", "0", "-l", strconv.Itoa(smallPayload)))
			}
		}
		t.Logf("round %d of %d", round+1, *benchRounds)
	}
	fmt.Print(report(tunnels))
}

func chosen(tunnels []*contender) (out []*contender) {
	for _, c := range tunnels {
		for word := range strings.SplitSeq(*benchOnly, ",") {
			if strings.Contains(c.name, word) {
				out = append(out, c)
				break
			}
		}
	}
	return out
}

func plainTunnel(t *testing.T) (*lab, *process, *process) { return newWireLab(t), nil, nil }

// newWireLab is a lab whose gateways are at the two ends of one wire: a bridge
// between them would cost more for each packet than some of what is measured.
func newWireLab(t *testing.T) *lab {
	t.Helper()
	l := newLab(t)
	for _, s := range []*site{l.hub, l.spoke} {
		command(t, "ip", "-n", s.ns, "link", "del", "wan0")
	}
	command(t, "ip", "-n", l.hub.ns, "link", "add", "wan0", "type", "veth", "peer", "name", "wan0", "netns", l.spoke.ns)
	for _, s := range []*site{l.hub, l.spoke} {
		command(t, "ip", "-n", s.ns, "addr", "add", s.outside+"/24", "dev", "wan0")
		command(t, "ip", "-n", s.ns, "link", "set", "wan0", "up")
		command(t, "ip", "-n", s.ns, "route", "add", "default", "via", s.nextHop)
	}
	return l
}

// qmidleTunnel has the volume of its SAs last for the whole of it.
func qmidleTunnel(x setup, udp bool, binary func() (string, error)) func(*testing.T) (*lab, *process, *process) {
	x.ios = "crypto ipsec security-association lifetime kilobytes 4294967295\n"
	return func(t *testing.T) (*lab, *process, *process) {
		l := newWireLab(t)
		if udp {
			pretendNAT(t, l.hub)
		}
		hub, spoke := startQmidle(t, l, l.hub, x, binary), startQmidle(t, l, l.spoke, x, binary)
		wake(t, l.hub)
		if port := hub.ident(t).PeerPort; (port == 4500) != udp {
			t.Fatalf("the peer's port is %d", port)
		}
		return l, hub.process, spoke.process
	}
}

// pretendNAT changes the port of a gateway's first messages on their way, as a
// NAT does, so that it and its peer take to UDP, and leaves alone all that
// comes after.
func pretendNAT(t *testing.T, s *site) {
	t.Helper()
	nft := exec.Command("ip", "netns", "exec", s.ns, "nft", "-f", "-")
	nft.Stdin = strings.NewReader(`table ip pretend {
	chain out {
		type filter hook output priority raw
		udp sport 500 udp sport set 20500
	}
	chain in {
		type filter hook prerouting priority raw
		udp dport 20500 udp dport set 500
	}
}
`)
	if out, err := nft.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v\n%s", err, out)
	}
}

func charonTunnel(x setup) func(*testing.T) (*lab, *process, *process) {
	return func(t *testing.T) (*lab, *process, *process) {
		l := newWireLab(t)
		hub, spoke := startCharon(t, l, l.hub, x), startCharon(t, l, l.spoke, x)
		spoke.initiate(t)
		hub.waitSAs(t, 1, 1)
		return l, hub.process, spoke.process
	}
}

// measure runs iperf3 from the hub's host to the spoke's.
func (c *contender) measure(t *testing.T, seconds int, args ...string) sample {
	t.Helper()
	server := exec.Command("ip", "netns", "exec", c.lab.spoke.hostNS, "iperf3", "-s", "-1")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	listening := func() (bool, string) {
		out := command(t, "ip", "netns", "exec", c.lab.spoke.hostNS, "ss", "-Hltn", "sport", "=", "5201")
		return out != "", out
	}
	eventually(t, "iperf3's port", 10*time.Second, listening)
	sender, receiver := processorTime(t, c.hub), processorTime(t, c.spoke)
	client := exec.Command("ip", append([]string{"netns", "exec", c.lab.hub.hostNS,
		"iperf3", "-J", "-c", c.lab.spoke.host, "-t", strconv.Itoa(seconds)}, args...)...)
	out, err := client.Output()
	if err != nil {
		server.Process.Kill()
		server.Wait()
		t.Fatalf("%s: iperf3: %v\n%s", c.name, err, out)
	}
	if err := server.Wait(); err != nil {
		t.Fatalf("%s: iperf3 -s: %v", c.name, err)
	}
	s := readResult(t, out)
	s.sender, s.receiver = processorTime(t, c.hub)-sender, processorTime(t, c.spoke)-receiver
	s.client, s.sink = ownTime(client.ProcessState), ownTime(server.ProcessState)
	return s
}

// readResult reads what iperf3 says of its run.
func readResult(t *testing.T, text []byte) sample {
	t.Helper()
	var result struct {
		End struct {
			Received struct {
				Bytes, Seconds float64
			} `json:"sum_received"`
			Sum struct {
				Seconds     float64
				PacketsSent float64 `json:"packets"`
				PacketsLost float64 `json:"lost_packets"`
			} `json:"sum"`
		}
	}
	if err := json.Unmarshal(text, &result); err != nil {
		t.Fatalf("iperf3: %v\n%s", err, text)
	}
	if sum := result.End.Sum; sum.PacketsSent > 0 {
		return sample{amount: (sum.PacketsSent - sum.PacketsLost) / 1e6, seconds: sum.Seconds}
	}
	return sample{amount: result.End.Received.Bytes * 8 / 1e9, seconds: result.End.Received.Seconds}
}

func ownTime(p *os.ProcessState) float64 { return (p.UserTime() + p.SystemTime()).Seconds() }

// processorTime is what a process has used so far, in seconds.
func processorTime(t *testing.T, p *process) float64 {
	t.Helper()
	if p == nil {
		return 0
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	// The name may hold blanks; it is in parentheses.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const hertz, user, system = 100, 11, 12 // USER_HZ; utime and stime, counted from behind the name
	ticks := 0
	for _, at := range []int{user, system} {
		n, err := strconv.Atoi(fields[at])
		if err != nil {
			t.Fatalf("%s: %v", stat, err)
		}
		ticks += n
	}
	return float64(ticks) / hertz
}
