package ike

import (
	"net/netip"

	"qmidle/internal/trace"
)

// peerKey tells peers apart: two behind one NAT differ by port.
type peerKey struct {
	local  netip.Addr
	remote netip.AddrPort
}

// peer is what the SAs with one remote endpoint share. It lives as long as one
// of them does.
type peer struct {
	id       uint32
	key      peerKey
	ikeRefs  uint16
	childRef uint16
}

// lockPeer returns the peer of an endpoint, made if need be, with one more
// reference of IKE.
func (e *Engine) lockPeer(s *sa, user trace.RefUser) *peer {
	key := peerKey{s.local.Addr(), s.remote}
	p := e.peers[key]
	if p == nil {
		e.lastPeer++
		p = &peer{id: e.lastPeer, key: key}
		e.peers[key] = p
		s.peer = p
		s.emit(&trace.PeerCreated{})
	}
	s.peer = p
	p.ikeRefs++
	s.emit(&trace.PeerLocked{Kind: trace.RefIKE, Count: p.ikeRefs, For: user})
	return p
}

// unlockPeer gives up the reference of an SA that was deleted.
func (e *Engine) unlockPeer(s *sa) {
	p := s.peer
	if p == nil || s.unlocked {
		return
	}
	s.unlocked = true
	p.ikeRefs--
	s.emit(&trace.PeerUnlocked{Kind: trace.RefIKE, Count: p.ikeRefs, For: trace.ForMarkSADeleted})
	if p.ikeRefs == 0 {
		s.emit(&trace.PeerDeleted{})
		delete(e.peers, p.key)
	}
}
