package strongswan

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// proposals are the lists that charon compares.
var proposals = []read.Phrase{
	{Text: "received proposals: {rest}", Do: func(x *read.Context, hit *read.Match) { list(x, hit, true) }},
	{Text: "configured proposals: {rest}", Do: func(x *read.Context, hit *read.Match) { list(x, hit, false) }},
	{Text: "selected proposal: {rest}", Do: selected},
	{Text: "no proposal found", Do: refused},
	{Text: "received proposals {unacceptable|inacceptable}", Do: refused},
	{Text: "no matching proposal found, sending {rest}", Do: refused},
	{Text: "no matching proposal found", Do: refused},
	{Text: "no acceptable proposal found", Do: refused},
	{Text: "no acceptable {ENCRYPTION_ALGORITHM|INTEGRITY_ALGORITHM|PSEUDO_RANDOM_FUNCTION|DIFFIE_HELLMAN_GROUP|KEY_EXCHANGE_METHOD|EXTENDED_SEQUENCE_NUMBERS} found", Quiet: true},
	{Text: "ESP:{rest}", Do: bare},
	{Text: "IKE:{rest}", Do: bare},
	{Text: "{KE|DH} group {offered} unacceptable, requesting {wanted}", Quiet: true},
	{Text: "key exchange method {offered} unacceptable, requesting {wanted}", Quiet: true},
	{Text: "peer didn't accept {DH group|key exchange method} {offered}, it requested {wanted}", Quiet: true},
}

// list keeps what the peer offers or what is configured, until it is said
// whether they fit.
func list(x *read.Context, hit *read.Match, received bool) {
	text := hit.Hole("rest")
	m := of(x)
	if received || x.Session != nil {
		m.lists = nil
	}
	if x.Session == nil {
		m.lists = append(m.lists, text)
		return
	}
	st := stateOf(x.Session)
	if received {
		st.received, st.configured = text, ""
		st.offer = x.Quote()
		return
	}
	st.configured = text
}

// bare is a list on a line of its own, as when what stands before it was cut
// off.
func bare(x *read.Context, hit *read.Match) {
	text := strings.TrimSpace(string(x.Text))
	if strings.Contains(text, "proposals = ") {
		return
	}
	if at := strings.Index(text, "ESP:"); at >= 0 {
		text = text[at:]
	} else if at := strings.Index(text, "IKE:"); at >= 0 {
		text = text[at:]
	}
	if m := of(x); len(m.lists) < 8 {
		m.lists = append(m.lists, text)
	}
}

func selected(x *read.Context, hit *read.Match) {
	of(x).lists = nil
	if s := x.Session; s != nil {
		stateOf(s).received, stateOf(s).configured = "", ""
	}
	if !strings.HasPrefix(hit.Hole("rest"), "IKE:") {
		return
	}
	x.Tell(diagnose.Observation{Kind: diagnose.OfferAccepted, Phase: diagnose.Phase1})
}

// refused is the verdict that nothing fits, with what comes closest to fitting.
func refused(x *read.Context, _ *read.Match) {
	m, s := of(x), x.Session
	var received, configured string
	var offer diagnose.Evidence
	if s != nil {
		st := stateOf(s)
		received, configured, offer = st.received, st.configured, st.offer
		st.received, st.configured = "", ""
	}
	if received == "" && len(m.lists) > 1 {
		received, configured = strings.Join(m.lists[:len(m.lists)-1], ", "), m.lists[len(m.lists)-1]
	}
	m.lists = nil
	phase2 := strings.HasPrefix(received+configured, "ESP") || strings.HasPrefix(received+configured, "AH") ||
		strings.Contains(string(x.Text), "no matching proposal") || s != nil && stateOf(s).quick > 0
	role := diagnose.Responder
	if s != nil && s.Role == diagnose.Initiator && !phase2 || s != nil && stateOf(s).quickSent {
		role = diagnose.Initiator
	}
	pair := ""
	if s != nil {
		pair = stateOf(s).pair
	}
	for _, d := range differences(received, configured) {
		o := diagnose.Observation{Kind: diagnose.OfferRefused, Phase: diagnose.Phase1, Message: 1, Attr: d.attr, Offered: d.offered, Wanted: d.wanted, Role: role, Evidence: offer}
		if phase2 {
			o.Kind, o.Phase, o.Pair = diagnose.TransformRefused, diagnose.Phase2, pair
			if o.Attr == diagnose.AttrGroup {
				o.Kind = diagnose.PFSRefused
			}
			o.Attr = phase2Attr(o.Attr)
		}
		x.Tell(o)
	}
	if phase2 {
		x.Tell(diagnose.Observation{Kind: diagnose.Phase2OfferRefused, Phase: diagnose.Phase2, Message: 1, Pair: pair, Role: role})
		return
	}
	x.Tell(diagnose.Observation{Kind: diagnose.AllOffersRefused, Phase: diagnose.Phase1, Message: 1, Role: role})
}

// phase2Attr is the name that quick mode has for what is compared.
func phase2Attr(attr string) string {
	switch attr {
	case diagnose.AttrEncryption:
		return diagnose.AttrTransform
	case diagnose.AttrHash:
		return diagnose.AttrIntegrity
	}
	return attr
}

// difference is the first thing in which an offer differs from what is wanted.
type difference struct{ attr, offered, wanted string }

// maxCompared bounds the work on lists of proposals.
const maxCompared = 64

// differences compares each offered proposal with each configured one, and
// returns, for each offered one, that of the configured ones which comes
// closest.
func differences(received, configured string) (all []difference) {
	if received == "" || configured == "" {
		return nil
	}
	offered, wanted := parseList(received), parseList(configured)
	for _, r := range offered {
		var best *difference
		for _, c := range wanted {
			if d := differ(r, c); d != nil && (best == nil || rank(d.attr) > rank(best.attr)) {
				best = d
			}
		}
		if best != nil {
			all = append(all, *best)
		}
	}
	return all
}

var order = []string{diagnose.AttrProtocol, diagnose.AttrEncryption, diagnose.AttrKeyLength, diagnose.AttrHash, diagnose.AttrGroup}

func rank(attr string) int {
	for i, a := range order {
		if a == attr {
			return i
		}
	}
	return -1
}

// proposal is what one says of each kind of algorithm.
type proposal struct {
	protocol                    string
	ciphers, integrities, group []string
}

func parseList(text string) (all []proposal) {
	for part := range strings.SplitSeq(text, ",") {
		protocol, algorithms, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok || len(all) == maxCompared {
			continue
		}
		p := proposal{protocol: protocol}
		for alg := range strings.SplitSeq(algorithms, "/") {
			alg = strings.TrimSpace(alg)
			switch {
			case strings.HasPrefix(alg, "PRF_"), strings.HasSuffix(alg, "EXT_SEQ"), strings.HasPrefix(alg, "("), alg == "":
			case strings.HasPrefix(alg, "MODP_"), strings.HasPrefix(alg, "ECP_"), strings.HasPrefix(alg, "CURVE_"), strings.HasPrefix(alg, "ML_KEM"), strings.HasPrefix(alg, "KE1"):
				p.group = append(p.group, alg)
			case strings.HasPrefix(alg, "HMAC_"), strings.HasPrefix(alg, "AES_XCBC"), strings.HasPrefix(alg, "AES_CMAC"), strings.HasPrefix(alg, "AES_128_GMAC"):
				p.integrities = append(p.integrities, alg)
			default:
				p.ciphers = append(p.ciphers, alg)
			}
		}
		all = append(all, p)
	}
	return all
}

func differ(offered, wanted proposal) *difference {
	if offered.protocol != wanted.protocol {
		return &difference{diagnose.AttrProtocol, strings.ToLower(offered.protocol), strings.ToLower(wanted.protocol)}
	}
	if !common(offered.ciphers, wanted.ciphers) {
		attr := diagnose.AttrEncryption
		if cipherOf(first(offered.ciphers)) == cipherOf(first(wanted.ciphers)) && len(offered.ciphers) > 0 {
			attr = diagnose.AttrKeyLength
		}
		return &difference{attr, words(offered.ciphers), words(wanted.ciphers)}
	}
	if !common(offered.integrities, wanted.integrities) && len(offered.integrities)+len(wanted.integrities) > 0 {
		return &difference{diagnose.AttrHash, words(offered.integrities), words(wanted.integrities)}
	}
	if !common(offered.group, wanted.group) && len(offered.group)+len(wanted.group) > 0 {
		return &difference{diagnose.AttrGroup, words(offered.group), words(wanted.group)}
	}
	return nil
}

func common(a, b []string) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return true
			}
		}
	}
	return false
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// cipherOf is a cipher's name without the length of its key.
func cipherOf(name string) string {
	if at := strings.LastIndexByte(name, '_'); at > 0 && strings.HasPrefix(name, "AES_CBC") || at > 0 && strings.HasPrefix(name, "CAMELLIA_CBC") || at > 0 && strings.HasPrefix(name, "AES_CTR") {
		return name[:at]
	}
	return name
}

// inIOS are charon's names in IOS's words.
var inIOS = map[string]string{
	"DES_CBC": "des", "3DES_CBC": "3des", "AES_CBC_128": "aes 128", "AES_CBC_192": "aes 192", "AES_CBC_256": "aes 256",
	"HMAC_MD5_96": "md5", "HMAC_SHA1_96": "sha", "HMAC_SHA2_256_128": "sha256", "HMAC_SHA2_384_192": "sha384", "HMAC_SHA2_512_256": "sha512",
	"MODP_768": "1", "MODP_1024": "2", "MODP_1536": "5", "MODP_2048": "14", "MODP_3072": "15", "MODP_4096": "16", "MODP_6144": "17", "MODP_8192": "18",
	"ECP_256": "19", "ECP_384": "20", "ECP_521": "21", "MODP_2048_256": "24", "MODP_2048_224": "23", "MODP_1024_160": "22",
}

// words are the names of some algorithms, in IOS's words where it has any.
func words(names []string) string {
	var all []string
	for _, n := range names {
		if w := inIOS[n]; w != "" {
			n = w
		}
		all = append(all, n)
		if len(all) == 6 && len(names) > 6 {
			all = append(all, "...")
			break
		}
	}
	return strings.Join(all, " or ")
}
