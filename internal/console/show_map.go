package console

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/isakmp"
)

// CryptoMaps is show crypto map.
type CryptoMaps struct {
	Maps []CryptoMap `json:"crypto_maps"`
}

// CryptoMap is all entries of one name.
type CryptoMap struct {
	Name       string          `json:"name"`
	Entries    []CryptoMapLine `json:"entries"`
	Interfaces []string        `json:"interfaces"`
	// LocalInterface has the local address of the map on every interface; ""
	// where each has its own.
	LocalInterface string `json:"local_interface,omitempty"`
	LocalAddress   string `json:"local_address,omitempty"`  // "" where the map is not in use
	Profile        string `json:"isakmp_profile,omitempty"` // of entries without their own
}

// CryptoMapLine is one entry of a crypto map. CurrentPeer is the peer of its
// youngest IPsec SA, else the first configured.
//
// An entry that names a dynamic crypto map has nothing but DynamicMap. One that
// was made of a template for a peer has CreatedFrom, the template's name and
// number, and its peer's port.
type CryptoMapLine struct {
	Sequence          int        `json:"sequence"`
	DynamicMap        string     `json:"dynamic_map,omitempty"`
	CreatedFrom       string     `json:"created_from,omitempty"`
	PeerPort          uint16     `json:"peer_port,omitempty"`
	Description       string     `json:"description,omitempty"`
	Complete          bool       `json:"complete"` // has a peer, a transform set and an access list
	Peers             []string   `json:"peers"`
	PeerHosts         []PeerHost `json:"peer_hosts"` // those of Peers that are names
	AccessList        string     `json:"access_list,omitempty"`
	AccessListLines   []string   `json:"access_list_lines"`
	CurrentPeer       string     `json:"current_peer,omitempty"`
	LifetimeKilobytes uint32     `json:"lifetime_kilobytes"` // 0: no limit
	LifetimeSeconds   uint32     `json:"lifetime_seconds"`
	IdleSeconds       int        `json:"idle_seconds"` // 0: SAs may be idle
	PFSGroup          uint16     `json:"pfs_group"`    // 0: off
	TransformSets     []string   `json:"transform_sets"`
	Profile           string     `json:"isakmp_profile,omitempty"`
	ReverseRoute      bool       `json:"reverse_route"`

	template bool // which needs a transform set only
}

// PeerHost is a peer that is known by its name.
type PeerHost struct {
	Host      string       `json:"host"`
	Dynamic   bool         `json:"dynamic"`
	Addresses []netip.Addr `json:"addresses"` // none while it is not resolved
}

func cryptoMaps(r Router) CryptoMaps {
	instances, peers := r.Instances(), livePeers(r)
	cfg := r.Config()
	view := CryptoMaps{Maps: []CryptoMap{}}
	for _, m := range cfg.CryptoMaps {
		shown := CryptoMap{Name: m.Name, Entries: []CryptoMapLine{}, Interfaces: []string{}, LocalInterface: m.LocalAddress, Profile: m.Profile}
		if m.LocalAddress != "" {
			shown.LocalAddress = localAddress(r, m.Name)
		}
		for _, e := range m.Entries {
			shown.Entries = append(shown.Entries, cryptoMapLine(r, cfg, m, e, peers[entryKey{m.Name, e.Seq}]))
		}
		for _, c := range instances {
			if c.Map == m.Name {
				shown.Entries = append(shown.Entries, instanceLine(cfg, c))
			}
		}
		for _, i := range cfg.Interfaces {
			if i.CryptoMap == m.Name {
				shown.Interfaces = append(shown.Interfaces, i.Name)
			}
		}
		view.Maps = append(view.Maps, shown)
	}
	return view
}

// localAddress is that of a crypto map's connections.
func localAddress(r Router, name string) string {
	for _, c := range r.Connections() {
		if c.Map == name {
			return c.Local.String()
		}
	}
	return ""
}

// cryptoMapLine is of an entry whose live peer is known, or invalid for none.
func cryptoMapLine(r Router, cfg *config.Config, m *config.CryptoMap, e *config.CryptoMapEntry, live netip.Addr) CryptoMapLine {
	line := entryLine(cfg, e)
	line.resolve(r)
	line.Profile = m.ProfileOf(e)
	if len(line.Peers) > 0 {
		line.CurrentPeer = line.Peers[0]
		if addrs := hostAddresses(r, line.Peers[0]); len(addrs) > 0 {
			line.CurrentPeer = addrs[0].String()
		}
	}
	if live.IsValid() {
		line.CurrentPeer = live.String()
	}
	return line
}

// entryLine is what the configuration says of an entry.
func entryLine(cfg *config.Config, e *config.CryptoMapEntry) CryptoMapLine {
	line := CryptoMapLine{
		DynamicMap: e.Dynamic, ReverseRoute: e.ReverseRoute.On, Profile: e.Profile,
		Sequence: e.Seq, Description: e.Description, Complete: e.Complete(), Peers: []string{}, PeerHosts: []PeerHost{}, AccessList: e.ACL,
		AccessListLines: []string{}, LifetimeKilobytes: cfg.IPsec.LifetimeKilobytes,
		LifetimeSeconds: cfg.IPsec.LifetimeSeconds, PFSGroup: uint16(e.PFS), TransformSets: []string{},
	}
	for _, p := range e.Peers {
		line.Peers = append(line.Peers, p.String())
		if p.Host != "" {
			line.PeerHosts = append(line.PeerHosts, PeerHost{p.Host, p.Dynamic, []netip.Addr{}})
		}
	}
	if list := e.AccessList; list != nil {
		for _, x := range list.Entries {
			line.AccessListLines = append(line.AccessListLines, fmt.Sprintf("access-list %s %s", e.ACL, x))
		}
	}
	if e.LifetimeKilobytes != nil {
		line.LifetimeKilobytes = *e.LifetimeKilobytes
	}
	if e.LifetimeSeconds != nil {
		line.LifetimeSeconds = *e.LifetimeSeconds
	}
	idle := cfg.IPsec.IdleTime
	if e.IdleTime > 0 {
		idle = e.IdleTime
	}
	line.IdleSeconds = int(idle / time.Second)
	line.TransformSets = append(line.TransformSets, e.TransformSets...)
	return line
}

// entryKey names an entry of a crypto map.
type entryKey struct {
	name string // of the map
	seq  int
}

// livePeers are the peers of the youngest IPsec SAs of crypto map entries.
func livePeers(r Router) map[entryKey]netip.Addr {
	entries := map[uint32]entryKey{} // by the tag of their connection
	for _, c := range r.Connections() {
		if !c.Dynamic {
			entries[c.Tag] = entryKey{c.Map, c.Seq}
		}
	}
	created, peers := map[entryKey]time.Time{}, map[entryKey]netip.Addr{}
	for _, sa := range r.IPsecSAs() {
		if e, ok := entries[sa.Connection]; ok && !sa.Created.Before(created[e]) {
			created[e], peers[e] = sa.Created, sa.Remote.Addr()
		}
	}
	return peers
}

// Text is IOS's listing. Indentation is by tabs, the interfaces of a map stand
// below its last entry.
func (v CryptoMaps) Text() string {
	if len(v.Maps) == 0 {
		return "No crypto maps found.\n"
	}
	var b strings.Builder
	for _, m := range v.Maps {
		if m.LocalInterface != "" {
			fmt.Fprintf(&b, "Crypto Map: \"%s\" idb: %s local address: %s\n\n", m.Name, m.LocalInterface, orNone(m.LocalAddress))
		}
		for i, e := range m.Entries {
			if i > 0 {
				b.WriteByte('\n')
			}
			fmt.Fprintf(&b, "Crypto Map \"%s\" %d ipsec-isakmp\n", m.Name, e.Sequence)
			e.write(&b)
		}
		fmt.Fprintf(&b, "\tInterfaces using crypto map %s:\n", m.Name)
		for _, name := range m.Interfaces {
			fmt.Fprintf(&b, "\t\t%s\n", name)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (e CryptoMapLine) write(b *strings.Builder) {
	if e.DynamicMap != "" {
		fmt.Fprintf(b, "\tDynamic map template tag: %s\n", e.DynamicMap)
		return
	}
	if e.Description != "" {
		fmt.Fprintf(b, "\tDescription: %s\n", e.Description)
	}
	if !e.Complete {
		b.WriteString("\tWARNING: This crypto map is in an incomplete state!\n")
		fmt.Fprintf(b, "\t\t(missing %s)\n", e.missing())
	}
	for _, p := range e.Peers {
		fmt.Fprintf(b, "\tPeer = %s%s\n", p, e.resolved(p))
	}
	if e.Profile != "" {
		fmt.Fprintf(b, "\tISAKMP Profile: %s\n", e.Profile)
	}
	if e.AccessList == "" && e.CreatedFrom == "" {
		b.WriteString("\tNo matching address list set.\n")
	} else {
		fmt.Fprintf(b, "\tExtended IP access list %s\n", e.AccessList)
	}
	for _, line := range e.AccessListLines {
		fmt.Fprintf(b, "\t    %s\n", line)
	}
	if e.CreatedFrom != "" {
		fmt.Fprintf(b, "\t    dynamic (created from dynamic map %s)\n", e.CreatedFrom)
	}
	if e.CurrentPeer != "" {
		fmt.Fprintf(b, "\tCurrent peer: %s\n", e.CurrentPeer)
	}
	fmt.Fprintf(b, "\tSecurity association lifetime: %d kilobytes/%d seconds\n", e.LifetimeKilobytes, e.LifetimeSeconds)
	if e.IdleSeconds > 0 {
		fmt.Fprintf(b, "\tSecurity association idletime: %d seconds\n", e.IdleSeconds) // recalled
	}
	if isakmp.Group(e.PFSGroup) == isakmp.GroupNone {
		b.WriteString("\tPFS (Y/N): N\n")
	} else {
		fmt.Fprintf(b, "\tPFS (Y/N): Y\n\tDH group:  group%d\n", e.PFSGroup)
	}
	b.WriteString("\tTransform sets={ \n")
	for _, set := range e.TransformSets {
		fmt.Fprintf(b, "\t\t%s, \n", set)
	}
	b.WriteString("\t}\n")
	if e.ReverseRoute {
		b.WriteString("\tReverse Route Injection Enabled\n") // recalled
	}
}

// resolve adds the addresses of names.
func (e *CryptoMapLine) resolve(r Router) {
	for i := range e.PeerHosts {
		h := &e.PeerHosts[i]
		h.Addresses = append(h.Addresses, hostAddresses(r, h.Host)...)
	}
}

// resolved is what stands behind a peer's name: its addresses. IOS's form is not
// known.
func (e CryptoMapLine) resolved(peer string) string {
	for _, h := range e.PeerHosts {
		if h.Host == peer && len(h.Addresses) > 0 {
			return " (" + joined(h.Addresses, " ") + ")"
		}
	}
	return ""
}

// missing says what an incomplete entry lacks. IOS has one text for a peer
// and an access list.
func (e CryptoMapLine) missing() string {
	if !e.template && (len(e.Peers) == 0 || e.AccessList == "") {
		return "peer or access-list definitions"
	}
	return "transform-set definition"
}
