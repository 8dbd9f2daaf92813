package ike

import (
	"slices"

	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// choice is a phase 1 transform that a policy accepts.
type choice struct {
	proposal  isakmp.Proposal
	transform isakmp.Transform
	suite     policy.IKE // with the lifetime that holds
	shorter   bool       // than the one offered
}

// usesKeys says whether a policy is by pre-shared keys.
func (c *Config) usesKeys() bool {
	return slices.ContainsFunc(c.Policies, func(p policy.IKE) bool { return proofOf(p.Auth) == isakmp.AuthPSK })
}

// lookupKey finds the pre-shared key for the peer and tells what it found. Main mode
// looks for none where no policy is by keys, and there is a certificate or a key pair.
func (s *sa) lookupKey() (Key, bool) {
	if !s.aggressive && !s.e.cfg.usesKeys() && (s.hasCertificate() || s.canEncrypt()) {
		return Key{}, false
	}
	key, ok := s.e.cfg.Keys.PresharedKey(KeyQuery{Local: s.local.Addr(), Remote: s.remote.Addr(), Keyrings: s.keyrings()})
	s.emit(&trace.KeyLookup{Peer: s.remote.Addr(), Found: ok, Keyring: key.Keyring})
	return key, ok
}

// presentedKey finds the key of an identity: of a key ID that of the group, of a name
// that of the name, else that of the peer's address.
func (s *sa) presentedKey(who policy.Identity) (Key, bool) {
	if who.Type == isakmp.IDKeyID {
		key, ok := s.e.cfg.groupKey(who.Data)
		s.emit(&trace.NamedKeyLookup{ID: who.Type, Name: []byte(who.Data), Found: ok})
		return key, ok
	}
	key, ok := s.e.cfg.Keys.PresharedKey(KeyQuery{Local: s.local.Addr(), Remote: s.remote.Addr(), Keyrings: s.keyrings(), Identity: who})
	if who.Type == isakmp.IDFQDN || who.Type == isakmp.IDUserFQDN {
		s.emit(&trace.NamedKeyLookup{ID: who.Type, Name: []byte(who.Data), Found: ok && key.Named, Keyring: key.Keyring})
		if key.Named {
			return key, ok
		}
	}
	s.emit(&trace.KeyLookup{Peer: s.remote.Addr(), Found: ok, Keyring: key.Keyring})
	return key, ok
}

// groupKey is the key of a group of clients; that of the group "default" is for
// those that have none of their own.
func (c *Config) groupKey(name string) (Key, bool) {
	for _, n := range []string{name, "default"} {
		if k, ok := c.Groups[n]; ok && !k.IsZero() {
			return Key{Secret: k}, true
		}
	}
	return Key{}, false
}

// policiesFor are those of aggressive mode with a peer; nil is of any other.
func (c *Config) policiesFor(how *Aggressive) []policy.IKE {
	if how != nil && how.Policies != nil {
		return how.Policies
	}
	return c.Policies
}

// acceptable returns the policies to compare with, the built-in one last. It
// is compared although it is off, because IOS shows it; on says whether it may
// be accepted.
func (c *Config) acceptable(how *Aggressive) (list []policy.IKE, on func(policy.IKE) bool) {
	list = append(append(list, c.policiesFor(how)...), policy.Default)
	return list, func(p policy.IKE) bool { return c.DefaultPolicy || p.Priority != policy.Default.Priority }
}

// chooseIKE compares every transform with every policy, transform by
// transform, and tells each comparison. A pre-shared key that is missing
// refuses the method.
func (s *sa) chooseIKE(offer isakmp.SA, haveKey bool) (c choice, ok bool) {
	policies, on := s.e.cfg.acceptable(s.handshake.how)
	defaultWould := false
	for _, prop := range offer.Proposals {
		if prop.Protocol != isakmp.ProtocolISAKMP {
			continue
		}
		for i, t := range prop.Transforms {
			next := uint8(isakmp.PayloadTransform)
			if i == len(prop.Transforms)-1 {
				next = 0
			}
			o := policy.ParseIKEOffer(t)
			for _, p := range policies {
				refusal, match := s.compareIKE(p, o, t, haveKey)
				_, equal := p.Match(s.asPolicy(o))
				if equal && !on(p) {
					defaultWould, match = true, false
				} else if !match {
					s.emit(&trace.IKETransformRefused{Number: t.Number, Priority: p.Priority,
						Attr: refusal.Attr, Offered: refusal.Offered, Wanted: refusal.Wanted})
				}
				s.emit(&trace.IKETransformJudged{Accepted: match, Next: next})
				if match {
					p.Lifetime, p.Auth = p.Life(o), o.Auth
					return choice{prop, t, p, o.Seconds > uint64(p.Lifetime)}, true
				}
			}
		}
	}
	s.emit(&trace.Phase1PolicyRefused{DefaultWouldMatch: defaultWould})
	return choice{}, false
}

func (s *sa) compareIKE(p policy.IKE, o policy.IKEOffer, t isakmp.Transform, haveKey bool) (policy.IKERefusal, bool) {
	s.emit(&trace.IKETransformOffered{Number: t.Number, Priority: p.Priority, Attributes: wireAttributes(t)})
	refusal, match := p.Match(s.asPolicy(o))
	if match && t.ID != isakmp.TransformKeyIKE {
		return policy.IKERefusal{Attr: trace.IKEAttrUnknown, Offered: uint32(t.ID)}, false
	}
	if match && !supported(p) {
		return policy.IKERefusal{Attr: trace.IKEAttrAuth, Offered: uint32(o.Auth), Wanted: uint32(isakmp.AuthPSK)}, false
	}
	if match && !s.canProve(p, haveKey) {
		if signs(p.Auth) {
			s.emit(&trace.CertificateMissing{Method: o.Auth})
		}
		return policy.IKERefusal{Attr: trace.IKEAttrAuth, Offered: uint32(o.Auth)}, false
	}
	return refusal, match
}

// supported says whether the engine can run a policy that matched.
func supported(p policy.IKE) bool {
	return p.Auth == isakmp.AuthPSK || signs(p.Auth) || encrypts(p.Auth)
}

// wireAttributes gives a transform's attributes in the form that events carry.
func wireAttributes(t isakmp.Transform) []byte { return isakmp.AppendAttributeList(nil, t.Attributes) }

// offerIKE is our phase 1 offer: every policy that we can run and prove ourselves
// by, in order, as the transforms of one proposal. The built-in policy is never
// offered.
func (s *sa) offerIKE(haveKey bool) isakmp.SA {
	prop := isakmp.Proposal{Number: 1, Protocol: isakmp.ProtocolISAKMP}
	for _, p := range s.e.cfg.Policies {
		if supported(p) && s.canProve(p, haveKey) {
			prop.Transforms = append(prop.Transforms, p.Transform(uint8(len(prop.Transforms)+1)))
		}
	}
	return isakmp.SA{DOI: isakmp.DOIIPsec, Situation: isakmp.SituationIdentityOnly, Proposals: []isakmp.Proposal{prop}}
}

// closest is the attribute in which a transform differs from the one of some
// policies that it resembles most.
func closest(policies []policy.IKE, t isakmp.Transform) (attr trace.IKEAttr) {
	offer := policy.ParseIKEOffer(t)
	for _, p := range policies {
		if refusal, match := p.Match(offer); !match && refusal.Attr > attr {
			attr = refusal.Attr
		}
	}
	return attr
}
