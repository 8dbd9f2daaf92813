package trace

import "qmidle/internal/isakmp"

// writeSystemMessage prints the %CRYPTO messages, which IOS logs whether or not
// a debug is on. Most drops have none.
func (w *iosWriter) writeSystemMessage(event Event) {
	switch e := event.(type) {
	case *PacketDropped:
		w.packetDropped(e)
	case *PayloadMalformed:
		w.malformedNumber(e)
	case *AnswerNotOffered:
		w.system("%%CRYPTO-6-IKMP_SA_NOT_OFFERED: Remote peer %s responded with attribute %s not offered or changed", w.remote(), e.Attr)
	case *SessionChanged:
		w.sessionChanged(e)
	case *EasyVPNPending:
		w.easyVPNPending(e)
	case *EasyVPNChanged:
		w.easyVPNChanged(e)
	case *RADIUSServerChanged:
		w.radiusServerChanged(e)
	case *AuthenticationFailed:
		w.system("%%CRYPTO-6-IKMP_AUTH_FAIL: Authentication method %d failed with host %s", e.Method, w.remote())
	case *ModeFailure:
		w.system("%%CRYPTO-6-IKMP_MODE_FAILURE: Processing of %s failed with peer at %s", modeWord(e.Exchange), w.remote())
	case *ClearTextReceived:
		w.system("%%CRYPTO-4-RECVD_PKT_NOT_IPSEC: Rec'd packet not an IPSEC packet. (ip) vrf/dest_addr= /%s, src_addr= %s, prot= %d",
			e.Dst, e.Src, e.Protocol)
	case *InvalidSPIReceived:
		w.system("%%CRYPTO-4-RECVD_PKT_INV_SPI: decaps: rec'd IPSEC packet has invalid spi for destaddr=%s, prot=50, spi=0x%X(%[2]d), srcaddr=%s",
			e.Destination.Unmap(), e.SPI, e.Source.Unmap())
	case *MessagesLost: // IOS's mnemonic; the words are ours
		w.system("%%SYS-3-LOGGER_DROPPED: System dropped %d messages about IKE datagrams", e.Count)
	case *PKIEnrollmentEnded, *PKIUnanswered, *PKIVerdict, *PKIExpiry:
		w.pkiMessage(event)
	case *CertificateJudged:
		w.certificateVerdict(e)
	case *ISAKMPOnOff:
		state := "OFF"
		if e.On {
			state = "ON"
		}
		w.system("%%CRYPTO-6-ISAKMP_ON_OFF: ISAKMP is %s", state)
	}
}

// malformedNumber prints the messages about one number of a message. All three
// are recalled, not seen in a source.
func (w *iosWriter) malformedNumber(e *PayloadMalformed) {
	switch {
	case e.Payload == isakmp.PayloadNone && e.Kind == isakmp.KindLength && e.Got > e.Want:
		w.system("%%CRYPTO-4-IKMP_PKT_OVERFLOW: ISAKMP message from %s larger (%d) than the UDP packet length (%d)", w.remote(), e.Got, e.Want)
	case e.Field != isakmp.FieldDOI:
	case e.Payload == isakmp.PayloadSA:
		w.system("%%CRYPTO-6-IKMP_BAD_DOI_SA: DOI value %d from SA offer from %s is invalid", e.Got, w.remote())
	case e.Payload == isakmp.PayloadNotify:
		w.system("%%CRYPTO-6-IKMP_BAD_DOI_NOTIFY: DOI of %d in notify message from %s", e.Got, w.remote())
	}
}

// sessionChanged prints what `crypto logging session` asks for. The text is
// IOS's, its blanks are recalled.
func (w *iosWriter) sessionChanged(e *SessionChanged) {
	state := "DOWN"
	if e.Up {
		state = "UP  "
	}
	who := printable([]byte(e.Identity))
	if who == "" {
		who = w.remote().String()
	}
	w.system("%%CRYPTO-5-SESSION_STATUS: Crypto tunnel is %s.  Peer %s:%d       Id: %s", state, w.remote(), w.rec.Remote.Port(), who)
}

func (w *iosWriter) packetDropped(e *PacketDropped) {
	switch e.Reason {
	case DropBlockSize: // recalled
		w.system("%%CRYPTO-6-IKMP_CRYPT_FAILURE: IKE (connection id %d) unable to decrypt packet", w.rec.Conn)
	case DropHeader, DropMalformed, DropUnexpectedPayload, DropMissingPayload:
		if w.rec.SA != 0 {
			w.system("%%CRYPTO-4-IKMP_BAD_MESSAGE: IKE message from %s failed its sanity check or is malformed", w.remote())
		}
	case DropNoSA:
		w.system("%%CRYPTO-4-IKMP_NO_SA: IKE message from %s has no SA and is not an initialization offer", w.remote())
	case DropNotEncrypted:
		w.system("%%CRYPTO-6-IKMP_NOT_ENCRYPTED: IKE packet from %s was not encrypted and it should've been.", w.remote())
	case DropExchange:
		w.system("%%CRYPTO-6-IKMP_UNK_EXCHANGE: IKE peer at %s sent a message with an unknown exchange %d", w.remote(), e.Exchange)
	case DropAggressiveMode:
		w.system("%%CRYPTO-5-IKMP_AG_MODE_DISABLED: Unable to initiate or respond to Aggressive Mode while disabled")
	case DropState:
		if e.Exchange == isakmp.ExchangeQuick && w.rec.State != QMIdle {
			w.system("%%CRYPTO-6-IKMP_SA_NOT_AUTH: Cannot accept Quick Mode exchange from %s if SA is not authenticated!", w.remote())
		}
	case DropLimit:
		if w.rec.SA == 0 {
			w.system("%%CRYPTO-4-IKE_DENY_SA_REQ: IKE denied an INCOMING SA request from %s to %s due to IKE SA LIMIT REACHED",
				w.remote(), w.local())
		}
	}
}

func modeWord(t isakmp.ExchangeType) string {
	switch t {
	case isakmp.ExchangeIdentity:
		return "Main Mode"
	case isakmp.ExchangeAggressive:
		return "Aggressive mode"
	case isakmp.ExchangeQuick:
		return "Quick mode"
	case isakmp.ExchangeInformational:
		return "Informational mode"
	}
	return t.String()
}

// writeEngine prints what `debug crypto engine` has for an event.
func (w *iosWriter) writeEngine(event Event) {
	e, ok := event.(*CryptoOperation)
	if !ok {
		return
	}
	switch e.Op {
	case CryptoDHPhase1:
		w.module("CRYPTO_ENGINE: Dh phase 1 status: 0")
	case CryptoCreateSKEYID, CryptoHMACContext, CryptoClearDH:
		w.module("CryptoEngine0: %s for conn id %d", e.Op, e.Conn)
	default:
		w.module("CryptoEngine0: %s", e.Op)
	}
}
