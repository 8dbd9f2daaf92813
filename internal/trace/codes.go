package trace

// Code is an event's stable name, the same in JSON, in the recorder's
// documentation and in tests. A code is never reused for another meaning.
type Code uint8

// Codes, in the order of the events' files. New ones go to the end.
const (
	CodeNone Code = iota
	CodePacketReceived
	CodePacketSent
	CodePacketDropped
	CodePeerCreated
	CodePeerLocked
	CodePeerUnlocked
	CodePeerDeleted
	CodeSAInserted
	CodeTransition
	CodePayloadProcessed
	CodePayloadMalformed
	CodeInternalPayload
	CodeVendorIDReceived
	CodeNATTVendorConstructed
	CodeNATDetected
	CodePortsFloated
	CodeKeyLookup
	CodeLocalKeyFound
	CodeProfilesScanned
	CodeIKETransformOffered
	CodeIKETransformRefused
	CodeIKETransformJudged
	CodePhase1PolicyRefused
	CodeErrorCounted
	CodeSKEYIDGenerated
	CodeIDPayload
	CodeProfileMatched
	CodeIDPayloadLength
	CodeAuthStatus
	CodeAuthenticated
	CodeAuthenticationFailed
	CodeInitialContactSent
	CodeInitialContactReceived
	CodePeerInserted
	CodeDPDEnabled
	CodeAuthenticatingAs
	CodeAggressiveNotPossible
	CodeMainModeBegun
	CodeQuickModeBegun
	CodeSADeleting
	CodeNotParanoid
	CodeRetransmitting
	CodeDuplicateReceived
	CodeNodeCreated
	CodeNodeDeleted
	CodeNodePurged
	CodeNotifyReceived
	CodeNotifySending
	CodeDeleteReceived
	CodeDeleteSending
	CodeDPDReceived
	CodeDPDSending
	CodeDPDUnanswered
	CodePeerDead
	CodeRequestAttached
	CodeQuickModeImmediate
	CodeRequestFailed
	CodeIPsecProposalChecked
	CodeIPsecTransformOffered
	CodeIPsecTransformRefused
	CodeIPsecTransformJudged
	CodeIPsecProposalInvalidated
	CodePhase2PolicyRefused
	CodeSPIsRequested
	CodeSPIsReceived
	CodeInitiatorGetsSPI
	CodeIPsecSAsCreated
	CodeIPsecSARequested
	CodeIPsecProposalValidating
	CodeKeyEngineEvent
	CodeIPsecSACreated
	CodeIPsecSADeleted
	CodeIPsecDeleteNotified
	CodeRequestTimerFired
	CodeISAKMPOnOff
	CodeModeFailure
	CodeSAPurged
	CodeIOSVendorIDReceived
	CodeCryptoOperation
	CodeClearTextReceived
	CodeResponderLifetime
	CodeInvalidSPIReceived
	CodeMessageFragmented
	CodeRetransmissionSkipped
	CodeLocalAddressChanged
	NumCodes
)
