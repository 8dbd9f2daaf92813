package config

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"qmidle/internal/isakmp"
)

// maxSetsPerEntry is how many transform sets one `set transform-set` takes.
const maxSetsPerEntry = 6

// cryptoMapNodes follow `crypto map`.
var cryptoMapNodes = []*node{
	{Kind: Word, Text: "WORD", Arg: "map", Help: "Crypto map tag", No: noCryptoMap, Next: []*node{
		{Kind: Number, Lo: 1, Hi: 65535, Arg: "seq", Help: "Sequence to insert into crypto map entry", Do: reenterCryptoMap, No: noCryptoMapEntry, Next: []*node{
			{Text: "gdoi", Help: "GDOI", Unsupported: "GDOI", Scope: ScopeMap, Block: true},
			{Text: "ipsec-isakmp", Help: "IPSEC w/ISAKMP", Do: enterCryptoMap, Next: []*node{
				{Text: "discover", Help: "Enable tunnel endpoint discovery", Unsupported: "tunnel endpoint discovery", Scope: ScopeMap, Block: true},
				{Text: "dynamic", Help: "Enable dynamic crypto map support", Next: dynamicNodes},
				{Text: "profile", Help: "Enable crypto map as a crypto-profile", Unsupported: "a crypto map profile", Scope: ScopeMap, Block: true},
			}},
			{Text: "ipsec-manual", Help: "IPSEC w/manual keying", Unsupported: "manual keying", Scope: ScopeMap, Block: true},
		}},
		{Text: "client", Help: "Specify client configuration settings", Next: clientNodes(setMapClient)},
		{Text: "isakmp", Help: "Specify isakmp configuration settings", Next: networkNodes(setMapClient)},
		{Text: "isakmp-profile", Help: "Specify isakmp profile to use", No: noMapProfile, Next: []*node{
			{Kind: Word, Text: "WORD", Arg: "profile", Help: "Name of the profile", Do: setMapProfile},
		}},
		{Text: "local-address", Help: "Interface to use for local address for this crypto map", No: noMapLocalAddress, Next: []*node{
			{Kind: Word, Text: "WORD", Arg: "name", Help: "Interface name", Do: setMapLocalAddress, Next: []*node{
				{Kind: Word, Text: "N/N", Arg: "number", Help: "Interface number", Do: setMapLocalAddress},
			}},
		}},
		{Text: "redundancy", Help: "High availability options for this map", Unsupported: "redundancy of a crypto map", Scope: ScopeMap},
	}},
}

var cryptoMapMode = mode{name: "Crypto map", prompt: "config-crypto-map", nodes: []*node{
	{Text: "description", Help: "Description of the crypto map statement policy", Do: noMapDescription, No: noMapDescription, Next: []*node{
		{Kind: Rest, Text: "LINE", Arg: "description", Help: "Up to 80 characters", Do: setMapDescription},
	}},
	{Text: "match", Help: "Match values", Next: []*node{
		{Text: "address", Help: "Match address of packets to encrypt", No: noMatchAddress, Next: []*node{
			{Kind: Word, Text: "WORD", Arg: "list", Help: "Access-list name or number <100-199> <2000-2699>", Do: setMatchAddress},
		}},
	}},
	{Text: "qos", Help: "Quality of Service related commands", Unsupported: "QoS on a crypto map", Scope: ScopeMap},
	{Text: "reverse-route", Help: "Reverse Route Injection", Do: setReverseRoute, No: noReverseRoute, Next: reverseRouteNodes},
	{Text: "set", Help: "Set values for encryption/decryption", Next: []*node{
		{Text: "identity", Help: "Identity restriction", Unsupported: "an identity restriction", Scope: ScopeMap},
		{Text: "ikev2-profile", Help: "Specify ikev2 Profile", Unsupported: "IKEv2", Scope: ScopeMap},
		{Text: "ip", Help: "Interface Internet Protocol config commands", Unsupported: "access lists inside a crypto map", Scope: ScopeMap},
		{Text: "isakmp-profile", Help: "Specify isakmp Profile", No: noEntryProfile, Next: []*node{
			{Kind: Word, Text: "WORD", Arg: "profile", Help: "Name of the profile", Do: setEntryProfile},
		}},
		{Text: "nat", Help: "Set NAT translation", Unsupported: "NAT inside a crypto map", Scope: ScopeMap},
		{Text: "peer", Help: "Allowed Encryption/Decryption peer", No: noPeer, Next: []*node{
			{Kind: Address, Text: "A.B.C.D", Arg: "address", Help: "IP address of peer", Do: addPeer, Next: []*node{
				{Text: "default", Arg: "default", Help: "Default peer", Do: addPeer},
			}},
			{Kind: Address6, Text: "X:X:X:X::X", Help: "IPv6 address of peer", Unsupported: "an IPv6 peer", Scope: ScopeMap},
			{Kind: Host, Text: "WORD", Arg: "host", Help: "Host name of the peer", Do: addPeer, Next: []*node{
				{Text: "default", Arg: "default", Help: "Default peer", Do: addPeer},
				{Text: "dynamic", Arg: "dynamic", Help: "Peer name is resolved when it is used", Do: addPeer, Next: []*node{
					{Text: "default", Arg: "default", Help: "Default peer", Do: addPeer},
				}},
			}},
		}},
		{Text: "pfs", Help: "Specify pfs settings", Do: setPFS, No: noPFS, Next: pfsGroups()},
		{Text: "reverse-route", Help: "Reverse Route Injection", Next: setReverseRouteNodes},
		{Text: "security-association", Help: "Security association parameters", Next: []*node{
			{Text: "dummy", Help: "Enable transmitting dummy packets", Unsupported: "dummy packets", Scope: ScopeMap},
			{Text: "idle-time", Help: "Automatically delete IPsec SAs after a given idle period", No: noEntryIdleTime, Next: []*node{
				{Kind: Number, Lo: 60, Hi: 86400, Arg: "idle", Help: "Idle time in seconds", Do: setEntryIdleTime, Next: []*node{
					{Text: "default", Arg: "default", Help: "Go back to the default peer then", Do: setEntryIdleTime},
				}},
			}},
			{Text: "level", Help: "Specify a security association granularity level", Unsupported: "an SA for each host", Scope: ScopeMap},
			{Text: "lifetime", Help: "Security association lifetime", Next: []*node{
				{Text: "kilobytes", Help: "Volume-based key duration", No: noEntryKilobytes, Next: []*node{
					{Text: "disable", Help: "Disable volume-based rekey", Do: setEntryKilobytes},
					{Kind: Number, Lo: 2560, Hi: 4294967295, Arg: "kilobytes", Help: "Kilobytes encrypted with one key", Do: setEntryKilobytes},
				}},
				{Text: "seconds", Help: "Time-based key duration", No: noEntrySeconds, Next: []*node{
					{Kind: Number, Lo: 120, Hi: 86400, Arg: "seconds", Help: "Time-based key duration in seconds", Do: setEntrySeconds},
				}},
			}},
			{Text: "replay", Help: "Set replay checking", Next: []*node{
				{Text: "disable", Help: "Disable replay checking", Do: setEntryReplayWindow, No: noEntryReplayWindow},
				{Text: "window-size", Help: "Set replay window size", No: noEntryReplayWindow, Next: replayWindows(setEntryReplayWindow)},
			}},
		}},
		{Text: "transform-set", Help: "Specify list of transform sets in priority order", No: noEntrySets, Next: loop([]*node{
			{Kind: Word, Text: "WORD", Arg: "set", Help: "Proposal tag", Do: setEntrySets},
		})},
	}},
}}

func pfsGroups() []*node {
	var nodes []*node
	for _, g := range groups {
		nodes = append(nodes, &node{Text: "group" + strconv.Itoa(int(g.group)), Lo: uint64(g.group), Arg: "group", Help: "D-H Group" + strconv.Itoa(int(g.group)) + " (" + g.help + ")", Do: setPFS})
	}
	return nodes
}

func mapMark(name string) string { return "crypto map " + name }

func entryMark(name string, seq int) string { return mapMark(name) + " " + strconv.Itoa(seq) }

// rememberEntry remembers where a part of the current entry was written.
func (e *Editor) rememberEntry(what string, a Args, arg string) {
	e.remember(entryMark(e.within, e.entry.Seq)+" "+what, a, arg)
}

// enterCryptoMap reads `crypto map NAME SEQ ipsec-isakmp`.
func enterCryptoMap(e *Editor, a Args) *Problem {
	m := e.makeCryptoMap(a)
	if old := m.Entry(int(a.Number("seq"))); old != nil && old.Dynamic != "" {
		return &Problem{Code: CodeValue, Arg: "seq", Message: "this entry is the dynamic crypto map " + old.Dynamic,
			Hint: "configure `crypto dynamic-map " + old.Dynamic + "`, or remove the entry first"}
	}
	m.Entries = e.enterEntry(m.Entries, m.Name, a)
	return nil
}

// makeCryptoMap returns the crypto map that a command names, made if need be.
func (e *Editor) makeCryptoMap(a Args) *CryptoMap {
	m := e.cfg.CryptoMap(a.Text("map"))
	if m == nil {
		m = &CryptoMap{Name: a.Text("map")}
		e.cfg.CryptoMaps = append(e.cfg.CryptoMaps, m)
		e.remember(mapMark(m.Name), a, "map")
	}
	return m
}

// enterEntry makes the entry that a command numbers the current one, adding it
// to a map's entries if need be. It returns the entries.
func (e *Editor) enterEntry(entries []*CryptoMapEntry, within string, a Args) []*CryptoMapEntry {
	seq := int(a.Number("seq"))
	e.enter(&cryptoMapMode)
	e.within, e.entry = within, entryOf(entries, seq)
	if e.entry != nil {
		e.again(entryMark(within, seq), a, "seq")
		return entries
	}
	e.entry = &CryptoMapEntry{Seq: seq}
	i, _ := entryIndex(entries, seq)
	e.remember(entryMark(within, seq), a, "seq")
	return slices.Insert(entries, i, e.entry)
}

// reenterCryptoMap reads `crypto map NAME SEQ`, for an entry that exists.
func reenterCryptoMap(e *Editor, a Args) *Problem {
	if e.cfg.CryptoMap(a.Text("map")).Entry(int(a.Number("seq"))) == nil {
		return &Problem{Code: CodeIncomplete, Arg: "seq", Message: "a new crypto map entry needs its kind", Hint: "write `ipsec-isakmp` after the number"}
	}
	return enterCryptoMap(e, a)
}

func noCryptoMap(e *Editor, a Args) *Problem {
	before := len(e.cfg.CryptoMaps)
	e.cfg.CryptoMaps = slices.DeleteFunc(e.cfg.CryptoMaps, func(m *CryptoMap) bool { return m.Name == a.Text("map") })
	if len(e.cfg.CryptoMaps) == before {
		return &Problem{Code: CodeReference, Arg: "map", Message: "%Invalid crypto map tag"}
	}
	e.enter(nil)
	return nil
}

func noCryptoMapEntry(e *Editor, a Args) *Problem {
	m := e.cfg.CryptoMap(a.Text("map"))
	if m.Entry(int(a.Number("seq"))) == nil {
		return &Problem{Code: CodeReference, Arg: "seq", Message: "there is no such crypto map entry"}
	}
	m.Entries = slices.DeleteFunc(m.Entries, func(c *CryptoMapEntry) bool { return c.Seq == int(a.Number("seq")) })
	e.enter(nil)
	e.dropEmptyMap(m)
	return nil
}

func setMapDescription(e *Editor, a Args) *Problem {
	e.entry.Description = a.Text("description")
	return nil
}

func noMapDescription(e *Editor, _ Args) *Problem {
	e.entry.Description = ""
	return nil
}

func setMatchAddress(e *Editor, a Args) *Problem {
	e.entry.ACL = a.Text("list")
	e.rememberEntry("list", a, "list")
	return nil
}

func noMatchAddress(e *Editor, _ Args) *Problem {
	e.entry.ACL = ""
	return nil
}

// addPeer reads `set peer`, which adds to the list, in the order of preference.
func addPeer(e *Editor, a Args) *Problem {
	p := Peer{Addr: a.Addr("address"), Host: a.Text("host"), Dynamic: a.Has("dynamic"), Default: a.Has("default")}
	if p.Addr.IsValid() && !unicast(p.Addr) {
		return &Problem{Code: CodeValue, Arg: "address", Message: "% Invalid IP address: a peer has a unicast address"}
	}
	e.rememberEntry("peer "+p.String(), a, "")
	e.entry.Peers = p.into(e.entry.Peers)
	return nil
}

// into is a list of peers with p, which takes the place of the same peer, and is the
// only default one if it is one.
func (p Peer) into(list []Peer) []Peer {
	if p.Default {
		for i := range list {
			list[i].Default = false
		}
	}
	if i := slices.IndexFunc(list, p.same); i >= 0 {
		list[i] = p
		return list
	}
	return append(list, p)
}

func (p Peer) same(o Peer) bool { return p.Addr == o.Addr && strings.EqualFold(p.Host, o.Host) }

// String is the peer's address or host name.
func (p Peer) String() string {
	if p.Host != "" {
		return p.Host
	}
	return p.Addr.String()
}

func unicast(a netip.Addr) bool {
	return !a.IsUnspecified() && !a.IsMulticast() && uint4(a) != 0xffffffff
}

func noPeer(e *Editor, a Args) *Problem {
	p := Peer{Addr: a.Addr("address"), Host: a.Text("host")}
	before := len(e.entry.Peers)
	e.entry.Peers = slices.DeleteFunc(e.entry.Peers, p.same)
	if len(e.entry.Peers) == before {
		return &Problem{Code: CodeReference, Message: "this is not a peer of the entry"}
	}
	return nil
}

func setPFS(e *Editor, a Args) *Problem {
	e.entry.PFS = isakmp.GroupMODP768
	if a.Has("group") {
		e.entry.PFS = isakmp.Group(a.Number("group"))
	}
	e.rememberEntry("pfs", a, "group")
	return nil
}

func noPFS(e *Editor, _ Args) *Problem {
	e.entry.PFS = isakmp.GroupNone
	return nil
}

func setEntrySeconds(e *Editor, a Args) *Problem {
	v := uint32(a.Number("seconds"))
	e.entry.LifetimeSeconds = &v
	e.rememberEntry("seconds", a, "seconds")
	return nil
}

func noEntrySeconds(e *Editor, _ Args) *Problem {
	e.entry.LifetimeSeconds = nil
	return nil
}

func setEntryKilobytes(e *Editor, a Args) *Problem {
	v := uint32(a.Number("kilobytes"))
	e.entry.LifetimeKilobytes = &v
	e.rememberEntry("kilobytes", a, "kilobytes")
	return nil
}

func noEntryKilobytes(e *Editor, _ Args) *Problem {
	e.entry.LifetimeKilobytes = nil
	return nil
}

func setEntryIdleTime(e *Editor, a Args) *Problem {
	e.entry.IdleTime, e.entry.IdleToDefault = seconds(a, "idle"), a.Has("default")
	e.rememberEntry("idle", a, "default")
	return nil
}

func noEntryIdleTime(e *Editor, _ Args) *Problem {
	e.entry.IdleTime, e.entry.IdleToDefault = 0, false
	return nil
}

func setEntryReplayWindow(e *Editor, a Args) *Problem {
	v := uint32(a.Number("window"))
	e.entry.ReplayWindow = &v
	e.rememberEntry("replay", a, "window")
	return nil
}

func noEntryReplayWindow(e *Editor, _ Args) *Problem {
	e.entry.ReplayWindow = nil
	return nil
}

// setEntrySets reads `set transform-set`, which replaces the list.
func setEntrySets(e *Editor, a Args) *Problem {
	names := a.Texts("set")
	if len(names) > maxSetsPerEntry {
		return &Problem{Code: CodeValue, Message: "an entry takes " + strconv.Itoa(maxSetsPerEntry) + " transform sets at most"}
	}
	e.entry.TransformSets = names
	for _, arg := range a {
		at := arg.Token
		e.marks[entryMark(e.within, e.entry.Seq)+" set "+arg.Text] = e.at(a, at)
	}
	return nil
}

func noEntrySets(e *Editor, _ Args) *Problem {
	e.entry.TransformSets = nil
	return nil
}
