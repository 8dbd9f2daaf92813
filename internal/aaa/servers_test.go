package aaa

import (
	"net/netip"
	"testing"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/radius"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// A server that does not answer is asked three times, then the next one; and is
// left alone for the dead-time then.
func TestFailover(t *testing.T) {
	b := newBench(t, nil)
	id := b.ask(logsIn("RADIUS", client(1, "alice"), "x"))
	request := b.fx.Send[0]
	for n := 1; n <= 2; n++ {
		b.pass()
		if len(b.fx.Send) != 1 || string(b.fx.Send[0].Data) != string(request.Data) {
			t.Fatalf("sending %d is not the same packet: %v", n, b.fx.Send)
		}
	}
	b.pass()
	if b.now.Sub(start) != 15*time.Second || len(b.fx.Send) != 1 || b.fx.Send[0].Server != second.Auth {
		t.Fatalf("after %s: %v", b.now.Sub(start), b.fx.Send)
	}
	b.reply(second.Key, &radius.Packet{Code: radius.AccessAccept})
	if got := b.answer(id).(ike.Authenticated); got.Verdict != ike.Accepted {
		t.Errorf("%+v", got)
	}
	if _, due := b.s.NextDeadline(); due {
		t.Error("something is still due")
	}

	b.ask(logsIn("RADIUS", client(2, "alice"), "x"))
	if b.fx.Send[0].Server != second.Auth {
		t.Errorf("a dead server is asked: %v", b.fx.Send)
	}
	b.now = b.now.Add(10 * time.Minute)
	b.ask(logsIn("RADIUS", client(3, "alice"), "x"))
	if b.fx.Send[0].Server != first.Auth {
		t.Errorf("the dead-time does not end: %v", b.fx.Send)
	}
	s := b.s.ServerStatuses([]Server{first, second})
	if c := s[0].Counters.Authentication; s[0].Dead || c.Requests != 2 || c.Timeouts != 3 || c.Retransmissions != 2 || c.Failovers != 1 {
		t.Errorf("%+v", s[0])
	}
	if c := s[1].Counters.Authentication; c.Accepted != 1 || s[1].Waiting != 1 {
		t.Errorf("%+v", s[1])
	}
}

// Where all are dead, they are asked all the same: the answer ends it.
func TestAllDead(t *testing.T) {
	b := newBench(t, nil)
	id := b.ask(logsIn("RADIUS", client(1, "alice"), "x"))
	for b.answer(id) == nil {
		b.pass()
	}
	if got := b.answer(id).(ike.Authenticated); got.Verdict != ike.Rejected || got.Refusal != trace.RefusalSilence {
		t.Errorf("%+v", got)
	}
	id = b.ask(logsIn("RADIUS", client(2, "alice"), "x"))
	b.reply(first.Key, &radius.Packet{Code: radius.AccessAccept})
	if got := b.answer(id).(ike.Authenticated); got.Verdict != ike.Accepted || b.s.ServerStatuses([]Server{first})[0].Dead {
		t.Errorf("%+v", got)
	}
}

// Requests that wait for a server go on with the next one as soon as another
// request has found it dead.
func TestOthersLeaveADeadServer(t *testing.T) {
	b := newBench(t, nil)
	b.ask(logsIn("RADIUS", client(1, "alice"), "x"))
	b.pass()
	b.pass()
	b.now = b.now.Add(time.Second)
	b.ask(logsIn("RADIUS", client(2, "bob"), "x"))
	b.pass() // the first gives the server up
	b.pass() // the second's first sending runs out
	if len(b.fx.Send) != 1 || b.fx.Send[0].Server != second.Auth {
		t.Errorf("%v", b.fx.Send)
	}
}

func TestDeadCriteria(t *testing.T) {
	b := newBench(t, func(c *Config) { c.RADIUS.Dead = DeadCriteria{Time: time.Minute, Tries: 4} })
	dead := func() bool { return b.s.ServerStatuses([]Server{first})[0].Dead }
	for n := range 8 {
		id := b.ask(logsIn("RADIUS", client(uint64(1+n), "alice"), "x"))
		for b.fx.Send[0].Server == first.Auth {
			b.pass()
		}
		b.reply(second.Key, &radius.Packet{Code: radius.AccessReject})
		if b.answer(id) == nil {
			t.Fatal("no answer")
		}
		if want := b.now.Sub(start) >= time.Minute; dead() != want {
			t.Fatalf("dead after %s: %v", b.now.Sub(start), dead())
		}
		if dead() {
			return
		}
	}
	t.Error("it is never dead")
}

// Without a dead-time no server is left alone.
func TestNoDeadTime(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.RADIUS.Groups = map[string]ServerGroup{"radius": {Servers: []Server{first, second}}}
	})
	b.ask(logsIn("RADIUS", client(1, "alice"), "x"))
	for b.fx.Send[0].Server == first.Auth {
		b.pass()
	}
	b.ask(logsIn("RADIUS", client(2, "alice"), "x"))
	if b.fx.Send[0].Server != first.Auth {
		t.Errorf("%v", b.fx.Send)
	}
}

// What is forged changes nothing: the request waits on for the true answer.
func TestForgedReplies(t *testing.T) {
	b := newBench(t, nil)
	id := b.ask(logsIn("RADIUS", client(1, "alice"), "x"))
	sent := b.fx.Send[0]
	request, _ := radius.Parse(sent.Data)
	accept := &radius.Packet{Code: radius.AccessAccept}
	good := accept.Answer(request, first.Key, true)
	forged := map[string]struct {
		from   netip.AddrPort
		socket uint8
		data   []byte
		want   trace.RADIUSProblem
	}{
		"without key":     {sent.Server, sent.Socket, accept.Answer(request, secret.FromString("guess"), true), trace.RADIUSBadAuthenticator},
		"unsigned":        {sent.Server, sent.Socket, accept.Answer(request, first.Key, false), trace.RADIUSUnsigned},
		"truncated":       {sent.Server, sent.Socket, good[:25], trace.RADIUSBadLength},
		"empty":           {sent.Server, sent.Socket, nil, trace.RADIUSNoRequest},
		"another server":  {second.Auth, sent.Socket, good, trace.RADIUSNoRequest},
		"another socket":  {sent.Server, sent.Socket + 1, good, trace.RADIUSNoRequest},
		"another request": {sent.Server, sent.Socket, append([]byte{2, good[1] + 1}, good[2:]...), trace.RADIUSNoRequest},
	}
	for name, f := range forged {
		b.events = nil
		b.fx.Reset()
		b.s.Reply(b.now, f.from, f.socket, f.data, &b.fx)
		dropped, ok := b.events[0].(*trace.RADIUSReplyDropped)
		if !ok || dropped.Problem != f.want || b.answer(id) != nil {
			t.Errorf("%s: %+v, %v", name, b.events, b.fx.Answers)
		}
	}
	b.fx.Reset()
	b.s.Reply(b.now, sent.Server, sent.Socket, good, &b.fx)
	if got := b.answer(id).(ike.Authenticated); got.Verdict != ike.Accepted {
		t.Errorf("%+v", got)
	}
	b.events = nil
	b.s.Reply(b.now, sent.Server, sent.Socket, good, &b.fx)
	if d := b.events[0].(*trace.RADIUSReplyDropped); d.Problem != trace.RADIUSNoRequest {
		t.Errorf("the same answer again: %+v", d)
	}
}

// Many logins wait for a server that is slow, each under its own number; one more
// than it has numbers for goes to the next server, and no other is delayed.
func TestManyWait(t *testing.T) {
	b := newBench(t, nil)
	seen := map[slot]bool{}
	for n := range sockets*256 + 1 {
		b.ask(logsIn("RADIUS", client(uint64(1+n), "alice"), "x"))
		d := b.fx.Send[0]
		at := slot{d.Server, d.Socket, d.Data[1]}
		if seen[at] {
			t.Fatalf("%v waits twice", at)
		}
		seen[at] = true
		if want := n == sockets*256; (d.Server == second.Auth) != want {
			t.Fatalf("request %d goes to %s", n, d.Server)
		}
		if n < 256 && d.Socket != 0 {
			t.Fatalf("request %d opens socket %d", n, d.Socket)
		}
	}
	id := b.ask(logsIn("LOCAL", client(9999, "alice"), "wonderland"))
	if b.work(); b.answer(id).(ike.Authenticated).Verdict != ike.Accepted {
		t.Error("a local user is not let in")
	}
}

func TestAccounting(t *testing.T) {
	b := newBench(t, nil)
	c := client(0x1234, "alice")
	b.s.Ask(b.now, 1, ike.AllocateAddress{Client: c, Pool: "P"}, &b.fx)
	record := ike.SessionRecord{Client: c, List: "ALL", Address: netip.MustParseAddr("10.0.0.1"), Since: b.now, Class: [][]byte{[]byte("a"), []byte("b")}}
	send := func(stage ike.SessionStage, u Usage) *radius.Packet {
		t.Helper()
		b.fx.Reset()
		record.Stage, record.Started = stage, stage != ike.SessionBegun
		b.s.Session(b.now, record, u, &b.fx)
		if len(b.fx.Send) != 1 || b.fx.Send[0].Server != first.Acct {
			t.Fatalf("sent %v", b.fx.Send)
		}
		p, err := radius.Parse(b.fx.Send[0].Data)
		if err != nil {
			t.Fatal(err)
		}
		b.reply(first.Key, &radius.Packet{Code: radius.AccountingResponse})
		return p
	}
	number := func(p *radius.Packet, a radius.Type) uint32 { v, _ := p.Uint(a); return v }
	p := send(ike.SessionBegun, Usage{})
	if number(p, radius.AcctStatusType) != 1 || p.Text(radius.UserName) != "alice" || p.Text(radius.AcctSessionID) != "0000000000001234" ||
		p.Addr(radius.FramedIPAddress) != record.Address || len(p.All(radius.Class)) != 2 || number(p, radius.AcctAuthentic) != 2 {
		t.Errorf("start: %v", p)
	}
	b.now = b.now.Add(time.Minute)
	if p = send(ike.SessionInterim, Usage{InOctets: 7, OutPackets: 3}); number(p, radius.AcctStatusType) != 3 || number(p, radius.AcctSessionTime) != 60 ||
		number(p, radius.AcctInputOctets) != 7 || number(p, radius.AcctOutputPackets) != 3 {
		t.Errorf("interim: %v", p)
	}
	record.Cause = trace.ReasonPeerDead
	p = send(ike.SessionEnded, Usage{InOctets: 5<<32 + 6, OutOctets: 1 << 33, InPackets: 8, OutPackets: 9})
	if number(p, radius.AcctStatusType) != 2 || number(p, radius.AcctInputOctets) != 6 || number(p, radius.AcctInputGigawords) != 5 ||
		number(p, radius.AcctOutputGigawords) != 2 || number(p, radius.AcctInputPackets) != 8 || number(p, radius.AcctTerminateCause) != 2 {
		t.Errorf("stop: %v", p)
	}
	if len(b.s.sessions) != 0 || b.s.pools["P"].inUse != 0 {
		t.Error("the end leaves something")
	}

	b.fx.Reset()
	b.s.Session(b.now, ike.SessionRecord{Client: client(2, "bob"), Stage: ike.SessionBegun, List: "ENDS"}, Usage{}, &b.fx)
	b.s.Session(b.now, ike.SessionRecord{Client: client(3, "bob"), Stage: ike.SessionEnded, List: "ALL"}, Usage{}, &b.fx)
	b.s.Session(b.now, ike.SessionRecord{Client: client(4, "bob"), Stage: ike.SessionBegun}, Usage{}, &b.fx)
	if len(b.fx.Send) != 0 {
		t.Errorf("records that nobody asks for: %v", b.fx.Send)
	}
}

// A record that no server takes is counted as lost, once.
func TestAccountingLost(t *testing.T) {
	b := newBench(t, nil)
	b.s.Session(b.now, ike.SessionRecord{Client: client(1, "alice"), Stage: ike.SessionBegun, List: "ALL"}, Usage{}, &b.fx)
	for {
		if _, due := b.s.NextDeadline(); !due {
			break
		}
		b.pass()
	}
	if b.s.Statistics().RecordsLost != 1 || len(b.s.slots) != 0 {
		t.Errorf("%+v, %d wait", b.s.Statistics(), len(b.s.slots))
	}
}
