package trace

import (
	"cmp"
	"net/netip"
	"slices"
)

// Limits bounds a flight recorder.
type Limits struct {
	Peers     int // remote addresses remembered, at least 1
	PeerBytes int // encoded events kept of each, in octets, at least 1024
}

// DefaultLimits keeps 2 KiB of events of 16384 peers, 32 MiB when all are full.
// The last ones are more than a whole main mode and quick mode.
var DefaultLimits = Limits{Peers: 16384, PeerBytes: 2048}

const minPeerBytes = 1024

// standing says how much a peer's history is worth when room is needed.
type standing uint8

const (
	noSA        standing = iota // it sent datagrams, none of which belongs to an SA
	halfOpen                    // it has begun an exchange and has proven nothing
	established                 // it was authenticated, or we began the exchange
	numStandings
)

// Recorder is the flight recorder: it keeps the last events of every peer,
// encoded, whether or not anybody reads them, and of earlier ones those that
// tell how negotiations went (worths). A peer is a remote address. When
// a new one needs room, the history of the peer that has been silent longest
// goes, first of those that never had an SA, then of those that were never
// authenticated.
//
// A Recorder has one owner: its methods must not run at the same time.
type Recorder struct {
	limits Limits
	peers  map[netip.Addr]*history
	// idle lists peers by standing, the one silent longest first.
	idle  [numStandings]historyList
	store store
	// The buffers are reused for every event.
	encoder, scratch Fields
}

// NewRecorder returns an empty recorder. Limits below the least are raised.
func NewRecorder(l Limits) *Recorder {
	l.Peers = max(l.Peers, 1)
	l.PeerBytes = max(l.PeerBytes, minPeerBytes)
	return &Recorder{limits: l, peers: make(map[netip.Addr]*history)}
}

// Record keeps an event.
func (r *Recorder) Record(rec *Record) {
	h := r.history(rec.Remote.Addr().Unmap())
	r.touch(h, standingOf(rec))
	h.add(r, rec)
}

// Peers lists the remote addresses that have a history, the one that was
// active last first. The invalid address stands for the events of no peer.
func (r *Recorder) Peers() []netip.Addr {
	var histories []*history
	for s := range r.idle {
		for h := r.idle[s].first; h != nil; h = h.next {
			histories = append(histories, h)
		}
	}
	slices.SortStableFunc(histories, func(a, b *history) int { return cmp.Compare(b.ring.last.nanos, a.ring.last.nanos) })
	addrs := make([]netip.Addr, len(histories))
	for i, h := range histories {
		addrs[i] = h.addr
	}
	return addrs
}

// Records decodes the history of a peer, the oldest event first, with times in
// UTC. Events are missing between those that were kept of earlier times. It is
// nil for a peer without one.
func (r *Recorder) Records(peer netip.Addr) []Record {
	h := r.peers[peer.Unmap()]
	if h == nil {
		return nil
	}
	return h.decode(&r.store)
}

// Lost is the number of events of a peer that are no longer there.
func (r *Recorder) Lost(peer netip.Addr) uint64 {
	if h := r.peers[peer.Unmap()]; h != nil {
		return h.lost()
	}
	return 0
}

// Forget drops the history of a peer.
func (r *Recorder) Forget(peer netip.Addr) {
	if h := r.peers[peer.Unmap()]; h != nil {
		r.idle[h.standing].remove(h)
		delete(r.peers, h.addr)
		r.store.clear(&h.ring.stream)
	}
}

func standingOf(rec *Record) standing {
	switch {
	case !rec.Remote.IsValid(), rec.State >= QMIdle, rec.SA != 0 && rec.Role == RoleInitiator:
		return established
	case rec.SA != 0:
		return halfOpen
	}
	return noSA
}

// history returns the history of an address, a new one if need be, which may
// take the memory of another's.
func (r *Recorder) history(addr netip.Addr) *history {
	if h := r.peers[addr]; h != nil {
		return h
	}
	var h *history
	if len(r.peers) < r.limits.Peers {
		h = new(history)
	} else {
		h = r.evict()
	}
	h.addr = addr
	r.peers[addr] = h
	r.idle[noSA].append(h)
	return h
}

// evict unlinks the history that is worth least and empties it.
func (r *Recorder) evict() *history {
	for s := range r.idle {
		h := r.idle[s].first
		if h == nil {
			continue
		}
		r.idle[s].remove(h)
		delete(r.peers, h.addr)
		r.store.clear(&h.ring.stream)
		*h = history{kept: h.kept[:0]}
		return h
	}
	return new(history)
}

// touch makes h the one active last, and raises its standing.
func (r *Recorder) touch(h *history, s standing) {
	r.idle[h.standing].remove(h)
	h.standing = max(h.standing, s)
	r.idle[h.standing].append(h)
}

// historyList is a doubly linked list of histories.
type historyList struct{ first, last *history }

func (l *historyList) append(h *history) {
	h.prev, h.next = l.last, nil
	if l.last == nil {
		l.first = h
	} else {
		l.last.next = h
	}
	l.last = h
}

func (l *historyList) remove(h *history) {
	if h.prev == nil {
		l.first = h.next
	} else {
		h.prev.next = h.next
	}
	if h.next == nil {
		l.last = h.prev
	} else {
		h.next.prev = h.prev
	}
	h.prev, h.next = nil, nil
}
