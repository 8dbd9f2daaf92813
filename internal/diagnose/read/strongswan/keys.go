package strongswan

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// keys are about secrets, identities and the choice of a connection by them.
var keys = []read.Phrase{
	{Text: "no shared key found for {rest}", Do: noKey},
	{Text: "no shared key found", Do: noKey},
	{Text: "key derivation for {what} failed", Do: func(x *read.Context, _ *read.Match) { missing(x) }},
	{Text: "no private key found for {rest}", Do: noPrivateKey},
	{Text: "no {RSA|ECDSA} private key found for {rest}", Do: noPrivateKey},
	{Text: "looking for {what} peer configs matching {rest}", Do: looking},
	{Text: "looking for peer configs matching {rest}", Do: looking},
	{Text: "no peer config found", Do: noPeer},
	{Text: "no matching peer config found", Do: noPeer},
	{Text: "found {n} matching {config|configs}, but none allows {what} authentication using {mode} Mode", Do: noneAllows},
	{Text: "selected peer config {rest}", Quiet: true},
	{Text: "peer supports MOBIKE", Quiet: true},
	{Text: "authentication of '{id}' (myself) successful", Do: signs},
	{Text: "authentication of '{id}' (myself) with RSA", Do: signs},
	{Text: "sending end entity cert", Do: signs},
	{Text: "no alternative config found", Do: noAlternative},
	{Text: "switching to peer config {rest}", Quiet: true},
	{Text: "IDir '{offered}' does not match to '{wanted}'", Do: func(x *read.Context, hit *read.Match) {
		o := x.Fill(hit)
		o.Kind, o.Phase, o.Message, o.Role, o.Authentic = diagnose.IdentityRefused, diagnose.Phase1, 6, diagnose.Initiator, true
		if s := x.Session; s != nil && stateOf(s).aggressive {
			o.Message, o.Authentic = 2, false
		}
		x.Tell(o)
	}},
	{Text: "received IDr {offered}, but require {wanted}", Tell: diagnose.Observation{Kind: diagnose.IdentityRefused, Phase: diagnose.Phase1, Message: 6, Role: diagnose.Initiator}},
	{Text: "constraint check failed: {kind}identity '{wanted}' {more}required, not matched by '{offered}'", Tell: diagnose.Observation{Kind: diagnose.IdentityRefused, Phase: diagnose.Phase1, Message: 6}},
	{Text: "constraint check failed: {kind}identity '{wanted}' required", Tell: diagnose.Observation{Kind: diagnose.IdentityRefused, Phase: diagnose.Phase1, Message: 6}},
	{Text: "constraint check failed: identity '{wanted}' {more}required, not matched by '{offered}'", Tell: diagnose.Observation{Kind: diagnose.IdentityRefused, Phase: diagnose.Phase1, Message: 6}},
	{Text: "constraint check failed: identity '{wanted}' required", Tell: diagnose.Observation{Kind: diagnose.IdentityRefused, Phase: diagnose.Phase1, Message: 6}},
	{Text: "constraint check failed: certificate does not confirm identity '{wanted}'", Tell: diagnose.Observation{Kind: diagnose.IdentityRefused, Phase: diagnose.Phase1, Message: 6}},
	{Text: "constraint check failed: peer not authenticated by CA '{wanted}'", Tell: diagnose.Observation{Kind: diagnose.IssuerUnknown, Phase: diagnose.Phase1, Message: 6}},
	{Text: "tried {n} shared {key|keys} for '{wanted}' - '{offered}', but MAC mismatched", Tell: diagnose.Observation{Kind: diagnose.HashMismatch, Phase: diagnose.Phase1}},
	{Text: "received {offered} authentication, but configured {wanted}, continue with configured", Quiet: true},
	{Text: "configuration uses unsupported authentication", Do: func(x *read.Context, _ *read.Match) {
		if s := x.Session; s == nil || !stateOf(s).unproved {
			x.Tell(diagnose.Observation{Kind: diagnose.NoUsablePolicy, Phase: diagnose.Phase1, Message: 1, Attr: diagnose.AttrUnknown})
		}
	}},
	{Text: "{Main|Aggressive} Mode authorization hook forbids IKE_SA", Quiet: true},
	{Text: "canceling {Main|Aggressive} Mode due to uniqueness policy", Quiet: true},
}

// noKey is a search that found nothing. Charon goes on with another one, so that
// what it says is kept until it is seen what came of it.
func noKey(x *read.Context, hit *read.Match) {
	o := diagnose.Observation{Kind: diagnose.KeyMissing, Phase: diagnose.Phase1, Message: 3, Offered: hit.Hole("rest"), Time: x.Time()}
	o.Evidence = x.Quote()
	s := x.Session
	if s == nil {
		x.Tell(o)
		return
	}
	st := stateOf(s)
	last := st.key != nil || !strings.Contains(o.Offered, "'") || st.v2
	switch {
	case st.v2: // it is looked for when proofs are made and read
		o.Message = 5
	case s.Role == diagnose.Initiator:
		o.Message = 4
	}
	st.key, st.keyAt = &o, s.Sent+s.Received
	if last {
		missing(x)
	}
}

// missing tells that no search found a key.
func missing(x *read.Context) {
	s := x.Session
	if s == nil {
		return
	}
	if st := stateOf(s); st.key != nil {
		o := *st.key
		st.key = nil
		x.Tell(o)
	}
}

// noPrivateKey is an end that cannot prove itself.
func noPrivateKey(x *read.Context, hit *read.Match) {
	o := diagnose.Observation{Kind: diagnose.ProofMissing, Phase: diagnose.Phase1, Message: 5, Offered: strings.Trim(hit.Hole("rest"), "' ")}
	if s := x.Session; s != nil {
		stateOf(s).unproved = true
	}
	x.Tell(o)
}

// signs is the use of certificates instead of a secret.
func signs(x *read.Context, _ *read.Match) {
	x.Tell(diagnose.Observation{Kind: diagnose.OfferAccepted, Phase: diagnose.Phase1, Attr: diagnose.AttrAuth, Offered: diagnose.Signatures})
}

// looking keeps the identity that a connection is looked for by:
// "10.0.0.1...10.0.0.2[id]", or "10.0.0.1[me]...10.0.0.2[id]" of IKEv2.
func looking(x *read.Context, hit *read.Match) {
	s := x.Session
	if s == nil {
		return
	}
	_, remote, _ := strings.Cut(hit.Hole("rest"), "...")
	_, id := ends(strings.TrimSpace(remote))
	stateOf(s).wanted = id
}

// noPeer is a proof that could be read and fits no connection: its identity, or
// the method, is another one. The keys agree, or it could not have been read.
func noPeer(x *read.Context, _ *read.Match) {
	o := diagnose.Observation{Kind: diagnose.IdentityRefused, Phase: diagnose.Phase1, Message: 5, Role: diagnose.Responder}
	if s := x.Session; s != nil {
		o.Offered = stateOf(s).wanted
	}
	x.Tell(o)
}

// near is how many lines behind its reason a verdict may stand.
const near = 4

// noAlternative is a proof that no connection takes: its identity is another one
// than is wanted, or its certificate does not do, which the lines before say.
func noAlternative(x *read.Context, _ *read.Match) {
	if m := of(x); m.method > 0 && x.Number-m.method < near {
		return // it has been told why
	}
	o := diagnose.Observation{Kind: diagnose.IdentityRefused, Phase: diagnose.Phase1, Message: 5, Role: diagnose.Responder, Attr: diagnose.AttrUnknown}
	if s := x.Session; s != nil {
		o.Offered = stateOf(s).wanted
	}
	x.Tell(o)
}

// noneAllows is a connection that wants another mode, or another method: XAUTH
// where the other end has none, most often.
func noneAllows(x *read.Context, hit *read.Match) {
	o := diagnose.Observation{Kind: diagnose.AggressiveMode, Phase: diagnose.Phase1, Message: 1, Attr: diagnose.AttrMode}
	what := hit.Hole("what")
	switch {
	case strings.EqualFold(hit.Hole("mode"), "aggressive") && !of(x).aggressive: // which has to be allowed, and seldom is
		o.Detail = "no connection here allows " + what + " in aggressive mode"
	case strings.Contains(strings.ToLower(what), "xauth"), strings.Contains(strings.ToLower(what), "hybrid"):
		o = diagnose.Observation{Kind: diagnose.XauthUnexpected, Phase: diagnose.PhaseConfig, Detail: "no connection here allows " + what}
	case strings.Contains(what, "signature"): // aggressive mode is seldom wanted with certificates
		otherMethod(what)(x, hit)
		return
	case of(x).xauth && !of(x).aggressive:
		o = diagnose.Observation{Kind: diagnose.XauthUnexpected, Phase: diagnose.PhaseConfig, Detail: "the connection here wants XAUTH, and the peer offers " + what + " alone"}
	default:
		o.Detail = "no connection here allows " + what + " in " + strings.ToLower(hit.Hole("mode")) + " mode"
	}
	x.Tell(o)
}
