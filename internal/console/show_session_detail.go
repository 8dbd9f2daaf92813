package console

import (
	"fmt"
	"strings"

	"qmidle/internal/config"
)

// SessionsDetail is show crypto session detail: the facts of Sessions, all of
// them.
type SessionsDetail struct{ Sessions }

func sessionsDetail(r Router) SessionsDetail { return SessionsDetail{sessions(r)} }

const sessionCodes = `Code: C - IKE Configuration mode, D - Dead Peer Detection
K - Keepalives, N - NAT-traversal, X - IKE Extended Authentication

`

// Text is IOS's listing: the codes of 12.3, the lines of 15.x without what 12.3
// cannot have.
func (v SessionsDetail) Text() string {
	var b strings.Builder
	b.WriteString("Crypto session current status\n\n" + sessionCodes)
	for _, s := range v.Sessions.Sessions {
		s.writeDetail(&b)
		b.WriteByte('\n')
	}
	return b.String()
}

func (s PeerSession) writeDetail(b *strings.Builder) {
	fmt.Fprintf(b, "Interface: %s\n", orNone(s.Interface))
	s.writeClient(b)
	if s.up() {
		fmt.Fprintf(b, "Uptime: %s\n", shortUptime(s.UptimeSeconds))
	}
	fmt.Fprintf(b, "Session status: %-14s\n", s.Status)
	fmt.Fprintf(b, "Peer: %s port %d fvrf: (none) ivrf: (none)\n", peerNamed(s.Peer, s.PeerHost), s.PeerPort)
	lines := []string{"Phase1_id: " + orNone(s.Phase1ID), "Desc: " + orNone(s.Description)}
	if !s.up() {
		lines[0], lines[1] = lines[1], lines[0]
	}
	fmt.Fprintf(b, "      %s\n      %s\n", lines[0], lines[1])
	for _, sa := range s.ISAKMPSAs {
		sa.write(b)
		lifetime := "0"
		if sa.LifetimeSeconds > 0 {
			lifetime = clockText(sa.LifetimeSeconds)
		}
		fmt.Fprintf(b, "          Capabilities:%s connid:%d lifetime:%s\n", orNone(sa.Capabilities), sa.ConnID, lifetime)
	}
	for _, f := range s.Flows {
		f.write(b)
		fmt.Fprintf(b, "        Inbound:  #pkts dec'ed %d drop %d life (KB/Sec) %s\n", f.Decrypted, f.InboundDrops, f.Inbound.text())
		fmt.Fprintf(b, "        Outbound: #pkts enc'ed %d drop %d life (KB/Sec) %s\n", f.Encrypted, f.OutboundDrops, f.Outbound.text())
	}
}

// shortUptime is 00:10:53, 1d02h or 7w0d.
func shortUptime(seconds int64) string {
	switch hours := seconds / 3600; {
	case hours < 24:
		return clockText(seconds)
	case hours < 7*24:
		return fmt.Sprintf("%dd%02dh", hours/24, hours%24)
	default:
		return fmt.Sprintf("%dw%dd", hours/(7*24), hours/24%7)
	}
}

// text is what is left of a flow's SA: kilobytes and seconds, 0/0 without SA.
func (l FlowLife) text() string {
	switch {
	case l.KilobytesLeft == nil && l.SecondsLeft == nil:
		return "0/0"
	case l.KilobytesLeft == nil:
		return fmt.Sprintf("KB Vol Rekey Disabled/%d", *l.SecondsLeft)
	case l.SecondsLeft == nil:
		return fmt.Sprintf("%d/0", *l.KilobytesLeft)
	}
	return fmt.Sprintf("%d/%d", *l.KilobytesLeft, *l.SecondsLeft)
}

// SessionsBrief is show crypto session brief.
type SessionsBrief struct{ Sessions }

func sessionsBrief(r Router) SessionsBrief { return SessionsBrief{sessions(r)} }

// Text is 12.4's table, its columns aligned to the right.
func (v SessionsBrief) Text() string {
	var b strings.Builder
	row := func(peer, iface, user, id, up, status string) {
		fmt.Fprintf(&b, "%15s %7s %15s %24s %8s %6s\n", peer, iface, user, id, up, status)
	}
	row("Peer", "I/F", "Username", "Group/Phase1_id", "Uptime", "Status")
	for _, s := range v.Sessions.Sessions {
		first, _, _ := strings.Cut(s.Interface, " ")
		_, short, _ := config.InterfaceName(first)
		up := ""
		if s.up() {
			up = shortUptime(s.UptimeSeconds)
		}
		row(peerNamed(s.Peer, s.PeerHost), short, shownText(s.Username), shownText(s.Phase1ID), up, statusLetters[s.Status])
	}
	return b.String()
}

// statusLetters are a session's status in brief: A active, I idle, K no IKE, N
// negotiating, U up, D down.
var statusLetters = map[string]string{
	"UP-ACTIVE": "UA", "UP-IDLE": "UI", "UP-NO-IKE": "UK", "DOWN-NEGOTIATING": "DN", "DOWN": "D",
}

// up says whether the session has an SA that is in use.
func (s PeerSession) up() bool { return strings.HasPrefix(s.Status, "UP") }

// descriptions are those of the crypto map entries, by peer.
func descriptions(r Router) map[string]string {
	all := map[string]string{}
	for _, m := range r.Config().CryptoMaps {
		for _, e := range m.Entries {
			for _, p := range e.Peers {
				all[p.String()] = e.Description
				for _, a := range hostAddresses(r, p.Host) {
					all[a.String()] = e.Description
				}
			}
		}
	}
	for _, c := range r.Connections() {
		for _, a := range c.Former { // where a peer by name was before
			for _, p := range peersOf(r.Config(), c.Map, c.Seq) {
				all[a.String()] = all[p.String()]
			}
		}
	}
	for _, c := range r.Instances() {
		if e := r.Config().DynamicMap(c.DynamicMap).Entry(c.DynamicSeq); e != nil {
			all[c.Remote.String()] = e.Description
		}
	}
	return all
}

func lifeOf(sas []ESPSA) FlowLife {
	if len(sas) == 0 {
		return FlowLife{}
	}
	last := sas[len(sas)-1]
	return FlowLife{last.KilobytesLeft, last.SecondsLeft}
}
