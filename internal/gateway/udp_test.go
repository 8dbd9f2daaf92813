package gateway

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/test/printed"
)

// noteSocket keeps what is sent, and receives what it is given.
type noteSocket struct {
	to   []netip.AddrPort
	sent [][]byte
	in   [][]byte

	outer []ipsec.OuterHeader
}

func (s *noteSocket) Outlast() error { return nil }

func (s *noteSocket) LeaveToKernel(bool) error { return nil }

func (s *noteSocket) Close() error { return nil }

func (s *noteSocket) Send(to netip.AddrPort, datagrams ...[]byte) error {
	for _, d := range datagrams {
		s.to, s.sent = append(s.to, to), append(s.sent, slices.Clone(d))
	}
	return nil
}

func (s *noteSocket) SendESP(to netip.AddrPort, outer ipsec.OuterHeader, packets ...[]byte) error {
	s.outer = append(s.outer, outer)
	return s.Send(to, packets...)
}

func (s *noteSocket) Receive(handle func(netip.AddrPort, uint8, [][]byte)) error {
	handle(netip.MustParseAddrPort("192.0.2.1:4500"), 0xba, s.in)
	return nil
}

// bare is a gateway with sockets and without a loop.
func bare(t *testing.T) (g *Gateway, ike, natt *noteSocket, fake *fakePlane) {
	t.Helper()
	ike, natt, fake = &noteSocket{}, &noteSocket{}, &fakePlane{}
	g = &Gateway{world: world{ports: ports{isakmp.PortIKE, isakmp.PortNATT}}, plane: fake,
		datagrams: make(chan datagram, 4), firsts: make(chan datagram, 4), strays: make(chan datagram, 4), events: make(chan input, 4), log: newTextLog(&printed.Output{})}
	g.sockets.change(func(m map[netip.AddrPort]udpSocket) { m[localIKE], m[localNATT] = ike, natt })
	g.notices = newNotices(g.log)
	t.Cleanup(g.log.close)
	return g, ike, natt, fake
}

var (
	localIKE  = netip.MustParseAddrPort("192.0.2.9:500")
	localNATT = netip.MustParseAddrPort("192.0.2.9:4500")
)

func TestMarkerTellsIKEFromESP(t *testing.T) {
	g, _, natt, fake := bare(t)
	message := append(make([]byte, 4), "message of IKE, which is long enough"...)
	esp := append([]byte{0, 0, 1, 0}, make([]byte, 40)...)
	g.cookies.Keep(isakmp.Cookie(message[4+8:]))
	natt.in = [][]byte{esp, message, {0xff}, slices.Clone(esp), {0, 0, 0, 0}}
	g.receive(localNATT, natt)
	if len(g.datagrams) != 1 || len(g.firsts) != 1 {
		t.Fatalf("%d IKE messages, %d that begin", len(g.datagrams), len(g.firsts))
	}
	first, empty := <-g.datagrams, <-g.firsts
	if string(first.data) != "message of IKE, which is long enough" || first.local != localNATT || len(empty.data) != 0 {
		t.Errorf("messages %+v, %+v", first, empty)
	}
	if len(fake.received) != 3 || !bytes.Equal(fake.received[0], esp) || !bytes.Equal(fake.received[1], []byte{0xff}) {
		t.Errorf("the data plane got %x", fake.received)
	}
	if fake.tos != 0xba {
		t.Errorf("with the TOS octet %#x", fake.tos)
	}
}

func TestPort500HasNoMarker(t *testing.T) {
	g, plain, _, fake := bare(t)
	plain.in = [][]byte{make([]byte, 40), {0xff}}
	g.receive(localIKE, plain)
	if len(g.firsts) != 2 || len((<-g.firsts).data) != 40 || len(fake.received) != 0 {
		t.Error("a datagram on port 500 is IKE as it is")
	}
}

// What comes to any other port is ESP, and keepalives of Cisco's, which begin as a
// marker does.
func TestOtherPortsAreForESPAlone(t *testing.T) {
	g, _, natt, fake := bare(t)
	natt.in = [][]byte{append([]byte{0, 0, 1, 0}, make([]byte, 40)...), {0, 0, 0, 0, 0xff}}
	g.receive(netip.MustParseAddrPort("192.0.2.9:10000"), natt)
	if len(g.datagrams) != 0 || len(fake.received) != 2 {
		t.Errorf("%d IKE messages, %d datagrams for the data plane", len(g.datagrams), len(fake.received))
	}
}

func TestMarkerStandsBeforeIKEOnly(t *testing.T) {
	g, plain, natt, _ := bare(t)
	to := netip.MustParseAddrPort("192.0.2.1:4500")
	g.send(ike.Datagram{Local: localNATT, Remote: to, Data: []byte("message")})
	g.send(ike.Datagram{Local: localNATT, Remote: to, Data: []byte{0xff}, Keepalive: true})
	g.send(ike.Datagram{Local: localIKE, Remote: to, Data: []byte("message")})
	outer := ipsec.OuterHeader{TOS: 0xb8, DF: true}
	if err := g.sendESP(localNATT, to, outer, [][]byte{[]byte("packet")}); err != nil {
		t.Error(err)
	}
	want := [][]byte{[]byte("\x00\x00\x00\x00message"), {0xff}, []byte("packet")}
	if !slices.EqualFunc(natt.sent, want, bytes.Equal) {
		t.Errorf("sent %q", natt.sent)
	}
	if len(plain.sent) != 1 || string(plain.sent[0]) != "message" {
		t.Errorf("sent %q by port 500", plain.sent)
	}
	if err := g.sendESP(netip.MustParseAddrPort("192.0.2.8:4500"), to, outer, nil); err == nil {
		t.Error("sent from an address without a socket")
	}
}

func TestFullQueueDropsAndCounts(t *testing.T) {
	g, _, _, _ := bare(t)
	first, large := make([]byte, 60000), make([]byte, 60000)
	large[8] = 1 // of the responder's cookie
	strange := []byte{15: 1, 27: 0}
	strange[8] = 2
	g.cookies.Keep(isakmp.Cookie(large[8:]))
	for range cap(g.firsts) + 2 {
		g.enqueue(datagram{data: first})
	}
	if g.overrun.Load() != 2 || g.lost.Load() != 0 {
		t.Errorf("%d first messages lost, want 2, and %d others", g.overrun.Load(), g.lost.Load())
	}
	for range cap(g.datagrams) + 3 {
		g.enqueue(datagram{data: large})
	}
	if g.lost.Load() != 3 || g.overrun.Load() != 2 {
		t.Errorf("%d lost, want 3, and %d first messages", g.lost.Load(), g.overrun.Load())
	}
	for range cap(g.strays) + 4 {
		g.enqueue(datagram{data: strange})
	}
	if g.strayed.Load() != 4 || g.lost.Load() != 3 {
		t.Errorf("%d of no SA lost, want 4, and %d others", g.strayed.Load(), g.lost.Load())
	}
	if n := len((<-g.datagrams).data); n != maxMessage {
		t.Errorf("%d octets of an oversized datagram are kept", n)
	}
	for range cap(g.events) + 2 {
		g.acquire(ipsec.PolicyEntry{}, ipsec.Flow{})
	}
	if g.lost.Load() != 5 {
		t.Errorf("%d lost, want 5", g.lost.Load())
	}
}

func TestAFaultInESPIsContained(t *testing.T) {
	g, _, natt, _ := bare(t)
	g.plane = nil // what comes next is a fault
	natt.in = [][]byte{append([]byte{0, 0, 1, 0}, make([]byte, 40)...)}
	g.receive(localNATT, natt)
	if len(g.events) != 1 {
		t.Error("the fault is not told")
	}
}

func TestPortsAreTheRouters(t *testing.T) {
	p := ports{10500, 14500}
	for wire, router := range map[string]string{"192.0.2.1:10500": "192.0.2.1:500", "192.0.2.1:14500": "192.0.2.1:4500", "192.0.2.1:61000": "192.0.2.1:61000"} {
		w, r := netip.MustParseAddrPort(wire), netip.MustParseAddrPort(router)
		if got := p.fromWire(w); got != r {
			t.Errorf("%s from the wire is %s", w, got)
		}
		if got := p.toWire(r); got != w {
			t.Errorf("%s to the wire is %s", r, got)
		}
	}
}
