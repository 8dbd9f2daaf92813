package trace

import (
	"fmt"
	"time"
)

// Timestamps is the format of `service timestamps`.
type Timestamps uint8

// Formats of timestamps.
const (
	TimestampsOff          Timestamps = iota
	TimestampsUptime                  // 00:44:01: , then 1d02h: and 2w3d:
	TimestampsDatetime                // Mar  1 05:06:03:
	TimestampsDatetimeMsec            // Mar  1 05:06:03.199:
)

// IOS prints records as the debug text of IOS 12.3(14)T. The zero value prints
// system messages (%CRYPTO-...) only, which need no debug.
type IOS struct {
	ISAKMP bool // debug crypto isakmp
	IPsec  bool // debug crypto ipsec
	Engine bool // debug crypto engine

	PKIMessages       bool // debug crypto pki messages
	PKITransactions   bool // debug crypto pki transactions
	PKIValidation     bool // debug crypto pki validation
	AAAAuthentication bool // debug aaa authentication
	AAAAuthorization  bool // debug aaa authorization
	RADIUS            bool // debug radius
	// Sessions has system messages of tunnels that come up and go down: crypto
	// logging session.
	Sessions bool

	DebugTime, LogTime Timestamps // of debug lines and of system messages
	// Started is when the router came up, for TimestampsUptime.
	Started time.Time
	// Zone is the zone of TimestampsDatetime; nil is UTC.
	Zone *time.Location
	// ClockMark is '*' for a clock that nothing has set, '.' for one that has
	// lost its source, 0 for a good one.
	ClockMark byte
}

// debugSet is a set of what makes an event print.
type debugSet uint16

const (
	debugISAKMP debugSet = 1 << iota
	debugIPsec
	debugEngine
	debugAAAAuthentication
	debugAAAAuthorization
	debugRADIUS
	systemMessage
	sessionMessage // a system message that is off by default
	debugPKIMessages
	debugPKITransactions
	debugPKIValidation
)

// owners says which debugs print lines of an event. An event of none is
// without words in IOS.
var owners = [NumCodes]debugSet{
	CodePacketReceived:           debugISAKMP,
	CodePacketSent:               debugISAKMP,
	CodePacketDropped:            systemMessage,
	CodePeerCreated:              debugISAKMP,
	CodePeerLocked:               debugISAKMP,
	CodePeerUnlocked:             debugISAKMP,
	CodePeerDeleted:              debugISAKMP,
	CodeSAInserted:               debugISAKMP,
	CodeTransition:               debugISAKMP,
	CodePayloadProcessed:         debugISAKMP,
	CodePayloadMalformed:         debugISAKMP | systemMessage,
	CodeInternalPayload:          debugISAKMP,
	CodeVendorIDReceived:         debugISAKMP,
	CodeNATTVendorConstructed:    debugISAKMP,
	CodeNATDetected:              debugISAKMP,
	CodePortsFloated:             debugISAKMP,
	CodeKeyLookup:                debugISAKMP,
	CodeLocalKeyFound:            debugISAKMP,
	CodeProfilesScanned:          debugISAKMP,
	CodeIKETransformOffered:      debugISAKMP,
	CodeIKETransformRefused:      debugISAKMP,
	CodeIKETransformJudged:       debugISAKMP,
	CodePhase1PolicyRefused:      debugISAKMP,
	CodeErrorCounted:             debugISAKMP,
	CodeSKEYIDGenerated:          debugISAKMP,
	CodeIDPayload:                debugISAKMP,
	CodeProfileMatched:           debugISAKMP,
	CodeIDPayloadLength:          debugISAKMP,
	CodeAuthStatus:               debugISAKMP,
	CodeAuthenticated:            debugISAKMP,
	CodeAuthenticationFailed:     systemMessage,
	CodeInitialContactSent:       debugISAKMP,
	CodeInitialContactReceived:   debugISAKMP,
	CodePeerInserted:             debugISAKMP,
	CodeDPDEnabled:               debugISAKMP,
	CodeAuthenticatingAs:         debugISAKMP,
	CodeAggressiveNotPossible:    debugISAKMP,
	CodeMainModeBegun:            debugISAKMP,
	CodeQuickModeBegun:           debugISAKMP,
	CodeSADeleting:               debugISAKMP,
	CodeNotParanoid:              debugISAKMP,
	CodeRetransmitting:           debugISAKMP,
	CodeDuplicateReceived:        debugISAKMP,
	CodeRetransmissionSkipped:    debugISAKMP,
	CodeNodeCreated:              debugISAKMP,
	CodeNodeDeleted:              debugISAKMP,
	CodeNodePurged:               debugISAKMP,
	CodeNotifyReceived:           debugISAKMP,
	CodeNotifySending:            debugISAKMP,
	CodeDeleteReceived:           0, // the payload's line says it all
	CodeDeleteSending:            0,
	CodeDPDReceived:              debugISAKMP,
	CodeDPDSending:               debugISAKMP,
	CodeDPDUnanswered:            debugISAKMP,
	CodePeerDead:                 debugISAKMP,
	CodeRequestAttached:          debugISAKMP,
	CodeQuickModeImmediate:       debugISAKMP,
	CodeRequestFailed:            debugISAKMP,
	CodeIPsecProposalChecked:     debugISAKMP,
	CodeIPsecTransformOffered:    debugISAKMP,
	CodeIPsecTransformRefused:    0, // IOS names no attribute in phase 2
	CodeIPsecTransformJudged:     debugISAKMP,
	CodeIPsecProposalInvalidated: debugISAKMP | debugIPsec,
	CodePhase2PolicyRefused:      debugISAKMP,
	CodeSPIsRequested:            debugISAKMP,
	CodeSPIsReceived:             debugISAKMP,
	CodeInitiatorGetsSPI:         debugISAKMP,
	CodeIPsecSAsCreated:          debugISAKMP,
	CodeIPsecSARequested:         debugISAKMP | debugIPsec,
	CodeIPsecProposalValidating:  debugIPsec,
	CodeKeyEngineEvent:           debugIPsec,
	CodeIPsecSACreated:           debugIPsec,
	CodeIPsecSADeleted:           debugIPsec,
	CodeIPsecDeleteNotified:      debugIPsec,
	CodeRequestTimerFired:        debugIPsec,
	CodeISAKMPOnOff:              systemMessage,
	CodeModeFailure:              systemMessage,
	CodeSAPurged:                 debugISAKMP,
	CodeIOSVendorIDReceived:      debugISAKMP,
	CodeCryptoOperation:          debugEngine,
	CodeAnswerNotOffered:         systemMessage,
	CodeSessionChanged:           sessionMessage,
	CodeResponderLifetime:        debugISAKMP,
	CodeInvalidSPIReceived:       systemMessage,
	CodeFragmentsMissing:         0, // likewise
	CodeMessageFragmented:        0, // IOS's words are not known
	CodeLocalAddressChanged:      0,
	CodeDynamicEntryCreated:      0, // likewise
	CodeDynamicEntryDeleted:      0,
	CodeDynamicEntryRefused:      0,
	CodeReverseRouteChanged:      debugIPsec,
	CodeNameResolved:             debugISAKMP,
	CodeNameNotResolved:          debugISAKMP,
	CodeClearTextReceived:        systemMessage,
	CodeMessagesLost:             systemMessage,
	CodeProfileRequested:         debugISAKMP,
	CodeProfileKeyFound:          debugISAKMP,
	CodeProfileRefused:           debugISAKMP,
	CodeAggressiveModeBegun:      debugISAKMP,
	CodeNamedKeyLookup:           debugISAKMP,
	CodeXAUTHPossible:            debugISAKMP,
	CodeUserNeeded:               debugISAKMP,
	CodeXAUTHAttribute:           debugISAKMP,
	CodeConfigSending:            debugISAKMP,
	CodeConfigReceived:           debugISAKMP,
	CodeXAUTHAcknowledged:        debugISAKMP,
	CodeUnityClient:              debugISAKMP,
	CodeUserJudged:               0,
	CodeConfigChecked:            debugISAKMP,
	CodeConfigAttributeSeen:      debugISAKMP,
	CodeGroupRequested:           debugISAKMP,
	CodeAddressAllocated:         debugISAKMP,
	CodeConfigAttributeSent:      debugISAKMP,
	CodeConfigAttributeUnknown:   debugISAKMP,
	CodeClientRefused:            0,
	CodeClientSession:            0,
	CodeXAUTHUnknown:             debugISAKMP,
	CodeCredentialsAsked:         debugISAKMP,
	CodeCredentialsSent:          debugISAKMP,
	CodeXAUTHStatusReceived:      debugISAKMP,
	CodeConfigNeeded:             debugISAKMP,
	CodeConfigReplied:            debugISAKMP,
	CodeClientConfigured:         0,
	CodePKIRequestSent:           debugPKITransactions,
	CodePKIConnectionOpened:      debugPKITransactions,
	CodePKIResponseReceived:      debugPKITransactions,
	CodePKIChainIncomplete:       debugPKITransactions,
	CodePKICertificateNamed:      debugPKITransactions,
	CodePKITransactionCompleted:  debugPKITransactions,
	CodePKIAuthorityReceived:     debugPKITransactions,
	CodePKISignedAttribute:       debugPKITransactions,
	CodePKIStatusReceived:        debugPKITransactions,
	CodePKIEnrollmentEnded:       debugPKITransactions | systemMessage,
	CodePKIUnanswered:            debugPKITransactions | systemMessage,
	CodePKIVerdict:               debugPKITransactions | debugPKIValidation | systemMessage,
	CodePKIExpiry:                systemMessage,
	CodePKIMessage:               debugPKIMessages,
	CodeAAAListPicked:            debugAAAAuthentication | debugAAAAuthorization,
	CodeAAAAuthentication:        debugAAAAuthentication,
	CodeAAAAuthorization:         debugAAAAuthorization,
	CodeRADIUSSent:               debugRADIUS,
	CodeRADIUSReceived:           debugRADIUS,
	CodeRADIUSReplyDropped:       debugRADIUS,
	CodeRADIUSServerChanged:      systemMessage,
	CodeEasyVPNPending:           systemMessage,
	CodeEasyVPNChanged:           systemMessage,
	CodeAccountingLost:           debugRADIUS,
	CodeAddressLeased:            0, // the engine's lines tell of the address
	CodeAddressFreed:             0,
	CodeAddressRefused:           0,
	CodeCertRequestReceived:      debugISAKMP,
	CodeTrustpointChosen:         debugISAKMP,
	CodeCertificateMissing:       0,
	CodeOwnIdentityReplaced:      debugISAKMP,
	CodeCertificateSending:       debugISAKMP,
	CodeSignatureMade:            debugISAKMP,
	CodeCertificateReceived:      debugISAKMP,
	CodeSignatureRefused:         debugISAKMP,
	CodeCertificateJudged:        systemMessage,
	CodeNonceDecrypted:           debugISAKMP,
	CodePeerKeyMissing:           debugISAKMP,
}

// Append appends the lines of one record, each ended by a newline; none when
// no debug that owns the event is on.
func (r *IOS) Append(dst []byte, rec *Record) []byte {
	show := owners[rec.Event.Code()] & r.enabled()
	if show == 0 {
		return dst
	}
	w := iosWriter{ios: r, rec: rec, dst: dst}
	if show&debugIPsec != 0 {
		w.writeIPsec(rec.Event)
	}
	if show&debugISAKMP != 0 {
		w.writeISAKMP(rec.Event)
	}
	if show&debugEngine != 0 {
		w.writeEngine(rec.Event)
	}
	if show&debugPKIMessages != 0 {
		w.writePKIMessages(rec.Event)
	}
	if show&debugPKITransactions != 0 {
		w.writePKITransactions(rec.Event)
	}
	if show&debugPKIValidation != 0 {
		w.writePKIValidation(rec.Event)
	}
	if show&w.aaaDebugs(rec.Event) != 0 {
		w.writeAAA(rec.Event)
	}
	if show&debugRADIUS != 0 {
		w.writeRADIUS(rec.Event)
	}
	if show&(systemMessage|sessionMessage) != 0 {
		w.writeSystemMessage(rec.Event)
	}
	return w.dst
}

// aaaDebugs are the debugs of AAA that have words for an event. A list is of one
// kind only.
func (w *iosWriter) aaaDebugs(e Event) debugSet {
	if l, ok := e.(*AAAListPicked); ok && l.Authorization {
		return debugAAAAuthorization
	} else if ok {
		return debugAAAAuthentication
	}
	return debugAAAAuthentication | debugAAAAuthorization
}

func (r *IOS) enabled() debugSet {
	set := systemMessage
	if r.ISAKMP {
		set |= debugISAKMP
	}
	if r.IPsec {
		set |= debugIPsec
	}
	if r.Engine {
		set |= debugEngine
	}
	if r.PKIMessages {
		set |= debugPKIMessages
	}
	if r.PKITransactions {
		set |= debugPKITransactions
	}
	if r.PKIValidation {
		set |= debugPKIValidation
	}
	if r.AAAAuthentication {
		set |= debugAAAAuthentication
	}
	if r.AAAAuthorization {
		set |= debugAAAAuthorization
	}
	if r.RADIUS {
		set |= debugRADIUS
	}
	if r.Sessions {
		set |= sessionMessage
	}
	return set
}

// iosWriter appends the lines of one record.
type iosWriter struct {
	ios *IOS
	rec *Record
	dst []byte
}

// module prints a line that begins with a module's own words, such as
// "ISAKMP: set new node".
func (w *iosWriter) module(format string, args ...any) {
	w.timestamp(w.ios.DebugTime)
	w.more(format, args...)
}

// sa prints a line under the SA's prefix. The blank that begins some texts is
// IOS's.
func (w *iosWriter) sa(format string, args ...any) { w.conn(w.rec.Conn, format, args...) }

// conn prints a line under the prefix of a conn-id, 0 before it is allocated.
func (w *iosWriter) conn(conn uint32, format string, args ...any) {
	w.timestamp(w.ios.DebugTime)
	if conn == 0 {
		w.dst = append(w.dst, "ISAKMP:(0:0:N/A:0):"...)
	} else {
		w.dst = fmt.Appendf(w.dst, "ISAKMP:(0:%d:SW:1):", conn)
	}
	w.more(format, args...)
}

// softwareEngine are the crypto engine's bits.
const softwareEngine = 0x08000000

// packet prints a line under the prefix of packets and identities, which
// carries the crypto engine's bits in the conn-id.
func (w *iosWriter) packet(format string, args ...any) {
	w.timestamp(w.ios.DebugTime)
	conn := w.rec.Conn
	if conn != 0 {
		conn |= softwareEngine
	}
	w.dst = fmt.Appendf(w.dst, "ISAKMP (0:%d): ", conn)
	w.more(format, args...)
}

// system prints a system message.
func (w *iosWriter) system(format string, args ...any) {
	w.timestamp(w.ios.LogTime)
	w.more(format, args...)
}

// more prints a further line of the same message, without a timestamp.
func (w *iosWriter) more(format string, args ...any) {
	w.dst = fmt.Appendf(w.dst, format, args...)
	w.dst = append(w.dst, '\n')
}

func (w *iosWriter) timestamp(format Timestamps) {
	switch format {
	case TimestampsUptime:
		w.dst = appendUptime(w.dst, w.rec.Time.Sub(w.ios.Started))
	case TimestampsDatetime:
		w.datetime("Jan _2 15:04:05")
	case TimestampsDatetimeMsec:
		w.datetime("Jan _2 15:04:05.000")
	default:
		return
	}
	w.dst = append(w.dst, ": "...)
}

func (w *iosWriter) datetime(layout string) {
	if w.ios.ClockMark != 0 {
		w.dst = append(w.dst, w.ios.ClockMark)
	}
	zone := w.ios.Zone
	if zone == nil {
		zone = time.UTC
	}
	w.dst = w.rec.Time.In(zone).AppendFormat(w.dst, layout)
}

// appendUptime appends IOS's uptime, whose unit grows with it.
func appendUptime(dst []byte, up time.Duration) []byte {
	const day, week = 24 * time.Hour, 7 * 24 * time.Hour
	switch {
	case up < day:
		return fmt.Appendf(dst, "%02d:%02d:%02d", up/time.Hour, up/time.Minute%60, up/time.Second%60)
	case up < week:
		return fmt.Appendf(dst, "%dd%02dh", up/day, up%day/time.Hour)
	}
	return fmt.Appendf(dst, "%dw%dd", up/week, up%week/day)
}

// peerAddress stands for the memory address of the peer structure.
func (w *iosWriter) peerAddress() uint32 { return 0x64DB0000 + 4*w.rec.Peer }

// saAddress stands for the memory address of the SA.
func (w *iosWriter) saAddress() uint32 { return 0x65170000 + 0x6A4*w.rec.SA }

// state is the SA's state. IOS pads those of an established SA to 13 columns.
func (w *iosWriter) state() string { return paddedState(w.rec.State) }

func paddedState(s ShowState) string {
	if s >= QMIdle {
		return fmt.Sprintf("%-13s", s)
	}
	return s.String()
}

// messageID is a message ID as IOS prints it, signed.
func messageID(id uint32) int32 { return int32(id) }

// printable replaces what a peer's text could do to a terminal.
func printable(b []byte) string {
	out := make([]byte, len(b))
	for i, c := range b {
		if c < ' ' || c > '~' {
			c = '.'
		}
		out[i] = c
	}
	return string(out)
}
