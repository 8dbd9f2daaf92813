package aaa

import (
	"bytes"
	"math/rand"
	"net/netip"
	"strings"
	"testing"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/password"
	"qmidle/internal/radius"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

var (
	start  = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	first  = Server{Name: "first", Auth: netip.MustParseAddrPort("192.0.2.50:1812"), Acct: netip.MustParseAddrPort("192.0.2.50:1813"), Key: secret.FromString("shared-1"), Timeout: 5 * time.Second, Retransmit: 2}
	second = Server{Name: "second", Auth: netip.MustParseAddrPort("192.0.2.51:1812"), Acct: netip.MustParseAddrPort("192.0.2.51:1813"), Key: secret.FromString("shared-2"), Timeout: 3 * time.Second, Retransmit: 1}
)

// bench drives a Service by hand.
type bench struct {
	*testing.T
	s      *Service
	now    time.Time
	fx     Effects
	events []trace.Event
	lastID uint64
}

// Record implements trace.Sink.
func (b *bench) Record(r *trace.Record) { b.events = append(b.events, r.Event) }

func newBench(t *testing.T, change func(*Config)) *bench {
	b := &bench{T: t, now: start}
	cfg := Config{
		Enabled: true,
		Login: map[string]List{
			"LOCAL":  {Methods: []Method{{Kind: Local, Name: "local"}}},
			"RADIUS": {Methods: []Method{{Kind: Servers, Group: "radius", Name: "group radius"}}},
			"BOTH":   {Methods: []Method{{Kind: Servers, Group: "radius", Name: "group radius"}, {Kind: Local, Name: "local"}}},
			"LOCAL1": {Methods: []Method{{Kind: Local, Name: "local"}, {Kind: Servers, Group: "radius", Name: "group radius"}}},
			"NONE":   {Methods: []Method{{Kind: Other, Name: "enable"}, {Kind: None, Name: "none"}}},
			"ENABLE": {Methods: []Method{{Kind: Other, Name: "enable"}}},
			"CASE":   {Methods: []Method{{Kind: LocalCase, Name: "local-case"}}},
		},
		Authorization: map[string]List{"LOCAL": {Methods: []Method{{Kind: Local, Name: "local"}}}, "RADIUS": {Methods: []Method{{Kind: Local}, {Kind: Servers, Group: "radius"}}}},
		Accounting:    map[string]List{"ALL": {Methods: []Method{{Kind: Servers, Group: "radius"}}}, "ENDS": {Methods: []Method{{Kind: Servers, Group: "radius"}}, StopOnly: true}},
		Users: map[string]User{
			"alice":       {Password: password.Stored{Text: secret.FromString("wonderland")}},
			"bob":         {Password: password.Stored{Type: password.MD5, Text: secret.FromString("$1$28772684$iEwNOgGugqO9.bIz5sk8k/")}},
			"empty":       {},
			"alice/admin": {Password: password.Stored{Text: secret.FromString("wonderland")}},
		},
		Groups:   map[string]Group{"admin": {Policy: ike.ClientPolicy{Pool: "P", Domain: "example.com"}, MaxUsers: 3, MaxLogins: 2}, "locked": {Lock: true}},
		Pools:    []Pool{{Name: "P", Ranges: []Range{{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.3")}, {netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("10.0.1.1")}}}},
		RADIUS:   RADIUS{Groups: map[string]ServerGroup{"radius": {Servers: []Server{first, second}, DeadTime: 10 * time.Minute}}},
		Hostname: "gw", Rand: rand.New(rand.NewSource(1)), Events: b,
	}
	if change != nil {
		change(&cfg)
	}
	b.s = New(cfg, nil)
	return b
}

func client(session uint64, user string) ike.Client {
	return ike.Client{Session: session, Local: netip.MustParseAddrPort("192.0.2.1:500"),
		Remote: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), uint16(1000+session)), Group: "admin", User: user}
}

// ask begins a question and returns its number.
func (b *bench) ask(a ike.Ask) uint64 {
	b.lastID++
	b.fx.Reset()
	b.s.Ask(b.now, b.lastID, a, &b.fx)
	return b.lastID
}

// work does what is slow, and returns how much there was.
func (b *bench) work() int {
	todo := append([]Work(nil), b.fx.Work...)
	for _, w := range todo {
		b.s.Worked(b.now, w.ID, w.Run(), &b.fx)
	}
	return len(todo)
}

func (b *bench) answer(id uint64) ike.Answer {
	for _, a := range b.fx.Answers {
		if a.ID == id {
			return a.Answer
		}
	}
	return nil
}

// pass lets time go by until the next deadline.
func (b *bench) pass() {
	b.Helper()
	at, ok := b.s.NextDeadline()
	if !ok {
		b.Fatal("nothing is due")
	}
	b.now = at
	b.fx.Reset()
	b.s.Timeout(b.now, &b.fx)
}

// reply has a server answer the first datagram that was sent.
func (b *bench) reply(key secret.Secret, p *radius.Packet) {
	b.Helper()
	if len(b.fx.Send) == 0 {
		b.Fatal("nothing was sent")
	}
	d := b.fx.Send[0]
	request, err := radius.Parse(d.Data)
	if err != nil {
		b.Fatal(err)
	}
	b.fx.Reset()
	b.s.Reply(b.now, d.Server, d.Socket, p.Answer(request, key, true), &b.fx)
}

func logsIn(list string, c ike.Client, clear string) ike.AuthenticateUser {
	return ike.AuthenticateUser{Client: c, List: list, Password: secret.FromString(clear)}
}

func TestLocalLogins(t *testing.T) {
	for _, c := range []struct {
		list, user, password string
		verdict              ike.Verdict
		refusal              trace.Refusal
		work                 int
	}{
		{"LOCAL", "alice", "wonderland", ike.Accepted, trace.RefusalNone, 1},
		{"LOCAL", "ALICE", "wonderland", ike.Accepted, trace.RefusalNone, 1},
		{"CASE", "ALICE", "wonderland", ike.Rejected, trace.RefusalCredentials, 1},
		{"LOCAL", "bob", "hashcat", ike.Accepted, trace.RefusalNone, 1},
		{"LOCAL", "bob", "hashcax", ike.Rejected, trace.RefusalCredentials, 1},
		{"LOCAL", "nobody", "wonderland", ike.Rejected, trace.RefusalCredentials, 1},
		{"LOCAL", "empty", "x", ike.Rejected, trace.RefusalCredentials, 1},
		{"LOCAL", "empty", "", ike.Rejected, trace.RefusalNotGiven, 0},
		{"LOCAL", "", "wonderland", ike.Rejected, trace.RefusalNotGiven, 0},
		{"GONE", "alice", "wonderland", ike.Rejected, trace.RefusalNoList, 0},
		{"NONE", "anybody", "x", ike.Accepted, trace.RefusalNone, 0},
		{"ENABLE", "alice", "wonderland", ike.Rejected, trace.RefusalSilence, 0},
	} {
		b := newBench(t, nil)
		id := b.ask(logsIn(c.list, client(1, c.user), c.password))
		work := b.work()
		got, ok := b.answer(id).(ike.Authenticated)
		if !ok || got.Verdict != c.verdict || got.Refusal != c.refusal || work != c.work {
			t.Errorf("%s %s: %+v with %d hashes", c.list, c.user, got, work)
		}
	}
}

// Without aaa new-model no list exists.
func TestNothingWithoutNewModel(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Enabled = false })
	id := b.ask(logsIn("NONE", client(1, "alice"), "wonderland"))
	if got := b.answer(id).(ike.Authenticated); got.Verdict != ike.Rejected || got.Refusal != trace.RefusalNoList {
		t.Errorf("%+v", got)
	}
}

func TestServerDecides(t *testing.T) {
	b := newBench(t, nil)
	id := b.ask(logsIn("BOTH", client(1, "alice"), "wonderland"))
	if len(b.fx.Send) != 1 || b.fx.Send[0].Server != first.Auth {
		t.Fatalf("sent %v", b.fx.Send)
	}
	request, _ := radius.Parse(b.fx.Send[0].Data)
	if !request.Given(first.Key, "wonderland") || request.Text(radius.UserName) != "alice" || request.Text(radius.CallingStationID) != "198.51.100.1" ||
		request.Text(radius.NASIdentifier) != "gw" || request.Addr(radius.NASIPAddress) != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("%v", request)
	}
	b.reply(first.Key, &radius.Packet{Code: radius.AccessReject, Attributes: []radius.Attribute{{Type: radius.ReplyMessage, Value: []byte("No.")}}})
	// The local user has this password, and is not asked for it.
	if got := b.answer(id).(ike.Authenticated); got.Verdict != ike.Rejected || got.Refusal != trace.RefusalCredentials || got.Message != "No." || b.work() != 0 {
		t.Errorf("%+v", got)
	}
}

// A user whom the configuration has not is asked for at the servers behind
// `local`; one whom it has is not.
func TestLocalFirst(t *testing.T) {
	b := newBench(t, nil)
	b.ask(logsIn("LOCAL1", client(1, "carol"), "x"))
	if len(b.fx.Send) != 1 || b.work() != 0 {
		t.Errorf("sent %d", len(b.fx.Send))
	}
	id := b.ask(logsIn("LOCAL1", client(2, "alice"), "x"))
	if b.work() != 1 || len(b.fx.Send) != 0 || b.answer(id).(ike.Authenticated).Verdict != ike.Rejected {
		t.Errorf("sent %d, answers %+v", len(b.fx.Send), b.fx.Answers)
	}
}

func TestAcceptWithAttributes(t *testing.T) {
	b := newBench(t, nil)
	id := b.ask(logsIn("RADIUS", client(1, "alice"), "x"))
	accept := &radius.Packet{Code: radius.AccessAccept}
	accept.AddAddr(radius.FramedIPAddress, netip.MustParseAddr("10.0.0.2"))
	accept.AddAddr(radius.FramedIPNetmask, netip.MustParseAddr("255.255.255.255"))
	accept.Add(radius.Class, []byte("ratest"))
	accept.AddUint(radius.SessionTimeout, 3600)
	accept.AddUint(radius.IdleTimeout, 600)
	b.reply(first.Key, accept)
	got := b.answer(id).(ike.Authenticated)
	p := got.Policy
	if got.Verdict != ike.Accepted || p.Address != netip.MustParseAddr("10.0.0.2") || p.Netmask != netip.MustParseAddr("255.255.255.255") ||
		len(p.Class) != 1 || !bytes.Equal(p.Class[0], []byte("ratest")) || p.SessionTimeout != time.Hour || p.IdleTimeout != 10*time.Minute {
		t.Errorf("%+v", got)
	}
	if a := b.answer(b.ask(ike.AllocateAddress{Client: client(1, "alice"), Pool: "P"})).(ike.Allocated); a.Address != p.Address {
		t.Errorf("the fixed address is not given: %+v", a)
	}
	// The fixed address is no other client's, as long as the session is there.
	for n, want := range []string{"10.0.0.1", "10.0.0.3", "10.0.1.1", "invalid IP"} {
		c := client(uint64(10+n), "u"+string(rune('a'+n)))
		if a := b.answer(b.ask(ike.AllocateAddress{Client: c, Pool: "P"})).(ike.Allocated); a.Address.String() != want {
			t.Errorf("address %d is %s, want %s", n, a.Address, want)
		}
	}
	id = b.ask(logsIn("RADIUS", client(2, "dora"), "x"))
	b.reply(first.Key, accept)
	if got := b.answer(id).(ike.Authenticated); got.Verdict != ike.Rejected || got.Refusal != trace.RefusalPoolEmpty {
		t.Errorf("another's fixed address: %+v", got)
	}
	b.s.Session(b.now, ike.SessionRecord{Client: client(1, "alice"), Stage: ike.SessionEnded}, Usage{}, &b.fx)
	if a := b.answer(b.ask(ike.AllocateAddress{Client: client(20, "uz"), Pool: "P"})).(ike.Allocated); a.Address.String() != "10.0.0.2" {
		t.Errorf("behind the end: %+v", a)
	}
}

func TestChallenge(t *testing.T) {
	b := newBench(t, func(c *Config) { c.RADIUS.CHAP = true })
	id := b.ask(logsIn("BOTH", client(1, "alice"), "first-word"))
	b.reply(first.Key, &radius.Packet{Code: radius.AccessChallenge, Attributes: []radius.Attribute{
		{Type: radius.ReplyMessage, Value: []byte("Enter the code")}, {Type: radius.State, Value: []byte("state-7")}}})
	got := b.answer(id).(ike.Authenticated)
	if got.Verdict != ike.Challenged || got.Message != "Enter the code" || got.Prompt != ike.PromptAnswer || got.Dialogue == nil {
		t.Fatalf("%+v", got)
	}
	next := ike.AuthenticateUser{Client: client(1, "alice"), List: "BOTH", Reply: secret.FromString("123456"), Dialogue: got.Dialogue}
	id = b.ask(next)
	request, _ := radius.Parse(b.fx.Send[0].Data)
	state, _ := request.First(radius.State)
	if string(state) != "state-7" || !request.Given(first.Key, "123456") || b.fx.Send[0].Server != first.Auth {
		t.Errorf("%v", request)
	}
	b.reply(first.Key, &radius.Packet{Code: radius.AccessAccept})
	if got := b.answer(id).(ike.Authenticated); got.Verdict != ike.Accepted {
		t.Errorf("%+v", got)
	}
	// No other server knows of the dialogue, and no other method may stand in.
	id = b.ask(next)
	for b.answer(id) == nil {
		for _, d := range b.fx.Send {
			if d.Server != first.Auth {
				t.Fatalf("asked %s", d.Server)
			}
		}
		b.pass()
	}
	if got := b.answer(id).(ike.Authenticated); got.Verdict != ike.Rejected || got.Refusal != trace.RefusalSilence {
		t.Errorf("%+v", got)
	}
	id = b.ask(ike.AuthenticateUser{Client: client(1, "alice"), List: "BOTH", Reply: secret.FromString("x"), Dialogue: []byte{1, 2}})
	if got := b.answer(id).(ike.Authenticated); got.Verdict != ike.Rejected {
		t.Errorf("a broken dialogue: %+v", got)
	}
}

func TestGroupLocks(t *testing.T) {
	b := newBench(t, nil)
	locked := client(1, "alice")
	locked.Group = "locked"
	id := b.ask(logsIn("LOCAL", locked, "wonderland"))
	b.work()
	if got := b.answer(id).(ike.Authenticated); got.Verdict != ike.Rejected || got.Refusal != trace.RefusalGroupLock {
		t.Errorf("%+v", got)
	}
	for _, c := range []struct {
		user, group string
		want        bool
	}{{"alice/admin", "admin", true}, {`alice\admin`, "admin", true}, {"alice@admin", "admin", true}, {"alice%other", "admin", false}, {"alice", "admin", false}, {"admin", "admin", false}} {
		if lockedTo(c.user, c.group) != c.want {
			t.Errorf("%s in %s: %v", c.user, c.group, !c.want)
		}
	}
	accept := &radius.Packet{Code: radius.AccessAccept}
	accept.AddCisco("ipsec:user-vpn-group=other")
	id = b.ask(logsIn("RADIUS", client(2, "alice"), "x"))
	b.reply(first.Key, accept)
	if got := b.answer(id).(ike.Authenticated); got.Verdict != ike.Rejected || got.Refusal != trace.RefusalGroupLock {
		t.Errorf("%+v", got)
	}
}

func TestAuthorization(t *testing.T) {
	b := newBench(t, nil)
	got := b.answer(b.ask(ike.AuthorizeClient{Client: client(1, "alice"), List: "LOCAL"})).(ike.Authorized)
	if got.Refusal != trace.RefusalNone || got.Policy.Domain != "example.com" || got.Policy.Pool != "P" {
		t.Errorf("%+v", got)
	}
	stranger := client(2, "bob")
	stranger.Group = "unknown"
	if got := b.answer(b.ask(ike.AuthorizeClient{Client: stranger, List: "LOCAL"})).(ike.Authorized); got.Refusal != trace.RefusalGroup {
		t.Errorf("an unknown group: %+v", got)
	}
	if got := b.answer(b.ask(ike.AuthorizeClient{Client: stranger, List: "GONE"})).(ike.Authorized); got.Refusal != trace.RefusalNoList {
		t.Errorf("an unknown list: %+v", got)
	}
	id := b.ask(ike.AuthorizeClient{Client: stranger, List: "RADIUS"})
	request, _ := radius.Parse(b.fx.Send[0].Data)
	if request.Text(radius.UserName) != "unknown" || !request.Given(first.Key, "cisco") {
		t.Errorf("%v", request)
	}
	accept := &radius.Packet{Code: radius.AccessAccept}
	for _, pair := range []string{"ipsec:key-exchange=ike", "ipsec:tunnel-password=hidden", "ipsec:addr-pool=P", "ipsec:default-domain=lab.example",
		"ipsec:dns-servers=10.1.1.1 10.1.1.2", "ipsec:wins-servers=10.1.1.3", "ipsec:split-include=10.0.0.0/8 192.168.1.0 255.255.255.0",
		"ipsec:split-dns=a.example b.example", "ipsec:save-password=1", "ipsec:include-local-lan=1", "ipsec:pfs=1", "ipsec:banner=Hello",
		"ipsec:max-logins=1", "ipsec:netmask=255.255.255.0", "ipsec:timeout=60", "ipsec:idletime=x", "lcp:interface-config=x", "ipsec:broken", ":="} {
		accept.AddCisco(pair)
	}
	b.reply(first.Key, accept)
	p := b.answer(id).(ike.Authorized).Policy
	if p.Pool != "P" || p.Domain != "lab.example" || len(p.DNS) != 2 || len(p.WINS) != 1 || len(p.Split) != 2 || p.Split[1].Network.String() != "192.168.1.0/24" ||
		len(p.SplitDNS) != 2 || !p.SavePassword || !p.IncludeLocalLAN || !p.PFS || p.Banner != "Hello" || p.Netmask.String() != "255.255.255.0" || p.SessionTimeout != time.Minute {
		t.Errorf("%+v", p)
	}
	id = b.ask(ike.AuthorizeClient{Client: stranger, List: "RADIUS"})
	b.reply(first.Key, &radius.Packet{Code: radius.AccessReject})
	if got := b.answer(id).(ike.Authorized); got.Refusal != trace.RefusalGroup {
		t.Errorf("a reject: %+v", got)
	}
}

func TestKeysOfGroups(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.Groups["admin"] = Group{Key: secret.FromString("local key")}
		c.Groups["keyless"] = Group{}
		c.Authorization["NONE"] = List{Methods: []Method{{Kind: None}}}
	})
	find := func(list, group string) uint64 {
		c := client(9, "")
		c.Group = group
		return b.ask(ike.FindGroupKey{Client: c, List: list})
	}
	holds := func(what string, got ike.Answer, key string, why trace.Refusal) {
		t.Helper()
		if k := got.(ike.GroupKey); k.Refusal != why || !k.Key.Equal(secret.FromString(key)) {
			t.Errorf("%s: %+v", what, got)
		}
	}
	holds("a local group", b.answer(find("LOCAL", "admin")), "local key", trace.RefusalNone)
	holds("a local group without key", b.answer(find("LOCAL", "keyless")), "", trace.RefusalGroup)
	holds("an unknown group", b.answer(find("LOCAL", "unknown")), "", trace.RefusalGroup)
	holds("no list", b.answer(find("GONE", "admin")), "", trace.RefusalNoList)
	holds("everybody passes", b.answer(find("NONE", "admin")), "", trace.RefusalGroup)
	holds("a name that no request can carry", b.answer(find("RADIUS", strings.Repeat("g", 254))), "", trace.RefusalGroup)

	accept := func(fill func(p, request *radius.Packet)) uint64 {
		id := find("RADIUS", "sales")
		request, err := radius.Parse(b.fx.Send[0].Data)
		if err != nil || request.Text(radius.UserName) != "sales" || !request.Given(first.Key, "cisco") {
			t.Fatalf("%v %v", request, err)
		}
		p := &radius.Packet{Code: radius.AccessAccept}
		fill(p, request)
		b.reply(first.Key, p)
		return id
	}
	id := accept(func(p, _ *radius.Packet) { p.AddCisco("ipsec:tunnel-password=pair key") })
	holds("a pair", b.answer(id), "pair key", trace.RefusalNone)
	id = accept(func(p, request *radius.Packet) {
		p.AddTunnelSecret(secret.FromString("a key of more than fifteen octets"), 7, request, first.Key)
	})
	holds("Tunnel-Password", b.answer(id), "a key of more than fifteen octets", trace.RefusalNone)
	id = accept(func(*radius.Packet, *radius.Packet) {})
	holds("a user that is no group", b.answer(id), "", trace.RefusalGroup)
	if len(b.s.sessions) != 0 {
		t.Error("a question for a key makes a session")
	}
	for _, e := range b.events {
		if text := string(trace.AppendText(nil, &trace.Record{Event: e})); strings.Contains(text, "pair key") || strings.Contains(text, "local key") {
			t.Error(text)
		}
	}
}

func TestLimitsOfAGroup(t *testing.T) {
	b := newBench(t, nil)
	authorize := func(c ike.Client) trace.Refusal {
		return b.answer(b.ask(ike.AuthorizeClient{Client: c, List: "LOCAL"})).(ike.Authorized).Refusal
	}
	renewed := client(2, "alice")
	renewed.Session = 12
	for i, c := range []struct {
		client ike.Client
		want   trace.Refusal
	}{
		{client(1, "alice"), trace.RefusalNone},
		{client(2, "alice"), trace.RefusalNone},
		{client(3, "alice"), trace.RefusalMaxLogins},
		{renewed, trace.RefusalNone}, // the second, from where it is
		{client(4, "bob"), trace.RefusalNone},
		{client(5, "carol"), trace.RefusalMaxUsers},
	} {
		if got := authorize(c.client); got != c.want {
			t.Errorf("%d: %s, want %s", i, got, c.want)
		}
	}
	b.s.Session(b.now, ike.SessionRecord{Client: client(1, "alice"), Stage: ike.SessionEnded}, Usage{}, &b.fx)
	if got := authorize(client(6, "carol")); got != trace.RefusalNone {
		t.Errorf("behind an end: %s", got)
	}
}

// An answer that comes behind a session's end holds nothing.
func TestNothingHeldBehindTheEnd(t *testing.T) {
	b := newBench(t, nil)
	b.ask(logsIn("RADIUS", client(1, "alice"), "x"))
	sent := append([]Datagram(nil), b.fx.Send...)
	b.s.Session(b.now, ike.SessionRecord{Client: client(1, "alice"), Stage: ike.SessionEnded}, Usage{}, &b.fx)
	b.fx.Send = sent
	accept := &radius.Packet{Code: radius.AccessAccept}
	accept.AddAddr(radius.FramedIPAddress, netip.MustParseAddr("10.0.0.2"))
	b.reply(first.Key, accept)
	if len(b.s.sessions) != 0 || b.s.pools["P"].inUse != 0 {
		t.Errorf("%d sessions, %d addresses in use", len(b.s.sessions), b.s.pools["P"].inUse)
	}
}

// What is traced of a login has no password in it.
func TestNoPasswordInEvents(t *testing.T) {
	b := newBench(t, nil)
	b.ask(logsIn("RADIUS", client(1, "alice"), "wonderland"))
	b.reply(first.Key, &radius.Packet{Code: radius.AccessReject})
	var text []byte
	for _, e := range b.events {
		if sent, ok := e.(*trace.RADIUSSent); ok {
			text = append(text, sent.Attributes...)
		}
		text = trace.AppendJSON(append(text, '\n'), &trace.Record{Time: b.now, Event: e})
	}
	if s := string(text); strings.Contains(s, "wonderland") || strings.Contains(s, "shared-1") || !strings.Contains(s, "User-Password       [2]   18  *\n") {
		t.Error(s)
	}
}
