package lab

import (
	"math/rand/v2"
	"time"

	"qmidle/internal/isakmp"
)

// faults is what a script does to packets.
type faults struct {
	rand    *rand.Rand
	cut     map[*host]bool
	blocks  []block
	packets []*packetFault
}

// block is a filter: UDP packets from or to a port, or ESP.
type block struct {
	esp  bool
	port uint16
	on   *link // nil: on every link
	from *host // nil: from every host
}

// blocked says whether a filter stops a packet that a host puts on a link.
func (f *faults) blocked(l *link, from *host, p packet) bool {
	for _, b := range f.blocks {
		if (b.on == nil || b.on == l) && (b.from == nil || b.from == from) && b.matches(p) {
			return true
		}
	}
	return false
}

func (b block) matches(p packet) bool {
	if b.esp {
		return p.protocol() == protoESP
	}
	from, to, _, ok := p.udp()
	return ok && (from.Port() == b.port || to.Port() == b.port)
}

// lost draws whether a link loses a packet.
func (f *faults) lost(l *link) bool { return l.loss > 0 && f.rand.IntN(100) < l.loss }

// packetAction is what happens to one packet.
type packetAction uint8

const (
	dropPacket packetAction = iota
	duplicatePacket
	corruptPacket
	delayPacket
)

// packetKind says which packets a fault counts.
type packetKind uint8

const (
	anyMessage packetKind = iota // of IKE
	mainMode
	quickMode
	informational
	fragment // of an IKE message
	espPacket
)

// packetKinds are the words for them in scripts.
var packetKinds = map[string]packetKind{"message": anyMessage, "main-mode": mainMode, "quick-mode": quickMode,
	"informational": informational, "fragment": fragment, "esp": espPacket}

// kindOf tells an IKE message by its header, which is never encrypted.
func kindOf(message []byte) packetKind {
	h, err := isakmp.ParseHeader(message)
	switch {
	case err != nil:
		return anyMessage
	case h.NextPayload == isakmp.PayloadFragment:
		return fragment
	case h.Exchange == isakmp.ExchangeIdentity:
		return mainMode
	case h.Exchange == isakmp.ExchangeQuick:
		return quickMode
	case h.Exchange == isakmp.ExchangeInformational:
		return informational
	}
	return anyMessage
}

// counts says whether packets of kind k are among those that a fault of kind
// of counts.
func (of packetKind) counts(k packetKind) bool {
	return of == k || of == anyMessage && k != espPacket
}

// packetFault waits for packets sent since it was made: it lets some pass and
// acts on those that follow.
type packetFault struct {
	action packetAction
	kind   packetKind
	pass   int
	times  int
	from   *host // nil: any
	delay  time.Duration
}

// fate is what the faults do to a packet.
type fate struct {
	copies int
	delay  time.Duration
}

// judge counts a packet that a host sends. It may change it behind its first
// octets, which say whose it is.
func (f *faults) judge(from *host, kind packetKind, skip int, data []byte) fate {
	out := fate{copies: 1}
	var left []*packetFault
	for _, m := range f.packets {
		if m.from != nil && m.from != from || !m.kind.counts(kind) {
			left = append(left, m)
			continue
		}
		if m.pass > 0 {
			m.pass--
			left = append(left, m)
			continue
		}
		if m.times--; m.times > 0 {
			left = append(left, m)
		}
		switch m.action {
		case dropPacket:
			out.copies = 0
		case duplicatePacket:
			out.copies = 2 * out.copies
		case delayPacket:
			out.delay += m.delay
		case corruptPacket:
			f.corrupt(skip, data)
		}
	}
	f.packets = left
	return out
}

// corrupt changes one bit.
func (f *faults) corrupt(skip int, data []byte) {
	if len(data) > skip {
		data[skip+f.rand.IntN(len(data)-skip)] ^= 1 << f.rand.IntN(8)
	}
}
