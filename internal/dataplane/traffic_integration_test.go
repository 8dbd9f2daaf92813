//go:build integration

package dataplane

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
)

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
				if sa.Counters.Packets < 8 || sa.Counters.Drops.Errors() != 0 {
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

// TestPacketsDoNotAllocate counts what the process, both gateways and the stream's
// ends, allocates for a stream. The packets are some 40,000; what is allocated is
// an error for each time that a device is found empty.
func TestPacketsDoNotAllocate(t *testing.T) {
	for _, udp := range []bool{false, true} {
		t.Run(fmt.Sprintf("UDP %v", udp), func(t *testing.T) {
			lab(t)
			h, s := openGateway(t, nsHub, hub, nil), openGateway(t, nsSpoke, spoke, nil)
			setPolicies(t, h, permit("192.168.2.0/24", "192.168.3.0/24"))
			setPolicies(t, s, permit("192.168.3.0/24", "192.168.2.0/24"))
			connect(t, h, s, true, udp)
			const size = 50 << 20
			transfer(t, size/10)
			var before, after runtime.MemStats
			sealed := h.Stats().Sealed
			runtime.ReadMemStats(&before)
			if got := transfer(t, size); got != size {
				t.Errorf("%d of %d octets came", got, size)
			}
			runtime.ReadMemStats(&after)
			packets := h.Stats().Sealed - sealed
			allocations := after.Mallocs - before.Mallocs
			t.Logf("%d allocations for %d packets", allocations, packets)
			if packets < size/1500 || allocations > packets/8 {
				t.Errorf("%d allocations for %d packets", allocations, packets)
			}
		})
	}
}

// TestManySAsAtOnce has streams over two SAs, each in a lane of its own, whose
// packets reach the gateways mixed.
func TestManySAsAtOnce(t *testing.T) {
	for _, udp := range []bool{false, true} {
		t.Run(fmt.Sprintf("UDP %v", udp), func(t *testing.T) {
			lab(t)
			run(t, "ip -n qdp-ls addr add 192.168.3.200/24 dev eth0")
			h, s := openGateway(t, nsHub, hub, nil), openGateway(t, nsSpoke, spoke, nil)
			halves := []string{"192.168.3.0/25", "192.168.3.128/25"}
			var out, back []ipsec.PolicyEntry
			for i, half := range halves {
				there, here := permit("192.168.2.0/24", half), permit(half, "192.168.2.0/24")
				there.Line, here.Line = uint32(i), uint32(i)
				out, back = append(out, there), append(back, here)
			}
			setPolicies(t, h, out...)
			setPolicies(t, s, back...)
			for i, e := range out {
				there := oneWay(0x1001+uint32(i), hub, spoke, e.Selector, true, udp)
				answer := received(there)
				answer.Direction, answer.SPI = ipsec.Outbound, 0x2001+uint32(i)
				if err := s.Install(received(there), answer); err != nil {
					t.Fatal(err)
				}
				if err := h.Install(received(answer), there); err != nil {
					t.Fatal(err)
				}
			}
			const size = 30 << 20
			var streams sync.WaitGroup
			for _, to := range []string{"192.168.3.10:7000", "192.168.3.200:7000"} {
				streams.Go(func() {
					if got := transferTo(t, to, size); got != size {
						t.Errorf("%d of %d octets came to %s", got, size, to)
					}
				})
			}
			streams.Wait()
			for _, g := range []*gateway{h, s} {
				if d := g.Stats().Drops; d != [ipsec.DropCount]uint64{} {
					t.Errorf("%s: drops %v", g.ns, d)
				}
			}
		})
	}
}

// transfer sends octets of a known pattern from host to host and returns how
// many came as they were.
func transfer(t *testing.T, size int) int { return transferTo(t, "192.168.3.10:7000", size) }

func transferTo(t *testing.T, to string, size int) int {
	t.Helper()
	var listener net.Listener
	inside(t, nsSpokeHost, func() (err error) {
		listener, err = net.Listen("tcp4", to)
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
		c, err := d.DialContext(context.Background(), "tcp4", to)
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

// TestTransportModeBetweenTheGateways has the ends of the SAs themselves as the
// protected hosts, so that ESP and IKE match the policy too and must pass it by.
func TestTransportModeBetweenTheGateways(t *testing.T) {
	for _, udp := range []bool{false, true} {
		t.Run(fmt.Sprintf("UDP %v", udp), func(t *testing.T) {
			lab(t)
			h, s := openGateway(t, nsHub, hub, nil), openGateway(t, nsSpoke, spoke, nil)
			for _, ns := range []string{nsHub, nsSpoke} { // see the package comment
				run(t, "ip netns exec "+ns+" sysctl -qw net.ipv4.conf.all.rp_filter=2")
			}
			setPolicies(t, h, permit("192.1.1.40/32", "192.1.1.42/32"))
			setPolicies(t, s, permit("192.1.1.42/32", "192.1.1.40/32"))
			sel := ipsec.Selector{LocalNet: ipsec.HostRange(hub), RemoteNet: ipsec.HostRange(spoke)}
			there := oneWay(0x1001, hub, spoke, sel, true, udp)
			there.Mode = ipsec.Transport
			back := received(there)
			back.Direction, back.SPI = ipsec.Outbound, 0x2002
			if err := h.Install(received(back), there); err != nil {
				t.Fatal(err)
			}
			if err := s.Install(received(there), back); err != nil {
				t.Fatal(err)
			}
			wantPing(t, nsHub, "-c 2 192.1.1.42", "2 received")
			wantPing(t, nsSpoke, "-c 2 -s 1300 192.1.1.40", "2 received")
			if st := h.Stats(); st.Sealed != 4 || st.Opened != 4 || st.Drops != [ipsec.DropCount]uint64{} {
				t.Errorf("hub %+v", st)
			}
		})
	}
}

// TestUDPSocket sends runs over the loopback device and expects them whole and
// in order, however the kernel carries them.
func TestUDPSocket(t *testing.T) {
	listen := func() *UDPSocket {
		s, err := ListenUDP(netip.MustParseAddrPort("127.0.0.1:0"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	a, b := listen(), listen()
	var sent [][]byte
	for i := range 300 {
		size := 200
		if i%50 == 49 {
			size = 10
		}
		sent = append(sent, bytes.Repeat([]byte{byte(i)}, size))
	}
	got := make(chan []byte, len(sent))
	done := make(chan error)
	go func() {
		done <- b.Receive(func(from netip.AddrPort, _ uint8, datagrams [][]byte) {
			for _, d := range datagrams {
				if from == a.Local() {
					got <- bytes.Clone(d)
				}
			}
		})
	}()
	if err := a.Send(b.Local(), sent...); err != nil {
		t.Fatal(err)
	}
	for i, want := range sent {
		if d := <-got; !bytes.Equal(d, want) {
			t.Fatalf("datagram %d is %d octets of %d", i, len(d), d[0])
		}
	}
	b.Close()
	if err := <-done; err == nil {
		t.Error("Receive ends without a reason")
	}
	if err := a.Send(netip.MustParseAddrPort("127.0.0.1:9"), make([]byte, 65530)); err == nil {
		t.Error("a datagram that is too long was sent")
	}
}
