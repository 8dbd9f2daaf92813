package ike

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/policy"
	"qmidle/internal/secret"
	"qmidle/internal/trace"
)

// asClient hands the hub a message with payloads, made with the client's keys.
func (r *remote) asClient(x isakmp.ExchangeType, id uint32, payloads ...isakmp.Payload) {
	s := r.hub.newest()
	if s.cipher == nil {
		return
	}
	data := r.fromClient(s, x, id, payloads...)
	local, remote := s.local, s.remote
	r.do(r.hub, func(e *Engine, fx *Effects) { e.Datagram(r.now, local, remote, data, fx) })
}

// fromClient makes such a message.
func (r *remote) fromClient(s *sa, x isakmp.ExchangeType, id uint32, payloads ...isakmp.Payload) []byte {
	all := append([]isakmp.Payload{{Type: isakmp.PayloadHash, Body: make([]byte, keymat.HashSize(s.suite.Hash))}}, payloads...)
	first, body := chained(all)
	h := isakmp.Header{Initiator: s.cookieI, Responder: s.cookieR, NextPayload: first, Version: isakmp.Version1,
		Exchange: x, Flags: isakmp.FlagEncryption, MessageID: id}
	return s.asItsPeer(h, body)
}

// config is an attributes payload.
func config(t isakmp.ConfigType, identifier uint16, list ...isakmp.Attribute) isakmp.Payload {
	return isakmp.Payload{Type: isakmp.PayloadAttributes, Body: isakmp.AppendAttributes(nil, isakmp.Attributes{Type: t, Identifier: identifier, Attributes: list})}
}

// offer is message 1 of a quick mode without its HASH, for a proxy of the client.
func (r *remote) offer(proxy policy.Proxy) []isakmp.Payload {
	s := r.hub.newest()
	sa := isakmp.SA{DOI: isakmp.DOIIPsec, Situation: isakmp.SituationIdentityOnly, Proposals: []isakmp.Proposal{{Number: 1, Protocol: isakmp.ProtocolESP,
		SPI: spiOctets(0x12345678), Transforms: []isakmp.Transform{aesSet().Transform(1, s.encapsulation(false), 0, policy.Lives{Seconds: 3600})}}}}
	any4 := policy.ProxyFromPrefix(netip.MustParsePrefix("0.0.0.0/0"), 0, 0)
	return []isakmp.Payload{{Type: isakmp.PayloadSA, Body: isakmp.AppendSA(nil, sa)}, {Type: isakmp.PayloadNonce, Body: []byte(strings.Repeat("n", 20))},
		{Type: isakmp.PayloadID, Body: isakmp.AppendID(nil, policy.ID(proxy))}, {Type: isakmp.PayloadID, Body: isakmp.AppendID(nil, policy.ID(any4))}}
}

// attempts are what a client without a user may try, each by name.
func (r *remote) attempts() map[string]func(id uint32, identifier uint16) {
	address := isakmp.Attribute{Type: isakmp.ConfigIP4Address}
	wrong := []isakmp.Attribute{textAttribute(isakmp.XAUTHUserName, "joe"), textAttribute(isakmp.XAUTHUserPassword, "wrong")}
	list := map[string]func(uint32, uint16){
		"quick mode for the pool's address": func(id uint32, _ uint16) {
			r.asClient(isakmp.ExchangeQuick, id, r.offer(hostProxy(clientAddr))...)
		},
		"quick mode for its own address": func(id uint32, _ uint16) {
			r.asClient(isakmp.ExchangeQuick, id, r.offer(hostProxy(spokeAddr))...)
		},
		"initial contact": func(id uint32, _ uint16) {
			r.asClient(isakmp.ExchangeInformational, id, isakmp.Payload{Type: isakmp.PayloadNotify,
				Body: isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolISAKMP, Type: isakmp.NotifyInitialContact})})
		},
		"time": func(uint32, uint16) { r.advance(5 * time.Second) },
	}
	for t := isakmp.ConfigType(0); t <= isakmp.ConfigAck+1; t++ {
		for name, attributes := range map[string][]isakmp.Attribute{"nothing": nil, "an address": {address}, "a wrong password": wrong,
			"its own success": {isakmp.BasicAttribute(isakmp.XAUTHStatus, isakmp.XAUTHOK)},
			"the address":     {{Type: isakmp.ConfigIP4Address, Value: clientAddr.AsSlice()}}} {
			list[fmt.Sprintf("configuration message of type %d with %s", t, name)] = func(id uint32, identifier uint16) {
				r.asClient(isakmp.ExchangeTransaction, id, config(t, identifier, attributes...))
			}
		}
	}
	return list
}

// opened says whether the hub has let a client in.
func (r *remote) opened() bool {
	for _, s := range r.hub.engine.ISAKMPSAs() {
		if s.Login != nil && (s.Login.Address.IsValid() || s.Login.Begun) {
			return true
		}
	}
	return len(r.hub.engine.IPsecSAs()) > 0 || len(r.hub.sas) > 0 || len(r.hub.engine.leased) > 0
}

// outsider is a client that has the group's key and no user, after n datagrams of
// its login to a hub that has addresses, or none but the client's own.
func outsider(t testing.TB, n int, addresses bool) *remote {
	r := newRemote(t, func(hub, _ *Config) { hub.Connections[0].Clients.Respond = addresses })
	r.office.typed = []Credentials{{Given: true, User: "joe", Password: secret.FromString("wrong")}}
	r.lose = func(i int, _ Datagram) bool { return i > n }
	r.connect()
	r.lose = func(int, Datagram) bool { return true }
	return r
}

// outsiderDatagrams is more than a login that fails has.
const outsiderDatagrams = 14

// TestNothingOpensWithoutTheUser tries, in every state that a login without a true
// user comes to, everything that its client might send, with every message ID that
// means something; then sequences of them.
func TestNothingOpensWithoutTheUser(t *testing.T) {
	states := make(map[trace.State]bool)
	for n := 0; n <= outsiderDatagrams; n++ {
		for name := range outsider(t, n, true).attempts() {
			for i := range 4 {
				own := i < 2
				r := outsider(t, n, i%2 == 0)
				if len(r.hub.engine.ISAKMPSAs()) == 0 {
					continue
				}
				states[r.hubSA().State] = true
				r.attempts()[name](r.idOf(own), r.identifier())
				r.settle()
				if r.opened() {
					t.Errorf("after datagram %d, in %v: %s lets the client in", n, r.hubSA().State, name)
				}
			}
		}
	}
	for _, s := range []trace.State{trace.StateRAM2, trace.StateXAUTHRequestSent, trace.StateDestSA} {
		if !states[s] {
			t.Errorf("%v was not tried", s)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		r := outsider(t, random.IntN(outsiderDatagrams), random.IntN(2) == 0)
		if len(r.hub.engine.ISAKMPSAs()) == 0 {
			continue
		}
		names := sortedKeys(r.attempts())
		var done []string
		for range 8 {
			name := names[random.IntN(len(names))]
			done = append(done, name)
			if len(r.hub.engine.ISAKMPSAs()) > 0 {
				r.attempts()[name](r.idOf(random.IntN(2) == 0), r.identifier())
				r.settle()
			}
		}
		if r.opened() {
			t.Fatalf("the client is let in by %q", done)
		}
	}
}

func sortedKeys[V any](m map[string]V) (list []string) {
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// idOf is the message ID of the exchange that the hub waits for, or a new one.
func (r *remote) idOf(own bool) uint32 {
	if x := r.hub.newest().access; own && x != nil && x.node != nil {
		return x.node.id
	}
	return r.hub.engine.newMessageID()
}

func (r *remote) identifier() uint16 {
	if x := r.hub.newest().access; x != nil {
		return x.identifier
	}
	return 1
}

// asked is a hub that waits for the client's user, whose answer the test makes.
func asked(t testing.TB) *remote {
	r := newRemote(t, nil)
	r.hold = func(s *side, q Question) bool { return s == r.spoke && q.Ask != nil }
	r.connect()
	if s := r.hubSA().State; s != trace.StateXAUTHRequestSent {
		t.Fatalf("the hub is in %v", s)
	}
	return r
}

// TestBadAnswersToXAUTHAreDroppedForAReason leaves the hub waiting: the true
// answer is still taken.
func TestBadAnswersToXAUTHAreDroppedForAReason(t *testing.T) {
	user := textAttribute(isakmp.XAUTHUserName, "joe")
	password := textAttribute(isakmp.XAUTHUserPassword, "s3cret")
	many := make([]isakmp.Attribute, isakmp.MaxAttributes+1)
	for i := range many {
		many[i] = isakmp.Attribute{Type: isakmp.XAUTHMessage}
	}
	for name, c := range map[string]struct {
		want trace.Drop
		id   uint32 // added to the one that is waited for
		kind isakmp.ConfigType
		list []isakmp.Attribute
	}{
		"another message ID":       {trace.DropMessageID, 1, isakmp.ConfigReply, []isakmp.Attribute{user, password}},
		"a request":                {trace.DropConfigType, 0, isakmp.ConfigRequest, []isakmp.Attribute{{Type: isakmp.ConfigIP4Address}}},
		"an acknowledgement":       {trace.DropConfigType, 0, isakmp.ConfigAck, nil},
		"a set of its own success": {trace.DropConfigType, 0, isakmp.ConfigSet, []isakmp.Attribute{isakmp.BasicAttribute(isakmp.XAUTHStatus, 1)}},
		"no such type":             {trace.DropConfigType, 0, 9, nil},
		"thousands of attributes":  {trace.DropMalformed, 0, isakmp.ConfigReply, many},
		"an attribute twice":       {trace.DropConfigAttribute, 0, isakmp.ConfigReply, []isakmp.Attribute{user, user, password}},
		"an address":               {trace.DropConfigAttribute, 0, isakmp.ConfigReply, []isakmp.Attribute{user, password, {Type: isakmp.ConfigIP4Address}}},
		"a name too long":          {trace.DropConfigAttribute, 0, isakmp.ConfigReply, []isakmp.Attribute{textAttribute(isakmp.XAUTHUserName, strings.Repeat("x", 256)), password}},
		"a password too long":      {trace.DropConfigAttribute, 0, isakmp.ConfigReply, []isakmp.Attribute{user, textAttribute(isakmp.XAUTHUserPassword, strings.Repeat("x", 1025))}},
		"a value of 5000 octets":   {trace.DropTooLarge, 0, isakmp.ConfigReply, []isakmp.Attribute{user, textAttribute(isakmp.XAUTHUserPassword, strings.Repeat("x", 5000))}},
	} {
		r := asked(t)
		node := r.hub.newest().access.node
		before, state := r.hub.engine.Statistics().Dropped, r.hub.engine.fingerprint()
		r.asClient(isakmp.ExchangeTransaction, node.id+c.id, config(c.kind, node.identifier, c.list...))
		before[c.want]++
		if after := r.hub.engine.Statistics().Dropped; after != before {
			t.Errorf("%s: counted %v, want %v", name, after, before)
		}
		if now := r.hub.engine.fingerprint(); now != state {
			t.Errorf("%s changes\n%s\nto\n%s", name, state, now)
		}
		// As strongSwan answers: the message ID says what it is about.
		r.asClient(isakmp.ExchangeTransaction, node.id, config(isakmp.ConfigReply, 0, user, password))
		if s := r.hubSA().State; s != trace.StateXAUTHSetSent {
			t.Errorf("%s: the true answer leads to %v", name, s)
		}
	}
}

// TestConfigurationBeforeTheUserIsDropped has a client ask for its address, and
// for a tunnel, while it is asked for its user.
func TestConfigurationBeforeTheUserIsDropped(t *testing.T) {
	r := asked(t)
	before := r.hub.engine.Statistics().Dropped
	r.asClient(isakmp.ExchangeTransaction, 77, config(isakmp.ConfigRequest, 1, isakmp.Attribute{Type: isakmp.ConfigIP4Address}))
	r.asClient(isakmp.ExchangeQuick, 78, r.offer(hostProxy(clientAddr))...)
	before[trace.DropMessageID]++
	before[trace.DropUserUnknown]++
	if after := r.hub.engine.Statistics().Dropped; after != before {
		t.Errorf("counted %v, want %v", after, before)
	}
}

// TestASecondXAUTHIsDropped has a client that is in send another reply, and
// another acknowledgement.
func TestASecondXAUTHIsDropped(t *testing.T) {
	r := newRemote(t, nil)
	r.connect()
	r.checkUp()
	for kind := isakmp.ConfigReply; kind <= isakmp.ConfigAck; kind++ {
		before := r.hub.engine.Statistics().Dropped
		r.asClient(isakmp.ExchangeTransaction, 77, config(kind, r.identifier(), textAttribute(isakmp.XAUTHUserName, "root")))
		before[trace.DropConfigType]++
		if after := r.hub.engine.Statistics().Dropped; after != before {
			t.Errorf("type %d: counted %v, want %v", kind, after, before)
		}
	}
	before := r.hub.engine.Statistics().Dropped
	r.asClient(isakmp.ExchangeTransaction, 79, config(isakmp.ConfigRequest, 1, isakmp.Attribute{Type: isakmp.XAUTHUserName}))
	before[trace.DropConfigAttribute]++
	if after := r.hub.engine.Statistics().Dropped; after != before {
		t.Errorf("a request for the server's user: counted %v, want %v", after, before)
	}
	r.checkUp()
}

// TestConfigurationThatNobodyOffersIsDropped asks a gateway that has no clients.
func TestConfigurationThatNobodyOffersIsDropped(t *testing.T) {
	r := newRemote(t, func(hub, spoke *Config) {
		hub.Connections[0].Clients = nil
		spoke.Aggressive[hubAddr].XAUTH = false
		spoke.Connections[0].EasyVPN = nil
	})
	r.connect()
	before := r.hub.engine.Statistics().Dropped[trace.DropNoClients]
	r.asClient(isakmp.ExchangeTransaction, 77, config(isakmp.ConfigRequest, 1, isakmp.Attribute{Type: isakmp.ConfigIP4Address}))
	if n := r.hub.engine.Statistics().Dropped[trace.DropNoClients] - before; n != 1 {
		t.Errorf("dropped %d times for it, want once", n)
	}
}

// TestAClientMayAskForWhateverItLikes asks for every attribute, known or not.
func TestAClientMayAskForWhateverItLikes(t *testing.T) {
	r := newRemote(t, nil)
	r.connect()
	r.checkUp()
	r.hub.events.list = nil
	list := []isakmp.Attribute{{Type: isakmp.UnityBanner}, {Type: 0x7fff}, {Type: 200}, {Type: isakmp.UnityNATTPort}, {Type: isakmp.UnityFirewallType, Value: []byte("firewall")}}
	r.asClient(isakmp.ExchangeTransaction, 77, config(isakmp.ConfigRequest, 20, list...))
	var unknown []trace.ConfigAttr
	for _, rec := range r.hub.events.list {
		if e, ok := rec.Event.(*trace.ConfigAttributeUnknown); ok {
			unknown = append(unknown, e.Attr)
		}
	}
	if len(unknown) != 3 || unknown[0] != trace.ConfigAttr(isakmp.UnityBanner) {
		t.Errorf("unknown are %v", unknown)
	}
	r.checkUp()
}

// TestNoEventHasAPassword searches all that is told of a login, a right one and a
// wrong one.
func TestNoEventHasAPassword(t *testing.T) {
	r := newRemote(t, nil)
	r.office.typed = append([]Credentials{{Given: true, User: "joe", Password: secret.FromString("wr0ng-Pa55")}}, r.office.typed...)
	r.connect()
	r.checkUp()
	all := trace.IOS{ISAKMP: true, IPsec: true, Engine: true, Sessions: true}
	for _, s := range []*side{r.hub, r.spoke} {
		for i := range s.events.list {
			rec := &s.events.list[i]
			told := fmt.Sprintf("%s%s%+v", all.Append(nil, rec), trace.AppendJSON(nil, rec), rec.Event)
			for _, word := range []string{"s3cret", "wr0ng-Pa55", "group key"} {
				if strings.Contains(told, word) {
					t.Errorf("%s tells %q: %s", s.name, word, told)
				}
			}
		}
	}
}

// TestMessageIDsOfOneOctet has a client such as vpnc ask for signs of life under
// the same message ID again and again: each has another sequence number, and is
// answered.
func TestMessageIDsOfOneOctet(t *testing.T) {
	r := newRemote(t, nil)
	r.connect()
	r.checkUp()
	before := r.hub.engine.Statistics()
	for i := range uint32(20) {
		s := r.hub.newest()
		r.asClient(isakmp.ExchangeInformational, 0xe0, isakmp.Payload{Type: isakmp.PayloadNotify, Body: isakmp.AppendNotify(nil, isakmp.Notify{
			DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolISAKMP, SPI: s.spi(), Type: isakmp.NotifyRUThere, Data: spiOctets(1000 + i)})})
	}
	after := r.hub.engine.Statistics()
	if n := after.DPDReceived - before.DPDReceived; n != 20 || after.Dropped != before.Dropped {
		t.Errorf("%d of 20 are answered", n)
	}
}

// vpnc's message IDs have one octet: 0 is one of them, and mode config's may come
// again in quick mode.
func TestOneMessageIDForTwoExchanges(t *testing.T) {
	for _, id := range []uint32{0, 7} {
		r := newRemote(t, nil)
		r.connect()
		r.checkUp()
		before := r.hub.engine.Statistics().Dropped
		r.asClient(isakmp.ExchangeTransaction, id, config(isakmp.ConfigRequest, 1, isakmp.Attribute{Type: isakmp.ConfigIP4DNS}))
		r.asClient(isakmp.ExchangeQuick, id, r.offer(hostProxy(clientAddr))...)
		if after := r.hub.engine.Statistics().Dropped; after != before {
			t.Errorf("message ID %d: dropped %v, before %v", id, after, before)
		}
		if n := len(r.hub.engine.IPsecSAs()); n != 2 {
			t.Errorf("message ID %d: %d pairs of IPsec SAs", id, n)
		}
	}
}

// TestAttributesBeforeAuthentication has a client ask for its address, and answer an
// XAUTH that nobody has begun, before phase 1 is over: nothing of it is kept.
func TestAttributesBeforeAuthentication(t *testing.T) {
	list := map[string]isakmp.Payload{
		"a request":         config(isakmp.ConfigRequest, 1, isakmp.Attribute{Type: isakmp.ConfigIP4Address}),
		"a reply":           config(isakmp.ConfigReply, 1, textAttribute(isakmp.XAUTHUserName, "joe"), textAttribute(isakmp.XAUTHUserPassword, "s3cret")),
		"a set":             config(isakmp.ConfigSet, 1, isakmp.BasicAttribute(isakmp.XAUTHStatus, isakmp.XAUTHOK)),
		"an acknowledgment": config(isakmp.ConfigAck, 1, isakmp.BasicAttribute(isakmp.XAUTHStatus, isakmp.XAUTHOK)),
	}
	for name, payload := range list {
		for _, flags := range []uint8{0, isakmp.FlagEncryption} {
			r := newRemote(t, nil)
			r.lose = func(n int, _ Datagram) bool { return n == 3 } // the client's proof
			r.connect()
			s := r.hub.newest()
			if s.state != trace.StateRAM2 {
				t.Fatalf("the hub is in %v", s.state)
			}
			first, body := chained([]isakmp.Payload{{Type: isakmp.PayloadHash, Body: make([]byte, 20)}, payload})
			h := isakmp.Header{Initiator: s.cookieI, Responder: s.cookieR, NextPayload: first, Version: isakmp.Version1,
				Exchange: isakmp.ExchangeTransaction, Flags: flags, MessageID: 7}
			before, state := r.hub.engine.Statistics().Dropped, r.hub.engine.fingerprint()
			data := setLength(append(h.AppendTo(nil), body...))
			r.do(r.hub, func(e *Engine, fx *Effects) { e.Datagram(r.now, s.local, s.remote, data, fx) })
			before[trace.DropState]++
			if after := r.hub.engine.Statistics().Dropped; after != before {
				t.Errorf("%s, flags %d: counted %v, want %v", name, flags, after, before)
			}
			if now := r.hub.engine.fingerprint(); now != state || len(r.office.asked) != 0 {
				t.Errorf("%s, flags %d changes\n%s\nto\n%s; asked %v", name, flags, state, now, r.office.asked)
			}
			r.lose = nil
			r.advance(time.Minute)
			r.checkUp()
		}
	}
}
