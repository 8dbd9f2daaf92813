package simulate

import (
	"fmt"
	"net/netip"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// agreement compares what two ends have: a pair of IPsec SAs that one sends in
// must be there at the other, and an ISAKMP SA that is up at one must be up at
// the other.
type agreement struct {
	r    *run
	seen map[netip.Addr]*site
	odds map[string]time.Duration // disagreements, since when
}

func newAgreement(r *run) agreement {
	a := agreement{r, make(map[netip.Addr]*site), make(map[string]time.Duration)}
	for _, s := range r.plan.sites {
		a.seen[s.seen] = s
	}
	return a
}

// disagreement is an SA that the other end has not.
type disagreement struct {
	site, peer *site
	what       string
	expires    time.Time
	child      bool
}

// view is what the sites have, at one time.
type view struct {
	pairs   map[*site]map[uint32]ike.IPsecSA // by inbound SPI
	isakmp  map[*site]map[cookies]ike.ISAKMPSA
	ordered map[*site][]ike.IPsecSA
	sas     map[*site][]ike.ISAKMPSA
}

type cookies struct{ i, r isakmp.Cookie }

func (a *agreement) look() view {
	v := view{make(map[*site]map[uint32]ike.IPsecSA), make(map[*site]map[cookies]ike.ISAKMPSA), make(map[*site][]ike.IPsecSA), make(map[*site][]ike.ISAKMPSA)}
	for _, s := range a.r.plan.sites {
		router := a.r.world.Router(s.name)
		v.pairs[s], v.isakmp[s] = make(map[uint32]ike.IPsecSA), make(map[cookies]ike.ISAKMPSA)
		v.ordered[s] = router.IPsecSAs()
		for _, x := range v.ordered[s] {
			v.pairs[s][x.InSPI] = x
		}
		for _, x := range router.ISAKMPSAs() {
			if !x.Dead && x.Show == trace.QMIdle {
				v.isakmp[s][cookies{x.InitiatorCookie, x.ResponderCookie}] = x
				v.sas[s] = append(v.sas[s], x)
			}
		}
	}
	return v
}

// disagreements lists what one end has and the other has not, and where it looks for
// the other in vain: behind a NAT that has forgotten. It finds that out when it sends,
// or hears from the other.
func (a *agreement) disagreements() (list []disagreement) {
	v := a.look()
	for _, s := range a.r.plan.sites {
		for _, x := range v.ordered[s] {
			peer := a.seen[x.Remote.Addr()]
			if s.mismatches(peer) {
				continue
			}
			if other, ok := v.pairs[peer][x.OutSPI]; peer == nil || !ok || other.OutSPI != x.InSPI {
				list = append(list, disagreement{s, peer, fmt.Sprintf("pair %#x of %s", x.InSPI, s.name), x.Expires, true})
			}
		}
		for _, x := range v.sas[s] {
			peer := a.seen[x.Remote.Addr()]
			if s.mismatches(peer) {
				continue
			}
			if peer != nil && !a.r.world.Reaches(s.name, peer.name, x.Local, x.Remote) {
				list = append(list, disagreement{s, peer, fmt.Sprintf("the place of %s in ISAKMP SA %d of %s", peer.name, x.ID, s.name), x.Expires, false})
			}
			if _, ok := v.isakmp[peer][cookies{x.InitiatorCookie, x.ResponderCookie}]; peer == nil || !ok {
				list = append(list, disagreement{s, peer, fmt.Sprintf("ISAKMP SA %d of %s", x.ID, s.name), x.Expires, false})
			}
		}
	}
	return list
}

// odd tells of a disagreement, of a main mode that may have begun in the trouble,
// or of a tunnel without QM_IDLE; "" for none.
func (a *agreement) odd() string {
	if list := a.disagreements(); len(list) > 0 {
		return list[0].what + " is not at its peer"
	}
	for _, s := range a.r.plan.sites {
		if n := a.r.world.Router(s.name).Holdings().Negotiating; n > 0 && !s.mismatched() {
			return fmt.Sprintf("%s is still negotiating", s.name)
		}
	}
	v := a.look()
	for _, t := range a.r.plan.tunnels {
		if t.never {
			continue
		}
		idle := false
		for _, x := range v.sas[t.near] {
			idle = idle || contains(t.far, a.seen[x.Remote.Addr()])
		}
		if !idle {
			return fmt.Sprintf("%s has no QM_IDLE for tunnel %d", t.near.name, t.id)
		}
	}
	return ""
}

// deleteTakes is how long two ends may disagree on a network that is whole: an
// end that deletes an old pair keeps its own for packets that are on their way.
const deleteTakes = 10 * time.Second

// watch follows disagreements on a network that is whole.
func (a *agreement) watch() {
	now := a.r.now()
	present := make(map[string]bool)
	for _, d := range a.disagreements() {
		present[d.what] = true
		if since, known := a.odds[d.what]; !known {
			a.odds[d.what] = now
		} else if now-since > deleteTakes {
			a.r.fail("both ends agree", "%s is not at its peer, for %v on a network that is whole", d.what, now-since)
		}
	}
	for what := range a.odds {
		if !present[what] {
			delete(a.odds, what)
		}
	}
}
