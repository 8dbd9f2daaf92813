package ike

import (
	"net/netip"

	"qmidle/internal/isakmp"
)

// Engines are several engines side by side, each with the peers of its own, so that a
// driver may run them on several cores: they share nothing that one of them changes
// while another runs, but counters that need no lock. Between inputs they are as one
// Engine, and have its methods.
//
// A peer is known by its address: all that belongs to one, over all its cookies, is in
// one engine. Peers that one connection names are in the same. Where clients of remote
// access come in, all are in the first engine, for they share addresses and users.
type Engines struct {
	list  several
	conns index              // of all
	homes map[netip.Addr]int // of peers that are not where their hash has them
	work  []*Share           // one an engine
	order []*Share           // of the inputs that Spread has divided
}

// maxEngines is how many there may be.
const maxEngines = 64

// NewEngines returns n engines, at least one, without any SA.
func NewEngines(cfg Config, n int) *Engines {
	x := &Engines{conns: indexOf(cfg.Connections)}
	shared := &serials{}
	n = min(max(1, n), maxEngines)
	for k := range n {
		x.work = append(x.work, &Share{tap: &tap{}})
		x.list = append(x.list, newEngine(x.tapped(cfg, k), x.conns, shared, place{uint32(k), uint32(n), x.sharing(n)}))
		x.work[k].e = x.list[k]
	}
	x.settle(cfg.Connections)
	return x
}

// tapped is a configuration for engine k.
func (x *Engines) tapped(cfg Config, k int) Config {
	if cfg.Events != nil {
		x.work[k].tap.to = cfg.Events
		cfg.Events = x.work[k].tap
	}
	return cfg
}

// at is the engine of the peers at an address.
func (x *Engines) at(local, remote netip.Addr) *Engine {
	if len(x.list) == 1 || x.conns.clients[local] != nil {
		return x.list[0]
	}
	if k, ok := x.homes[remote]; ok {
		return x.list[k]
	}
	return x.list[x.hash(remote)]
}

// sharing is how many of n engines share a bound for all: the first has it whole where
// each peer is its own, for at each address clients come in.
func (x *Engines) sharing(n int) uint32 {
	if clients := len(x.conns.clients); clients > 0 && clients == len(x.conns.local) {
		return 1
	}
	return uint32(n)
}

// hash spreads addresses: FNV-1a. A peer that chooses its address to share an engine
// with others gains what it has with one engine for all.
func (x *Engines) hash(a netip.Addr) int {
	h := uint32(2166136261)
	for _, octet := range a.Unmap().AsSlice() {
		h = (h ^ uint32(octet)) * 16777619
	}
	return int((h ^ h>>16) % uint32(len(x.list)))
}

// settle finds the homes of peers that have to share one, and of those that have moved
// to one, or from one, while they have SAs.
func (x *Engines) settle(conns []*Connection) {
	if len(x.list) == 1 {
		return
	}
	before := x.homes
	x.homes = make(map[netip.Addr]int)
	for a, k := range before {
		if x.list[k].knowsAddress(a) {
			x.homes[a] = k
		}
	}
	for _, group := range neighbours(conns) {
		if len(group) == 0 { // it has gone into another
			continue
		}
		home := x.home(group)
		for _, a := range group {
			x.homes[a] = home
		}
	}
}

// home is the engine of a group of peers: the one that knows any of them, else that of
// the first.
func (x *Engines) home(group []netip.Addr) int {
	for _, a := range group {
		for k, e := range x.list {
			if e.knowsAddress(a) {
				return k
			}
		}
	}
	return x.hash(group[0])
}

// neighbours are the peers that connections name together, over all connections that
// name one of them; those that are alone are left out.
func neighbours(conns []*Connection) (groups [][]netip.Addr) {
	group := make(map[netip.Addr]int) // index
	for _, c := range conns {
		if c.Dynamic || len(c.Peers)+len(c.Former) < 2 {
			continue
		}
		into := len(groups)
		groups = append(groups, nil)
		for _, a := range append(append([]netip.Addr(nil), c.Peers...), c.Former...) {
			joined := []netip.Addr{a}
			if g, ok := group[a]; ok && g != into {
				joined, groups[g] = groups[g], nil
			} else if ok {
				continue
			}
			for _, b := range joined {
				group[b] = into
			}
			groups[into] = append(groups[into], joined...)
		}
	}
	return groups
}

// knowsAddress says whether there are SAs with an address, at any of ours.
func (e *Engine) knowsAddress(remote netip.Addr) bool {
	for local := range e.conns.local {
		pair := addrPair{local, remote}
		if len(e.byAddrs[pair])+len(e.byEnds[pair]) > 0 {
			return true
		}
	}
	return false
}

// forDatagram is the engine whose peer has sent a message: that of its address. One
// with the cookies of another's SA goes there, which knows what is wrong with it.
func (x *Engines) forDatagram(local, remote netip.Addr, data []byte) *Engine {
	home := x.at(local, remote)
	if len(x.list) == 1 || len(data) < isakmp.HeaderLen {
		return home
	}
	pair := cookiePair{isakmp.Cookie(data), isakmp.Cookie(data[len(isakmp.Cookie{}):])}
	if pair.r.IsZero() || home.hasCookies(pair) {
		return home
	}
	for _, e := range x.list {
		if e != home && e.hasCookies(pair) {
			return e
		}
	}
	return home
}

// hasCookies says whether an SA, or a first message that was answered without one, has
// these cookies, or lacks the second so far.
func (e *Engine) hasCookies(pair cookiePair) bool {
	return e.byCookies[pair] != nil || e.byCookies[cookiePair{i: pair.i}] != nil || e.pressure.stubs.byCookies[pair] != nil
}

// ofTag is the engine that a connection's requests go to.
func (x *Engines) ofTag(tag uint32) *Engine {
	for _, e := range x.list[1:] {
		if e.instances.byTag[tag] != nil {
			return e
		}
	}
	if c := x.conns.byTag[tag]; c != nil && len(c.Peers) > 0 {
		return x.at(c.Local, c.Peers[0])
	}
	return x.list[0]
}

// ofSPI is the engine that has a pair with an inbound SPI, or else the first.
func (x *Engines) ofSPI(spi uint32) *Engine {
	for _, e := range x.list[1:] {
		if e.children[spi] != nil {
			return e
		}
	}
	return x.list[0]
}

// ofQuestion is the engine that waits for an answer, or else the first.
func (x *Engines) ofQuestion(id uint64) *Engine {
	for _, e := range x.list[1:] {
		if e.questions[id] != nil {
			return e
		}
	}
	return x.list[0]
}
