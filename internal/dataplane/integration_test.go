//go:build integration

package dataplane

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
)

// The namespaces of the tests: a host behind each gateway.
//
//	lh 192.168.2.10 - .1 hub 192.1.1.40 === 192.1.1.42 spoke .1 - 192.168.3.10 ls
const (
	nsHub, nsSpoke         = "qdp-hub", "qdp-spoke"
	nsHubHost, nsSpokeHost = "qdp-lh", "qdp-ls"
)

var (
	hub   = netip.MustParseAddr("192.1.1.40")
	spoke = netip.MustParseAddr("192.1.1.42")
)

func run(t testing.TB, command string) string {
	t.Helper()
	out, err := exec.Command("sh", "-ec", command).CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v\n%s", command, err, out)
	}
	return string(out)
}

// lab makes the namespaces anew and removes them in the end.
func lab(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("the tests of the data plane need root")
	}
	remove := func() {
		for _, ns := range []string{nsHub, nsSpoke, nsHubHost, nsSpokeHost} {
			exec.Command("ip", "netns", "del", ns).Run()
		}
	}
	remove()
	t.Cleanup(remove)
	run(t, `
for n in qdp-hub qdp-spoke qdp-lh qdp-ls; do ip netns add $n; ip -n $n link set lo up; done
ip -n qdp-hub link add wan0 type veth peer name wan0 netns qdp-spoke
ip -n qdp-hub link add lan0 type veth peer name eth0 netns qdp-lh
ip -n qdp-spoke link add lan0 type veth peer name eth0 netns qdp-ls
ip -n qdp-hub addr add 192.1.1.40/24 dev wan0; ip -n qdp-hub addr add 192.168.2.1/24 dev lan0
ip -n qdp-spoke addr add 192.1.1.42/24 dev wan0; ip -n qdp-spoke addr add 192.168.3.1/24 dev lan0
ip -n qdp-lh addr add 192.168.2.10/24 dev eth0; ip -n qdp-ls addr add 192.168.3.10/24 dev eth0
for n in qdp-hub qdp-spoke; do
  ip -n $n link set wan0 up; ip -n $n link set lan0 up
  ip netns exec $n sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=1
done
ip -n qdp-lh link set eth0 up; ip -n qdp-lh route add default via 192.168.2.1
ip -n qdp-ls link set eth0 up; ip -n qdp-ls route add default via 192.168.3.1
ip -n qdp-hub route add default via 192.1.1.42
ip -n qdp-spoke route add default via 192.1.1.40
`)
}

// inside runs f on a thread in the namespace.
func inside(t testing.TB, ns string, f func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		// The thread is not unlocked: it ends with the goroutine, so that no
		// other code finds itself in the namespace.
		runtime.LockOSThread()
		fd, err := unix.Open("/var/run/netns/"+ns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			defer unix.Close(fd)
			err = unix.Setns(fd, unix.CLONE_NEWNET)
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatalf("in %s: %v", ns, err)
	}
}

// gateway is a backend in a namespace with its UDP socket.
type gateway struct {
	ns   string
	host *Host
	udp  *UDPSocket
	*Userspace

	mu     sync.Mutex
	drops  map[ipsec.Drop]int
	moved  []netip.AddrPort
	limits int
}

func openGateway(t testing.TB, ns string, addr netip.Addr, acquire func(ipsec.PolicyEntry)) *gateway {
	t.Helper()
	g := &gateway{ns: ns, drops: map[ipsec.Drop]int{}}
	inside(t, ns, func() (err error) {
		if g.host, err = OpenHost(); err != nil {
			return err
		}
		if g.udp, err = ListenUDP(netip.AddrPortFrom(addr, isakmp.PortNATT)); err != nil {
			return err
		}
		g.Userspace, err = OpenUserspace(g.host, UserspaceConfig{
			SendUDP: func(_, remote netip.AddrPort, packets [][]byte) error { return g.udp.Send(remote, packets...) },
			Events: Events{
				Acquire: func(e ipsec.PolicyEntry, _ ipsec.Flow) {
					if acquire != nil {
						acquire(e)
					}
				},
				Dropped:   func(d ipsec.Drop, _ uint32, _ ipsec.Flow) { g.note(func() { g.drops[d]++ }) },
				PeerMoved: func(_ ipsec.SAParams, from netip.AddrPort) { g.note(func() { g.moved = append(g.moved, from) }) },
				SoftLimit: func(ipsec.SAParams) { g.note(func() { g.limits++ }) },
			},
		})
		return err
	})
	go g.udp.Receive(func(from netip.AddrPort, datagrams [][]byte) { g.ReceiveUDP(from, g.udp.Local(), datagrams) })
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Errorf("close %s: %v", ns, err)
		}
		g.udp.Close()
		g.host.Close()
	})
	return g
}

func (g *gateway) note(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
}

const crypto = 10 // the tag of the tests' crypto map entry

func netRange(s string) ipsec.Range { return ipsec.RangeOf(netip.MustParsePrefix(s)) }

func permit(local, remote string) ipsec.PolicyEntry {
	return ipsec.PolicyEntry{Tag: crypto, Permit: true, Selector: ipsec.Selector{LocalNet: netRange(local), RemoteNet: netRange(remote)}}
}

func setPolicies(t testing.TB, g *gateway, entries ...ipsec.PolicyEntry) {
	t.Helper()
	if err := g.SetPolicies(entries); err != nil {
		t.Fatal(err)
	}
}

func keyOfLength(n int, seed byte) secret.Secret {
	b := make([]byte, n)
	for i := range b {
		b[i] = seed + byte(i)
	}
	return secret.New(b)
}

// oneWay is an SA from one gateway to the other, as the sender sees it.
func oneWay(spi uint32, local, remote netip.Addr, sel ipsec.Selector, gcm, udp bool) ipsec.SAParams {
	p := ipsec.SAParams{
		SPI: spi, Direction: ipsec.Outbound, Local: local, Remote: remote, Selector: sel, Tag: crypto,
		Transform: isakmp.ESPAES, KeyBits: 128, EncKey: keyOfLength(16, byte(spi)),
		Auth: isakmp.AuthAlgHMACSHA1, AuthKey: keyOfLength(20, byte(spi)),
	}
	if gcm {
		p.Transform, p.EncKey = isakmp.ESPAESGCM16, keyOfLength(20, byte(spi))
		p.Auth, p.AuthKey = isakmp.AuthAlgNone, secret.Secret{}
	}
	if udp {
		p.UDPEncap, p.LocalPort, p.RemotePort = true, isakmp.PortNATT, isakmp.PortNATT
	}
	return p
}

func received(p ipsec.SAParams) ipsec.SAParams {
	p.Direction = ipsec.Inbound
	p.Local, p.Remote = p.Remote, p.Local
	p.LocalPort, p.RemotePort = p.RemotePort, p.LocalPort
	s := p.Selector
	p.Selector = ipsec.Selector{LocalNet: s.RemoteNet, RemoteNet: s.LocalNet, Protocol: s.Protocol, LocalPort: s.RemotePort, RemotePort: s.LocalPort}
	return p
}

// connect installs a pair of SAs at both ends, as a negotiation would.
func connect(t testing.TB, h, s *gateway, gcm, udp bool) {
	t.Helper()
	sel := ipsec.Selector{LocalNet: netRange("192.168.2.0/24"), RemoteNet: netRange("192.168.3.0/24")}
	there := oneWay(0x1001, hub, spoke, sel, gcm, udp)
	back := received(there)
	back.Direction, back.SPI = ipsec.Outbound, 0x2002
	if err := s.Install(received(there), back); err != nil {
		t.Error(err)
	}
	if err := h.Install(received(back), there); err != nil {
		t.Error(err)
	}
}

// ping returns what `ping` prints; a loss is no error here.
func ping(ns, args string) string {
	out, _ := exec.Command("sh", "-c", "ip netns exec "+ns+" ping -n -i 0.2 -W 2 "+args).CombinedOutput()
	return string(out)
}

func wantPing(t testing.TB, ns, args, want string) {
	t.Helper()
	if out := ping(ns, args); !strings.Contains(out, want) {
		t.Errorf("ping %s in %s does not show %q:\n%s", args, ns, want, out)
	}
}

// clearText counts the packets between the two private networks that pass the
// wire between the gateways outside of ESP.
func clearText(t testing.TB) (count func() int) {
	t.Helper()
	var fd int
	inside(t, nsSpoke, func() error {
		link, err := net.InterfaceByName("wan0")
		if err != nil {
			return err
		}
		const allProtocols = unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, allProtocols); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: allProtocols, Ifindex: link.Index})
	})
	t.Cleanup(func() { unix.Close(fd) })
	return func() int {
		n, buf := 0, make([]byte, 65535)
		for {
			size, _, err := unix.Recvfrom(fd, buf, 0)
			if err != nil {
				return n
			}
			if size >= 20 && buf[0]>>4 == 4 && buf[12] == 192 && buf[13] == 168 {
				n++
			}
		}
	}
}

// TestFirstPacketWaitsForTheSA pings before any SA is there. The first packet
// asks for SAs on the hub, and no packet is lost.
func TestFirstPacketWaitsForTheSA(t *testing.T) {
	for _, mode := range []struct {
		name     string
		gcm, udp bool
	}{{"raw, CBC", false, false}, {"raw, GCM", true, false}, {"UDP, CBC", false, true}, {"UDP, GCM", true, true}} {
		t.Run(mode.name, func(t *testing.T) {
			lab(t)
			asked := make(chan ipsec.PolicyEntry, 10)
			h := openGateway(t, nsHub, hub, func(e ipsec.PolicyEntry) { asked <- e })
			s := openGateway(t, nsSpoke, spoke, nil)
			setPolicies(t, h, permit("192.168.2.0/24", "192.168.3.0/24"))
			setPolicies(t, s, permit("192.168.3.0/24", "192.168.2.0/24"))
			count := clearText(t)
			go func() {
				if e := <-asked; e.Tag == crypto {
					connect(t, h, s, mode.gcm, mode.udp)
				}
			}()
			wantPing(t, nsHubHost, "-c 3 192.168.3.10", "3 received, 0% packet loss")
			wantPing(t, nsSpokeHost, "-c 2 192.168.2.10", "2 received, 0% packet loss")
			// The gateways' own packets, with a source of their own choice and
			// of the kernel's.
			wantPing(t, nsHub, "-c 1 -I 192.168.2.1 192.168.3.10", "1 received")
			wantPing(t, nsHub, "-c 1 192.168.3.10", "1 received")
			wantPing(t, nsSpoke, "-c 1 192.168.2.1", "1 received")
			if n := count(); n != 0 {
				t.Errorf("%d packets in clear", n)
			}
			if st := h.Stats(); st.Sealed < 8 || st.Opened < 8 || st.Queued != 0 {
				t.Errorf("hub %+v", st)
			}
			for _, sa := range h.SAs() {
				if sa.Counters.Packets < 8 || sa.Counters.Errors() != 0 {
					t.Errorf("SA %#x: %+v", sa.Params.SPI, sa.Counters)
				}
				if sa.Params.Direction == ipsec.Outbound && sa.PathMTU != 1500 {
					t.Errorf("path MTU %d", sa.PathMTU)
				}
			}
		})
	}
}

func TestTCPThroughTheTunnel(t *testing.T) {
	for _, udp := range []bool{false, true} {
		t.Run(fmt.Sprintf("UDP %v", udp), func(t *testing.T) {
			lab(t)
			h, s := openGateway(t, nsHub, hub, nil), openGateway(t, nsSpoke, spoke, nil)
			setPolicies(t, h, permit("192.168.2.0/24", "192.168.3.0/24"))
			setPolicies(t, s, permit("192.168.3.0/24", "192.168.2.0/24"))
			connect(t, h, s, true, udp)
			const size = 30 << 20
			start := time.Now()
			if got := transfer(t, size); got != size {
				t.Errorf("%d of %d octets came", got, size)
			}
			t.Logf("%.0f Mbit/s", size*8/time.Since(start).Seconds()/1e6)
			if d := s.Stats().Drops; d != [ipsec.DropCount]uint64{} {
				t.Errorf("drops %v", d)
			}
		})
	}
}

// transfer sends octets of a known pattern from host to host and returns how
// many came as they were.
func transfer(t *testing.T, size int) int {
	t.Helper()
	var listener net.Listener
	inside(t, nsSpokeHost, func() (err error) {
		listener, err = net.Listen("tcp4", "192.168.3.10:7000")
		return err
	})
	defer listener.Close()
	good := make(chan int)
	go func() {
		n := 0
		defer func() { good <- n }()
		c, err := listener.Accept()
		if err != nil {
			return
		}
		buf := make([]byte, 65536)
		for {
			got, err := c.Read(buf)
			for i, b := range buf[:got] {
				if b != byte((n+i)*7>>3) {
					n += i
					return
				}
			}
			n += got
			if err != nil {
				return
			}
		}
	}()
	inside(t, nsHubHost, func() error {
		d := net.Dialer{Timeout: 5 * time.Second}
		c, err := d.DialContext(context.Background(), "tcp4", "192.168.3.10:7000")
		if err != nil {
			return err
		}
		buf := make([]byte, 65536)
		for at := 0; at < size; at += len(buf) {
			for i := range buf {
				buf[i] = byte((at + i) * 7 >> 3)
			}
			if _, err := c.Write(buf); err != nil {
				return err
			}
		}
		return c.Close()
	})
	return <-good
}

func TestNothingInClearWithoutAnSA(t *testing.T) {
	lab(t)
	h := openGateway(t, nsHub, hub, nil)
	setPolicies(t, h, permit("192.168.2.0/24", "192.168.3.0/24"))
	count := clearText(t)
	wantPing(t, nsHubHost, "-c 3 -W 1 192.168.3.10", "100% packet loss")
	if st := h.Stats(); st.Queued != 3 {
		t.Errorf("%+v", st)
	}
	h.Discard(crypto, 0)
	if st := h.Stats(); st.Queued != 0 || st.Drops[ipsec.DropNoSA] != 3 {
		t.Errorf("after discarding: %+v", st)
	}
	if n := count(); n != 0 {
		t.Errorf("%d packets in clear", n)
	}
}

// TestClearTextFromTheProtectedNetIsDropped has a spoke without IPsec. A
// strict reverse path filter drops its packets before we see them.
func TestClearTextFromTheProtectedNetIsDropped(t *testing.T) {
	for _, strict := range []bool{true, false} {
		t.Run(fmt.Sprintf("strict %v", strict), func(t *testing.T) {
			lab(t)
			if !strict {
				run(t, "ip netns exec qdp-hub sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.wan0.rp_filter=0")
			}
			h := openGateway(t, nsHub, hub, nil)
			wantPing(t, nsSpokeHost, "-c 1 192.168.2.10", "1 received")
			setPolicies(t, h, permit("192.168.2.0/24", "192.168.3.0/24"))
			wantPing(t, nsSpokeHost, "-c 2 -W 1 192.168.2.10", "100% packet loss")
			if strict {
				return
			}
			if n := h.Stats().Drops[ipsec.DropClearTextRequired]; n != 2 {
				t.Errorf("%d drops of clear text", n)
			}
			h.note(func() {
				if h.drops[ipsec.DropClearTextRequired] != 1 {
					t.Errorf("told %d times in a second", h.drops[ipsec.DropClearTextRequired])
				}
			})
		})
	}
}

func TestDenyLineGoesInClear(t *testing.T) {
	lab(t)
	h := openGateway(t, nsHub, hub, nil)
	run(t, "ip -n qdp-lh addr add 192.168.2.66/24 dev eth0")
	deny := permit("192.168.2.66/32", "192.168.3.0/24")
	deny.Permit = false
	setPolicies(t, h, deny, permit("192.168.2.0/24", "192.168.3.0/24"))
	wantPing(t, nsHubHost, "-c 1 -I 192.168.2.66 192.168.3.10", "1 received")
	wantPing(t, nsHubHost, "-c 1 -W 1 -I 192.168.2.10 192.168.3.10", "100% packet loss")
	// The next crypto map entry may still want what this one denies.
	next := permit("192.168.2.64/26", "192.168.3.0/24")
	next.Tag = crypto + 1
	setPolicies(t, h, deny, permit("192.168.2.0/24", "192.168.3.0/24"), next)
	wantPing(t, nsHubHost, "-c 1 -W 1 -I 192.168.2.66 192.168.3.10", "100% packet loss")
	// Traffic that no line selects never comes near the device.
	wantPing(t, nsHubHost, "-c 1 192.1.1.42", "1 received")
	if st := h.Stats(); st.Bypassed != 0 {
		t.Errorf("%d packets came to the device for nothing", st.Bypassed)
	}
}

func TestPortLines(t *testing.T) {
	lab(t)
	h := openGateway(t, nsHub, hub, nil)
	high := permit("192.168.2.0/24", "192.168.3.0/24")
	high.Selector.Protocol, high.Selector.RemotePort = 6, ipsec.PortRange{Lo: 8000, Hi: 65535}
	one := permit("192.168.2.0/24", "192.168.3.0/24")
	one.Line, one.Selector.Protocol, one.Selector.RemotePort = 1, 6, ipsec.PortRange{Lo: 443, Hi: 443}
	setPolicies(t, h, high, one)
	dial := func(port int) bool {
		ok := false
		inside(t, nsHubHost, func() error {
			d := net.Dialer{Timeout: 700 * time.Millisecond}
			_, err := d.Dial("tcp4", fmt.Sprintf("192.168.3.10:%d", port))
			// A refusal came from the host itself, in clear.
			ok = err != nil && strings.Contains(err.Error(), "refused")
			return nil
		})
		return ok
	}
	for port, clear := range map[int]bool{80: true, 7999: true, 8000: false, 65535: false, 443: false, 444: true} {
		if dial(port) != clear {
			t.Errorf("port %d in clear: %v", port, !clear)
		}
	}
	wantPing(t, nsHubHost, "-c 1 192.168.3.10", "1 received")
}

func TestTooBigPacketsAreAnswered(t *testing.T) {
	lab(t)
	h, s := openGateway(t, nsHub, hub, nil), openGateway(t, nsSpoke, spoke, nil)
	setPolicies(t, h, permit("192.168.2.0/24", "192.168.3.0/24"))
	setPolicies(t, s, permit("192.168.3.0/24", "192.168.2.0/24"))
	run(t, "ip -n qdp-hub link set wan0 mtu 1000; ip -n qdp-spoke link set wan0 mtu 1000")
	connect(t, h, s, false, false)
	// The device's own limit, answered by the kernel, and the narrower one of
	// the path, answered by us.
	wantPing(t, nsHubHost, "-c 1 -M do -s 1472 192.168.3.10", "mtu = 1406")
	wantPing(t, nsHubHost, "-c 1 -M do -s 1300 192.168.3.10", "mtu = 942")
	if n := h.Stats().Drops[ipsec.DropTooBig]; n == 0 {
		t.Error("no drop was counted")
	}
	wantPing(t, nsHubHost, "-c 2 -M dont -s 3000 192.168.3.10", "2 received")
}

func TestPeerBehindNATMoves(t *testing.T) {
	lab(t)
	h, s := openGateway(t, nsHub, hub, nil), openGateway(t, nsSpoke, spoke, nil)
	setPolicies(t, h, permit("192.168.2.0/24", "192.168.3.0/24"))
	setPolicies(t, s, permit("192.168.3.0/24", "192.168.2.0/24"))
	connect(t, h, s, true, true)
	// The hub believes another port; the spoke's packets prove the real one.
	wrong := netip.AddrPortFrom(spoke, 1024)
	for _, err := range []error{h.MovePeer(ipsec.Inbound, 0x2002, spoke, wrong), h.MovePeer(ipsec.Outbound, 0x1001, spoke, wrong)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	wantPing(t, nsSpokeHost, "-c 1 -W 1 192.168.2.10", "100% packet loss")
	right := netip.AddrPortFrom(spoke, isakmp.PortNATT)
	h.note(func() {
		if len(h.moved) != 1 || h.moved[0] != right {
			t.Fatalf("moves told: %v", h.moved)
		}
	})
	h.MovePeer(ipsec.Inbound, 0x2002, spoke, right)
	h.MovePeer(ipsec.Outbound, 0x1001, spoke, right)
	wantPing(t, nsSpokeHost, "-c 1 192.168.2.10", "1 received")
}

// kernelState is what bears our protocol number.
func kernelState(t testing.TB, ns string) string {
	return run(t, "ip -d -n "+ns+" rule show | grep 'proto 171' || true; ip -n "+ns+" route show table all proto 171")
}

func TestNothingIsLeftBehind(t *testing.T) {
	lab(t)
	before := run(t, "ip -n qdp-hub rule; ip -n qdp-hub route show table all; ip -n qdp-hub addr show dev wan0")
	g := openGateway(t, nsHub, hub, nil)
	setPolicies(t, g, permit("192.168.2.0/24", "192.168.3.0/24"))
	setPolicies(t, g, permit("192.168.2.0/24", "192.168.4.0/24"))
	setPolicies(t, g, permit("192.168.2.0/24", "192.168.3.0/24"))
	if err := g.host.SetStaticRoutes([]StaticRoute{{Prefix: netip.MustParsePrefix("198.51.100.0/24"), NextHop: spoke}}); err != nil {
		t.Fatal(err)
	}
	state := kernelState(t, nsHub)
	if n := strings.Count(state, "192.168.2.0/24"); n != 2 || !strings.Contains(state, "198.51.100.0/24") {
		t.Errorf("rules of one policy and a route, with the network %d times:\n%s", n, state)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if after := run(t, "ip -n qdp-hub rule; ip -n qdp-hub route show table all; ip -n qdp-hub addr show dev wan0"); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// TestStartAfterACrash leaves rules and routes as a killed process does.
func TestStartAfterACrash(t *testing.T) {
	lab(t)
	inside(t, nsHub, func() error {
		h, err := OpenHost()
		if err != nil {
			return err
		}
		link := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: "qdp-tun"}, Mode: netlink.TUNTAP_MODE_TUN}
		if err := h.netlink.LinkAdd(link); err != nil {
			return err
		}
		if err := h.AddTUNRoutes("qdp-tun"); err != nil {
			return err
		}
		if err := h.SetRules("qdp-tun", []ipsec.PolicyEntry{permit("192.168.2.0/24", "192.168.3.0/24")}); err != nil {
			return err
		}
		if err := h.netlink.LinkDel(link); err != nil {
			return err
		}
		h.netlink.Close()
		return nil
	})
	count := clearText(t)
	wantPing(t, nsHubHost, "-c 1 -W 1 192.168.3.10", "100% packet loss")
	if n := count(); n != 0 {
		t.Errorf("%d packets in clear after the crash", n)
	}
	inside(t, nsHub, func() error {
		h, err := OpenHost()
		if err != nil {
			return err
		}
		defer h.Close()
		if state := kernelState(t, nsHub); strings.TrimSpace(state) != "" {
			t.Errorf("left from before the crash:\n%s", state)
		}
		return nil
	})
}

func TestStaticRoutes(t *testing.T) {
	lab(t)
	inside(t, nsHub, func() error {
		h, err := OpenHost()
		if err != nil {
			return err
		}
		defer h.Close()
		a := StaticRoute{Prefix: netip.MustParsePrefix("198.51.100.0/24"), NextHop: spoke}
		b := StaticRoute{Prefix: netip.MustParsePrefix("203.0.113.0/24"), Interface: "wan0", Metric: 5}
		show := func() string { return run(t, "ip -n qdp-hub route show proto 171") }
		if err := h.SetStaticRoutes([]StaticRoute{a, b}); err != nil {
			return err
		}
		if s := show(); !strings.Contains(s, "198.51.100.0/24 via 192.1.1.42 dev wan0") || !strings.Contains(s, "203.0.113.0/24 dev wan0 scope link metric 5") {
			t.Errorf("routes:\n%s", s)
		}
		if err := h.SetStaticRoutes([]StaticRoute{b}); err != nil {
			return err
		}
		if s := show(); strings.Contains(s, "198.51") || !strings.Contains(s, "203.0.113") {
			t.Errorf("routes:\n%s", s)
		}
		if err := h.SetStaticRoutes([]StaticRoute{{Prefix: a.Prefix, NextHop: netip.MustParseAddr("10.9.9.9")}, b}); err != nil {
			t.Logf("refused as it should: %v", err)
		} else {
			t.Error("a next hop that is not reachable was taken")
		}
		return nil
	})
}
