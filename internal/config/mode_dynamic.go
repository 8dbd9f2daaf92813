package config

import (
	"net/netip"
	"slices"
	"strconv"
)

// dynamicMapNodes follow `crypto dynamic-map`.
var dynamicMapNodes = []*node{
	{Kind: Word, Text: "WORD", Arg: "map", Help: "Dynamic map tag", No: noDynamicMap, Next: []*node{
		{Kind: Number, Lo: 1, Hi: 65535, Arg: "seq", Help: "Sequence to insert into dynamic-map entry", Do: enterDynamicMap, No: noDynamicMapEntry},
	}},
}

// dynamicNodes follow `crypto map NAME SEQ ipsec-isakmp dynamic`.
var dynamicNodes = []*node{
	{Kind: Word, Text: "WORD", Arg: "dynamic", Help: "Name of dynamic-map template", Do: setDynamicEntry, Next: []*node{
		{Text: "discover", Help: "Enable tunnel endpoint discovery", Unsupported: "tunnel endpoint discovery", Scope: ScopeMap},
	}},
}

// reverseRouteNodes follow `reverse-route` below a crypto map entry.
var reverseRouteNodes = []*node{
	{Text: "remote-peer", Help: "Create route in route table for remote tunnel endpoint", Next: []*node{
		{Kind: Address, Text: "A.B.C.D", Arg: "hop", Help: "IP address of next hop", Do: setReverseRoute, Next: []*node{
			{Text: "gateway", Help: "Create a route to the gateway too", Unsupported: "the gateway of a reverse route", Scope: ScopeMap},
			{Text: "static", Arg: "static", Help: "Create routes based on static ACLs permanently", Do: setReverseRoute},
		}},
	}},
	{Text: "static", Arg: "static", Help: "Create routes based on static ACLs permanently", Do: setReverseRoute},
	// 12.3(14)T's form; later releases write `set reverse-route tag`.
	{Text: "tag", Help: "Create routes with this tag", Next: []*node{
		{Kind: Number, Lo: 1, Hi: 4294967295, Arg: "tag", Help: "Tag value", Do: setReverseRoute, Next: []*node{
			{Text: "static", Arg: "static", Help: "Create routes based on static ACLs permanently", Do: setReverseRoute},
		}},
	}},
}

// setReverseRouteNodes follow `set reverse-route`.
var setReverseRouteNodes = []*node{
	{Text: "distance", Help: "Distance metric for this route", No: noReverseRouteDistance, Next: []*node{
		{Kind: Number, Lo: 1, Hi: 255, Arg: "distance", Help: "Distance value", Do: setReverseRouteDistance},
	}},
	{Text: "gateway", Help: "Next hop of the route", Unsupported: "the gateway of a reverse route", Scope: ScopeMap},
	{Text: "tag", Help: "Tag value for this route", No: noReverseRouteTag, Next: []*node{
		{Kind: Number, Lo: 1, Hi: 4294967295, Arg: "tag", Help: "Tag value", Do: setReverseRouteTag},
	}},
}

// dynamicOwner names a dynamic crypto map among the crypto maps, whose names
// have no blanks.
func dynamicOwner(name string) string { return "dynamic " + name }

// enterDynamicMap reads `crypto dynamic-map NAME SEQ`.
func enterDynamicMap(e *Editor, a Args) *Problem {
	name := a.Text("map")
	d := e.cfg.DynamicMap(name)
	if d == nil {
		d = &DynamicMap{Name: name}
		e.cfg.DynamicMaps = append(e.cfg.DynamicMaps, d)
		e.remember(mapMark(dynamicOwner(name)), a, "map")
	}
	d.Entries = e.enterEntry(d.Entries, dynamicOwner(name), a)
	return nil
}

func noDynamicMap(e *Editor, a Args) *Problem {
	before := len(e.cfg.DynamicMaps)
	e.cfg.DynamicMaps = slices.DeleteFunc(e.cfg.DynamicMaps, func(d *DynamicMap) bool { return d.Name == a.Text("map") })
	if len(e.cfg.DynamicMaps) == before {
		return &Problem{Code: CodeReference, Arg: "map", Message: "there is no such dynamic crypto map"}
	}
	e.enter(nil)
	return nil
}

func noDynamicMapEntry(e *Editor, a Args) *Problem {
	d, seq := e.cfg.DynamicMap(a.Text("map")), int(a.Number("seq"))
	if d.Entry(seq) == nil {
		return &Problem{Code: CodeReference, Arg: "seq", Message: "there is no such dynamic crypto map entry"}
	}
	d.Entries = slices.DeleteFunc(d.Entries, func(x *CryptoMapEntry) bool { return x.Seq == seq })
	if len(d.Entries) == 0 {
		return noDynamicMap(e, a)
	}
	e.enter(nil)
	return nil
}

// setDynamicEntry reads `crypto map NAME SEQ ipsec-isakmp dynamic DYN`, which
// has no commands below it.
func setDynamicEntry(e *Editor, a Args) *Problem {
	name, seq, dynamic := a.Text("map"), int(a.Number("seq")), a.Text("dynamic")
	if old := e.cfg.CryptoMap(name).Entry(seq); old != nil && old.Dynamic != dynamic {
		// The words are recalled.
		return &Problem{Code: CodeValue, Arg: "dynamic", Message: "Attempt to change dynamic map tag for existing crypto map is not allowed.",
			Hint: "write `no crypto map " + name + " " + strconv.Itoa(seq) + "` first"}
	}
	m := e.makeCryptoMap(a)
	m.Entries = e.enterEntry(m.Entries, name, a)
	e.entry.Dynamic = dynamic
	e.rememberEntry("dynamic", a, "dynamic")
	e.enter(nil)
	return nil
}

// setReverseRoute reads `reverse-route`, which replaces what an earlier one
// said but for the tag.
func setReverseRoute(e *Editor, a Args) *Problem {
	r := &e.entry.ReverseRoute
	hop := a.Addr("hop")
	if hop.IsValid() && !unicast(hop) {
		return &Problem{Code: CodeValue, Arg: "hop", Message: "% Invalid IP address: a next hop has a unicast address"}
	}
	r.On, r.Static, r.NextHop = true, a.Has("static"), hop
	if a.Has("tag") {
		r.Tag = uint32(a.Number("tag"))
	}
	return nil
}

func noReverseRoute(e *Editor, _ Args) *Problem {
	r := &e.entry.ReverseRoute
	r.On, r.Static, r.NextHop = false, false, netip.Addr{}
	return nil
}

func setReverseRouteDistance(e *Editor, a Args) *Problem {
	e.entry.ReverseRoute.Distance = uint8(a.Number("distance"))
	return nil
}

func noReverseRouteDistance(e *Editor, _ Args) *Problem {
	e.entry.ReverseRoute.Distance = 0
	return nil
}

func setReverseRouteTag(e *Editor, a Args) *Problem {
	e.entry.ReverseRoute.Tag = uint32(a.Number("tag"))
	return nil
}

func noReverseRouteTag(e *Editor, _ Args) *Problem {
	e.entry.ReverseRoute.Tag = 0
	return nil
}
