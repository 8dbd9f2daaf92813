//go:build integration

package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"qmidle/test/flood"
)

var (
	floodRate   = flag.Int("flood-rate", 30000, "packets a second of a flood")
	floodLength = flag.Duration("flood-length", 5*time.Second, "how long each flood takes")
	floodKinds  = flag.String("flood-kinds", kindNames(), "what floods are made of")
	floodReport = flag.String("flood-report", "", "file to append a line of figures to")
)

// kindNames are all of test/flood.
func kindNames() string {
	var names []string
	for _, k := range flood.Kinds {
		names = append(names, string(k))
	}
	return strings.Join(names, ",")
}

// floodSender makes the test's program the flood that it names.
const floodSender = "QMIDLE_FLOOD"

func init() {
	text := os.Getenv(floodSender)
	if text == "" {
		return
	}
	var f flood.Flood
	err := json.Unmarshal([]byte(text), &f)
	if err == nil {
		var sent flood.Sent
		if sent, err = f.Send(); err == nil {
			json.NewEncoder(os.Stdout).Encode(sent)
			os.Exit(0)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// attacked is where the hub is attacked from, and where a new peer is: each by a link
// of its own. What the hub answers to the flood goes to the attacker, who throws it
// away.
const attacked = `
for n in bad new; do ip netns add qgw-$n; ip -n qgw-$n link set lo up
  ip netns exec qgw-$n sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1; done
ip -n qgw-hub link add bad0 type veth peer name bad0 netns qgw-bad
ip -n qgw-hub link add new0 type veth peer name wan0 netns qgw-new
ip -n qgw-hub addr add 192.1.8.1/24 dev bad0; ip -n qgw-bad addr add 192.1.8.2/24 dev bad0
ip -n qgw-hub addr add 192.1.9.1/24 dev new0; ip -n qgw-new addr add 192.1.9.2/24 dev wan0
ip -n qgw-new link add lan0 type veth peer name lan1; ip -n qgw-new addr add 192.168.9.1/24 dev lan0
for i in bad0 new0; do ip -n qgw-hub link set $i up; done
ip -n qgw-bad link set bad0 up; ip -n qgw-new link set wan0 up; ip -n qgw-new link set lan0 up; ip -n qgw-new link set lan1 up
ip -n qgw-hub route add default via 192.1.8.2; ip -n qgw-new route add default via 192.1.9.1
for i in all bad0 new0 wan0; do ip netns exec qgw-hub sysctl -qw net.ipv4.conf.$i.rp_filter=0; done
`

// newPeer is a configuration of a site that the hub does not know by its address.
func newPeer(t *testing.T) string {
	return adapt(t, "spoke", "192.1.1.42", "192.1.9.2", "hostname spoke", "hostname new", " group 1\n", " group 2\n",
		"192.168.3.1 255", "192.168.9.1 255", "permit ip 192.168.3.0", "permit ip 192.168.9.0", "ip route 192.168.2.0 255.255.255.0 192.1.1.40\n", "ip route 192.168.2.0 255.255.255.0 192.1.9.1\n")
}

// attackedHub has the example's tunnel, and takes anybody with the key.
func attackedHub(t *testing.T) string {
	return adapt(t, "hub", "crypto isakmp policy 1\n", "crypto isakmp fragmentation\ncrypto isakmp policy 1\n", "key-change-me address 192.1.1.42\n", "key-change-me address 0.0.0.0 0.0.0.0\n", " group 1\n", " group 2\n",
		"crypto map SITES 10 ipsec-isakmp\n", "crypto dynamic-map ANY 10\n set transform-set AES-SHA\n!\ncrypto map SITES 100 ipsec-isakmp dynamic ANY\ncrypto map SITES 10 ipsec-isakmp\n")
}

// memory is the resident set of a process in MB, and the most that it was.
func memory(t *testing.T, pid int) (now, most int) {
	t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	field := func(name string) int {
		x := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(status)
		if x == nil {
			t.Fatalf("process %d has ended: its status has no %s", pid, name)
		}
		n, _ := strconv.Atoi(string(x[1]))
		return n >> 10
	}
	return field("VmRSS"), field("VmHWM")
}

// computed is how long a process has computed.
func computed(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndex(string(text), ")")+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

const (
	// upWithin is how soon a new peer is up in a flood. One whose first message is
	// among those that the gateway had no time for comes in by its second, which this
	// gateway sends after ten seconds, as IOS does.
	upWithin   = 10 * time.Second
	upBySecond = 12 * time.Second
)

// memoryBound is what the gateway holds at most in a flood, in MB.
const memoryBound = 256

// attack is a gateway that floods come to, with a tunnel.
type attack struct {
	binary     string
	hub, spoke *gatewayProcess
	spis       []string
}

// Floods of each kind (-flood-kinds) from addresses of nobody (-flood-rate,
// -flood-length): the tunnel stays, with all of its packets and dead peer detection; a
// new peer, whose address nobody knows, is up within ten seconds; memory stays under
// its bound; and who asks is told what goes on, and how much of it there was.
func TestFlood(t *testing.T) {
	binary := attackedNetwork(t)
	for _, kind := range strings.Split(*floodKinds, ",") {
		t.Run(kind, func(t *testing.T) {
			a := newAttack(t, binary, attackedHub(t))
			a.flood(t, flood.Kind(kind), "this gateway", a.newGateway)
			a.end(t)
		})
	}
}

// attackedNetwork is network, with the attacker's and the new peer's.
func attackedNetwork(t *testing.T) (binary string) {
	t.Helper()
	binary = network(t)
	remove := func() {
		exec.Command("ip", "netns", "del", "qgw-bad").Run()
		exec.Command("ip", "netns", "del", "qgw-new").Run()
	}
	remove()
	t.Cleanup(remove)
	sh(t, attacked)
	return binary
}

// newAttack has the tunnel up.
func newAttack(t *testing.T, binary, config string) *attack {
	t.Helper()
	a := &attack{binary: binary, hub: serveFile(t, binary, "hub", config), spoke: serveFile(t, binary, "spoke", adapt(t, "spoke", " group 1\n", " group 2\n"))}
	if out := pingHost(t, "ls", "-c 2 -W 2 192.168.2.10"); !strings.Contains(out, " 2 received") {
		t.Fatal(out)
	}
	a.spis = a.spoke.spis(t)
	return a
}

func (a *attack) end(t *testing.T) {
	t.Helper()
	for _, g := range []*gatewayProcess{a.spoke, a.hub} {
		if err := g.end(t, syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	}
}

// flood is one of a kind, in which a peer comes up that the hub does not know; comeUp
// returns how long it took until its first packet, and after it the peer may go.
func (a *attack) flood(t *testing.T, kind flood.Kind, who string, comeUp func(*testing.T) time.Duration) {
	pid := a.hub.cmd.Process.Pid
	before, _ := memory(t, pid)
	busy, counted := computed(t, pid), a.hub.admission(t)

	sender := sendFlood(t, kind)
	pings := begin(t, "ls", "ping", "-n", "-c", strconv.Itoa(pingsOf(*floodLength)), "-i", "0.02", "-W", "5", "192.168.2.10")
	eventually(t, "the flood to be seen", func() bool { return a.hub.admission(t).of(kind) > counted.of(kind)+1000 })
	took := comeUp(t)
	unseen := a.hub.admission(t).Overrun - counted.Overrun
	if took > upWithin && (took > upBySecond || unseen == 0) {
		t.Errorf("%s was up in %v; %d first messages were not looked at", who, took, unseen)
	}
	if out := a.hub.ask(t, 0, "explain"); floodNames[kind] == "" || !strings.Contains(out, floodNames[kind]) {
		t.Errorf("explain says nothing of %q:\n%s", floodNames[kind], out)
	}

	sent := sender.sent(t)
	busy = computed(t, pid) - busy
	pings.wantNoneLost(t)
	_, most := memory(t, pid) // what is asked for below takes more for a moment
	if most > memoryBound {
		t.Errorf("%d MB are more than %d", most, memoryBound)
	}
	a.wantUndisturbed(t)
	rate := float64(sent.Datagrams) / sent.Took.Seconds()
	if rate < 0.9*float64(*floodRate) {
		t.Logf("the machine sent %.0f a second, not %d", rate, *floodRate)
	}
	line := fmt.Sprintf("%s: %d sent in %.1f s, %.0f a second; %s; %s was up in %.1f s; memory %d MB before, %d at most; %.0f %% of a core\n",
		kind, sent.Datagrams, sent.Took.Seconds(), rate, a.hub.admission(t).since(counted), who, took.Seconds(), before, most, 100*busy.Seconds()/sent.Took.Seconds())
	t.Log(line)
	report(t, line)
}

// sent waits for the end of a flood.
func (r *running) sent(t *testing.T) (sent flood.Sent) {
	t.Helper()
	err := r.waitFor(t, *floodLength+20*time.Second)
	if err == nil {
		err = json.Unmarshal([]byte(r.out.String()), &sent)
	}
	if err != nil {
		t.Fatalf("the flood: %v\n%s", err, &r.out)
	}
	return sent
}

// wantNoneLost waits for the end of a ping.
func (r *running) wantNoneLost(t *testing.T) {
	t.Helper()
	if err := r.waitFor(t, 30*time.Second); err != nil || !strings.Contains(r.out.String(), " 0% packet loss") {
		text := r.out.String()
		t.Errorf("pings through the tunnel: %v\n%s", err, text[max(0, len(text)-300):])
	}
}

// newGateway is one of this make, in main mode.
func (a *attack) newGateway(t *testing.T) time.Duration {
	t.Helper()
	fresh := serveFile(t, a.binary, "new", newPeer(t))
	begun := time.Now()
	reaches(t, "192.168.9.1")
	took := time.Since(begun)
	if err := fresh.end(t, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	return took
}

// reaches waits until an echo request from an address of the new peer is answered by
// the host behind the hub.
func reaches(t *testing.T, from string) {
	t.Helper()
	up := begin(t, "new", "ping", "-n", "-c", "200", "-i", "0.2", "-W", "1", "-I", from, "192.168.2.10")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * upBySecond); !strings.Contains(up.out.String(), "bytes from"); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("no echo request from %s is answered", from)
		}
	}
	up.end(t, syscall.SIGTERM)
}

// wantUndisturbed fails unless the tunnel is what it was before.
func (a *attack) wantUndisturbed(t *testing.T) {
	t.Helper()
	if now := a.spoke.spis(t); len(now) == 0 || strings.Join(now, "") != strings.Join(a.spis, "") {
		t.Errorf("the tunnel is another: %v, and was %v", now, a.spis)
	}
	for _, g := range []*gatewayProcess{a.hub, a.spoke} {
		if out := g.ask(t, 0, "show", "crypto", "isakmp", "history"); strings.Contains(out, "peer_dead") {
			t.Errorf("dead peer detection at the %s:\n%s", g.ns, out)
		}
	}
	if !strings.Contains(a.hub.logged(t), "qmidle: a flood: ") {
		t.Errorf("the log says nothing:\n%s", a.hub.logged(t))
	}
}

// pingsOf are as many as nearly fill the flood's length, 20 ms apart.
func pingsOf(length time.Duration) int { return int(length / (21 * time.Millisecond)) }

// sendFlood begins the flood.
func sendFlood(t *testing.T, kind flood.Kind) *running {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	mac, err := net.ParseMAC(strings.TrimSpace(sh(t, "ip netns exec qgw-hub cat /sys/class/net/bad0/address")))
	if err != nil {
		t.Fatal(err)
	}
	f := flood.Flood{Kind: kind, Device: "bad0", To: netip.MustParseAddr("192.1.1.40"), MAC: mac, Rate: *floodRate, Length: *floodLength, Sources: netip.MustParsePrefix("16.0.0.0/4")}
	if kind == flood.MadeUpCookies || kind == flood.UnknownSPIs { // also as if from the peer
		f.Peer = netip.MustParseAddr("192.1.1.42")
	}
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return begin(t, "bad", "env", floodSender+"="+string(text), self)
}

// report appends a line to the file that was asked for.
func report(t *testing.T, line string) {
	t.Helper()
	if *floodReport == "" {
		return
	}
	file, err := os.OpenFile(filepath.Clean(*floodReport), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(line); err != nil {
		t.Fatal(err)
	}
}

// admitted is what `show crypto call admission statistics` says.
type admitted struct {
	InAccepted uint64 `json:"incoming_accepted"`
	Stubs      uint64 `json:"answered_without_record"`
	Returned   uint64 `json:"came_back"`
	ByRate     uint64 `json:"refused_by_rate"`
	ByPrefix   uint64 `json:"refused_by_prefix"`
	Overrun    uint64 `json:"unseen"`
	Strays     uint64 `json:"of_no_sa"`
	Fragments  uint64 `json:"fragments"`
	ESP        uint64 `json:"esp_of_no_sa"`
}

// of is how many of a kind of flood were seen.
func (a admitted) of(kind flood.Kind) uint64 {
	switch kind {
	case flood.MadeUpCookies:
		return a.Strays
	case flood.UnknownSPIs:
		return a.ESP
	case flood.Fragments:
		return a.Fragments
	}
	return a.Stubs
}

func (a admitted) since(b admitted) string {
	return fmt.Sprintf("%d with a record, %d without (%d came back), %d refused by rate, %d by prefix, %d unseen, %d of no SA, %d fragments, %d of ESP",
		a.InAccepted-b.InAccepted-(a.Stubs-b.Stubs), a.Stubs-b.Stubs, a.Returned-b.Returned, a.ByRate-b.ByRate, a.ByPrefix-b.ByPrefix, a.Overrun-b.Overrun,
		a.Strays-b.Strays, a.Fragments-b.Fragments, a.ESP-b.ESP)
}

// floodNames are what `explain` calls them.
var floodNames = map[flood.Kind]string{
	flood.FirstMessages: "first messages", flood.Marked: "first messages", flood.MadeUpCookies: "messages of no SA",
	flood.UnknownSPIs: "ESP of no SA", flood.Fragments: "fragments of first messages",
}

func (g *gatewayProcess) admission(t *testing.T) (a admitted) {
	t.Helper()
	out, err := exec.Command(g.binary, "-s", g.socket, "--json", "show", "crypto", "call", "admission", "statistics").Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatal(err)
	}
	return a
}
