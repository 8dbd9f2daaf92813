package gateway

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"

	"qmidle/internal/config"
	"qmidle/internal/console"
	"qmidle/internal/dataplane"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/test/printed"
)

func TestPoolIsBoundedAndSurvivesAFault(t *testing.T) {
	wantNoLeak(t)
	p := newPool(1)
	defer p.close()
	hold, begun := make(chan struct{}), make(chan struct{})
	p.ask(ike.Question{ID: 1, Run: func() ike.Answer { close(begun); <-hold; panic("broken on purpose") }})
	<-begun
	for id := range uint64(questionQueue) {
		if !p.ask(ike.Question{ID: 2 + id, Run: func() ike.Answer { return ike.DHResult{Shared: []byte{1}} }}) {
			t.Fatalf("no room for question %d", id)
		}
	}
	if p.ask(ike.Question{ID: 9999}) {
		t.Error("the queue is not bounded")
	}
	close(hold)
	if a := <-p.answers; a.id != 1 || !errors.Is(a.result.(ike.DHResult).Err, errPanic) {
		t.Errorf("answer %+v", a)
	}
	if a := <-p.answers; a.id != 2 || a.result.(ike.DHResult).Err != nil {
		t.Errorf("answer %+v", a)
	}
}

// gate is a writer that waits until it is opened.
type gate struct {
	open chan struct{}
	printed.Output
}

func (g *gate) Write(b []byte) (int, error) {
	<-g.open
	return g.Output.Write(b)
}

func TestLogNeverWaitsAndCountsWhatIsLost(t *testing.T) {
	wantNoLeak(t)
	w := &gate{open: make(chan struct{})}
	l := newTextLog(w)
	l.write([]byte("line\n"))
	waitFor(t, "the writer to be stuck", func() bool { return len(l.queue) == 0 })
	for range logQueue + 7 {
		l.write([]byte("line\n"))
	}
	close(w.open)
	l.close()
	if n := strings.Count(w.String(), "line\n"); n != logQueue+1 {
		t.Errorf("%d lines written, want %d", n, logQueue+1)
	}
	if !strings.Contains(w.String(), "line\nqmidle: 7 lines of output were lost here: they came faster than they could be written\nline\n") {
		t.Error("the loss is not told where it was")
	}
}

func TestNoticesOfAKindAreRare(t *testing.T) {
	r := &printed.Output{}
	l := newTextLog(r)
	n := newNotices(l)
	start := time.Now()
	for i := range 30 {
		n.tell(start.Add(time.Duration(i)*time.Second), "a", "of kind a at %d", i)
	}
	n.tell(start, "b", "of kind b")
	l.close()
	if got := r.String(); got != "qmidle: of kind a at 0\nqmidle: of kind a at 10\nqmidle: of kind a at 20\nqmidle: of kind b\n" {
		t.Errorf("notices:\n%s", got)
	}
	for i := range 10 * noticeKinds {
		n.last[string(rune(i))] = start
		if len(n.last) > noticeKinds {
			n.log = newTextLog(io.Discard)
			n.tell(start, "one more kind", "one more")
			n.log.close()
			break
		}
	}
	if len(n.last) > noticeKinds {
		t.Errorf("%d kinds are remembered", len(n.last))
	}
}

var testHost = []hostInterface{
	{"lo", []netip.Addr{netip.MustParseAddr("127.0.0.1")}},
	{"eth0", []netip.Addr{netip.MustParseAddr("192.0.2.1")}},
	{"eth1", []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")}},
	{"eth2", nil},
}

const oneMap = `crypto isakmp policy 1
 authentication pre-share
crypto isakmp key k address 192.0.2.9
crypto ipsec transform-set T esp-aes esp-sha-hmac
crypto map M 10 ipsec-isakmp
 set peer 192.0.2.9
 set transform-set T
 match address 101
access-list 101 permit ip any any
`

func TestInterfacesAreBound(t *testing.T) {
	for name, x := range map[string]struct {
		text     string
		override map[string]string
		want     binding
		err      string
	}{
		"by address":           {"interface GigabitEthernet0/1\n ip address 10.0.0.2 255.0.0.0\n crypto map M\n", nil, binding{"eth1", netip.MustParseAddr("10.0.0.2")}, ""},
		"by its own name":      {"interface eth1\n ip address 10.0.0.1 255.0.0.0\n crypto map M\n", nil, binding{"eth1", netip.MustParseAddr("10.0.0.1")}, ""},
		"own name, no address": {"interface eth0\n crypto map M\n", nil, binding{"eth0", netip.MustParseAddr("192.0.2.1")}, ""},
		"by override":          {"interface GigabitEthernet0/1\n ip address dhcp\n crypto map M\n", map[string]string{"gi0/1": "eth1"}, binding{"eth1", netip.MustParseAddr("10.0.0.1")}, ""},
		"address elsewhere":    {"interface GigabitEthernet0/1\n ip address 10.0.0.1 255.0.0.0\n crypto map M\n", map[string]string{"Gi0/1": "eth0"}, binding{}, "eth0 does not have the address 10.0.0.1\n  hint: give it to the host (`ip address add 10.0.0.1/8 dev eth0`)"},
		"address nowhere":      {"interface GigabitEthernet0/1\n ip address 10.9.0.1 255.0.0.0\n crypto map M\n", nil, binding{}, "no interface of this host has the address 10.9.0.1"},
		"no such interface":    {"interface eth9\n crypto map M\n", nil, binding{}, "this host has no interface eth9\n  hint: it has lo, eth0, eth1, eth2"},
		"no way to tell":       {"interface GigabitEthernet0/1\n ip address dhcp\n crypto map M\n", nil, binding{}, "hint: name one: --interface Gi0/1=eth0"},
		"no address yet":       {"interface eth2\n crypto map M\n", nil, binding{linux: "eth2"}, ""},
		"unknown override":     {"interface eth0\n crypto map M\n", map[string]string{"Gi0/7": "eth0"}, binding{}, "the configuration has no interface Gi0/7"},
		"not needed":           {"interface GigabitEthernet0/1\n ip address 10.9.0.1 255.0.0.0\n", nil, binding{}, ""},
	} {
		c := loadText(t, oneMap+x.text)
		b, err := bind(c, x.override, testHost)
		if x.err == "" && err != nil || x.err != "" && (err == nil || !strings.Contains(err.Error(), x.err)) {
			t.Errorf("%s: %v, want %q", name, err, x.err)
		}
		if got := b[c.Interfaces[0].Name]; err == nil && got != x.want {
			t.Errorf("%s: bound to %+v, want %+v", name, got, x.want)
		}
	}
}

func TestCountersAndTimesOfAPair(t *testing.T) {
	fake := &fakePlane{}
	a := newAdapter(fake)
	now := time.Unix(1000, 0)
	a.now = func() time.Time { return now }
	local, remote := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.9")
	in := ipsec.SAParams{Direction: ipsec.Inbound, SPI: 0x1000, Local: local, Remote: remote}
	out := ipsec.SAParams{Direction: ipsec.Outbound, SPI: 0x2000, Local: local, Remote: remote}
	for _, p := range []ipsec.SAParams{in, out} {
		if err := a.Install(p); err != nil {
			t.Fatal(err)
		}
	}
	pairOf := func(_, _ netip.Addr, _ uint32) (ike.IPsecSA, bool) {
		return ike.IPsecSA{InSPI: 0x1000, OutSPI: 0x2000}, true
	}
	a.sample(pairOf)
	if i, o := a.LastPackets(0x1000); !i.IsZero() || !o.IsZero() {
		t.Errorf("times before any packet: %v, %v", i, o)
	}
	a.forget()
	now = now.Add(time.Second)
	fake.sas[0].Counters = ipsec.Counters{Packets: 3, Bytes: 300}
	fake.sas[0].Counters.Drops[ipsec.DropReplayOld] = 2
	fake.sas[0].Counters.Drops[ipsec.DropAuthFailed] = 1
	if i, o := a.LastPackets(0x1000); !i.Equal(now) || !o.IsZero() {
		t.Errorf("times after packets came in: %v, %v", i, o)
	}
	heard := now
	now = now.Add(time.Second)
	fake.sas[1].Counters, fake.sas[1].PathMTU = ipsec.Counters{Packets: 4, Bytes: 400}, 1400
	a.sample(pairOf)
	if i, o := a.LastPackets(0x1000); !i.Equal(heard) || !o.Equal(now) {
		t.Errorf("times after packets went out: %v, %v", i, o)
	}
	want := console.Counters{EncapsPackets: 4, EncapsBytes: 400, DecapsPackets: 3, DecapsBytes: 300, RecvDrops: fake.sas[0].Counters.Drops, PathMTU: 1400}
	if got := a.Counters(0x1000, 0x2000); got != want {
		t.Errorf("counters %+v, want %+v", got, want)
	}
	a.Remove(ike.RemovedSA{Direction: ipsec.Inbound, SPI: 0x1000})
	if got := a.Counters(0x1000, 0x2000); got != want {
		t.Errorf("counters in the input that removes the pair: %+v", got)
	}
	a.forget()
	if got := a.Counters(0x1000, 0x2000); got != (console.Counters{}) {
		t.Errorf("counters of what is gone: %+v", got)
	}
	if i, o := a.LastPackets(0x1000); !i.IsZero() || !o.IsZero() {
		t.Errorf("times of what is gone: %v, %v", i, o)
	}
	a.AcquireFailed(1, 2)
	if fake.discards != 1 {
		t.Error("the packets of a failed request stay")
	}
	var _ dataplane.Backend = fake
}

func TestPingKnowsItsAnswers(t *testing.T) {
	target := netip.MustParseAddr("192.0.2.7")
	p := pinger{target: target, id: 7, seq: 3}
	echo := func(kind icmp.Type, id, seq int) []byte {
		b, err := (&icmp.Message{Type: kind, Body: &icmp.Echo{ID: id, Seq: seq, Data: []byte("data")}}).Marshal(nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	quoted := func(to netip.Addr, id uint16) []byte {
		inner := make([]byte, 28)
		inner[0], inner[9] = 0x45, protocolICMP
		copy(inner[16:], to.AsSlice())
		binary.BigEndian.PutUint16(inner[24:], id)
		binary.BigEndian.PutUint16(inner[26:], 3)
		b, err := (&icmp.Message{Type: ipv4.ICMPTypeDestinationUnreachable, Body: &icmp.DstUnreach{Data: inner}}).Marshal(nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	here, router := &net.IPAddr{IP: target.AsSlice()}, &net.IPAddr{IP: net.IPv4(192, 0, 2, 254)}
	for name, x := range map[string]struct {
		from    net.Addr
		b       []byte
		outcome console.PingOutcome
		ok      bool
	}{
		"reply":             {here, echo(ipv4.ICMPTypeEchoReply, 7, 3), console.PingReply, true},
		"of another":        {router, echo(ipv4.ICMPTypeEchoReply, 7, 3), 0, false},
		"of another ping":   {here, echo(ipv4.ICMPTypeEchoReply, 8, 3), 0, false},
		"late":              {here, echo(ipv4.ICMPTypeEchoReply, 7, 2), 0, false},
		"our request":       {here, echo(ipv4.ICMPTypeEcho, 7, 3), 0, false},
		"unreachable":       {router, quoted(target, 7), console.PingUnreachable, true},
		"another's trouble": {router, quoted(netip.MustParseAddr("192.0.2.8"), 7), 0, false},
		"another's ping":    {router, quoted(target, 8), 0, false},
		"rubbish":           {here, []byte{0}, 0, false},
	} {
		outcome, ok := p.answer(x.from, x.b)
		if ok != x.ok || ok && outcome != x.outcome {
			t.Errorf("%s: %v, %v", name, outcome, ok)
		}
	}
	if p.quotes(make([]byte, 19)) || p.quotes(append([]byte{0x4f}, make([]byte, 30)...)) {
		t.Error("a truncated quotation counts")
	}
}

func TestCommandsDuringTheShutdownAreAnswered(t *testing.T) {
	one, _ := twoSites(t, "")
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for {
				p, err := Ask(one.socket, Request{Line: "show version"})
				if err != nil || !p.OK {
					return
				}
			}
		})
	}
	one.do(t, "show version")
	one.stop(t)
	asking.Wait()
}

// What is bound again keeps its address as long as it is there, and may lose it;
// what is new must be there.
func TestInterfacesAreBoundAgain(t *testing.T) {
	addr := netip.MustParseAddr
	learned := loadText(t, oneMap+"interface eth1\n crypto map M\n")
	static := loadText(t, oneMap+"interface GigabitEthernet0/1\n ip address 10.0.0.1 255.0.0.0\n crypto map M\n")
	host := func(name string, all ...string) []hostInterface {
		h := hostInterface{name: name}
		for _, a := range all {
			h.addresses = append(h.addresses, addr(a))
		}
		return []hostInterface{testHost[0], h}
	}
	for name, x := range map[string]struct {
		old, cfg *config.Config
		before   binding
		host     []hostInterface
		want     binding
		refused  bool
	}{
		"kept":                  {learned, learned, binding{"eth1", addr("10.0.0.2")}, testHost, binding{"eth1", addr("10.0.0.2")}, false},
		"another":               {learned, learned, binding{"eth1", addr("10.0.0.9")}, testHost, binding{"eth1", addr("10.0.0.1")}, false},
		"lost":                  {learned, learned, binding{"eth1", addr("10.0.0.1")}, host("eth1"), binding{"eth1", netip.Addr{}}, false},
		"gone":                  {learned, learned, binding{"eth1", addr("10.0.0.1")}, host("eth7"), binding{}, false},
		"configured, lost":      {static, static, binding{"eth1", addr("10.0.0.1")}, host("eth1"), binding{}, false},
		"configured, elsewhere": {static, static, binding{"eth1", addr("10.0.0.1")}, host("eth7", "10.0.0.1"), binding{"eth7", addr("10.0.0.1")}, false},
		"new":                   {learned, static, binding{}, host("eth1"), binding{}, true},
	} {
		i := x.cfg.Interfaces[0].Name
		b, err := bindings{i: x.before}.again(x.old, x.cfg, nil, x.host)
		if (err != nil) != x.refused || b[i] != x.want {
			t.Errorf("%s: %+v, %v, want %+v", name, b[i], err, x.want)
		}
	}
}

func TestTheKernelDoesESPWhereItCan(t *testing.T) {
	can, cannot := func() error { return nil }, func() error { return syscall.EPROTONOSUPPORT }
	forced := config.DataPlane{Kind: config.DataPlaneKernel, InterfaceID: 7}
	for name, x := range map[string]struct {
		w     world
		plane config.DataPlane
		want  planeKind
		fails bool
	}{
		"it can":         {w: world{kernelESP: can}, want: planeKind{kernel: true}},
		"it cannot":      {w: world{kernelESP: cannot}},
		"by environment": {w: world{kernelESP: can, userSpace: true}},
		"user space":     {w: world{kernelESP: can}, plane: config.DataPlane{Kind: config.DataPlaneUserSpace}},
		"forced":         {w: world{kernelESP: can, userSpace: true}, plane: forced, want: planeKind{true, 7}},
		"forced, cannot": {w: world{kernelESP: cannot}, plane: forced, fails: true},
	} {
		g := &Gateway{world: x.w}
		got, err := g.choosePlane(&config.Config{DataPlane: x.plane})
		var operator *OperatorError
		if (err != nil) != x.fails || x.fails && !errors.As(err, &operator) || !x.fails && got != x.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
