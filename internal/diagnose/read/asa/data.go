package asa

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

func apart(text string, o diagnose.Observation) read.Phrase {
	return read.Phrase{Text: text, Tell: o, Do: func(x *read.Context, match *read.Match) { x.TellApart(x.Fill(match)) }}
}

// data is what happens to packets, inside the tunnel and before it.
var data = []read.Phrase{
	apart("Received an ESP packet {} from {peer} (user= {}) to {local} with an invalid SPI", diagnose.Observation{Kind: diagnose.InvalidSPI, Phase: diagnose.PhaseLife}),
	apart("Received an ESP packet {} from {peer} to {local} with an invalid SPI", diagnose.Observation{Kind: diagnose.InvalidSPI, Phase: diagnose.PhaseLife}),
	apart("with an invalid SPI", diagnose.Observation{Kind: diagnose.InvalidSPI, Phase: diagnose.PhaseLife}),
	apart("Received an ESP packet {} from {peer} (user= {}) to {local}. The decapsulated inner packet doesn't match the negotiated policy", diagnose.Observation{Kind: diagnose.DataDropped, Phase: diagnose.PhaseData, Count: 1, Detail: "selector mismatch"}),
	apart("doesn't match the negotiated policy in the SA", diagnose.Observation{Kind: diagnose.DataDropped, Phase: diagnose.PhaseData, Count: 1, Detail: "selector mismatch"}),
	apart("Received a non-IPSec packet (protocol= {}) from {peer} to {local}", diagnose.Observation{Kind: diagnose.ClearTextSeen, Phase: diagnose.PhaseData, Count: 1}),
	apart("Received an ESP packet {} from {peer} (user= {}) to {local} that failed anti-replay checking", diagnose.Observation{Kind: diagnose.ReplaySeen, Phase: diagnose.PhaseData, Count: 1}),
	apart("that failed anti-replay checking", diagnose.Observation{Kind: diagnose.ReplaySeen, Phase: diagnose.PhaseData, Count: 1}),
	apart("Received an ESP packet {} from {peer} (user= {}) to {local} that failed authentication", diagnose.Observation{Kind: diagnose.DataDropped, Phase: diagnose.PhaseData, Count: 1, Detail: "authentication failed"}),
	apart("that failed authentication", diagnose.Observation{Kind: diagnose.DataDropped, Phase: diagnose.PhaseData, Count: 1, Detail: "authentication failed"}),
	does("An {outbound|inbound} {} SA (SPI= {}) between {local} and {peer} (user= {}) has been {what}", func(x *read.Context, match *read.Match) {
		o := diagnose.Observation{Kind: diagnose.Phase2Up, Phase: diagnose.Phase2, Peer: match.Addr("peer"), Local: match.Addr("local")}
		if strings.HasPrefix(match.Hole("what"), "deleted") {
			o.Kind = diagnose.SADeleted
		}
		x.TellApart(o)
	}),
	apart("hardware accelerator encountered an error", diagnose.Observation{Kind: diagnose.PlatformLimit}),
	apart("attempt to allocate a large memory block failed", diagnose.Observation{Kind: diagnose.PlatformLimit}),
	apart("denied due to NAT reverse path failure", diagnose.Observation{Kind: diagnose.NATBefore, Phase: diagnose.PhaseData}),
	apart("Asymmetric NAT rules matched", diagnose.Observation{Kind: diagnose.NATBefore, Phase: diagnose.PhaseData}),
	apart("No translation group found for", diagnose.Observation{Kind: diagnose.NATBefore, Phase: diagnose.PhaseData}),
	apart("portmap translation creation failed for", diagnose.Observation{Kind: diagnose.NATBefore, Phase: diagnose.PhaseData}),
	apart("regular translation creation failed for", diagnose.Observation{Kind: diagnose.NATBefore, Phase: diagnose.PhaseData}),
	apart("Routing failed to locate next hop for {detail}", diagnose.Observation{Kind: diagnose.NoRoute}),
	apart("No route to {detail} from", diagnose.Observation{Kind: diagnose.NoRoute}),
}
