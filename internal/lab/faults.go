package lab

import (
	"math/rand/v2"
	"time"

	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
)

// faults is what a script does to packets.
type faults struct {
	rand     *rand.Rand
	cut      map[*host]bool
	blocks   []block
	messages []*messageFault
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

// messageAction is what happens to one IKE message.
type messageAction uint8

const (
	dropMessage messageAction = iota
	duplicateMessage
	corruptMessage
	delayMessage
)

// messageFault waits for the n-th IKE message sent since it was made.
type messageFault struct {
	action messageAction
	n      int
	from   *host // nil: any
	delay  time.Duration
}

// fate is what the faults do to an IKE message.
type fate struct {
	copies int
	delay  time.Duration
}

// judge counts a message that a host sends. It may change the message, which
// begins with the non-ESP marker where its port wants one.
func (f *faults) judge(from *host, marked bool, message []byte) fate {
	out := fate{copies: 1}
	var left []*messageFault
	for _, m := range f.messages {
		if m.from != nil && m.from != from {
			left = append(left, m)
			continue
		}
		if m.n--; m.n > 0 {
			left = append(left, m)
			continue
		}
		switch m.action {
		case dropMessage:
			out.copies = 0
		case duplicateMessage:
			out.copies = 2 * out.copies
		case delayMessage:
			out.delay += m.delay
		case corruptMessage:
			f.corrupt(marked, message)
		}
	}
	f.messages = left
	return out
}

// corrupt changes one bit behind the ISAKMP header.
func (f *faults) corrupt(marked bool, message []byte) {
	skip := isakmp.HeaderLen
	if marked {
		skip += ipsec.NonESPMarkerLen
	}
	if len(message) > skip {
		message[skip+f.rand.IntN(len(message)-skip)] ^= 1 << f.rand.IntN(8)
	}
}
