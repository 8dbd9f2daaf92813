package ike

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// Hazards of what peers and strangers send, and the tests that show what becomes
// of them, are in the table of docs/bad-input.md. Each of the tests here ends
// with a tunnel that works as before.

// from hands the hub a datagram of a stranger, and returns what it sends.
func (p *pair) from(remote netip.AddrPort, data []byte) []Datagram {
	p.t.Helper()
	var fx Effects
	p.hub.engine.Datagram(p.now, netip.AddrPortFrom(hubAddr, 500), remote, slices.Clone(data), &fx)
	return fx.Send
}

// stranger is the endpoint of nobody whom the hub has a tunnel with.
func stranger(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), 500)
}

// tunnelWith has a tunnel up and then forgets what was told of it.
func tunnelWith(t testing.TB, change func(hub, spoke *Config)) *pair {
	p := newPair(t, func(hub, spoke *Config) {
		hub.Keys = fixedKeys("mekmitasdigoat")
		if change != nil {
			change(hub, spoke)
		}
	})
	p.connect()
	p.checkUp()
	return p
}

// checkUndisturbed says whether the tunnel is what it was and can be renewed, and
// the hub holds nothing else once all has had its time.
func (p *pair) checkUndisturbed(before Holdings) {
	p.t.Helper()
	p.checkUp()
	p.wire = nil
	p.advance(2*assemblyAge + 3*purgeDelay)
	if after := p.hub.engine.Holdings(); after != before {
		p.t.Errorf("the hub holds %+v, want %+v", after, before)
	}
	p.checkUp()
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.ClearIPsec(p.now, IPsecFilter{}, fx) })
	p.connect()
	p.checkUp()
}

// settled is what the hub holds for its tunnel alone.
func (p *pair) settled() Holdings {
	p.advance(2 * purgeDelay)
	return p.hub.engine.Holdings()
}

// begin sends messages 1 and 3 of a main mode whose sender has no key, and
// returns its SA's cookies.
func (p *pair) begin(first []byte, number int, public []byte) (h isakmp.Header) {
	p.t.Helper()
	binary.BigEndian.PutUint64(first, uint64(number)+1)
	answer := p.from(stranger(number), first)
	if len(answer) != 1 {
		p.t.Fatalf("%d datagrams answer message 1", len(answer))
	}
	h, err := isakmp.ParseHeader(answer[0].Data)
	if err != nil {
		p.t.Fatal(err)
	}
	p.from(stranger(number), keyExchange(h, public))
	return h
}

// keyExchange is message 3 of a main mode.
func keyExchange(h isakmp.Header, public []byte) []byte {
	b := isakmp.NewBuilder(nil, isakmp.Header{Initiator: h.Initiator, Responder: h.Responder, Version: isakmp.Version1, Exchange: isakmp.ExchangeIdentity})
	b.Add(isakmp.PayloadKE, public)
	b.Add(isakmp.PayloadNonce, make([]byte, 20))
	return b.Bytes(1)
}

func somePublic(t testing.TB) []byte {
	k, err := keymat.GenerateKeyPair(isakmp.GroupMODP768, rand.NewChaCha8([32]byte{7}))
	if err != nil {
		t.Fatal(err)
	}
	return k.Public()
}

// Main modes that come as far as message 3, from addresses that exist, and never
// prove anything: their number is bounded, the oldest leaves, and a peer with the
// key gets in meanwhile.
func TestFloodOfMainModesThatProveNothing(t *testing.T) {
	const bound, flood = 32, 300
	p := tunnelWith(t, func(hub, _ *Config) { hub.MaxHalfOpen, hub.MaxUnproven = bound, bound })
	before := p.settled()
	first, public := firstMessage(t, 0), somePublic(t)
	for i := range flood {
		p.begin(first, i, public)
		if h := p.hub.engine.Holdings(); h.Unproven > bound || h.HalfOpen > bound || h.SAs > 2*bound+1 || h.KeyPairs > bound {
			t.Fatalf("after %d: %+v", i, h)
		}
		if err := p.hub.engine.Check(); err != nil {
			t.Fatal(err)
		}
		p.now = p.now.Add(time.Millisecond)
	}
	if n := p.hub.engine.Statistics().Evicted; n != flood-bound {
		t.Errorf("%d are evicted, want %d", n, flood-bound)
	}
	p.checkUndisturbed(before)
}

// Fragments under SAs that anybody can have take no room from a peer's.
func TestFragmentsOfStrangersTakeNoRoom(t *testing.T) {
	p := tunnelWith(t, fragmenting)
	before := p.settled()
	first := firstMessage(t, 0)
	part := func(h isakmp.Header, f isakmp.Fragment) []byte {
		b := isakmp.NewBuilder(nil, isakmp.Header{Initiator: h.Initiator, Responder: h.Responder, Version: isakmp.Version1, Exchange: isakmp.ExchangeIdentity})
		b.Add(isakmp.PayloadFragment, isakmp.AppendFragment(nil, f))
		return b.Bytes(1)
	}
	for i := range maxAssemblies + 50 {
		binary.BigEndian.PutUint64(first, uint64(i)+1)
		h, err := isakmp.ParseHeader(p.from(stranger(i), first)[0].Data)
		if err != nil {
			t.Fatal(err)
		}
		p.from(stranger(i), part(h, isakmp.Fragment{ID: 1, Number: 1, Data: make([]byte, 500)}))
	}
	if n := p.hub.engine.Holdings().Assemblies; n != maxAssemblies {
		t.Errorf("%d incomplete messages, want %d", n, maxAssemblies)
	}
	if n := p.hub.engine.Statistics().Dropped[trace.DropLimit]; n != 0 {
		t.Errorf("%d fragments found no room", n)
	}
	tunnel := p.hub.engine.someSA(up)
	p.from(tunnel.remote, part(isakmp.Header{Initiator: tunnel.cookieI, Responder: tunnel.cookieR}, isakmp.Fragment{ID: 9, Number: 1, Data: []byte{1}}))
	if tunnel.assembly == nil || p.hub.engine.Holdings().Assemblies != maxAssemblies {
		t.Error("the tunnel's own fragments find no room")
	}
	p.checkUndisturbed(before)
}

// Fragments of every kind of ill will, with and without an SA, are one message
// at a time for whoever sends them, and gone after their age.
func TestFloodOfFragments(t *testing.T) {
	p := tunnelWith(t, fragmenting)
	before := p.settled()
	r := rand.New(rand.NewPCG(1, 2))
	up := p.hub.newest()
	for range 20000 {
		f := isakmp.Fragment{ID: uint16(r.IntN(4)), Number: uint8(1 + r.IntN(80)), Last: r.IntN(8) == 0, Data: make([]byte, 1+r.IntN(700))}
		h := isakmp.Header{Version: isakmp.Version1, Exchange: isakmp.ExchangeIdentity, Initiator: isakmp.Cookie{byte(1 + r.IntN(200))}}
		remote := stranger(r.IntN(500))
		if r.IntN(3) == 0 {
			h.Initiator, h.Responder, remote = up.cookieI, up.cookieR, up.remote
		}
		b := isakmp.NewBuilder(nil, h)
		b.Add(isakmp.PayloadFragment, isakmp.AppendFragment(nil, f))
		if r.IntN(20) == 0 {
			b.Add(isakmp.PayloadFragment, isakmp.AppendFragment(nil, f))
		}
		p.from(remote, b.Bytes(1))
		if h := p.hub.engine.Holdings(); h.Assemblies > 1+maxFirst {
			t.Fatalf("%d incomplete messages", h.Assemblies)
		}
	}
	if err := p.hub.engine.Check(); err != nil {
		t.Error(err)
	}
	p.checkUndisturbed(before)
}

// oddLives are lifetimes that no operator configures.
var oddLives = []uint64{0, 1, 2, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<63 - 1, 1 << 63, 1<<64 - 1}

// Lifetimes of an offer of phase 2, whatever they are: ours hold unless the
// offered ones are shorter, and none is no lifetime at all.
func TestOddLifetimesInQuickMode(t *testing.T) {
	ours := policy.Lives{Seconds: 3600, Kilobytes: 4608000}
	least := func(ours uint32, offered uint64) uint32 {
		if offered == 0 || offered > uint64(ours) {
			return ours
		}
		return uint32(offered)
	}
	for _, seconds := range oddLives {
		for _, kilobytes := range oddLives {
			life := []isakmp.Attribute{
				attr(isakmp.IPsecAttrLifeType, uint16(isakmp.LifeSeconds)), isakmp.VariableAttribute(isakmp.IPsecAttrLifeDuration, seconds, 8),
				attr(isakmp.IPsecAttrLifeType, uint16(isakmp.LifeKilobytes)), isakmp.VariableAttribute(isakmp.IPsecAttrLifeDuration, kilobytes, 8)}
			p := offering(t, nil, withSA(ipsecSA(espProposal(1, espTransform(1, isakmp.ESPAES, append(life, aesSHA...)...)))))
			want := policy.Lives{Seconds: least(ours.Seconds, seconds), Kilobytes: least(ours.Kilobytes, kilobytes)}
			if list := p.hub.engine.IPsecSAs(); len(list) != 1 || list[0].Lives != want {
				t.Errorf("%d s and %d kB are offered: %+v, want %+v", seconds, kilobytes, list, want)
			}
		}
	}
}

// Life attributes that make no sense refuse their transform, or count as no
// lifetime, and harm nothing.
func TestLifeAttributesThatMakeNoSense(t *testing.T) {
	kind, duration := isakmp.IPsecAttrLifeType, isakmp.IPsecAttrLifeDuration
	seconds := attr(kind, uint16(isakmp.LifeSeconds))
	for name, c := range map[string]struct {
		attributes []isakmp.Attribute
		want       uint32 // seconds; 0: refused
	}{
		"a duration without a type": {[]isakmp.Attribute{attr(duration, 600)}, 600},
		"a type without a duration": {[]isakmp.Attribute{seconds}, 3600},
		"an unknown type":           {[]isakmp.Attribute{attr(kind, 77), attr(duration, 600)}, 0},
		"twice":                     {[]isakmp.Attribute{seconds, attr(duration, 900), seconds, attr(duration, 600)}, 600},
		"a duration of 9 octets":    {[]isakmp.Attribute{seconds, {Type: duration, Value: make([]byte, 9)}}, 0},
		"a duration of no octets":   {[]isakmp.Attribute{seconds, {Type: duration}}, 0},
	} {
		p := offering(t, nil, withSA(ipsecSA(espProposal(1, espTransform(1, isakmp.ESPAES, append(c.attributes, aesSHA...)...)))))
		list := p.hub.engine.IPsecSAs()
		if c.want == 0 && len(list) != 0 || c.want != 0 && (len(list) != 1 || list[0].Lives.Seconds != c.want) {
			t.Errorf("%s: %+v, want %d s", name, list, c.want)
		}
		if p.hub.upSAs() != 1 {
			t.Errorf("%s: the ISAKMP SA is gone", name)
		}
	}
}

// Lifetimes of an offer of phase 1: the answer is the offer, and ours holds
// unless it is longer.
func TestOddLifetimesInMainMode(t *testing.T) {
	for _, seconds := range oddLives {
		p := newPair(t, nil)
		p.lose = func(n int, d Datagram) bool {
			if n != 1 {
				return false
			}
			data := rebuilt(t, d.Data, func(sa *isakmp.SA) {
				list := sa.Proposals[0].Transforms[0].Attributes
				i := slices.IndexFunc(list, func(a isakmp.Attribute) bool { return a.Type == isakmp.AttrLifeDuration })
				list[i] = isakmp.VariableAttribute(isakmp.AttrLifeDuration, seconds, 8)
			})
			_, payloads := inClear(t, nil, data)
			p.spoke.newest().handshake.saiB = slices.Clone(payloads[0].Body)
			p.hand(d, data)
			return true
		}
		p.connect()
		want := uint64(policy.DefaultLifetime)
		if seconds != 0 {
			want = min(want, seconds)
		}
		sas := p.hub.engine.ISAKMPSAs()
		if len(sas) != 1 || sas[0].Expires.Sub(sas[0].Established) != time.Duration(want)*time.Second {
			t.Errorf("%d s are offered: %+v, want %d s", seconds, sas, want)
		}
	}
}

// RESPONDER-LIFETIME of nearly nothing, for both phases: the peer has its way
// with its own SAs, and what it costs us is bounded.
func TestResponderLifetimesOfNearlyNothing(t *testing.T) {
	p := busyPair(t)
	p.connect()
	p.advance(time.Second)
	s, x := p.hub.newest(), p.hub.engine.IPsecSAs()[0]
	p.deliver(p.inform(p.hub, isakmp.PayloadNotify, lifeNotify(isakmp.ProtocolISAKMP, s.spi(), isakmp.AttrLifeType, isakmp.AttrLifeDuration, 1)),
		p.inform(p.hub, isakmp.PayloadNotify, lifeNotify(isakmp.ProtocolESP, spiOctets(x.InSPI), isakmp.IPsecAttrLifeType, isakmp.IPsecAttrLifeDuration, 1)))
	before := p.spoke.engine.Statistics()
	p.advance(100 * time.Second)
	after := p.spoke.engine.Statistics()
	if n := after.DatagramsOut - before.DatagramsOut; n > 400 {
		t.Errorf("%d datagrams in 100 seconds", n)
	}
	p.connect()
	p.advance(time.Second)
	p.checkWorking()
}

// RESPONDER-LIFETIME with any number: none is longer than ours, and 0 is none.
func TestOddResponderLifetimes(t *testing.T) {
	tell := func(protocol isakmp.ProtocolID, spi []byte, seconds uint64) []byte {
		data := isakmp.AppendAttributeList(nil, []isakmp.Attribute{attr(isakmp.IPsecAttrLifeType, uint16(isakmp.LifeSeconds)),
			isakmp.VariableAttribute(isakmp.IPsecAttrLifeDuration, seconds, 8)})
		return isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec, Protocol: protocol, SPI: spi, Type: isakmp.NotifyResponderLifetime, Data: data})
	}
	for _, seconds := range oddLives {
		p := tunnelWith(t, nil)
		s, x := p.hub.newest(), p.hub.engine.IPsecSAs()[0]
		p.deliver(p.inform(p.hub, isakmp.PayloadNotify, tell(isakmp.ProtocolISAKMP, s.spi(), seconds)),
			p.inform(p.hub, isakmp.PayloadNotify, tell(isakmp.ProtocolESP, spiOctets(x.InSPI), seconds)))
		for what, c := range map[string]struct{ got, ours time.Duration }{
			"ISAKMP SA": {p.spoke.engine.ISAKMPSAs()[0].Expires.Sub(epoch), policy.DefaultLifetime * time.Second},
			"pair":      {p.spoke.engine.IPsecSAs()[0].Expires.Sub(epoch), time.Hour},
		} {
			want := c.ours
			if seconds != 0 && seconds < uint64(c.ours/time.Second) {
				want = time.Duration(seconds) * time.Second
			}
			if c.got != want {
				t.Errorf("%d s are told: the %s ends after %v, want %v", seconds, what, c.got, want)
			}
		}
	}
}

// A volume that one packet uses up makes no storm of quick modes.
func TestAVolumeOfNothingMakesNoStorm(t *testing.T) {
	p := busyPair(t)
	p.spoke.engine.conns.byTag[1].Lives.Kilobytes = 1
	p.connect()
	p.advance(time.Second)
	before := p.hub.engine.Statistics().Phase2Up
	for range 200 { // two seconds of traffic that is always too much
		for _, s := range []*side{p.hub, p.spoke} {
			for _, x := range s.engine.IPsecSAs() {
				p.do(s, func(e *Engine, fx *Effects) { e.VolumeLow(p.now, x.InSPI, fx) })
			}
		}
		p.advance(10 * time.Millisecond)
	}
	if n := p.hub.engine.Statistics().Phase2Up - before; n < 5 || n > 30 {
		t.Errorf("%d pairs in two seconds", n)
	}
	p.advance(time.Second)
	p.checkWorking()
}

// SPIs of an offer that ESP reserves, or by which something is sent already, are
// refused with that reason, and the pair that is there stays.
func TestSPIsThatCannotBe(t *testing.T) {
	p := tunnelWith(t, nil)
	before := p.settled()
	taken := p.hub.engine.IPsecSAs()[0].OutSPI
	for i, spi := range []uint32{0, 1, 255, taken} {
		drops := len(refusedSPIs(p.hub))
		p.offerSPI(uint32(i)+77, spi)
		if list := refusedSPIs(p.hub); len(list) != drops+1 || list[drops] != spi {
			t.Errorf("SPI %d: refused are %v", spi, list)
		}
		p.checkUp()
	}
	for i, size := range []int{0, 1, 3, 5, 8, 16, 255} {
		malformed := p.hub.engine.Statistics().Dropped[trace.DropMalformed]
		p.offerSPIOctets(uint32(i)+177, make([]byte, size))
		if n := p.hub.engine.Statistics().Dropped[trace.DropMalformed]; n != malformed+1 {
			t.Errorf("an SPI of %d octets: %d are counted", size, n-malformed)
		}
		p.checkUp()
	}
	p.checkUndisturbed(before)
}

func refusedSPIs(s *side) (list []uint32) {
	for _, r := range s.events.list {
		if e, ok := r.Event.(*trace.IPsecTransformRefused); ok && e.Attr == trace.IPsecAttrSPI {
			list = append(list, e.Offered)
		}
	}
	return list
}

// offerSPI has the spoke offer its only pair once more, by another SPI.
func (p *pair) offerSPI(id, spi uint32) { p.offerSPIOctets(id, spiOctets(spi)) }

func (p *pair) offerSPIOctets(id uint32, spi []byte) {
	p.t.Helper()
	s := p.hub.newest()
	offer := ipsecSA(isakmp.Proposal{Number: 1, Protocol: isakmp.ProtocolESP, SPI: spi, Transforms: []isakmp.Transform{espTransform(1, isakmp.ESPAES, aesSHA...)}})
	conn := p.spoke.engine.conns.byTag[1]
	_, body := chained([]isakmp.Payload{
		{Type: isakmp.PayloadHash, Body: make([]byte, keymat.HashSize(s.suite.Hash))},
		{Type: isakmp.PayloadSA, Body: isakmp.AppendSA(nil, offer)},
		{Type: isakmp.PayloadNonce, Body: make([]byte, 20)},
		{Type: isakmp.PayloadID, Body: isakmp.AppendID(nil, policy.ID(conn.ACL[0].Local))},
		{Type: isakmp.PayloadID, Body: isakmp.AppendID(nil, policy.ID(conn.ACL[0].Remote))}})
	h := isakmp.Header{Initiator: s.cookieI, Responder: s.cookieR, NextPayload: isakmp.PayloadHash, Version: isakmp.Version1,
		Exchange: isakmp.ExchangeQuick, Flags: isakmp.FlagEncryption, MessageID: id}
	p.deliver(Datagram{Local: s.remote, Remote: s.local, Data: s.asItsPeer(h, body)})
}

// Notifies and deletes with SPIs of every length, and of nobody: counted, and
// nothing ends.
func TestSPIsThatNameNothing(t *testing.T) {
	p := tunnelWith(t, withKeepalive)
	before := p.settled()
	s, x := p.hub.newest(), p.hub.engine.IPsecSAs()[0]
	types := []isakmp.NotifyType{isakmp.NotifyInvalidSPI, isakmp.NotifyNoProposalChosen, isakmp.NotifyInvalidIDInfo, isakmp.NotifyRUThere,
		isakmp.NotifyRUThereAck, isakmp.NotifyResponderLifetime, isakmp.NotifyPayloadMalformed, isakmp.NotifyInvalidCookie, 0, 0xffff}
	for _, kind := range types {
		for _, protocol := range []isakmp.ProtocolID{0, isakmp.ProtocolISAKMP, isakmp.ProtocolAH, isakmp.ProtocolESP, 255} {
			for _, spi := range [][]byte{nil, {1}, {0, 0, 0, 0}, {1, 2, 3}, spiOctets(x.InSPI), make([]byte, 8), s.cookieI[:], make([]byte, 16), make([]byte, 17), make([]byte, 255)} {
				p.deliver(p.inform(p.spoke, isakmp.PayloadNotify, isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec, Protocol: protocol, SPI: spi, Type: kind})))
				p.checkUp()
			}
		}
	}
	malformed := p.hub.engine.Statistics().Dropped[trace.DropMalformed]
	bodies := [][]byte{{}, {0, 0, 0, 1}, {0, 0, 0, 1, 3, 4, 0, 0}, {0, 0, 0, 1, 3, 4, 0, 2, 1, 2, 3, 4}, {0, 0, 0, 1, 3, 3, 0, 1, 1, 2, 3},
		{0, 0, 0, 1, 3, 8, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8}, {0, 0, 0, 1, 1, 4, 0, 1, 1, 2, 3, 4}, {0, 0, 0, 1, 3, 0, 0, 1}, {0, 0, 0, 9, 3, 4, 0, 1, 1, 2, 3, 4}}
	for _, body := range bodies {
		p.deliver(p.inform(p.spoke, isakmp.PayloadDelete, body))
		p.checkUp()
	}
	if n := p.hub.engine.Statistics().Dropped[trace.DropMalformed] - malformed; n != uint64(len(bodies)) {
		t.Errorf("%d malformed deletes are counted, want %d", n, len(bodies))
	}
	for _, body := range [][]byte{deleteOf(isakmp.ProtocolESP, spiOctets(0)), deleteOf(isakmp.ProtocolISAKMP, make([]byte, 16)), deleteOf(isakmp.ProtocolAH, spiOctets(x.OutSPI))} {
		p.deliver(p.inform(p.spoke, isakmp.PayloadDelete, body))
		p.checkUp()
	}
	p.checkUndisturbed(before)
}

// Identities of quick mode of every type, with data of lengths that are not its
// own: a counted reason, no SA, and the ISAKMP SA stays.
func TestIdentitiesThatCannotBe(t *testing.T) {
	ids := map[string]struct {
		body []byte
		want trace.Drop
	}{
		"no type":                 {[]byte{}, trace.DropMalformed},
		"no data":                 {[]byte{1, 0, 0, 0}, trace.DropMalformed},
		"an address of 3 octets":  {[]byte{1, 0, 0, 0, 10, 0, 0}, trace.DropMalformed},
		"an address of 5 octets":  {[]byte{1, 0, 0, 0, 10, 0, 0, 1, 2}, trace.DropMalformed},
		"a subnet of 7 octets":    {[]byte{4, 0, 0, 0, 10, 0, 0, 0, 255, 255, 255}, trace.DropMalformed},
		"a range of 4 octets":     {[]byte{7, 0, 0, 0, 10, 0, 0, 0}, trace.DropMalformed},
		"IPv6 of 4 octets":        {[]byte{5, 0, 0, 0, 10, 0, 0, 0}, trace.DropMalformed},
		"an IPv6 range of 31":     {append([]byte{8, 0, 0, 0}, make([]byte, 31)...), trace.DropMalformed},
		"type 0":                  {[]byte{0, 0, 0, 0, 10, 0, 0, 1}, trace.DropIdentity},
		"type 255":                {[]byte{255, 0, 0, 0, 10, 0, 0, 1}, trace.DropIdentity},
		"a key's ID":              {[]byte{11, 0, 0, 0, 1, 2, 3, 4}, trace.DropIdentity},
		"a name in DER":           {[]byte{9, 0, 0, 0, 0x30, 0x82, 0xff, 0xff}, trace.DropIdentity},
		"a range backwards":       {[]byte{7, 0, 0, 0, 10, 0, 0, 9, 10, 0, 0, 1}, trace.DropIdentity},
		"an IPv6 range backwards": {append(append([]byte{8, 0, 0, 0}, slices.Repeat([]byte{9}, 16)...), make([]byte, 16)...), trace.DropIdentity},
		"a mask with holes":       {[]byte{4, 0, 0, 0, 10, 0, 0, 0, 255, 0, 255, 0}, trace.DropIdentity},
	}
	for name, c := range ids {
		for _, which := range []int{0, 1} {
			p := offering(t, nil, func(list []isakmp.Payload) []isakmp.Payload {
				seen := 0
				for i := range list {
					if list[i].Type == isakmp.PayloadID {
						if seen == which {
							list[i].Body = c.body
						}
						seen++
					}
				}
				return list
			})
			if n := p.hub.engine.Statistics().Dropped[c.want]; n == 0 || len(p.hub.sas) != 0 || p.hub.upSAs() != 1 {
				t.Errorf("%s, identity %d: %d counted as %s, %d SAs: %v", name, which, n, c.want, len(p.hub.sas), p.hub.engine.Statistics().Dropped)
			}
		}
	}
}

// A peer behind the same NAT as another, with keys of its own, cannot touch the
// other's SAs, of either phase and by whatever message.
func TestANeighbourBehindTheSameNATHarmsNobody(t *testing.T) {
	p, first := twoBehindOneNAT(t)
	victim, cookies := first.engine.IPsecSAs()[0], first.newest().spi()
	state := func() string {
		var x, s []any
		for _, c := range p.hub.engine.IPsecSAs() {
			if c.OutSPI == victim.InSPI {
				x = append(x, c)
			}
		}
		for _, a := range p.hub.engine.ISAKMPSAs() {
			if a.InitiatorCookie == first.newest().cookieI {
				s = append(s, a)
			}
		}
		_, in := p.hub.sas[victim.OutSPI]
		_, out := p.hub.sas[victim.InSPI]
		return fmt.Sprintf("%+v %+v, installed %v %v", x, s, in, out)
	}
	before := state()
	notify := func(kind isakmp.NotifyType, protocol isakmp.ProtocolID, spi []byte, data ...byte) []byte {
		return isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec, Protocol: protocol, SPI: spi, Type: kind, Data: data})
	}
	life := lifeAttributes(isakmp.IPsecAttrLifeType, isakmp.IPsecAttrLifeDuration, policy.Lives{Seconds: 1, Kilobytes: 1})
	for name, d := range map[string]Datagram{
		"delete of its pair":              p.inform(p.spoke, isakmp.PayloadDelete, deleteOf(isakmp.ProtocolESP, spiOctets(victim.InSPI))),
		"delete of its pair, by our SPI":  p.inform(p.spoke, isakmp.PayloadDelete, deleteOf(isakmp.ProtocolESP, spiOctets(victim.OutSPI))),
		"delete of its ISAKMP SA":         p.inform(p.spoke, isakmp.PayloadDelete, deleteOf(isakmp.ProtocolISAKMP, cookies)),
		"INVALID-SPI":                     p.inform(p.spoke, isakmp.PayloadNotify, notify(isakmp.NotifyInvalidSPI, isakmp.ProtocolESP, spiOctets(victim.InSPI))),
		"INVALID-SPI in data":             p.inform(p.spoke, isakmp.PayloadNotify, notify(isakmp.NotifyInvalidSPI, isakmp.ProtocolESP, nil, spiOctets(victim.InSPI)...)),
		"lifetime of its pair":            p.inform(p.spoke, isakmp.PayloadNotify, notify(isakmp.NotifyResponderLifetime, isakmp.ProtocolESP, spiOctets(victim.InSPI), life...)),
		"lifetime of its ISAKMP SA":       p.inform(p.spoke, isakmp.PayloadNotify, notify(isakmp.NotifyResponderLifetime, isakmp.ProtocolISAKMP, cookies, life...)),
		"dead peer detection by its SPI":  p.inform(p.spoke, isakmp.PayloadNotify, notify(isakmp.NotifyRUThere, isakmp.ProtocolISAKMP, cookies, 0, 0, 0, 1)),
		"INITIAL-CONTACT":                 p.inform(p.spoke, isakmp.PayloadNotify, notify(isakmp.NotifyInitialContact, isakmp.ProtocolISAKMP, p.spoke.newest().spi())),
		"INITIAL-CONTACT by its cookies":  p.inform(p.spoke, isakmp.PayloadNotify, notify(isakmp.NotifyInitialContact, isakmp.ProtocolISAKMP, cookies)),
		"its SA's datagram, by our port":  {Local: p.spoke.newest().local, Remote: p.spoke.newest().remote, Data: p.inform(first, isakmp.PayloadDelete, deleteOf(isakmp.ProtocolESP, spiOctets(victim.InSPI))).Data[:60]},
		"a quick mode without its answer": p.inform(p.spoke, isakmp.PayloadNotify, notify(isakmp.NotifyNoProposalChosen, isakmp.ProtocolESP, nil)),
	} {
		p.deliver(d)
		if after := state(); after != before {
			t.Fatalf("%s: the other's SAs are\n%s\nwant\n%s", name, after, before)
		}
	}
	refused := len(refusedSPIs(p.hub))
	p.offerSPI(99, victim.InSPI)
	if list := refusedSPIs(p.hub); len(list) != refused+1 || state() != before {
		t.Errorf("its SPI is taken: %v, and the other's SAs are\n%s\nwant\n%s", list, state(), before)
	}
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.Shutdown(p.now, fx) })
	p.settle()
	if after := state(); after != before {
		t.Errorf("after its end the other's SAs are\n%s\nwant\n%s", after, before)
	}
}

// Datagrams of every kind of ill will, from anybody: what they leave is bounded
// whatever their number, each is counted, and in the end the hub holds its
// tunnel and nothing else.
func TestHostileDatagramsLeaveBoundedState(t *testing.T) {
	const bound = 64
	p := tunnelWith(t, func(hub, spoke *Config) {
		fragmenting(hub, spoke)
		hub.MaxHalfOpen, hub.MaxUnproven, hub.DeferDH = bound, bound, false
	})
	before := p.settled()
	r := rand.New(rand.NewPCG(3, 4))
	seen := capture(t)
	first, public := firstMessage(t, 0), somePublic(t)
	// A datagram is dropped and counted, or it begins an SA.
	counted := func() (n uint64) {
		for _, x := range p.hub.engine.Statistics().Dropped {
			n += x
		}
		return n + uint64(p.hub.engine.serials.sa.Load())
	}
	for i := range 15000 {
		counts, kind := counted(), r.IntN(6)
		remote := stranger(r.IntN(2000))
		if r.IntN(4) == 0 {
			remote = netip.AddrPortFrom(spokeAddr, uint16(500+r.IntN(3)))
		}
		switch kind {
		case 0: // noise
			p.from(remote, noise(r, r.IntN(400)))
		case 1: // a header with noise behind it
			data := noise(r, isakmp.HeaderLen+r.IntN(400))
			data[17], data[18] = 0x10, []byte{2, 4, 5, 6, 32, 33}[r.IntN(6)]
			if r.IntN(2) == 0 {
				clear(data[8:16])
			}
			p.from(remote, setLength(data))
		case 2: // what was once said, bent
			data := slices.Clone(seen[r.IntN(len(seen))].Data)
			data[r.IntN(len(data))] ^= 1 << r.IntN(8)
			p.from(remote, data)
		case 3: // first messages
			binary.BigEndian.PutUint64(first, uint64(i)+1)
			p.from(remote, first)
		case 4: // main modes that prove nothing
			p.begin(first, i, public)
		case 5: // fragments
			b := isakmp.NewBuilder(nil, isakmp.Header{Initiator: isakmp.Cookie{byte(1 + r.IntN(255))}, Responder: isakmp.Cookie{byte(r.IntN(2))}, Version: isakmp.Version1, Exchange: isakmp.ExchangeIdentity})
			b.Add(isakmp.PayloadFragment, isakmp.AppendFragment(nil, isakmp.Fragment{ID: uint16(i), Number: uint8(1 + r.IntN(64)), Data: noise(r, 1+r.IntN(100))}))
			p.from(remote, b.Bytes(1))
		}
		if n := counted() - counts; kind < 4 && n != 1 {
			t.Fatalf("datagram %d, of kind %d, is counted %d times", i+1, kind, n)
		}
		h := p.hub.engine.Holdings()
		if h.SAs > 2*bound+1 || h.HalfOpen > bound || h.Unproven > bound || h.Assemblies > 2*maxFirst || h.Timers > 10*bound || h.Nodes > before.Nodes || h.Questions != 0 {
			t.Fatalf("after %d datagrams: %+v", i+1, h)
		}
		if i%500 == 0 {
			if err := p.hub.engine.Check(); err != nil {
				t.Fatal(err)
			}
		}
		p.now = p.now.Add(100 * time.Microsecond)
	}
	p.checkUndisturbed(before)
}

func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}
