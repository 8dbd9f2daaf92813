package simulate

import (
	"net/netip"
	"slices"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/trace"
)

// endings holds that the end of every SA is told with a reason: in an event
// that comes with it, and in the history.
type endings struct {
	r     *run
	sites map[string]*siteEndings
}

// siteEndings is what was told of a site's SAs. All but ended is of the present
// event of the clock.
type siteEndings struct {
	ended   map[uint32]bool // ISAKMP SAs
	told    map[ipsecSA]bool
	deleted bool // the peer has sent a delete
	records []record
}

type ipsecSA struct {
	direction ipsec.Direction
	spi       uint32
}

// record is an end as the history must have it.
type record struct {
	remote netip.Addr
	at     time.Time
	code   trace.Code
	json   []byte
}

func newEndings(r *run) endings { return endings{r, make(map[string]*siteEndings)} }

// started forgets a gateway that forgets everything.
func (e *endings) started(gateway string) {
	e.sites[gateway] = &siteEndings{ended: make(map[uint32]bool), told: make(map[ipsecSA]bool)}
}

// site is a gateway's. Its first events come before it says that it started.
func (e *endings) site(gateway string) *siteEndings {
	if e.sites[gateway] == nil {
		e.started(gateway)
	}
	return e.sites[gateway]
}

func (e *endings) record(gateway string, rec *trace.Record) {
	s := e.site(gateway)
	switch ev := rec.Event.(type) {
	case *trace.DeleteReceived:
		s.deleted = s.deleted || ev.Known
	case *trace.SADeleting:
		e.reason(s, gateway, rec, ev.Reason)
		s.ended[rec.SA] = true
		e.renewed(gateway, rec, ev.Reason, 0)
	case *trace.SAPurged:
		if !s.ended[rec.SA] {
			e.r.fail("every end has a reason", "%s forgets ISAKMP SA %d, whose end was not told", gateway, rec.SA)
		}
		delete(s.ended, rec.SA)
	case *trace.IPsecSADeleted:
		e.reason(s, gateway, rec, ev.Reason)
		direction := ipsec.Outbound
		if ev.Inbound {
			direction = ipsec.Inbound
			e.renewed(gateway, rec, ev.Reason, ev.SPI)
		}
		s.told[ipsecSA{direction, ev.SPI}] = true
	}
}

// reason judges why an SA ends. No reason is one only where the peer deleted
// it: so IOS calls that.
func (e *endings) reason(s *siteEndings, gateway string, rec *trace.Record, why trace.Reason) {
	if why.String() == "" || why == trace.ReasonNone && !s.deleted {
		e.r.fail("every end has a reason", "%s ends an SA with %v for the reason %d", gateway, rec.Remote, why)
	}
	s.records = append(s.records, record{rec.Remote.Addr(), rec.Time, rec.Event.Code(), trace.AppendJSON(nil, rec)})
}

// renewalTakes is how often an ISAKMP SA that nears its end looks whether there
// are IPsec SAs for which to renew it, and the time that a main mode takes.
const renewalTakes = 20 * time.Second

// renewed holds, on a network that is whole, that what ends because its lifetime
// is over has a successor already: a pair of IPsec SAs, with an inbound SPI,
// since every one of a run carries packets, but for those of a gateway that
// stands in for another; an ISAKMP SA, where there are pairs to look after.
func (e *endings) renewed(gateway string, rec *trace.Record, why trace.Reason, spi uint32) {
	if why != trace.ReasonLifetime || !e.r.delivery.strict || e.r.sites[gateway].standsIn() {
		return
	}
	router, peer := e.r.world.Router(gateway), rec.Remote.Addr()
	successor, guards := false, spi != 0
	for _, x := range router.IPsecSAs() {
		if e.standsFor(gateway, x.Remote.Addr(), peer) {
			successor = successor || spi != 0 && x.InSPI != spi && x.OutboundReady
			guards = guards || rec.Time.Sub(x.Created) > renewalTakes
		}
	}
	for _, x := range router.ISAKMPSAs() {
		successor = successor || spi == 0 && x.ID != rec.SA && !x.Dead && x.Show == trace.QMIdle && e.standsFor(gateway, x.Remote.Addr(), peer)
	}
	if guards && !successor {
		e.r.fail("renewed in time", "%s has no successor of an SA with %v whose lifetime is over", gateway, rec.Remote)
	}
}

// standsFor says whether a peer of a gateway is another one, or stands in for it.
func (e *endings) standsFor(gateway string, peer, other netip.Addr) bool {
	a, b := e.r.agreement.seen[peer], e.r.agreement.seen[other]
	return peer == other || slices.ContainsFunc(e.r.sites[gateway].peers, func(x *entry) bool { return contains(x.peers, a) && contains(x.peers, b) })
}

func (e *endings) removed(gateway string, sa ike.RemovedSA) {
	if s := e.site(gateway); !s.told[ipsecSA{sa.Direction, sa.SPI}] {
		e.r.fail("every end has a reason", "%s removes %v SA %#x, whose end was not told", gateway, sa.Direction, sa.SPI)
	}
}

// stepped compares what was told in an event of the clock with the history.
func (e *endings) stepped() {
	for _, x := range e.r.plan.sites {
		s := e.site(x.name)
		e.compare(x.name, s.records)
		s.records, s.deleted = s.records[:0], false
		clear(s.told)
	}
}

func (e *endings) compare(gateway string, records []record) {
	var of netip.Addr
	var list []trace.Record
	for _, x := range records {
		if x.remote != of {
			of, list = x.remote, e.r.world.Router(gateway).History(x.remote)
		}
		if !x.in(list) {
			e.r.fail("every end has a reason", "the history of %s has no %s", gateway, x.json)
		}
	}
}

// in says whether a history has the record. One that begins at the end's own
// time has had no room for all of it.
func (x record) in(list []trace.Record) bool {
	if len(list) > 0 && list[0].Time.Equal(x.at) {
		return true
	}
	return slices.ContainsFunc(list, func(rec trace.Record) bool {
		return rec.Event.Code() == x.code && rec.Time.Equal(x.at) && slices.Equal(trace.AppendJSON(nil, &rec), x.json)
	})
}
