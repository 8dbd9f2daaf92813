package gateways

import (
	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// l2tp is what runs over IPsec in transport mode: xl2tpd and pppd, and the pppd of
// macOS, which tells how its IPsec goes as well.
func l2tp() *read.Vendor {
	return &read.Vendor{
		Name:  "L2TP",
		Marks: []string{"xl2tpd[", "pppd[", "pppd:", "L2TP sent ", "L2TP received "},
		Phrases: []read.Phrase{
			{Text: "L2TP connecting to server '{name}' ({peer})", Do: connecting},
			{Text: "IPSec phase 1 client started", Do: clientStarted},
			{Text: "IPSec phase 1 server replied", Do: serverReplied},
			{Text: "IPSec phase 2 started", Do: quickStarted},
			{Text: "IPSec phase 2 established", Do: underUp},
			{Text: "IPSec connection established", Do: underUp},
			{Text: "IPSec connection failed", Do: underFailed},
			{Text: "L2TP cannot connect to the server", Do: unconnected},
			{Text: "Connection established to {peer}, {port}. Local: {n}", Do: controlUp},
			{Text: "L2TP connection established", Do: controlUp},
			{Text: "Call established with {peer}, {rest}", Do: controlUp},
			{Text: "Maximum retries exceeded for tunnel", Do: unconnected},
			{Text: "LCP: timeout sending Config-Requests", Tell: over("PPP gets no answer")},
			{Text: "{CHAP|PAP|EAP} authentication failed", Tell: userRefused},
			{Text: "failed {CHAP|PAP|EAP} authentication", Tell: userRefused},
			{Text: "peer refused to authenticate", Tell: userRefused},
			{Text: "MS-CHAPv2 mutual authentication failed", Tell: userRefused},
			{Text: "No auth is possible", Tell: userRefused},
			{Text: "This system lacks kernel support for PPP", Tell: lacking("the kernel has no PPP")},
			{Text: "open the /dev/ppp device: {rest}", Tell: lacking("the kernel has no PPP")},
			{Text: "init_network: Unable to bind socket: {detail}. Terminating", Tell: p1(diagnose.SendRefused, 0)},
			{Text: "Connecting to host {peer}, port {port}", Quiet: true},
			{Text: "{CHAP|PAP} authentication succeeded", Quiet: true},
			{Text: "Plugin pppol2tp.so loaded", Quiet: true},
		},
		New:   func() any { return &link{} },
		Begin: func(x *read.Context) { x.Session = x.Known(underKey) },
	}
}

// link is what is remembered of an L2TP tunnel.
type link struct{ up bool }

// underKey is the one session that these logs tell of.
const underKey = "under"

// over is something that fails above IPsec; the reader does not know why.
func over(what string) diagnose.Observation {
	return diagnose.Observation{Kind: diagnose.OverlayDown, Phase: diagnose.PhaseData, Attr: diagnose.AttrUnknown, Detail: what}
}

func lacking(what string) diagnose.Observation {
	return diagnose.Observation{Kind: diagnose.SupportMissing, Detail: what}
}

// connecting begins a connection of macOS's.
func connecting(x *read.Context, hit *read.Match) {
	s := x.Fresh(underKey)
	s.Role = diagnose.Initiator
	x.SetPeer(s, hit.Addr("peer"), s.Local)
	x.Memory.(*link).up = false
}

func clientStarted(x *read.Context, _ *read.Match) {
	if x.Session == nil {
		x.Fresh(underKey).Role = diagnose.Initiator
	}
	sent(x, 1)
}

func serverReplied(x *read.Context, _ *read.Match) {
	if s := x.Session; s != nil {
		s.Received = 2
		x.Tell(p1(diagnose.MessageReceived, 2))
		sent(x, 3)
	}
}

func sent(x *read.Context, message int) {
	x.Session.Sent = message
	x.Tell(p1(diagnose.MessageSent, message))
}

func quickStarted(x *read.Context, _ *read.Match) {
	if s := x.Session; s != nil {
		s.Up = true
		x.Tell(phase1Up)
	}
}

func underUp(x *read.Context, _ *read.Match) {
	if s := x.Session; s != nil {
		s.Up = true
		x.Tell(phase2Up)
	}
}

// underFailed is IPsec that does not come up: at the first message, behind the
// answer to it, or in quick mode.
func underFailed(x *read.Context, _ *read.Match) {
	s := x.Session
	switch {
	case s == nil:
	case s.Up:
		x.Tell(p2(diagnose.QuickFailed, 0))
	case s.Received > 0: // most often the proof
		x.Tell(p1(diagnose.RefusedUnread, 5))
	case s.Sent > 0:
		x.Tell(p1(diagnose.GaveUp, 1))
	}
}

func controlUp(x *read.Context, _ *read.Match) { x.Memory.(*link).up = true }

// unconnected is a tunnel whose first message is not answered. One that was up ends so
// when the other end has gone.
func unconnected(x *read.Context, _ *read.Match) {
	m := x.Memory.(*link)
	if !m.up {
		x.Tell(over("L2TP gets no answer"))
	}
	m.up = false
}
