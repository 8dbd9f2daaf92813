//go:build interop

package interop

import (
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// client is a host that is a site of its own, as far as streams and echo requests
// need one: vpnc's, with the address that it got.
func client(l *lab, ns, address string) *site {
	return &site{name: "client " + address, ns: ns, hostNS: ns, host: address, remoteInner: l.hub.host}
}

// accessBytes is what a client's pairs have carried, and what was lost or refused.
type accessBytes struct {
	EncapsPackets int `json:"encaps_packets"`
	EncapsBytes   int `json:"encaps_bytes"`
	DecapsPackets int `json:"decaps_packets"`
	DecapsBytes   int `json:"decaps_bytes"`
	SendErrors    int `json:"send_errors"`
	RecvErrors    int `json:"recv_errors"`
}

func (q *qmidle) clientBytes(t *testing.T) accessBytes {
	t.Helper()
	var result struct {
		Interfaces []struct {
			Idents []struct{ Counters accessBytes }
		}
	}
	q.ask(t, "show crypto ipsec sa", &result)
	if len(result.Interfaces) != 1 || len(result.Interfaces[0].Idents) != 1 {
		t.Fatalf("show crypto ipsec sa: %+v, want one client", result)
	}
	return result.Interfaces[0].Idents[0].Counters
}

// linkCounter reads a counter of a device in a namespace.
func linkCounter(t *testing.T, ns, device, name string) int {
	t.Helper()
	text := command(t, "ip", "netns", "exec", ns, "cat", "/sys/class/net/"+device+"/statistics/"+name)
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// rawDrops are the packets that raw sockets in a namespace did not take in time.
func rawDrops(t *testing.T, ns string) (n int) {
	t.Helper()
	for line := range strings.Lines(command(t, "ip", "netns", "exec", ns, "cat", "/proc/net/raw")) {
		fields := strings.Fields(line)
		if drops, err := strconv.Atoi(fields[len(fields)-1]); err == nil {
			n += drops
		}
	}
	return n
}

// TestVPNCCarries sends 50 MiB each way through vpnc, by each encapsulation. What
// came is what was sent, both ends count the same packets and octets, and nothing
// is in clear.
func TestVPNCCarries(t *testing.T) {
	const size = 50 << 20
	for _, c := range []struct{ mode, flow string }{{"natt", "Tunnel UDP-Encaps, "}, {"none", "Tunnel, "}, {"cisco-udp", "Tunnel UDP-Encaps, "}} {
		t.Run(c.mode, func(t *testing.T) {
			l := newLab(t)
			capture := startCapture(t, l)
			q := newQmidle(t, l, l.hub, qmidlePath)
			q.run(t, strings.Replace(usersConfig, " acl 150\n", " acl 150\n qmidle ipsec-udp-port 10000\n", 1))
			p, connected := dialVPNC(t, l, "alice", "alice-password", "NAT Traversal Mode "+c.mode)
			waitConnected(t, p, connected)
			guest := client(l, l.spoke.ns, "10.55.0.10")
			t.Logf("to the client: %.0f Mbit/s", transfer(t, l.hub, guest, size, 3*time.Minute))
			t.Logf("from the client: %.0f Mbit/s", transfer(t, guest, l.hub, size, 3*time.Minute))
			wantPing(t, guest, 3)
			if out := q.do(t, "show crypto ipsec sa"); strings.Count(out, "in use settings ={"+c.flow+"}") != 2 {
				t.Errorf("the SAs, of which %q is wanted:\n%s", c.flow, out)
			}

			n, lost := q.clientBytes(t), overflows(t, l.spoke)+rawDrops(t, l.spoke.ns)
			sent, received := linkCounter(t, l.spoke.ns, "vpn0", "tx_packets"), linkCounter(t, l.spoke.ns, "vpn0", "rx_packets")
			t.Logf("the gateway: %+v; the client sent %d packets, received %d and did not take %d in time", n, sent, received, lost)
			want := accessBytes{EncapsPackets: received + lost, EncapsBytes: n.EncapsBytes, DecapsPackets: sent,
				DecapsBytes: linkCounter(t, l.spoke.ns, "vpn0", "tx_bytes")}
			if lost == 0 {
				want.EncapsBytes = linkCounter(t, l.spoke.ns, "vpn0", "rx_bytes")
			}
			if n != want && overflows(t, l.hub) == 0 {
				t.Errorf("the gateway counts %+v, the client %+v", n, want)
			}
			if err := p.stop(t, syscall.SIGTERM); err != nil {
				t.Errorf("vpnc ends with %v\n%s", err, p.output)
			}
			q.waitSAs(t, 0, 0)
			q.end(t)
			seen := capture.end(t)
			if c.mode == "none" {
				// The kernel says so of raw ESP that vpnc does not take in time.
				const unreachable = "192.1.1.42 to 192.1.1.40, protocol ICMPv4"
				seen.clear = slices.DeleteFunc(seen.clear, func(line string) bool { return line == unreachable })
			}
			seen.wantProtected(t, 2*size/65536)
		})
	}
}
