// Package fortigate reads what FortiOS prints of IKE: `diagnose debug application
// ike`, and the event log of VPNs.
//
// A line of the debug names its gateway or its cookies, and the number of its
// negotiation; the sockets' lines name the addresses. What names none belongs to
// the packet before. Lines of several negotiations may be mixed.
//
// It must know no file and no clock.
//
// The files: fortigate.go (the debug), prefix.go (whose a line is), offers.go,
// events.go (the event log) and shows.go.
package fortigate

import (
	"net/netip"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// Vendor is FortiOS.
func Vendor() *read.Vendor {
	return &read.Vendor{
		Name:    "FortiGate",
		Marks:   []string{"ike 0:", "ike V=", "ike shrank", "logdesc=\"IPsec", "ike Negotiate", "sent IKE msg"},
		Phrases: read.Join(packets, verdicts, offers, events, shows),
		New:     func() any { return newMemory() },
		Begin:   begin,
	}
}

// memory is what is remembered of a log.
type memory struct {
	line    prefix
	peers   map[string]netip.Addr // by names of gateways and numbers of negotiations
	reasons map[string]bool       // numbers of negotiations of which it is known why they fail
	lists   map[string]*lists     // by numbers of negotiations
	last    *lists                // to which something was added last
	row     row
	rows    uint64 // tunnels of tables
}

func newMemory() *memory {
	return &memory{peers: make(map[string]netip.Addr), reasons: make(map[string]bool), lists: make(map[string]*lists)}
}

func of(x *read.Context) *memory { return x.Memory.(*memory) }

func p1(kind diagnose.Kind, message int) diagnose.Observation {
	return diagnose.Observation{Kind: kind, Phase: diagnose.Phase1, Message: message}
}

func p2(kind diagnose.Kind, message int) diagnose.Observation {
	return diagnose.Observation{Kind: kind, Phase: diagnose.Phase2, Message: message}
}

func says(text string, o diagnose.Observation) read.Phrase {
	return read.Phrase{Text: text, Tell: o, Do: func(x *read.Context, hit *read.Match) {
		o := x.Fill(hit)
		if o.Phase == diagnose.Phase2 && x.Session != nil {
			o.Role = diagnose.Responder
		}
		x.Tell(o)
	}}
}

// packets are the lines of the sockets and of the exchanges.
var packets = []read.Phrase{
	{Text: "comes {peer}->{local},ifindex=", Do: func(x *read.Context, hit *read.Match) { came(x, hit) }},
	{Text: "sent IKE msg ({what}): {local}->{peer}, len=", Do: sent},
	{Text: "responder: main mode get 1st message", Do: got(diagnose.Responder, 1, false)},
	{Text: "responder: main mode get 2nd message", Do: got(diagnose.Responder, 3, false)},
	{Text: "responder: main mode get 3rd message", Do: got(diagnose.Responder, 5, false)},
	{Text: "initiator: main mode get 1st response", Do: got(diagnose.Initiator, 2, false)},
	{Text: "initiator: main mode get 2nd response", Do: got(diagnose.Initiator, 4, false)},
	{Text: "initiator: main mode get 3rd response", Do: got(diagnose.Initiator, 6, false)},
	{Text: "responder: aggressive mode get 1st message", Do: got(diagnose.Responder, 1, true)},
	{Text: "initiator: aggressive mode get 1st response", Do: got(diagnose.Initiator, 2, true)},
	{Text: "responder: aggressive mode get 2nd response", Do: got(diagnose.Responder, 3, true)},
	{Text: "initiator: main mode is sending 1st message", Do: begins},
	{Text: "initiator: aggressive mode is sending 1st message", Do: begins},
	{Text: "responder received first quick-mode message", Do: quick},
	{Text: "initiating quick-mode", Quiet: true},
	{Text: "established IKE SA {rest}", Do: up},
	{Text: "PSK authentication succeeded", Quiet: true},
	{Text: "IPsec SA connect {rest}", Quiet: true},
	{Text: "IPsec phase 2 status changed", Quiet: true},
	{Text: "added IPsec SA: SPIs={rest}", Do: func(x *read.Context, _ *read.Match) { x.Tell(p2(diagnose.Phase2Up, 0)) }},
	{Text: "NAT detected: {rest}", Do: func(x *read.Context, hit *read.Match) { nat(x, hit) }},
	{Text: "negotiation timeout, deleting", Do: gaveUp},
	{Text: "connection expiring due to phase1 down", Do: gaveUp},
	{Text: "could not send IKE Packet({what}){ends}: error {n}:{rest}", Do: sendRefused},
}

func came(x *read.Context, hit *read.Match) {
	s := x.With(hit.Addr("peer"))
	x.SetPeer(s, hit.Addr("peer"), hit.Addr("local"))
	if s != nil && strings.HasSuffix(hit.Hole("local"), ":4500") && !s.Up {
		x.Tell(p1(diagnose.PortsFloated, 0))
	}
}

func begins(x *read.Context, _ *read.Match) {
	if s := x.Session; s != nil {
		s.Role = diagnose.Initiator
	}
}

// sent is a message with the name of the function that sent it.
func sent(x *read.Context, hit *read.Match) {
	peer := hit.Addr("peer")
	s := x.With(peer)
	if s == nil {
		return
	}
	x.SetPeer(s, peer, hit.Addr("local"))
	of(x).bind(peer)
	what := hit.Hole("what")
	switch {
	case what == "P1_RETRANSMIT", what == "retransmit" && !s.Up:
		o := p1(diagnose.Retransmitted, max(1, s.Sent))
		x.Tell(o)
		return
	case what == "P2_RETRANSMIT", what == "retransmit":
		x.Tell(diagnose.Observation{Kind: diagnose.Retransmitted, Phase: diagnose.Phase2, Message: 1, Role: diagnose.Initiator})
		return
	case strings.HasPrefix(what, "quick_i1"):
		s.Up = true
		x.Tell(diagnose.Observation{Kind: diagnose.MessageSent, Phase: diagnose.Phase2, Message: 1, Role: diagnose.Initiator})
		return
	}
	number := map[string]int{"ident_i1send": 1, "ident_r1send": 2, "ident_i2send": 3, "ident_r2send": 4, "ident_i3send": 5, "ident_r3send": 6, "agg_i1send": 1, "agg_r1send": 2, "agg_i2send": 3}[what]
	if number == 0 {
		return
	}
	if number == 1 && s.Sent > 0 {
		s = x.Fresh("with " + peer.String())
		x.SetPeer(s, peer, hit.Addr("local"))
	}
	s.Role = diagnose.Responder
	if strings.Contains(what, "_i") {
		s.Role = diagnose.Initiator
	}
	s.Sent = max(s.Sent, number)
	x.Tell(p1(diagnose.MessageSent, number))
	if strings.HasSuffix(hit.Hole("local"), ":4500") && number == 5 {
		x.Tell(p1(diagnose.PortsFloated, 0))
	}
}

func got(role diagnose.Role, number int, aggressive bool) func(*read.Context, *read.Match) {
	return func(x *read.Context, _ *read.Match) {
		s := x.Session
		if s == nil {
			s = x.Fresh("?")
		}
		if number == 1 && s.Received > 0 {
			peer, local := s.Peer, s.Local
			s = x.Fresh("with " + peer.String())
			x.SetPeer(s, peer, local)
		}
		s.Role, s.Received = role, max(s.Received, number)
		of(x).bind(s.Peer)
		x.Tell(p1(diagnose.MessageReceived, number))
	}
}

func quick(x *read.Context, _ *read.Match) {
	if s := x.Session; s != nil {
		s.Up = true
	}
	x.Tell(diagnose.Observation{Kind: diagnose.MessageReceived, Phase: diagnose.Phase2, Message: 1, Role: diagnose.Responder})
}

func up(x *read.Context, _ *read.Match) {
	if s := x.Session; s != nil {
		s.Up = true
	}
	x.Tell(p1(diagnose.Phase1Up, 0))
}

func nat(x *read.Context, hit *read.Match) {
	o := p1(diagnose.NATFound, 0)
	o.Detail = "peer"
	text := hit.Hole("rest")
	switch {
	case strings.Contains(text, "ME") && strings.Contains(text, "PEER"):
		o.Detail = "both"
	case strings.Contains(text, "ME"):
		o.Detail = "here"
	}
	x.Tell(o)
}

func gaveUp(x *read.Context, _ *read.Match) {
	s := x.Session
	if s == nil || s.Up {
		return
	}
	if s.Role == diagnose.RoleUnknown {
		s.Role = diagnose.Initiator
	}
	x.Tell(p1(diagnose.GaveUp, s.Sent))
}

func sendRefused(x *read.Context, hit *read.Match) {
	if _, to, ok := strings.Cut(hit.Hole("ends"), "->"); ok {
		to, _, _ = strings.Cut(to, ",")
		x.With(read.Addr(to))
	}
	o := p1(diagnose.SendRefused, 1)
	o.Detail = strings.ToLower(hit.Hole("rest"))
	if strings.Contains(o.Detail, "unreachable") {
		o.Kind = diagnose.NoRoute
		if s := x.Session; s != nil {
			o.Detail = diagnose.ToPeer(s.Peer)
		}
	}
	x.Tell(o)
}

// verdicts are what is wrong, in the debug's words.
var verdicts = []read.Phrase{
	{Text: "no SA proposal chosen", Do: noProposal},
	{Text: "no proposal chosen", Do: noProposal},
	{Text: "negotiation failure", Do: failure},
	{Text: "IPsec SA connect {rest} failed", Quiet: true},
	because("probable {pre-shared|preshared} {secret|key} mismatch", p1(diagnose.Undecryptable, 5)),
	because("possible {pre-shared|preshared} {secret|key} mismatch", p1(diagnose.Undecryptable, 5)),
	because("PSK authentication failed", p1(diagnose.HashMismatch, 5)),
	because("peer ID mismatch", p1(diagnose.IdentityRefused, 5)),
	because("failed to match peer selectors", p2(diagnose.ProxyRefused, 1)),
	because("specified selectors mismatch", p2(diagnose.ProxyRefused, 1)),
	because("no matching phase2 found", p2(diagnose.ProxyRefused, 1)),
	because("no matching gateway for new request", p1(diagnose.NoConnection, 1)),
	because("ignoring IKE request, no policy configured", p1(diagnose.NotEnabled, 1)),
	because("ignoring request to establish IPsec SA, no policy configured", p1(diagnose.NotEnabled, 1)),
	because("peer identifier {rest} does not match", p1(diagnose.IdentityRefused, 5)),
	because("gw validation failed", p1(diagnose.IdentityRefused, 5)),
	because("gateway validation failed", p1(diagnose.IdentityRefused, 5)),
	because("mismatched peer ID", p1(diagnose.IdentityRefused, 5)),
	because("certificate validation failed", p1(diagnose.CertificateRefused, 5)),
	because("aggressive vs main mode mismatch", otherMode),
	because("encapsulation mode mismatch", encapsulation),
	{Text: "PFS is disabled but peer sent KE", Do: pfs},
	{Text: "PFS is required but", Do: pfs},
	says("invalid ESP packet detected (HMAC validation failed)", diagnose.Observation{Kind: diagnose.DataDropped, Phase: diagnose.PhaseData, Detail: "authentication failed", Count: 3}),
	says("invalid ESP packet detected (replayed packet)", diagnose.Observation{Kind: diagnose.ReplaySeen, Phase: diagnose.PhaseData, Count: 3}),
	says("Received ESP packet with unknown SPI", diagnose.Observation{Kind: diagnose.InvalidSPI, Phase: diagnose.PhaseLife}),
	says("unknown SPI {rest}", diagnose.Observation{Kind: diagnose.InvalidSPI, Phase: diagnose.PhaseLife}),
	says("link fail {rest}", diagnose.Observation{Kind: diagnose.PeerDead, Phase: diagnose.PhaseLife}),
	says("DPD fail", diagnose.Observation{Kind: diagnose.PeerDead, Phase: diagnose.PhaseLife}),
	says("XAUTH authentication failed", userRefused),
	says("XAUTH user {name} authentication failed", userRefused),
	says("XAUTH failed for user", userRefused),
	says("XAUTH {n} result FNBAM_DENIED", userRefused),
	{Text: "notify msg received: {name}", Do: notify},
	{Text: "recv INFORMATIONAL, {name}", Do: notify},
	{Text: "received notify type {name}", Do: notify},
	{Text: "processing notify type {name}", Do: notify},
	{Text: "peer responded with error: {name}", Do: notify},
	{Text: "notify-payload: {name}", Do: notify},
}

var (
	userRefused   = diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig}
	otherMode     = diagnose.Observation{Kind: diagnose.AggressiveMode, Phase: diagnose.Phase1, Message: 1, Attr: diagnose.AttrMode, Detail: "one end wants aggressive mode, the other main mode"}
	encapsulation = diagnose.Observation{Kind: diagnose.TransformRefused, Phase: diagnose.Phase2, Message: 1, Attr: diagnose.AttrMode}
)

// because is a phrase that says why a negotiation fails. That no proposal is chosen,
// which FortiOS says in the end whatever it does not like, then tells nothing.
func because(text string, o diagnose.Observation) read.Phrase {
	p := says(text, o)
	tell := p.Do
	p.Do = func(x *read.Context, hit *read.Match) {
		of(x).know()
		tell(x, hit)
	}
	return p
}

func pfs(x *read.Context, _ *read.Match) {
	o := p2(diagnose.PFSRefused, 1)
	o.Attr, o.Role = diagnose.AttrGroup, diagnose.Responder
	x.Tell(o)
}

// errors are the notifies that refuse something.
var errors = map[string]bool{
	"NO-PROPOSAL-CHOSEN": true, "INVALID-ID-INFORMATION": true, "AUTHENTICATION-FAILED": true, "INVALID-KEY-INFORMATION": true, "INVALID-HASH-INFORMATION": true,
	"PAYLOAD-MALFORMED": true, "INVALID-PAYLOAD-TYPE": true, "INVALID-EXCHANGE-TYPE": true, "INVALID-MAJOR-VERSION": true, "UNEQUAL-PAYLOAD-LENGTHS": true,
}

func notify(x *read.Context, hit *read.Match) {
	told(x, hit.Hole("name"))
}

// told is the name of a notify.
func told(x *read.Context, word string) {
	name := strings.ReplaceAll(strings.ToUpper(strings.TrimRight(word, ".")), "_", "-")
	if name == "TS-UNACCEPTABLE" { // IKEv2's word for the networks
		o := p2(diagnose.NotifyReceived, 1)
		o.Detail, o.Authentic, o.Role = "INVALID-ID-INFORMATION", true, diagnose.Initiator
		x.Tell(o)
		return
	}
	if !errors[name] {
		return
	}
	of(x).know()
	o := p1(diagnose.NotifyReceived, 0)
	o.Detail = name
	if s := x.Session; s != nil {
		if s.Up {
			o.Phase, o.Authentic, o.Role = diagnose.Phase2, true, diagnose.Initiator
		} else {
			o.Message = s.Sent
		}
	}
	x.Tell(o)
}
