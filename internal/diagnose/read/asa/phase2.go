package asa

import (
	"net/netip"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// phase2 is quick mode.
var phase2 = read.Join([]read.Phrase{
	does("IKE Initiator starting QM", func(x *read.Context, _ *read.Match) {
		if s := x.Session; s != nil {
			s.Up = true
			saOf(s).quick = true
		}
		tell(x, diagnose.Observation{Kind: diagnose.MessageSent, Phase: diagnose.Phase2, Message: 1, Role: diagnose.Initiator})
	}),
	does("IKE Responder starting QM", func(x *read.Context, _ *read.Match) {
		if s := x.Session; s != nil {
			s.Up = true
			saOf(s).quick = true
		}
		tell(x, diagnose.Observation{Kind: diagnose.MessageReceived, Phase: diagnose.Phase2, Message: 1, Role: diagnose.Responder})
	}),
	does("PHASE 2 COMPLETED", installed),
	does("Security negotiation complete for", installed),
	does("All IPSec SA proposals found unacceptable", refused2),
	does("IPSec SA proposals found unacceptable", refused2),
	does("Phase 2 failure: Mismatched attribute types for class {class}: Rcv'd: {offered} Cfg'd: {wanted}", mismatched2),
	does("Session is being torn down. Reason: {rest}", tornDown),
	does("Rejecting IPSec tunnel: no matching crypto map entry for remote proxy {there} local proxy {here} on interface {place}", func(x *read.Context, match *read.Match) {
		proxiesRefused(x, match.Hole("here"), match.Hole("there"))
	}),
	does("Rejecting IPSec tunnel: no matching crypto map entry", func(x *read.Context, _ *read.Match) { proxiesRefused(x, "", "") }),
	does("no matching crypto map entry for", func(x *read.Context, _ *read.Match) { proxiesRefused(x, "", "") }),
	does("{Crypto Map Policy not found|Policy not found} for Src:{here}, Dst: {there}!", func(x *read.Context, match *read.Match) {
		proxiesRefused(x, match.Hole("here"), match.Hole("there"))
	}),
	does("Crypto Map Policy not found", func(x *read.Context, _ *read.Match) { proxiesRefused(x, "", "") }),
	does("IKE Initiator unable to find policy: Intf {place}, Src: {here}, Dst: {there}", func(x *read.Context, match *read.Match) {
		x.TellApart(diagnose.Observation{Kind: diagnose.NoMatch, Count: 1, Place: match.Hole("place"), Pair: pair(match.Hole("here"), match.Hole("there"))})
	}),
	does("proxy ID mismatch", func(x *read.Context, _ *read.Match) { proxiesRefused(x, "", "") }),
	says("Received invalid {local|remote} Proxy Range", diagnose.ProxyRefused, diagnose.Phase2, 1),
	says("Overriding phase 2 DH Group", diagnose.PFSRefused, diagnose.Phase2, 1),
	says("Detected invalid Diffie-Helmann", diagnose.PFSRefused, diagnose.Phase2, 1),
	says("Received Invalid SPI notify", diagnose.InvalidSPITold, diagnose.PhaseLife, 0),
	says("Tunnel rejected: SA {} not found for group", diagnose.ProxyRefused, diagnose.Phase2, 1),
	does("PHASE 2 FAILED", func(x *read.Context, _ *read.Match) {
		tell(x, diagnose.Observation{Kind: diagnose.QuickFailed, Phase: diagnose.Phase2, Message: 1})
	}),
	does("QM FSM error", func(x *read.Context, _ *read.Match) {
		if s := x.Session; s != nil {
			saOf(s).quick = true
		}
		tell(x, diagnose.Observation{Kind: diagnose.QuickFailed, Phase: diagnose.Phase2, Message: 1})
	}),
	does("IKE QM {Initiator|Responder} FSM error history {rest}", func(x *read.Context, match *read.Match) {
		if strings.Contains(match.Hole("rest"), "QM_WAIT_MSG2, EV_TIMEOUT") || strings.Contains(match.Hole("rest"), "QM_WAIT_MSG2, EV_RETRY") {
			tell(x, diagnose.Observation{Kind: diagnose.GaveUp, Phase: diagnose.Phase2, Message: 1, Role: diagnose.Initiator})
			return
		}
		tell(x, diagnose.Observation{Kind: diagnose.QuickFailed, Phase: diagnose.Phase2, Message: 1})
	}),
	does("{PFS|Invalid PFS|Perfect Forward Secrecy} {mismatch|group mismatch|is required|not matched}", func(x *read.Context, _ *read.Match) {
		tell(x, diagnose.Observation{Kind: diagnose.PFSRefused, Phase: diagnose.Phase2, Message: 1, Attr: diagnose.AttrGroup})
	}),
	does("Received remote IP Proxy Subnet data in ID Payload: Address {a}, Mask {m}, Protocol {p}, Port {q}", func(x *read.Context, match *read.Match) { side(x, match, true) }),
	does("Received local IP Proxy Subnet data in ID Payload: Address {a}, Mask {m}, Protocol {p}, Port {q}", func(x *read.Context, match *read.Match) { side(x, match, false) }),
	does("Static Crypto Map Check by-passed: Crypto map entry incomplete", nil2),
	does("Received ID payload{}mismatch", func(x *read.Context, _ *read.Match) {
		tell(x, diagnose.Observation{Kind: diagnose.NotifyReceived, Phase: diagnose.Phase2, Detail: "INVALID-ID-INFORMATION", Authentic: true})
	}),
	does("Tunnel Rejected: {rest}", func(x *read.Context, match *read.Match) { tornDown(x, match) }),
	does("Overriding Initiator's IPSec rekeying duration", shorter),
	does("Responder forcing change of IPSec rekeying duration", shorter),
}, read.Known("Static Crypto Map check", "Removing peer from correlator table failed", "processing IPSec SA payload", "IPSec SA Proposal # {}acceptable", "IKE: requesting SPI",
	"IKE got SPI from key engine", "oakley constucting quick mode", "oakley constructing quick mode", "constructing blank hash", "constructing IPSec SA payload",
	"constructing IPSec nonce payload", "constructing proxy ID", "constructing qm hash payload", "Transmitting Proxy Id", "Loading all IPSEC SAs", "Generating Quick Mode Key",
	"Pitcher: received KEY", "Starting P2 rekey timer", "QM IsRekeyed old sa not found", "loading all IPSEC SAs", "NP encrypt rule look up for crypto map", "Matches global IPSec SA entry",
	"Sending RESPONDER LIFETIME notification", "IKE received response of type", "Local subnet:", "Remote subnet:"))

// quick is a packet of another exchange than phase 1.
func quick(x *read.Context, kind diagnose.Kind, payloads string) {
	if !strings.Contains(payloads, "SA (1)") || !strings.Contains(payloads, "HASH (8)") {
		return
	}
	s := x.Session
	if s != nil {
		s.Up = true
		saOf(s).quick = true
	}
	tell(x, diagnose.Observation{Kind: kind, Phase: diagnose.Phase2, Message: 1})
}

func installed(x *read.Context, _ *read.Match) {
	if s := x.Session; s != nil {
		s.Up = true
		saOf(s).quick = false
	}
	tell(x, diagnose.Observation{Kind: diagnose.Phase2Up, Phase: diagnose.Phase2})
}

func refused2(x *read.Context, _ *read.Match) {
	if s := x.Session; s != nil {
		saOf(s).quick = true
	}
	tell(x, diagnose.Observation{Kind: diagnose.Phase2OfferRefused, Phase: diagnose.Phase2, Message: 1})
}

func mismatched2(x *read.Context, match *read.Match) {
	wanted := match.Hole("wanted")
	if _, rest, ok := strings.Cut(string(x.Text), "Cfg'd: "); ok {
		wanted = strings.TrimSpace(rest)
	}
	o := diagnose.Observation{Kind: diagnose.TransformRefused, Phase: diagnose.Phase2, Message: 1, Attr: diagnose.AttrTransform, Offered: match.Hole("offered"), Wanted: wanted}
	switch class := strings.ToLower(match.Hole("class")); {
	case strings.Contains(class, "group"):
		o.Kind, o.Attr, o.Offered, o.Wanted = diagnose.PFSRefused, diagnose.AttrGroup, value(o.Offered), value(o.Wanted)
	case strings.Contains(class, "encaps"):
		o.Attr = diagnose.AttrMode
	case strings.Contains(class, "auth"), strings.Contains(class, "hmac"):
		o.Attr = diagnose.AttrIntegrity
	case strings.Contains(class, "key length"):
		o.Attr = diagnose.AttrKeyLength
	}
	tell(x, o)
}

// tornDown is why a session ends.
func tornDown(x *read.Context, match *read.Match) {
	why := strings.ToLower(match.Hole("rest"))
	switch {
	case strings.Contains(why, "policy not found"):
		proxiesRefused(x, "", "")
	case strings.Contains(why, "phase 2 mismatch"):
		refused2(x, match)
	case strings.Contains(why, "phase 1 mismatch"):
		refused(x, match)
	default:
		ended(x, why)
	}
}

// proxiesRefused is traffic that the peer asks for and that is in no access list.
// The ASA names the remote network first; observations this side's.
func proxiesRefused(x *read.Context, here, there string) {
	if s := x.Session; s != nil {
		saOf(s).quick = true
	}
	tell(x, diagnose.Observation{Kind: diagnose.ProxyRefused, Phase: diagnose.Phase2, Message: 1, Pair: pair(here, there)})
}

func pair(here, there string) string {
	a, b := proxy(here), proxy(there)
	if a == "" || b == "" {
		return ""
	}
	return a + " - " + b
}

// proxy is one side of the traffic, from "10.1.1.0/255.255.255.0/0/0".
func proxy(v string) string {
	f := strings.Split(strings.Trim(v, ",;()! "), "/")
	a, err := netip.ParseAddr(f[0])
	if err != nil {
		return ""
	}
	words := a.String()
	if len(f) > 1 {
		if m, err := netip.ParseAddr(f[1]); err == nil && m.Is4() && a.Is4() {
			bits := 0
			for _, b := range m.As4() {
				for ; b&0x80 != 0; b <<= 1 {
					bits++
				}
			}
			if bits < 32 {
				words = netip.PrefixFrom(a, bits).Masked().String()
			}
		}
	}
	if len(f) > 2 {
		switch f[2] {
		case "0", "":
		case "1":
			words += " icmp"
		case "6":
			words += " tcp"
		case "17":
			words += " udp"
		case "47":
			words += " gre"
		default:
			words += " protocol " + f[2]
		}
	}
	if len(f) > 3 && f[3] != "0" && f[3] != "" {
		words += " port " + f[3]
	}
	return words
}

// side is the peer's proxy identity, then ours.
func side(x *read.Context, match *read.Match, remote bool) {
	v := proxy(match.Hole("a") + "/" + match.Hole("m") + "/" + match.Hole("p") + "/" + match.Hole("q"))
	memory := saOf(x.Session)
	if remote {
		memory.pair = v
		return
	}
	if memory.pair != "" && v != "" {
		memory.pair = v + " - " + memory.pair
	}
}

func shorter(x *read.Context, _ *read.Match) {
	tell(x, diagnose.Observation{Kind: diagnose.LifetimeShorter, Phase: diagnose.PhaseLife})
}
