package router

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/console"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/trace"
)

const common = `
crypto isakmp policy 10
 authentication pre-share
crypto isakmp key anyone address 0.0.0.0 0.0.0.0
crypto ipsec transform-set A esp-aes 256 esp-sha-hmac
`

// dynamicHub has a dynamic crypto map behind a static entry; what is added
// stands below its first template.
func dynamicHub(template string) string {
	return "hostname hub" + common + `
crypto dynamic-map DYN 10
 set transform-set A
` + template + `
crypto map M 10 ipsec-isakmp
 set peer 192.1.1.99
 set transform-set A
 match address VPN
crypto map M 100 ipsec-isakmp dynamic DYN
interface Ethernet0/0
 ip address 192.1.1.40 255.255.255.0
 crypto map M
ip access-list extended VPN
 permit ip 192.168.2.0 0.0.0.255 192.168.99.0 0.0.0.255
ip access-list extended SOME
 permit ip 192.168.2.0 0.0.0.255 192.168.0.0 0.0.255.255
ip access-list extended NONE
 remark empty
`
}

func spokeText(addr, lines string) string {
	return "hostname spoke" + common + `
crypto map M 10 ipsec-isakmp
 set peer 192.1.1.40
 set transform-set A
 match address VPN
interface Ethernet0/0
 ip address ` + addr + ` 255.255.255.0
 crypto map M
ip access-list extended VPN
` + lines
}

func parsed(t testing.TB, text string) *config.Config {
	t.Helper()
	c, diags := config.Load("test.cfg", []byte(text))
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	return c
}

// plane is a data plane that keeps what it is told.
type plane struct {
	noPlane
	sas         map[uint32]ipsec.SAParams // by ID
	instances   map[uint32]ipsec.PolicyEntry
	routes      []console.ReverseRoute
	given       int      // octets of keys, as they were then
	keys        [][]byte // of all SAs that were installed
	refuse      error    // instances
	refuseRoute error
}

func newPlane() *plane {
	return &plane{sas: map[uint32]ipsec.SAParams{}, instances: map[uint32]ipsec.PolicyEntry{}}
}

func (p *plane) Install(sa ipsec.SAParams) error {
	p.sas[sa.ID] = sa
	p.keys = append(p.keys, sa.EncKey.Reveal(), sa.AuthKey.Reveal())
	p.given += len(bytes.Trim(slices.Concat(p.keys[len(p.keys)-2:]...), "\x00"))
	return nil
}
func (p *plane) Remove(x ike.RemovedSA) { delete(p.sas, x.ID) }
func (p *plane) AddInstance(_ uint32, e ipsec.PolicyEntry) error {
	if p.refuse == nil {
		p.instances[e.Tag] = e
	}
	return p.refuse
}
func (p *plane) RemoveInstance(tag uint32) error {
	delete(p.instances, tag)
	return nil
}
func (p *plane) AddRoute(r console.ReverseRoute) error {
	if p.refuseRoute == nil {
		p.routes = append(p.routes, r)
	}
	return p.refuseRoute
}
func (p *plane) RemoveRoute(r console.ReverseRoute) error {
	i := slices.Index(p.routes, r)
	if i < 0 {
		return errors.New("no such route")
	}
	p.routes = slices.Delete(p.routes, i, i+1)
	return nil
}

// node is a router with its data plane.
type node struct {
	*Router
	plane *plane
	addr  netip.Addr
}

// net is routers that hear each other, on a clock that stands still.
type net struct {
	t     *testing.T
	now   time.Time
	nodes []*node
	wire  []ike.Datagram
}

func (n *net) add(text string) *node {
	n.t.Helper()
	x := &node{plane: newPlane()}
	r, err := New(Options{Config: parsed(n.t, text), DataPlane: x.plane, Rand: rand.NewChaCha8([32]byte{byte(len(n.nodes))}),
		Now: n.now, Limits: trace.DefaultLimits})
	if err != nil {
		n.t.Fatal(err)
	}
	x.Router, x.addr = r, r.Connections()[0].Local
	n.nodes = append(n.nodes, x)
	return x
}

// do takes an input's output to the others, until nothing is under way.
func (n *net) do(out Output) {
	for n.wire = append(n.wire, out.Send...); len(n.wire) > 0; {
		d := n.wire[0]
		n.wire = n.wire[1:]
		for _, x := range n.nodes {
			if x.addr == d.Remote.Addr() {
				out := x.Datagram(n.now, d.Remote, d.Local, append([]byte(nil), d.Data...))
				n.wire = append(n.wire, out.Send...)
			}
		}
	}
}

// connect has a spoke ask for a line, and the SAs settle.
func (n *net) connect(x *node, line int) {
	n.do(x.Acquire(n.now, 1, line))
	n.now = n.now.Add(time.Second)
	for _, x := range n.nodes {
		n.do(x.Timeout(n.now))
	}
}

func (n *net) change(x *node, text string) []string {
	n.t.Helper()
	c, err := x.Prepare(parsed(n.t, text), ConfiguredAddress)
	if err != nil {
		n.t.Fatal(err)
	}
	n.do(x.Reconfigure(n.now, c))
	return c.Notices
}

const lanToHub = " permit ip 192.168.3.0 0.0.0.255 192.168.2.0 0.0.0.255\n"

func newNet(t *testing.T) *net { return &net{t: t, now: time.Unix(1000, 0)} }

func TestTemplatesAreConnectionsInTheirPlace(t *testing.T) {
	c := parsed(t, dynamicHub(" match address SOME\ncrypto dynamic-map DYN 20\n set transform-set A\n"+
		"crypto dynamic-map DYN 5\n set transform-set A\n match address NONE\ncrypto dynamic-map DYN 30\n description nothing\n"))
	conns, err := Connections(c, ConfiguredAddress)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range conns {
		got = append(got, fmt.Sprintf("%d %s %d/%s %d, dynamic %v, %d lines", x.Tag, x.Map, x.Seq, x.DynamicMap, x.DynamicSeq, x.Dynamic, len(x.ACL)))
	}
	want := []string{"1 M 10/ 0, dynamic false, 1 lines", "2 M 100/DYN 5, dynamic true, 1 lines",
		"3 M 100/DYN 10, dynamic true, 1 lines", "4 M 100/DYN 20, dynamic true, 0 lines"}
	if !slices.Equal(got, want) {
		t.Errorf("connections %q, want %q", got, want)
	}
	entries := PolicyEntries(conns)
	type kind struct{ permit, dynamic, open bool }
	var kinds []kind
	for _, e := range entries {
		kinds = append(kinds, kind{e.Permit, e.Dynamic, e.Open})
	}
	// A list without a line permits nothing; no list at all permits everything.
	if want := []kind{{true, false, false}, {false, false, false}, {true, true, false}, {true, true, true}}; !slices.Equal(kinds, want) {
		t.Errorf("policy %+v, want %+v", kinds, want)
	}
}

func TestReverseRouteLivesAsLongAsItsSAs(t *testing.T) {
	n := newNet(t)
	hub := n.add(dynamicHub(" reverse-route\n set reverse-route distance 20\n set reverse-route tag 7\n"))
	a := n.add(spokeText("192.1.1.42", lanToHub+" permit tcp 192.168.3.0 0.0.0.255 host 192.168.2.9 eq www\n"+
		" permit ip any host 192.168.2.8\n permit ip host 192.1.1.42 host 192.168.2.9\n"))
	n.connect(a, 0)
	want := []console.ReverseRoute{{Prefix: netip.MustParsePrefix("192.168.3.0/24"), NextHop: a.addr, Distance: 20, Tag: 7}}
	if got := hub.ReverseRoutes(); !slices.Equal(got, want) || !slices.Equal(hub.plane.routes, want) {
		t.Fatalf("routes %v, in the table %v, want %v", got, hub.plane.routes, want)
	}
	// A second SA for the same network has the same route; its own address and
	// everything have none.
	for line := 1; line <= 3; line++ {
		n.connect(a, line)
	}
	if len(hub.IPsecSAs()) != 4 || len(hub.plane.instances) != 4 || !slices.Equal(hub.plane.routes, want) {
		t.Fatalf("%d pairs, %d instances, routes %v", len(hub.IPsecSAs()), len(hub.plane.instances), hub.plane.routes)
	}
	out, _ := hub.ClearIPsec(n.now, ike.IPsecFilter{Destination: a.addr, SPI: hub.IPsecSAs()[0].OutSPI})
	n.do(out)
	if !slices.Equal(hub.plane.routes, want) {
		t.Errorf("routes %v with an SA left", hub.plane.routes)
	}
	// It is configured anew: nothing is negotiated again, and the routes follow.
	for _, step := range []struct{ lines, want string }{
		{" reverse-route remote-peer 192.1.1.1\n", "[{192.1.1.42/32 192.1.1.1 1 0} {192.168.3.0/24 192.1.1.1 1 0}]"},
		{"", "[]"},
		{" reverse-route\n", "[{192.168.3.0/24 192.1.1.42 1 0}]"},
	} {
		notices := n.change(hub, dynamicHub(step.lines))
		if got := fmt.Sprint(hub.plane.routes); got != step.want || len(notices) != 0 || len(hub.IPsecSAs()) != 3 {
			t.Errorf("%q: routes %s, notices %v, %d pairs", step.lines, got, notices, len(hub.IPsecSAs()))
		}
	}
	out, _ = hub.ClearIPsec(n.now, ike.IPsecFilter{})
	n.do(out)
	if len(hub.plane.routes) != 0 || len(hub.ReverseRoutes()) != 0 || len(hub.plane.instances) != 0 || len(hub.plane.sas) != 0 {
		t.Errorf("routes %v, %d instances, %d SAs at the end", hub.plane.routes, len(hub.plane.instances), len(hub.plane.sas))
	}
	if errs := hub.Errors(); len(errs) != 0 {
		t.Error(errs)
	}
}

func TestStaticReverseRoutes(t *testing.T) {
	n := newNet(t)
	text := strings.Replace(dynamicHub(" match address SOME\n reverse-route remote-peer 192.1.1.1 static\n"), " set peer 192.1.1.99\n",
		" set peer 192.1.1.99\n reverse-route static\n", 1)
	hub := n.add(text)
	want := "[{192.168.99.0/24 192.1.1.99 1 0} {192.168.0.0/16 192.1.1.1 1 0}]"
	sorted := func() string { return fmt.Sprint(hub.plane.routes) }
	if got := sorted(); got != want && got != "[{192.168.0.0/16 192.1.1.1 1 0} {192.168.99.0/24 192.1.1.99 1 0}]" {
		t.Errorf("routes %s", got)
	}
	a := n.add(spokeText("192.1.1.42", lanToHub))
	n.connect(a, 0)
	if len(hub.plane.routes) != 2 || len(hub.plane.instances) != 1 {
		t.Errorf("routes %s with a peer, %d instances", sorted(), len(hub.plane.instances))
	}
	n.change(hub, strings.Replace(text, "crypto map M 100 ipsec-isakmp dynamic DYN\n", "", 1))
	if got := sorted(); got != "[{192.168.99.0/24 192.1.1.99 1 0}]" || len(a.plane.sas) != 0 {
		t.Errorf("routes %s without the dynamic crypto map, %d SAs at its peer", got, len(a.plane.sas))
	}
}

func TestRouteThatIsNotTaken(t *testing.T) {
	n := newNet(t)
	hub, a := n.add(dynamicHub(" reverse-route\n")), n.add(spokeText("192.1.1.42", lanToHub))
	hub.plane.refuseRoute = errors.New("no")
	n.connect(a, 0)
	var refused *RouteError
	if errs := hub.Errors(); len(errs) != 1 || !errors.As(errs[0], &refused) || !errors.Is(errs[0], hub.plane.refuseRoute) {
		t.Errorf("errors %v", errs)
	}
	if len(hub.IPsecSAs()) != 1 || len(hub.ReverseRoutes()) != 0 {
		t.Errorf("%d pairs, routes %v", len(hub.IPsecSAs()), hub.ReverseRoutes())
	}
	hub.plane.refuseRoute = nil
	out, _ := hub.ClearIPsec(n.now, ike.IPsecFilter{})
	n.do(out)
	if errs := hub.Errors(); len(errs) != 0 { // it would be that there is none
		t.Error(errs)
	}
}

// What the data plane cannot protect has no SA at either end.
func TestInstanceThatTheDataPlaneRefuses(t *testing.T) {
	n := newNet(t)
	hub, a := n.add(dynamicHub(" reverse-route\n")), n.add(spokeText("192.1.1.42", lanToHub))
	hub.plane.refuse = errors.New("no room")
	n.connect(a, 0)
	if len(hub.plane.sas) != 0 || len(hub.IPsecSAs()) != 0 || len(hub.Instances()) != 0 || len(a.plane.sas) != 0 || len(hub.plane.routes) != 0 {
		t.Errorf("hub: %d SAs, %d pairs, %d instances; spoke: %d SAs", len(hub.plane.sas), len(hub.IPsecSAs()), len(hub.Instances()), len(a.plane.sas))
	}
	if errs := hub.Errors(); len(errs) != 1 || !errors.Is(errs[0], hub.plane.refuse) {
		t.Errorf("errors %v", errs)
	}
	hub.plane.refuse = nil
	n.connect(a, 0)
	if len(hub.plane.sas) != 2 || len(hub.plane.instances) != 1 {
		t.Errorf("afterwards %d SAs, %d instances", len(hub.plane.sas), len(hub.plane.instances))
	}
}

func TestInstancesAreJudgedByTheirTemplate(t *testing.T) {
	n := newNet(t)
	hub, a := n.add(dynamicHub("")), n.add(spokeText("192.1.1.42", lanToHub))
	n.connect(a, 0)
	for _, step := range []struct {
		what, lines, notice string
		pairs               int
	}{
		{"a description", " description x\n", "", 1},
		{"an access list", " match address SOME\n", "crypto dynamic-map DYN 10: the access list changed: its SAs are cleared", 0},
		{"the same", " match address SOME\n", "", 1},
		{"PFS", " match address SOME\n set pfs group2\n", "crypto dynamic-map DYN 10: PFS changed: its SAs are cleared", 0},
		{"a wider window", " match address SOME\n set pfs group2\n set security-association replay window-size 512\n", "", 0},
		{"without PFS", "", "", 0},
		{"another window", " set security-association replay window-size 1024\n",
			"security-association replay: the IPsec SAs that are up keep their window until they are negotiated anew", 1},
		{"another sequence", " set security-association replay window-size 1024\ncrypto dynamic-map DYN 20\n set transform-set A\nno crypto dynamic-map DYN 10\n",
			"crypto dynamic-map DYN 10: it no longer applies to Ethernet0/0: its SAs are cleared", 0},
	} {
		notices := n.change(hub, dynamicHub(step.lines))
		if got := strings.Join(notices, "\n"); got != step.notice {
			t.Errorf("%s: %q, want %q", step.what, got, step.notice)
		}
		if len(hub.IPsecSAs()) != step.pairs || len(hub.plane.instances) != step.pairs {
			t.Errorf("%s: %d pairs, %d instances, want %d", step.what, len(hub.IPsecSAs()), len(hub.plane.instances), step.pairs)
		}
		n.connect(a, 0)
	}
}

// Clear text of what a peer has asked for is told in that peer's history.
func TestClearTextOfAnInstanceIsItsPeers(t *testing.T) {
	n := newNet(t)
	hub, a := n.add(dynamicHub("")), n.add(spokeText("192.1.1.42", lanToHub))
	flow := ipsec.Flow{Src: netip.MustParseAddr("192.168.3.7"), Dst: netip.MustParseAddr("192.168.2.7"), Protocol: 1}
	told := func() (n int) {
		for _, r := range hub.History(a.addr) {
			if r.Event.Code() == trace.CodeClearTextReceived {
				n++
			}
		}
		return n
	}
	hub.ClearTextDropped(n.now, flow)
	if told() != 0 {
		t.Error("told without a peer")
	}
	n.connect(a, 0)
	hub.ClearTextDropped(n.now, flow)
	if told() != 1 {
		t.Errorf("told %d times", told())
	}
}

// The counters of an instance outlive its SAs and other changes, but not itself.
func TestCountersOfAnInstance(t *testing.T) {
	n := newNet(t)
	hub, a := n.add(dynamicHub("")), n.add(spokeText("192.1.1.42", lanToHub))
	n.connect(a, 0)
	tag := hub.Instances()[0].Tag
	hub.tally.past[lineKey{tag, 0}] = tallied{encapsPackets: 5}
	n.change(hub, dynamicHub(" description x\n"))
	if got := hub.PolicyCounters(tag, 0); got.EncapsPackets != 5 {
		t.Errorf("counters %+v", got)
	}
	out, _ := hub.ClearIPsec(n.now, ike.IPsecFilter{})
	n.do(out)
	if len(hub.tally.past) != 0 {
		t.Errorf("kept %v", hub.tally.past)
	}
}

// The keys of IPsec SAs stand nowhere but in the data plane.
func TestKeysAreOverwrittenWhenTheDataPlaneHasThem(t *testing.T) {
	n := &net{t: t, now: time.Unix(1_700_000_000, 0)}
	hub, spoke := n.add(dynamicHub("")), n.add(spokeText("192.1.1.42", " permit ip 192.168.3.0 0.0.0.255 192.168.2.0 0.0.0.255\n"))
	n.connect(spoke, 0)
	for _, x := range []*node{hub, spoke} {
		if len(x.plane.sas) != 2 || x.plane.given < 2*(32+20)-8 {
			t.Fatalf("%d SAs with %d octets of keys", len(x.plane.sas), x.plane.given)
		}
		for _, k := range x.plane.keys {
			if !bytes.Equal(k, make([]byte, len(k))) {
				t.Errorf("a key is still there: %x", k)
			}
		}
	}
}
