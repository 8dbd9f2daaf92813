package trace

import (
	"encoding/binary"

	"qmidle/internal/isakmp"
)

// worths say of an event's encoded fields whether they are worth keeping when
// the event leaves the ring, and which part of them makes it differ from
// another of its code: of two that do not differ the later one is kept.
//
// Kept is what tells how a negotiation went: what was refused and why, what came
// up, how it ended. What repeats, and what every negotiation shows, is not.
var worths = [NumCodes]func(fields []byte) (key []byte, worthy bool){
	CodePacketDropped:            firstTwo,
	CodePayloadMalformed:         firstTwo,
	CodeTransition:               worthOfTransition,
	CodeKeyLookup:                worthOfLookup,
	CodeNamedKeyLookup:           worthOfLookup,
	CodeIKETransformRefused:      whole,
	CodeAnswerNotOffered:         whole,
	CodePhase1PolicyRefused:      nothing,
	CodeAuthenticated:            nothing,
	CodeAuthenticationFailed:     nothing,
	CodeInitialContactReceived:   worthOfContact,
	CodeFragmentsMissing:         nothing,
	CodeNATDetected:              whole,
	CodePortsFloated:             nothing,
	CodeSADeleting:               whole,
	CodeDuplicateReceived:        nothing,
	CodeNodeDeleted:              worthOfNode,
	CodeNotifyReceived:           worthOfNotify,
	CodeDeleteReceived:           firstOnly,
	CodePeerDead:                 nothing,
	CodeRequestFailed:            whole,
	CodeIPsecTransformRefused:    whole,
	CodeIPsecProposalInvalidated: whole,
	CodePhase2PolicyRefused:      nothing,
	CodeIPsecSAsCreated:          worthOfPair,
	CodeInvalidSPIReceived:       nothing,
	CodeClearTextReceived:        nothing,
	CodeResponderLifetime:        nothing,
	CodeUserJudged:               whole,
	CodeClientRefused:            whole,
	CodeGroupRequested:           whole,
	CodeXAUTHStatusReceived:      whole,
	CodeCertRequestReceived:      whole,
	CodeTrustpointChosen:         whole,
	CodeCertificateMissing:       whole,
	CodeSignatureRefused:         whole,
	CodeCertificateJudged:        whole,
	CodeNonceDecrypted:           whole,
	CodePeerKeyMissing:           whole,
}

func worthOf(code Code, fields []byte) (key []byte, worthy bool) {
	if w := worths[code]; w != nil {
		return w(fields)
	}
	return nil, false
}

func whole(fields []byte) ([]byte, bool)    { return fields, true }
func nothing([]byte) ([]byte, bool)         { return nil, true }
func firstTwo(fields []byte) ([]byte, bool) { return fields[:numbers(fields, 2)], true }
func firstOnly(fields []byte) ([]byte, bool) {
	return fields[:numbers(fields, 1)], true
}

// numbers is the length of the first n numbers of fields.
func numbers(fields []byte, n int) int {
	size := 0
	for range n {
		_, k := binary.Uvarint(fields[size:])
		size += max(k, 0)
	}
	return size
}

// worthOfTransition keeps what a negotiation came to: that it is up, and how far
// it was when the proofs went out.
func worthOfTransition(fields []byte) ([]byte, bool) {
	to := fields[len(fields)-1:]
	switch State(to[0]) {
	case StateIMM5, StateRMM4, StateRAM2, StateP1Complete, StateQMPhase2Complete:
		from := State(fields[len(fields)-2])
		return to, from != State(to[0])
	}
	return nil, false
}

// worthOfLookup keeps that a key is missing.
func worthOfLookup(fields []byte) ([]byte, bool) { return nil, fields[len(fields)-1] == 0 }

// worthOfContact keeps that a peer has begun anew.
func worthOfContact(fields []byte) ([]byte, bool) { return nil, fields[0] != 0 }

// worthOfNode keeps that an exchange failed. Its reason comes last.
func worthOfNode(fields []byte) ([]byte, bool) {
	return fields[len(fields)-1:], fields[len(fields)-2] != 0
}

// worthOfNotify keeps all but dead peer detection.
func worthOfNotify(fields []byte) ([]byte, bool) {
	n, k := binary.Uvarint(fields)
	switch isakmp.NotifyType(n) {
	case isakmp.NotifyRUThere, isakmp.NotifyRUThereAck:
		return nil, false
	}
	return fields[:k], true
}

// worthOfPair tells pairs of IPsec SAs apart by their traffic, which comes after
// the SPIs.
func worthOfPair(fields []byte) ([]byte, bool) {
	rest := fields[numbers(fields, 2):]
	return rest[:min(len(rest), pairOctets)], true
}

// pairOctets is the length of two proxies of IPv4 without ports.
const pairOctets = 2 * (1 + 5 + 5 + 1 + 1)
