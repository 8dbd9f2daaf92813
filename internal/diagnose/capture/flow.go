package capture

import (
	"encoding/binary"
	"fmt"
	"time"

	"qmidle/internal/diagnose"
)

// flowKey names an SA's packets: an SPI belongs to whom they are for.
type flowKey struct {
	c    *conversation
	from uint8
	spi  uint32
}

// flow is the ESP or AH of one SA.
type flow struct {
	flowKey
	inUDP       bool
	count       uint64
	twice, late uint64
	first, last place
	high        uint32 // the greatest sequence number
	window      uint64 // which of the 64 up to it came
	seq         uint32 // of the last packet, with where and how far from its sender it was
	ttl         uint8
	iface       uint32
}

// maxFlows bounds the SAs that are followed.
const maxFlows = 16384

// windowSize is the usual replay window.
const windowSize = 64

// esp takes a packet of ESP, or AH from its SPI on.
func (r *reader) esp(d *datagram, b []byte, inUDP bool) {
	if len(b) < 8 {
		return
	}
	r.result.ESP++
	c, from := r.pair(d.src, d.dst)
	if c == nil {
		return
	}
	c.heard[from] = r.at
	key := flowKey{c, uint8(from), binary.BigEndian.Uint32(b)}
	f := r.flows[key]
	if f == nil {
		if f = r.newFlow(key); f == nil {
			return
		}
	}
	f.inUDP = inUDP
	f.take(binary.BigEndian.Uint32(b[4:]), d.ttl, r.iface, r.at)
	c.unheard[from]++
	c.unheard[1-from] = 0
}

// newFlow follows one more SA. Where an end has too many the oldest is
// forgotten.
func (r *reader) newFlow(key flowKey) *flow {
	c := key.c
	switch {
	case len(c.flows) == maxPairFlows:
		delete(r.flows, c.flows[0].flowKey)
		copy(c.flows, c.flows[1:])
		c.flows = c.flows[:maxPairFlows-1]
	case len(r.flows) >= maxFlows:
		r.moreFlows++
		return nil
	}
	f := &flow{flowKey: key, first: r.at}
	r.flows[key] = f
	c.flows = append(c.flows, f)
	return f
}

// take counts a packet. One that is seen at two points of its way, as on two
// interfaces of a router, is one.
func (f *flow) take(seq uint32, ttl uint8, iface uint32, at place) {
	if f.count > 0 && seq == f.seq && (ttl != f.ttl || iface != f.iface) && near(at.time, f.last.time) {
		return
	}
	f.seq, f.ttl, f.iface, f.last = seq, ttl, iface, at
	f.count++
	switch ahead := int64(seq) - int64(f.high); {
	case f.count == 1:
		f.high, f.window = seq, 1
	case ahead > 0:
		if ahead < windowSize {
			f.window = f.window<<ahead | 1
		} else {
			f.window = 1
		}
		f.high = seq
	case ahead <= -windowSize:
		f.late++
	case f.window&(1<<-ahead) != 0:
		f.twice++
	default:
		f.window |= 1 << -ahead
	}
}

// near says whether two times are those of one packet at two points.
func near(a, b time.Time) bool {
	d := a.Sub(b)
	return d < 100*time.Millisecond && d > -100*time.Millisecond
}

// When an end is said to be heard no more: how long, and with how many packets
// the other way since.
const (
	silentAfter   = 8 * time.Second
	silentPackets = 5
)

// traffic is what one end sent to the other under the SAs of the present tunnel.
type traffic struct {
	count       uint64
	first, last place
	inUDP       bool
}

// concludeFlows tells what passed of ESP: whether it passes both ways, and
// whether it comes once and in order.
func (r *reader) concludeFlows(c *conversation) {
	var sent [2]traffic
	for _, f := range c.flows {
		r.repeats(f)
		if !c.quickUp.time.IsZero() && f.last.time.Before(c.quickUp.time.Add(-time.Second)) {
			continue
		}
		t := &sent[f.from]
		if t.count == 0 || f.first.number < t.first.number {
			t.first = f.first
		}
		t.count += f.count
		if f.last.number > t.last.number {
			t.last, t.inUDP = f.last, f.inUDP
		}
	}
	here := 0
	if sent[1].count > sent[0].count {
		here = 1
	}
	out, in := sent[here], sent[1-here]
	if out.count == 0 {
		return
	}
	detail := ""
	if out.inUDP {
		detail = diagnose.OverUDP
	}
	r.tell(c, here, out.last, c.espText(here, out), diagnose.Observation{Kind: diagnose.Encapsulated, Phase: diagnose.PhaseData, Count: out.count, Detail: detail})
	at := in.last
	if in.count == 0 {
		at = out.last
	}
	r.tell(c, here, at, c.espText(1-here, in), diagnose.Observation{Kind: diagnose.Decapsulated, Phase: diagnose.PhaseData, Count: in.count, Detail: detail})
	r.silence(c, sent)
}

// silence tells of an end that is heard no more while the other goes on. It must
// have answered before: what flows one way by its nature is no fault.
func (r *reader) silence(c *conversation, sent [2]traffic) {
	for here := range sent {
		out, in, since := sent[here], sent[1-here], c.unheard[here]
		gap := out.last.time.Sub(in.last.time)
		if in.count == 0 || since < silentPackets || gap < silentAfter || 4*in.count < out.count-since {
			continue
		}
		r.tell(c, here, out.last, fmt.Sprintf("%s, of these %d in the %s since the last one of the other way", c.espText(here, out), since, words(gap)),
			diagnose.Observation{Kind: diagnose.Silent, Phase: diagnose.PhaseData, Count: since, Detail: words(gap)})
	}
}

func words(d time.Duration) string { return d.Round(time.Second).String() }

// repeats tells of sequence numbers that came twice or too late.
func (r *reader) repeats(f *flow) {
	if f.twice+f.late == 0 {
		return
	}
	to := 1 - int(f.from)
	r.tell(f.c, to, f.last, fmt.Sprintf("ESP %s > %s, SPI 0x%08X: of %d packets %d came twice, %d more than %d behind the greatest sequence number",
		f.c.addr[f.from], f.c.addr[to], f.spi, f.count, f.twice, f.late, windowSize),
		diagnose.Observation{Kind: diagnose.ReplaySeen, Phase: diagnose.PhaseData, Count: f.twice + f.late})
}

func (c *conversation) espText(from int, t traffic) string {
	where := "ESP"
	if t.inUDP {
		where = "ESP in UDP"
	}
	return fmt.Sprintf("%s %s > %s: %d packets", where, c.addr[from], c.addr[1-from], t.count)
}
