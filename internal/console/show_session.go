package console

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"qmidle/internal/ike"
	"qmidle/internal/policy"
)

// Sessions is show crypto session.
type Sessions struct {
	Sessions []PeerSession `json:"sessions"`
}

// PeerSession is what one interface has with one peer; where several share one
// crypto map's local address, Interface names them all. It is "" where the peer
// is in no crypto map.
type PeerSession struct {
	Interface string `json:"interface"`
	// Status is UP-ACTIVE (IPsec SAs), UP-IDLE (an ISAKMP SA only), UP-NO-IKE
	// (IPsec SAs whose ISAKMP SA is gone), DOWN-NEGOTIATING or DOWN.
	Status    string          `json:"status"`
	Peer      netip.Addr      `json:"peer"`
	PeerHost  string          `json:"peer_host,omitempty"` // of a peer that has no address yet
	PeerPort  uint16          `json:"peer_port"`
	ISAKMPSAs []SessionISAKMP `json:"isakmp_sas"`
	Flows     []SessionFlow   `json:"flows"`
	// UptimeSeconds is the age of the session's oldest SA, or of a client's login.
	UptimeSeconds int64  `json:"uptime_seconds"`
	Phase1ID      string `json:"phase1_id"`
	Profile       string `json:"isakmp_profile,omitempty"`
	Description   string `json:"description"`
	// Username, Group and Address are a client's, once its user has logged in.
	Username string      `json:"username,omitempty"`
	Group    string      `json:"group,omitempty"`
	Address  *netip.Addr `json:"assigned_address,omitempty"`
	Since    *time.Time  `json:"since,omitempty"` // the user has logged in

	local  netip.Addr
	remote netip.AddrPort // where a peer of a dynamic crypto map is; others are known by their address alone
}

// SessionISAKMP is one living ISAKMP SA; Active means that phase 1 is over.
type SessionISAKMP struct {
	Local  netip.AddrPort `json:"local"`
	Remote netip.AddrPort `json:"remote"`
	Active bool           `json:"active"`
	ConnID uint32         `json:"conn_id"`
	// Capabilities has C for mode config, D for dead peer detection, N for NAT
	// traversal and X for XAUTH.
	Capabilities    string `json:"capabilities"`
	LifetimeSeconds int64  `json:"lifetime_seconds"` // that are left
}

// SessionFlow is an access list line of the peer, or a part of one that the
// peer has asked for. ActiveSAs counts both directions.
type SessionFlow struct {
	Local     Selector `json:"local"`
	Remote    Selector `json:"remote"`
	ActiveSAs int      `json:"active_sas"`
	Origin    string   `json:"origin"`

	Encrypted      uint64   `json:"encrypted_packets"`
	Decrypted      uint64   `json:"decrypted_packets"`
	EncryptedBytes uint64   `json:"encrypted_bytes"`
	DecryptedBytes uint64   `json:"decrypted_bytes"`
	OutboundDrops  uint64   `json:"outbound_drops"`
	InboundDrops   uint64   `json:"inbound_drops"`
	Inbound        FlowLife `json:"inbound_life"`
	Outbound       FlowLife `json:"outbound_life"`
}

// FlowLife is what is left of a flow's youngest SA in one direction; absent
// where there is none, or no such limit.
type FlowLife struct {
	KilobytesLeft *uint64 `json:"kilobytes_left,omitempty"`
	SecondsLeft   *uint64 `json:"seconds_left,omitempty"`
}

func sessions(r Router) Sessions {
	connections, isakmpSAs, ipsecPairs := r.Connections(), r.ISAKMPSAs(), r.IPsecSAs()
	table := newSessionTable(connections)
	for _, c := range connections {
		if c.Dynamic {
			continue
		}
		for _, peer := range c.Peers {
			table.at(interfacesText(c), c.Local, peer, "").addLines(c)
		}
		for _, name := range unresolved(r, c) {
			table.at(interfacesText(c), c.Local, netip.Addr{}, name).addLines(c)
		}
	}
	for _, c := range r.Instances() {
		table.of(c.Local, c.Remote).addLines(c)
	}
	for _, sa := range isakmpSAs {
		if !sa.Dead {
			table.of(sa.Local.Addr(), sa.Remote).addISAKMP(sa, r.Now())
		}
	}
	for _, sa := range ipsecPairs {
		table.of(sa.Local.Addr(), sa.Remote).addIPsec(sa)
	}
	descriptions, idents, since := descriptions(r), indexIdents(ipsecSAsOf(r, ipsecPairs)), agesOf(isakmpSAs, ipsecPairs)
	for i := range table.list {
		s := &table.list[i]
		s.Status = s.status()
		s.Description = descriptions[peerNamed(s.Peer, s.PeerHost)]
		if s.remote.IsValid() {
			s.Description = descriptions[s.remote.String()]
		}
		s.UptimeSeconds = since.uptime(s, r.Now())
		idents.addCounters(s)
	}
	return Sessions{table.list}
}

// interfacesText are the interfaces of a connection, as IOS shows several.
func interfacesText(c *ike.Connection) string { return strings.Join(c.Interfaces(), " ") }

func (s *PeerSession) addLines(c *ike.Connection) {
	for _, line := range c.ACL {
		if !line.Permit {
			continue
		}
		if f := s.flow(line.Local, line.Remote); c.DynamicMap != "" {
			f.Origin = "dynamic crypto map" // recalled
		}
	}
}

// flow returns the flow of two selectors, made if need be.
func (s *PeerSession) flow(local, remote policy.Proxy) *SessionFlow {
	f := SessionFlow{Local: selector(local), Remote: selector(remote), Origin: "crypto map"}
	for i := range s.Flows {
		if s.Flows[i].Local == f.Local && s.Flows[i].Remote == f.Remote {
			return &s.Flows[i]
		}
	}
	s.Flows = append(s.Flows, f)
	return &s.Flows[len(s.Flows)-1]
}

func (s *PeerSession) addISAKMP(sa ike.ISAKMPSA, now time.Time) {
	active := upIdle(sa)
	if active || len(s.ISAKMPSAs) == 0 {
		s.PeerPort = sa.Remote.Port()
	}
	if id := sa.PeerIdentity.String(); id != "" {
		s.Phase1ID = id
	}
	if sa.Profile != "" {
		s.Profile = sa.Profile
	}
	if l := sa.Login; l != nil && !l.Since.IsZero() {
		s.Username, s.Group, s.Since = l.User, l.Group, &l.Since
		if l.Address.IsValid() {
			s.Address = &l.Address
		}
	}
	left := int64(0)
	if !sa.Expires.IsZero() {
		left = max(0, int64(sa.Expires.Sub(now)/time.Second))
	}
	s.ISAKMPSAs = append(s.ISAKMPSAs, SessionISAKMP{sa.Local, sa.Remote, active, sa.Conn, capabilitiesOf(sa), left})
}

func (s *PeerSession) addIPsec(sa ike.IPsecSA) {
	if len(s.ISAKMPSAs) == 0 {
		s.PeerPort = sa.Remote.Port()
	}
	n := 1
	if sa.OutboundReady {
		n = 2
	}
	s.flow(sa.LocalProxy, sa.RemoteProxy).ActiveSAs += n
}

func (s *PeerSession) status() string {
	ipsec := slices.ContainsFunc(s.Flows, func(f SessionFlow) bool { return f.ActiveSAs > 0 })
	isakmp := slices.ContainsFunc(s.ISAKMPSAs, func(sa SessionISAKMP) bool { return sa.Active })
	switch {
	case isakmp && ipsec:
		return "UP-ACTIVE"
	case isakmp:
		return "UP-IDLE"
	case ipsec:
		return "UP-NO-IKE"
	case len(s.ISAKMPSAs) > 0:
		return "DOWN-NEGOTIATING"
	}
	return "DOWN"
}

// Text is IOS's listing. The blanks at the ends of lines are IOS's.
func (v Sessions) Text() string {
	var b strings.Builder
	b.WriteString("Crypto session current status\n\n")
	for _, s := range v.Sessions {
		fmt.Fprintf(&b, "Interface: %s\n", orNone(s.Interface))
		s.writeClient(&b)
		fmt.Fprintf(&b, "Session status: %-14s\n", s.Status)
		fmt.Fprintf(&b, "Peer: %s port %d \n", peerNamed(s.Peer, s.PeerHost), s.PeerPort)
		for _, sa := range s.ISAKMPSAs {
			sa.write(&b)
		}
		for _, f := range s.Flows {
			f.write(&b)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// writeClient writes what only some sessions have.
func (s PeerSession) writeClient(b *strings.Builder) {
	if s.Username != "" {
		fmt.Fprintf(b, "Username: %s\n", shownText(s.Username))
	}
	if s.Profile != "" {
		fmt.Fprintf(b, "Profile: %s\n", s.Profile)
	}
	if s.Group != "" {
		fmt.Fprintf(b, "Group: %s\n", shownText(s.Group))
	}
	if s.Address != nil {
		fmt.Fprintf(b, "Assigned address: %s\n", s.Address)
	}
}

// shownText is a peer's text without what could do something to a terminal.
func shownText(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, text)
}

func (sa SessionISAKMP) write(b *strings.Builder) {
	state := "Inactive"
	if sa.Active {
		state = "Active"
	}
	fmt.Fprintf(b, "  IKE SA: local %s remote %s %s \n", endpointText(sa.Local), endpointText(sa.Remote), state)
}

func (f SessionFlow) write(b *strings.Builder) {
	fmt.Fprintf(b, "  IPSEC FLOW: permit %s %s %s \n", protocolText(f.Local.Protocol), f.Local.flow(), f.Remote.flow())
	fmt.Fprintf(b, "        Active SAs: %d, origin: %s\n", f.ActiveSAs, f.Origin)
}
