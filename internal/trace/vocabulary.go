package trace

// Role is the letter that IOS prints in brackets: (N), (I) or (R).
type Role uint8

// Roles. RoleNone is a datagram that belongs to no SA yet.
const (
	RoleNone Role = iota
	RoleInitiator
	RoleResponder
)

// String returns IOS's letter.
func (r Role) String() string { return name(roleNames[:], r) }

var roleNames = [...]string{"N", "I", "R"}

// ShowState is the state of an ISAKMP SA in `show crypto isakmp sa`.
type ShowState uint8

// The states of `show crypto isakmp sa`.
const (
	NewSA ShowState = iota // no SA yet; printed in packet lines only
	MMNoState
	MMSASetup
	MMKeyExch
	MMKeyAuth
	AGNoState
	AGInitExch
	AGAuth
	QMIdle
	ConfXauth
	ConfAddr
)

var showStateNames = [...]string{"NEW SA", "MM_NO_STATE", "MM_SA_SETUP", "MM_KEY_EXCH", "MM_KEY_AUTH",
	"AG_NO_STATE", "AG_INIT_EXCH", "AG_AUTH", "QM_IDLE", "CONF_XAUTH", "CONF_ADDR"}

// String returns IOS's name of the state, without the padding of debug lines.
func (s ShowState) String() string { return name(showStateNames[:], s) }

// State is the engine's internal state of a phase 1 SA or of a quick mode, the
// one of the "Old State = ... New State = ..." lines.
type State uint8

// Phase 1 states, then quick mode's.
const (
	StateReady State = iota
	StateIMM1
	StateIMM2
	StateIMM3
	StateIMM4
	StateIMM5
	StateIMM6
	StateRMM1
	StateRMM2
	StateRMM3
	StateRMM4
	StateRMM5
	StateIAM1
	StateRAM2
	StateRAMAAAAwait
	StateP1Complete
	StateDestSA
	StateQMReady
	StateQMIQM1
	StateQMSPIStarve
	StateQMRQM2
	StateQMPhase2Complete
	// Remote access, between the end of phase 1 and quick mode.
	StateXAUTHRequestSent
	StateXAUTHAAAAwait
	StateXAUTHSetSent
	StateXAUTHReplyAwait
	StateXAUTHReplySent
	StateConfigAAAAwait
	StateConfigRequestSent
	StateConfigSetSent
)

var stateNames = [...]string{"IKE_READY", "IKE_I_MM1", "IKE_I_MM2", "IKE_I_MM3", "IKE_I_MM4", "IKE_I_MM5", "IKE_I_MM6",
	"IKE_R_MM1", "IKE_R_MM2", "IKE_R_MM3", "IKE_R_MM4", "IKE_R_MM5", "IKE_I_AM1", "IKE_R_AM2", "IKE_R_AM_AAA_AWAIT",
	"IKE_P1_COMPLETE", "IKE_DEST_SA",
	"IKE_QM_READY", "IKE_QM_I_QM1", "IKE_QM_SPI_STARVE", "IKE_QM_R_QM2", "IKE_QM_PHASE2_COMPLETE",
	"IKE_XAUTH_REQ_SENT", "IKE_XAUTH_AAA_CONT_LOGIN_AWAIT", "IKE_XAUTH_SET_SENT", "IKE_XAUTH_REPLY_AWAIT", "IKE_XAUTH_REPLY_SENT",
	"IKE_CONFIG_AUTHOR_AAA_AWAIT", "IKE_CONFIG_MODE_REQ_SENT", "IKE_CONFIG_MODE_SET_SENT"}

// String returns IOS's name of the state.
func (s State) String() string { return name(stateNames[:], s) }

// Source says who caused a transition.
type Source uint8

// Sources of transitions.
const (
	FromPeer Source = iota
	FromIPsec
	FromTimer
	Internal
	FromAAA
)

var sourceNames = [...]string{"IKE_MESG_FROM_PEER", "IKE_MESG_FROM_IPSEC", "IKE_MESG_FROM_TIMER", "IKE_MESG_INTERNAL", "IKE_MESG_FROM_AAA"}

// String returns IOS's name of the source.
func (s Source) String() string { return name(sourceNames[:], s) }

// Input is what caused a transition.
type Input uint8

// Inputs of transitions.
const (
	InputMMExch Input = iota
	InputAMExch
	InputQMExch
	InputInfoNotify
	InputInfoDelete
	InputKeepAlive
	InputSARequestMM
	InputSARequestAM
	InputSPIReply
	InputInitQM
	InputProcessMainMode
	InputProcessComplete
	InputProcessError
	InputPhase1Complete
	InputPhase1Delete
	InputTimerIMAlive
	InputTimerPeersAlive
	InputPhase2Delete
	InputPresharedKeyReply
	InputConfigRequest
	InputConfigReply
	InputConfigSet
	InputConfigAck
	InputXAUTHReplyAttributes
	InputAAALogin
	InputAAAGroup
)

var inputNames = [...]string{"IKE_MM_EXCH", "IKE_AM_EXCH", "IKE_QM_EXCH", "IKE_INFO_NOTIFY", "IKE_INFO_DELETE",
	"IKE_MESG_KEEP_ALIVE", "IKE_SA_REQ_MM", "IKE_SA_REQ_AM", "IKE_SPI_REPLY", "IKE_INIT_QM", "IKE_PROCESS_MAIN_MODE",
	"IKE_PROCESS_COMPLETE", "IKE_PROCESS_ERROR", "IKE_PHASE1_COMPLETE", "IKE_PHASE1_DEL", "IKE_TIMER_IM_ALIVE",
	"IKE_TIMER_PEERS_ALIVE", "IKE_PHASE2_DEL", "PRESHARED_KEY_REPLY",
	"IKE_CFG_REQUEST", "IKE_CFG_REPLY", "IKE_CFG_SET", "IKE_CFG_ACK",
	"IKE_XAUTH_REPLY_ATTR", "IKE_AAA_CONT_LOGIN", "IKE_AAA_GROUP_ATTR"}

// String returns IOS's name of the input.
func (i Input) String() string { return name(inputNames[:], i) }

// IKEAttr names what a phase 1 policy compares, in IOS's order.
type IKEAttr uint8

// What a phase 1 policy compares.
const (
	IKEAttrNone IKEAttr = iota
	IKEAttrEncryption
	IKEAttrKeyLength
	IKEAttrHash
	IKEAttrGroup
	IKEAttrAuth
	IKEAttrLife
	IKEAttrUnknown // an attribute or value that cannot be part of any policy
)

var ikeAttrNames = [...]string{"none", "encryption", "key length", "hash", "group", "authentication", "life", "unknown"}

func (a IKEAttr) String() string { return name(ikeAttrNames[:], a) }

// IPsecAttr names what a phase 2 transform comparison looks at.
type IPsecAttr uint8

// What a phase 2 comparison looks at.
const (
	IPsecAttrNone IPsecAttr = iota
	IPsecAttrProtocol
	IPsecAttrTransform
	IPsecAttrKeyLength
	IPsecAttrAuth
	IPsecAttrMode
	IPsecAttrGroup
	IPsecAttrLife
	IPsecAttrProxy
	IPsecAttrProfile // the ISAKMP profile of the crypto map entry
	IPsecAttrSPI
	IPsecAttrClient // the proxy is not the client's address
	IPsecAttrUnknown
)

var ipsecAttrNames = [...]string{"none", "protocol", "transform", "key length", "authenticator", "encapsulation", "group", "life", "proxy identities", "ISAKMP profile", "SPI", "client address", "unknown"}

func (a IPsecAttr) String() string { return name(ipsecAttrNames[:], a) }

// Reason says why an ISAKMP SA ends. Every teardown carries one.
type Reason uint8

// Reasons of an ISAKMP SA's end.
const (
	ReasonNone Reason = iota
	ReasonPolicyNotAccepted
	ReasonRetransmission
	ReasonPeerDead
	ReasonLifetime
	ReasonUserCommand
	ReasonInitialContact
	ReasonFatalInformational
	ReasonNoKey
	ReasonMalformed
	ReasonAuthFailed
	ReasonEvicted
	ReasonShutdown
	ReasonInternal
	ReasonReconfigured
	ReasonReplaced    // a newer SA took its place
	ReasonUnanswered  // the peer did not answer quick mode
	ReasonInvalidSPI  // the peer says that it has no such SA
	ReasonUnconfirmed // the peer did not confirm quick mode
	ReasonPeerDeleted // the peer told that it has deleted it
	ReasonIdle        // it carried nothing for the idle time
	ReasonNewAddress  // our address is another one now
	ReasonNoAddress   // the interface has no address
	ReasonProfileKey  // no keyring of the peer's profile has the key that has proven it
	ReasonProfile     // the peer's identity is none of the requested profile's
	ReasonPeerMoved   // the peer's name has another address now

	ReasonXAUTHFailed      // the user's name or password, three times
	ReasonUserSilent       // nobody has answered XAUTH
	ReasonAAASilent        // AAA has not
	ReasonClientRefused    // AAA lets the client in for no other reason than those
	ReasonNoClientAddress  // its pool has none
	ReasonConfigUnanswered // the peer did not answer mode config
	ReasonSessionTimeout   // the time that AAA gave a login is over
	ReasonLoginEnded       // of IPsec SAs, with the last ISAKMP SA of a client
	ReasonNoCredentials    // the operator has no name or password for the server
	ReasonXAUTHNotAsked    // the server that agreed to XAUTH never asks

	ReasonCertificate   // the peer's certificate is refused
	ReasonNoCertificate // no trustpoint has a certificate to show
	ReasonPeerRefuses   // the peer says that it takes no proof of ours

	ReasonTooMany // there are as many ISAKMP SAs as may be
)

var reasonNames = [...]string{"No reason", "Phase1 SA policy proposal not accepted", "Death by retransmission P1",
	"P1 errcounter exceeded (PEERS_ALIVE_TIMER)", "IKE SA Lifetime Exceeded", "BY user command", "Receive initial contact",
	"Recevied fatal informational", "No pre-shared key with peer", "PAYLOAD_MALFORMED", "Authentication failed",
	"half-open SA evicted", "gateway is stopping", "internal error", "configuration changed", "Replaced by a newer SA", "Death by retransmission P2",
	"Peer has no such SA", "Quick mode was not confirmed", "Deleted by the peer",
	"Idle time exceeded", "Local address changed", "No local address",
	"Key not found in keyrings of profile", "Peer does not match the ISAKMP profile", "Peer has another address",
	"XAuthenticate fail", "XAUTH was not answered", "AAA did not answer", "Client is not authorized", "Failed to allocate ip address",
	"Mode configuration was not answered", "Session timeout", "Login has ended", "No credentials for XAUTH", "XAUTH was not asked for",
	"Certificate refused", "No certificate", "Refused by the peer", "Call admission limit"}

// String returns IOS's words where it has some (its spelling included).
func (r Reason) String() string { return name(reasonNames[:], r) }

// NodeReason says why a phase 2 node (an exchange under a message ID) ends.
type NodeReason uint8

// Reasons of a node's end.
const (
	NodeNoError NodeReason = iota
	NodeQMDone
	NodeInformational
	NodeIKEDeleted
	NodeQMRejected
	NodeDeleteLarval
	NodeRetransmission
	NodeXAUTHDone
	NodeTransactionDone
)

var nodeReasonNames = [...]string{"No Error", "QM done (await)", "Informational (in) state 1", "IKE deleted", "QM rejected",
	"Delete Larval", "Phase 2 err count exceeded", "Done with xauth request/reply exchange", "Transaction mode done"}

// String returns IOS's words.
func (r NodeReason) String() string { return name(nodeReasonNames[:], r) }

// ErrorCount is what an SA's error counter counted.
type ErrorCount uint8

// What an error counter counts.
const (
	ErrorRetransmitPhase1 ErrorCount = iota
	ErrorRetransmitPhase2
	ErrorPayloadMalformed
	ErrorConstructFail
	ErrorNoProposal
	ErrorAuth
)

var errorCountNames = [...]string{"retransmit phase 1", "retransmit phase 2", "PAYLOAD_MALFORMED", "construct_fail_ag_init",
	"NO_PROPOSAL_CHOSEN", "authentication"}

// String returns IOS's words.
func (c ErrorCount) String() string { return name(errorCountNames[:], c) }

// Drop says why a datagram was dropped. The list is closed: each value is a
// counter of `show crypto isakmp statistics`.
type Drop uint8

// Reasons for dropping a datagram.
const (
	DropTruncated         Drop = iota // shorter than an ISAKMP header
	DropHeader                        // version, length or cookie of the header
	DropMalformed                     // a payload does not parse
	DropUnexpectedPayload             // a payload that the exchange's row does not list, or twice
	DropMissingPayload                // a payload that the row needs
	DropNoSA                          // cookies of no SA, and no first message
	DropWrongAddress                  // right cookies from an address that may not use them
	DropNotEncrypted                  // clear where the exchange must be encrypted
	DropEncrypted                     // encrypted where no key exists yet
	DropBadHash                       // HASH of quick or informational mode differs
	DropExchange                      // an exchange type that is not spoken
	DropVersion                       // IKEv2 or another major version
	DropDuplicate                     // a retransmission; answered from the last reply
	DropState                         // valid, but not for this state
	DropLimit                         // a bound on half-open SAs or nodes was hit
	DropUnauthenticated               // an informational message outside authentication
	DropPublicValue                   // a KE value that validation refuses
	DropNonce                         // a nonce of a wrong length
	DropBlockSize                     // ciphertext that is no multiple of the block
	DropIdentity                      // an identity that no key or map allows
	DropTooLarge                      // larger than the receive bound
	DropNotEnabled                    // crypto isakmp is off, or no crypto map is applied
	DropMessageID                     // message ID of 0 or reused
	DropCommit                        // commit bit, which is not supported
	DropReplay                        // DPD sequence or a finished message ID again
	DropFragment                      // a fragment that does not fit, or of a message not wanted in fragments
	DropAggressiveMode                // aggressive mode, which the configuration forbids
	DropUserUnknown                   // mode config or quick mode before the user has logged in
	DropConfigType                    // a request where a reply is due, or the like
	DropConfigAttribute               // an attribute that has no place in the message, or of a wrong length
	DropNoClients                     // XAUTH or mode config with a peer that is none of ours for it
	DropBadSignature                  // a signature that is not the certificate's
	DropEmpty                         // an informational message with a HASH alone, as vpnc keeps a NAT's mapping
	DropRate                          // a first message, while more come than can be answered
	DropPrefix                        // likewise, of a prefix from which too many come
	NumDrops
)

var dropNames = [...]string{"truncated", "bad header", "malformed payload", "unexpected payload", "missing payload", "no SA",
	"wrong address", "not encrypted", "encrypted without key", "hash mismatch", "exchange not supported",
	"version not supported", "duplicate", "wrong state", "limit", "unauthenticated", "bad public value", "bad nonce",
	"bad block size", "bad identity", "too large", "not enabled", "bad message ID", "commit bit", "replay",
	"bad fragment", "aggressive mode disabled", "user not logged in", "wrong type of configuration message",
	"bad configuration attribute", "remote access not configured", "signature mismatch", "nothing but a hash", "too many first messages", "too many from one prefix"}

func (d Drop) String() string { return name(dropNames[:], d) }

// NATTVersion is a NAT traversal vendor ID that was built or chosen.
type NATTVersion uint8

// NAT traversal versions, worst first, so that the greater wins.
const (
	NATTNone NATTVersion = iota
	NATTDraft02
	NATTDraft02n
	NATTDraft03
	NATTDraft07
	NATTRFC3947
)

var nattNames = [...]string{"none", "draft-02", "draft-02n", "draft-03", "draft-07", "rfc3947"}

func (v NATTVersion) String() string { return name(nattNames[:], v) }

// RefKind says which subsystem holds a peer structure.
type RefKind uint8

// Holders of a peer structure.
const (
	RefIKE RefKind = iota
	RefIPsec
)

var refKindNames = [...]string{"IKE", "IPSEC"}

func (k RefKind) String() string { return name(refKindNames[:], k) }

// RefUser is the function that IOS names in its reference lines.
type RefUser uint8

// Users of peer structures.
const (
	ForProcessBlock RefUser = iota
	ForInitiator
	ForCreateTransforms
	ForMarkSADeleted
)

var refUserNames = [...]string{"crypto_isakmp_process_block", "isakmp_initiator", "create_transforms", "isadb_mark_sa_deleted()"}

func (u RefUser) String() string { return name(refUserNames[:], u) }

// CryptoOp is what the crypto engine does.
type CryptoOp uint8

// Work of the crypto engine.
const (
	CryptoGenerateParameter CryptoOp = iota // a DH key pair
	CryptoDHPhase1                          // the shared secret of phase 1
	CryptoCreateSKEYID
	CryptoHMACContext // a PRF or HASH under SKEYID's keys
	CryptoClearDH
	CryptoValidateProposal
	CryptoValidateProposalRequest
	CryptoAllocateFlow // keys of an IPsec SA given to the data plane
)

var cryptoOpNames = [...]string{"generate alg parameter", "Dh phase 1", "create ISAKMP SKEYID", "generate hmac context",
	"clear dh number", "validate proposal", "validate proposal request", "ipsec allocate flow"}

// String returns IOS's words.
func (o CryptoOp) String() string { return name(cryptoOpNames[:], o) }

// PKIStatus is a CA's decision.
type PKIStatus uint8

// Decisions, in IOS's order.
const (
	PKIGranted PKIStatus = iota
	PKIRejected
	PKIPending
)

var pkiStatusNames = [...]string{"certificate is granted", "certificate request is rejected", "certificate request pending"}

// String returns IOS's words; those of a refusal and of waiting are recalled.
func (s PKIStatus) String() string { return name(pkiStatusNames[:], s) }

// PKIOutcome is how an enrolment has ended.
type PKIOutcome uint8

// Outcomes.
const (
	PKIReceived PKIOutcome = iota
	PKIRefused
	PKIWaiting
	PKIFailed
)

var pkiOutcomeNames = [...]string{"received", "refused", "waiting", "failed"}

// String names the outcome.
func (o PKIOutcome) String() string { return name(pkiOutcomeNames[:], o) }

// SignatureProblem is why a signature proves nothing.
type SignatureProblem uint8

// Problems of signatures.
const (
	SignatureDiffers        SignatureProblem = iota
	SignatureNoCertificate                   // none came, or none of an encoding that is known
	SignatureBadCertificate                  // what came is no certificate
	SignatureWrongKey                        // the certificate's key is of another kind than the method
	SignatureLength                          // it is longer or shorter than the key makes them
	SignatureInternal                        // it could not be looked at
)

var signatureProblemNames = [...]string{"it is not by the certificate's key", "no certificate came", "the certificate is malformed",
	"the certificate's key is of another kind", "its length is not that of the key", "it could not be verified here"}

// String says the problem.
func (p SignatureProblem) String() string { return name(signatureProblemNames[:], p) }

func name[E ~uint8](names []string, e E) string {
	if int(e) < len(names) {
		return names[e]
	}
	return "unknown"
}
