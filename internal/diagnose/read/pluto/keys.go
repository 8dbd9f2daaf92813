package pluto

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

func p1(kind diagnose.Kind, message int) diagnose.Observation {
	return diagnose.Observation{Kind: kind, Phase: diagnose.Phase1, Message: message}
}

// offers are about the proposals of phase 1, and about connections that a first
// message finds or not.
var offers = []read.Phrase{
	{Text: "no acceptable Oakley Transform", Do: noTransform},
	{Text: "no acceptable oakley transform {rest}", Do: noTransform},
	{Text: "Oakley Transform [{offered}] refused", Quiet: true},
	{Text: "OAKLEY proposal refused: {rest}", Quiet: true},
	{Text: "OAKLEY_KEY_LENGTH attribute not preceded by OAKLEY_ENCRYPTION_ALGORITHM attribute", Do: func(x *read.Context, _ *read.Match) {
		o := p1(diagnose.Quirk, 1)
		o.Detail = "the peer names the key's length before the cipher, which this end does not take"
		tell(x, o)
	}},
	{Text: "{what} is not supported. Attribute OAKLEY_{attribute}", Do: attribute},
	{Text: "not supported. Attribute OAKLEY_{attribute}", Do: attribute},
	{Text: "policy does not allow {offered} authentication. Attribute OAKLEY_AUTHENTICATION_METHOD", Do: wrongMethod},
	{Text: "policy does not allow Extended Authentication (XAUTH) {rest}", Do: xauthNotAllowed},
	{Text: "policy mandates Extended Authentication (XAUTH) {rest}", Do: xauthWanted},
	{Text: "Can't authenticate: no preshared key found for {rest}", Do: noKey},
	{Text: "No matching PSK found for connection", Do: noKey},
	{Text: "Failed to find our PreShared Key", Do: noKey},
	{Text: "rejecting I1 from {peer}, invalid DH group", Do: func(x *read.Context, hit *read.Match) {
		o := x.Fill(hit)
		o.Kind, o.Phase, o.Message, o.Attr, o.Role = diagnose.OfferRefused, diagnose.Phase1, 1, diagnose.AttrGroup, diagnose.Responder
		tell(x, o)
	}},
	{Text: "authentication failed: peer attempted {offered} but we want {wanted}", Do: otherMethod},
	{Text: "connection refused, IKEv2 not authorized", Do: noVersion2},
	{Text: "missing mandatory attribute(s) {what} in Oakley Transform", Do: func(x *read.Context, _ *read.Match) {
		o := p1(diagnose.Malformed, 1)
		o.Detail = "an offer that lacks an attribute"
		tell(x, o)
	}},
	{Text: "proposal {n} failed encr= (policy: {a} vs offered:{b})", Do: compared(diagnose.AttrEncryption)},
	{Text: "proposal {n} failed integ=(policy: {a} vs offered:{b})", Do: compared(diagnose.AttrHash)},
	{Text: "proposal {n} failed dh= (policy:{a} vs offered:{b})", Do: compared(diagnose.AttrGroup)},
	{Text: "initial Main Mode message received on {local} but no connection has been authorized", Do: noConnection},
	{Text: "initial Main Mode message received but no connection has been authorized", Do: noConnection},
	{Text: "initial Main Mode message received on {local} but {name} forbids connection", Do: noConnection},
	{Text: "no connection has been authorized with policy", Do: noConnection},
	{Text: "initial Aggressive Mode message from {peer} but no (wildcard) connection has been configured", Do: noAggressive},
	{Text: "initial Aggressive Mode packet claiming to be from {offered} on {addr} but no {connection|matching connection} has been authorized", Do: wrongIdentity},
	{Text: "would have matched, but ike version policy was wrong", Do: wrongVersion},
	{Text: "rejecting IKEv1 packet as global policy is set to reject all IKEv1 packets", Do: version1Off},
	{Text: "ignoring IKEv1 packet as global policy is set to silently drop all IKEv1 packets", Do: version1Off},
	{Text: "IKEv1 support is not compiled in", Do: version1Off},
	{Text: "ISAKMP_v2_IKE_SA_INIT message received on {local} but no suitable connection found with IKEv2 policy", Do: noVersion2},
	{Text: "initial parent SA message received on {local} but no suitable connection found with IKEv2 policy", Do: noVersion2},
	{Text: "initial parent SA message received on {local} but no connection has been authorized", Do: noVersion2},
	{Text: "IKE_SA_INIT request received on {local} but no suitable connection found with IKEv2 policy", Do: noVersion2},
	{Text: "ignoring packet with IKE major version {rest}", Do: noVersion2},
	{Text: "added IKEv1 connection", Do: func(x *read.Context, _ *read.Match) { of(x).v1++ }},
	{Text: "added oriented IKEv1 connection", Do: func(x *read.Context, _ *read.Match) { of(x).v1++ }},
	{Text: "added IKEv2 connection", Do: func(x *read.Context, _ *read.Match) { of(x).v2++ }},
	{Text: "added oriented IKEv2 connection", Do: func(x *read.Context, _ *read.Match) { of(x).v2++ }},
	{Text: "global ikev1-policy does not allow IKEv1 connections", Do: version1Refused},
	{Text: "no local proposal matches remote proposals {rest}", Do: noCommon},
	{Text: "AUTH mismatch: Received AUTH != computed AUTH", Do: otherSecret},
	{Text: "computed hash does not match hash received from peer", Do: otherSecret},
	{Text: "We cannot identify ourselves with either end of this connection", Do: noSelf},
	{Text: "specify the local host's IP address", Do: noSelf},
	{Text: "{no IKE algorithms for this connection|empty ISAKMP SA proposal to send}", Do: func(x *read.Context, _ *read.Match) { tell(x, p1(diagnose.NoUsablePolicy, 1)) }},
	{Text: "no IKE proposal policy specified in config", Do: func(x *read.Context, _ *read.Match) { tell(x, p1(diagnose.NoUsablePolicy, 1)) }},
	{Text: "IKE Transform [{offered}] refused due to {rest}", Quiet: true},
	{Text: "malformed Phase 1 message: {detail}", Do: func(x *read.Context, hit *read.Match) { tell(x, p1(diagnose.Malformed, 1)) }},
}

// noTransform is a responder's verdict; an initiator says so of an answer.
func noTransform(x *read.Context, _ *read.Match) {
	if m := of(x); m.noKey > 0 && x.Number-m.noKey <= near {
		return // the key is missing, which has been told
	}
	o := p1(diagnose.AllOffersRefused, 1)
	if s := x.Session; s != nil && s.Role == diagnose.Initiator {
		o.Message, o.Role = 2, diagnose.Initiator
	} else {
		o.Role = diagnose.Responder
	}
	tell(x, o)
}

// near is how many lines behind its reason a verdict may stand.
const near = 4

var attributes = map[string]string{
	"ENCRYPTION_ALGORITHM": diagnose.AttrEncryption, "HASH_ALGORITHM": diagnose.AttrHash, "GROUP_DESCRIPTION": diagnose.AttrGroup,
	"AUTHENTICATION_METHOD": diagnose.AttrAuth, "KEY_LENGTH": diagnose.AttrKeyLength, "PRF": diagnose.AttrHash,
}

// attribute is a value of the peer's offer that is refused.
func attribute(x *read.Context, hit *read.Match) {
	name := strings.TrimRight(hit.Hole("attribute"), ". ")
	o := p1(diagnose.OfferRefused, 1)
	if o.Attr = attributes[name]; o.Attr == "" {
		return
	}
	o.Role = diagnose.Responder
	tell(x, o)
}

// compared is a comparison of libpluto's tests, which print the two sides
// swapped: only what differs is certain.
func compared(attr string) func(*read.Context, *read.Match) {
	return func(x *read.Context, hit *read.Match) {
		o := p1(diagnose.OfferRefused, 1)
		o.Attr, o.Role = attr, diagnose.Responder
		a, _, _ := strings.Cut(hit.Hole("a"), "[")
		b, _, _ := strings.Cut(hit.Hole("b"), "[")
		if attr == diagnose.AttrEncryption && strings.TrimSpace(a) == strings.TrimSpace(b) {
			o.Attr = diagnose.AttrKeyLength
		}
		tell(x, o)
	}
}

func wrongMethod(x *read.Context, hit *read.Match) {
	o := p1(diagnose.OfferRefused, 1)
	o.Attr, o.Role = diagnose.AttrAuth, diagnose.Responder
	switch hit.Hole("offered") {
	case "OAKLEY_PRESHARED_KEY":
		o.Offered, o.Wanted = "pre-share", "another method"
	case "OAKLEY_RSA_SIG":
		o.Offered, o.Wanted = "rsa-sig", "another method"
	}
	tell(x, o)
}

// otherMethod is IKEv2's proof by another method than is wanted here.
func otherMethod(x *read.Context, hit *read.Match) {
	o := p1(diagnose.OfferRefused, 5)
	o.Attr, o.Role = diagnose.AttrAuth, diagnose.Responder
	o.Offered, o.Wanted = hit.Hole("offered"), hit.Hole("wanted")
	tell(x, o)
}

func xauthNotAllowed(x *read.Context, _ *read.Match) {
	tell(x, diagnose.Observation{Kind: diagnose.XauthUnexpected, Phase: diagnose.PhaseConfig, Detail: "the peer offers XAUTH, and the connection here has none"})
}

func xauthWanted(x *read.Context, _ *read.Match) {
	tell(x, diagnose.Observation{Kind: diagnose.XauthUnexpected, Phase: diagnose.PhaseConfig, Detail: "the connection here wants XAUTH, and the peer offers none"})
}

// noKey refuses the offer for want of a secret, which is no fault of the offer.
func noKey(x *read.Context, hit *read.Match) {
	of(x).noKey = x.Number
	names, _, _ := strings.Cut(hit.Hole("rest"), ". ")
	o := p1(diagnose.KeyMissing, 1)
	o.Offered = strings.TrimSuffix(names, ".")
	tell(x, o)
}

func noConnection(x *read.Context, hit *read.Match) {
	m := of(x)
	if m.wrong {
		return // it has been told why
	}
	if m.v2 > 0 && m.v1 == 0 {
		o := p1(diagnose.OtherIKEVersion, 1)
		o.Attr, o.Detail = diagnose.AttrProtocol, "the peer speaks IKEv1, and the connections here are for IKEv2"
		o.Local = hit.Addr("local")
		tell(x, o)
		return
	}
	o := p1(diagnose.NoConnection, 1)
	o.Local, o.Role = hit.Addr("local"), diagnose.Responder
	tell(x, o)
}

func noAggressive(x *read.Context, hit *read.Match) {
	o := p1(diagnose.AggressiveMode, 1)
	o.Attr, o.Peer, o.Detail = diagnose.AttrMode, hit.Addr("peer"), "no connection here is for aggressive mode with this peer"
	tell(x, o)
}

func wrongVersion(x *read.Context, _ *read.Match) {
	of(x).wrong = true
	o := p1(diagnose.OtherIKEVersion, 1)
	o.Attr = diagnose.AttrProtocol
	o.Detail = "the connection that would fit here is for another version of IKE than the peer's message"
	tell(x, o)
}

func version1Off(x *read.Context, _ *read.Match) {
	o := p1(diagnose.OtherIKEVersion, 1)
	o.Attr = diagnose.AttrProtocol
	o.Detail = "the peer speaks IKEv1, which is switched off here"
	tell(x, o)
}

// version1Refused is a connection that was not even loaded.
func version1Refused(x *read.Context, _ *read.Match) {
	o := p1(diagnose.OtherIKEVersion, 1)
	o.Attr, o.Detail = diagnose.AttrProtocol, "this pluto takes no connections of IKEv1: `ikev1-policy` does not accept them"
	tell(x, o)
}

// noCommon is IKEv2's verdict on the proposals of either phase.
func noCommon(x *read.Context, hit *read.Match) {
	if strings.Contains(hit.Hole("rest"), ":ESP") || strings.Contains(hit.Hole("rest"), ":AH") {
		tell(x, p2(diagnose.Phase2OfferRefused, 1, diagnose.Responder))
		return
	}
	o := p1(diagnose.AllOffersRefused, 1)
	o.Role = diagnose.Responder
	tell(x, o)
}

func noVersion2(x *read.Context, hit *read.Match) {
	o := p1(diagnose.OtherIKEVersion, 1)
	o.Attr = diagnose.AttrProtocol
	o.Local, o.Detail = hit.Addr("local"), "the peer speaks IKEv2, and no connection here is for IKEv2 with it"
	tell(x, o)
}

func noSelf(x *read.Context, _ *read.Match) {
	o := p1(diagnose.NoConnection, 1)
	o.Detail = "neither end of the connection has an address of this host"
	tell(x, o)
}

// keys are about proofs and identities.
var keys = []read.Phrase{
	{Text: "probable authentication failure (mismatch of preshared secrets?)", Do: unreadable},
	{Text: "next payload type of ISAKMP {what} Payload has an unknown value", Do: unreadable},
	{Text: "next payload type of 'ISAKMP {what} Payload' has an unknown value", Do: unreadable},
	{Text: "of ISAKMP {what} Payload must be zero, but is not", Do: unreadable},
	{Text: "'ISAKMP {what} Payload'.'{field}' is {value} but should have been zero", Do: unreadable},
	{Text: "length of ISAKMP {what} Payload is {larger than can fit|smaller than minimum}", Do: unreadable},
	{Text: "malformed payload in packet", Do: unreadable},
	{Text: "message is invalid 'cos incomplete ISAKMP SA", Do: func(x *read.Context, _ *read.Match) { tell(x, p1(diagnose.Undecryptable, 5)) }},
	{Text: "received Hash Payload does not match computed value", Do: func(x *read.Context, _ *read.Match) { tell(x, p1(diagnose.HashMismatch, 0)) }},
	{Text: "data does not match computed value", Do: unreadable},
	{Text: "mode peer ID is {type}: '{offered}'", Do: peerIs},
	{Text: "Peer ID is {type}: '{offered}'", Do: peerIs},
	{Text: "we require peer to have ID '{wanted}', but peer declares '{offered}'", Do: wrongIdentity},
	{Text: "we require IKEv1 peer to have ID '{wanted}', but peer declares '{offered}'", Do: wrongIdentity},
	{Text: "no suitable connection for peer '{offered}'", Do: wrongIdentity},
	{Text: "Peer ID '{offered}' mismatched on first found connection and no better connection found", Do: wrongIdentity},
	{Text: "Peer ID '{offered}' is not specified on the certificate", Do: wrongIdentity},
	{Text: "peer ID {type} '{offered}' does not match expected '{wanted}'", Do: wrongIdentity},
	{Text: "does not match certificate subject", Do: wrongIdentity},
	{Text: "peer certificate subjectAltName extension does not match {type} '{wanted}'", Do: wrongIdentity},
	{Text: "peer certificate contains no subjectAltName extension to match", Do: wrongIdentity},
	{Text: "I am sending my cert", Do: signs},
	{Text: "sent IKE_AUTH request to {addr} with {RSA|ECDSA|digital-signature}", Do: func(x *read.Context, hit *read.Match) {
		reach(x, "V2_I2")
		signs(x, hit)
	}},
	{Text: "authenticated peer certificate", Do: signs},
	{Text: "authenticated using RSA", Do: signs},
	{Text: "ID_DER_ASN1_DN '{offered}' needs further ID comparison against '{wanted}'", Quiet: true},
	{Text: "No policy for initiator with id={offered} (me", Do: wrongIdentity},
	{Text: "signature check for '{offered}' failed", Do: func(x *read.Context, _ *read.Match) { tell(x, p1(diagnose.SignatureInvalid, 5)) }},
	{Text: "RSA authentication failed", Do: func(x *read.Context, _ *read.Match) { tell(x, p1(diagnose.SignatureInvalid, 5)) }},
	{Text: "Signature check (on {offered}) failed", Do: func(x *read.Context, _ *read.Match) { tell(x, p1(diagnose.SignatureInvalid, 5)) }},
	{Text: "authentication failed: using raw {rest}", Do: func(x *read.Context, _ *read.Match) { tell(x, p1(diagnose.SignatureInvalid, 5)) }},
	{Text: "authentication failed: no certificate matched {rest}", Do: func(x *read.Context, _ *read.Match) { tell(x, p1(diagnose.IssuerUnknown, 5)) }},
	{Text: "no RSA public key known for {rest}", Do: func(x *read.Context, _ *read.Match) { tell(x, p1(diagnose.IssuerUnknown, 5)) }},
	{Text: "no public key known for {rest}", Do: func(x *read.Context, _ *read.Match) { tell(x, p1(diagnose.IssuerUnknown, 5)) }},
	{Text: "switched from \"{from}\" to \"{to}\"", Quiet: true},
}

// peerIs shows that an identity could be read: the keys of main mode agree.
func peerIs(x *read.Context, _ *read.Match) {
	if st := of(x).now; st != nil {
		st.read = true
	}
}

// unreadable is a payload that makes no sense. In an encrypted message of phase 1
// wrong keys are the reason; before, and when the keys have proven right, the
// message is at fault.
func unreadable(x *read.Context, hit *read.Match) {
	m, s := of(x), x.Session
	st := m.now
	if st != nil && st.unread && !strings.Contains(hit.Text, "probable") {
		return
	}
	if s == nil || st == nil {
		if strings.Contains(hit.Text, "probable") {
			tell(x, p1(diagnose.Undecryptable, 5))
		}
		return
	}
	if st.unread {
		return
	}
	switch {
	case s.Up && s.Role == diagnose.Responder && !m.asked(st):
		// an end that has not yet our proof answers it so
		st.unread = true
		o := p1(diagnose.RefusedUnread, 6)
		o.Detail = "cannot be decrypted"
		tell(x, o)
	case s.Up || st.read:
		o := diagnose.Observation{Kind: diagnose.Malformed, Phase: diagnose.Phase2}
		if !s.Up {
			o.Phase, o.Message = diagnose.Phase1, s.Received+1
		}
		tell(x, o)
	case s.Role == diagnose.Initiator && s.Sent >= 5:
		st.unread = true
		o := p1(diagnose.RefusedUnread, 5)
		o.Detail = "cannot be decrypted"
		tell(x, o)
	case s.Role == diagnose.Responder && s.Sent >= 4, s.Role == diagnose.RoleUnknown:
		st.unread = true
		tell(x, p1(diagnose.Undecryptable, 5))
	default:
		tell(x, p1(diagnose.Malformed, s.Received+1))
	}
}

// asked says whether there was a quick mode under a state of phase 1.
func (m *memory) asked(st *state) bool {
	for _, n := range m.order {
		if q := m.states[n]; q.quick && q.session == st.session {
			return true
		}
	}
	return false
}

// wrongIdentity is a peer whose proof could be read, and that is somebody else
// than the connection wants.
func wrongIdentity(x *read.Context, hit *read.Match) {
	o := x.Fill(hit)
	o.Kind, o.Phase, o.Message = diagnose.IdentityRefused, diagnose.Phase1, 5
	if s := x.Session; s != nil {
		o.Authentic = s.Sent >= 4 && of(x).now != nil && !of(x).now.aggressive && !strings.Contains(hit.Text, "certificate") && !strings.Contains(hit.Text, "no suitable")
		if s.Role == diagnose.Initiator {
			o.Message = 6
		}
	}
	tell(x, o)
}

// signs is the use of certificates instead of a secret.
func signs(x *read.Context, _ *read.Match) {
	st := of(x).now
	if st == nil || st.signs {
		return
	}
	st.signs = true
	o := p1(diagnose.OfferAccepted, 0)
	o.Attr, o.Offered = diagnose.AttrAuth, diagnose.Signatures
	tell(x, o)
}

// otherSecret is a proof of IKEv2, made with another secret. The identity can be
// read all the same: the keys are not made of the secret there.
func otherSecret(x *read.Context, _ *read.Match) {
	o := p1(diagnose.HashMismatch, 5)
	o.Attr = diagnose.AttrProtocol
	tell(x, o)
}

// errors are the notifies that refuse something.
var errors = []string{
	"NO_PROPOSAL_CHOSEN", "INVALID_ID_INFORMATION", "AUTHENTICATION_FAILED", "INVALID_KEY_INFORMATION", "INVALID_HASH_INFORMATION", "PAYLOAD_MALFORMED",
	"INVALID_PAYLOAD_TYPE", "UNEQUAL_PAYLOAD_LENGTHS", "INVALID_SIGNATURE", "INVALID_EXCHANGE_TYPE", "UNSUPPORTED_EXCHANGE_TYPE", "INVALID_MAJOR_VERSION",
	"INVALID_MINOR_VERSION", "ATTRIBUTES_NOT_SUPPORTED", "BAD_PROPOSAL_SYNTAX", "INVALID_TRANSFORM_ID", "INVALID_CERTIFICATE", "INVALID_CERT_AUTHORITY",
	"INVALID_COOKIE", "INVALID_SPI", "INVALID_FLAGS", "TS_UNACCEPTABLE", "INVALID_MESSAGE_ID", "SITUATION_NOT_SUPPORTED", "CERTIFICATE_UNAVAILABLE",
}

// notifies are what the peer tells, and what it is told.
var notifies = func() (all []read.Phrase) {
	for _, name := range errors {
		for _, text := range []string{"dropping unexpected IKE_SA_INIT message containing " + name + " notification", "received unauthenticated v2N_" + name,
			"unexpected IKE_SA_INIT message containing " + name + " notification", "IKE_AUTH response contained the error notification " + name,
			"ignoring informational payload, type " + name, "ignoring informational payload " + name, "ignoring secured informational payload " + name,
			"ignoring unsecured informational payload " + name, "ignoring informational payload, type ISAKMP_N_" + name, "received and ignored notification payload: " + name, "received unencrypted notify " + name} {
			secured := strings.Contains(text, " secured ") || strings.Contains(text, "IKE_AUTH")
			all = append(all, read.Phrase{Text: text, Do: func(x *read.Context, _ *read.Match) { told(x, name, secured) }})
		}
	}
	return append(all,
		read.Phrase{Text: "IKE SA authentication request rejected by peer: {name}", Do: rejected},
		read.Phrase{Text: "sending notification {name} to {addr}", Do: sent},
		read.Phrase{Text: "sending encrypted notification {name} to {addr}", Do: sent},
		read.Phrase{Text: "ignoring informational payload, type {rest}", Quiet: true},
		read.Phrase{Text: "received and ignored informational message", Quiet: true},
	)
}()

// rejected is the answer to IKEv2's proof.
func rejected(x *read.Context, hit *read.Match) {
	told(x, strings.TrimPrefix(strings.Trim(hit.Hole("name"), ". "), "v2N_"), true)
}

// told is an error that the peer tells: of phase 1 until that is up.
func told(x *read.Context, name string, secured bool) {
	m, s := of(x), x.Session
	o := p1(diagnose.NotifyReceived, 0)
	o.Detail, o.Authentic = strings.ReplaceAll(name, "_", "-"), secured
	if name == "TS_UNACCEPTABLE" {
		o.Detail = "INVALID-ID-INFORMATION"
	}
	if name == "NO_PROPOSAL_CHOSEN" && (strings.Contains(string(x.Text), "IKE_SA_INIT") || strings.Contains(string(x.Text), "v2N_")) {
		o.Attr = diagnose.AttrProtocol // it may have the connection for IKEv1
	}
	if name == "AUTHENTICATION_FAILED" {
		if text := string(x.Text); strings.Contains(text, "IKE_AUTH") || strings.Contains(text, "IKE SA authentication") {
			o.Attr = diagnose.AttrProtocol // IKEv2's keys say nothing of the pre-shared one
		}
		secured = false // of phase 1, whatever protects it
	}
	switch {
	case name == "INVALID_COOKIE" || name == "INVALID_SPI":
		o.Kind, o.Phase = diagnose.InvalidSPITold, diagnose.PhaseLife
	case s == nil:
		if m.now == nil && !m.from.IsValid() && secured {
			o.Phase, o.Role = diagnose.Phase2, diagnose.Initiator
		}
	case s.Up || secured && s.Sent < 5 || m.now != nil && m.now.quick || s.Sent+s.Received == 0 && notPhase1(name):
		o.Phase, o.Authentic, o.Role = diagnose.Phase2, true, diagnose.Initiator
		o.Pair = m.pairUnder(m.now)
	default:
		o.Message = s.Sent
	}
	tell(x, o)
}

// notPhase1 says whether an error that comes without a context is about quick
// mode as a rule.
func notPhase1(name string) bool { return name == "INVALID_ID_INFORMATION" }

// pairUnder is the pair of the last quick mode under a state of phase 1.
func (m *memory) pairUnder(st *state) string {
	for i := len(m.order) - 1; i >= 0 && st != nil; i-- {
		if q := m.states[m.order[i]]; q.quick && q.session == st.session {
			return q.pair
		}
	}
	return ""
}

// sent names the peer's address. An error for a packet of no state is told for the
// refusal that it is, where the reason is not told.
func sent(x *read.Context, hit *read.Match) {
	if x.Session == nil && of(x).from.IsValid() && hit.Hole("name") == "NO_PROPOSAL_CHOSEN" {
		tell(x, p1(diagnose.ExchangeFailed, 1))
	}
	if s := x.Session; s != nil {
		peer := hit.Addr("addr")
		x.SetPeer(s, peer, s.Local)
		if m := of(x); m.name != "" && peer.IsValid() && m.now != nil {
			m.learn(x, m.name, peer)
		}
	}
}
