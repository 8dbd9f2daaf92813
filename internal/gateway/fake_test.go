package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/console"
	"qmidle/internal/dataplane"
	"qmidle/internal/ipsec"
	"qmidle/test/leak"
	"qmidle/test/printed"
)

// fakePlane is a data plane that notes what it is told.
type fakePlane struct {
	send   dataplane.SendUDP
	events dataplane.Events

	unknown atomic.Uint64 // ESP packets of no SA

	mu       sync.Mutex
	sas      []dataplane.SAStatus
	policies []ipsec.PolicyEntry
	routes   []dataplane.StaticRoute
	moved    []netip.AddrPort
	received [][]byte
	discards int
	closed   bool
	// refuse is what the next Install does instead.
	refuse   func() error
	released int
	tos      uint8
	outer    ipsec.OuterPolicy
	clamps   []dataplane.MSSClamp
	// routeErr is what SetStaticRoutes and AddRoute return.
	routeErr  error
	instances map[uint32]ipsec.PolicyEntry // by tag
	reverse   []dataplane.ReverseRoute
	// refuseInstance is what AddInstance returns.
	refuseInstance error
}

func (p *fakePlane) Install(sas ...ipsec.SAParams) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.refuse; f != nil {
		p.refuse = nil
		return f()
	}
	for _, sa := range sas {
		p.sas = append(p.sas, dataplane.SAStatus{Params: sa})
	}
	return nil
}

func (p *fakePlane) Remove(d ipsec.Direction, spi uint32, _ netip.Addr) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.sas)
	p.sas = slices.DeleteFunc(p.sas, func(s dataplane.SAStatus) bool { return s.Params.Direction == d && s.Params.SPI == spi })
	if len(p.sas) == n {
		return dataplane.ErrNoSA
	}
	return nil
}

func (p *fakePlane) MovePeer(_ ipsec.Direction, _ uint32, _ netip.Addr, to netip.AddrPort) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved = append(p.moved, to)
	return nil
}

func (p *fakePlane) SetPolicies(entries []ipsec.PolicyEntry) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.policies = entries
	return nil
}

func (p *fakePlane) AddInstance(template uint32, e ipsec.PolicyEntry) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuseInstance != nil {
		return p.refuseInstance
	}
	if p.instances == nil {
		p.instances = make(map[uint32]ipsec.PolicyEntry)
	}
	p.instances[e.Tag] = e
	return nil
}

func (p *fakePlane) RemoveInstance(tag uint32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.instances, tag)
	return nil
}

func (p *fakePlane) AddRoute(r dataplane.ReverseRoute) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.routeErr == nil {
		p.reverse = append(p.reverse, r)
	}
	return p.routeErr
}

func (p *fakePlane) RemoveRoute(r dataplane.ReverseRoute) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reverse = slices.DeleteFunc(p.reverse, func(o dataplane.ReverseRoute) bool { return o == r })
	return nil
}

func (p *fakePlane) Discard(uint32, uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.discards++
}

func (p *fakePlane) SAs() []dataplane.SAStatus {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sas)
}

func (p *fakePlane) SA(d ipsec.Direction, spi uint32, _ netip.Addr) (dataplane.SAStatus, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.sas, func(s dataplane.SAStatus) bool { return s.Params.Direction == d && s.Params.SPI == spi })
	if i < 0 {
		return dataplane.SAStatus{}, false
	}
	return p.sas[i], true
}

func (p *fakePlane) Packets(d ipsec.Direction, spi uint32, remote netip.Addr) (uint64, bool) {
	s, ok := p.SA(d, spi, remote)
	return s.Counters.Packets, ok
}

func (p *fakePlane) Stats() (s dataplane.Stats) {
	s.Drops[ipsec.DropUnknownSPI] = p.unknown.Load()
	return s
}

func (p *fakePlane) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return nil
}

func (p *fakePlane) ReceiveUDP(_, _ netip.AddrPort, tos uint8, datagrams [][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tos = tos
	for _, d := range datagrams {
		p.received = append(p.received, slices.Clone(d))
	}
}

func (p *fakePlane) SetStaticRoutes(routes []dataplane.StaticRoute) error {
	p.routes = routes
	return p.routeErr
}

func (p *fakePlane) SetOuterPolicy(o ipsec.OuterPolicy) error {
	p.outer = o
	return nil
}

func (p *fakePlane) SetClients([]dataplane.ClientNetwork) error { return nil }

func (p *fakePlane) RouteTo(netip.Addr) (dataplane.StaticRoute, bool) {
	return dataplane.StaticRoute{}, true
}

func (p *fakePlane) SetMSSClamps(clamps []dataplane.MSSClamp) error {
	p.clamps = clamps
	return nil
}

// plainSocket is a UDP socket that needs no rights.
type plainSocket struct{ conn *net.UDPConn }

func (s plainSocket) Outlast() error { return nil }

func (s plainSocket) LeaveToKernel(bool) error { return nil }

func (s plainSocket) Close() error { return s.conn.Close() }

func (s plainSocket) Send(to netip.AddrPort, datagrams ...[]byte) error {
	for _, d := range datagrams {
		if _, err := s.conn.WriteToUDPAddrPort(d, to); err != nil {
			return err
		}
	}
	return nil
}

func (s plainSocket) SendESP(to netip.AddrPort, _ ipsec.OuterHeader, packets ...[]byte) error {
	return s.Send(to, packets...)
}

func (s plainSocket) Receive(handle func(netip.AddrPort, uint8, [][]byte)) error {
	buf := make([]byte, 65535)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return err
		}
		handle(netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), 0, [][]byte{buf[:n]})
	}
}

var (
	addrOne = netip.MustParseAddr("127.0.0.1")
	addrTwo = netip.MustParseAddr("127.0.0.2")
)

const siteConfig = `hostname %[1]s
crypto isakmp policy 1
 encr aes
 authentication pre-share
 group 2
crypto isakmp key example-key address %[3]s
crypto isakmp keepalive 10
crypto ipsec transform-set T esp-aes esp-sha-hmac
crypto map M 10 ipsec-isakmp
 set peer %[3]s
 set transform-set T
 match address 101
interface Ethernet0/0
 ip address %[2]s 255.0.0.0
 crypto map M
access-list 101 permit ip %[4]s 0.0.255.255 %[5]s 0.0.255.255
%[6]s`

func loadText(t testing.TB, text string) *config.Config {
	t.Helper()
	c, d := config.Load("test.cfg", []byte(text))
	if d.Err() != nil {
		t.Fatal(d.Err())
	}
	return c
}

// site is a gateway under test.
type site struct {
	*Gateway
	plane  *fakePlane
	log    *printed.Output
	keys   []string
	socket string
	cancel context.CancelFunc
	ended  chan error
}

// twoSites runs gateways on 127.0.0.1 and 127.0.0.2. extra is more lines of
// the first one's configuration.
func twoSites(t *testing.T, extra string) (one, two *site) {
	t.Helper()
	listen, ports := loopback(t)
	one = newSite(t, fmt.Sprintf(siteConfig, "one", addrOne, addrTwo, "10.1.0.0", "10.2.0.0", extra), listen, ports)
	two = newSite(t, fmt.Sprintf(siteConfig, "two", addrTwo, addrOne, "10.2.0.0", "10.1.0.0", ""), listen, ports)
	one.start(t)
	two.start(t)
	return one, two
}

// loopback binds the sockets of both sites to two free ports.
func loopback(t *testing.T) (func(netip.AddrPort) (udpSocket, error), ports) {
	t.Helper()
	bound := make(map[netip.AddrPort]*net.UDPConn)
	t.Cleanup(func() {
		for _, c := range bound {
			c.Close()
		}
	})
	pick := func() uint16 {
		for range 100 {
			first, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addrOne, 0)))
			if err != nil {
				t.Fatal(err)
			}
			at := first.LocalAddr().(*net.UDPAddr).AddrPort()
			second, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addrTwo, at.Port())))
			if err != nil {
				first.Close()
				continue
			}
			bound[at], bound[netip.AddrPortFrom(addrTwo, at.Port())] = first, second
			return at.Port()
		}
		t.Fatal("no free port")
		return 0
	}
	p := ports{pick(), pick()}
	return func(a netip.AddrPort) (udpSocket, error) {
		if bound[a] == nil {
			return nil, fmt.Errorf("no socket for %s", a)
		}
		return plainSocket{bound[a]}, nil
	}, p
}

func newSite(t *testing.T, text string, listen func(netip.AddrPort) (udpSocket, error), p ports) *site {
	t.Helper()
	return openSite(t, Options{Config: loadText(t, text)}, listen, p, leak.Keys(text)...)
}

// openSite has options of its own, and keys that the log must not have.
func openSite(t *testing.T, o Options, listen func(netip.AddrPort) (udpSocket, error), p ports, keys ...string) *site {
	t.Helper()
	s := &site{plane: &fakePlane{}, log: &printed.Output{}, ended: make(chan error, 1)}
	s.socket, s.keys = filepath.Join(t.TempDir(), "s"), keys
	t.Cleanup(func() {
		for _, found := range leak.Find(s.log.String(), s.keys) {
			t.Errorf("the log: %s", found)
		}
	})
	o.Socket, o.Log, o.Version = s.socket, s.log, console.VersionInfo{Version: "test"}
	g, err := open(o, testWorld(s.plane, listen, p))
	if err != nil {
		t.Fatal(err)
	}
	s.Gateway = g
	return s
}

func testWorld(fake *fakePlane, listen func(netip.AddrPort) (udpSocket, error), p ports) world {
	return world{ports: p, workers: 2, rand: rand.Reader, listen: listen,
		forwards:  func() bool { return true },
		kernelESP: func() error { return syscall.EPROTONOSUPPORT },
		linkUp:    func(name string) bool { return name == "lo" },
		lookup: func(context.Context, string, []netip.Addr) ([]netip.Addr, error) {
			return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
		},
		interfaces: func() ([]hostInterface, error) {
			return []hostInterface{{"lo", []netip.Addr{addrOne, addrTwo}}}, nil
		},
		openPlane: func(_ planeKind, send dataplane.SendUDP, events dataplane.Events) (plane, error) {
			fake.send, fake.events = send, events
			return fake, nil
		},
		release: func() error {
			fake.released++
			return nil
		}}
}

func (s *site) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() { s.ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		s.stop(t)
		if t.Failed() {
			t.Logf("log of %s:\n%s", s.opts.Config.Hostname, s.log)
		}
	})
}

// stop ends the gateway and waits for it.
func (s *site) stop(t *testing.T) {
	t.Helper()
	s.cancel()
	select {
	case err := <-s.ended:
		if err != nil {
			t.Error(err)
		}
		s.ended <- nil
	case <-time.After(10 * time.Second):
		t.Fatal("the gateway does not end")
	}
}

// do runs a command that must succeed.
func (s *site) do(t *testing.T, line string) string {
	t.Helper()
	p, err := Ask(s.socket, Request{Line: line})
	if err != nil || !p.OK {
		t.Fatalf("%s: %v %+v", line, err, p)
	}
	if !leak.ShowsKeys(line) {
		for _, found := range leak.Find(p.Output, s.keys) {
			t.Errorf("%s: %s", line, found)
		}
	}
	return p.Output
}

func (s *site) acquire() { s.plane.events.Acquire(s.plane.entries()[0], ipsec.Flow{}) }

func (p *fakePlane) entries() []ipsec.PolicyEntry {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.policies
}

// waitFor waits until cond holds.
func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); !cond(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

// wantNoLeak fails if there are more goroutines at the test's end than now.
func wantNoLeak(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
			if time.Now().After(deadline) {
				var b strings.Builder
				buf := make([]byte, 1<<20)
				io.Copy(&b, bytes.NewReader(buf[:runtime.Stack(buf, true)]))
				t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, b.String())
			}
		}
	})
}
