package simulate

import (
	"net/netip"
	"slices"
	"strings"
)

// A gateway more may want a tunnel that its peer has configured otherwise. It never
// comes up, the others do not suffer from it, and each end can be asked why.

// mismatch is what does not match.
type mismatch struct {
	name   string
	tunnel *tunnel
	causes []string // labels of causes, one of which the ends together name
}

// odd is what an end of a tunnel has in the place of what was agreed on; "" for the
// same.
type odd struct {
	key    string
	noKey  bool
	set    string
	pfs    string
	policy string
	// certificate is the file of the gateway's own, which the peer does not believe.
	certificate string
}

// mismatches are the kinds, of gateways with keys or with certificates.
var mismatches = []struct {
	name            string
	certified, keys bool
	causes          []string
	make            func(d *draw, near, far *entry)
}{
	{"another key", false, true, []string{"psk-mismatch"}, func(_ *draw, near, _ *entry) { near.odd.key = "a-key-of-nobody" }},
	{"no key", false, true, []string{"no-psk-for-peer"}, func(_ *draw, _, far *entry) { far.odd = &odd{noKey: true} }},
	{"no policy in common", true, true, []string{"phase1-policy-mismatch"}, func(_ *draw, near, _ *entry) {
		near.odd.policy = "encr aes 192\n hash md5\n group 15"
	}},
	{"no transform set in common", true, true, []string{"phase2-transform-mismatch"}, func(_ *draw, near, _ *entry) {
		near.odd.set = "esp-aes 192 esp-md5-hmac"
	}},
	{"another PFS group", true, true, []string{"pfs-mismatch"}, func(_ *draw, near, far *entry) {
		near.odd.pfs, far.odd = "group14", &odd{pfs: "group5"}
	}},
	{"other networks", true, true, []string{"proxy-identity-mismatch"}, func(_ *draw, _, far *entry) {
		far.lines[0].remote = netip.MustParsePrefix("10.250.0.0/24")
	}},
	{"a certificate that has expired", true, false, []string{"cert-expired"}, func(_ *draw, near, _ *entry) { near.odd.certificate = "g9-expired.pem" }},
	{"a certificate that is not valid yet", true, false, []string{"cert-not-yet-valid-clock"}, func(_ *draw, near, _ *entry) { near.odd.certificate = "g9-early.pem" }},
	{"a certificate of another CA", true, false, []string{"ca-unknown"}, func(_ *draw, near, _ *entry) { near.odd.certificate = "g9-other.pem" }},
	{"a certificate that is revoked", true, false, []string{"cert-revoked"}, func(_ *draw, near, far *entry) {
		near.odd.certificate, near.peers[0].revocation = "g9-revoked.pem", true
	}},
}

// outsider is the number of the gateway whose tunnel does not match.
const outsider = 9

// differ adds a gateway with a tunnel to one that is there, and has them not match.
func (d *draw) differ() {
	p := d.plan
	hub := pick(d, p.sites)
	if hub.standsIn() {
		return
	}
	kind := pick(d, mismatches)
	if p.certified && !kind.certified || !p.certified && !kind.keys {
		return
	}
	s := d.siteAt(outsider)
	s.policies, s.policyLife, s.keepalive, s.retransmit = hub.policies, pick(d, phase1Lives), d.keepalive(), pick(d, retransmissions)
	s.recovery, s.replay, s.certified = d.oneIn(2), 64, p.certified
	d.behindNAT(s)
	t := d.tunnel(s, hub)
	t.never, t.sets = true, []string{pick(d, phase2)}
	d.entries(t)
	near, far := s.entryOf(t), hub.entryOf(t)
	near.lines, far.lines = near.lines[:1], far.lines[:1]
	near.odd = &odd{}
	kind.make(d, near, far)
	p.mismatch = &mismatch{kind.name, t, kind.causes}
	first := len(p.flows)
	l := near.lines[0]
	d.flow(s, t.far, own(l.local), own(l.remote), []*tunnel{t})
	if d.oneIn(2) && kind.name != "other networks" { // to those nobody sends
		d.flow(hub, []*site{s}, own(l.remote), own(l.local), []*tunnel{t})
	}
	for _, f := range p.flows[first:] {
		f.never, f.size = true, 100
	}
}

// mismatched says whether a site has a tunnel that does not match.
func (s *site) mismatched() bool {
	return slices.ContainsFunc(s.peers, func(e *entry) bool { return e.tunnel.never })
}

// mismatches says whether that is with a peer.
func (s *site) mismatches(peer *site) bool {
	return slices.ContainsFunc(s.peers, func(e *entry) bool { return e.tunnel.never && contains(e.peers, peer) })
}

func (e *entry) keyOf() string {
	switch {
	case e.odd == nil:
	case e.odd.noKey:
		return ""
	case e.odd.key != "":
		return e.odd.key
	}
	return e.tunnel.key
}

func (e *entry) pfsOf() string {
	if e.odd != nil && e.odd.pfs != "" {
		return e.odd.pfs
	}
	return e.tunnel.pfs
}

func (e *entry) setsOf() []string {
	if e.odd != nil && e.odd.set != "" {
		return []string{e.odd.set}
	}
	return e.tunnel.sets
}

// setNames are those of an entry's transform sets.
func (e *entry) setNames() string {
	names := make([]string, len(e.setsOf()))
	for i := range names {
		names[i] = e.tunnel.setName(i)
	}
	return strings.Join(names, " ")
}

// staysDown looks for a pair of a tunnel that does not match.
func (r *run) staysDown() {
	m := r.plan.mismatch
	if m == nil {
		return
	}
	for _, s := range m.tunnel.ends() {
		for _, x := range r.world.Router(s.name).IPsecSAs() {
			if s.mismatches(r.agreement.seen[x.Remote.Addr()]) {
				r.fail("what does not match stays down", "%s has pair %#x, though there is %s", s.name, x.InSPI, m.name)
			}
		}
	}
}

// mismatchIsNamed asks both ends why their tunnel does not come up.
func (r *run) mismatchIsNamed() {
	m := r.plan.mismatch
	if m == nil || r.failure != nil {
		return
	}
	var named []string
	for _, cause := range r.world.Causes(m.tunnel.near.name, m.tunnel.far[0].name) {
		if slices.Contains(m.causes, cause) {
			return
		}
		named = append(named, cause)
	}
	r.fail("what does not match is named", "there is %s, and the ends name %q", m.name, named)
}
