package diagnose

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
)

// Situation is how a gateway stands: what is configured, what is up, what the
// packets do. It is a snapshot.
type Situation struct {
	Now         time.Time
	Started     time.Time // since when anything is recorded; zero for always
	Config      *config.Config
	Connections []*ike.Connection
	ISAKMPSAs   []ike.ISAKMPSA
	Tunnels     []Tunnel
	Lines       []Line
	// LinksDown are interfaces of the configuration without a carrier.
	LinksDown []string
	// Floods are those since the start.
	Floods ike.Floods
	// Drops are those of all packets, also of ones that no SA has seen.
	Drops ipsec.DropCounts
	// Ways are the interfaces by which packets to peers leave, where routes
	// decide that.
	Ways map[netip.Addr]string
	// Unroutable are peers to which this host has no route.
	Unroutable []netip.Addr
}

// Tunnel is a pair of IPsec SAs with its packets.
type Tunnel struct {
	SA             ike.IPsecSA
	Encaps, Decaps uint64
	Drops          ipsec.DropCounts
	// LastIn and LastOut are when the last packets passed, zero for never or not
	// known.
	LastIn, LastOut time.Time
}

// Line is a permit line of a connection's access list with what it has carried
// over all its SAs, and what became of packets that nearly matched.
type Line struct {
	Connection     uint32 // its tag
	Line           int
	Encaps, Decaps uint64
	NoKey          []netip.Addr // peers of it for which there is no key
	// Ways are the interfaces by which packets to addresses of the line's remote
	// network leave; none where there is no route. WaysKnown is false where
	// routes do not matter or cannot be asked for.
	Ways      []string
	WaysKnown bool
	// Homeless says that no route leads to the line's local network.
	Homeless bool
	// Missed counts packets that left outside of the tunnel although their
	// destination, or their source, is the line's; MissedFlow is the last one.
	Missed     uint64
	MissedFlow string
}

// FromSituation reads how a gateway stands.
func FromSituation(s *Situation) []Observation {
	r := situationReader{s: s}
	r.add(Observation{Kind: Surveyed, Count: uint64(len(s.Connections))})
	if !s.Started.IsZero() {
		r.out = append(r.out, Observation{Kind: Started, Time: s.Started, Standing: true})
	}
	r.configuration()
	r.connections()
	r.isakmp()
	if n := s.Drops[ipsec.DropNoPolicy]; n > 0 {
		r.add(Observation{Kind: NoMatch, Detail: natBefore, Count: n, Evidence: quoteShow("show crypto isakmp statistics: %d packets dropped: %s", n, ipsec.DropNoPolicy.String())})
	}
	r.flood()
	for _, t := range joined(s.Tunnels) {
		r.tunnel(&t)
	}
	return r.out
}

// floodFresh is how long ago a flood may have ended that explains anything now.
const floodFresh = 10 * time.Minute

func (r *situationReader) flood() {
	f := r.s.Floods
	r.floodOf("first messages", f.LastPressed, f.Stubs+f.ByPrefix+f.ByRate+f.Overrun,
		fmt.Sprintf("%d first messages were answered without a record, of which %d came back; %d refused by rate, %d by prefix, %d not looked at", f.Stubs, f.Returned, f.ByRate, f.ByPrefix, f.Overrun))
	r.floodOf("messages of no SA", f.LastStray, f.Strays, fmt.Sprintf("%d messages of no SA", f.Strays))
	r.floodOf("fragments of first messages", f.LastFragment, f.Fragments, fmt.Sprintf("%d first messages that lacked fragments left for others", f.Fragments))
	r.floodOf("ESP of no SA", f.LastESP, f.ESP, fmt.Sprintf("%d ESP packets of no SA", f.ESP))
}

// floodOf notes one that was last seen at a time.
func (r *situationReader) floodOf(what string, last time.Time, n uint64, counted string) {
	ago := r.s.Now.Sub(last)
	if last.IsZero() || ago > floodFresh {
		return
	}
	when := "it goes on"
	if ago > 2*time.Second {
		when = fmt.Sprintf("it ended %d s ago", int(ago.Seconds()))
	}
	r.add(Observation{Kind: Flooded, Place: what, Detail: when, Count: n, Evidence: quoteShow("show crypto call admission statistics: %s", counted)})
}

// joined adds up the tunnels for the same traffic with one peer: packets may go
// out by one pair of SAs and come in by another.
func joined(all []Tunnel) []Tunnel {
	var out []Tunnel
	at := make(map[string]int)
	for _, t := range all {
		key := t.SA.Remote.String() + pairOf(t.SA.LocalProxy, t.SA.RemoteProxy)
		i, known := at[key]
		if !known {
			at[key] = len(out)
			out = append(out, t)
			continue
		}
		o := &out[i]
		o.Encaps, o.Decaps, o.Drops = o.Encaps+t.Encaps, o.Decaps+t.Decaps, o.Drops.Plus(t.Drops)
		o.LastIn, o.LastOut = later(o.LastIn, t.LastIn), later(o.LastOut, t.LastOut)
	}
	return out
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// natBefore is the Detail of packets that were on their way into a tunnel and fit
// no access list when they came there.
const natBefore = "NAT"

type situationReader struct {
	s   *Situation
	out []Observation
}

func (r *situationReader) add(o Observation) {
	o.Time, o.Standing = r.s.Now, true
	r.out = append(r.out, o)
}

// quoteShow is what a show command says.
func quoteShow(format string, args ...any) Evidence {
	return Evidence{Text: fmt.Sprintf(format, args...)}
}

// configuration reads what can keep a crypto map from being active.
func (r *situationReader) configuration() {
	cfg := r.s.Config
	if !cfg.ISAKMP.Enabled {
		r.add(Observation{Kind: NotEnabled, Phase: Phase1, Detail: isakmpOff, Evidence: quoteShow("show running-config: no crypto isakmp enable")})
	}
	for _, p := range cfg.ISAKMP.Policies {
		encr := encryptionWord(uint32(p.Encryption))
		if p.KeyBits != 0 {
			encr += fmt.Sprintf(" %d", p.KeyBits)
		}
		r.add(Observation{Kind: PolicyHere, Phase: Phase1, Place: fmt.Sprintf("policy %d", p.Priority),
			Detail: suiteWords(encr, hashWord(p.Hash), groupWord(uint32(p.Group)), authWord(p.Auth))})
	}
	for _, m := range cfg.CryptoMaps {
		r.cryptoMap(m)
	}
	r.unusedKeys()
}

func (r *situationReader) cryptoMap(m *config.CryptoMap) {
	applied, up := r.interfaces(m.Name)
	for _, e := range m.Entries {
		place := fmt.Sprintf("crypto map %s %d", m.Name, e.Seq)
		switch {
		case len(applied) == 0:
			r.eachPeer(e, Observation{Kind: MapNotApplied, Place: "crypto map " + m.Name, Evidence: quoteShow("show crypto map: Interfaces using crypto map %s: none", m.Name)})
		case len(up) == 0:
			r.eachPeer(e, Observation{Kind: InterfaceDown, Place: applied[0], Evidence: quoteShow("show ip interface brief: %s is down", applied[0])})
		case !e.Complete():
			r.eachPeer(e, Observation{Kind: MapIncomplete, Place: place, Detail: lacks(e), Evidence: quoteShow("show crypto map: WARNING: This crypto map is in an incomplete state!")})
		}
	}
}

// interfaces are those that a crypto map is applied to, and those of them that
// are up.
func (r *situationReader) interfaces(name string) (applied, up []string) {
	for _, i := range r.s.Config.Interfaces {
		if i.CryptoMap != name {
			continue
		}
		applied = append(applied, i.Name)
		if !i.Shutdown && !slices.Contains(r.s.LinksDown, i.Name) {
			up = append(up, i.Name)
		}
	}
	return applied, up
}

// eachPeer adds an observation for each peer of an entry, or for every peer
// where the entry names none.
func (r *situationReader) eachPeer(e *config.CryptoMapEntry, o Observation) {
	any := false
	for _, p := range e.Peers {
		if p.Addr.IsValid() {
			o.Peer, any = p.Addr, true
			r.add(o)
		}
	}
	if !any {
		r.add(o)
	}
}

func lacks(e *config.CryptoMapEntry) string {
	var all []string
	if len(e.Peers) == 0 {
		all = append(all, "`set peer`")
	}
	if len(e.TransformSets) == 0 {
		all = append(all, "`set transform-set`")
	}
	if e.ACL == "" {
		all = append(all, "`match address`")
	}
	return strings.Join(all, ", no ")
}

// connections reads the active entries, and whether anything has used them.
func (r *situationReader) connections() {
	for _, c := range r.s.Connections {
		idle := !c.Dynamic
		r.sets(c)
		if c.Dynamic {
			r.configured(c, "")
		}
		for i, acl := range c.ACL {
			if !acl.Permit {
				continue
			}
			line := r.line(c.Tag, i)
			idle = idle && line.Encaps+line.Decaps+line.Missed == 0
			r.configured(c, pairOf(acl.Local, acl.Remote))
			r.lineAt(c, line, pairOf(acl.Local, acl.Remote))
		}
		for _, p := range c.Peers {
			r.way(c, p)
			if idle && r.s.Config.ISAKMP.Enabled {
				r.add(Observation{Kind: NothingAsked, Peer: p, Local: c.Local, Place: placeOf(c), Evidence: quoteShow("show crypto ipsec sa: #pkts encaps: 0, #pkts decaps: 0")})
			}
			if slices.Contains(r.s.Unroutable, p) {
				r.add(Observation{Kind: NoRoute, Peer: p, Detail: peerWord + p.String(), Evidence: quoteShow("no route to %s", p)})
			}
		}
	}
}

// way compares the interface that leads to a peer with those of the crypto map.
func (r *situationReader) way(c *ike.Connection, peer netip.Addr) {
	by := r.s.Ways[peer]
	if by == "" || by == c.Interface || slices.Contains(c.MoreInterfaces, by) {
		return
	}
	r.add(Observation{Kind: WrongInterface, Peer: peer, Local: c.Local, Place: c.Interface, Detail: by,
		Evidence: quoteShow("show ip route: %s by %s; %s is on %s", peer, by, placeOf(c), c.Interface)})
}

// attrByName is a key that finds its peer by the name alone that it presents.
const attrByName = "name"

// unusedKeys are keys for single addresses that no entry names: one of the two
// may be mistyped. So may a name be, which aggressive mode finds a key by.
func (r *situationReader) unusedKeys() {
	for _, k := range r.s.Config.ISAKMP.Keys {
		if k.Hostname != "" && r.s.Config.ISAKMP.AggressiveMode {
			r.add(Observation{Kind: KeyUnused, Detail: k.Hostname, Attr: attrByName, Evidence: quoteShow("show crypto isakmp key: one for the name %s, which only aggressive mode tells", k.Hostname)})
		}
		if k.Mask != 32 || !k.Addr.IsValid() || slices.ContainsFunc(r.s.Connections, func(c *ike.Connection) bool { return slices.Contains(c.Peers, k.Addr) }) {
			continue
		}
		r.add(Observation{Kind: KeyUnused, Detail: k.Addr.String(), Evidence: quoteShow("show crypto isakmp key: one for %s, which no crypto map entry names", k.Addr)})
	}
}

func placeOf(c *ike.Connection) string { return fmt.Sprintf("crypto map %s %d", c.Map, c.Seq) }

// configured says that an entry is for its peers; one without peers is for all.
func (r *situationReader) configured(c *ike.Connection, pair string) {
	if !c.Local.IsValid() {
		r.add(Observation{Kind: InterfaceDown, Place: c.Interface, Evidence: quoteShow("show ip interface brief: %s has no address", c.Interface)})
		return
	}
	o := Observation{Kind: Configured, Local: c.Local, Place: placeOf(c), Pair: pair,
		Evidence: quoteShow("show crypto map: %s on %s protects %s", placeOf(c), c.Interface, pair)}
	if c.Template != 0 {
		o.Peer = c.Remote.Addr()
	}
	if len(c.Peers) == 0 {
		r.add(o)
	}
	for _, p := range c.Peers {
		o.Peer = p
		r.add(o)
	}
}

// sets are the transform sets of an entry, in the words of a configuration.
func (r *situationReader) sets(c *ike.Connection) {
	for _, t := range c.TransformSets {
		words := cipherWord(uint32(t.Cipher))
		if t.KeyBits != 0 {
			words += fmt.Sprintf(" %d", t.KeyBits)
		}
		if t.Auth != 0 {
			words += " " + integrityWord(uint32(t.Auth))
		}
		mode := "tunnel"
		if t.Transport {
			mode = "transport"
		}
		o := Observation{Kind: SetHere, Place: t.Name, Detail: words, Attr: mode}
		if c.PFS != 0 {
			o.Wanted = groupWord(uint32(c.PFS))
		}
		for _, p := range c.Peers {
			o.Peer = p
			r.add(o)
		}
	}
}

func (r *situationReader) line(tag uint32, line int) Line {
	for _, l := range r.s.Lines {
		if l.Connection == tag && l.Line == line {
			return l
		}
	}
	return Line{}
}

// attrPartly is a route around the tunnel for some addresses of the network.
const attrPartly = "partly"

func (r *situationReader) lineAt(c *ike.Connection, l Line, pair string) {
	local, remote, _ := strings.Cut(pair, " - ")
	for _, p := range l.NoKey {
		r.add(Observation{Kind: KeyMissing, Peer: p, Phase: Phase1, Evidence: quoteShow("show crypto isakmp key: none for %s", p)})
	}
	around := slices.DeleteFunc(slices.Clone(l.Ways), func(by string) bool { return by == c.Interface || slices.Contains(c.MoreInterfaces, by) })
	for _, p := range c.Peers {
		o := Observation{Peer: p, Place: c.Interface, Pair: pair, Detail: remote}
		switch {
		case l.WaysKnown && len(l.Ways) == 0 && !r.makesRoutes(c):
			o.Kind, o.Evidence = NoRoute, quoteShow("show ip route: none to %s", remote)
			r.add(o)
		case c.EasyVPN != nil: // its line is to everything, what is near included
		case len(around) > 0 && (len(around) == len(l.Ways) || l.Encaps == 0):
			if len(around) < len(l.Ways) {
				o.Attr = attrPartly
			}
			o.Kind, o.Evidence = RouteAround, quoteShow("show ip route: %s by %s", remote, strings.Join(around, ", "))
			r.add(o)
		}
		if l.Homeless {
			r.add(Observation{Kind: NoRouteInside, Peer: p, Pair: pair, Detail: local, Evidence: quoteShow("show ip route: none to %s", local)})
		}
		if l.Missed > 0 && l.Encaps == 0 {
			r.add(Observation{Kind: NoMatch, Peer: p, Place: c.Interface, Pair: pair, Count: l.Missed,
				Evidence: quoteShow("%s left by %s in clear; %s protects %s", l.MissedFlow, c.Interface, placeOf(c), pair)})
		}
	}
}

// makesRoutes says whether routes come and go with the entry's SAs.
func (r *situationReader) makesRoutes(c *ike.Connection) bool {
	e := r.s.Config.CryptoMap(c.Map).Entry(c.Seq)
	return e != nil && e.ReverseRoute.On
}

// isakmp reads the states of the ISAKMP SAs.
func (r *situationReader) isakmp() {
	for _, x := range r.s.ISAKMPSAs {
		o := Observation{Kind: StateSeen, Peer: x.Remote.Addr(), Local: x.Local.Addr(), Session: uint64(x.ID), Role: roleOf(x.Role), Phase: Phase1,
			Detail: x.Show.String(), Evidence: quoteShow("show crypto isakmp sa: conn-id %d %s", x.Conn, x.Show)}
		if x.Dead {
			o.Attr = attrDead
			if slices.Contains(ownWill, x.DeadReason.String()) {
				o.Attr = attrEnded
			}
			o.Evidence = quoteShow("show crypto isakmp sa: conn-id %d was %s, deleted: %s", x.Conn, x.Show, x.DeadReason)
		}
		r.add(o)
	}
}

// silentFor is how long nothing may come in while packets go out.
const silentFor = 30 * time.Second

func (r *situationReader) tunnel(t *Tunnel) {
	sa := t.SA
	base := Observation{Peer: sa.Remote.Addr(), Local: sa.Local.Addr(), Phase: PhaseData, Session: uint64(sa.InSPI), Pair: pairOf(sa.LocalProxy, sa.RemoteProxy)}
	if sa.Local.Port() == natPort {
		base.Detail = OverUDP
	}
	add := func(kind Kind, detail string, n uint64, e Evidence) {
		o := base
		o.Kind, o.Count, o.Evidence = kind, n, e
		if detail != "" {
			o.Detail = detail
		}
		r.add(o)
	}
	add(Encapsulated, "", t.Encaps, quoteShow("show crypto ipsec sa: #pkts encaps: %d for %s", t.Encaps, base.Pair))
	add(Decapsulated, "", t.Decaps, quoteShow("show crypto ipsec sa: #pkts decaps: %d for %s", t.Decaps, base.Pair))
	for d, n := range t.Drops {
		if n == 0 {
			continue
		}
		reason := ipsec.Drop(d)
		kind := DataDropped
		switch reason {
		case ipsec.DropReplayOld, ipsec.DropReplayDuplicate:
			kind = ReplaySeen
		case ipsec.DropTooBig:
			kind = TooBig
		}
		add(kind, reason.String(), n, quoteShow("show crypto ipsec sa detail: %d packets dropped for %s: %s", n, base.Pair, reason.String()))
	}
	if !t.LastIn.IsZero() && t.LastOut.Sub(t.LastIn) > atOnce/2 && r.s.Now.Sub(t.LastIn) > silentFor {
		add(Silent, r.s.Now.Sub(t.LastIn).Round(time.Second).String(), 0,
			quoteShow("the last packet came in at %s and went out at %s", t.LastIn.UTC().Format(time.TimeOnly), t.LastOut.UTC().Format(time.TimeOnly)))
	}
}

// natPort is UDP 4500 (RFC 3947).
const natPort = 4500
