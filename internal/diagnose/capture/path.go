package capture

import (
	"encoding/binary"
	"fmt"

	"qmidle/internal/diagnose"
	"qmidle/internal/isakmp"
)

// What ICMP and ICMPv6 say (RFC 792, RFC 1191, RFC 4443).
const (
	icmpUnreachable  = 3
	icmpTooBig       = 4 // the code of it
	icmp6Unreachable = 1
	icmp6TooBig      = 2
)

var unreachableCodes = map[byte]string{0: "network unreachable", 1: "host unreachable", 2: "protocol unreachable", 3: "port unreachable",
	9: "network prohibited", 10: "host prohibited", 13: "prohibited by a filter"}

var unreachable6Codes = map[byte]string{0: "no route", 1: "prohibited by a filter", 3: "address unreachable", 4: "port unreachable"}

// icmp takes an error that is about a packet of IKE or ESP.
func (r *reader) icmp(d *datagram) {
	b := d.payload
	if len(b) < 8 {
		return
	}
	var quoted datagram
	if !parseIP(b[8:], &quoted) || quoted.offset > 0 || !r.ours(&quoted) {
		return
	}
	what := ""
	tooBig := false
	switch {
	case d.protocol == protoICMP && b[0] == icmpUnreachable && b[1] == icmpTooBig:
		tooBig, what = true, fmt.Sprintf("fragmentation needed, next MTU %d", binary.BigEndian.Uint16(b[6:]))
	case d.protocol == protoICMP && b[0] == icmpUnreachable:
		what = unreachableCodes[b[1]]
	case d.protocol == protoICMPv6 && b[0] == icmp6TooBig:
		tooBig, what = true, fmt.Sprintf("packet too big, next MTU %d", binary.BigEndian.Uint32(b[4:]))
	case d.protocol == protoICMPv6 && b[0] == icmp6Unreachable:
		what = unreachable6Codes[b[1]]
	}
	if what == "" {
		return
	}
	c, from := r.pair(quoted.src, quoted.dst)
	if c == nil {
		return
	}
	text := fmt.Sprintf("ICMP from %s: %s, about a packet %s > %s", d.src, what, quoted.src, quoted.dst)
	o := diagnose.Observation{Kind: diagnose.Unreachable, Phase: diagnose.Phase1, Detail: what}
	if tooBig {
		o = diagnose.Observation{Kind: diagnose.TooBig, Phase: diagnose.PhaseData, Count: 1, Detail: what}
	}
	r.tell(c, from, r.at, text, o)
}

// ours says whether a packet is IKE, ESP or AH.
func (r *reader) ours(d *datagram) bool {
	switch d.protocol {
	case protoESP, protoAH:
		return true
	case protoUDP:
		var u udp
		return parseUDP(d.payload, true, &u) && (isIKE(u.src) || isIKE(u.dst))
	}
	return false
}

// lostFragments takes a datagram of which some pieces never came. One whose first
// piece is missing counts where its two ends speak IKE.
func (r *reader) lostFragments(p *partial) {
	c, from := r.known(p.key.src, p.key.dst)
	if c == nil && p.ports {
		c, from = r.pair(p.key.src, p.key.dst)
	}
	if c == nil || p.loud && p.ports == false {
		return
	}
	to := 1 - from
	what := "its first fragment is missing"
	detail := ""
	if p.ports {
		what = "fragments behind its first one are missing"
		if r.fragments.later == 0 {
			detail = diagnose.FilteredPerhaps
		}
	}
	text := fmt.Sprintf("%s > %s: a UDP datagram in fragments, and %s", c.addr[from], c.addr[to], what)
	r.tell(c, to, p.first, text, diagnose.Observation{Kind: diagnose.FragmentLost, Phase: diagnose.Phase1, Detail: detail})
}

// ikeFragments is a message that comes in fragments of IKE's own.
type ikeFragments struct {
	id     uint16
	from   int
	data   [maxIKEFragments][]byte
	count  int
	last   int
	octets int
	at     place
	max    int // the session's greatest message then
}

const (
	maxIKEFragments  = 32
	maxIKEReassembly = 16384
)

// ikeFragment takes one fragment, and the message where it is the last one that
// was missing.
func (r *reader) ikeFragment(s *session, m *message) {
	m.parse()
	if len(m.payloads) != 1 || m.payloads[0].Type != isakmp.PayloadFragment {
		return
	}
	f, err := isakmp.ParseFragment(m.payloads[0])
	if err != nil || f.Number > maxIKEFragments {
		return
	}
	p := s.pieces
	if p == nil || p.id != f.ID || p.from != m.from {
		p = &ikeFragments{id: f.ID, from: m.from}
		s.pieces = p
	}
	p.at, p.max = r.at, s.max
	if p.data[f.Number-1] == nil {
		if p.octets += len(f.Data); p.octets > maxIKEReassembly {
			s.pieces = nil
			return
		}
		p.data[f.Number-1] = append([]byte(nil), f.Data...)
		p.count++
	}
	if f.Last {
		p.last = int(f.Number)
	}
	if p.last == 0 || p.count < p.last {
		return
	}
	s.pieces = nil
	whole := *m
	whole.raw, whole.err, whole.whole = nil, nil, true
	for _, part := range p.data[:p.last] {
		whole.raw = append(whole.raw, part...)
	}
	if len(whole.raw) >= isakmp.HeaderLen && whole.readHeader(len(whole.raw)) && whole.header.Initiator == s.initiator {
		r.message(s.c, &whole)
	}
}
