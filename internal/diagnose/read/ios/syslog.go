package ios

import (
	"net/netip"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// apart is a phrase about a peer that needs no SA.
func apart(text string, o diagnose.Observation) read.Phrase {
	return read.Phrase{Text: text, Tell: o, Do: func(x *read.Context, match *read.Match) {
		filled := x.Fill(match)
		remember(x).ends(filled.Local, filled.Peer)
		x.TellApart(filled)
	}}
}

// syslog are the messages that need no debug.
var syslog = read.Join([]read.Phrase{
	apart("has invalid spi for destaddr={local}, prot={}, spi={}, srcaddr={peer}", diagnose.Observation{Kind: diagnose.InvalidSPI, Phase: diagnose.PhaseLife}),
	apart("rec'd IPSEC packet has invalid spi", diagnose.Observation{Kind: diagnose.InvalidSPI, Phase: diagnose.PhaseLife}),
	apart("Rec'd packet not an IPSEC packet{}dest_addr= {local}, src_addr= {peer}, prot", diagnose.Observation{Kind: diagnose.ClearTextSeen, Phase: diagnose.PhaseData, Count: 1}),
	apart("Rec'd packet not an IPSEC packet", diagnose.Observation{Kind: diagnose.ClearTextSeen, Phase: diagnose.PhaseData, Count: 1}),
	apart("identity doesn't match negotiated identity", diagnose.Observation{Kind: diagnose.DataDropped, Phase: diagnose.PhaseData, Count: 1, Detail: "selector mismatch"}),
	apart("mac verify failed for connection id={}local={local} remote={peer} spi", diagnose.Observation{Kind: diagnose.DataDropped, Phase: diagnose.PhaseData, Count: 1, Detail: "authentication failed"}),
	apart("mac verify failed", diagnose.Observation{Kind: diagnose.DataDropped, Phase: diagnose.PhaseData, Count: 1, Detail: "authentication failed"}),
	apart("IPSec SA receives HMAC error", diagnose.Observation{Kind: diagnose.DataDropped, Phase: diagnose.PhaseData, Count: 1, Detail: "authentication failed"}),
	apart("replay check failed", diagnose.Observation{Kind: diagnose.ReplaySeen, Phase: diagnose.PhaseData, Count: 1}),
	apart("IPSec SA receives anti-replay error{}src_addr {peer}, dest_addr {local}, SPI", diagnose.Observation{Kind: diagnose.ReplaySeen, Phase: diagnose.PhaseData, Count: 1}),
	apart("receives anti-replay error", diagnose.Observation{Kind: diagnose.ReplaySeen, Phase: diagnose.PhaseData, Count: 1}),
	apart("Processing of {Main|Aggressive} mode failed with peer at {peer}", diagnose.Observation{Kind: diagnose.ExchangeFailed, Phase: diagnose.Phase1}),
	apart("Processing of {Main|Aggressive} mode failed with peer {peer}", diagnose.Observation{Kind: diagnose.ExchangeFailed, Phase: diagnose.Phase1}),
	apart("SA negotiation failed", diagnose.Observation{Kind: diagnose.ExchangeFailed, Phase: diagnose.Phase1}),
	apart("decrypted packet failed SA identity check", diagnose.Observation{Kind: diagnose.DataDropped, Phase: diagnose.PhaseData, Count: 1, Detail: "selector mismatch"}),
	apart("packet-rx error: ESP sequence fail", diagnose.Observation{Kind: diagnose.ReplaySeen, Phase: diagnose.PhaseData, Count: 1}),
	apart("hmac verification failed", diagnose.Observation{Kind: diagnose.DataDropped, Phase: diagnose.PhaseData, Count: 1, Detail: "authentication failed"}),
	apart("%CRYPTO-4-RECVD_PKT_INV_IDENTITY", diagnose.Observation{Kind: diagnose.DataDropped, Phase: diagnose.PhaseData, Count: 1, Detail: "selector mismatch"}),
	apart("%IPSEC-3-REPLAY_ERROR", diagnose.Observation{Kind: diagnose.ReplaySeen, Phase: diagnose.PhaseData, Count: 1}),
	apart("%IPSEC-3-HMAC_ERROR", diagnose.Observation{Kind: diagnose.DataDropped, Phase: diagnose.PhaseData, Count: 1, Detail: "authentication failed"}),
	apart("will remain disabled until a peer and a valid access list have been configured", diagnose.Observation{Kind: diagnose.Harmless, Detail: "a new crypto map entry is disabled until it has a peer and an access list"}),
	apart("This crypto map is in an incomplete state", diagnose.Observation{Kind: diagnose.MapIncomplete, Place: "the crypto map entry", Detail: "peer, access list or transform set"}),
	apart("Querying key pair failed", diagnose.Observation{Kind: diagnose.ExchangeFailed, Phase: diagnose.Phase1}),
	apart("IKE denied an {INCOMING|OUTGOING} SA request", diagnose.Observation{Kind: diagnose.AdmissionLimit, Phase: diagnose.Phase1}),
	apart("IKE SA LIMIT REACHED", diagnose.Observation{Kind: diagnose.AdmissionLimit, Phase: diagnose.Phase1}),
	apart("Maximum tunnel limit of", diagnose.Observation{Kind: diagnose.PlatformLimit}),
	apart("Crypto {throughput|tunnel} limit", diagnose.Observation{Kind: diagnose.PlatformLimit}),
	apart("Maximum {Tx|Rx} Bandwidth limit of", diagnose.Observation{Kind: diagnose.PlatformLimit}),
	apart("for securityk9 technology package license", diagnose.Observation{Kind: diagnose.PlatformLimit}),
	apart("Packet Encryption/Decryption error", diagnose.Observation{Kind: diagnose.PlatformLimit}),
	apart("crypto_engine_select_crypto_engine: can't handle any more", diagnose.Observation{Kind: diagnose.PlatformLimit}),
	apart("{encryption hardware failed|Hardware crypto engine failed|crypto engine failed}", diagnose.Observation{Kind: diagnose.PlatformLimit}),
	apart("CRYPTO-{4|3}-IKMP_PKT_OVERFLOW", diagnose.Observation{Kind: diagnose.Malformed, Phase: diagnose.Phase1}),
	apart("sent a message with an unknown exchange", diagnose.Observation{Kind: diagnose.Malformed, Phase: diagnose.Phase1}),
	apart("Group: {detail} does not exist", diagnose.Observation{Kind: diagnose.GroupMissing, Phase: diagnose.Phase1, Message: 1}),
	does("Crypto tunnel is {UP|DOWN} . Peer {peer}:{port} {rest}", session),
	does("ISAKMP is OFF", func(x *read.Context, _ *read.Match) { remember(x).tables.off = x.Quote() }),
	does("ISAKMP is ON", func(x *read.Context, _ *read.Match) { remember(x).tables.off = diagnose.Evidence{} }),
	does("fail_reason:{rest}", setupFailed),
	does("Version 2 is not supported", func(x *read.Context, _ *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.OtherIKEVersion, Phase: diagnose.Phase1, Message: 1})
	}),
	does("IKEv2:{}Received Packet [From {peer}:{port}/To {local}:{port2}", func(x *read.Context, match *read.Match) {}),
}, read.Known("%CRYPTO-6-ISAKMP_ON_OFF", "CRYPTO-5-SESSION_STATUS", "CRYPTO-5-IKMP_SETUP_FAILURE", "ISAKMP_MANUAL_DELETE",
	"IKMP_NO_ID_CERT_ADDR_MATCH", "IKMP_NO_ID_CERT_FQDN_MATCH", "IKMP_NO_ID_CERT_USER_FQDN_MATCH", "IKMP_NO_ID_CERT_DN_MATCH"))

// session is a tunnel that came up or went down.
func session(x *read.Context, match *read.Match) {
	peer := match.Addr("peer")
	remember(x).ends(netip.Addr{}, peer)
	if strings.Contains(string(x.Text), "tunnel is UP") {
		x.TellApart(diagnose.Observation{Kind: diagnose.Phase2Up, Phase: diagnose.Phase2, Peer: peer})
		return
	}
	x.TellApart(diagnose.Observation{Kind: diagnose.SADeleted, Phase: diagnose.Phase2, Peer: peer})
}

// setupFailed is release 15's sentence about a negotiation that failed.
func setupFailed(x *read.Context, match *read.Match) {
	peer := netip.Addr{}
	if _, rest, ok := strings.Cut(string(x.Text), "remote:"); ok {
		peer = read.Addr(firstWord(rest))
	}
	remember(x).ends(netip.Addr{}, peer)
	o := diagnose.Observation{Kind: diagnose.ExchangeFailed, Phase: diagnose.Phase1, Peer: peer}
	why := strings.ToLower(match.Hole("rest"))
	switch {
	case strings.Contains(why, "policy"), strings.Contains(why, "proposal"):
		o.Kind, o.Message = diagnose.AllOffersRefused, 1
	case strings.Contains(why, "auth"):
		o.Kind, o.Message = diagnose.HashMismatch, 5
	case strings.Contains(why, "peer lost"), strings.Contains(why, "timeout"), strings.Contains(why, "retransmi"):
		o.Kind, o.Message = diagnose.GaveUp, 1
	}
	x.TellApart(o)
}
