//go:build integration

package dataplane

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"qmidle/internal/ipsec"
)

// onWire returns the IPv4 headers of what the hub sends to the spoke, ESP and
// ESP in UDP, in fragments or whole, since the last call.
func onWire(t testing.TB) func() [][]byte {
	t.Helper()
	fd := tap(t)
	return func() (headers [][]byte) {
		buf := make([]byte, 65535)
		for {
			size, _, err := unix.Recvfrom(fd, buf, 0)
			if err != nil {
				return headers
			}
			if size >= 20 && buf[0]>>4 == 4 && [4]byte(buf[12:16]) == hub.As4() && (buf[9] == protoESP || buf[9] == protoUDP) {
				headers = append(headers, append([]byte(nil), buf[:20]...))
			}
		}
	}
}

func isDF(header []byte) bool       { return header[6]&0x40 != 0 }
func isFragment(header []byte) bool { return header[6]&0x3f != 0 || header[7] != 0 }

// TestOuterHeaderOnTheWire sends each kind of packet by each way.
func TestOuterHeaderOnTheWire(t *testing.T) {
	for _, udp := range []bool{false, true} {
		t.Run(fmt.Sprintf("UDP %v", udp), func(t *testing.T) {
			lab(t)
			h, s := openGateway(t, nsHub, hub, nil), openGateway(t, nsSpoke, spoke, nil)
			setPolicies(t, h, permit("192.168.2.0/24", "192.168.3.0/24"))
			setPolicies(t, s, permit("192.168.3.0/24", "192.168.2.0/24"))
			connect(t, h, s, true, udp)
			wire := onWire(t)
			h.udp.segmented.Store(false) // a veth would show two segments as one packet
			for _, c := range []struct {
				policy  ipsec.OuterPolicy
				inner   string // of the ping
				df      bool
				packets int  // of them on the wire
				pieces  bool // fragments of ESP
				lost    bool
			}{
				{ipsec.OuterPolicy{}, "-M do", true, 1, false, false},
				{ipsec.OuterPolicy{}, "-M dont", false, 1, false, false},
				{ipsec.OuterPolicy{DF: ipsec.DFSet}, "-M dont", true, 1, false, false},
				{ipsec.OuterPolicy{DF: ipsec.DFClear}, "-M do", false, 1, false, false},
				{ipsec.OuterPolicy{}, "-M dont -s 1470", false, 2, false, false},
				{ipsec.OuterPolicy{}, "-M do -s 1470", true, 0, false, true},
				{ipsec.OuterPolicy{FragmentAfter: true}, "-M dont -s 1470", false, 2, true, false},
				{ipsec.OuterPolicy{FragmentAfter: true}, "-M do -s 1470", true, 0, false, true},
				{ipsec.OuterPolicy{DF: ipsec.DFClear}, "-M do -s 1470", false, 2, true, false},
				{ipsec.OuterPolicy{DF: ipsec.DFClear}, "-M dont -s 1470", false, 2, false, false},
				{ipsec.OuterPolicy{DF: ipsec.DFSet}, "-M dont -s 1470", true, 2, false, false},
			} {
				if err := h.SetOuterPolicy(c.policy); err != nil {
					t.Fatal(err)
				}
				run(t, "ip -n "+nsHubHost+" route flush cache")
				wire()
				out := ping(nsHubHost, "-c 1 -W 1 -Q 0xba "+c.inner+" 192.168.3.10")
				if strings.Contains(out, "1 received") == c.lost {
					t.Errorf("%+v:\n%s", c, out)
				}
				headers := wire()
				if len(headers) != c.packets {
					t.Errorf("%+v: %d packets: %x", c, len(headers), headers)
				}
				for _, header := range headers {
					if header[1] != 0xba || isDF(header) != c.df || isFragment(header) != c.pieces {
						t.Errorf("%+v: header %x", c, header)
					}
				}
			}
			if n := h.Stats().Drops[ipsec.DropSendFailed]; n != 0 {
				t.Errorf("%d packets were not sent", n)
			}
		})
	}
}

// TestPathMTUIsLearned has a narrow place behind the first hop, told by ICMP
// only.
func TestPathMTUIsLearned(t *testing.T) {
	for _, udp := range []bool{false, true} {
		t.Run(fmt.Sprintf("UDP %v", udp), func(t *testing.T) {
			lab(t)
			far(t)
			h, s := openGateway(t, nsHub, hub, nil), openGateway(t, nsSpoke, spoke, nil)
			setPolicies(t, h, permit("192.168.2.0/24", "192.168.3.0/24"))
			setPolicies(t, s, permit("192.168.3.0/24", "192.168.2.0/24"))
			connect(t, h, s, false, udp)
			want := 1000 - 20 - 8 - 16 - 12 // ESP of AES-CBC and HMAC-SHA-1
			if udp {
				want -= 8
			}
			want = want - want%16 - 2
			if got := h.SAs()[1].PathMTU; got != 1500 {
				t.Fatalf("path MTU %d before", got)
			}
			// The first goes out and comes back as ICMP to the gateway, the next
			// meets what the kernel knows then, and the third is answered.
			wantPing(t, nsHubHost, "-c 4 -M do -s 1300 192.168.3.10", fmt.Sprintf("mtu = %d", want))
			if got := h.SAs()[1]; got.PathMTU != 1000 || got.PlaintextMTU != want {
				t.Errorf("path MTU %d, of packets %d", got.PathMTU, got.PlaintextMTU)
			}
			wantPing(t, nsHubHost, fmt.Sprintf("-c 1 -M do -s %d 192.168.3.10", want-28), "1 received")
			wantPing(t, nsHubHost, "-c 1 -M dont -s 1300 192.168.3.10", "1 received")
			if got := transfer(t, 1<<20); got != 1<<20 {
				t.Errorf("%d octets came by TCP", got)
			}
		})
	}
}

// far puts a router between the gateways, with a narrow link behind it.
func far(t *testing.T) {
	t.Helper()
	remove := func() { run(t, "ip netns del qdp-isp 2>/dev/null || true") }
	remove()
	t.Cleanup(remove)
	run(t, `
ip netns add qdp-isp
ip netns exec qdp-isp sysctl -qw net.ipv4.ip_forward=1
ip -n qdp-hub link del wan0
ip -n qdp-hub link add wan0 type veth peer name hub netns qdp-isp
ip -n qdp-spoke link add wan0 type veth peer name spoke netns qdp-isp
ip -n qdp-hub addr add 192.1.1.40/32 dev wan0; ip -n qdp-spoke addr add 192.1.1.42/32 dev wan0
ip -n qdp-isp addr add 192.1.1.1/32 dev hub; ip -n qdp-isp addr add 192.1.1.2/32 dev spoke
ip -n qdp-spoke link set wan0 mtu 1000; ip -n qdp-isp link set spoke mtu 1000
for x in hub spoke; do ip -n qdp-$x link set wan0 up; ip -n qdp-isp link set $x up; done
ip -n qdp-isp route add 192.1.1.40 dev hub; ip -n qdp-isp route add 192.1.1.42 dev spoke
ip -n qdp-hub route add 192.1.1.1 dev wan0; ip -n qdp-spoke route add 192.1.1.2 dev wan0
ip -n qdp-hub route add default via 192.1.1.1; ip -n qdp-spoke route add default via 192.1.1.2
`)
}

// TestCongestionMarksReachTheHost has the way between the gateways mark what it
// carries.
func TestCongestionMarksReachTheHost(t *testing.T) {
	for _, udp := range []bool{false, true} {
		t.Run(fmt.Sprintf("UDP %v", udp), func(t *testing.T) {
			lab(t)
			h, s := openGateway(t, nsHub, hub, nil), openGateway(t, nsSpoke, spoke, nil)
			setPolicies(t, h, permit("192.168.2.0/24", "192.168.3.0/24"))
			setPolicies(t, s, permit("192.168.3.0/24", "192.168.2.0/24"))
			connect(t, h, s, true, udp)
			run(t, `ip netns exec qdp-hub nft 'add table ip m; add chain ip m c { type filter hook postrouting priority 0; };
				add rule ip m c oifname wan0 ip ecn != not-ect ip ecn set ce'`)
			run(t, `ip netns exec qdp-ls nft 'add table ip m; add chain ip m c { type filter hook input priority 0; };
				add rule ip m c ip dscp ef ip ecn ce counter; add rule ip m c counter'`)
			wantPing(t, nsHubHost, "-c 3 -Q 0xba 192.168.3.10", "3 received")
			if rules := run(t, "ip netns exec qdp-ls nft list chain ip m c"); !strings.Contains(rules, "ip ecn ce counter packets 3 ") {
				t.Errorf("marks at the host:\n%s", rules)
			}
			// A way that marks what does not do ECN is broken.
			run(t, "ip netns exec qdp-hub nft 'flush chain ip m c; add rule ip m c oifname wan0 ip ecn set ce'")
			wantPing(t, nsHubHost, "-c 2 -W 1 192.168.3.10", wantLost)
			if n := s.Stats().Drops[ipsec.DropCongested]; n != 2 {
				t.Errorf("%d drops", n)
			}
		})
	}
}
