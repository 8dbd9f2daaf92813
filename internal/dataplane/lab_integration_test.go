//go:build integration

package dataplane

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
	"qmidle/test/netns"
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
	if err := netns.Do(ns, f); err != nil {
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

	devices int // times that the device was made anew
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
			SendUDP: func(_, remote netip.AddrPort, outer ipsec.OuterHeader, packets [][]byte) error {
				return g.udp.SendESP(remote, outer, packets...)
			},
			Events: Events{
				Acquire: func(e ipsec.PolicyEntry, _ ipsec.Flow) {
					if acquire != nil {
						acquire(e)
					}
				},
				Dropped:   func(d ipsec.Drop, _ uint32, _ ipsec.Flow) { g.note(func() { g.drops[d]++ }) },
				PeerMoved: func(_ ipsec.SAParams, from netip.AddrPort) { g.note(func() { g.moved = append(g.moved, from) }) },
				Device: func(_ string, err error) {
					if err == nil {
						g.note(func() { g.devices++ })
					}
				},
				SoftLimit: func(ipsec.SAParams) { g.note(func() { g.limits++ }) },
			},
		})
		return err
	})
	go g.udp.Receive(func(from netip.AddrPort, tos uint8, datagrams [][]byte) {
		g.ReceiveUDP(from, g.udp.Local(), tos, datagrams)
	})
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

// tap is a packet socket on the wire between the gateways, at the spoke.
func tap(t testing.TB) (fd int) {
	t.Helper()
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
	return fd
}

// clearText counts the packets between the two private networks that pass the
// wire between the gateways outside of ESP.
func clearText(t testing.TB) (count func() int) {
	t.Helper()
	fd := tap(t)
	return func() int {
		n, buf := 0, make([]byte, 65535)
		for {
			size, _, err := unix.Recvfrom(fd, buf, 0)
			if err != nil {
				return n
			}
			if size >= 20 && buf[0]>>4 == 4 && buf[12] == 192 && buf[13] == 168 && buf[16] == 192 && buf[17] == 168 {
				n++
			}
		}
	}
}
