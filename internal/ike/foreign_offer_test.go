package ike

import (
	"testing"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// offering runs a pair whose spoke sends, in quick mode, the payloads that edit
// makes of its own.
func offering(t *testing.T, change func(hub, spoke *Config), edit func(list []isakmp.Payload) []isakmp.Payload) *pair {
	t.Helper()
	p := newPair(t, change)
	p.lose = func(i int, d Datagram) bool {
		if i != 7 {
			return false
		}
		h, list := inClear(t, p.hub.newest(), d.Data)
		first, body := chained(edit(list))
		h.NextPayload = first
		data := p.hub.newest().asItsPeer(h, body)
		n := p.spoke.newest().nodes[h.MessageID]
		n.lastOut = data
		n.iv.Advance(data[isakmp.HeaderLen:])
		d.Data = data
		p.wire = append(p.wire, d)
		return true // the original
	}
	p.connect()
	return p
}

// withSA replaces the SA payload.
func withSA(sa isakmp.SA) func(list []isakmp.Payload) []isakmp.Payload {
	return func(list []isakmp.Payload) []isakmp.Payload {
		for i := range list {
			if list[i].Type == isakmp.PayloadSA {
				list[i].Body = isakmp.AppendSA(nil, sa)
			}
		}
		return list
	}
}

func espProposal(number uint8, transforms ...isakmp.Transform) isakmp.Proposal {
	return isakmp.Proposal{Number: number, Protocol: isakmp.ProtocolESP, SPI: []byte{0x12, 0x34, 0x56, 0x78}, Transforms: transforms}
}

func espTransform(number uint8, id isakmp.ESPTransform, attributes ...isakmp.Attribute) isakmp.Transform {
	attributes = append([]isakmp.Attribute{isakmp.BasicAttribute(isakmp.IPsecAttrEncapsulation, uint16(isakmp.EncapTunnel))}, attributes...)
	return isakmp.Transform{Number: number, ID: uint8(id), Attributes: attributes}
}

func attr(t isakmp.AttributeType, v uint16) isakmp.Attribute { return isakmp.BasicAttribute(t, v) }

var aesSHA = []isakmp.Attribute{attr(isakmp.IPsecAttrKeyLength, 128), attr(isakmp.IPsecAttrAuth, uint16(isakmp.AuthAlgHMACSHA1))}

func ipsecSA(proposals ...isakmp.Proposal) isakmp.SA {
	return isakmp.SA{DOI: isakmp.DOIIPsec, Situation: isakmp.SituationIdentityOnly, Proposals: proposals}
}

// Offers as other makers' gateways send them.
func TestOffersOfOtherMakers(t *testing.T) {
	good := espTransform(1, isakmp.ESPAES, aesSHA...)
	bad := espTransform(1, isakmp.ESP3DES, attr(isakmp.IPsecAttrAuth, uint16(isakmp.AuthAlgHMACMD5)))
	ah := isakmp.Proposal{Number: 1, Protocol: isakmp.ProtocolAH, SPI: []byte{1, 2, 3, 4}, Transforms: []isakmp.Transform{{Number: 1, ID: 3, Attributes: bad.Attributes}}}
	numbered := func(n uint8, x isakmp.Transform) isakmp.Transform { x.Number = n; return x }
	for name, c := range map[string]struct {
		offer               isakmp.SA
		proposal, transform uint8 // of the answer
	}{
		"several transforms":    {ipsecSA(espProposal(1, bad, numbered(2, good), numbered(3, bad))), 1, 2},
		"several proposals":     {ipsecSA(espProposal(1, bad), espProposal(2, bad, numbered(2, bad)), espProposal(3, good)), 3, 1},
		"odd numbers":           {ipsecSA(espProposal(9, numbered(77, good))), 9, 77},
		"AH, then ESP":          {ipsecSA(ah, espProposal(2, good)), 2, 1},
		"AH with ESP, then ESP": {ipsecSA(ah, espProposal(1, good), espProposal(2, good)), 2, 1},
		"IPCOMP, then ESP": {ipsecSA(isakmp.Proposal{Number: 1, Protocol: isakmp.ProtocolIPCOMP, SPI: []byte{1, 2},
			Transforms: []isakmp.Transform{{Number: 1, ID: 2}}}, espProposal(2, good)), 2, 1},
		"a reserved SPI first": {ipsecSA(isakmp.Proposal{Number: 1, Protocol: isakmp.ProtocolESP, SPI: []byte{0, 0, 0, 255},
			Transforms: []isakmp.Transform{good}}, espProposal(2, good)), 2, 1},
		"an unknown cipher":    {ipsecSA(espProposal(1, espTransform(1, 200, aesSHA...), numbered(2, good))), 1, 2},
		"an unknown attribute": {ipsecSA(espProposal(1, espTransform(1, isakmp.ESPAES, append([]isakmp.Attribute{attr(32100, 1)}, aesSHA...)...), numbered(2, good))), 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			var answer isakmp.SA
			p := offering(t, nil, withSA(c.offer))
			answer = p.answered(t)
			if len(answer.Proposals) != 1 || len(answer.Proposals[0].Transforms) != 1 {
				t.Fatalf("the answer is %+v", answer)
			}
			x := answer.Proposals[0]
			if x.Number != c.proposal || x.Transforms[0].Number != c.transform {
				t.Errorf("answered with transform %d of proposal %d, want %d of %d", x.Transforms[0].Number, x.Number, c.transform, c.proposal)
			}
			if len(p.hub.sas) != 2 || len(p.spoke.sas) != 2 {
				t.Errorf("hub %d, spoke %d SAs", len(p.hub.sas), len(p.spoke.sas))
			}
			if got := p.hub.engine.IPsecSAs()[0].OutSPI; got != 0x12345678 {
				t.Errorf("the hub sends to SPI %08x", got)
			}
		})
	}
}

// answered is the SA payload of the hub's answer, told by the spoke's events.
func (p *pair) answered(t *testing.T) (sa isakmp.SA) {
	t.Helper()
	var prop isakmp.Proposal
	for _, r := range p.spoke.events.list {
		switch e := r.Event.(type) {
		case *trace.IPsecProposalChecked:
			prop = isakmp.Proposal{Number: e.Number}
		case *trace.IPsecTransformOffered:
			prop.Transforms = append(prop.Transforms, isakmp.Transform{Number: e.Number, ID: uint8(e.ID)})
			sa.Proposals = []isakmp.Proposal{prop}
		}
	}
	return sa
}

// The lifetimes of an offer, in both forms, are those of the SAs.
func TestOfferedLifetimes(t *testing.T) {
	seconds, kilobytes := attr(isakmp.IPsecAttrLifeType, uint16(isakmp.LifeSeconds)), attr(isakmp.IPsecAttrLifeType, uint16(isakmp.LifeKilobytes))
	for name, attributes := range map[string][]isakmp.Attribute{
		"basic":    {seconds, attr(isakmp.IPsecAttrLifeDuration, 600), kilobytes, attr(isakmp.IPsecAttrLifeDuration, 5000)},
		"variable": {kilobytes, isakmp.VariableAttribute(isakmp.IPsecAttrLifeDuration, 5000, 4), seconds, isakmp.VariableAttribute(isakmp.IPsecAttrLifeDuration, 600, 2)},
		"long":     {seconds, isakmp.VariableAttribute(isakmp.IPsecAttrLifeDuration, 600, 8), kilobytes, isakmp.VariableAttribute(isakmp.IPsecAttrLifeDuration, 5000, 3)},
	} {
		p := offering(t, nil, withSA(ipsecSA(espProposal(1, espTransform(1, isakmp.ESPAES, append(attributes, aesSHA...)...)))))
		for _, s := range []*side{p.hub, p.spoke} {
			list := s.engine.IPsecSAs()
			if len(list) != 1 || list[0].Lives != (policy.Lives{Seconds: 600, Kilobytes: 5000}) {
				t.Errorf("%s: %s has %+v", name, s.name, list)
			}
		}
	}
}

// Without identities the SAs are for the two endpoints (RFC 2409 section 5.5).
func TestQuickModeWithoutIdentities(t *testing.T) {
	hosts := func(hub, spoke *Config) {
		hub.Connections[0].ACL = []policy.ACLEntry{{Permit: true, Local: hostProxy(hubAddr), Remote: hostProxy(spokeAddr)}}
		spoke.Connections[0].ACL = []policy.ACLEntry{{Permit: true, Local: hostProxy(spokeAddr), Remote: hostProxy(hubAddr)}}
	}
	without := func(list []isakmp.Payload) (kept []isakmp.Payload) {
		for _, p := range list {
			if p.Type != isakmp.PayloadID {
				kept = append(kept, p)
			}
		}
		return kept
	}
	p := offering(t, hosts, without)
	p.checkUp()
	if got := p.hub.engine.IPsecSAs()[0]; got.LocalProxy != hostProxy(hubAddr) || got.RemoteProxy != hostProxy(spokeAddr) {
		t.Errorf("the hub's SAs are for %+v and %+v", got.LocalProxy, got.RemoteProxy)
	}
}

// Identities that name nobody are refused with their reason, in both phases.
func TestIdentitiesThatNameNobody(t *testing.T) {
	p := newPair(t, func(_, spoke *Config) {
		spoke.Identity = policy.Identity{Type: isakmp.IDIPv4AddrSubnet, Data: "\xc0\x00\x02\x00\xff\xff\xff\x00"}
	})
	p.connect()
	if n := p.hub.engine.Statistics().Dropped[trace.DropIdentity]; n != 1 || p.hub.upSAs() != 0 {
		t.Errorf("phase 1: %d are counted, %d SAs are up", n, p.hub.upSAs())
	}
	for name, body := range map[string][]byte{
		"a mask with holes": isakmp.AppendID(nil, isakmp.ID{Type: isakmp.IDIPv4AddrSubnet, Data: []byte{10, 0, 0, 0, 255, 0, 255, 0}}),
		"a name":            isakmp.AppendID(nil, isakmp.ID{Type: isakmp.IDFQDN, Data: []byte("example.com")}),
		"a range backwards": isakmp.AppendID(nil, isakmp.ID{Type: isakmp.IDIPv4AddrRange, Data: []byte{10, 0, 0, 9, 10, 0, 0, 5}}),
	} {
		p := offering(t, nil, func(list []isakmp.Payload) []isakmp.Payload {
			for i := range list {
				if list[i].Type == isakmp.PayloadID {
					list[i].Body = body
				}
			}
			return list
		})
		if n := p.hub.engine.Statistics().Dropped[trace.DropIdentity]; n == 0 || len(p.hub.sas) != 0 {
			t.Errorf("%s: %d are counted, %d SAs", name, n, len(p.hub.sas))
		}
	}
}

// Half of the identities, a KE that was not agreed on, and a missing one.
func TestQuickModePayloadsThatDoNotFit(t *testing.T) {
	drop := func(kind isakmp.PayloadType, from int) func(list []isakmp.Payload) []isakmp.Payload {
		return func(list []isakmp.Payload) (kept []isakmp.Payload) {
			seen := 0
			for _, p := range list {
				if p.Type == kind {
					if seen++; seen > from {
						continue
					}
				}
				kept = append(kept, p)
			}
			return kept
		}
	}
	for name, c := range map[string]struct {
		change func(hub, spoke *Config)
		edit   func(list []isakmp.Payload) []isakmp.Payload
		want   trace.Drop
	}{
		"one identity": {nil, drop(isakmp.PayloadID, 1), trace.DropMissingPayload},
		"no KE":        {withPFS, drop(isakmp.PayloadKE, 0), trace.DropMissingPayload},
		"KE without a group": {nil, func(list []isakmp.Payload) []isakmp.Payload {
			return append(list, isakmp.Payload{Type: isakmp.PayloadKE, Body: make([]byte, 96)})
		}, trace.DropUnexpectedPayload},
		"three identities": {nil, func(list []isakmp.Payload) []isakmp.Payload { return append(list, list[len(list)-1]) }, trace.DropUnexpectedPayload},
		"KE of another length": {withPFS, func(list []isakmp.Payload) []isakmp.Payload {
			for i := range list {
				if list[i].Type == isakmp.PayloadKE {
					list[i].Body = list[i].Body[1:]
				}
			}
			return list
		}, trace.DropPublicValue},
		"a short nonce": {nil, func(list []isakmp.Payload) []isakmp.Payload {
			for i := range list {
				if list[i].Type == isakmp.PayloadNonce {
					list[i].Body = list[i].Body[:7]
				}
			}
			return list
		}, trace.DropNonce},
	} {
		t.Run(name, func(t *testing.T) {
			p := offering(t, c.change, c.edit)
			if n := p.hub.engine.Statistics().Dropped[c.want]; n == 0 {
				t.Errorf("not counted as %s: %v", c.want, p.hub.engine.Statistics().Dropped)
			}
			if len(p.hub.sas) != 0 || p.hub.upSAs() != 1 {
				t.Errorf("%d IPsec SAs, %d ISAKMP SAs", len(p.hub.sas), p.hub.upSAs())
			}
		})
	}
}
