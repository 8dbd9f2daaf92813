package ike

import (
	"bytes"
	"math"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// A responder whose lifetime is shorter than the offer tells it by a notify of
// type RESPONDER-LIFETIME (RFC 2407 section 4.6.3.1): of the ISAKMP SA in an
// exchange of its own, of IPsec SAs in message 2 of quick mode. One that is
// longer than ours changes nothing.

// lifeAttributes is a notify's data. ISAKMP's attribute classes differ from
// IPsec's.
func lifeAttributes(kind, duration isakmp.AttributeType, l policy.Lives) []byte {
	var list []isakmp.Attribute
	if l.Seconds != 0 {
		list = append(list, isakmp.BasicAttribute(kind, uint16(isakmp.LifeSeconds)), isakmp.VariableAttribute(duration, uint64(l.Seconds), 4))
	}
	if l.Kilobytes != 0 {
		list = append(list, isakmp.BasicAttribute(kind, uint16(isakmp.LifeKilobytes)), isakmp.VariableAttribute(duration, uint64(l.Kilobytes), 4))
	}
	return isakmp.AppendAttributeList(nil, list)
}

// shortened returns those of l that are shorter than what was offered.
func shortened(l policy.Lives, o policy.ESPOffer) (s policy.Lives) {
	if o.Seconds > uint64(l.Seconds) {
		s.Seconds = l.Seconds
	}
	if o.Kilobytes > uint64(l.Kilobytes) {
		s.Kilobytes = l.Kilobytes
	}
	return s
}

// tellLifetime tells an initiator our lifetime of the ISAKMP SA.
func (s *sa) tellLifetime() {
	life := policy.Lives{Seconds: s.suite.Lifetime}
	s.sendNotify(isakmp.ProtocolISAKMP, s.spi(), isakmp.NotifyResponderLifetime,
		lifeAttributes(isakmp.AttrLifeType, isakmp.AttrLifeDuration, life))
	s.emit(&trace.ResponderLifetime{Sent: true, Seconds: life.Seconds})
}

// addLifetime adds our shorter lifetimes to message 2.
func (n *node) addLifetime(b *isakmp.Builder) {
	if n.shorter == (policy.Lives{}) {
		return
	}
	b.Add(isakmp.PayloadNotify, isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolESP,
		SPI: spiOctets(n.inSPI), Type: isakmp.NotifyResponderLifetime,
		Data: lifeAttributes(isakmp.IPsecAttrLifeType, isakmp.IPsecAttrLifeDuration, n.shorter)}))
	n.s.emit(&trace.ResponderLifetime{Sent: true, Phase2: true, Seconds: n.shorter.Seconds, Kilobytes: n.shorter.Kilobytes})
}

// takeLifetimes reads the responder's lifetimes of message 2.
func (m *message) takeLifetimes() {
	s, n := m.s, m.n
	for _, p := range m.payloads {
		if p.Type != isakmp.PayloadNotify {
			continue
		}
		x, err := isakmp.ParseNotify(p)
		if err != nil {
			continue
		}
		s.emit(&trace.NotifyReceived{Type: x.Type, Protocol: x.Protocol, SPI: shortSPI(x.SPI), MessageID: n.id, Protected: true})
		if x.Type == isakmp.NotifyResponderLifetime && x.Protocol == isakmp.ProtocolESP {
			n.lives = s.shorterLives(n.lives, x)
		}
	}
}

// shorterLives returns the shorter of l and what a notify about IPsec SAs tells.
func (s *sa) shorterLives(l policy.Lives, x isakmp.Notify) policy.Lives {
	list, err := isakmp.ParseAttributeList(isakmp.PayloadNotify, x.Data, 0)
	if err != nil {
		return l
	}
	told := policy.ParseESPOffer(isakmp.ProtocolESP, isakmp.Transform{Attributes: list})
	short := l.Shorter(told)
	if short != l {
		s.emit(&trace.ResponderLifetime{Phase2: true, Seconds: short.Seconds, Kilobytes: short.Kilobytes})
	}
	return short
}

// takeLifetime obeys an authenticated notify in an exchange of its own. The
// kilobytes of IPsec SAs that are installed stay as they are.
func (s *sa) takeLifetime(x isakmp.Notify) {
	if x.Protocol == isakmp.ProtocolESP {
		if c := s.childByOutbound(shortSPI(x.SPI)); c != nil {
			c.shorten(s.shorterLives(c.lives, x).Seconds)
		}
		return
	}
	if x.Protocol != isakmp.ProtocolISAKMP || !bytes.Equal(x.SPI, s.spi()) {
		return
	}
	if told := isakmpLife(x.Data); told != 0 && told < uint64(s.suite.Lifetime) {
		s.shorten(min(max(uint32(told), s.soonest(uint32(told))), s.suite.Lifetime))
	}
}

// soonest is the shortest lifetime that leaves time to renew s. A responder may tell
// its lifetime when it nears its end, because nothing has come of the first time; its
// SA has begun later than ours, by what was lost on the way.
func (s *sa) soonest(told uint32) uint32 {
	left := margin(time.Duration(told)*time.Second, false, math.MaxUint8)
	return uint32((s.e.now.Sub(s.e.timers.time(s.established)) + left + time.Second - 1) / time.Second)
}

// isakmpLife reads seconds from a notify about an ISAKMP SA, 0 for none. The
// RFC leaves open whose attribute classes it has.
func isakmpLife(data []byte) uint64 {
	list, err := isakmp.ParseAttributeList(isakmp.PayloadNotify, data, 0)
	if err != nil {
		return 0
	}
	for i, a := range list {
		switch a.Type {
		case isakmp.IPsecAttrLifeType:
			list[i].Type = isakmp.AttrLifeType
		case isakmp.IPsecAttrLifeDuration:
			list[i].Type = isakmp.AttrLifeDuration
		}
	}
	return policy.ParseIKEOffer(isakmp.Transform{Attributes: list}).Seconds
}

// shorten makes s end earlier.
func (s *sa) shorten(seconds uint32) {
	s.suite.Lifetime = seconds
	s.expires = s.established + instant(time.Duration(seconds)*time.Second)
	s.e.timers.set(&s.life, s.e.timers.time(s.expires))
	s.emit(&trace.ResponderLifetime{Seconds: seconds})
	s.startRenewal()
}

// shorten makes a pair end earlier.
func (c *child) shorten(seconds uint32) {
	if seconds == c.lives.Seconds {
		return
	}
	c.lives.Seconds = seconds
	c.e.timers.set(&c.life, c.e.timers.time(c.created).Add(time.Duration(seconds)*time.Second))
	if c.sends() {
		c.startRenewal()
	}
}
