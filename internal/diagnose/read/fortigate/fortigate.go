// Package fortigate reads what FortiOS prints of IKE: `diagnose debug application
// ike`, and the event log of VPNs.
//
// A line of the debug names its gateway or its cookies, and the sockets' lines
// the addresses: what names none belongs to the packet before.
//
// It must know no file and no clock.
package fortigate

import (
	"bytes"
	"net/netip"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// Vendor is FortiOS.
func Vendor() *read.Vendor {
	return &read.Vendor{
		Name:    "FortiGate",
		Marks:   []string{"ike 0:", "ike V=root", "ike shrank", "logdesc=\"IPsec", "ike Negotiate", "sent IKE msg"},
		Phrases: read.Join(packets, verdicts, offers, events),
		New:     func() any { return &memory{names: make(map[string]netip.Addr)} },
		Begin:   begin,
	}
}

// memory is what is remembered of a log.
type memory struct {
	gateway    string                // that the line names
	names      map[string]netip.Addr // peers of gateways
	mine       bool                  // the proposals that follow are this end's
	phase2     bool
	open       offer
	peers, own []offer
}

// offer is one proposal of a list.
type offer struct{ cipher, length, hash, group, auth, pfs string }

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

// begin finds the peer in a line of the event log.
func begin(x *read.Context) {
	m := of(x)
	if m.gateway = gateway(x.Text); m.gateway != "" && m.names[m.gateway].IsValid() {
		x.With(m.names[m.gateway])
	}
	if peer := read.After(x.Text, "remip=", "remoteip=", "rem_ip=", "remote_ip="); peer.IsValid() {
		x.With(peer)
	}
}

// gateway is the name in "ike 0:name:12: ..."; "" where cookies stand there.
func gateway(text []byte) string {
	_, rest, ok := bytes.Cut(text, []byte("ike 0:"))
	if !ok {
		return ""
	}
	name, _, ok := bytes.Cut(rest, []byte(":"))
	if !ok || len(name) == 0 || len(name) > 40 || bytes.ContainsAny(name, " /") {
		return ""
	}
	return string(name)
}

// maxNames bounds what is remembered of gateways.
const maxNames = 512

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
	{Text: "could not send IKE Packet({what}): {rest}: error {n}:{detail}", Do: sendRefused},
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
	if m := of(x); m.gateway != "" && len(m.names) < maxNames {
		m.names[m.gateway] = peer
	}
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
	o := p1(diagnose.SendRefused, 1)
	o.Detail = strings.ToLower(hit.Hole("detail"))
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
	{Text: "negotiation failure", Quiet: true},
	says("probable pre-shared secret mismatch", p1(diagnose.Undecryptable, 5)),
	says("probable preshared secret mismatch", p1(diagnose.Undecryptable, 5)),
	says("probable pre-shared key mismatch", p1(diagnose.Undecryptable, 5)),
	says("failed to match peer selectors", p2(diagnose.ProxyRefused, 1)),
	says("specified selectors mismatch", p2(diagnose.ProxyRefused, 1)),
	says("no matching phase2 found", p2(diagnose.ProxyRefused, 1)),
	says("no matching gateway for new request", p1(diagnose.NoConnection, 1)),
	says("ignoring IKE request, no policy configured", p1(diagnose.NotEnabled, 1)),
	says("ignoring request to establish IPsec SA, no policy configured", p1(diagnose.NotEnabled, 1)),
	says("peer identifier {rest} does not match", p1(diagnose.IdentityRefused, 5)),
	says("gw validation failed", p1(diagnose.IdentityRefused, 5)),
	says("mismatched peer ID", p1(diagnose.IdentityRefused, 5)),
	{Text: "PFS is disabled but peer sent KE", Do: pfs},
	{Text: "PFS is required but", Do: pfs},
	says("invalid ESP packet detected (HMAC validation failed)", diagnose.Observation{Kind: diagnose.DataDropped, Phase: diagnose.PhaseData, Detail: "authentication failed", Count: 3}),
	says("invalid ESP packet detected (replayed packet)", diagnose.Observation{Kind: diagnose.ReplaySeen, Phase: diagnose.PhaseData, Count: 3}),
	says("Received ESP packet with unknown SPI", diagnose.Observation{Kind: diagnose.InvalidSPI, Phase: diagnose.PhaseLife}),
	says("unknown SPI {rest}", diagnose.Observation{Kind: diagnose.InvalidSPI, Phase: diagnose.PhaseLife}),
	says("link fail {rest}", diagnose.Observation{Kind: diagnose.PeerDead, Phase: diagnose.PhaseLife}),
	says("DPD fail", diagnose.Observation{Kind: diagnose.PeerDead, Phase: diagnose.PhaseLife}),
	says("XAUTH authentication failed", diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig}),
	says("XAUTH user {name} authentication failed", diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig}),
	{Text: "notify msg received: {name}", Do: notify},
	{Text: "recv INFORMATIONAL, {name}", Do: notify},
	{Text: "received notify type {name}", Do: notify},
	{Text: "notify-payload: {name}", Do: notify},
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
	name := strings.ReplaceAll(strings.ToUpper(strings.TrimRight(hit.Hole("name"), ".")), "_", "-")
	if !errors[name] {
		return
	}
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

// events are lines of the event log, which are lists of values.
var events = []read.Phrase{
	{Text: "peer SA proposal not match local policy", Do: eventProposal},
	{Text: "IPsec phase 1 error", Quiet: true},
	{Text: "IPsec phase 2 error", Quiet: true},
	{Text: "progress IPsec phase 1", Do: progress},
	{Text: "IPsec DPD failed", Do: func(x *read.Context, _ *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.PeerDead, Phase: diagnose.PhaseLife})
	}},
	{Text: "IPsec ESP error", Quiet: true},
	{Text: "reason=\"peer notification\"", Quiet: true},
	{Text: "reason=\"peer irresponsive\"", Do: func(x *read.Context, hit *read.Match) {
		if s := x.Session; s != nil && s.Sent == 0 {
			s.Role, s.Sent = diagnose.Initiator, 1
			x.Tell(p1(diagnose.MessageSent, 1))
		}
		gaveUp(x, hit)
	}},
}

// progress is a step of phase 1 that failed.
func progress(x *read.Context, _ *read.Match) {
	text := string(x.Text)
	s := x.Session
	if s == nil || !strings.Contains(text, `status="success"`) {
		return
	}
	if strings.Contains(text, `result="DONE"`) && !s.Up {
		s.Up = true
		x.Tell(p1(diagnose.Phase1Up, 0))
	}
}

func eventProposal(x *read.Context, _ *read.Match) {
	if strings.Contains(string(x.Text), "phase 2") {
		o := p2(diagnose.Phase2OfferRefused, 1)
		o.Role = diagnose.Responder
		x.Tell(o)
		return
	}
	o := p1(diagnose.AllOffersRefused, 1)
	o.Role = diagnose.Responder
	x.Tell(o)
}
