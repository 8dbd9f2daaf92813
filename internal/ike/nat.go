package ike

import (
	"encoding/binary"
	"net/netip"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/trace"
)

// natHash is a NAT-D payload's body: HASH(CKY-I | CKY-R | IP | port)
// (RFC 3947 section 3.2).
func (s *sa) natHash(a netip.AddrPort) []byte {
	var port [2]byte
	binary.BigEndian.PutUint16(port[:], a.Port())
	return keymat.Hash(s.suite.Hash, s.cookieI[:], s.cookieR[:], a.Addr().AsSlice(), port[:])
}

// addNATDetection adds our NAT-D payloads: the peer's endpoint first, then ours.
func (s *sa) addNATDetection(b *isakmp.Builder) {
	n, ok := numbers(s.natt)
	if !ok {
		return
	}
	b.Add(n.NATD, s.natHash(s.remote))
	b.Add(n.NATD, s.natHash(s.local))
}

// addOriginalAddresses adds NAT-OA payloads to quick mode's message 1 or 2 where
// transport mode goes in UDP (RFC 3947 section 5.2): the initiator's address, then
// the responder's, as we see them.
func (n *node) addOriginalAddresses(b *isakmp.Builder, transport bool) {
	s := n.s
	numbers, ok := numbers(s.natt)
	if !transport || !s.behindNAT() || !ok {
		return
	}
	initiator, responder := s.local.Addr(), s.remote.Addr()
	if n.role == trace.RoleResponder {
		initiator, responder = responder, initiator
	}
	for _, a := range []netip.Addr{initiator, responder} {
		kind := isakmp.IDIPv6Addr
		if a.Is4() {
			kind = isakmp.IDIPv4Addr
		}
		b.Add(numbers.NATOA, isakmp.AppendNATOA(nil, isakmp.NATOA{Type: kind, Addr: a}))
	}
}

// natDetection returns the bodies of the NAT-D payloads of the agreed version.
func (m *message) natDetection() [][]byte {
	n, ok := numbers(m.s.natt)
	if !ok {
		return nil
	}
	var found [][]byte
	for _, p := range m.payloads {
		if p.Type == n.NATD {
			found = append(found, p.Body)
		}
	}
	return found
}

// judgeNAT compares the peer's NAT-D payloads with what we see. The first is
// about our endpoint, the others about the peer's, which may have several; each
// end is known by one of its endpoints.
func (s *sa) judgeNAT(local, remote []netip.AddrPort) {
	found := s.handshake.natD
	if len(found) < 2 {
		s.natt = trace.NATTNone
		return
	}
	s.localNAT = !s.namesOne(found[:1], local)
	s.remoteNAT = !s.namesOne(found[1:], remote)
	s.emit(&trace.NATDetected{LocalBehindNAT: s.localNAT, RemoteBehindNAT: s.remoteNAT})
}

// namesOne says whether some of the NAT-D payloads is about one of some endpoints.
func (s *sa) namesOne(found [][]byte, ends []netip.AddrPort) bool {
	for _, end := range ends {
		seen := s.natHash(end)
		for _, f := range found {
			if keymat.Equal(f, seen) {
				return true
			}
		}
	}
	return false
}

func (s *sa) behindNAT() bool { return s.natt != trace.NATTNone && (s.localNAT || s.remoteNAT) }

// float moves s to other ports (RFC 3947 section 4).
func (s *sa) float(local, remote uint16) {
	s.local = netip.AddrPortFrom(s.local.Addr(), local)
	s.remote = netip.AddrPortFrom(s.remote.Addr(), remote)
	s.emit(&trace.PortsFloated{LocalPort: local, RemotePort: remote})
}

// followPorts takes over the ports of an authenticated message.
func (s *sa) followPorts(m *message) {
	if m.local != s.local || m.remote != s.remote {
		s.float(m.local.Port(), m.remote.Port())
	}
}

// startNATKeepalive keeps the mapping of a NAT before us open (RFC 3948
// section 4).
func (s *sa) startNATKeepalive() {
	if s.localNAT && s.behindNAT() && s.e.cfg.NATKeepalive > 0 {
		s.e.timers.set(&s.keepalive, s.e.now.Add(s.e.cfg.NATKeepalive))
	}
}

func (s *sa) keepaliveDue(now time.Time) {
	if s.e.cfg.NATKeepalive <= 0 {
		return // switched off since
	}
	s.e.stats.DatagramsOut++
	s.e.fx.Send = append(s.e.fx.Send, Datagram{Local: s.local, Remote: s.remote, Data: []byte{0xff}, Keepalive: true})
	s.e.timers.set(&s.keepalive, now.Add(s.e.cfg.NATKeepalive))
}
