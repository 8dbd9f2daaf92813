package ipsec

// Drop is the reason why a packet goes no further. It implements error; the
// zero value means that the packet was not dropped.
type Drop uint8

// Reasons for dropping a packet.
const (
	DropNone               Drop = iota
	DropNoPolicy                // no entry of the SPD selects the packet
	DropNoSA                    // an entry selects it and no SA came up in time, or none can be asked for
	DropUnknownSPI              // no inbound SA has this SPI
	DropReplayOld               // sequence number left of the replay window
	DropReplayDuplicate         // sequence number seen before
	DropAuthFailed              // the ICV does not verify
	DropBadPadding              // pad length or contents (RFC 4303 section 2.4)
	DropBadNextHeader           // next header does not fit the SA's mode or the payload
	DropDummy                   // next header 59, traffic flow confidentiality (RFC 4303 section 2.6)
	DropTruncated               // shorter than its own headers say
	DropMalformed               // not an IP packet, or a ciphertext of a wrong length
	DropSelectorMismatch        // decrypted, but outside the SA's selector (RFC 4301 section 5.2)
	DropSeqOverflow             // sequence numbers of the SA are used up (RFC 4303 section 3.3.3)
	DropLifetime                // the SA's kilobytes are used up
	DropTooBig                  // exceeds the path MTU and must not be fragmented
	DropWrongEncapsulation      // UDP where raw ESP was agreed, or the reverse
	DropWrongDestination        // the SA belongs to another local address
	DropWrongDirection          // an inbound SA was asked to seal, or the reverse
	DropClearTextRequired       // came in clear where the policy requires IPsec (RFC 4301 section 5.2)
	DropLeavesClear             // would have left in clear where the policy requires IPsec
	DropCongested               // marked for congestion on its way, and its ends do not do ECN (RFC 6040 section 4.2)
	DropQueueFull               // waited for an SA behind too many others
	DropSendFailed              // the network refused the sealed packet
	dropCount
)

// DropCount is the number of reasons, DropNone included: the length of
// arrays that are indexed by Drop.
const DropCount = int(dropCount)

// DropCounts counts dropped packets by reason.
type DropCounts [DropCount]uint64

// Errors is the sum of those that tell of a fault. A dummy packet is none: it is
// meant to be dropped (RFC 4303 section 2.6).
func (c DropCounts) Errors() (sum uint64) {
	for d, n := range c {
		if Drop(d) != DropDummy {
			sum += n
		}
	}
	return sum
}

// Plus returns the counts of both.
func (c DropCounts) Plus(other DropCounts) DropCounts {
	for d, n := range other {
		c[d] += n
	}
	return c
}

// Minus returns what was counted since, 0 where that is less.
func (c DropCounts) Minus(since DropCounts) DropCounts {
	for d, n := range since {
		c[d] -= min(n, c[d])
	}
	return c
}

var dropNames = [dropCount]string{
	DropNone:               "none",
	DropNoPolicy:           "no policy",
	DropNoSA:               "no SA",
	DropUnknownSPI:         "unknown SPI",
	DropReplayOld:          "replay: too old",
	DropReplayDuplicate:    "replay: duplicate",
	DropAuthFailed:         "authentication failed",
	DropBadPadding:         "bad padding",
	DropBadNextHeader:      "bad next header",
	DropDummy:              "dummy packet",
	DropTruncated:          "truncated",
	DropMalformed:          "malformed",
	DropSelectorMismatch:   "selector mismatch",
	DropSeqOverflow:        "sequence number overflow",
	DropLifetime:           "lifetime in kilobytes exceeded",
	DropTooBig:             "too big",
	DropWrongEncapsulation: "wrong encapsulation",
	DropWrongDestination:   "wrong destination",
	DropWrongDirection:     "wrong direction",
	DropClearTextRequired:  "clear text where IPsec is required",
	DropLeavesClear:        "would leave in clear where IPsec is required",
	DropCongested:          "congestion mark on a packet without ECN",
	DropQueueFull:          "queue full",
	DropSendFailed:         "send failed",
}

// String returns the reason in plain words.
func (d Drop) String() string {
	if d >= dropCount {
		return "unknown"
	}
	return dropNames[d]
}

// Error implements error.
func (d Drop) Error() string { return "ipsec: packet dropped: " + d.String() }
