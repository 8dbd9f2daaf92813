package ipsec

// DFBit is what happens to the DF bit of the outer IPv4 header (RFC 4301
// section 8.1).
type DFBit uint8

// Values of DFBit.
const (
	DFCopy  DFBit = iota // that of the packet inside
	DFSet                // always set
	DFClear              // never set: what is too large is fragmented on its way
)

// String returns "copy", "set" or "clear".
func (d DFBit) String() string {
	switch d {
	case DFSet:
		return "set"
	case DFClear:
		return "clear"
	}
	return "copy"
}

// OuterPolicy says how outer headers are made, for all SAs.
type OuterPolicy struct {
	DF DFBit
	// FragmentAfter encrypts packets whole and has the sealed ones fragmented.
	// Otherwise IPv4 packets without DF that are too large for their SA are
	// fragmented first, so that the peer need not reassemble what it is to
	// decrypt. Transport mode and SAs for single ports cannot do that: RFC 4303
	// section 3.3.4 and RFC 4301 section 7.
	FragmentAfter bool
}

// OuterHeader is what the sender of a sealed packet puts into its IP header.
type OuterHeader struct {
	// TOS is DSCP and ECN of the packet inside (RFC 4301 section 5.1.2, RFC 6040
	// section 4.1).
	TOS uint8
	DF  bool
}

// SetOuterPolicy takes effect with the next packet. It may be called from any
// goroutine.
func (p *Processor) SetOuterPolicy(o OuterPolicy) { p.outer.Store(&o) }

func (p *Processor) outerPolicy() OuterPolicy {
	if o := p.outer.Load(); o != nil {
		return *o
	}
	return OuterPolicy{}
}

// df is the outer header's bit for a packet with or without its own.
func (o OuterPolicy) df(inner bool) bool {
	return o.DF == DFSet || o.DF == DFCopy && inner
}

// fate is what becomes of a packet that does not fit its SA's path.
type fate uint8

const (
	tooBig        fate = iota // dropped, and the sender is told
	fragmentFirst             // fragmented, then sealed
	sealWhole                 // sealed, then fragmented below: without DF
)

func (o OuterPolicy) fate(sa *SA, packet []byte, inner bool) fate {
	if inner && o.df(inner) {
		return tooBig
	}
	whole := inner || o.FragmentAfter || packet[0]>>4 != 4 || sa.mode == Transport || sa.traffic.hasPorts()
	if whole {
		return sealWhole
	}
	return fragmentFirst
}

// ECN codepoints (RFC 3168 section 5).
const (
	ecnMask = 3
	ecnNone = 0 // not ECN-capable
	ecnECT1 = 1
	ecnECT0 = 2
	ecnCE   = 3
)

// InheritTOS gives an opened packet what it takes over from the TOS octet of
// the header that carried it: in tunnel mode the ECN field as in RFC 6040
// section 4.2, in transport mode all, for there it is the packet's own. It
// returns DropCongested where the network has marked a packet whose ends do not
// understand the mark.
func (sa *SA) InheritTOS(packet []byte, outer uint8) Drop {
	if sa.mode == Transport {
		setTOS(packet, outer)
		return DropNone
	}
	inner := tosOf(packet)
	switch mark := outer & ecnMask; {
	case mark == ecnCE && inner&ecnMask == ecnNone:
		return DropCongested
	case mark == ecnCE:
		setTOS(packet, inner|ecnCE)
	case mark == ecnECT1 && inner&ecnMask == ecnECT0:
		setTOS(packet, inner&^ecnMask|ecnECT1)
	}
	return DropNone
}

// tosOf is the TOS octet of an IPv4 packet or the traffic class of IPv6.
func tosOf(packet []byte) uint8 {
	if packet[0]>>4 == 4 {
		return packet[1]
	}
	return packet[0]<<4 | packet[1]>>4
}

func setTOS(packet []byte, tos uint8) {
	if packet[0]>>4 != 4 {
		packet[0] = packet[0]&0xf0 | tos>>4
		packet[1] = packet[1]&0x0f | tos<<4
		return
	}
	if packet[1] == tos {
		return
	}
	packet[1] = tos
	putChecksum(packet[:int(packet[0]&15)*4])
}
