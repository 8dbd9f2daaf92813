package trace

import (
	"encoding/hex"
	"net/netip"

	"qmidle/internal/isakmp"
	"qmidle/internal/pki"
)

// writeISAKMP prints what `debug crypto isakmp` has for an event.
func (w *iosWriter) writeISAKMP(event Event) {
	switch e := event.(type) {
	case *PacketReceived:
		w.packet("received packet from %s dport %d sport %d Global (%s) %s",
			w.remote(), w.rec.Local.Port(), w.rec.Remote.Port(), w.rec.Role, w.state())
	case *PacketSent:
		w.sa(" sending packet to %s my_port %d peer_port %d (%s) %s",
			w.remote(), w.rec.Local.Port(), w.rec.Remote.Port(), w.rec.Role, w.state())
	case *PeerCreated:
		w.module("ISAKMP: Created a peer struct for %s, peer port %d", w.remote(), w.rec.Remote.Port())
	case *PeerLocked:
		w.peerLocked(e)
	case *PeerUnlocked:
		w.peerUnlocked(e)
	case *PeerDeleted:
		w.module("ISAKMP: Deleting peer node by peer_reap for %s: %08X", w.remote(), w.peerAddress())
	case *SAInserted:
		w.saInserted(e)
	case *SAPurged:
		w.sa("purging SA., sa=%08X, delme=%08[1]X", w.saAddress())
	case *Transition:
		w.transition(e)
	case *InternalPayload:
		w.module("ISAKMP:received payload type %d", e.Number)
	case *PayloadProcessed:
		w.payloadProcessed(e)
	case *PayloadMalformed:
		w.payloadMalformed(e)
	case *ErrorCounted:
		w.errorCounted(e)
	case *Retransmitting:
		w.retransmitting(e)
	case *DuplicateReceived:
		phase := phaseOf(e.Node)
		w.sa(" phase %d packet is a duplicate of a previous packet.", phase)
		w.sa(" retransmitting due to retransmit phase %d", phase)
	case *RetransmissionSkipped: // recalled
		w.sa(" retransmission skipped for phase %d (time since last transmission %d)", phaseOf(e.Node), e.Milliseconds)
	case *SADeleting:
		w.sa("deleting SA reason %q state (%s) %s (peer %s)", iosReason(e.Reason), w.rec.Role, w.state(), w.remote())
	case *NotParanoid:
		w.sa("peer does not do paranoid keepalives.")
	case *AggressiveNotPossible:
		w.sa("Can not start Aggressive mode, trying Main mode.")
	case *MainModeBegun:
		w.sa(" beginning Main Mode exchange")
	case *RequestAttached:
		w.module("ISAKMP: set new node 0 to %s", paddedState(QMIdle))
		w.sa("SA is still budding. Attached new ipsec request to it. (local %s, remote %s)", w.local(), w.remote())
	case *NameResolved:
		w.nameResolved(e)
	case *NameNotResolved:
		w.nameNotResolved(e)
	case *RequestFailed:
		w.requestFailed(e)
	case *ResponderLifetime:
		w.responderLifetime(e)
	default:
		if !w.writeNegotiation(event) && !w.writeAuthentication(event) && !w.writeCertificates(event) && !w.writeNonces(event) && !w.writeProfile(event) && !w.writeAggressive(event) && !w.writeClient(event) {
			w.writePhase2(event)
		}
	}
}

// writeNegotiation prints vendor IDs, NAT traversal and the comparison of
// phase 1 policies. It is false for an event of another kind.
func (w *iosWriter) writeNegotiation(event Event) bool {
	switch e := event.(type) {
	case *VendorIDReceived:
		w.vendorIDReceived(e)
	case *IOSVendorIDReceived:
		w.sa(" processing vendor id payload")
		w.sa(" speaking to another IOS box!")
	case *NATTVendorConstructed:
		w.sa(" constructed NAT-T vendor-%s ID", nattNumbers[e.Version])
	case *NATDetected:
		w.natDetected(e)
	case *PortsFloated:
		w.portsFloated(e)
	case *KeyLookup:
		w.keyLookup(e)
	case *LocalKeyFound:
		w.sa(" local preshared key found")
	case *IKETransformOffered:
		w.sa("Checking ISAKMP transform %d against priority %d policy", e.Number, e.Priority)
		for a := range wireAttributes(e.Attributes) {
			w.ikeAttribute(a)
		}
	case *IKETransformRefused:
		w.sa("%s", refusalLine(e))
	case *IKETransformJudged:
		w.sa("atts are %sacceptable. Next payload is %d", unless(e.Accepted, "not "), e.Next)
	case *Phase1PolicyRefused:
		w.sa("no offers accepted!")
		w.sa(" phase 1 SA policy not acceptable! (local %s remote %s)", w.local(), w.remote())
	default:
		return false
	}
	return true
}

// writeAuthentication prints identities and the end of phase 1. It is false
// for an event of another kind.
func (w *iosWriter) writeAuthentication(event Event) bool {
	switch e := event.(type) {
	case *SKEYIDGenerated:
		w.sa("SKEYID state generated")
	case *IDPayload:
		w.idPayload(e)
	case *IDPayloadLength:
		w.sa("Total payload length: %d", e.Length)
	case *AuthStatus:
		w.sa("SA authentication status:")
		w.more("        authenticated")
	case *Authenticated:
		w.sa("SA has been authenticated with %s", w.remote())
	case *InitialContactSent:
		w.sa("Send initial contact")
	case *InitialContactReceived:
		w.sa(" Process initial contact, bring down existing phase 1 and 2 SA's with local %s remote %s remote port %d",
			w.local(), w.remote(), w.rec.Remote.Port())
	case *PeerInserted:
		w.module("ISAKMP: Trying to insert a peer %s/%s/%d/,  and inserted successfully %08X.",
			w.local(), w.remote(), w.rec.Remote.Port(), w.peerAddress())
	case *DPDEnabled:
		w.sa("IKE_DPD is enabled, initializing timers")
	case *AuthenticatingAs:
		w.sa("SA is doing %s authentication%s using id type %s", authWords(e.Method), plusXAUTH(e.Method), e.ID)
	default:
		return false
	}
	return true
}

func (w *iosWriter) local() netip.Addr  { return w.rec.Local.Addr().Unmap() }
func (w *iosWriter) remote() netip.Addr { return w.rec.Remote.Addr().Unmap() }

func (w *iosWriter) peerLocked(e *PeerLocked) {
	from := ""
	if e.Kind == RefIPsec {
		from = "from "
	}
	w.module("ISAKMP: Locking peer struct 0x%08X, %s refcount %d for %s%s", w.peerAddress(), e.Kind, e.Count, from, e.For)
}

func (w *iosWriter) peerUnlocked(e *PeerUnlocked) {
	preposition := "for"
	if e.Kind == RefIPsec {
		preposition = "from"
	}
	w.module("ISAKMP: Unlocking %s struct 0x%08X %s %s, count %d", e.Kind, w.peerAddress(), preposition, e.For, e.Count)
}

// saInserted prints one line for a responder. An initiator has a node for the
// request that waits, between the halves of that line.
func (w *iosWriter) saInserted(e *SAInserted) {
	local, remote := w.rec.Local.Port(), w.rec.Remote.Port()
	if !e.Duplicate && w.rec.Role != RoleInitiator {
		w.module("ISAKMP: local port %d, remote port %d insert sa successfully sa = %08X", local, remote, w.saAddress())
		return
	}
	w.module("ISAKMP: local port %d, remote port %d", local, remote)
	if w.rec.Role == RoleInitiator {
		w.module("ISAKMP: set new node 0 to %s", paddedState(QMIdle))
	}
	if e.Duplicate {
		w.module("ISAKMP: Find a dup sa in the avl tree during calling isadb_insert sa = %08X", w.saAddress())
		return
	}
	w.module("insert sa successfully sa = %08X", w.saAddress())
}

// transition prints a step of phase 1 with an empty line after it, a step of a
// node without.
func (w *iosWriter) transition(e *Transition) {
	if e.Node != 0 {
		w.sa("Node %d, Input = %s, %s", messageID(e.Node), e.Source, e.Input)
		w.sa("Old State = %s  New State = %s", e.From, e.To)
		return
	}
	w.sa("Input = %s, %s", e.Source, e.Input)
	w.sa("Old State = %s  New State = %s ", e.From, e.To)
	w.more("")
}

// payloadWords are IOS's names of payloads. Vendor IDs and notifications print
// lines of their own.
var payloadWords = map[isakmp.PayloadType]string{
	isakmp.PayloadSA: "SA", isakmp.PayloadKE: "KE", isakmp.PayloadID: "ID", isakmp.PayloadCert: "CERT",
	isakmp.PayloadCertRequest: "CERT_REQ", isakmp.PayloadHash: "HASH", isakmp.PayloadSignature: "SIG",
	isakmp.PayloadNonce: "NONCE", isakmp.PayloadDelete: "DELETE",
}

func (w *iosWriter) payloadProcessed(e *PayloadProcessed) {
	if word := payloadWords[e.Payload]; word != "" {
		w.sa(" processing %s payload. message ID = %d", word, messageID(e.MessageID))
	}
}

// payloadMalformed prints IOS's line for a reserved field; its words for the
// other kinds are not known, so these are this project's.
func (w *iosWriter) payloadMalformed(e *PayloadMalformed) {
	if e.Payload == isakmp.PayloadNone {
		return
	}
	word := payloadWords[e.Payload]
	if word == "" {
		word = e.Payload.String()
	}
	if e.Kind == isakmp.KindReserved {
		w.module("ISAKMP: reserved not zero on %s payload!", word)
		return
	}
	w.module("ISAKMP: %s on %s payload!", e.Kind, word)
}

func (w *iosWriter) errorCounted(e *ErrorCounted) {
	if e.What == ErrorRetransmitPhase2 {
		w.sa("incrementing error counter on node: %s", e.What)
	}
	w.sa("incrementing error counter on sa: %s", e.What)
	switch e.What {
	case ErrorRetransmitPhase1:
		w.sa(" retransmitting phase 1 %s", w.state())
	case ErrorRetransmitPhase2:
		w.sa(" retransmitting phase 2 %d %s", messageID(e.Node), w.state())
	}
}

func (w *iosWriter) retransmitting(e *Retransmitting) {
	if e.Node == 0 {
		w.sa(" retransmitting phase 1 %s...", w.state())
		return
	}
	w.sa(" retransmitting phase 2 %s %d ...", w.state(), messageID(e.Node))
}

func phaseOf(node uint32) int {
	if node == 0 {
		return 1
	}
	return 2
}

func (w *iosWriter) requestFailed(e *RequestFailed) {
	if e.Reason == ReasonNoKey {
		w.sa("No Cert or pre-shared address key.")
		w.sa("construct_initial_message: Can not start %s", begunMode(w.rec.State))
	}
	w.module("ISAKMP: Error while processing SA request: Failed to initialize SA")
	w.module("ISAKMP: Error while processing KMI message 0, error 2.")
}

func begunMode(s ShowState) string {
	if s == AGNoState {
		return "Aggressive mode" // recalled
	}
	return "Main mode"
}

// vendorIDReceived prints IOS's comment on a vendor ID: it takes every one for
// Unity or DPD first, and octet 14 for the major version of those.
func (w *iosWriter) vendorIDReceived(e *VendorIDReceived) {
	w.sa(" processing vendor id payload")
	switch string(e.Bytes) {
	case isakmp.VIDUnity:
		w.sa(" vendor ID is Unity")
		return
	case isakmp.VIDDPD:
		w.sa(" vendor ID is DPD")
		return
	}
	major := byte(0) // IOS reads past the end of a short one
	if len(e.Bytes) > 14 {
		major = e.Bytes[14]
	}
	if major == 1 {
		w.sa(" vendor ID seems Unity/DPD but hash mismatch")
	} else {
		w.sa(" vendor ID seems Unity/DPD but major %d mismatch", major)
	}
	switch e.ID {
	case isakmp.VendorRFC3947:
		w.packet("vendor ID is NAT-T RFC 3947")
	case isakmp.VendorNATT07:
		w.packet("vendor ID is NAT-T v7")
	case isakmp.VendorNATT03:
		w.sa(" vendor ID is NAT-T v3")
	case isakmp.VendorNATT02n:
		w.sa(" vendor ID is NAT-T v2")
	case isakmp.VendorXAUTH:
		w.sa(" vendor ID is XAUTH")
	}
}

var nattNumbers = map[NATTVersion]string{
	NATTDraft02: "02", NATTDraft02n: "02", NATTDraft03: "03", NATTDraft07: "07", NATTRFC3947: "rfc3947",
}

// natDetected prints the verdict in one line. IOS prints one for each NAT-D
// payload; which one for a peer alone behind a NAT is not documented.
func (w *iosWriter) natDetected(e *NATDetected) {
	switch {
	case e.LocalBehindNAT && e.RemoteBehindNAT:
		w.packet("NAT found, both nodes inside NAT")
	case e.LocalBehindNAT:
		w.packet("My hash no match -  this node inside NAT")
	case e.RemoteBehindNAT:
		w.packet("His hash no match - this node outside NAT")
	default:
		w.packet("No NAT Found for self or peer")
	}
}

func (w *iosWriter) portsFloated(e *PortsFloated) {
	if w.rec.Role == RoleInitiator {
		w.sa("Setting UDP ENC peer struct 0x%08X sa= 0x%08X", w.peerAddress(), w.saAddress())
		return
	}
	w.sa("Detected port floating to port = %d", e.RemotePort)
	w.module("ISAKMP: Trying to find existing peer %s/%s/%d/", w.local(), w.remote(), e.RemotePort)
}

// keyLookup prints the search under the prefix of no SA always, as IOS does.
func (w *iosWriter) keyLookup(e *KeyLookup) {
	w.conn(0, "Looking for a matching key for %s in %s", e.Peer, keyringWord(e.Keyring))
	if !e.Found {
		w.sa("No pre-shared key with %s!", e.Peer)
		return
	}
	w.conn(0, " : success")
	w.sa("found peer pre-shared key matching %s", e.Peer)
}

func (w *iosWriter) idPayload(e *IDPayload) {
	w.packet("ID payload")
	w.more("        next-payload : %d", e.Next)
	w.more("        type         : %d", e.Type)
	label, value := identity(e.Type, e.Data)
	w.more("        %-13s: %s", label, value)
	w.more("        protocol     : %d", e.Protocol)
	w.more("        port         : %d", e.Port)
	w.more("        length       : %d", e.Length)
}

// identity is the identity as IOS labels and prints it. The labels of subnets
// and ranges, which name no phase 1 peer, are this project's.
func identity(t isakmp.IDType, data []byte) (label, value string) {
	switch t {
	case isakmp.IDIPv4Addr, isakmp.IDIPv6Addr:
		if addr, ok := netip.AddrFromSlice(data); ok {
			return "address", addr.String()
		}
	case isakmp.IDFQDN:
		return "FQDN name", printable(data)
	case isakmp.IDUserFQDN:
		return "USER FQDN", printable(data)
	case isakmp.IDKeyID:
		return "group id", printable(data)
	case isakmp.IDDERASN1DN:
		if name := pki.RawName(data); name != "" {
			return "Dist. name", printable([]byte(name))
		}
	case isakmp.IDIPv4AddrSubnet, isakmp.IDIPv6AddrSubnet, isakmp.IDIPv4AddrRange, isakmp.IDIPv6AddrRange:
		half := len(data) / 2
		first, ok1 := netip.AddrFromSlice(data[:half])
		second, ok2 := netip.AddrFromSlice(data[half:])
		if ok1 && ok2 {
			return "addresses", first.String() + "/" + second.String()
		}
	}
	return "data", hex.EncodeToString(data)
}

// authWords are the words before "authentication".
func authWords(m isakmp.AuthMethod) string {
	switch m {
	case isakmp.AuthPSK, isakmp.AuthXAUTHInitPSK, isakmp.AuthXAUTHRespPSK:
		return "pre-shared key"
	case isakmp.AuthRSASig, isakmp.AuthXAUTHInitRSA, isakmp.AuthXAUTHRespRSA,
		isakmp.AuthHybridInitRSA, isakmp.AuthHybridRespRSA:
		return "RSA signature"
	case isakmp.AuthRSAEnc, isakmp.AuthRSARevEnc, isakmp.AuthXAUTHInitRSAEn, isakmp.AuthXAUTHRespRSAEn:
		return "RSA encryption"
	}
	return m.String()
}

// plusXAUTH is what follows for a method that asks a user afterwards: those of
// the private range.
func plusXAUTH(m isakmp.AuthMethod) string {
	if m >= isakmp.AuthHybridInitRSA {
		return " plus XAUTH"
	}
	return ""
}

// unless is s, or nothing if ok.
// iosReason is a reason in IOS's words: it has none for a peer's delete.
func iosReason(r Reason) Reason {
	if r == ReasonPeerDeleted {
		return ReasonNone
	}
	return r
}

func unless(ok bool, s string) string {
	if ok {
		return ""
	}
	return s
}
