package fortigate

import (
	"bytes"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// offers are the two lists of proposals before a verdict.
var offers = []read.Phrase{
	{Text: "incoming proposal:", Do: func(x *read.Context, _ *read.Match) { begun(x, false) }},
	{Text: "my proposal:", Do: func(x *read.Context, _ *read.Match) { begun(x, true) }},
	{Text: "my proposal, gw {name}:", Do: func(x *read.Context, _ *read.Match) { begun(x, true) }},
	{Text: "proposal id = {n}:", Do: func(x *read.Context, _ *read.Match) { of(x).list().close() }},
	{Text: "trans_id = {cipher} (key_len = {length})", Do: transform},
	{Text: "trans_id = {cipher}", Do: transform},
	{Text: "type=OAKLEY_ENCRYPT_ALG, val={cipher}, key-len={length}", Do: cipher},
	{Text: "type=OAKLEY_ENCRYPT_ALG, val={cipher}", Do: cipher},
	{Text: "type=OAKLEY_HASH_ALG, val={value}", Do: func(x *read.Context, hit *read.Match) { of(x).list().open.hash = value(hit, "value") }},
	{Text: "type=AUTH_METHOD, val={value}", Do: func(x *read.Context, hit *read.Match) { of(x).list().open.auth = value(hit, "value") }},
	{Text: "type=OAKLEY_GROUP, val={value}", Do: func(x *read.Context, hit *read.Match) { of(x).list().open.group = value(hit, "value") }},
	{Text: "type = AUTH_ALG, val={value}", Do: func(x *read.Context, hit *read.Match) { of(x).list().open.hash = value(hit, "value") }},
	{Text: "PFS DH group = {value}", Do: func(x *read.Context, hit *read.Match) { of(x).list().open.pfs = value(hit, "value") }},
}

// offer is one proposal of a list.
type offer struct{ cipher, length, hash, group, auth, pfs string }

// lists are what the peer and this end propose in one negotiation.
type lists struct {
	mine       bool // the proposals that follow are this end's
	phase2     bool
	open       offer
	peers, own []offer
}

// maxOffers and maxLists bound what is compared.
const (
	maxOffers = 64
	maxLists  = 32
)

// list is that of the line's negotiation.
func (m *memory) list() *lists {
	l := m.lists[m.line.number]
	if l == nil {
		if len(m.lists) >= maxLists {
			clear(m.lists)
		}
		l = new(lists)
		m.lists[m.line.number] = l
	}
	m.last = l
	return l
}

func begun(x *read.Context, mine bool) {
	m := of(x)
	l := m.list()
	l.close()
	if !mine {
		l.peers, l.own, l.phase2 = nil, nil, false
		delete(m.reasons, m.line.number)
	}
	l.mine = mine
}

// close ends the proposal at hand. The group for perfect forward secrecy is said
// once, before or behind the proposals.
func (l *lists) close() {
	o := l.open
	l.open = offer{pfs: o.pfs}
	if o.cipher == "" {
		return
	}
	if l.mine && len(l.own) < maxOffers {
		l.own = append(l.own, o)
	} else if !l.mine && len(l.peers) < maxOffers {
		l.peers = append(l.peers, o)
	}
}

func value(hit *read.Match, name string) string {
	return strings.ToLower(strings.TrimRight(hit.Hole(name), "."))
}

func transform(x *read.Context, hit *read.Match) {
	l := of(x).list()
	name := value(hit, "cipher")
	if name == "key_ike" {
		return
	}
	if l.open.cipher != "" {
		l.close()
	}
	l.phase2 = true
	l.open.cipher, l.open.length = name, value(hit, "length")
}

func cipher(x *read.Context, hit *read.Match) {
	l := of(x).list()
	if l.open.cipher != "" {
		l.close()
	}
	l.open.cipher, l.open.length = value(hit, "cipher"), value(hit, "length")
}

// noProposal is the verdict, with the closest of what was compared. It says nothing
// where the reason was said before.
func noProposal(x *read.Context, _ *read.Match) {
	m := of(x)
	l := m.compared()
	phase2 := l.phase2 || x.Session != nil && x.Session.Up
	switch { // the line that ends it names what was negotiated
	case bytes.Contains(x.Text, []byte("Negotiate IPsec SA")):
		phase2 = true
	case bytes.Contains(x.Text, []byte("Negotiate ISAKMP SA")):
		phase2 = false
	}
	differs := differ(x, l, phase2)
	known := m.reasons[m.line.number]
	delete(m.reasons, m.line.number)
	if !differs && known {
		return
	}
	if phase2 {
		x.Tell(diagnose.Observation{Kind: diagnose.Phase2OfferRefused, Phase: diagnose.Phase2, Message: 1, Role: diagnose.Responder})
		return
	}
	x.Tell(diagnose.Observation{Kind: diagnose.AllOffersRefused, Phase: diagnose.Phase1, Message: 1, Role: diagnose.Responder})
}

// failure ends a negotiation that failed. What was refused is said in a line behind it,
// which a log may lack.
func failure(x *read.Context, _ *read.Match) {
	m := of(x)
	l := m.lists[m.line.number]
	if m.reasons[m.line.number] || l != nil && differ(x, l, l.phase2) {
		return
	}
	o := p1(diagnose.ExchangeFailed, 0)
	if l != nil && l.phase2 || x.Session != nil && x.Session.Up {
		o = p2(diagnose.QuickFailed, 1)
	}
	x.Tell(o)
}

// compared takes the lists of the line's negotiation; of the last one where it has none.
func (m *memory) compared() *lists {
	key := m.line.number
	l := m.lists[key]
	if l == nil {
		l = m.last
	}
	m.last = nil
	delete(m.lists, key)
	if l == nil {
		l = new(lists)
	}
	return l
}

// differ tells in what the two proposals differ that have most in common.
func differ(x *read.Context, l *lists, phase2 bool) bool {
	l.close()
	attr, offered, wanted := closest(l.peers, l.own)
	if attr == "" {
		return false
	}
	o := diagnose.Observation{Kind: diagnose.OfferRefused, Phase: diagnose.Phase1, Message: 1, Attr: attr, Offered: offered, Wanted: wanted, Role: diagnose.Responder}
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
	return true
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
