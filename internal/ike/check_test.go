package ike

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"qmidle/internal/isakmp"
)

// fullPair is an engine with something in every table: SAs that are up, dead
// and half-open, pairs with a successor, a quick mode under way.
func fullPair(t *testing.T) *pair {
	p := newPair(t, nil)
	p.connect()
	p.do(p.hub, func(e *Engine, fx *Effects) { e.ClearISAKMP(p.now, 0, fx) })
	p.settle()
	for _, s := range []*side{p.spoke, p.hub} {
		p.do(s, func(e *Engine, fx *Effects) {
			conn := e.conns.byTag[1]
			e.begin(p.now, fx)
			e.pursue(conn, conn.Peers[0], requestFor(conn, Acquire{Connection: 1}))
		})
		p.advance(time.Second)
	}
	data := firstMessage(t, 1)
	local, remote := netip.AddrPortFrom(hubAddr, 500), netip.AddrPortFrom(spokeAddr, 500)
	p.do(p.hub, func(e *Engine, fx *Effects) { e.Datagram(p.now, local, remote, data, fx) })
	p.do(p.hub, func(e *Engine, fx *Effects) {
		e.begin(p.now, fx)
		e.someSA(up).startQuickMode(requestFor(e.conns.byTag[1], Acquire{Connection: 1}))
	})
	return p
}

func (e *Engine) someChild() *child { return e.sortedChildren()[0] }

func (e *Engine) someSA(want func(*sa) bool) *sa {
	for _, s := range e.sorted() {
		if want(s) {
			return s
		}
	}
	return nil
}

func up(s *sa) bool   { return s.up() }
func dead(s *sa) bool { return s.dead }

func TestHoldingsCountEverything(t *testing.T) {
	p := fullPair(t)
	h := p.hub.engine.Holdings()
	if h.SAs < 3 || h.HalfOpen != 1 || h.Negotiating != 1 || h.Peers < 1 || h.Children < 2 || h.Nodes < 1 || h.Timers < 5 {
		t.Errorf("%+v", h)
	}
	p.wire = nil
	p.do(p.hub, func(e *Engine, fx *Effects) { e.Shutdown(p.now, fx) })
	p.wire = nil
	p.advance(purgeDelay + time.Second)
	if h := p.hub.engine.Holdings(); h != (Holdings{}) {
		t.Errorf("a minute after the end: %+v", h)
	}
}

// Each fault is made in an engine that is otherwise in order.
func TestCheckFindsFaults(t *testing.T) {
	if err := fullPair(t).hub.engine.Check(); err != nil {
		t.Fatalf("an engine in order: %v", err)
	}
	for _, test := range []struct {
		name, want string
		fault      func(e *Engine)
	}{
		{"SA without cookies", "not found by its cookies", func(e *Engine) { s := e.someSA(up); delete(e.byCookies, cookiePair{s.cookieI, s.cookieR}) }},
		{"cookies of no SA", "cookies of", func(e *Engine) { e.byCookies[cookiePair{isakmp.Cookie{1}, isakmp.Cookie{2}}] = e.someSA(up) }},
		{"first message of no SA", "first messages of", func(e *Engine) { e.byInitial[initialKey{cookie: isakmp.Cookie{1}}] = e.someSA(up) }},
		{"SA under another peer", "is listed under", func(e *Engine) { s := e.someSA(up); s.remote = netip.AddrPortFrom(insideAddr, 500) }},
		{"a quick mode that is over and is written to", "what is concluded was written to", func(e *Engine) {
			for _, n := range e.someSA(up).nodes {
				if n.done {
					n.wanted = true
				}
			}
		}},
		{"empty list", "an empty list of SAs", func(e *Engine) { e.byAddrs[addrPair{}] = nil }},
		{"dead SA without a purge", "never purged", func(e *Engine) { e.timers.clear(&e.someSA(dead).retry) }},
		{"dead SA with its keys", "keeps something", func(e *Engine) { e.someSA(dead).cipher = e.someSA(up).cipher }},
		{"SA without its lifetime", "has no end", func(e *Engine) { e.timers.clear(&e.someSA(up).life) }},
		{"negotiation that waits forever", "waits forever", func(e *Engine) { e.timers.clear(&e.someSA(func(s *sa) bool { return s.halfOpen() }).retry) }},
		{"quick mode that waits forever", "waits forever", func(e *Engine) {
			for _, n := range e.someSA(func(s *sa) bool { return s.unfinished() > 0 }).nodes {
				e.timers.clear(&n.retry)
			}
		}},
		{"quick mode under another ID", "is listed as", func(e *Engine) {
			for _, n := range e.someSA(func(s *sa) bool { return s.unfinished() > 0 }).nodes {
				n.id++
			}
		}},
		{"peer with too many references", "references", func(e *Engine) { e.someSA(up).peer.ikeRefs++ }},
		{"peer without an SA", "peers, and SAs with", func(e *Engine) { e.peers[peerKey{}] = &peer{} }},
		{"pair without its SPI", "not found by its SPI", func(e *Engine) { delete(e.children, e.someChild().in.spi) }},
		{"pair without its ends", "are listed by their ends", func(e *Engine) { e.byEnds[e.someChild().pair()] = e.byEnds[e.someChild().pair()][1:] }},
		{"pair without its lifetime", "lifetime of", func(e *Engine) { e.timers.clear(&e.someChild().life) }},
		{"pair without its renewal", "waits forever", func(e *Engine) { e.timers.clear(&e.someChild().renewal) }},
		{"pair of no connection", "of a connection that is gone", func(e *Engine) { e.someChild().conn = 99 }},
		{"pair behind one that is gone", "superseded by one that does not send", func(e *Engine) { e.someChild().superseder = &child{} }},
		{"pair behind itself", "supersedes itself", func(e *Engine) { e.someChild().superseder = e.someChild() }},
		{"counter of half-open SAs", "half-open SAs counted", func(e *Engine) { e.halfOpen.count++ }},
		{"half-open SA out of the queue", "are queued", func(e *Engine) { e.halfOpen.queue = nil }},
		{"counter of assemblies", "assemblies counted", func(e *Engine) { e.assembling = append(e.assembling, e.someSA(up)) }},
		{"preferred peer of no connection", "preferred peer", func(e *Engine) { e.preferred[99] = spokeAddr }},
		{"limit for no peer", "is no connection's peer", func(e *Engine) { e.invalidSPI[addrPair{}] = new(instant) }},
		{"timer of what is gone", "of something that is gone", func(e *Engine) { e.timers.set(&timer{}, e.now.Add(time.Hour)) }},
		{"timer in another's slot", "slot of another time", func(e *Engine) { e.someSA(up).life.at = e.timers.instant(e.now.Add(999 * time.Hour)) }},
		{"slot that is not marked", "not marked", func(e *Engine) { e.timers.wheels[wheels-1].taken = 1 }},
		{"overdue timers out of order", "out of order", func(e *Engine) {
			for _, d := range []time.Duration{time.Hour, time.Minute} {
				e.timers.overdue = push(e.timers.overdue, &timer{at: e.timers.instant(e.timers.origin.Add(-time.Hour - d))})
			}
			e.timers.overdue = e.timers.overdue.next
		}},
		{"counter of timers", "timers counted", func(e *Engine) { e.timers.count++ }},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := fullPair(t)
			defer func() { concluded = negotiation{} }() // all engines have it
			test.fault(p.hub.engine)
			if err := p.hub.engine.Check(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("found %v, want %q", err, test.want)
			}
		})
	}
}
