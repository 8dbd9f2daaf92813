package gateway

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/aaa"
)

func listenUDP(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// A reply comes back with the server and the socket that it was sent to; what a
// stranger sends to the socket does not come.
func TestRADIUSSockets(t *testing.T) {
	server, stranger := listenUDP(t), listenUDP(t)
	at := server.LocalAddr().(*net.UDPAddr).AddrPort()
	c := newRADIUSClient()
	defer c.close()
	for _, number := range []uint8{0, 1} {
		if err := c.send(aaa.Datagram{Server: at, Socket: number, Data: []byte{1, number}}); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 10)
		n, from, err := server.ReadFromUDPAddrPort(buf)
		if err != nil || n != 2 || buf[1] != number {
			t.Fatalf("%d octets, %v", n, err)
		}
		if _, err := stranger.WriteToUDPAddrPort([]byte("forged"), from); err != nil {
			t.Fatal(err)
		}
		if _, err := server.WriteToUDPAddrPort([]byte{2, number}, from); err != nil {
			t.Fatal(err)
		}
		select {
		case r := <-c.replies:
			if r.from != (radiusSocket{at, number}) || len(r.data) != 2 || r.data[1] != number {
				t.Errorf("%+v", r)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("no reply came")
		}
	}
	if len(c.open) != 2 {
		t.Errorf("%d sockets", len(c.open))
	}
	c.keep(func(a netip.AddrPort) bool { return false })
	if len(c.open) != 0 {
		t.Errorf("%d sockets to a server that is not asked", len(c.open))
	}
}
