package diagnose

import (
	"fmt"
	"net/netip"
	"slices"

	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
)

// Packet is one that an operator asks about. Protocol 0 and Port 0 are any; the
// source port is not known.
type Packet struct {
	From, To netip.Addr
	Protocol uint8
	Port     uint16 // of the destination
}

// Hop is where a route leads.
type Hop struct {
	Prefix    netip.Prefix // invalid when not known
	NextHop   netip.Addr   // invalid on the link itself
	Interface string
}

// Scene is what decides the way of a packet.
type Scene struct {
	Situation
	Own  []netip.Addr // this gateway's addresses
	Hops map[netip.Addr]Hop
	// Ruled says that rules of the host lead into the tunnel what a crypto map
	// protects, on whatever interface, and that routes decide about the rest.
	Ruled bool
	// Report is the diagnosis, for what a packet waits for.
	Report Report
}

// End is what becomes of a packet.
type End string

// Ends.
const (
	EndLocal     End = "delivered here"
	EndClear     End = "leaves in clear"
	EndEncrypted End = "leaves encrypted"
	EndDecrypted End = "comes out of the tunnel"
	EndWaits     End = "waits for its SAs"
	EndDropped   End = "dropped"
)

// Step is one decision about a packet.
type Step struct {
	Name    string `json:"step"`    // route, crypto map, access list, SA, encapsulation, outer route, delivery
	Verdict string `json:"verdict"` // one word, such as match
	Text    string `json:"text"`
}

// Way is a packet's way through the gateway.
type Way struct {
	Packet Packet
	Steps  []Step
	End    End
	Why    string
}

// tracer follows one packet.
type tracer struct {
	s    *Scene
	flow ipsec.Flow
	way  Way
}

// Trace follows a packet that leaves this side, or arrives from a protected
// network.
func (s *Scene) Trace(p Packet) Way {
	t := &tracer{s: s, flow: ipsec.Flow{Src: p.From, Dst: p.To, Protocol: p.Protocol, DstPort: p.Port}, way: Way{Packet: p}}
	switch {
	case t.arrives():
		t.inbound()
	case slices.Contains(s.Own, p.To):
		t.step("route", "own", "%s is an address of this gateway", p.To)
		t.end(EndLocal, "it never comes to a crypto map")
	default:
		t.outbound()
	}
	return t.way
}

func (t *tracer) step(name, verdict, format string, args ...any) {
	t.way.Steps = append(t.way.Steps, Step{name, verdict, fmt.Sprintf(format, args...)})
}

func (t *tracer) end(e End, format string, args ...any) {
	t.way.End, t.way.Why = e, fmt.Sprintf(format, args...)
}

// arrives says whether the packet is one of the far side: nothing here selects
// it as it is, and something does in the other direction.
func (t *tracer) arrives() bool {
	if slices.Contains(t.s.Own, t.flow.Src) || t.choose(t.flow, nil) != nil {
		return false
	}
	return t.choose(t.flow.Reverse(), nil) != nil
}

// chosen is the permit line that selects a flow, or an entry of a dynamic crypto map.
type chosen struct {
	conn *ike.Connection
	line int
	sa   *Tunnel // of a dynamic one; nil for none
}

// choose walks the crypto maps in order, as IOS does: the first line that
// matches decides within an entry, and a deny goes on to the next one. tell is
// told of every entry, where it is not nil.
func (t *tracer) choose(f ipsec.Flow, tell func(*ike.Connection, int)) *chosen {
	for _, c := range t.s.Connections {
		if !t.applies(c, f) {
			continue
		}
		if c.Dynamic {
			if x := t.dynamic(c, f); x != nil {
				return x
			}
			continue
		}
		line := firstMatch(c, f)
		if tell != nil {
			tell(c, line)
		}
		if line >= 0 && c.ACL[line].Permit {
			return &chosen{conn: c, line: line}
		}
	}
	return nil
}

// firstMatch is the first line of an entry's list that a flow matches, -1 for
// none.
func firstMatch(c *ike.Connection, f ipsec.Flow) int {
	return slices.IndexFunc(c.ACL, func(a aclLine) bool {
		if a.Permit {
			return a.Selector().Matches(f)
		}
		return a.Selector().MatchesAll(f)
	})
}

// applies says whether the map of an entry sees what leaves by the interface
// that a flow's route leads to.
func (t *tracer) applies(c *ike.Connection, f ipsec.Flow) bool {
	if t.s.Ruled {
		return true
	}
	hop := t.s.Hops[f.Dst]
	return hop.Interface == c.Interface || slices.Contains(c.MoreInterfaces, hop.Interface)
}

func (t *tracer) outbound() {
	hop, ok := t.s.Hops[t.flow.Dst]
	switch {
	case !ok && !t.s.Ruled:
		t.step("route", "none", "there is no route to %s", t.flow.Dst)
		t.end(EndDropped, "without a route no crypto map sees it")
		return
	case !ok:
		t.step("route", "none", "this host has no route to %s; what a crypto map protects is led into the tunnel all the same", t.flow.Dst)
	default:
		t.step("route", "found", "%s", t.route(hop))
	}
	if !t.maps(hop) {
		t.end(EndClear, "no crypto map is on %s", hop.Interface)
		return
	}
	found := t.choose(t.flow, t.tellEntry)
	if found == nil {
		if !ok {
			t.end(EndDropped, "nothing protects it, and there is no route")
			return
		}
		t.end(EndClear, "no line of a crypto access list selects it")
		return
	}
	t.protect(found)
}

func (t *tracer) route(h Hop) string {
	text := fmt.Sprintf("%s by %s", t.flow.Dst, h.Interface)
	if h.Prefix.IsValid() {
		text = fmt.Sprintf("%s by %s", h.Prefix, h.Interface)
	}
	if h.NextHop.IsValid() && h.NextHop != t.flow.Dst {
		text += ", next hop " + h.NextHop.String()
	}
	return text
}

// maps tells which crypto map the interface has, and says whether there is one.
func (t *tracer) maps(h Hop) bool {
	if t.s.Ruled {
		return true
	}
	i := t.s.Config.Interface(h.Interface)
	if i != nil && t.s.Config.OutsideOf(i) != nil {
		t.step("crypto map", "found", "Easy VPN client %s is on %s", i.EasyVPN, h.Interface)
		return true
	}
	if i == nil || i.CryptoMap == "" {
		t.step("crypto map", "none", "%s has none", h.Interface)
		return false
	}
	t.step("crypto map", "found", "crypto map %s is on %s", i.CryptoMap, h.Interface)
	return true
}

// tellEntry tells how the access list of an entry judges the packet.
func (t *tracer) tellEntry(c *ike.Connection, line int) {
	place := placeOf(c)
	switch {
	case line < 0:
		t.step("access list", "no match", "%s: no line matches: %s", place, t.whyNot(c))
	case c.ACL[line].Permit:
		t.step("access list", "permit", "%s: line %d matches: %s", place, line+1, t.lineText(c, line))
	default:
		t.step("access list", "deny", "%s: line %d matches: %s; the search goes on with the next entry", place, line+1, t.lineText(c, line))
	}
}

// lineText is a line as `show access-lists` has it.
func (t *tracer) lineText(c *ike.Connection, line int) string {
	if e := t.s.Config.CryptoMap(c.Map).Entry(c.Seq); e != nil && e.AccessList != nil && line < len(e.AccessList.Entries) {
		return fmt.Sprintf("access-list %s %s", e.ACL, e.AccessList.Entries[line])
	}
	return pairOf(c.ACL[line].Local, c.ACL[line].Remote)
}

// whyNot says in what the packet differs from the permit line that has most in
// common with it.
func (t *tracer) whyNot(c *ike.Connection) string {
	best, text := -1, "it permits nothing"
	for _, a := range c.ACL {
		if !a.Permit {
			continue
		}
		sel, score, why := a.Selector(), 0, ""
		if sel.LocalNet.Contains(t.flow.Src) {
			score += 2
		} else {
			why = fmt.Sprintf("%s is not in %s", t.flow.Src, rangeWords(sel.LocalNet.Lo, sel.LocalNet.Hi))
		}
		if sel.RemoteNet.Contains(t.flow.Dst) {
			score += 2
		} else if why == "" {
			why = fmt.Sprintf("%s is not in %s", t.flow.Dst, rangeWords(sel.RemoteNet.Lo, sel.RemoteNet.Hi))
		}
		if why == "" {
			score, why = score+1, "its protocol or port is another"
		}
		if score > best {
			best, text = score, why
		}
	}
	return text
}

// protect follows a packet that a line selects.
func (t *tracer) protect(x *chosen) {
	if x.conn.Dynamic {
		t.step("crypto map", "dynamic", "%s, dynamic map %s: %s", placeOf(x.conn), x.conn.DynamicMap, t.dynamicText(x))
	}
	sa := t.serving(x, t.flow)
	if sa == nil {
		t.noSA(x)
		return
	}
	if !sa.SA.OutboundReady {
		t.step("SA", "settling", "the outbound SA to %s is about to be installed", sa.SA.Remote.Addr())
		t.end(EndWaits, "a moment until the peer has its SAs too")
		return
	}
	t.step("SA", "found", "outbound SPI 0x%08X to %s, for %s", sa.SA.OutSPI, sa.SA.Remote.Addr(), pairOf(sa.SA.LocalProxy, sa.SA.RemoteProxy))
	t.step("encapsulation", "sealed", "%s", encapsulationText(sa))
	peer := sa.SA.Remote.Addr()
	hop, ok := t.s.Hops[peer]
	if !ok {
		t.step("outer route", "none", "there is no route to the peer %s", peer)
		t.end(EndDropped, "the encrypted packet has no way to the peer")
		return
	}
	t.step("outer route", "found", "to the peer %s by %s", peer, hop.Interface)
	t.end(EndEncrypted, "to %s; whether it arrives only the peer can say", peer)
}

// serving is the newest pair of SAs of the connection that covers a flow.
func (t *tracer) serving(x *chosen, f ipsec.Flow) *Tunnel {
	if x.conn.Dynamic {
		return x.sa
	}
	return t.newest(f, func(sa *ike.IPsecSA) bool { return sa.Connection == x.conn.Tag })
}

// newest is the newest pair of SAs that covers a flow, of those that are asked for.
func (t *tracer) newest(f ipsec.Flow, of func(*ike.IPsecSA) bool) *Tunnel {
	var newest *Tunnel
	for i := range t.s.Tunnels {
		sa := &t.s.Tunnels[i]
		if of(&sa.SA) && selectorOf(sa.SA.LocalProxy, sa.SA.RemoteProxy).Matches(f) &&
			(newest == nil || !sa.SA.Created.Before(newest.SA.Created)) {
			newest = sa
		}
	}
	return newest
}

// noSA tells what a packet waits for.
func (t *tracer) noSA(x *chosen) {
	if !t.s.Config.ISAKMP.Enabled {
		t.step("SA", "none", "there is none, and ISAKMP is off")
		t.end(EndDropped, "nothing can negotiate for it")
		return
	}
	if x.conn.Dynamic {
		t.step("SA", "none", "no peer is there for it, and a dynamic crypto map asks nobody")
		t.end(EndDropped, "in clear it must not leave; the peer has to call")
		return
	}
	if len(x.conn.Peers) == 0 {
		t.step("SA", "none", "there is none, and the entry has no peer with an address")
		t.end(EndDropped, "nobody can be asked")
		return
	}
	peer := x.conn.Peers[0]
	phase1 := "main mode with it comes first"
	for _, sa := range t.s.ISAKMPSAs {
		if sa.Remote.Addr() == peer && !sa.Dead {
			phase1 = "the ISAKMP SA with it stands in " + sa.Show.String()
		}
	}
	t.step("SA", "none", "there is none: the packet asks for one with %s; %s", peer, phase1)
	if of := t.s.Report.Of(peer); len(of.Findings) > 0 && of.Findings[0].Cause != NoInterestingTraffic {
		f := of.Findings[0]
		t.step("negotiation", "fails", "%s (%s): %s", f.Cause, f.Certainty, f.Summary)
		t.end(EndDropped, "no SA comes up: `explain peer %s`", peer)
		return
	}
	t.end(EndWaits, "it is sent when the SA is up")
}

// inbound follows a packet of the far side.
func (t *tracer) inbound() {
	back := t.flow.Reverse()
	x := t.choose(back, nil)
	if x.conn.Dynamic {
		t.step("crypto map", "dynamic", "%s, dynamic map %s, protects the way back", placeOf(x.conn), x.conn.DynamicMap)
	} else {
		t.step("access list", "mirror", "%s: line %d protects the way back: %s", placeOf(x.conn), x.line+1, t.lineText(x.conn, x.line))
	}
	sa := t.serving(x, back)
	if sa == nil {
		t.step("SA", "none", "there is none by which it could come")
		t.end(EndDropped, "in clear it is dropped, since the crypto map wants it encrypted; the peer has to ask for a tunnel")
		return
	}
	t.step("SA", "found", "inbound SPI 0x%08X from %s; in clear it is dropped", sa.SA.InSPI, sa.SA.Remote.Addr())
	if slices.Contains(t.s.Own, t.flow.Dst) {
		t.step("delivery", "own", "%s is an address of this gateway", t.flow.Dst)
		t.end(EndDecrypted, "and is delivered here")
		return
	}
	hop, ok := t.s.Hops[t.flow.Dst]
	if !ok {
		t.step("route", "none", "there is no route to %s", t.flow.Dst)
		t.end(EndDropped, "it is decrypted, and has no way on")
		return
	}
	t.step("route", "found", "%s", t.route(hop))
	t.end(EndDecrypted, "and goes on by %s", hop.Interface)
}
