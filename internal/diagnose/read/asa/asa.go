// Package asa reads what Cisco's ASA and PIX 7 print, and the VPN 3000 and the VPN
// client, which have the same words: debugs of IKEv1, syslog, and shows.
//
// Nearly every line begins with the peer, "Group = G, IP = A", so that a session
// is the last negotiation with an address. It must not conclude.
//
// The files: asa.go (prefixes), phase1.go, phase2.go, life.go, access.go (users,
// certificates, IKEv2), data.go and show.go.
package asa

import (
	"bytes"
	"net/netip"

	"qmidle/internal/diagnose"
	"qmidle/internal/diagnose/read"
)

// Vendor is Cisco ASA.
func Vendor() *read.Vendor {
	return &read.Vendor{
		Name:    "Cisco ASA",
		Marks:   []string{"[IKEv1", "%ASA-", "%PIX-", "%FTD-", "IKEDBG/", "Group = ", ", IP = ", "ikev1"},
		Phrases: read.Join(phase1, phase2, life, access, data, show, numbers),
		New:     func() any { return &memory{} },
		Begin:   begin,
		End:     func(x *read.Context) { remember(x).end(x) },
	}
}

// memory is what is known of one log.
type memory struct {
	peer  block // of `show crypto isakmp sa`
	vpn   traffic
	class string

	none      diagnose.Evidence // that there are no ISAKMP SAs
	noTunnels bool              // nor those of IPsec, or of IKEv2
}

func (m *memory) end(x *read.Context) {
	m.flush(x)
	if m.none.Text != "" && m.noTunnels && x.Find(func(*read.Session) bool { return true }) == nil {
		x.TellApart(diagnose.Observation{Kind: diagnose.NothingAsked, Evidence: m.none})
	}
}

func remember(x *read.Context) *memory { return x.Memory.(*memory) }

// sa is what is remembered of the dealings with a peer.
type sa struct {
	over  bool
	quick bool // a quick mode is under way
	pair  string
}

func saOf(s *read.Session) *sa {
	if s == nil {
		return &sa{}
	}
	if s.Memory == nil {
		s.Memory = &sa{}
	}
	return s.Memory.(*sa)
}

var (
	ipIs    = []byte("IP = ")
	groupIs = []byte("Group = ")
)

// begin finds the peer of a line: "IP = A", or a group that is an address.
func begin(x *read.Context) {
	at := bytes.Index(x.Text, ipIs)
	if at < 0 {
		if at = bytes.Index(x.Text, groupIs); at < 0 {
			return
		}
		at += len(groupIs) - len(ipIs)
	}
	rest := x.Text[at+len(ipIs):]
	end := bytes.IndexAny(rest, ", ")
	if end < 0 {
		end = len(rest)
	}
	if end > 64 {
		return
	}
	word := string(rest[:end])
	x.Use(word)
	if a := read.Addr(word); a.IsValid() {
		x.SetPeer(x.Session, a, netip.Addr{})
	}
}

// anew begins a new negotiation with the peer of the line.
func anew(x *read.Context, r diagnose.Role) {
	s := x.Session
	if s == nil {
		s = x.Use("?")
	}
	if s.Sent > 0 || s.Received > 0 || s.Up || saOf(s).over {
		peer, local := s.Peer, s.Local
		s = x.Fresh(keyOf(s))
		x.SetPeer(s, peer, local)
	}
	if r != diagnose.RoleUnknown {
		s.Role = r
	}
}

func keyOf(s *read.Session) string {
	if s.Peer.IsValid() {
		return s.Peer.String()
	}
	return "?"
}

func says(text string, kind diagnose.Kind, phase diagnose.Phase, message int) read.Phrase {
	return read.Says(text, kind, phase, message)
}

func does(text string, do func(*read.Context, *read.Match)) read.Phrase {
	return read.Phrase{Text: text, Do: do}
}

// tell tells of the peer of the line.
func tell(x *read.Context, o diagnose.Observation) {
	if o.Pair == "" && o.Phase == diagnose.Phase2 {
		o.Pair = saOf(x.Session).pair
	}
	x.Tell(o)
}
