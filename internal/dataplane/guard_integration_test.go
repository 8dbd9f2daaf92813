//go:build integration

package dataplane

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"qmidle/internal/ipsec"
)

// wantLost is what ping says of packets that did not pass.
const wantLost = "100% packet loss"

func guarded(t testing.TB, g *gateway) GuardCounters {
	t.Helper()
	c, err := g.host.GuardCounters()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually waits for what another goroutine or the kernel does.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); !cond(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

// TestGuardHoldsWithoutRulesAndDevice takes all away that leads packets into
// the device: what is left is the default route by which they could leave.
func TestGuardHoldsWithoutRulesAndDevice(t *testing.T) {
	lab(t)
	h := openGateway(t, nsHub, hub, nil)
	wantPing(t, nsHubHost, "-c 1 192.168.3.10", "1 received")
	setPolicies(t, h, permit("192.168.2.0/24", "192.168.3.0/24"))
	count := clearText(t)
	if err := h.host.Cleanup(); err != nil {
		t.Fatal(err)
	}
	wantPing(t, nsHubHost, "-c 3 -W 1 192.168.3.10", wantLost)
	wantPing(t, nsHub, "-c 1 -W 1 -I 192.168.2.1 192.168.3.10", wantLost)
	if c := guarded(t, h); c.Out != 4 || c.In != 0 {
		t.Errorf("counters %+v", c)
	}
	if n := h.Stats().Drops[ipsec.DropLeavesClear]; n != 4 {
		t.Errorf("%d drops", n)
	}
	eventually(t, "the event", func() (told bool) {
		h.note(func() { told = h.drops[ipsec.DropLeavesClear] > 0 })
		return told
	})
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	wantPing(t, nsHubHost, "-c 1 -W 1 192.168.3.10", wantLost)
	if n := count(); n != 0 {
		t.Errorf("%d packets in clear", n)
	}
	// Other traffic was never the guard's business.
	wantPing(t, nsHubHost, "-c 1 192.1.1.42", "1 received")
	if err := h.host.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.host.GuardCounters(); !errors.Is(err, ErrNoGuard) {
		t.Errorf("counters after the release: %v", err)
	}
	wantPing(t, nsHubHost, "-c 1 192.168.3.10", "1 received")
}

// TestClearTextToTheGatewayItself has a spoke without IPsec that sends to
// addresses which the kernel delivers before it asks any rule.
func TestClearTextToTheGatewayItself(t *testing.T) {
	lab(t)
	run(t, "ip netns exec qdp-hub sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.wan0.rp_filter=0; ip -n qdp-hub addr add 192.168.2.7/32 dev lo")
	h := openGateway(t, nsHub, hub, nil)
	for _, to := range []string{"192.168.2.1", "192.168.2.7", "192.168.2.10"} {
		wantPing(t, nsSpokeHost, "-c 1 "+to, "1 received")
	}
	setPolicies(t, h, permit("192.168.2.0/24", "192.168.3.0/24"))
	for _, to := range []string{"192.168.2.1", "192.168.2.7", "192.168.2.10"} {
		wantPing(t, nsSpokeHost, "-c 1 -W 1 "+to, wantLost)
	}
	if c := guarded(t, h); c.In != 3 || c.Out != 0 {
		t.Errorf("counters %+v", c)
	}
	// From the inside, under an address of the other side.
	run(t, "ip -n qdp-lh addr add 192.168.3.77/32 dev eth0")
	wantPing(t, nsHubHost, "-c 1 -W 1 -I 192.168.3.77 192.168.2.1", wantLost)
	wantPing(t, nsHubHost, "-c 1 192.168.2.1", "1 received")
	if c := guarded(t, h); c.In != 4 {
		t.Errorf("counters %+v", c)
	}
}

// TestGuardFollowsNoInterface gives the hub other ways out: the guard looks at
// packets, not at routes.
func TestGuardFollowsNoInterface(t *testing.T) {
	lab(t)
	h := openGateway(t, nsHub, hub, nil)
	setPolicies(t, h, permit("192.168.2.0/24", "192.168.3.0/24"))
	count := clearText(t)
	if err := h.host.RemovePolicy(); err != nil {
		t.Fatal(err)
	}
	run(t, "ip -n qdp-hub link set wan0 down; ip -n qdp-hub link set wan0 name wan9; ip -n qdp-hub link set wan9 up")
	run(t, "ip -n qdp-hub addr add 10.77.0.1/24 dev wan9; ip -n qdp-spoke addr add 10.77.0.2/24 dev wan0; ip -n qdp-hub route replace default via 10.77.0.2")
	run(t, "ip netns exec qdp-hub nft 'add table ip t; add chain ip t c { type nat hook postrouting priority 100; }; add rule ip t c oifname wan9 masquerade'")
	wantPing(t, nsHubHost, "-c 2 -W 1 192.168.3.10", wantLost)
	// What becomes protected by translation does not leave either.
	run(t, "ip -n qdp-lh addr add 172.16.0.9/32 dev eth0; ip -n qdp-hub route add 172.16.0.9 dev lan0")
	wantPing(t, nsHubHost, "-c 1 -I 172.16.0.9 192.168.3.10", "1 received")
	run(t, "ip netns exec qdp-hub nft 'flush chain ip t c; add rule ip t c ip saddr 172.16.0.9 snat to 192.168.2.99'")
	before := guarded(t, h).Out
	wantPing(t, nsHubHost, "-c 1 -W 1 -I 172.16.0.9 192.168.3.10", wantLost)
	if c := guarded(t, h); c.Out != before+1 {
		t.Errorf("counters %+v after %d", c, before)
	}
	if n := count(); n != 0 {
		t.Errorf("%d packets in clear", n)
	}
}

func TestRemovedDeviceIsMadeAnew(t *testing.T) {
	lab(t)
	h, s := openGateway(t, nsHub, hub, nil), openGateway(t, nsSpoke, spoke, nil)
	setPolicies(t, h, permit("192.168.2.0/24", "192.168.3.0/24"))
	setPolicies(t, s, permit("192.168.3.0/24", "192.168.2.0/24"))
	connect(t, h, s, true, false)
	count := clearText(t)
	flood := exec.Command("ip", "netns", "exec", nsHubHost, "ping", "-n", "-i", "0.01", "-c", "400", "192.168.3.10")
	if err := flood.Start(); err != nil {
		t.Fatal(err)
	}
	for _, change := range []string{"link del qmidle0", "link set qmidle0 down", "link del qmidle0", "rule flush; ip -n qdp-hub link del qmidle0"} {
		before := 0
		h.note(func() { before = h.devices })
		run(t, "ip -n qdp-hub "+change)
		eventually(t, change, func() (told bool) {
			h.note(func() { told = h.devices > before })
			return told
		})
		if strings.Contains(change, "rule flush") {
			// The flush took the kernel's own rules, too.
			run(t, "ip -n qdp-hub rule add priority 0 table local; ip -n qdp-hub rule add priority 32766 table main")
		}
		// The address is still known as the source of the gateway's own packets.
		wantPing(t, nsHubHost, "-c 2 192.168.3.10", " 2 received")
		wantPing(t, nsHub, "-c 1 192.168.3.10", " 1 received")
	}
	flood.Wait()
	if n := count(); n != 0 {
		t.Errorf("%d packets in clear", n)
	}
}

// TestAddressesComeAndGo takes the address that the gateway's own packets to
// the protected network have, and gives it back.
func TestAddressesComeAndGo(t *testing.T) {
	lab(t)
	h, s := openGateway(t, nsHub, hub, nil), openGateway(t, nsSpoke, spoke, nil)
	setPolicies(t, h, permit("192.168.2.0/24", "192.168.3.0/24"))
	setPolicies(t, s, permit("192.168.3.0/24", "192.168.2.0/24"))
	connect(t, h, s, true, false)
	count := clearText(t)
	wantPing(t, nsHub, "-c 1 192.168.3.10", "1 received")
	run(t, "ip -n qdp-hub addr del 192.168.2.1/24 dev lan0")
	eventually(t, "the source to go", func() bool { return !strings.Contains(kernelState(t, nsHub), "src 192.168.2.1") })
	ping(nsHub, "-c 1 -W 1 192.168.3.10")
	run(t, "ip -n qdp-hub addr add 192.168.2.3/24 dev lan0; ip -n qdp-lh route replace default via 192.168.2.3")
	eventually(t, "the new source", func() bool { return strings.Contains(kernelState(t, nsHub), "src 192.168.2.3") })
	wantPing(t, nsHub, "-c 1 192.168.3.10", "1 received")
	wantPing(t, nsHubHost, "-c 1 192.168.3.10", "1 received")
	if n := count(); n != 0 {
		t.Errorf("%d packets in clear", n)
	}
}

// TestNoMomentWithoutTheGuard changes the policy all the time while a host
// sends what every one of the policies protects, with nothing but the guard in
// its way.
func TestNoMomentWithoutTheGuard(t *testing.T) {
	lab(t)
	h := openGateway(t, nsHub, hub, nil)
	setPolicies(t, h, permit("192.168.2.0/24", "192.168.3.0/24"))
	if err := h.host.RemovePolicy(); err != nil {
		t.Fatal(err)
	}
	count := clearText(t)
	flood := exec.Command("ip", "netns", "exec", nsHubHost, "ping", "-q", "-f", "-c", "20000", "192.168.3.10")
	if err := flood.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the flood to reach the guard", func() bool { return guarded(t, h).Out > 0 })
	before := guarded(t, h).Out
	for i := range 100 {
		other := permit("192.168.2.0/24", fmt.Sprintf("10.%d.0.0/16", i))
		if err := h.host.guard.set(DefaultDevice, []ipsec.PolicyEntry{other, permit("192.168.2.0/24", "192.168.3.0/24")}, nil, shape{}); err != nil {
			t.Fatal(err)
		}
	}
	// The flood outlasts the changes, and the counter goes on over all policies.
	eventually(t, "the flood to go on", func() bool { return guarded(t, h).Out > before })
	flood.Process.Kill()
	flood.Wait()
	if n := count(); n != 0 {
		t.Errorf("%d packets in clear", n)
	}
}

// TestFragmentsMeetPortLines sends datagrams in fragments, of which only the
// first has ports.
func TestFragmentsMeetPortLines(t *testing.T) {
	lab(t)
	h, s := openGateway(t, nsHub, hub, nil), openGateway(t, nsSpoke, spoke, nil)
	line := permit("192.168.2.0/24", "192.168.3.0/24")
	line.Selector.Protocol, line.Selector.RemotePort = 17, ipsec.PortRange{Lo: 9000, Hi: 9000}
	setPolicies(t, h, line)
	back := permit("192.168.3.0/24", "192.168.2.0/24")
	back.Selector.Protocol, back.Selector.LocalPort = 17, ipsec.PortRange{Lo: 9000, Hi: 9000}
	setPolicies(t, s, back)
	there := oneWay(0x1001, hub, spoke, line.Selector, true, false)
	if err := h.Install(there); err != nil {
		t.Fatal(err)
	}
	if err := s.Install(received(there)); err != nil {
		t.Fatal(err)
	}
	count := clearText(t)
	// Another port passes in clear, in fragments too.
	for port, clear := range map[int]bool{9000: false, 9001: true} {
		if got := sendDatagram(t, port, 4000); got != 4000 {
			t.Errorf("port %d: %d octets came", port, got)
		}
		if n := count(); (n > 0) != clear {
			t.Errorf("port %d: %d packets in clear", port, n)
		}
	}
	// A fragment whose first one never comes.
	inside(t, nsHubHost, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		orphan := append([]byte{0x45, 0, 0, 28, 0, 7, 0x20, 0x40, 64, 17, 0, 0, 192, 168, 2, 10, 192, 168, 3, 10}, make([]byte, 8)...)
		return unix.Sendto(fd, orphan, 0, &unix.SockaddrInet4{Addr: [4]byte{192, 168, 3, 10}})
	})
	wantPing(t, nsHubHost, "-c 1 192.1.1.42", "1 received") // what was sent before has passed
	if n := count(); n != 0 {
		t.Errorf("%d packets in clear", n)
	}
}

// sendDatagram sends from host to host and returns how much came.
func sendDatagram(t *testing.T, port, size int) int {
	t.Helper()
	var conn net.PacketConn
	inside(t, nsSpokeHost, func() (err error) {
		conn, err = net.ListenPacket("udp4", fmt.Sprintf("192.168.3.10:%d", port))
		return err
	})
	defer conn.Close()
	inside(t, nsHubHost, func() error {
		c, err := net.Dial("udp4", conn.LocalAddr().String())
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write(make([]byte, size))
		return err
	})
	conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	n, _, _ := conn.ReadFrom(make([]byte, 65535))
	return n
}

func TestMSSIsClamped(t *testing.T) {
	lab(t)
	h := openGateway(t, nsHub, hub, nil)
	if err := h.host.SetMSSClamps(DefaultDevice, []MSSClamp{{Device: "lan0", Size: 1111}}); err != nil {
		t.Fatal(err)
	}
	setPolicies(t, h, permit("192.168.2.0/24", "192.168.99.0/24"))
	if got := agreedMSS(t); got != 1099 { // of 1111, twelve are the timestamps
		t.Errorf("MSS %d", got)
	}
	if err := h.host.SetMSSClamps(DefaultDevice, nil); err != nil {
		t.Fatal(err)
	}
	if got := agreedMSS(t); got != 1448 {
		t.Errorf("MSS %d without a clamp", got)
	}
	if err := h.host.SetMSSClamps(DefaultDevice, []MSSClamp{{Device: "wan0", Size: 900}}); err != nil {
		t.Fatal(err)
	}
	if got := agreedMSS(t); got != 888 {
		t.Errorf("MSS %d", got)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if got := agreedMSS(t); got != 1448 {
		t.Errorf("MSS %d after the end", got)
	}
}

// agreedMSS is what a connection from host to host may send in a segment.
func agreedMSS(t *testing.T) (mss int) {
	t.Helper()
	var listener net.Listener
	inside(t, nsSpokeHost, func() (err error) {
		listener, err = net.Listen("tcp4", "192.168.3.10:7001")
		return err
	})
	defer listener.Close()
	inside(t, nsHubHost, func() error {
		c, err := net.DialTimeout("tcp4", "192.168.3.10:7001", 5*time.Second)
		if err != nil {
			return err
		}
		defer c.Close()
		raw, err := c.(*net.TCPConn).SyscallConn()
		if err != nil {
			return err
		}
		var opt error
		err = raw.Control(func(fd uintptr) { mss, opt = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG) })
		return errors.Join(err, opt)
	})
	return mss
}
