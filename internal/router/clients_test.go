package router

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"qmidle/internal/aaa"
	"qmidle/internal/console"
	"qmidle/internal/ike"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/radius"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// accessHub is a server of remote access, whose lists are those that lines name.
func accessHub(lines string) string {
	return "hostname hub\naaa new-model\n" + lines + `
username alice password wonderland
crypto isakmp policy 10
 encr aes
 authentication pre-share
 group 2
crypto isakmp client configuration group admin
 key groupsecret
 pool POOL
 dns 192.168.2.53
 domain example.com
 acl 150
 max-logins 1
crypto ipsec transform-set A esp-aes esp-sha-hmac
crypto dynamic-map DYN 10
 set transform-set A
crypto map M client authentication list USERS
crypto map M client accounting list BILLING
crypto map M isakmp authorization list GROUPS
crypto map M client configuration address respond
crypto map M 100 ipsec-isakmp dynamic DYN
interface Ethernet0/0
 ip address 192.1.1.40 255.255.255.0
 crypto map M
ip local pool POOL 10.9.0.1 10.9.0.2
access-list 150 permit ip 192.168.2.0 0.0.0.255 any
`
}

const localLists = `aaa authentication login USERS local
aaa authorization network GROUPS local
`

const radiusLists = `aaa authentication login USERS group radius
aaa authorization network GROUPS local
aaa accounting network BILLING start-stop group radius
radius-server host 192.0.2.50 auth-port 1812 acct-port 1813 timeout 2 retransmit 1 key radsecret
`

// dialIn is a client: an engine that logs in with a user and a password.
type dialIn struct {
	engine         *ike.Engine
	addr           netip.Addr
	user, password string
	got            []ike.ClientConfig
}

// office is a hub with clients and a RADIUS server that answers after a delay.
type office struct {
	testing.TB
	now     time.Time
	hub     *Router
	plane   *plane
	text    strings.Builder
	clients []*dialIn
	wire    []ike.Datagram
	server  func(*radius.Packet) *radius.Packet // nil answers nothing
	delay   time.Duration
	replies []reply
	leases  []aaa.LeaseChange
	asked   []*radius.Packet
	spent   time.Duration // of processor time, by the hub; counted where clock is set
	clock   func() time.Duration
}

type reply struct {
	at   time.Time
	to   aaa.Datagram
	data []byte
}

func newOffice(t testing.TB, lines string) *office { return newOfficeOf(t, accessHub(lines)) }

func newOfficeOf(t testing.TB, text string) *office {
	o := &office{TB: t, now: time.Unix(1000, 0), plane: newPlane()}
	var err error
	o.hub, err = New(Options{Config: parsed(t, text), DataPlane: o.plane, Rand: rand.NewChaCha8([32]byte{1}), Now: o.now,
		Limits: trace.DefaultLimits, Text: func(b []byte) { o.text.Write(b) }})
	if err != nil {
		t.Fatal(err)
	}
	*o.hub.Debug() = console.Debug{ISAKMP: true, Authentication: true, Authorization: true, RADIUS: true}
	return o
}

func (o *office) dial(n byte, user, password string) *dialIn {
	return o.dialFrom(netip.AddrFrom4([4]byte{192, 1, 1, 100 + n}), isakmp.GroupMODP1024, user, password)
}

func (o *office) dialFrom(addr netip.Addr, group isakmp.Group, user, password string) *dialIn {
	c := &dialIn{addr: addr, user: user, password: password}
	hub := netip.MustParseAddr("192.1.1.40")
	c.engine = ike.New(ike.Config{
		Policies: []policy.IKE{{Priority: 1, Encryption: isakmp.EncrAESCBC, KeyBits: 128, Hash: isakmp.HashSHA1, Auth: isakmp.AuthPSK, Group: group, Lifetime: 86400}},
		Connections: []*ike.Connection{{Tag: 1, Map: "C", Seq: 1, Local: c.addr, Peers: []netip.Addr{hub}, EasyVPN: &ike.EasyVPN{},
			TransformSets: []policy.TransformSet{{Name: "A", Cipher: isakmp.ESPAES, KeyBits: 128, Auth: isakmp.AuthAlgHMACSHA1}}, Lives: policy.Lives{Seconds: 3600},
			ACL: []policy.ACLEntry{{Permit: true, Local: policy.ProxyFromPrefix(netip.PrefixFrom(c.addr, 32), 0, 0), Remote: policy.ProxyFromPrefix(netip.MustParsePrefix("0.0.0.0/0"), 0, 0)}}}},
		Keys: noKeys{}, Rand: rand.NewChaCha8([32]byte{2, addr.As4()[1], addr.As4()[2], addr.As4()[3]}),
		Aggressive: map[netip.Addr]*ike.Aggressive{hub: {Identity: policy.Identity{Type: isakmp.IDKeyID, Data: "admin"}, Secret: secret.FromString("groupsecret"), XAUTH: true}},
	})
	o.clients = append(o.clients, c)
	o.client(c, func(e *ike.Engine, fx *ike.Effects) { e.Acquire(o.now, ike.Acquire{Connection: 1}, fx) })
	return c
}

type noKeys struct{}

func (noKeys) PresharedKey(ike.KeyQuery) (ike.Key, bool) { return ike.Key{}, false }

// client gives a client's engine an input, and answers for its operator.
func (o *office) client(c *dialIn, input func(*ike.Engine, *ike.Effects)) {
	var fx ike.Effects
	input(c.engine, &fx)
	o.wire = append(o.wire, fx.Send...)
	c.got = append(c.got, fx.Configured...)
	for _, q := range fx.Questions {
		o.client(c, func(e *ike.Engine, fx *ike.Effects) {
			e.Answer(o.now, q.ID, ike.Credentials{Given: true, User: c.user, Password: secret.FromString(c.password)}, fx)
		})
	}
}

// carry does what the hub asks for.
func (o *office) carry(out Output) {
	o.wire = append(o.wire, out.Send...)
	o.leases = append(o.leases, out.Leases...)
	for _, d := range out.RADIUS {
		request, err := radius.Parse(d.Data)
		if err != nil {
			o.Fatal(err)
		}
		o.asked = append(o.asked, request)
		if o.server != nil {
			if p := o.server(request); p != nil {
				o.replies = append(o.replies, reply{o.now.Add(o.delay), d, p.Answer(request, secret.FromString("radsecret"), true)})
			}
		}
	}
	for _, w := range slices.Clone(out.Work) {
		o.carry(o.timed(func() Output { return o.hub.Worked(o.now, w.ID, w.Run()) }))
	}
}

// timed gives the hub an input and adds up what that takes.
func (o *office) timed(input func() Output) Output {
	if o.clock == nil {
		return input()
	}
	began := o.clock()
	out := input()
	o.spent += o.clock() - began
	return out
}

// run lets time pass.
func (o *office) run(d time.Duration) {
	for end := o.now.Add(d); ; {
		o.settle()
		next := end
		if at, ok := o.hub.NextDeadline(); ok && at.Before(next) {
			next = at
		}
		for _, c := range o.clients {
			if at, ok := c.engine.NextDeadline(); ok && at.Before(next) {
				next = at
			}
		}
		for _, r := range o.replies {
			if r.at.Before(next) {
				next = r.at
			}
		}
		if next.After(o.now) {
			o.now = next
		}
		o.fire()
		o.settle()
		if at, ok := o.hub.NextDeadline(); !o.now.Before(end) && (!ok || at.After(o.now)) {
			return
		}
	}
}

func (o *office) fire() {
	due := o.replies
	o.replies = nil
	for _, r := range due {
		if r.at.After(o.now) {
			o.replies = append(o.replies, r)
			continue
		}
		o.carry(o.hub.RADIUSReply(o.now, r.to.Server, r.to.Socket, r.data))
	}
	o.carry(o.timed(func() Output { return o.hub.Timeout(o.now) }))
	for _, c := range o.clients {
		o.client(c, func(e *ike.Engine, fx *ike.Effects) { e.Timeout(o.now, fx) })
	}
}

func (o *office) settle() {
	for len(o.wire) > 0 {
		d := o.wire[0]
		o.wire = o.wire[1:]
		data := append([]byte(nil), d.Data...)
		if d.Remote.Addr() == netip.MustParseAddr("192.1.1.40") {
			o.carry(o.timed(func() Output { return o.hub.Datagram(o.now, d.Remote, d.Local, data) }))
			continue
		}
		for _, c := range o.clients {
			if c.addr == d.Remote.Addr() {
				o.client(c, func(e *ike.Engine, fx *ike.Effects) { e.Datagram(o.now, d.Remote, d.Local, data, fx) })
			}
		}
	}
}

// address is what a client has got; invalid for none.
func (c *dialIn) address() netip.Addr {
	if len(c.got) == 0 {
		return netip.Addr{}
	}
	return c.got[len(c.got)-1].Address
}

func (o *office) inUse() (n int) {
	for _, r := range o.hub.AddressPools()[0].Ranges {
		n += r.InUse
	}
	return n
}

func TestLocalUserLogsIn(t *testing.T) {
	o := newOffice(t, localLists)
	a := o.dial(1, "alice", "wonderland")
	o.run(5 * time.Second)
	if a.address() != netip.MustParseAddr("10.9.0.1") || len(o.hub.IPsecSAs()) != 1 {
		t.Fatalf("address %s, %d pairs\n%s", a.address(), len(o.hub.IPsecSAs()), o.text.String())
	}
	if p := o.hub.AddressPools()[0]; len(p.InUse) != 1 || p.InUse[0].User != "alice" || p.InUse[0].Group != "admin" {
		t.Errorf("%+v", p)
	}
	for _, line := range []string{"AAA/AUTHEN/LOGIN (00000001): Pick method list 'USERS' ", "Method=local user='alice': Status = PASS",
		"AAA/AUTHOR (00000001): Pick method list 'GROUPS' "} {
		if !strings.Contains(o.text.String(), line) {
			t.Errorf("no %q in\n%s", line, o.text.String())
		}
	}
	if strings.Contains(o.text.String(), "wonderland") || strings.Contains(o.text.String(), "groupsecret") {
		t.Error("a secret is shown")
	}
	// One login more than max-logins; the first client stays.
	b := o.dial(2, "alice", "wonderland")
	o.run(5 * time.Second)
	if b.address().IsValid() || len(o.hub.IPsecSAs()) != 1 || o.inUse() != 1 {
		t.Errorf("a second login: address %s, %d pairs, %d in use", b.address(), len(o.hub.IPsecSAs()), o.inUse())
	}
	// The first leaves, and its address is free, and kept for it.
	o.client(a, func(e *ike.Engine, fx *ike.Effects) { e.Shutdown(o.now, fx) })
	o.run(5 * time.Second)
	if o.inUse() != 0 || len(o.hub.IPsecSAs()) != 0 {
		t.Errorf("%d in use behind the end", o.inUse())
	}
	if last := o.leases[len(o.leases)-1]; last.Lease.InUse || last.Lease.Addr != netip.MustParseAddr("10.9.0.1") {
		t.Errorf("%+v", o.leases)
	}
}

func TestWrongPassword(t *testing.T) {
	o := newOffice(t, localLists)
	a := o.dial(1, "alice", "alice")
	o.run(time.Minute)
	if a.address().IsValid() || len(o.hub.IPsecSAs()) != 0 || o.inUse() != 0 {
		t.Errorf("address %s, %d pairs, %d in use", a.address(), len(o.hub.IPsecSAs()), o.inUse())
	}
}

// A RADIUS server that is slow delays the client that waits for it; a fixed
// address comes with the user; records tell of the session.
func TestRADIUSUserLogsIn(t *testing.T) {
	o := newOffice(t, radiusLists)
	o.delay = 1500 * time.Millisecond
	o.server = func(p *radius.Packet) *radius.Packet {
		switch {
		case p.Code == radius.AccountingRequest:
			return &radius.Packet{Code: radius.AccountingResponse}
		case !p.Given(secret.FromString("radsecret"), "wonderland"):
			return &radius.Packet{Code: radius.AccessReject}
		}
		accept := &radius.Packet{Code: radius.AccessAccept}
		if p.Text(radius.UserName) == "fixed" {
			accept.AddAddr(radius.FramedIPAddress, netip.MustParseAddr("10.9.0.2"))
		}
		accept.AddText(radius.Class, "gold")
		return accept
	}
	a, b := o.dial(1, "fixed", "wonderland"), o.dial(2, "other", "wonderland")
	o.run(10 * time.Second)
	if a.address() != netip.MustParseAddr("10.9.0.2") || b.address() != netip.MustParseAddr("10.9.0.1") {
		t.Fatalf("addresses %s and %s\n%s", a.address(), b.address(), o.text.String())
	}
	o.client(a, func(e *ike.Engine, fx *ike.Effects) { e.Shutdown(o.now, fx) })
	o.run(10 * time.Second)
	var records []string
	for _, p := range o.asked {
		if p.Code == radius.AccountingRequest {
			status, _ := p.Uint(radius.AcctStatusType)
			records = append(records, fmt.Sprintf("%s %d %s %s", p.Text(radius.UserName), status, p.Addr(radius.FramedIPAddress), p.Text(radius.Class)))
		}
	}
	slices.Sort(records)
	if want := []string{"fixed 1 10.9.0.2 gold", "fixed 2 10.9.0.2 gold", "other 1 10.9.0.1 gold"}; !slices.Equal(records, want) {
		t.Errorf("records %q, want %q", records, want)
	}
}

// Without an answer nobody passes, and what is there goes on.
func TestSilentRADIUSServer(t *testing.T) {
	o := newOffice(t, radiusLists)
	a := o.dial(1, "alice", "wonderland")
	o.run(2 * time.Minute)
	if a.address().IsValid() || len(o.hub.IPsecSAs()) != 0 {
		t.Errorf("address %s", a.address())
	}
	s := o.hub.RADIUSServers()[0]
	if s.Authentication.Timeouts == 0 || s.Waiting != 0 {
		t.Errorf("%+v", s)
	}
}

// Hundreds log in at once while the server is slow, each by a question of its
// own.
func TestManyLogInAtASlowServer(t *testing.T) {
	o := newOffice(t, strings.Replace(radiusLists, "timeout 2", "timeout 5", 1))
	o.delay = 3 * time.Second
	o.server = func(p *radius.Packet) *radius.Packet {
		if p.Code == radius.AccountingRequest {
			return &radius.Packet{Code: radius.AccountingResponse}
		}
		accept := &radius.Packet{Code: radius.AccessAccept}
		var n int
		fmt.Sscanf(p.Text(radius.UserName), "u%d", &n)
		accept.AddAddr(radius.FramedIPAddress, netip.AddrFrom4([4]byte{10, 77, 0, byte(n)}))
		return accept
	}
	const many = 100
	for n := range byte(many) {
		o.dial(n, fmt.Sprintf("u%d", n), "x")
	}
	o.run(20 * time.Second)
	for i, c := range o.clients {
		if want := netip.AddrFrom4([4]byte{10, 77, 0, byte(i)}); c.address() != want {
			t.Errorf("client %d has %s", i, c.address())
		}
	}
	if n := len(o.hub.IPsecSAs()); n != many {
		t.Errorf("%d pairs", n)
	}
}
