package compare

import (
	"fmt"

	"qmidle/internal/config"
	"qmidle/internal/diagnose"
)

// What an entry says of IKE beyond what is supported, and what that does to the
// other end all the same.

// ofEntry are the constructs in use of an entry's crypto map, or of the dynamic one
// that it is in, that have a name.
func (e *entry) ofEntry(feature string) (all []config.Unsupported) {
	for _, u := range e.gateway.File.source.Unsupported {
		if u.InUse && u.Feature == feature && (u.Owner == e.of.Name || e.dynamic() && u.Owner == "dynamic "+e.holder.Dynamic) {
			all = append(all, u)
		}
	}
	return all
}

// compareVersions looks for an end that speaks IKEv2.
func (p *Pair) compareVersions(m *meeting) {
	newer := [2][]config.Unsupported{m.entries[0].ofEntry("IKEv2"), m.entries[1].ofEntry("IKEv2")}
	if len(newer[0]) > 0 && len(newer[1]) > 0 {
		p.unknown(m)
		return
	}
	for end, list := range newer {
		if len(list) == 0 {
			continue
		}
		g, other := p.Ends[end], p.Ends[1-end]
		p.add(Finding{Cause: diagnose.IKEVersionMismatch, order: orderPolicy, Beyond: both,
			Summary: fmt.Sprintf("%s speaks IKEv2 by this line, and %s has IKEv1 only; the lab speaks IKEv1", g.Name, other.Name),
			Lines:   []Quote{g.File.quote(list[0].Line, ""), m.entries[1-end].quote("", "")},
			Fix:     []Fix{{g.Name, "", m.entries[end].commands(" no set ikev2-profile")}}}, m.tunnels...)
	}
}

// compareXauth looks for an end that asks its peers for a user.
func (p *Pair) compareXauth(m *meeting, end int) {
	e := m.entries[end]
	k := m.key(end, nil)
	if e.of.Client.Login == "" || !k.ok || k.key.NoXauth {
		return
	}
	g := p.Ends[end]
	x := Finding{Cause: diagnose.XauthNotExpected, order: orderIdentity, Stops: [2]bool{end == 1, end == 0},
		Summary: fmt.Sprintf("%s asks its peers for a user (XAUTH), also %s, whose key is without `no-xauth`", g.Name, p.Ends[1-end].Name),
		Lines:   []Quote{g.File.quote(g.File.source.MapLogin(e.of.Name), ""), g.File.quote(g.File.source.Key(k.ring, k.key), "")}}
	if k.ring == config.DefaultKeyring {
		x.Fix = []Fix{{g.Name, "", []string{"crypto isakmp key KEY address " + m.seen(1-end).String() + " no-xauth"}}}
	}
	p.add(x, m.tunnels...)
}

// notByMap are what protects traffic at a gateway without a crypto map.
func (g *Gateway) notByMap() (all []config.Unsupported) {
	for _, u := range g.File.unsupported("tunnel protection", "Easy VPN", "GDOI") {
		if u.InUse {
			all = append(all, u)
		}
	}
	return all
}
