package trace

import (
	"strings"

	"qmidle/internal/isakmp"
)

// writePhase2 prints nodes, notifications, dead peer detection and quick mode.
func (w *iosWriter) writePhase2(event Event) {
	switch e := event.(type) {
	case *NodeCreated:
		w.nodeCreated(e)
	case *NodeDeleted:
		w.sa("deleting node %d error %s reason %q", messageID(e.Node), upperBool(e.Error), e.Reason)
	case *NodePurged:
		w.sa("purging node %d", messageID(e.Node))
	case *QuickModeBegun:
		w.sa("beginning Quick Mode exchange, M-ID of %d", messageID(e.Node))
	case *QuickModeImmediate:
		w.quickModeImmediate()
	case *InitiatorGetsSPI:
		w.sa("QM Initiator gets spi")
	case *SPIsRequested:
		w.sa(" asking for 1 spis from ipsec")
	case *SPIsReceived:
		w.module("ISAKMP: received ke message (2/1)")
	case *IPsecSARequested:
		w.module("ISAKMP: received ke message (1/1)")
	case *IPsecProposalChecked:
		w.sa("Checking IPsec proposal %d", e.Number)
	case *IPsecTransformOffered:
		w.ipsecTransformOffered(e)
	case *IPsecTransformJudged:
		w.sa("atts are %sacceptable.", unless(e.Accepted, "not "))
	case *IPsecProposalInvalidated:
		w.sa(" IPsec policy invalidated proposal")
	case *Phase2PolicyRefused:
		w.sa(" phase 2 SA policy not acceptable! (local %s remote %s)", w.local(), w.remote())
	case *IPsecSAsCreated:
		w.ipsecSAsCreated(e)
	default:
		w.writeInformational(event)
	}
}

// writeInformational prints notifications and dead peer detection.
func (w *iosWriter) writeInformational(event Event) {
	switch e := event.(type) {
	case *NotifyReceived:
		w.sa(" processing NOTIFY %s protocol %d", notifyWord(e.Type), e.Protocol)
		w.more("        spi %d, message ID = %d, sa = %08X", e.SPI, messageID(e.MessageID), w.saAddress())
	case *NotifySending:
		w.notifySending(notifyWord(e.Type), e.Protocol, e.SPI, e.MessageID)
	case *DPDSending:
		w.notifySending(dpdWord(e.Ack), isakmp.ProtocolISAKMP, 0, e.MessageID)
		w.sa(" seq. no 0x%X", e.Sequence)
	case *DPDReceived:
		// The blank before one of the two is IOS's.
		w.sa("%sDPD/%s received from peer %s, sequence 0x%X", unless(!e.Ack, " "), dpdWord(e.Ack), w.remote(), e.Sequence)
	case *DPDUnanswered:
		w.sa("incrementing error counter on sa: PEERS_ALIVE_TIMER")
	case *PeerDead:
		w.sa("peer %s not responding!", w.remote())
	}
}

// nodeCreated prints the state of the node: that of a configuration exchange if
// one runs, else QM_IDLE. Node 0 is a request that waits; its line comes with
// those of SAInserted, RequestAttached and QuickModeImmediate.
func (w *iosWriter) nodeCreated(e *NodeCreated) {
	if e.Node == 0 {
		return
	}
	w.module("ISAKMP: set new node %d to %s", messageID(e.Node), paddedState(max(w.rec.State, QMIdle)))
}

func (w *iosWriter) quickModeImmediate() {
	w.module("ISAKMP: set new node 0 to %s", paddedState(QMIdle))
	w.sa("SA has outstanding requests  (local %s port %d, remote %s port %d)",
		w.local(), w.rec.Local.Port(), w.remote(), w.rec.Remote.Port())
	w.sa("sitting IDLE. Starting QM immediately (%s)", paddedState(QMIdle))
}

// notifySending prints the address of the SA where IOS prints that of the
// cookies, for a notification about an ISAKMP SA.
func (w *iosWriter) notifySending(word string, protocol isakmp.ProtocolID, spi, messageid uint32) {
	if protocol == isakmp.ProtocolISAKMP {
		spi = w.saAddress()
	}
	w.sa("Sending NOTIFY %s protocol %d", word, protocol)
	w.more("        spi %d, message ID = %d", spi, messageID(messageid))
}

// notifyWord is IOS's name of a notification: underscores for the hyphens of
// the RFCs, and one of its own.
func notifyWord(t isakmp.NotifyType) string {
	switch t {
	case isakmp.NotifyNoProposalChosen:
		return "PROPOSAL_NOT_CHOSEN"
	case isakmp.NotifyInvalidIDInfo:
		return "INVALID_ID_INFO"
	}
	return strings.ReplaceAll(t.String(), "-", "_")
}

func dpdWord(ack bool) string {
	if ack {
		return notifyWord(isakmp.NotifyRUThereAck)
	}
	return notifyWord(isakmp.NotifyRUThere)
}

func upperBool(b bool) string {
	if b {
		return "TRUE"
	}
	return "FALSE"
}

// Flags of an IPsec SA as IOS prints them. Their meaning is derived from
// published traces: 2 and A without PFS and conn-id, 13 and 1B with both.
const (
	flagHasConn  = 0x1
	flagSA       = 0x2
	flagOutbound = 0x8
	flagPFS      = 0x10
)

func saFlags(outbound, pfs bool, conn uint32) int {
	flags := flagSA
	if outbound {
		flags |= flagOutbound
	}
	if pfs {
		flags |= flagPFS
	}
	if conn != 0 {
		flags |= flagHasConn
	}
	return flags
}

// ipsecSAsCreated prints the inbound SPI in hexadecimal and the outbound one in
// decimal, as IOS does.
func (w *iosWriter) ipsecSAsCreated(e *IPsecSAsCreated) {
	local, remote := e.LocalProxy.Lo, e.RemoteProxy.Lo
	pfs := e.PFS != isakmp.GroupNone
	w.sa(" Creating IPsec SAs")
	w.more("         inbound SA from %s to %s (f/i) 0/ 0", w.remote(), w.local())
	w.more("        (proxy %s to %s)", remote, local)
	w.more("         has spi 0x%X and conn_id %d and flags %X", e.InboundSPI, e.InboundConn, saFlags(false, pfs, e.InboundConn))
	w.lifetimes(e)
	w.more("         outbound SA from %s to %s (f/i) 0/0", w.local(), w.remote())
	w.more("        (proxy %s to %s)", local, remote)
	w.more("         has spi %d and conn_id %d and flags %X", e.OutboundSPI, e.OutboundConn, saFlags(true, pfs, e.OutboundConn))
	w.lifetimes(e)
}

func (w *iosWriter) lifetimes(e *IPsecSAsCreated) {
	if e.LifeSeconds != 0 {
		w.more("         lifetime of %d seconds", e.LifeSeconds)
	}
	if e.LifeKilobyte != 0 {
		w.more("         lifetime of %d kilobytes", e.LifeKilobyte)
	}
	w.more("         has client flags 0x0")
}
