package compare

import (
	"fmt"
	"net/netip"

	"qmidle/internal/config"
	"qmidle/internal/diagnose"
	"qmidle/internal/ike"
	"qmidle/internal/policy"
)

// foundKey is a key that proves the other end, and where it was written.
type foundKey struct {
	ring string
	key  config.PresharedKey
	peer *config.ISAKMPPeer // whose password it is; nil for none
	ok   bool
}

// keyQuote is the line of a key.
func (g *Gateway) keyQuote(k foundKey) Quote {
	if k.peer != nil {
		return g.File.quote(g.File.source.PeerPassword(k.peer), "")
	}
	return g.File.quote(g.File.source.Key(k.ring, k.key), "")
}

// key finds an end's key for the other: in the keyrings of a profile, or in all.
func (m *meeting) key(end int, keyrings []string) (k foundKey) {
	e := m.entries[end]
	k.ring, k.key, k.ok = e.gateway.plan.Key(ike.KeyQuery{Local: e.conn.Local, Remote: m.seen(1 - end), Keyrings: keyrings})
	return k
}

// demanded is the profile that an end asks for as initiator; nil for none.
func (m *meeting) demanded(end int) *ike.Profile {
	return m.entries[end].gateway.profileNamed(m.entries[end].profile())
}

func (g *Gateway) profileNamed(name string) *ike.Profile {
	for _, p := range g.plan.Profiles {
		if p.Name == name && name != "" {
			return p
		}
	}
	return nil
}

func keyringsOf(p *ike.Profile) []string {
	if p == nil {
		return nil
	}
	return p.Keyrings
}

// compareKeys looks for the key of each end, and whether they are the same. What
// an end uses as initiator may be another key than what it uses as responder.
func (p *Pair) compareKeys(m *meeting) {
	if p.Ends[0].keysUnknown || p.Ends[1].keysUnknown || !m.seen(0).IsValid() || !m.seen(1).IsValid() {
		return
	}
	for end := range 2 {
		use := m.usedKeys(end)
		for who, k := range use {
			if !k.ok {
				p.keyMissing(m, who, end)
			}
		}
		if use[0].ok && use[1].ok && !use[0].key.Key.Equal(use[1].key.Key) {
			p.keysDiffer(m, use, end)
		}
		for who, k := range use {
			p.luckOfKey(m, who, k)
		}
	}
}

// keyMissing tells that an end has no key for the other, for what begins one of
// them.
func (p *Pair) keyMissing(m *meeting, who, begins int) {
	e, g := m.entries[who], p.Ends[who]
	peer := m.seen(1 - who)
	where, lines := "", []Quote{}
	if who != begins && m.aggressive(begins) != nil {
		where = fmt.Sprintf(", nor for %s, as which it presents itself in aggressive mode", m.presented(begins, m.demanded(begins), true))
	}
	if profile := m.demanded(who); who == begins && profile != nil {
		where = " in the keyrings of profile " + profile.Name
		lines = append(lines, g.File.quote(g.File.source.Profile(profile.Name), ""))
	}
	lines = append(lines, g.keyQuotes()...)
	if len(g.keyQuotes()) == 0 {
		lines = append(lines, g.File.none("no pre-shared key"))
	}
	if len(e.written.Peers) > 0 {
		lines = append(lines, e.quote("peer "+e.written.Peers[0].String(), ""))
	}
	other := m.entries[1-who]
	lines = append(lines, other.gateway.addressQuote(other.conn.Local))
	p.add(Finding{Cause: diagnose.NoPSKForPeer, Stops: begunBy(begins), order: orderKey, Lines: lines,
		Summary: fmt.Sprintf("%s has no pre-shared key for %s, the address of %s%s", g.Name, peer, p.Ends[1-who].Name, where),
		Fix:     []Fix{{g.Name, "the KEY that " + p.Ends[1-who].Name + " has", g.keyCommands(m.demanded(who), peer)}}}, m.tunnels...)
}

// keyQuotes are the lines of all keys, some of them.
func (g *Gateway) keyQuotes() (all []Quote) {
	f := g.File
	for _, k := range g.cfg.ISAKMP.Keys {
		if l := f.source.Key(config.DefaultKeyring, k); l.Written() {
			all = append(all, f.quote(l, ""))
		}
	}
	for _, ring := range g.cfg.Keyrings {
		for _, k := range ring.Keys {
			all = append(all, f.quote(f.source.Key(ring.Name, k), ""))
		}
	}
	return all[:min(len(all), maxQuotes/2)]
}

// keyCommands write a key where the end looks for it. The key itself is never
// shown.
func (g *Gateway) keyCommands(profile *ike.Profile, peer netip.Addr) []string {
	if profile != nil {
		for _, ring := range profile.Keyrings {
			if ring != config.DefaultKeyring {
				return []string{"crypto keyring " + ring, "  pre-shared-key address " + peer.String() + " key KEY"}
			}
		}
	}
	return []string{"crypto isakmp key KEY address " + peer.String()}
}

// keysDiffer tells that the two keys are not the same.
func (p *Pair) keysDiffer(m *meeting, use [2]foundKey, begins int) {
	f := Finding{Cause: diagnose.PSKMismatch, Stops: begunBy(begins), order: orderKey,
		Summary: fmt.Sprintf("the pre-shared keys of %s and %s for each other differ", p.Ends[0].Name, p.Ends[1].Name)}
	for end, k := range use {
		g := p.Ends[end]
		f.Lines = append(f.Lines, g.keyQuote(k))
		f.Fix = append(f.Fix, Fix{g.Name, "the KEY that " + p.Ends[1-end].Name + " has", g.replaceKey(k)})
	}
	p.add(f, m.tunnels...)
}

func (g *Gateway) replaceKey(k foundKey) []string {
	if x := k.peer; x != nil && x.Host != "" {
		return []string{"crypto isakmp peer hostname " + x.Host, " set aggressive-mode password KEY"}
	} else if x != nil {
		return []string{"crypto isakmp peer address " + x.Addr.String(), " set aggressive-mode password KEY"}
	}
	peer := "address " + k.key.Addr.String()
	switch {
	case k.key.Hostname != "":
		peer = "hostname " + k.key.Hostname
	case k.key.Mask < 32:
		peer += " " + diagnose.Netmask(k.key.Prefix())
	}
	if k.ring == config.DefaultKeyring {
		return []string{"no crypto isakmp key OLD-KEY " + peer, "crypto isakmp key KEY " + peer}
	}
	return []string{"crypto keyring " + k.ring, "  no pre-shared-key " + peer, "  pre-shared-key " + peer + " key KEY"}
}

// presented is what an end says that it is under a profile, when it begins or when it
// answers.
func (m *meeting) presented(end int, profile *ike.Profile, begins bool) policy.Identity {
	e := m.entries[end]
	id := e.gateway.plan.Identity
	if how := m.aggressive(end); begins && how != nil && how.Identity.Type != 0 {
		return how.Identity
	}
	if profile != nil && profile.Identity != nil {
		id = *profile.Identity
	}
	if id.Type == 0 {
		id = policy.AddressIdentity(e.conn.Local)
	}
	return id
}

// compareIdentities follows what the ends present to each other when one of them
// begins: it presents itself, the other finds the profile for that and presents
// itself under it.
func (p *Pair) compareIdentities(m *meeting, begins int) {
	if !m.seen(0).IsValid() || !m.seen(1).IsValid() {
		return
	}
	answers := 1 - begins
	asked := m.demanded(begins)
	who := m.presented(begins, asked, true)
	a := m.entries[answers]
	found := ike.ProfileFor(a.gateway.plan.Profiles, a.conn.Local, who)
	p.compareProfileKey(m, answers, begins, found)
	if want := a.profile(); want != "" && want != profileName(found) {
		p.identityRefused(m, answers, begins, a.gateway.profileNamed(want), found, who, asked)
	}
	back := m.presented(answers, found, false)
	b := m.entries[begins]
	if asked != nil {
		if _, ok := asked.Matches(b.conn.Local, back); !ok {
			p.identityRefused(m, begins, begins, asked, nil, back, found)
		}
		return
	}
	p.compareProfileKey(m, begins, begins, ike.ProfileFor(b.gateway.plan.Profiles, b.conn.Local, back))
}

func profileName(p *ike.Profile) string {
	if p == nil {
		return ""
	}
	return p.Name
}

// compareProfileKey looks for the key of the exchange in the keyrings of the
// profile that an identity led to.
func (p *Pair) compareProfileKey(m *meeting, who, begins int, profile *ike.Profile) {
	if profile == nil || p.Ends[0].keysUnknown || p.Ends[1].keysUnknown || m.aggressive(begins) != nil {
		return // in aggressive mode the identity comes before the key
	}
	var used foundKey
	if who == begins {
		used = m.key(who, keyringsOf(m.demanded(who)))
	} else {
		used = m.key(who, nil)
	}
	own := m.key(who, profile.Keyrings)
	if !used.ok || own.ok && own.key.Key.Equal(used.key.Key) {
		return
	}
	g := p.Ends[who]
	f := Finding{Cause: diagnose.IdentityMismatch, Stops: begunBy(begins), order: orderIdentity,
		Summary: fmt.Sprintf("the identity of %s leads %s to profile %s, whose keyrings do not have the key that proves it", p.Ends[1-who].Name, g.Name, profile.Name),
		Lines: []Quote{g.File.quote(g.File.source.Profile(profile.Name), ""), g.keyQuote(used),
			p.identityQuote(m, 1-who, nil)},
		Fix: []Fix{{g.Name, "", []string{"crypto isakmp profile " + profile.Name, "   keyring " + used.ring}}}}
	p.add(f, m.tunnels...)
}

// identityQuote is the line that makes an end present what it does.
func (p *Pair) identityQuote(m *meeting, end int, profile *ike.Profile) Quote {
	g := p.Ends[end]
	f := g.File
	if profile != nil && profile.Identity != nil {
		return f.quote(f.source.ProfileIdentity(profile.Name), "")
	}
	if g.cfg.ISAKMP.Identity == config.IdentityHostname {
		return f.quote(f.source.Identity(), "")
	}
	q := g.addressQuote(m.entries[end].conn.Local)
	if q.Note == "" {
		q.Note = "the identity is the address"
	}
	return q
}

// identityRefused tells that an end has a profile that does not match what the
// other presents.
func (p *Pair) identityRefused(m *meeting, who, begins int, want, found *ike.Profile, id policy.Identity, under *ike.Profile) {
	g, other := p.Ends[who], p.Ends[1-who]
	if want == nil {
		return // not supported, and noted as such
	}
	f := Finding{Cause: diagnose.IdentityMismatch, Stops: begunBy(begins), order: orderIdentity,
		Lines: []Quote{m.entries[who].profileQuote()}}
	f.Summary = fmt.Sprintf("%s presents itself as %s, and profile %s of %s does not match that", other.Name, id, want.Name, g.Name)
	if _, ok := want.Matches(m.entries[who].conn.Local, id); ok && found != nil {
		f.Summary = fmt.Sprintf("%s presents itself as %s, which leads %s to profile %s, and its entry wants profile %s", other.Name, id, g.Name, found.Name, want.Name)
		f.Lines = append(f.Lines, g.File.quote(g.File.source.Profile(found.Name), ""))
	}
	for _, x := range g.cfg.Profile(want.Name).Match {
		f.Lines = append(f.Lines, g.File.quote(g.File.source.ProfileMatch(want.Name, x), ""))
	}
	if len(g.cfg.Profile(want.Name).Match) == 0 {
		f.Lines = append(f.Lines, g.File.quote(g.File.source.Profile(want.Name), "no `match identity`"))
	}
	f.Lines = append(f.Lines, p.identityQuote(m, 1-who, under))
	f.Fix = []Fix{{g.Name, "", []string{"crypto isakmp profile " + want.Name, "   match identity " + matchWords(id)}}}
	address := policy.AddressIdentity(m.entries[1-who].conn.Local)
	if _, ok := want.Matches(m.entries[who].conn.Local, address); ok && id != address {
		commands := []string{"crypto isakmp identity address"}
		if under != nil && under.Identity != nil {
			commands = []string{"crypto isakmp profile " + under.Name, "   self-identity address"}
		}
		f.Fix = append(f.Fix, Fix{other.Name, "", commands})
	}
	for _, t := range m.tunnels {
		if who != begins && t.Ways[begins] != nil {
			if _, ok := p.answer(t, begins); ok {
				continue // by an entry with another profile
			}
		}
		p.add(f, t)
	}
}

// matchWords are what matches an identity.
func matchWords(id policy.Identity) string {
	m := config.IdentityMatch{Kind: config.MatchHost, Name: id.Data}
	switch {
	case id == policy.FQDNIdentity(id.Data):
	case len(id.Data) == 4:
		a, _ := netip.AddrFromSlice([]byte(id.Data))
		return "address " + a.String() + " 255.255.255.255"
	default:
		m.Kind = config.MatchUser
	}
	return m.String()
}
