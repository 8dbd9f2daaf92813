package ios

import (
	"net/netip"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// life are ends of SAs, dead peer detection, deletes, XAUTH and addresses.
var life = read.Join([]read.Phrase{
	does("deleting SA reason {detail} state ({role}) {rest}", deletedState),
	does("deleting SA reason {rest}", deleted),
	does("processing DELETE payload", func(x *read.Context, _ *read.Match) {
		saOf(x.Session).deleting = true
		x.Tell(diagnose.Observation{Kind: diagnose.DeleteReceived, Phase: diagnose.Phase1, Authentic: true})
	}),
	does("DPD incrementing error counter", func(x *read.Context, _ *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.DPDUnanswered, Phase: diagnose.PhaseLife})
	}),
	does("DPD/R_U_THERE_ACK received", func(x *read.Context, _ *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.DPDAnswered, Phase: diagnose.PhaseLife})
	}),
	does("peer {peer} not responding", func(x *read.Context, match *read.Match) {
		remember(x).about(x, match.Addr("peer"), netip.Addr{})
		x.Tell(diagnose.Observation{Kind: diagnose.PeerDead, Phase: diagnose.PhaseLife})
	}),
	does("has no SA and is not an initialization offer", func(x *read.Context, _ *read.Match) { noSA(x, netip.Addr{}) }),
	does("IKE message from {peer} has no SA and is not an initialization offer", func(x *read.Context, match *read.Match) { noSA(x, match.Addr("peer")) }),
	does("{received packet|packet} from {peer} {} not an initialization offer", func(x *read.Context, match *read.Match) { noSA(x, match.Addr("peer")) }),
	does("processing responder lifetime", func(x *read.Context, _ *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.LifetimeShorter, Phase: diagnose.PhaseLife})
	}),
	does("ignoring request to send delete notify (no ISAKMP sa) src {local} dst {peer} for SPI", func(x *read.Context, match *read.Match) {
		remember(x).ends(match.Addr("local"), match.Addr("peer"))
		x.TellApart(diagnose.Observation{Kind: diagnose.DeleteUnsent, Phase: diagnose.PhaseLife, Peer: match.Addr("peer"), Local: match.Addr("local")})
	}),
	read.Says("Failed to allocate {ip|IP} address", diagnose.PoolEmpty, diagnose.PhaseConfig, 0),
	read.Says("XAuthenticate fail", diagnose.XauthRejected, diagnose.PhaseConfig, 0),
	read.Says("XAUTH {authentication failed|failed}", diagnose.XauthRejected, diagnose.PhaseConfig, 0),
	read.Says("XAUTH_STATUS_V2 {XAUTH-FAIL|FAIL}", diagnose.XauthRejected, diagnose.PhaseConfig, 0),
	does("retransmitting phase 2 CONF_XAUTH {rest}", func(x *read.Context, _ *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.XauthUnanswered, Phase: diagnose.PhaseConfig})
	}),
	does("No IP address pool defined", func(x *read.Context, _ *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.PoolEmpty, Phase: diagnose.PhaseConfig, Detail: "no pool is defined"})
	}),
}, read.Known("Need XAUTH", "Config payload", "checking request:", "checking SET:", "XAUTH ACK Processed",
	"initiating peer config to", "responding to peer config from", "processing transaction payload from", "attributes sent in message", "allocating address",
	"Sending private address", "Sending subnet mask", "Talking to a Unity Client", "Author request for group", "Author response for group", "Xauth process", "Deleting IPSEC SA",
	"IPSEC(delete_sa)", "IPSEC(key_engine_delete_sas)", "Enqueued KEY_MGR_DELETE_SAS", "Sending NOTIFY DPD/R_U_THERE", "seq. no 0x", "DPD/R_U_THERE received from peer"))

// reasons are why IOS deletes an SA, and what it tells besides.
var reasons = []struct {
	words   string
	kind    diagnose.Kind
	phase   diagnose.Phase
	message int
}{
	{"Death by retransmission P1", diagnose.GaveUp, diagnose.Phase1, 0},
	{"Death by retransmission P2", diagnose.GaveUp, diagnose.Phase2, 1},
	{"Death by retransmission", diagnose.GaveUp, diagnose.Phase1, 0},
	{"PEERS_ALIVE_TIMER", diagnose.PeerDead, diagnose.PhaseLife, 0},
	{"IKE SA Lifetime Exceeded", diagnose.LifetimeEnded, diagnose.PhaseLife, 0},
	{"BY user command", diagnose.OperatorCleared, diagnose.PhaseLife, 0},
	{"Fail to allocate ip address", diagnose.PoolEmpty, diagnose.PhaseConfig, 0},
	{"Failed to allocate ip address", diagnose.PoolEmpty, diagnose.PhaseConfig, 0},
	{"XAuthenticate fail", diagnose.XauthRejected, diagnose.PhaseConfig, 0},
	{"SA policy proposal not accepted", diagnose.AllOffersRefused, diagnose.Phase1, 1},
	{"No pre-shared key", diagnose.KeyMissing, diagnose.Phase1, 1},
}

func deletedState(x *read.Context, match *read.Match) {
	m := remember(x)
	if _, who, ok := strings.Cut(match.Hole("rest"), "(peer "); ok {
		m.about(x, read.Addr(firstWord(who)), netip.Addr{})
	}
	if x.Session != nil {
		setRole(x.Session, role(match.Hole("role")))
	}
	gone(x, strings.Trim(match.Hole("detail"), `"' `), firstWord(match.Hole("rest")))
}

func deleted(x *read.Context, match *read.Match) {
	why := match.Hole("rest")
	if why == "" {
		why = string(x.Text)
	}
	gone(x, strings.Trim(why, `"' `), "")
}

// gone is the end of an SA, with its reason.
func gone(x *read.Context, why, state string) {
	s := x.Session
	for _, r := range reasons {
		if !strings.Contains(why, r.words) {
			continue
		}
		if s != nil && saOf(s).over {
			break
		}
		n := r.message
		if r.kind == diagnose.GaveUp && r.phase == diagnose.Phase1 {
			if _, ok := stateMessages[state]; ok {
				n = lastMessage(s, state)
			} else if s != nil {
				n = s.Sent
			}
		}
		x.Tell(diagnose.Observation{Kind: r.kind, Phase: r.phase, Message: n})
		break
	}
	if s == nil {
		return
	}
	memory := saOf(s)
	if memory.deleting && strings.Contains(why, "No reason") {
		why = "Deleted by the peer"
	}
	if !memory.over {
		x.Tell(diagnose.Observation{Kind: diagnose.SADeleted, Phase: diagnose.Phase1, Detail: why})
	}
	memory.over, s.Up = true, false
}

func noSA(x *read.Context, peer netip.Addr) {
	remember(x).ends(netip.Addr{}, peer)
	x.TellApart(diagnose.Observation{Kind: diagnose.NoSAForMessage, Phase: diagnose.PhaseLife, Peer: peer})
}
