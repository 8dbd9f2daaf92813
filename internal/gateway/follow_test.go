package gateway

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"qmidle/test/printed"
)

// movable is a host whose one interface has what addresses the test says.
type movable struct {
	mu        sync.Mutex
	addresses []netip.Addr
	gone      bool
}

func (m *movable) set(gone bool, addresses ...netip.Addr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gone, m.addresses = gone, addresses
}

func (m *movable) interfaces() ([]hostInterface, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone {
		return nil, nil
	}
	return []hostInterface{{"wan0", m.addresses}}, nil
}

func listenPlain(a netip.AddrPort) (udpSocket, error) {
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(a))
	return plainSocket{c}, err
}

// freePorts are two that no socket of the loopback network has.
func freePorts(t *testing.T) ports {
	t.Helper()
	port := func() uint16 {
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.IPv4Unspecified(), 0)))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	}
	return ports{port(), port()}
}

func TestAddressesAreFollowed(t *testing.T) {
	wantNoLeak(t)
	three := netip.MustParseAddr("127.0.0.3")
	host := &movable{addresses: []netip.Addr{addrOne}}
	p := freePorts(t)
	text := fmt.Sprintf(siteConfig, "one", addrOne, addrTwo, "10.1.0.0", "10.2.0.0", "")
	text = strings.Replace(text, "interface Ethernet0/0\n ip address 127.0.0.1 255.0.0.0", "interface wan0", 1)
	one := &site{plane: &fakePlane{}, log: &printed.Output{}, ended: make(chan error, 1), socket: t.TempDir() + "/s"}
	w := testWorld(one.plane, listenPlain, p)
	w.interfaces = host.interfaces
	var err error
	if one.Gateway, err = open(Options{Config: loadText(t, text), Socket: one.socket, Log: one.log}, w); err != nil {
		t.Fatal(err)
	}
	more := fmt.Sprintf("crypto isakmp key example-key address %s\ncrypto map M 10\n set peer %[1]s\n", three)
	two := newSite(t, fmt.Sprintf(siteConfig, "two", addrTwo, addrOne, "10.2.0.0", "10.1.0.0", more), listenPlain, p)
	one.start(t)
	two.start(t)
	change := func(gone bool, addresses ...netip.Addr) {
		host.set(gone, addresses...)
		one.plane.events.HostChanged()
	}
	up := func(from netip.Addr) func() bool {
		return func() bool {
			sa := one.do(t, "show crypto session")
			return strings.Contains(sa, "Active SAs: 2") && strings.Contains(sa, "local "+from.String()+"/500")
		}
	}
	ended := func() bool {
		return !strings.Contains(two.do(t, "show crypto session"), "Active SAs: 2") && len(one.plane.SAs()) == 0
	}

	one.acquire()
	waitFor(t, "the tunnel", up(addrOne))
	protected := len(one.plane.entries())

	// A second address disturbs nothing.
	change(false, three, addrOne)
	one.do(t, "show version")
	if !up(addrOne)() {
		t.Error("a second address has ended the tunnel")
	}
	change(false, three)
	waitFor(t, "the end of the old address's SAs at both ends", ended)
	one.acquire()
	waitFor(t, "the tunnel from the new address", up(three))
	if sockets := one.sockets.all(); len(sockets) != 2 || one.sockets.at(netip.AddrPortFrom(addrOne, 500)) != nil {
		t.Errorf("sockets: %v", sockets)
	}

	change(true)
	waitFor(t, "the end", ended)
	discards := func() int {
		one.plane.mu.Lock()
		defer one.plane.mu.Unlock()
		return one.plane.discards
	}
	before := discards()
	one.acquire()
	waitFor(t, "the packets to be given up", func() bool { return discards() > before })
	if n := len(one.plane.entries()); n != protected || len(one.sockets.all()) != 0 {
		t.Errorf("%d policies, %d before; sockets: %v", n, protected, one.sockets.all())
	}
	// The configuration may change meanwhile.
	one.opts.File = t.TempDir() + "/startup"
	one.do(t, "write memory")
	one.do(t, "reload")
	change(false, addrOne)
	waitFor(t, "the address to be used again", func() bool { return len(one.sockets.all()) == 2 })
	one.acquire()
	waitFor(t, "the tunnel once more", up(addrOne))
	one.stop(t)
	for _, want := range []string{
		"qmidle: interface wan0: its address is 127.0.0.3 now; it was 127.0.0.1\n",
		"qmidle: crypto map M 10: the address of wan0 changed: its SAs are cleared\n",
		"qmidle: interface wan0: its address 127.0.0.3 is gone: its tunnels are down, and what they protect is blocked\n",
		"qmidle: interface wan0: it has the address 127.0.0.1, on wan0\n",
	} {
		if !strings.Contains(one.log.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}
