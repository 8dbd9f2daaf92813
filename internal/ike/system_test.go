package ike

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// systemText renders events as a router without any debug logs them.
func systemText(e *events) string {
	r := trace.IOS{Sessions: true}
	var out []byte
	for i := range e.list {
		out = r.Append(out, &e.list[i])
	}
	return string(out)
}

// A responder that chooses what was not offered is named with the attribute.
func TestAnswerThatWasNotOffered(t *testing.T) {
	p := newPair(t, nil)
	p.rewrite = func(n int, d *Datagram) {
		if n == 2 {
			d.Data = rebuilt(t, d.Data, func(sa *isakmp.SA) {
				for i := range sa.Proposals[0].Transforms[0].Attributes {
					if a := &sa.Proposals[0].Transforms[0].Attributes[i]; a.Type == isakmp.AttrHash {
						binary.BigEndian.PutUint16(a.Value, uint16(isakmp.HashMD5))
					}
				}
			})
		}
	}
	p.connect()
	want := "%CRYPTO-6-IKMP_SA_NOT_OFFERED: Remote peer 192.1.1.40 responded with attribute hash not offered or changed\n"
	if got := systemText(p.spoke.events); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What is wrong with one number of a message is said, whoever sent it.
func TestNumbersOfAMessageThatAreWrong(t *testing.T) {
	p := newPair(t, nil)
	from, to := p.spoke.engine.cfg.Connections[0].Local, hubAddr
	send := func(change func(datagram []byte)) string {
		p.hub.events.list = nil
		data := firstMessage(t, 0)
		change(data)
		p.deliver(Datagram{Local: netip.AddrPortFrom(from, 500), Remote: netip.AddrPortFrom(to, 500), Data: data})
		return systemText(p.hub.events)
	}
	got := send(func(d []byte) { binary.BigEndian.PutUint32(d[24:], 4000) })
	if want := "%CRYPTO-4-IKMP_PKT_OVERFLOW: ISAKMP message from 192.1.1.42 larger (4000) than the UDP packet length ("; !strings.HasPrefix(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := send(func(d []byte) { binary.BigEndian.PutUint32(d[24:], 30) }); got != "" {
		t.Errorf("a header with a length too short: %q", got)
	}
	got = send(func(d []byte) { binary.BigEndian.PutUint32(d[isakmp.HeaderLen+4:], 7) })
	if want := "%CRYPTO-6-IKMP_BAD_DOI_SA: DOI value 7 from SA offer from 192.1.1.42 is invalid\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A session is up with its first pair of IPsec SAs and down with its last: a
// renewal says nothing.
func TestSessionsUpAndDown(t *testing.T) {
	p := newPair(t, nil)
	p.connect()
	p.checkUp()
	up := "%CRYPTO-5-SESSION_STATUS: Crypto tunnel is UP  .  Peer 192.1.1.40:500       Id: 192.1.1.40\n"
	down := strings.Replace(up, "UP  ", "DOWN", 1)
	for _, c := range p.spoke.engine.sortedChildren() {
		c.exhausted = true // so that it is renewed without traffic
		p.do(p.spoke, func(e *Engine, fx *Effects) { e.begin(p.now, fx); c.renew() })
	}
	p.advance(5 * time.Minute)
	if n := p.spoke.engine.Statistics().Phase2Up; n != 2 {
		t.Fatalf("%d pairs, want 2: nothing was renewed", n)
	}
	if got := systemText(p.spoke.events); got != up {
		t.Errorf("%q after a renewal, want %q", got, up)
	}
	p.do(p.spoke, func(e *Engine, fx *Effects) { e.ClearIPsec(p.now, IPsecFilter{}, fx) })
	p.settle()
	if got := systemText(p.spoke.events); got != up+down {
		t.Errorf("%q after the end, want %q", got, up+down)
	}
	if got := strings.Count(systemText(p.hub.events), "SESSION_STATUS"); got != 2 {
		t.Errorf("the hub tells %d changes, want 2", got)
	}
}
