package console

import (
	"fmt"
	"strings"

	"qmidle/internal/ipsec"
)

// Drops counts dropped packets by the name of the reason, in snake case.
type Drops map[string]uint64

// add counts more of them; only reasons that happened are in the map.
func (d *Drops) add(c ipsec.DropCounts) {
	for reason, n := range c {
		if n == 0 {
			continue
		}
		if *d == nil {
			*d = Drops{}
		}
		(*d)[packetDropName(ipsec.Drop(reason))] += n
	}
}

var dropNaming = strings.NewReplacer(": ", "_", " ", "_")

// packetDropName is a reason for dropping a packet as a member's name.
func packetDropName(d ipsec.Drop) string { return strings.ToLower(dropNaming.Replace(d.String())) }

// IPsecSADetails is show crypto ipsec sa detail: the same with a counter for
// each kind of error.
type IPsecSADetails struct{ IPsecSAs }

func ipsecSADetails(r Router) IPsecSADetails { return IPsecSADetails{ipsecSAs(r)} }

// Text is IOS's listing.
func (v IPsecSADetails) Text() string { return v.text(true) }

// of sums the counts of some reasons.
func (d Drops) of(reasons ...ipsec.Drop) (sum uint64) {
	for _, r := range reasons {
		sum += d[packetDropName(r)]
	}
	return sum
}

// writeDetail writes the counters that stand in the place of the two sums, all
// of which they make up. Nothing is tagged here, and sequence numbers of 32 bits
// roll over on sending only.
func (c IPsecCounters) writeDetail(b *strings.Builder) {
	send, recv := c.SendDrops, c.RecvDrops
	noSA := send.of(ipsec.DropNoPolicy, ipsec.DropNoSA, ipsec.DropQueueFull)
	encaps := send.of(ipsec.DropTruncated, ipsec.DropMalformed, ipsec.DropLifetime, ipsec.DropTooBig)
	rollover := send.of(ipsec.DropSeqOverflow)
	invalidSA := recv.of(ipsec.DropUnknownSPI, ipsec.DropLifetime, ipsec.DropWrongEncapsulation, ipsec.DropWrongDestination, ipsec.DropWrongDirection)
	decaps := recv.of(ipsec.DropBadPadding, ipsec.DropMalformed)
	protocol, verify := recv.of(ipsec.DropBadNextHeader), recv.of(ipsec.DropAuthFailed)
	identity, length := recv.of(ipsec.DropSelectorMismatch), recv.of(ipsec.DropTruncated)
	replay := recv.of(ipsec.DropReplayOld, ipsec.DropReplayDuplicate)
	fmt.Fprintf(b, "    #pkts no sa (send) %d, #pkts invalid sa (rcv) %d\n", noSA, invalidSA)
	fmt.Fprintf(b, "    #pkts encaps failed (send) %d, #pkts decaps failed (rcv) %d\n", encaps, decaps)
	fmt.Fprintf(b, "    #pkts invalid prot (recv) %d, #pkts verify failed: %d\n", protocol, verify)
	fmt.Fprintf(b, "    #pkts invalid identity (recv) %d, #pkts invalid len (rcv) %d\n", identity, length)
	fmt.Fprintf(b, "    #pkts replay rollover (send): %d, #pkts replay rollover (rcv) 0\n", rollover)
	fmt.Fprintf(b, "    ##pkts replay failed (rcv): %d\n", replay)
	b.WriteString("    #pkts tagged (send): 0, #pkts untagged (rcv): 0\n")
	b.WriteString("    #pkts not tagged (send): 0, #pkts not untagged (rcv): 0\n")
	fmt.Fprintf(b, "    #pkts internal err (send): %d, #pkts internal err (recv) %d\n", c.SendErrors-noSA-encaps-rollover,
		c.RecvErrors-invalidSA-decaps-protocol-verify-identity-length-replay)
}
