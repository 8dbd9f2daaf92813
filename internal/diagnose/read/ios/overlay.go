package ios

import (
	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

func overlaySays(text, why string) read.Phrase {
	return read.Phrase{Text: text, Tell: diagnose.Observation{Kind: diagnose.OverlayDown, Phase: diagnose.PhaseData, Detail: why}}
}

// overlay is what runs in the tunnel: GRE and NHRP.
var overlay = read.Join([]read.Phrase{
	overlaySays("%TUN-5-RECURDOWN", "the route to the tunnel's destination leads into the tunnel itself"),
	overlaySays("temporarily disabled due to recursive routing", "the route to the tunnel's destination leads into the tunnel itself"),
	overlaySays("NHRP: {Authentication failed|authentication mismatch|Authentication failure}", "the NHRP authentication strings differ"),
	overlaySays("%NHRP-3-PAKERROR", "NHRP refuses a packet"),
	overlaySays("NHRP: {} authentication string mismatch", "the NHRP authentication strings differ"),
	overlaySays("NHRP{}Authentication Failure", "the NHRP authentication strings differ"),
	overlaySays("NHRP{}error code: Administratively prohibited", "the next hop server refuses the registration"),
	overlaySays("GRE: {} key mismatch", "the tunnel keys differ"),
	does("req-sent {count} req-failed {failed} repl-recv {n}", func(x *read.Context, match *read.Match) {
		if match.Number("count") > 0 && match.Number("n") == 0 {
			x.TellApart(diagnose.Observation{Kind: diagnose.OverlayDown, Phase: diagnose.PhaseData, Standing: true, Detail: "the next hop server answers no NHRP registration"})
		}
	}),
	does("Type: incomplete, Flags: negative", func(x *read.Context, _ *read.Match) {
		x.TellApart(diagnose.Observation{Kind: diagnose.OverlayDown, Phase: diagnose.PhaseData, Standing: true, Detail: "NHRP has no answer for an address"})
	}),
	does("Peer NBMA Addr Peer Tunnel Add State", func(x *read.Context, _ *read.Match) {
		remember(x).tables.dmvpn, x.Block = true, true
	}),
	overlaySays("NHRP: {} Encap error", "NHRP packets cannot be sent into the tunnel"),
	overlaySays("%DMVPN-3-DMVPN_NHRP_ERROR", "NHRP registration fails"),
})

// noise is harmless, or is no more than where a log was made.
var noise = read.Join([]read.Phrase{
	harmless("peer does not do paranoid keepalives", "`peer does not do paranoid keepalives` says only that the peer sends no keepalives of an old kind"),
	harmless("is not CSDL compliant", "`CSDL` lines say only that a default policy has weak algorithms, and is not used"),
	harmless("algorithmis not CSDL", "`CSDL` lines say only that a default policy has weak algorithms, and is not used"),
	harmless("Failed to find peer index node to update peer_info_list", "`peer_info_list` is bookkeeping: the peer was forgotten already"),
}, read.Known("Crypto ISAKMP debugging is on", "Crypto IPSEC debugging is on", "Type escape sequence to abort", "Error while processing SA request",
	"Error while processing KMI message", "debug crypto {isakmp|ipsec|engine|pki}"))

func harmless(text, why string) read.Phrase {
	return read.Phrase{Text: text, Tell: diagnose.Observation{Kind: diagnose.Harmless, Detail: why}}
}
