package ike

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

var clientAddr = netip.MustParseAddr("192.168.0.222")

// office is AAA and the operator of a test: one user, one group, one pool.
type office struct {
	user, password string
	typed          []Credentials // what the operator says, in turn; the last again
	policy         ClientPolicy
	pool           []netip.Addr
	silent         func(Ask) bool

	asked    []Ask
	free     map[netip.Addr]bool
	records  []SessionRecord
	released []ReleasedAddress
	got      []ClientConfig
}

func newOffice() *office {
	return &office{user: "joe", password: "s3cret", typed: []Credentials{{Given: true, User: "joe", Password: secret.FromString("s3cret")}},
		pool: []netip.Addr{clientAddr},
		policy: ClientPolicy{Pool: "POOL", Netmask: netip.MustParseAddr("255.255.255.0"), DNS: []netip.Addr{netip.MustParseAddr("192.168.0.10")},
			WINS: []netip.Addr{netip.MustParseAddr("192.168.0.12")}, Domain: "cisco.com", SplitName: "splitremote",
			Split: []SplitNetwork{{Network: netip.MustParsePrefix("192.168.0.0/24")}}, SplitDNS: []string{"cisco.com"}}}
}

// answer is what the office says.
func (o *office) answer(q Ask) Answer {
	o.asked = append(o.asked, q)
	if o.silent != nil && o.silent(q) {
		return nil
	}
	switch q := q.(type) {
	case AuthenticateUser:
		if q.User == o.user && q.Password.Equal(secret.FromString(o.password)) {
			return Authenticated{Verdict: Accepted}
		}
		return Authenticated{Refusal: trace.RefusalCredentials}
	case AuthorizeClient:
		return Authorized{Policy: o.policy}
	case AllocateAddress:
		if len(o.pool) == 0 {
			return Allocated{Session: q.Session, Refusal: trace.RefusalPoolEmpty}
		}
		a := o.pool[0]
		o.pool = o.pool[1:]
		return Allocated{Session: q.Session, Address: a}
	case AskCredentials:
		c := o.typed[0]
		if len(o.typed) > 1 {
			o.typed = o.typed[1:]
		}
		return c
	}
	return nil
}

// remote is a hub with clients, and a client that logs in to it.
type remote struct {
	*pair
	office *office
}

// newRemote has the hub ask for users, after change.
func newRemote(t testing.TB, change func(hub, spoke *Config)) *remote {
	r := &remote{office: newOffice()}
	r.pair = newPair(t, func(hub, spoke *Config) {
		conn := template()
		conn.Clients = &Clients{Authentication: "USERS", Authorization: "GROUPS", Respond: true}
		hub.Connections = []*Connection{conn}
		hub.Application = "qmidle"
		client := spoke.Connections[0]
		client.EasyVPN = &EasyVPN{}
		client.ACL = []policy.ACLEntry{{Permit: true, Local: hostProxy(spokeAddr), Remote: policy.ProxyFromPrefix(netip.MustParsePrefix("0.0.0.0/0"), 0, 0)}}
		// The client's first message names its group, and promises a user.
		key := secret.FromString("group key")
		hub.Groups = map[string]secret.Secret{"admin": key}
		spoke.Aggressive = map[netip.Addr]*Aggressive{hubAddr: {Identity: policy.Identity{Type: isakmp.IDKeyID, Data: "admin"}, Secret: key, XAUTH: true}}
		if change != nil {
			change(hub, spoke)
		}
	})
	r.aaa = func(_ *side, q Ask) Answer { return r.office.answer(q) }
	r.effects = func(_ *side, fx *Effects) {
		r.office.records = append(r.office.records, fx.Sessions...)
		r.office.released = append(r.office.released, fx.Released...)
		r.office.got = append(r.office.got, fx.Configured...)
	}
	return r
}

// hubSA is the hub's ISAKMP SA with the client.
func (r *remote) hubSA() ISAKMPSA {
	r.t.Helper()
	list := r.hub.engine.ISAKMPSAs()
	if len(list) == 0 {
		r.t.Fatal("the hub has no ISAKMP SA")
	}
	return list[len(list)-1]
}

func (r *remote) stages() (list []SessionStage) {
	for _, x := range r.office.records {
		list = append(list, x.Stage)
	}
	return list
}

func TestAClientLogsInAndGetsItsAddress(t *testing.T) {
	r := newRemote(t, nil)
	r.connect()
	r.checkUp()
	sa := r.hubSA()
	if sa.Show != trace.QMIdle || sa.Login == nil || sa.Login.User != "joe" || sa.Login.Group != "admin" || sa.Login.Address != clientAddr {
		t.Fatalf("the hub's SA is in %v with %+v", sa.Show, sa.Login)
	}
	want := hostProxy(clientAddr)
	if c := r.hub.engine.IPsecSAs()[0]; !policy.SameProxy(c.RemoteProxy, want) || c.Session != sa.Login.Session {
		t.Errorf("the pair is for %v of session %d", c.RemoteProxy, c.Session)
	}
	got := r.office.got[0]
	if got.Address != clientAddr || got.Domain != "cisco.com" || len(got.Split) != 1 || got.Split[0].Network.String() != "192.168.0.0/24" ||
		!slices.Equal(got.SplitDNS, []string{"cisco.com"}) || got.DNS[0].String() != "192.168.0.10" || got.WINS[0].String() != "192.168.0.12" {
		t.Errorf("the client got %+v", got)
	}
	if s := r.stages(); !slices.Equal(s, []SessionStage{SessionBegun}) {
		t.Errorf("records %v", s)
	}
	if r.sent != 3+4+2+3 {
		t.Errorf("%d datagrams, want 3 of aggressive mode, 4 of XAUTH, 2 of mode config and 3 of quick mode", r.sent)
	}
}

func TestALoginEndsWithItsAddressAndItsTunnel(t *testing.T) {
	r := newRemote(t, nil)
	r.connect()
	r.checkUp()
	r.do(r.spoke, func(e *Engine, fx *Effects) { e.Shutdown(r.now, fx) })
	r.settle()
	if s := r.stages(); !slices.Equal(s, []SessionStage{SessionBegun, SessionEnded}) {
		t.Errorf("records %v", s)
	}
	if len(r.office.released) != 1 || r.office.released[0].Address != clientAddr {
		t.Errorf("released %v", r.office.released)
	}
	if len(r.hub.sas) != 0 {
		t.Errorf("%d IPsec SAs are left", len(r.hub.sas))
	}
	r.advance(2 * time.Minute)
	if h := r.hub.engine.Holdings(); h != (Holdings{}) {
		t.Errorf("left %+v", h)
	}
}

func TestAWrongPasswordHasThreeTries(t *testing.T) {
	r := newRemote(t, nil)
	r.office.typed = []Credentials{{Given: true, User: "joe", Password: secret.FromString("wrong")}}
	r.connect()
	tries := 0
	for _, q := range r.office.asked {
		if _, ok := q.(AuthenticateUser); ok {
			tries++
		}
	}
	sa := r.hubSA()
	if tries != 3 || !sa.Dead || sa.DeadReason != trace.ReasonXAUTHFailed {
		t.Errorf("%d tries, %+v", tries, sa)
	}
	if s := r.stages(); !slices.Equal(s, []SessionStage{SessionEnded}) || r.office.records[0].Started {
		t.Errorf("records %+v", r.office.records)
	}
	if len(r.spoke.failed) != 1 || len(r.spoke.sas) != 0 {
		t.Errorf("the client: %d requests failed, %d SAs", len(r.spoke.failed), len(r.spoke.sas))
	}
}

func TestASecondTryMaySucceed(t *testing.T) {
	r := newRemote(t, nil)
	r.office.typed = append([]Credentials{{Given: true, User: "jo", Password: secret.FromString("s3cret")}}, r.office.typed...)
	r.connect()
	r.checkUp()
	if s := r.stages(); !slices.Equal(s, []SessionStage{SessionEnded, SessionBegun}) {
		t.Errorf("records %v: the first user's login ends, the second's begins", s)
	}
}

func TestAPoolWithoutAddressesEndsTheClient(t *testing.T) {
	r := newRemote(t, nil)
	r.office.pool = nil
	r.connect()
	if sa := r.hubSA(); !sa.Dead || sa.DeadReason.String() != "Failed to allocate ip address" {
		t.Errorf("%+v", sa)
	}
	if !r.hub.events.has(trace.CodeClientRefused) {
		t.Error("nobody is told why")
	}
}

func TestSilentAAAEndsTheClient(t *testing.T) {
	for _, silent := range []Ask{AuthenticateUser{}, AuthorizeClient{}, AllocateAddress{}} {
		r := newRemote(t, func(hub, _ *Config) { hub.AAATimeout = 30 * time.Second })
		r.hold = func(_ *side, q Question) bool { return q.Ask != nil && kindOf(q.Ask) == kindOf(silent) }
		r.connect()
		if sa := r.hubSA(); sa.Dead {
			t.Errorf("%T: the SA ends at once", silent)
		}
		r.advance(30 * time.Second)
		if sa := r.hubSA(); !sa.Dead || sa.DeadReason != trace.ReasonAAASilent {
			t.Errorf("%T: %+v", silent, sa)
		}
		if h := r.hub.engine.Holdings(); h.Questions != 0 || h.Logins != 0 {
			t.Errorf("%T: left %+v", silent, h)
		}
	}
}

func kindOf(q Ask) string {
	switch q.(type) {
	case AuthenticateUser:
		return "authenticate"
	case AuthorizeClient:
		return "authorize"
	case AllocateAddress:
		return "allocate"
	}
	return "credentials"
}

func TestAnAnswerForADeadClientGivesTheAddressBack(t *testing.T) {
	r := newRemote(t, nil)
	var held []Question
	r.hold = func(_ *side, q Question) bool {
		_, is := q.Ask.(AllocateAddress)
		if is {
			held = append(held, q)
		}
		return is
	}
	r.connect()
	r.do(r.hub, func(e *Engine, fx *Effects) { e.ClearISAKMP(r.now, 0, fx) })
	r.do(r.hub, func(e *Engine, fx *Effects) { e.Answer(r.now, held[0].ID, r.office.answer(held[0].Ask), fx) })
	if len(r.office.released) != 1 || r.office.released[0].Address != clientAddr {
		t.Errorf("released %v", r.office.released)
	}
}

func TestAUserWhoSaysNothingIsWaitedFor(t *testing.T) {
	r := newRemote(t, func(hub, _ *Config) { hub.XAuthTimeout = 75 * time.Second })
	r.hold = func(s *side, q Question) bool { return s == r.spoke && q.Ask != nil }
	r.connect()
	r.advance(74 * time.Second)
	if sa := r.hubSA(); sa.Dead || sa.Show != trace.ConfXauth {
		t.Errorf("after 74 s: %+v", sa)
	}
	r.advance(2 * time.Second)
	if sa := r.hubSA(); !sa.Dead || sa.DeadReason != trace.ReasonUserSilent {
		t.Errorf("after 76 s: %+v", sa)
	}
}

// TestEveryMessageOfALoginMayBeLost loses each datagram in turn.
func TestEveryMessageOfALoginMayBeLost(t *testing.T) {
	for lost := 1; lost <= 12; lost++ {
		r := newRemote(t, nil)
		r.lose = func(n int, _ Datagram) bool { return n == lost }
		r.connect()
		r.advance(45 * time.Second)
		if n := r.hub.engine.IPsecSAs(); len(n) != 1 || len(r.spoke.engine.IPsecSAs()) != 1 {
			t.Errorf("datagram %d is lost: %d pairs at the hub, %d at the client", lost, len(n), len(r.spoke.engine.IPsecSAs()))
		}
		if s := r.stages(); !slices.Equal(s, []SessionStage{SessionBegun}) {
			t.Errorf("datagram %d is lost: records %v", lost, s)
		}
	}
}

func TestADialogueAsksForWhatAAAWants(t *testing.T) {
	r := newRemote(t, nil)
	wants := []Authenticated{{Verdict: Challenged, Message: "Enter the next code", Prompt: PromptPasscode, Dialogue: []byte("state 1")},
		{Verdict: Challenged, Message: "Choose a PIN", Prompt: PromptNextPIN, Dialogue: []byte("state 2")},
		{Verdict: Challenged, Message: "Really?", Prompt: PromptAnswer, Dialogue: []byte("state 3")}}
	r.office.typed = []Credentials{
		{Given: true, User: "joe", Password: secret.FromString("s3cret")}, {Given: true, User: "joe", Passcode: secret.FromString("123456")},
		{Given: true, NextPIN: secret.FromString("9999")}, {Given: true, Reply: secret.FromString("yes")}}
	var seen []AuthenticateUser
	var asked []AskCredentials
	r.aaa = func(_ *side, q Ask) Answer {
		switch q := q.(type) {
		case AuthenticateUser:
			seen = append(seen, q)
			if len(seen) <= len(wants) {
				return wants[len(seen)-1]
			}
			return Authenticated{Verdict: Accepted}
		case AskCredentials:
			asked = append(asked, q)
		}
		return r.office.answer(q)
	}
	r.connect()
	r.checkUp()
	if len(seen) != 4 || len(asked) != 4 {
		t.Fatalf("AAA was asked %d times, the operator %d times, want 4", len(seen), len(asked))
	}
	if !seen[1].Passcode.Equal(secret.FromString("123456")) || !seen[2].NextPIN.Equal(secret.FromString("9999")) || !seen[3].Reply.Equal(secret.FromString("yes")) {
		t.Error("AAA has not got what the user typed")
	}
	for i, q := range seen {
		if q.User != "joe" || q.Session != seen[0].Session {
			t.Errorf("question %d is of user %q, session %d", i, q.User, q.Session)
		}
		if i > 0 && (string(q.Dialogue) != string(wants[i-1].Dialogue) || asked[i].Message != wants[i-1].Message || !slices.Equal(asked[i].Prompts, []Prompt{wants[i-1].Prompt})) {
			t.Errorf("round %d: %q, asked %+v", i, q.Dialogue, asked[i])
		}
	}
}

func TestAServerSetsTheConfigurationUnasked(t *testing.T) {
	r := newRemote(t, func(hub, spoke *Config) {
		hub.Connections[0].Clients = &Clients{Authentication: "USERS", Initiate: true}
	})
	// The client asks all the same: its request finds nobody.
	r.connect()
	if sa := r.hubSA(); sa.Login == nil || sa.Login.Address != clientAddr || sa.Show != trace.QMIdle {
		t.Errorf("%+v, login %+v", sa, sa.Login)
	}
	if len(r.office.got) != 1 || r.office.got[0].Address != clientAddr {
		t.Errorf("the client got %v", r.office.got)
	}
	r.advance(time.Minute)
	if n := len(r.hub.engine.IPsecSAs()); n != 1 {
		t.Errorf("%d pairs, want 1", n)
	}
}

func TestARenewedISAKMPSAKeepsTheLogin(t *testing.T) {
	r := newRemote(t, nil)
	r.connect()
	r.checkUp()
	session := r.hubSA().Login.Session
	r.do(r.spoke, func(e *Engine, fx *Effects) {
		e.begin(r.now, fx)
		e.startPhase1(toPort(spokeAddr), toPort(hubAddr), "", nil)
	})
	r.settle()
	sa := r.hubSA()
	if sa.Login == nil || sa.Login.Session != session || sa.Login.Address != clientAddr {
		t.Errorf("login %+v, want session %d", sa.Login, session)
	}
	if s := r.stages(); !slices.Equal(s, []SessionStage{SessionBegun}) || len(r.office.got) != 1 {
		t.Errorf("records %v, configured %d times", s, len(r.office.got))
	}
	r.advance(2 * time.Minute)
	if n := len(r.hub.engine.IPsecSAs()); n != 1 {
		t.Errorf("%d pairs after the old SA is gone, want 1", n)
	}
}

// TestAClientMayNotTakeAnothersAddress has the client ask for all kinds of
// proxies.
func TestAClientMayNotTakeAnothersAddress(t *testing.T) {
	for _, claim := range []string{"192.168.0.223/32", "192.168.0.0/24", "0.0.0.0/0", "192.1.1.42/32"} {
		r := newRemote(t, nil)
		r.connect()
		r.checkUp()
		r.do(r.spoke, func(e *Engine, fx *Effects) {
			e.begin(r.now, fx)
			delete(e.configured, 1)
			s := e.sorted()[0]
			s.startQuickMode(request{Acquire: Acquire{Connection: 1}, localProxy: policy.ProxyFromPrefix(netip.MustParsePrefix(claim), 0, 0),
				remoteProxy: policy.ProxyFromPrefix(netip.MustParsePrefix("0.0.0.0/0"), 0, 0)})
		})
		r.settle()
		if n := len(r.hub.engine.IPsecSAs()); n != 1 {
			t.Errorf("%s: %d pairs, want the client's own alone", claim, n)
		}
	}
}

func TestSessionTimeoutEndsALogin(t *testing.T) {
	r := newRemote(t, nil)
	r.office.policy.SessionTimeout, r.office.policy.Interim = 10*time.Minute, 4*time.Minute
	r.connect()
	r.checkUp()
	r.advance(9 * time.Minute)
	if sa := r.hubSA(); sa.Dead {
		t.Errorf("ended early: %v", sa.DeadReason)
	}
	r.lose = func(int, Datagram) bool { return true }
	r.advance(90 * time.Second)
	if sa := r.hubSA(); !sa.Dead || sa.DeadReason != trace.ReasonSessionTimeout || len(r.hub.sas) != 0 {
		t.Errorf("%+v, %d SAs", sa, len(r.hub.sas))
	}
	if s := r.stages(); !slices.Equal(s, []SessionStage{SessionBegun, SessionInterim, SessionInterim, SessionEnded}) {
		t.Errorf("records %v", s)
	}
	if last := r.office.records[len(r.office.records)-1]; last.Cause != trace.ReasonSessionTimeout || !last.Started || last.Address != clientAddr {
		t.Errorf("the last record is %+v", last)
	}
}

func TestAPeerWithoutUserIsOneWhoseKeySaysSo(t *testing.T) {
	r := newRemote(t, func(hub, spoke *Config) {
		hub.Keys, spoke.Aggressive = exempt{hub.Keys.(keys)}, nil
		spoke.Connections[0].EasyVPN = nil
		hub.Connections[0].ACL = []policy.ACLEntry{{Permit: true, Local: policy.ProxyFromPrefix(netip.MustParsePrefix("0.0.0.0/0"), 0, 0),
			Remote: policy.ProxyFromPrefix(netip.MustParsePrefix("0.0.0.0/0"), 0, 0)}}
	})
	r.connect()
	r.checkUp()
	if len(r.office.asked) != 0 {
		t.Errorf("AAA was asked %v", r.office.asked)
	}
}

type exempt struct{ keys }

func (k exempt) PresharedKey(q KeyQuery) (Key, bool) {
	key, ok := k.keys.PresharedKey(q)
	key.NoXAuth = true
	return key, ok
}

// TestAClientThatPromisedNoUserIsAsked begins in main mode with a key of its
// address: the server asks for the user all the same, and the client's own request
// has come too soon.
func TestAClientThatPromisedNoUserIsAsked(t *testing.T) {
	r := newRemote(t, func(_, spoke *Config) { spoke.Aggressive = nil })
	r.connect()
	r.checkUp()
	if sa := r.hubSA(); sa.Login == nil || sa.Login.Address != clientAddr || sa.Login.Group != "" {
		t.Errorf("login %+v", sa.Login)
	}
	if r.sent != 6+1+4+2+3 {
		t.Errorf("%d datagrams", r.sent)
	}
}

// TestAServerWithoutUsersTakesTheKeyAlone: a client offers both, as Cisco's does.
func TestAServerWithoutUsersTakesTheKeyAlone(t *testing.T) {
	for name, both := range map[string]bool{"both are offered": true, "XAUTH alone": false} {
		r := newRemote(t, func(hub, spoke *Config) {
			hub.Connections[0].Clients.Authentication = ""
			how := spoke.Aggressive[hubAddr]
			for i, auth := range []isakmp.AuthMethod{isakmp.AuthXAUTHInitPSK, isakmp.AuthPSK} {
				p := spoke.Policies[0]
				p.Auth = auth
				if i == 0 || both {
					how.Offer = append(how.Offer, p.Transform(uint8(i+1)))
				}
			}
		})
		r.connect()
		if up := r.spoke.engine.Statistics().Phase1Up == 1; up != both {
			t.Errorf("%s: up %v", name, up)
		}
		if !both {
			continue
		}
		r.checkUp()
		if login := r.hubSA().Login; login == nil || login.User != "" || login.Group != "admin" || login.Address != clientAddr {
			t.Errorf("login %+v", login)
		}
	}
}

// TestAProfileSaysTheGroup: a profile puts its clients into a group, be they of none,
// as in main mode, or of one that only their key is of.
func TestAProfileSaysTheGroup(t *testing.T) {
	for name, aggressive := range map[string]bool{"main mode": false, "aggressive mode": true} {
		r := newRemote(t, func(hub, spoke *Config) {
			if !aggressive {
				spoke.Aggressive = nil
			}
			hub.Profiles = []*Profile{{Name: "P", Group: "field", Match: []policy.IdentityMatch{
				{Type: isakmp.IDKeyID, Name: "admin"}, {Type: isakmp.IDIPv4Addr, Prefix: netip.PrefixFrom(spokeAddr, 32)}}}}
		})
		r.connect()
		r.checkUp()
		if login := r.hubSA().Login; login == nil || login.Group != "field" {
			t.Errorf("%s: login %+v", name, login)
		}
		for _, q := range r.office.asked {
			if a, is := q.(AuthorizeClient); is && a.Group != "field" {
				t.Errorf("%s: asked %+v", name, a)
			}
		}
	}
}

// TestAClientIsToldByOneDelete ends a client from the server's side in each way:
// the delete of its ISAKMP SA is all that it gets, and everything goes.
func TestAClientIsToldByOneDelete(t *testing.T) {
	for name, end := range map[string]func(r *remote, e *Engine, fx *Effects){
		"shutdown":      func(r *remote, e *Engine, fx *Effects) { e.Shutdown(r.now, fx) },
		"clear session": func(r *remote, e *Engine, fx *Effects) { e.ClearSession(r.now, SessionFilter{}, fx) },
		"clear isakmp":  func(r *remote, e *Engine, fx *Effects) { e.ClearISAKMP(r.now, 0, fx) },
		"last pair": func(r *remote, e *Engine, fx *Effects) {
			e.begin(r.now, fx)
			e.expireChild(e.sortedChildren()[0], trace.ReasonIdle)
		},
		"session timeout": func(r *remote, e *Engine, fx *Effects) {
			e.begin(r.now, fx)
			for _, l := range e.logins {
				l.end(trace.ReasonSessionTimeout)
			}
		},
	} {
		r := newRemote(t, nil)
		r.connect()
		r.checkUp()
		sent := 0
		r.effects = func(s *side, fx *Effects) {
			if s == r.hub {
				sent += len(fx.Send)
				r.office.records = append(r.office.records, fx.Sessions...)
				r.office.released = append(r.office.released, fx.Released...)
			}
		}
		r.do(r.hub, func(e *Engine, fx *Effects) { end(r, e, fx) })
		if sent != 1 || len(r.hub.sas) != 0 || len(r.office.released) != 1 {
			t.Errorf("%s: %d messages, %d SAs are left, released %v", name, sent, len(r.hub.sas), r.office.released)
		}
		r.settle()
		if len(r.spoke.sas) != 0 {
			t.Errorf("%s: the client keeps %d SAs", name, len(r.spoke.sas))
		}
		if s := r.stages(); !slices.Equal(s, []SessionStage{SessionBegun, SessionEnded}) {
			t.Errorf("%s: records %v", name, s)
		}
	}
}

// TestAClientThatExtendsItsNetworkLosesItsTunnel has the server end a login that has
// no address: the pairs are gone there, and so they are here.
func TestAClientThatExtendsItsNetworkLosesItsTunnel(t *testing.T) {
	r := newRemote(t, func(hub, spoke *Config) {
		any4 := policy.ProxyFromPrefix(netip.MustParsePrefix("0.0.0.0/0"), 0, 0)
		hub.Connections[0].ACL = []policy.ACLEntry{{Permit: true, Local: any4, Remote: policy.ProxyFromPrefix(spokeNet, 0, 0)}}
		spoke.Connections[0].EasyVPN = &EasyVPN{Network: true}
		spoke.Connections[0].ACL = []policy.ACLEntry{{Permit: true, Local: policy.ProxyFromPrefix(spokeNet, 0, 0), Remote: any4}}
	})
	r.connect()
	r.checkUp()
	if login := r.hubSA().Login; login == nil || login.Address.IsValid() {
		t.Fatalf("login %+v", login)
	}
	r.do(r.hub, func(e *Engine, fx *Effects) { e.Shutdown(r.now, fx) })
	r.settle()
	r.advance(time.Minute)
	if n := len(r.spoke.engine.IPsecSAs()); n != 0 {
		t.Errorf("the client keeps %d pairs", n)
	}
}
