package console

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/isakmp"
)

// sessionTable are sessions while they are gathered, to be found without walking
// them all: there may be as many as tunnels.
type sessionTable struct {
	list   []PeerSession
	static map[sessionKey]int  // of peers that are known by their address alone
	ports  map[sessionEnds]int // of peers of dynamic crypto maps
	// named are the first static entries of two ends, and where a peer was before.
	named     map[addressEnds]*ike.Connection
	templates []*ike.Connection
}

type sessionKey struct {
	name        string // of its interfaces
	local, peer netip.Addr
	host        string
}

type sessionEnds struct {
	local  netip.Addr
	remote netip.AddrPort
}

type addressEnds struct{ local, remote netip.Addr }

func newSessionTable(connections []*ike.Connection) *sessionTable {
	t := &sessionTable{list: []PeerSession{}, static: map[sessionKey]int{}, ports: map[sessionEnds]int{}, named: map[addressEnds]*ike.Connection{}}
	for _, c := range connections {
		if c.Dynamic {
			t.templates = append(t.templates, c)
			continue
		}
		for _, peer := range slices.Concat(c.Peers, c.Former) {
			if ends := (addressEnds{c.Local, peer}); t.named[ends] == nil {
				t.named[ends] = c
			}
		}
	}
	return t
}

// at returns a session, made if need be.
func (t *sessionTable) at(name string, local, peer netip.Addr, host string) *PeerSession {
	key := sessionKey{name, local, peer, host}
	i, ok := t.static[key]
	if !ok {
		i = t.add(PeerSession{Interface: name, local: local, Peer: peer, PeerHost: host, PeerPort: isakmp.PortIKE})
		t.static[key] = i
	}
	return &t.list[i]
}

// atPort makes the session of a dynamic crypto map's peer.
func (t *sessionTable) atPort(name string, ends sessionEnds) *PeerSession {
	i := t.add(PeerSession{Interface: name, local: ends.local, remote: ends.remote, Peer: ends.remote.Addr(), PeerPort: ends.remote.Port()})
	t.ports[ends] = i
	return &t.list[i]
}

func (t *sessionTable) add(s PeerSession) (at int) {
	s.ISAKMPSAs, s.Flows = []SessionISAKMP{}, []SessionFlow{}
	t.list = append(t.list, s)
	return len(t.list) - 1
}

// of returns the session of two ends: of an instance's peer, of a static entry's,
// or of one that a dynamic crypto map would answer.
func (t *sessionTable) of(local netip.Addr, remote netip.AddrPort) *PeerSession {
	ends := sessionEnds{local, remote}
	if i, ok := t.ports[ends]; ok {
		return &t.list[i]
	}
	if c := t.named[addressEnds{local, remote.Addr()}]; c != nil {
		return t.at(interfacesText(c), local, remote.Addr(), "")
	}
	for _, c := range t.templates {
		if c.Local == local && c.Admits(remote.Addr()) {
			return t.atPort(interfacesText(c), ends)
		}
	}
	return t.at("", local, remote.Addr(), "")
}

// ages are when the oldest SA with a peer began, or its login.
type ages struct {
	address map[netip.Addr]time.Time
	port    map[netip.AddrPort]time.Time
}

func agesOf(isakmpSAs []ike.ISAKMPSA, ipsecSAs []ike.IPsecSA) ages {
	a := ages{map[netip.Addr]time.Time{}, map[netip.AddrPort]time.Time{}}
	for _, sa := range isakmpSAs {
		if !upIdle(sa) {
			continue
		}
		a.note(sa.Remote, sa.Established)
		if sa.Login != nil {
			a.note(sa.Remote, sa.Login.Since)
		}
	}
	for _, sa := range ipsecSAs {
		a.note(sa.Remote, sa.Created)
	}
	return a
}

func (a ages) note(remote netip.AddrPort, t time.Time) {
	if t.IsZero() {
		return
	}
	if since, ok := a.address[remote.Addr()]; !ok || t.Before(since) {
		a.address[remote.Addr()] = t
	}
	if since, ok := a.port[remote]; !ok || t.Before(since) {
		a.port[remote] = t
	}
}

// uptime is how long a session is there, in seconds.
func (a ages) uptime(s *PeerSession, now time.Time) int64 {
	since, ok := a.port[s.remote]
	if !s.remote.IsValid() {
		since, ok = a.address[s.Peer]
	}
	if !ok {
		return 0
	}
	return max(0, int64(now.Sub(since)/time.Second))
}

// identKey tells a flow of a session from others: port is 0 where the peer is known by
// its address alone.
type identKey struct {
	block         string // interface
	peer          netip.Addr
	port          uint16
	local, remote Selector
}

// identIndex finds the ident of a flow, the last of those that are alike.
type identIndex map[identKey]*IPsecIdent

func indexIdents(view IPsecSAs) identIndex {
	x := identIndex{}
	for _, b := range view.Interfaces {
		for i := range b.Idents {
			d := &b.Idents[i]
			x[identKey{b.Interface, d.Peer, d.PeerPort, d.Local, d.Remote}] = d
			x[identKey{b.Interface, d.Peer, 0, d.Local, d.Remote}] = d
		}
	}
	return x
}

// addCounters gives each flow the counters of its ident and the life of its
// youngest SAs.
func (x identIndex) addCounters(s *PeerSession) {
	first, _, _ := strings.Cut(s.Interface, " ")
	for i := range s.Flows {
		f := &s.Flows[i]
		d := x[identKey{first, s.Peer, s.remote.Port(), f.Local, f.Remote}]
		if d == nil {
			continue
		}
		f.Encrypted, f.Decrypted = d.Counters.EncapsPackets, d.Counters.DecapsPackets
		f.EncryptedBytes, f.DecryptedBytes = d.Counters.EncapsBytes, d.Counters.DecapsBytes
		f.OutboundDrops, f.InboundDrops = d.Counters.SendErrors, d.Counters.RecvErrors
		f.Inbound, f.Outbound = lifeOf(d.Inbound), lifeOf(d.Outbound)
	}
}
