package ike

import (
	"encoding/binary"
	"net/netip"

	"qmidle/internal/isakmp"
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

// party stands for the identity that a peer has proven; 0 is none yet. Pairs of
// IPsec SAs keep it, since they outlive their ISAKMP SA, and are to be small.
type party uint64

func (s *sa) party() party {
	if !s.identified() {
		return 0
	}
	d := digestOf(append([]byte{byte(s.peerID.Type)}, s.peerID.Data...))
	return party(binary.BigEndian.Uint64(d[:])) | 1
}

// identified says whether s's peer has proven an identity that is its alone: a
// group's is all its clients'.
func (s *sa) identified() bool {
	return s.peerID.Type != 0 && !(s.aggressive && s.peerID.Type == isakmp.IDKeyID)
}

// sameAs says whether two ISAKMP SAs between the same two addresses are with one
// peer. Peers behind one NAT differ by port; but where both ends have begun, one
// peer may be seen at two ports, and is known by its identity.
func (s *sa) sameAs(o *sa) bool {
	return s.remote == o.remote || s.identified() && s.peerID == o.peerID
}

// peerOf says whether a pair is with s's peer.
func (s *sa) peerOf(c *child) bool {
	return s.remote == c.remote || c.party != 0 && s.party() == c.party
}

func (c *child) sameAs(o *child) bool {
	return c.remote == o.remote || c.party != 0 && c.party == o.party
}

// lockPeer returns the peer of an endpoint, made if need be, with one more
// reference of IKE.
func (e *Engine) lockPeer(s *sa, user trace.RefUser) *peer {
	key := peerKey{s.local.Addr(), s.remote}
	p := e.peers[key]
	if p == nil {
		p = &peer{id: e.serials.peer.Add(1), key: key}
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
