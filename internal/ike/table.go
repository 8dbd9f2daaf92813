package ike

import (
	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// row is one message of an exchange as its receiver sees it. The rows are the
// exchanges: they drive validation, the "missing payload" event and what runs.
type row struct {
	exchange  isakmp.ExchangeType
	role      trace.Role        // of the receiver
	auth      isakmp.AuthMethod // 0 is every one that no row for the same place names
	state     trace.State       // in which it is expected
	name      string            // as RFC 2409 counts it, for documentation and tests
	encrypted cover
	need      []isakmp.PayloadType
	may       []isakmp.PayloadType
	// do handles the message once its payloads are those of the row. next is
	// where a message that do accepts leads.
	do   func(*message)
	next trace.State // of signed ones, while the signature is looked at
}

// cover says whether a message is to be encrypted.
type cover uint8

const (
	plain cover = iota
	sealed
	eitherWay // the last message of aggressive mode (RFC 2409 section 5.4)
)

func (c cover) allows(isEncrypted bool) bool { return c == eitherWay || (c == sealed) == isEncrypted }

// Payloads that may stand in a message more than once. Every other one may
// not.
func repeats(t isakmp.PayloadType) bool {
	switch t {
	case isakmp.PayloadVendorID, isakmp.PayloadNATD, isakmp.PayloadNATDDraft, isakmp.PayloadNATDDraft04,
		isakmp.PayloadNATOA, isakmp.PayloadNATOADraft, isakmp.PayloadNATOADraft04,
		isakmp.PayloadCert, isakmp.PayloadCertRequest, isakmp.PayloadNotify, isakmp.PayloadDelete:
		return true
	}
	return false
}

var natD = []isakmp.PayloadType{isakmp.PayloadNATD, isakmp.PayloadNATDDraft, isakmp.PayloadNATDDraft04}
var natOA = []isakmp.PayloadType{isakmp.PayloadNATOA, isakmp.PayloadNATOADraft, isakmp.PayloadNATOADraft04}

func types(lists ...[]isakmp.PayloadType) []isakmp.PayloadType {
	var all []isakmp.PayloadType
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// rows are filled by init, since their handlers refer to them.
var rows []row

func init() {
	type p = []isakmp.PayloadType
	main, aggressive, quick, info := isakmp.ExchangeIdentity, isakmp.ExchangeAggressive, isakmp.ExchangeQuick, isakmp.ExchangeInformational
	config, attributes := isakmp.ExchangeTransaction, isakmp.PayloadAttributes
	r, i := trace.RoleResponder, trace.RoleInitiator
	psk, signed := isakmp.AuthPSK, isakmp.AuthRSASig // which stands for all signatures
	sealedNonces, nonces := isakmp.AuthRSAEnc, p{isakmp.PayloadKE, isakmp.PayloadID, isakmp.PayloadNonce}
	certs := p{isakmp.PayloadCert, isakmp.PayloadCertRequest, isakmp.PayloadNotify, isakmp.PayloadVendorID}
	vid, notify := isakmp.PayloadVendorID, isakmp.PayloadNotify
	first := p{isakmp.PayloadSA, isakmp.PayloadKE, isakmp.PayloadNonce, isakmp.PayloadID}
	quickMay := types(p{isakmp.PayloadKE, isakmp.PayloadID, notify, vid}, natOA)
	rows = []row{
		{main, r, 0, trace.StateReady, "main mode 1", plain,
			p{isakmp.PayloadSA}, p{vid, isakmp.PayloadCertRequest}, (*message).mainMode1, trace.StateRMM2},
		{main, i, 0, trace.StateIMM1, "main mode 2", plain,
			p{isakmp.PayloadSA}, p{vid, notify, isakmp.PayloadCertRequest}, (*message).mainMode2, trace.StateIMM3},
		{main, r, sealedNonces, trace.StateRMM2, "main mode 3, encrypted nonces", plain,
			nonces, types(p{vid, isakmp.PayloadHash, isakmp.PayloadCertRequest}, natD), (*message).mainMode3Encrypted, trace.StateRMM3},
		{main, i, sealedNonces, trace.StateIMM3, "main mode 4, encrypted nonces", plain,
			nonces, types(p{vid, isakmp.PayloadCertRequest}, natD), (*message).mainMode4Encrypted, trace.StateIMM4},
		{main, r, sealedNonces, trace.StateRMM4, "main mode 5, encrypted nonces", sealed,
			p{isakmp.PayloadHash}, p{notify, vid}, (*message).mainMode5Encrypted, trace.StateP1Complete},
		{main, i, sealedNonces, trace.StateIMM5, "main mode 6, encrypted nonces", sealed,
			p{isakmp.PayloadHash}, p{notify, vid}, (*message).mainMode6Encrypted, trace.StateP1Complete},
		{main, r, 0, trace.StateRMM2, "main mode 3", plain,
			p{isakmp.PayloadKE, isakmp.PayloadNonce}, types(p{vid, isakmp.PayloadCertRequest}, natD), (*message).mainMode3, trace.StateRMM4},
		{main, i, 0, trace.StateIMM3, "main mode 4", plain,
			p{isakmp.PayloadKE, isakmp.PayloadNonce}, types(p{vid, isakmp.PayloadCertRequest}, natD), (*message).mainMode4, trace.StateIMM5},
		{main, r, psk, trace.StateRMM4, "main mode 5", sealed,
			p{isakmp.PayloadID, isakmp.PayloadHash}, p{notify, vid}, (*message).mainMode5, trace.StateP1Complete},
		{main, i, psk, trace.StateIMM5, "main mode 6", sealed,
			p{isakmp.PayloadID, isakmp.PayloadHash}, p{notify, vid}, (*message).mainMode6, trace.StateP1Complete},
		{main, r, signed, trace.StateRMM4, "main mode 5, signed", sealed,
			p{isakmp.PayloadID, isakmp.PayloadSignature}, certs, (*message).mainMode5Signed, trace.StateRMM5},
		{main, i, signed, trace.StateIMM5, "main mode 6, signed", sealed,
			p{isakmp.PayloadID, isakmp.PayloadSignature}, certs, (*message).mainMode6Signed, trace.StateIMM5},
		{aggressive, r, 0, trace.StateReady, "aggressive mode 1", plain,
			first, p{vid, isakmp.PayloadCertRequest, notify}, (*message).aggressive1, trace.StateRAM2},
		{aggressive, i, 0, trace.StateIAM1, "aggressive mode 2", plain,
			first, types(p{isakmp.PayloadHash, isakmp.PayloadSignature}, certs, natD), (*message).aggressive2, trace.StateP1Complete},
		{aggressive, r, psk, trace.StateRAM2, "aggressive mode 3", eitherWay,
			p{isakmp.PayloadHash}, types(p{notify, vid}, natD), (*message).aggressive3, trace.StateP1Complete},
		{aggressive, r, signed, trace.StateRAM2, "aggressive mode 3, signed", eitherWay,
			p{isakmp.PayloadSignature}, types(certs, natD), (*message).aggressive3Signed, trace.StateRAM2},
		{quick, r, 0, trace.StateQMReady, "quick mode 1", sealed,
			p{isakmp.PayloadHash, isakmp.PayloadSA, isakmp.PayloadNonce}, quickMay, (*message).quickMode1, trace.StateQMRQM2},
		{quick, i, 0, trace.StateQMIQM1, "quick mode 2", sealed,
			p{isakmp.PayloadHash, isakmp.PayloadSA, isakmp.PayloadNonce}, quickMay, (*message).quickMode2, trace.StateQMPhase2Complete},
		{quick, r, 0, trace.StateQMRQM2, "quick mode 3", sealed,
			p{isakmp.PayloadHash}, p{notify}, (*message).quickMode3, trace.StateQMPhase2Complete},
		{config, r, 0, trace.StateXAUTHRequestSent, "XAUTH reply", sealed,
			p{isakmp.PayloadHash, attributes}, p{notify, vid}, (*message).xauthReply, trace.StateXAUTHAAAAwait},
		{config, r, 0, trace.StateXAUTHSetSent, "XAUTH acknowledgement", sealed,
			p{isakmp.PayloadHash, attributes}, p{notify, vid}, (*message).xauthAck, trace.StateP1Complete},
		{config, r, 0, trace.StateP1Complete, "configuration request", sealed,
			p{isakmp.PayloadHash, attributes}, p{notify, vid}, (*message).configRequest, trace.StateConfigAAAAwait},
		{config, r, 0, trace.StateConfigSetSent, "configuration acknowledgement", sealed,
			p{isakmp.PayloadHash, attributes}, p{notify, vid}, (*message).configAck, trace.StateP1Complete},
		{config, i, 0, trace.StateP1Complete, "XAUTH request, or a set", sealed,
			p{isakmp.PayloadHash, attributes}, p{notify, vid}, (*message).serverMessage, trace.StateXAUTHReplyAwait},
		{config, i, 0, trace.StateXAUTHReplySent, "XAUTH request or status", sealed,
			p{isakmp.PayloadHash, attributes}, p{notify, vid}, (*message).serverMessage, trace.StateConfigRequestSent},
		{config, i, 0, trace.StateConfigRequestSent, "configuration reply", sealed,
			p{isakmp.PayloadHash, attributes}, p{notify, vid}, (*message).configReply, trace.StateP1Complete},
		{info, r, 0, trace.StateP1Complete, "informational", sealed,
			p{isakmp.PayloadHash}, p{notify, isakmp.PayloadDelete, vid}, (*message).informational, trace.StateP1Complete},
	}
}

// rowFor finds the row of an exchange's message; nil when none is expected. An
// informational message is the same for both roles, and XAUTH changes nothing of
// what proves a peer.
func rowFor(x isakmp.ExchangeType, role trace.Role, auth isakmp.AuthMethod, state trace.State) *row {
	if auth = proofOf(auth); signs(auth) {
		auth = isakmp.AuthRSASig
	}
	var found *row
	for i := range rows {
		r := &rows[i]
		if r.exchange != x || r.state != state || (r.auth != 0 && r.auth != auth) {
			continue
		}
		if (r.role == role || x == isakmp.ExchangeInformational) && (found == nil || r.auth != 0) {
			found = r
		}
	}
	return found
}

// check compares a message's payloads with the row. An unknown payload type is
// kept aside and ignored, as RFC 2408 section 5.3 has it reserved; those of the
// private range are vendors' own.
func (r *row) check(payloads []isakmp.Payload) (reason trace.Drop, at isakmp.PayloadType, ok bool) {
	var seen [256]uint8
	for _, p := range payloads {
		if !contains(r.need, p.Type) && !contains(r.may, p.Type) {
			if known(p.Type) {
				return trace.DropUnexpectedPayload, p.Type, false
			}
			continue
		}
		seen[p.Type]++
		limit := uint8(1)
		if p.Type == isakmp.PayloadID && r.exchange == isakmp.ExchangeQuick {
			limit = 2
		}
		if seen[p.Type] > limit && !repeats(p.Type) {
			return trace.DropUnexpectedPayload, p.Type, false
		}
	}
	for _, t := range r.need {
		if seen[t] == 0 {
			return trace.DropMissingPayload, t, false
		}
	}
	return 0, 0, true
}

func contains(list []isakmp.PayloadType, t isakmp.PayloadType) bool {
	for _, x := range list {
		if x == t {
			return true
		}
	}
	return false
}

// known says whether this implementation gives a payload type a meaning.
func known(t isakmp.PayloadType) bool {
	return t <= isakmp.PayloadNATOA && t != 17 && t != 18 && t != 19 ||
		t == isakmp.PayloadNATDDraft || t == isakmp.PayloadNATOADraft || t == isakmp.PayloadFragment
}
