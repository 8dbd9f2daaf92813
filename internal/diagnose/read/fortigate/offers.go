package fortigate

import (
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// offers are the two lists of proposals before a verdict.
var offers = []read.Phrase{
	{Text: "incoming proposal:", Do: func(x *read.Context, _ *read.Match) { list(x, false) }},
	{Text: "my proposal:", Do: func(x *read.Context, _ *read.Match) { list(x, true) }},
	{Text: "my proposal, gw {name}:", Do: func(x *read.Context, _ *read.Match) { list(x, true) }},
	{Text: "proposal id = {n}:", Do: func(x *read.Context, _ *read.Match) { of(x).close() }},
	{Text: "trans_id = {cipher} (key_len = {length})", Do: transform},
	{Text: "trans_id = {cipher}", Do: transform},
	{Text: "type=OAKLEY_ENCRYPT_ALG, val={cipher}, key-len={length}", Do: cipher},
	{Text: "type=OAKLEY_ENCRYPT_ALG, val={cipher}", Do: cipher},
	{Text: "type=OAKLEY_HASH_ALG, val={value}", Do: func(x *read.Context, hit *read.Match) { of(x).open.hash = value(hit, "value") }},
	{Text: "type=AUTH_METHOD, val={value}", Do: func(x *read.Context, hit *read.Match) { of(x).open.auth = value(hit, "value") }},
	{Text: "type=OAKLEY_GROUP, val={value}", Do: func(x *read.Context, hit *read.Match) { of(x).open.group = value(hit, "value") }},
	{Text: "type = AUTH_ALG, val={value}", Do: func(x *read.Context, hit *read.Match) { of(x).open.hash = value(hit, "value") }},
	{Text: "PFS DH group = {value}", Do: func(x *read.Context, hit *read.Match) { of(x).open.pfs = value(hit, "value") }},
}

// maxOffers bounds what is compared.
const maxOffers = 64

func list(x *read.Context, mine bool) {
	m := of(x)
	m.close()
	if !mine {
		m.peers, m.own, m.phase2 = nil, nil, false
	}
	m.mine = mine
}

// close ends the proposal at hand. The group for perfect forward secrecy is said
// once, behind the proposals.
func (m *memory) close() {
	o := m.open
	m.open = offer{pfs: o.pfs}
	if o.cipher == "" {
		return
	}
	if m.mine && len(m.own) < maxOffers {
		m.own = append(m.own, o)
	} else if !m.mine && len(m.peers) < maxOffers {
		m.peers = append(m.peers, o)
	}
}

func value(hit *read.Match, name string) string {
	return strings.ToLower(strings.TrimRight(hit.Hole(name), "."))
}

func transform(x *read.Context, hit *read.Match) {
	m := of(x)
	name := value(hit, "cipher")
	if name == "key_ike" {
		return
	}
	if m.open.cipher != "" {
		m.close()
	}
	m.phase2 = true
	m.open.cipher, m.open.length = name, value(hit, "length")
}

func cipher(x *read.Context, hit *read.Match) {
	m := of(x)
	if m.open.cipher != "" {
		m.close()
	}
	m.open.cipher, m.open.length = value(hit, "cipher"), value(hit, "length")
}

// noProposal is the verdict, with the closest of what was compared.
func noProposal(x *read.Context, _ *read.Match) {
	m := of(x)
	m.close()
	phase2 := m.phase2 || x.Session != nil && x.Session.Up
	role := diagnose.Responder
	if attr, offered, wanted := closest(m.peers, m.own); attr != "" {
		o := diagnose.Observation{Kind: diagnose.OfferRefused, Phase: diagnose.Phase1, Message: 1, Attr: attr, Offered: offered, Wanted: wanted, Role: role}
		if phase2 {
			o.Kind, o.Phase = diagnose.TransformRefused, diagnose.Phase2
			switch attr {
			case diagnose.AttrEncryption:
				o.Attr = diagnose.AttrTransform
			case diagnose.AttrHash:
				o.Attr = diagnose.AttrIntegrity
			case diagnose.AttrGroup:
				o.Kind = diagnose.PFSRefused
			}
		}
		x.Tell(o)
	}
	m.peers, m.own, m.open, m.phase2 = nil, nil, offer{}, false
	if phase2 {
		x.Tell(diagnose.Observation{Kind: diagnose.Phase2OfferRefused, Phase: diagnose.Phase2, Message: 1, Role: role})
		return
	}
	x.Tell(diagnose.Observation{Kind: diagnose.AllOffersRefused, Phase: diagnose.Phase1, Message: 1, Role: role})
}

// closest is the first difference of the two proposals that have most in common.
func closest(peers, own []offer) (attr, offered, wanted string) {
	best := -1
	for _, p := range peers {
		for _, o := range own {
			for i, d := range []struct{ attr, offered, wanted string }{
				{diagnose.AttrEncryption, p.cipher, o.cipher}, {diagnose.AttrKeyLength, p.length, o.length}, {diagnose.AttrHash, p.hash, o.hash},
				{diagnose.AttrGroup, p.group + p.pfs, o.group + o.pfs}, {diagnose.AttrAuth, p.auth, o.auth},
			} {
				if d.offered == d.wanted {
					continue
				}
				if i > best {
					best, attr, offered, wanted = i, d.attr, d.offered, d.wanted
				}
				break
			}
		}
	}
	return attr, offered, wanted
}
