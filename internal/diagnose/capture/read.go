package capture

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"qmidle/internal/diagnose"
	"qmidle/internal/isakmp"
)

// Options are what is known besides the capture.
type Options struct {
	Source string // the file's name, for the evidence
	Keys   *Keys  // nil for none
	// PSKs are pre-shared keys that may be the one in use, to be held against the
	// hashes of aggressive mode.
	PSKs []PSK
}

// Result is what a capture says.
type Result struct {
	Observations []diagnose.Observation // in the order of the file
	// Damage says why the rest of the file could not be read, nil where it could.
	Damage error
	// Remarks are sentences about what was not understood or left out.
	Remarks []string

	Packets   uint64
	IKE, ESP  uint64
	Ends      int // pairs of addresses with either
	Decrypted uint64
	First     time.Time
	Last      time.Time
}

// Read reads a capture. The error says that it is none, or that nothing of it
// could be read; a file that is damaged further on yields what came before, with
// the Damage.
func Read(r io.Reader, o Options) (*Result, error) {
	c, err := open(r)
	if err != nil {
		return nil, err
	}
	rd := newReader(o)
	var f frame
	for {
		err := c.next(&f)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			rd.result.Damage = err
			break
		}
		rd.frame(&f)
	}
	if rd.result.Packets == 0 && rd.result.Damage != nil {
		return nil, rd.result.Damage
	}
	return rd.finish(), nil
}

// reader goes through a capture once.
type reader struct {
	options   Options
	result    Result
	at        place
	iface     uint32
	link      uint32
	fragments fragments
	pairs     map[pairKey]*conversation
	order     []*conversation
	flows     map[flowKey]*flow
	lastSA    [2]struct { // of messages 1 and 2
		body   []byte
		offers []offer
	}
	live     []*session // every session that is not told yet, the oldest first
	told     int        // observations that are kept of all pairs
	sessions uint64     // numbers given to negotiations
	budget   int        // of the keys that are tried without a cookie

	// What was passed over, counted.
	strangeLinks map[uint32]uint64
	cut          uint64
	backwards    uint64
	morePairs    uint64
	moreFlows    uint64
	dropped      uint64 // observations
	truncatedIKE uint64
	wrongKeys    uint64
	noBeginning  uint64
	proofs       uint64 // aggressive modes against which pre-shared keys were held
}

// maxPairs bounds the pairs of addresses that are followed.
const maxPairs = 8192

func newReader(o Options) *reader {
	return &reader{options: o, pairs: make(map[pairKey]*conversation), flows: make(map[flowKey]*flow), strangeLinks: make(map[uint32]uint64), budget: maxTrials}
}

// frame takes one packet of the file.
func (r *reader) frame(f *frame) {
	r.result.Packets++
	if r.result.First.IsZero() {
		r.result.First = f.time
	}
	if f.time.Before(r.result.Last) {
		r.backwards++
	} else {
		r.result.Last = f.time
	}
	r.at, r.iface, r.link = place{f.number, f.time}, f.iface, f.link
	if f.length > len(f.data) {
		r.cut++
	}
	if !known(f.link) {
		if len(r.strangeLinks) < 8 {
			r.strangeLinks[f.link]++
		}
		return
	}
	var d datagram
	if b := network(f.link, f.data); b == nil || !parseIP(b, &d) {
		return
	}
	r.datagram(&d)
}

// datagram takes an IP packet or a fragment of one.
func (r *reader) datagram(d *datagram) {
	switch d.protocol {
	case protoUDP:
		if d.fragment() {
			r.fragment(d)
			return
		}
		var u udp
		if parseUDP(d.payload, d.cut, &u) {
			r.udp(d, &u)
		}
	case protoESP:
		if d.offset == 0 {
			r.esp(d, d.payload, false)
		}
	case protoAH:
		if d.offset == 0 && len(d.payload) >= 12 {
			r.esp(d, d.payload[4:], false)
		}
	case protoICMP, protoICMPv6:
		if !d.fragment() {
			r.icmp(d)
		}
	}
}

// isIKE says whether a UDP port is one of ours.
func isIKE(port uint16) bool { return port == isakmp.PortIKE || port == isakmp.PortNATT }

// udp takes a datagram of UDP that is whole, but for what the capture cut off.
func (r *reader) udp(d *datagram, u *udp) {
	switch {
	case u.src == isakmp.PortNATT || u.dst == isakmp.PortNATT:
		r.natt(d, u)
	case u.src == isakmp.PortIKE || u.dst == isakmp.PortIKE:
		r.ike(d, u, u.data)
	}
}

// natt takes what comes on UDP 4500 (RFC 3948 section 2): IKE behind a marker of
// zeros, a keepalive of one octet, or ESP.
func (r *reader) natt(d *datagram, u *udp) {
	b := u.data
	switch {
	case len(b) < 4:
		return
	case b[0]|b[1]|b[2]|b[3] == 0:
		r.ike(d, u, b[4:])
	default:
		r.esp(d, b, true)
	}
}

// fragment takes a piece of a UDP datagram. ESP in UDP says what matters in its
// first one.
func (r *reader) fragment(d *datagram) {
	if d.offset == 0 {
		var u udp
		if !parseUDP(d.payload, true, &u) || !isIKE(u.src) && !isIKE(u.dst) {
			return
		}
		if (u.src == isakmp.PortNATT || u.dst == isakmp.PortNATT) && len(u.data) >= 8 && u.data[0]|u.data[1]|u.data[2]|u.data[3] != 0 {
			r.esp(d, u.data, true)
			return
		}
	}
	whole, lost := r.fragments.add(d, r.at)
	for _, p := range lost {
		r.lostFragments(p)
	}
	if whole == nil {
		return
	}
	var u udp
	if d.payload, d.cut = whole.whole(), whole.cut; parseUDP(d.payload, d.cut, &u) {
		r.udp(d, &u)
	}
}

// finish ends every negotiation and flow, and tells the rest.
func (r *reader) finish() *Result {
	for _, p := range r.fragments.rest() {
		r.lostFragments(p)
	}
	for _, c := range r.order {
		r.conclude(c)
	}
	r.collect()
	r.remarks()
	return &r.result
}

func (r *reader) remark(format string, args ...any) {
	r.result.Remarks = append(r.result.Remarks, fmt.Sprintf(format, args...))
}

func (r *reader) remarks() {
	for _, link := range slices.Sorted(maps.Keys(r.strangeLinks)) {
		r.remark("%d packets have a link layer (type %d) that is not read here", r.strangeLinks[link], link)
	}
	if r.truncatedIKE > 0 {
		r.remark("%d IKE messages were cut when they were captured, and read as far as they go: capture with `-s 0`", r.truncatedIKE)
	}
	if r.backwards > 0 {
		r.remark("the time goes backwards at %d packets: times between packets are not to be relied on", r.backwards)
	}
	if r.morePairs > 0 {
		r.remark("%d packets of further pairs of addresses were left out: only %d pairs are followed", r.morePairs, maxPairs)
	}
	if r.moreFlows > 0 {
		r.remark("%d ESP packets of further SPIs were left out: only %d are followed", r.moreFlows, maxFlows)
	}
	if r.dropped > 0 {
		r.remark("%d things that were seen are not told, for there are too many", r.dropped)
	}
	switch {
	case r.result.Packets == 0:
		r.remark("it has no packets")
	case r.result.IKE == 0 && r.result.ESP == 0:
		r.remark("none of the %d packets is IKE, ESP or AH: see whether the capture's filter and interface are right", r.result.Packets)
	}
	r.keyRemarks()
}
