package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"qmidle/internal/router"
	"qmidle/test/printed"
)

// directory is a DNS of which the test says what it knows. While it is held, no
// lookup comes back.
type directory struct {
	mu    sync.Mutex
	addrs []netip.Addr
	held  bool
	asked []string
}

func (d *directory) lookup(ctx context.Context, name string, servers []netip.Addr) ([]netip.Addr, error) {
	d.mu.Lock()
	d.asked = append(d.asked, fmt.Sprintf("%s %v", name, servers))
	held, addrs := d.held, slices.Clone(d.addrs)
	d.mu.Unlock()
	switch {
	case held:
		<-ctx.Done()
		return nil, ctx.Err()
	case len(addrs) == 0:
		return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	}
	return addrs, nil
}

// namedSites has a first site that knows the second by its name.
func namedSites(t *testing.T, d *directory) (one, two *site) {
	listen, p := loopback(t)
	text := fmt.Sprintf(siteConfig, "one", addrOne, addrTwo, "10.1.0.0", "10.2.0.0", "ip domain name example.com\nip name-server 127.0.0.53\n")
	text = strings.Replace(text, " set peer 127.0.0.2", " set peer two dynamic", 1)
	text = strings.Replace(text, "example-key address 127.0.0.2", "example-key hostname TWO.example.com", 1)
	one = &site{plane: &fakePlane{}, log: &printed.Output{}, ended: make(chan error, 1), socket: t.TempDir() + "/s"}
	w := testWorld(one.plane, listen, p)
	w.lookup = d.lookup
	var err error
	if one.Gateway, err = open(Options{Config: loadText(t, text), Socket: one.socket, Log: one.log}, w); err != nil {
		t.Fatal(err)
	}
	two = newSite(t, fmt.Sprintf(siteConfig, "two", addrTwo, addrOne, "10.2.0.0", "10.1.0.0", ""), listen, p)
	one.start(t)
	two.start(t)
	return one, two
}

func TestPeerByName(t *testing.T) {
	wantNoLeak(t)
	d := &directory{addrs: []netip.Addr{netip.MustParseAddr("::ffff:127.0.0.2")}}
	one, _ := namedSites(t, d)
	one.acquire()
	waitFor(t, "the tunnel", func() bool { return strings.Contains(one.do(t, "show crypto session"), "Active SAs: 2") })
	if out := one.do(t, "show hosts"); !strings.Contains(out, "\nName servers are 127.0.0.53\n") || !strings.Contains(out, "127.0.0.2\n") {
		t.Errorf("show hosts:\n%s", out)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Equal(d.asked, []string{"two.example.com [127.0.0.53]"}) {
		t.Errorf("asked %q", d.asked)
	}
}

// A lookup that takes its time keeps nobody waiting, and ends with the gateway.
func TestLookupsDoNotHoldTheLoop(t *testing.T) {
	wantNoLeak(t)
	d := &directory{held: true}
	one, _ := namedSites(t, d)
	one.acquire()
	waitFor(t, "the lookup", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return len(d.asked) > 0
	})
	if out := one.do(t, "show crypto session"); !strings.Contains(out, "Peer: two port 500") {
		t.Errorf("sessions:\n%s", out)
	}
	one.stop(t)
}

func TestUnknownNameIsTold(t *testing.T) {
	d := &directory{}
	one, _ := namedSites(t, d)
	waitFor(t, "the notice", func() bool {
		return strings.Contains(one.log.String(), "qmidle: two.example.com has no address: there is no such name; its tunnels cannot come up\n")
	})
	one.acquire()
	waitFor(t, "the packets to be given up", func() bool {
		one.plane.mu.Lock()
		defer one.plane.mu.Unlock()
		return one.plane.discards > 0
	})
}

func TestAnswersOfTheResolver(t *testing.T) {
	unknown := &net.DNSError{Err: "no such host", IsNotFound: true}
	for name, x := range map[string]struct {
		found found
		want  router.Resolution
	}{
		"addresses": {found{addrs: []netip.Addr{addrTwo}}, router.Resolution{Addrs: []netip.Addr{addrTwo}}},
		"none":      {found{}, router.Resolution{Unknown: true}},
		"unknown":   {found{err: unknown}, router.Resolution{Unknown: true}},
		"silent":    {found{err: &net.DNSError{Err: "i/o timeout", IsTimeout: true}}, router.Resolution{Problem: "no answer"}},
		"too late":  {found{err: context.DeadlineExceeded}, router.Resolution{Problem: "no answer"}},
		"broken":    {found{err: &net.DNSError{Err: "server misbehaving"}}, router.Resolution{Problem: "server misbehaving"}},
		"other":     {found{err: errors.New("out of files")}, router.Resolution{Problem: "out of files"}},
	} {
		x.want.Name = "two"
		got := resolution(router.Lookup{Name: "two"}, x.found)
		if got.Name != x.want.Name || got.Unknown != x.want.Unknown || got.Problem != x.want.Problem || !slices.Equal(got.Addrs, x.want.Addrs) {
			t.Errorf("%s: %+v, want %+v", name, got, x.want)
		}
	}
}

// nameServer answers on a socket of its own: for one name an address, for all
// others that there is no such name.
func nameServer(t *testing.T) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addrOne, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			m.Response, m.Additionals = true, nil
			if q.Name.String() == "two.example.com." && q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60},
					Body: &dnsmessage.AResource{A: addrTwo.As4()}}}
			} else {
				m.RCode = dnsmessage.RCodeNameError
			}
			answer, err := m.Pack()
			if err != nil {
				continue
			}
			conn.WriteToUDPAddrPort(answer, from)
		}
	}()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

func TestNameServerIsAsked(t *testing.T) {
	server := nameServer(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	addrs, err := serverLookup(ctx, "two.example.com.", server)
	if x := resolution(router.Lookup{}, found{addrs, err}); !slices.Equal(x.Addrs, []netip.Addr{addrTwo}) {
		t.Errorf("%v, %v", addrs, err)
	}
	addrs, err = serverLookup(ctx, "nobody.example.com.", server)
	if x := resolution(router.Lookup{}, found{addrs, err}); !x.Unknown {
		t.Errorf("an unknown name: %v, %v", addrs, err)
	}
}
