package ike

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// Messages of no SA, of every exchange, are counted by reason however many there are,
// and told of a hundred times in a second; they are answered by nothing.
func TestStraysAreToldOfAFew(t *testing.T) {
	p := tunnelWith(t, nil)
	before, held := p.hub.engine.Statistics(), p.hub.engine.Holdings()
	exchanges := []isakmp.ExchangeType{isakmp.ExchangeIdentity, isakmp.ExchangeAggressive, isakmp.ExchangeInformational, isakmp.ExchangeTransaction, isakmp.ExchangeQuick}
	flood := func(n int) (told int) {
		p.hub.events.list = nil
		for i := range n {
			data := make([]byte, 28+64)
			binary.BigEndian.PutUint64(data, uint64(i)+1)
			binary.BigEndian.PutUint64(data[8:], uint64(i)*977+5)
			data[16], data[17], data[18], data[19] = 8, 0x10, byte(exchanges[i%len(exchanges)]), byte(i%2)
			binary.BigEndian.PutUint32(data[24:], uint32(len(data)))
			from := stranger(i)
			if i%16 == 0 {
				from = netip.AddrPortFrom(spokeAddr, 500)
			}
			if out := p.from(from, data); len(out) > 0 {
				t.Fatalf("message %d is answered", i)
			}
		}
		return len(p.hub.events.list)
	}
	if told := flood(2000); told != toldStrays {
		t.Errorf("%d events", told)
	}
	p.now = p.now.Add(time.Second)
	last := p.hub.engine.Statistics().Floods.LastStray
	if told := flood(500); told != toldStrays || p.hub.engine.Statistics().Floods.LastStray != last {
		t.Errorf("a second later: %d events, or what is no flood is one", told)
	}
	after := p.hub.engine.Statistics()
	if n := after.Dropped[trace.DropNoSA] - before.Dropped[trace.DropNoSA]; n != 2500 || after.Floods.Strays != 2500-2*toldStrays || after.Floods.LastStray.IsZero() {
		t.Errorf("%d are counted; %+v", n, after.Floods)
	}
	if after.Exponentiation != before.Exponentiation || p.hub.engine.Holdings() != held {
		t.Errorf("they cost %+v", p.hub.engine.Holdings())
	}
	p.checkWorking()
}

// What is no IKE message, or of nothing that is known, is told of as rarely.
func TestRubbishIsToldOfAFew(t *testing.T) {
	p := tunnelWith(t, nil)
	p.hub.events.list = nil
	notify := isakmp.NewBuilder(nil, isakmp.Header{Version: 0x10, Initiator: isakmp.Cookie{1}, Exchange: isakmp.ExchangeInformational})
	notify.Add(isakmp.PayloadNotify, isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolISAKMP, Type: isakmp.NotifyNoProposalChosen}))
	longer := firstMessage(t, 0)
	binary.BigEndian.PutUint32(longer[24:], 9999)
	for i := range 1000 {
		p.from(stranger(i), slices.Clone(notify.Bytes(1)))
		p.from(stranger(i), []byte("short"))
		p.from(stranger(i), slices.Clone(longer))
	}
	// A message may be told of twice: what it says, and that it is dropped.
	if n := len(p.hub.events.list); n < toldStrays || n > 2*toldStrays {
		t.Errorf("%d events", n)
	}
	s := p.hub.engine.Statistics()
	if s.Floods.LastStray.IsZero() || s.Dropped[trace.DropTruncated] != 1000 || s.Dropped[trace.DropUnauthenticated] != 1000 || s.Dropped[trace.DropHeader] != 1000 || s.Floods.Strays != 3000-toldStrays {
		t.Errorf("counted: %v, %+v", s.Dropped, s.Floods)
	}
}

// First messages that lack fragments, and leave for others, are counted.
func TestAFloodOfFragmentsIsCounted(t *testing.T) {
	p := tunnelWith(t, func(hub, _ *Config) { hub.Fragmentation = &Fragmentation{} })
	for i := range 1000 {
		b := isakmp.NewBuilder(nil, isakmp.Header{Version: 0x10, Initiator: isakmp.Cookie{7: byte(i), 6: byte(i >> 8), 0: 1}, Exchange: isakmp.ExchangeIdentity})
		b.Add(isakmp.PayloadFragment, isakmp.AppendFragment(nil, isakmp.Fragment{ID: 1, Number: 1, Data: make([]byte, 400)}))
		p.from(stranger(i), b.Bytes(1))
	}
	if f := p.hub.engine.Statistics().Floods; f.Fragments != 1000-maxFirst || f.LastFragment.IsZero() {
		t.Errorf("%+v", f)
	}
	p.checkWorking()
}

// cookieSet is Cookies that remembers.
type cookieSet map[isakmp.Cookie]int

func (c cookieSet) Keep(x isakmp.Cookie) { c[x]++ }
func (c cookieSet) Forget(x isakmp.Cookie) {
	if c[x]--; c[x] == 0 {
		delete(c, x)
	}
}

// checkCookies holds what was told of cookies against what there is.
func (c cookieSet) check(t *testing.T, e *Engine) {
	t.Helper()
	want := cookieSet{}
	for _, s := range e.byCookies {
		want.Keep(s.ownCookie())
	}
	for key := range e.pressure.stubs.byCookies {
		want.Keep(key.r)
	}
	if !maps.Equal(c, want) {
		t.Errorf("%d cookies are kept, and there are %d", len(c), len(want))
	}
}

// The cookies of ours are told of as they come and go: of SAs that came up, that came
// to nothing, that left for others, and of what was answered without one.
func TestCookiesAreTold(t *testing.T) {
	atHub, atSpoke := cookieSet{}, cookieSet{}
	p := flooded(t, func(hub, spoke *Config) { hub.Cookies, spoke.Cookies = atHub, atSpoke })
	check := func() {
		t.Helper()
		atHub.check(t, p.hub.engine)
		atSpoke.check(t, p.spoke.engine)
	}
	check()
	for i := range 1000 {
		p.from(stranger(7000+256*i), firstMessage(t, 7000+i))
	}
	if len(atHub) < 900 {
		t.Errorf("%d cookies are kept in a flood", len(atHub))
	}
	check()
	at, public := stranger(50000), somePublic(t)
	answer := p.from(at, firstMessage(t, 5000))
	p.from(at, keyExchange(headerOf(t, answer[0].Data), public))
	check()
	p.advance(10 * time.Minute)
	check()
	if len(atHub) != 1 || len(atSpoke) != 1 {
		t.Errorf("%d and %d are left", len(atHub), len(atSpoke))
	}
	p.checkWorking()
	check()
}
