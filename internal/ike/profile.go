package ike

import (
	"crypto/x509"
	"net/netip"
	"slices"
	"strings"

	"qmidle/internal/isakmp"
	"qmidle/internal/pki"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// Profile is what phase 1 does with the peers that it matches
// (`crypto isakmp profile`). A connection may name one: it is then negotiated
// under ISAKMP SAs of that profile only.
type Profile struct {
	Name  string
	Local netip.Addr // the address of ours that it is for; invalid for all
	Match []policy.IdentityMatch
	// Certificates match peers by what their certificates have.
	Certificates []pki.Map
	Keyrings     []string // that may prove its peers; the KeyStore knows them
	// Trustpoints may prove its peers and us by certificates; nil is every one.
	Trustpoints []string
	Identity    *policy.Identity // that we present; nil is Config.Identity, zero our address
	Keepalive   *Keepalive       // nil is Config.Keepalive
	Clients     *Clients         // nil is the crypto map's
	Group       string           // that its clients are in, whatever they name; "" for that

	Aggressive bool // phase 1 for it begins in aggressive mode
}

// profile returns the profile of a name; nil for "" and for one that is gone.
func (c *Config) profile(name string) *Profile {
	i := slices.IndexFunc(c.Profiles, func(p *Profile) bool { return p.Name == name })
	if i < 0 || name == "" {
		return nil
	}
	return c.Profiles[i]
}

// profileNames are all of them, for the event.
func (c *Config) profileNames() string {
	names := make([]string, 0, len(c.Profiles))
	for _, p := range c.Profiles {
		names = append(names, p.Name)
	}
	return strings.Join(names, " ")
}

// Matches says whether a profile takes a peer without a certificate at one of our
// addresses, and how near its match is.
func (p *Profile) Matches(local netip.Addr, who policy.Identity) (near int, ok bool) {
	return p.Takes(local, who, nil)
}

// Takes is Matches of a peer with a certificate, nil for none; a map that it matches
// is nearer than any range of addresses and any domain.
func (p *Profile) Takes(local netip.Addr, who policy.Identity, c *x509.Certificate) (near int, ok bool) {
	if p.Local.IsValid() && p.Local != local {
		return 0, false
	}
	if c != nil && slices.ContainsFunc(p.Certificates, func(m pki.Map) bool { return m.Matches(c) }) {
		return policy.Exactly, true
	}
	for _, m := range p.Match {
		if n, is := m.Matches(who); is && (!ok || n > near) {
			near, ok = n, true
		}
	}
	return near, ok
}

// ProfileFor returns the profile that takes a peer without a certificate: the nearest
// match, of equal ones the profile for one address of ours, then the first. nil is
// none.
func ProfileFor(all []*Profile, local netip.Addr, who policy.Identity) (best *Profile) {
	return ProfileOf(all, local, who, nil)
}

// ProfileOf is ProfileFor of a peer with a certificate, nil for none.
func ProfileOf(all []*Profile, local netip.Addr, who policy.Identity, c *x509.Certificate) (best *Profile) {
	nearest := 0
	for _, p := range all {
		near, ok := p.Takes(local, who, c)
		if !ok {
			continue
		}
		if best == nil || near > nearest || near == nearest && p.Local.IsValid() && !best.Local.IsValid() {
			best, nearest = p, near
		}
	}
	return best
}

// judgeProfile finds the profile of a peer by the identity that it presents, and
// returns why the exchange cannot go on; ReasonNone is that it can. In main mode
// the key was chosen by the peer's address: the profile has to have it too.
func (s *sa) judgeProfile(who policy.Identity) (*Profile, trace.Reason) {
	p := s.profileOf(who)
	s.emit(&trace.ProfileMatched{Name: p.name()})
	if s.demanded && p != s.profile {
		s.emit(&trace.ProfileRefused{Requested: s.profile.Name})
		return nil, trace.ReasonProfile
	}
	if p != nil && !s.aggressive && proofOf(s.suite.Auth) == isakmp.AuthPSK && !s.provenBy(p) {
		return nil, trace.ReasonProfileKey
	}
	return p, trace.ReasonNone
}

// profileOf is the profile of a peer: the one that we began for, where it matches.
func (s *sa) profileOf(who policy.Identity) *Profile {
	if s.demanded {
		if _, ok := s.profile.Takes(s.local.Addr(), who, s.peerCertificate); ok {
			return s.profile
		}
	}
	return ProfileOf(s.e.cfg.Profiles, s.local.Addr(), who, s.peerCertificate)
}

// name is "" for none.
func (p *Profile) name() string {
	if p == nil {
		return ""
	}
	return p.Name
}

// provenBy says whether a profile's keyrings have the key of this exchange for
// the peer, and tells it.
func (s *sa) provenBy(p *Profile) bool {
	key, found := s.e.cfg.Keys.PresharedKey(KeyQuery{Local: s.local.Addr(), Remote: s.remote.Addr(), Keyrings: p.Keyrings})
	same := found && key.Secret.Equal(s.handshake.key.Secret)
	s.emit(&trace.ProfileKeyFound{Keyring: key.Keyring, Found: same})
	return same
}

// keyrings are those that the key of the exchange may be in: the requested
// profile's. A responder does not know the profile yet, and looks in all.
func (s *sa) keyrings() []string {
	if s.profile == nil {
		return nil
	}
	return s.profile.Keyrings
}

// identity is what s presents without a certificate: there is no distinguished name
// then.
func (s *sa) identity() policy.Identity {
	id := s.configuredIdentity()
	if id.Type == 0 || id.Type == isakmp.IDDERASN1DN && id.Data == "" {
		return policy.AddressIdentity(s.local.Addr())
	}
	return id
}

// configuredIdentity is what is to be presented; zero is our address.
func (s *sa) configuredIdentity() policy.Identity {
	if h := s.handshake; h != nil && h.identity.Type != 0 {
		return h.identity
	}
	id := s.e.cfg.Identity
	if s.profile != nil && s.profile.Identity != nil {
		id = *s.profile.Identity
	}
	return id
}

// liveness is how s detects a dead peer; nil only answers.
func (s *sa) liveness() *Keepalive {
	if s.profile != nil && s.profile.Keepalive != nil {
		return s.profile.Keepalive
	}
	return s.e.cfg.Keepalive
}

// serves says whether a connection may be negotiated under s. While the peer of
// a responder is not known it has no profile: it may turn out to have another,
// and its key may be another's.
func (s *sa) serves(conn *Connection) bool {
	return conn.Profile == "" || conn.Profile == s.profile.name()
}

// successorProfile is the profile to ask for in the place of s: one that only
// the peer's identity has brought about need not be asked for, unless a
// connection does.
func (s *sa) successorProfile() string {
	wanted := func(c *Connection) bool {
		return c.Profile == s.profile.name() && (!c.Dynamic || c.Admits(s.remote.Addr()))
	}
	if s.demanded || slices.ContainsFunc(s.e.conns.byEnds[s.pair()], wanted) || slices.ContainsFunc(s.e.conns.templates[s.local.Addr()], wanted) {
		return s.profile.name()
	}
	return ""
}

// adoptProfile takes over the present form of s's profile. An exchange for one
// that is gone ends.
func (s *sa) adoptProfile() {
	if s.profile == nil || s.dead {
		return
	}
	s.profile = s.e.cfg.profile(s.profile.Name)
	if s.profile != nil {
		return
	}
	if s.demanded && !s.up() {
		s.deleteSA(trace.ReasonReconfigured)
	}
	s.demanded = false
}

// refusePeer ends an exchange whose peer has proven itself and is not wanted.
// For the one who has sent the last message the SA is up since: it is told.
func (s *sa) refusePeer(reason trace.Reason) {
	s.lastOut = nil // a duplicate is not to be answered
	if (s.role == trace.RoleInitiator) != s.aggressive {
		s.sendDeleteNow(s.ownDelete(), 0)
	}
	s.deleteSA(reason)
}
