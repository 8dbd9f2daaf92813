package ios

import (
	"net/netip"
	"strconv"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// flow is the traffic that the lines of IPsec speak of last.
type flow struct {
	local, remote netip.Addr
	here, there   string // proxies
}

// phase2 are quick mode and the debug of IPsec.
var phase2 = read.Join([]read.Phrase{
	does("beginning Quick Mode exchange", func(x *read.Context, match *read.Match) {
		up(x)
		step2(x, diagnose.MessageSent, 1, diagnose.Initiator)
	}),
	does("processing SA payload. message ID = {id}", func(x *read.Context, match *read.Match) {
		if match.Hole("id") == "0" || x.Session == nil {
			return
		}
		if saOf(x.Session).quick == 1 && x.Session.Role == diagnose.Initiator {
			step2(x, diagnose.MessageReceived, 2, diagnose.Initiator)
			return
		}
		up(x)
		step2(x, diagnose.MessageReceived, 1, diagnose.Responder)
	}),
	does("IPSEC(sa_request)", asked),
	does("IPSEC:(SESSION_ID = {n}) (sa_request)", asked),
	does("local= {local}, remote= {peer},", endpoints),
	does("src= {local}, dest= {peer},", endpoints),
	does("{local_proxy|src_proxy}= {v}", func(x *read.Context, match *read.Match) { remember(x).flow.here = proxy(match.Hole("v")) }),
	does("{remote_proxy|dest_proxy}= {v}", func(x *read.Context, match *read.Match) { remember(x).flow.there = proxy(match.Hole("v")) }),
	does("request timer fired: count = {count}", func(x *read.Context, match *read.Match) {
		x.Tell(remember(x).flow.about(diagnose.Observation{Kind: diagnose.Asked, Phase: diagnose.Phase2}))
	}),
	does("proxy identities not supported", proxiesRefused),
	does("proxy identities not {accepted|acceptable|allowed}", proxiesRefused),
	does("did not find matching map", proxiesRefused),
	does("no IPSEC cryptomap exists for local address {local}", func(x *read.Context, match *read.Match) {
		remember(x).ends(match.Addr("local"), netip.Addr{})
		o := diagnose.Observation{Kind: diagnose.NotEnabled, Phase: diagnose.Phase1, Message: 1, Local: match.Addr("local")}
		if x.Session != nil {
			o.Peer = x.Session.Peer
		}
		x.TellApart(o) // phase 1 may be up
	}),
	does("transform proposals not supported", transformRefused),
	does("transform proposal ({prot|port} {}, trans {}, hmac_alg {}) not supported", transformRefused),
	does("invalid proxy IDs", proxiesRefused),
	does("ACL = deny; no sa created", func(x *read.Context, _ *read.Match) {
		x.TellApart(diagnose.Observation{Kind: diagnose.NoMatch, Count: 1, Place: "the interface"})
	}),
	does("ACL = deny; sa request ignored", func(x *read.Context, _ *read.Match) {
		x.TellApart(diagnose.Observation{Kind: diagnose.NoMatch, Count: 1, Place: "the interface"})
	}),
	does("Packet dropped because {cryptomap|crypto map|map} {is incomplete|policy not found}", func(x *read.Context, _ *read.Match) {
		x.TellApart(diagnose.Observation{Kind: diagnose.MapIncomplete, Place: "the crypto map entry", Detail: "peer, access list or transform set"})
	}),
	does("invalid local address {local}", func(x *read.Context, match *read.Match) {
		remember(x).offer.proposal, remember(x).offer.refused = true, true
		x.Tell(diagnose.Observation{Kind: diagnose.WrongLocalAddress, Phase: diagnose.Phase2, Message: 1, Local: match.Addr("local"), Detail: match.Hole("local")})
	}),
	does("peer address {peer} not found", func(x *read.Context, match *read.Match) {
		x.TellApart(diagnose.Observation{Kind: diagnose.NoConnection, Phase: diagnose.Phase2, Message: 1, Peer: match.Addr("peer")})
	}),
	does("{transform|transforma} {proposal|} not supported for {rest}", transformRefused),
	does("transform proposal not supported", transformRefused),
	does("transform not supported by encryption hardware", transformRefused),
	does("invalid transform proposal flags", func(x *read.Context, _ *read.Match) {
		x.Tell(diagnose.Observation{Kind: diagnose.TransformRefused, Phase: diagnose.Phase2, Message: 1, Attr: diagnose.AttrMode, Offered: remember(x).offer.mode})
	}),
	does("IPSec policy invalidated proposal with error {n}", invalidated),
	does("IPSec policy invalidated proposal", func(x *read.Context, _ *read.Match) { refused2(x) }),
	does("phase 2 SA policy not acceptable! (local {local} remote {peer})", func(x *read.Context, match *read.Match) {
		remember(x).about(x, match.Addr("peer"), match.Addr("local"))
		refused2(x)
	}),
	does("IPSec SA proposals not acceptable", func(x *read.Context, _ *read.Match) { refused2(x) }),
	does("phase 2 SA policy not acceptable", func(x *read.Context, _ *read.Match) { refused2(x) }),
	does("PFS {is required|required} but not {offered|proposed}", pfsRefused),
	does("{PFS|DH} group {mismatch|not acceptable|does not match}", pfsRefused),
	does("processing NOTIFY {detail} protocol {n}", notified),
	does("Sending NOTIFY {detail} protocol {n}", func(x *read.Context, match *read.Match) {
		if name := notifyName(match.Hole("detail")); name == "NO-PROPOSAL-CHOSEN" && match.Hole("n") == "3" {
			refused2(x)
		}
	}),
	does("deleting node {n} error TRUE reason {rest}", nodeFailed),
	does("{Creating|creating} IPSec SAs", installed),
	does("QM done (await)", installed),
	does("IPSEC(create_sa): sa created", installed),
	does("retransmitting phase 2 {rest}", func(x *read.Context, match *read.Match) {
		if !strings.HasSuffix(match.Hole("rest"), "...") || strings.Contains(match.Hole("rest"), "CONF_") {
			return
		}
		n, r := 1, diagnose.Initiator
		if memory := saOf(x.Session); memory.quick == 2 || x.Session != nil && x.Session.Role == diagnose.Responder && memory.quick == 0 {
			n, r = 2, diagnose.Responder
		}
		x.Tell(remember(x).flow.about(diagnose.Observation{Kind: diagnose.Retransmitted, Phase: diagnose.Phase2, Message: n, Role: r}))
	}),
	does("Processing of Quick mode failed with peer at {peer}", func(x *read.Context, match *read.Match) {
		remember(x).ends(netip.Addr{}, match.Addr("peer"))
		x.TellApart(diagnose.Observation{Kind: diagnose.QuickFailed, Phase: diagnose.Phase2, Message: 1, Peer: match.Addr("peer")})
	}),
	does("Cannot accept Quick Mode exchange from {peer} if SA is not authenticated", func(x *read.Context, match *read.Match) {
		x.TellApart(diagnose.Observation{Kind: diagnose.StrayQuickMode, Phase: diagnose.Phase2, Peer: match.Addr("peer")})
	}),
}, read.Known(
	"protocol= ESP, transform=", "protocol= {AH|PCP}, transform=", "lifedur=", "spi= 0x", "IPSEC(key_engine)", "IPSEC(validate_proposal_request)", "IPSEC(initialize_sas)",
	"IPSEC(kei_proxy)", "IPSEC(crypto_ipsec_sa_find_ident_head)", "IPSEC(add mtree)", "sa_dest=", "sa_trans=", "sa_spi=", "Crypto mapdb : proxy_match",
	"src addr :", "dst addr :", "src port :", "dst port :", "asking for {n} spis from ipsec", "IPSEC(spi_response)", "got a queue event", "IKE_QM_EXCH",
	"IPSEC(rte_mgr)", "Map Accepted", "has spi 0x", "lifetime of {n} seconds", "lifetime of {n} kilobytes", "inbound SA from", "outbound SA from",
	"QM Initiator gets spi", "QM Responder gets spi", "IPSEC(get_sa)", "IPSEC(check_delete_duplicate_sa_bundle)", "IPSEC(send_delete_notify_kmi)", "Received local id",
	"sitting IDLE. Starting QM immediately", "SA has outstanding requests", "validate proposal", "Expanding proxies"))

// about gives an observation the traffic that was spoken of.
func (f *flow) about(o diagnose.Observation) diagnose.Observation {
	if f.here != "" && f.there != "" {
		o.Pair = f.here + " - " + f.there
	}
	return o
}

// step2 is a message of quick mode.
func step2(x *read.Context, kind diagnose.Kind, message int, r diagnose.Role) {
	memory := saOf(x.Session)
	memory.quick, memory.installs = message, false
	x.Tell(diagnose.Observation{Kind: kind, Phase: diagnose.Phase2, Message: message, Role: r})
}

func asked(x *read.Context, _ *read.Match) {
	m := remember(x)
	m.flow = flow{}
	x.Tell(diagnose.Observation{Kind: diagnose.Asked, Phase: diagnose.Phase2})
}

// endpoints are the ends of the tunnel that IPsec speaks of.
func endpoints(x *read.Context, match *read.Match) {
	m := remember(x)
	here, there := match.Addr("local"), match.Addr("peer")
	m.ends(here, there)
	m.flow = flow{local: here, remote: there}
	if !there.IsValid() {
		return
	}
	if s := x.Session; s == nil || s.Peer != there {
		if found := x.Find(func(s *read.Session) bool { return s.Peer == there }); found != nil {
			x.Session = found
		} else if s == nil || s.Peer.IsValid() {
			m.half = x.Fresh("0/" + there.String())
		}
	}
	x.SetPeer(x.Session, there, here)
}

// proxy is one side of the traffic, from "10.1.1.0/255.255.255.0/0/0": a prefix,
// with the protocol and the port where there are such.
func proxy(v string) string {
	f := strings.Split(strings.Trim(v, ",;() "), "/")
	a, err := netip.ParseAddr(f[0])
	if err != nil {
		return ""
	}
	words := a.String()
	if len(f) > 1 {
		if bits := maskBits(f[1]); bits >= 0 && bits < 32 {
			words = netip.PrefixFrom(a, bits).Masked().String()
		}
	}
	if len(f) > 2 {
		words += protocolWords(f[2])
	}
	if len(f) > 3 && f[3] != "0" {
		words += " port " + f[3]
	}
	return words
}

func protocolWords(p string) string {
	switch p {
	case "0", "256", "":
		return ""
	case "1":
		return " icmp"
	case "6":
		return " tcp"
	case "17":
		return " udp"
	case "47":
		return " gre"
	}
	if _, err := strconv.Atoi(p); err != nil {
		return ""
	}
	return " protocol " + p
}

// maskBits is the length of a mask's prefix; -1 for none.
func maskBits(s string) int {
	m, err := netip.ParseAddr(s)
	if err != nil || !m.Is4() {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n > 32 {
			return -1
		}
		return n
	}
	bits := 0
	for _, b := range m.As4() {
		for ; b&0x80 != 0; b <<= 1 {
			bits++
		}
	}
	return bits
}

func proxiesRefused(x *read.Context, _ *read.Match) {
	remember(x).offer.proposal, remember(x).offer.refused = true, true
	x.Tell(remember(x).flow.about(diagnose.Observation{Kind: diagnose.ProxyRefused, Phase: diagnose.Phase2, Message: 1}))
}

func transformRefused(x *read.Context, match *read.Match) {
	m := remember(x)
	m.offer.proposal, m.offer.refused = true, true
	offered := match.Hole("rest")
	if at := strings.IndexByte(offered, '{'); at >= 0 {
		offered = strings.Trim(offered[at:], "{} ,")
	} else {
		offered = m.offer.words()
	}
	x.Tell(m.flow.about(diagnose.Observation{Kind: diagnose.TransformRefused, Phase: diagnose.Phase2, Message: 1, Attr: diagnose.AttrTransform, Offered: offered}))
}

// words are the offer of phase 2 in the words of a transform set.
func (o *offer) words() string {
	if o.transform == "" {
		return ""
	}
	words := "esp-" + o.transform
	if o.bits != "" {
		words += " " + o.bits
	}
	if o.integrity != "" {
		words += " " + o.integrity
	}
	return words
}

func pfsRefused(x *read.Context, _ *read.Match) {
	x.Tell(remember(x).flow.about(diagnose.Observation{Kind: diagnose.PFSRefused, Phase: diagnose.Phase2, Message: 1, Attr: diagnose.AttrGroup}))
}

func refused2(x *read.Context) {
	remember(x).offer.refused, remember(x).offer.proposal = true, true
	x.Tell(remember(x).flow.about(diagnose.Observation{Kind: diagnose.Phase2OfferRefused, Phase: diagnose.Phase2, Message: 1}))
}

// invalidated is IPsec's answer to a proposal, by a number: 32 for the networks,
// 256 for the transform, 8 for this router's address, 64 for the group. The lines
// before it say more.
func invalidated(x *read.Context, match *read.Match) {
	switch match.Number("n") {
	case 32:
		proxiesRefused(x, match)
	case 8:
		if !remember(x).offer.refused {
			x.Tell(diagnose.Observation{Kind: diagnose.WrongLocalAddress, Phase: diagnose.Phase2, Message: 1})
		}
	case 64:
		if remember(x).offer.refused {
			refused2(x)
			return
		}
		pfsRefused(x, match)
	default:
		refused2(x)
	}
}

// notifyName is the RFC's name of a notify that IOS names otherwise.
func notifyName(ios string) string {
	if _, n, ok := strings.Cut(ios, "payload "); ok {
		ios = n
	}
	switch read.Number(ios) { // a PIX names them by number
	case 14:
		return "NO-PROPOSAL-CHOSEN"
	case 18:
		return "INVALID-ID-INFORMATION"
	case 16:
		return "PAYLOAD-MALFORMED"
	case 11:
		return "INVALID-SPI"
	case 24:
		return "AUTHENTICATION-FAILED"
	case 24576:
		return "RESPONDER-LIFETIME"
	case 24577, 24578:
		return "INITIAL-CONTACT"
	case 36136:
		return "R-U-THERE"
	case 36137:
		return "R-U-THERE-ACK"
	}
	switch name := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(ios)), "DPD/"); name {
	case "PROPOSAL_NOT_CHOSEN", "NO_PROPOSAL_CHOSEN":
		return "NO-PROPOSAL-CHOSEN"
	case "INVALID_ID_INFO":
		return "INVALID-ID-INFORMATION"
	case "INVALID_HASH_INFO":
		return "INVALID-HASH-INFORMATION"
	default:
		return strings.ReplaceAll(name, "_", "-")
	}
}

func notified(x *read.Context, match *read.Match) {
	name := notifyName(match.Hole("detail"))
	phase, authentic := diagnose.Phase2, true
	if x.Session != nil && !x.Session.Up && saOf(x.Session).quick == 0 {
		phase, authentic = diagnose.Phase1, false
	}
	switch {
	case name == "R-U-THERE-ACK":
		x.Tell(diagnose.Observation{Kind: diagnose.DPDAnswered, Phase: diagnose.PhaseLife})
		return
	case name == "R-U-THERE", name == "INITIAL-CONTACT", strings.HasPrefix(name, "RESPONDER-LIFE"), name == "KEEPALIVE", name == "KEEPALIVE-ACK":
		return
	case name == "INVALID-SPI":
		x.Tell(diagnose.Observation{Kind: diagnose.InvalidSPITold, Phase: diagnose.PhaseLife, Authentic: true, Detail: name})
		return
	}
	if match.Hole("n") == "3" {
		phase = diagnose.Phase2
	}
	x.Tell(remember(x).flow.about(diagnose.Observation{Kind: diagnose.NotifyReceived, Phase: phase, Detail: name, Authentic: authentic, Message: 1}))
}

func nodeFailed(x *read.Context, match *read.Match) {
	reason := match.Hole("rest")
	switch {
	case strings.Contains(reason, "QM rejected"):
		refused2(x)
	case strings.Contains(reason, "Delete Larval"):
		x.Tell(remember(x).flow.about(diagnose.Observation{Kind: diagnose.QuickFailed, Phase: diagnose.Phase2, Message: 1, Role: diagnose.Initiator}))
	case strings.Contains(reason, "err count exceeded"):
		x.Tell(diagnose.Observation{Kind: diagnose.GaveUp, Phase: diagnose.Phase2, Message: 1})
	}
}

// installed are IPsec SAs, told once for each quick mode.
func installed(x *read.Context, _ *read.Match) {
	if memory := saOf(x.Session); x.Session == nil || !memory.installs {
		memory.installs, memory.quick = true, 0
		x.Tell(remember(x).flow.about(diagnose.Observation{Kind: diagnose.Phase2Up, Phase: diagnose.Phase2}))
	}
}
