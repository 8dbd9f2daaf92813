package trace

import "net/netip"

// DynamicEntryCreated is a crypto map entry that was made of a dynamic crypto
// map's, for the context's peer and the proxies that it has asked for.
type DynamicEntryCreated struct {
	Map                     string
	Number                  uint32 // the entry's, from 65536 on
	DynamicMap              string
	DynamicNumber           uint32
	LocalProxy, RemoteProxy Proxy
}

// DynamicEntryDeleted is the end of one, with its last SA.
type DynamicEntryDeleted struct {
	Map           string
	Number        uint32
	DynamicMap    string
	DynamicNumber uint32
}

// DynamicEntryRefused says that the peer, or all peers, have too many already.
type DynamicEntryRefused struct {
	Map, DynamicMap string
	Count           uint32 // of the context's peer
}

// ReverseRouteChanged is a route to a remote proxy that was added or removed.
type ReverseRouteChanged struct {
	Added    bool
	Lo, Hi   netip.Addr // of the network
	NextHop  netip.Addr
	Distance uint8
	Tag      uint32
}

func (*DynamicEntryCreated) Code() Code { return CodeDynamicEntryCreated }
func (*DynamicEntryDeleted) Code() Code { return CodeDynamicEntryDeleted }
func (*DynamicEntryRefused) Code() Code { return CodeDynamicEntryRefused }
func (*ReverseRouteChanged) Code() Code { return CodeReverseRouteChanged }

func (e *DynamicEntryCreated) Fields(f *Fields) {
	f.Str("crypto_map", &e.Map)
	f.U32("number", &e.Number)
	f.Str("dynamic_map", &e.DynamicMap)
	f.U32("dynamic_number", &e.DynamicNumber)
	e.LocalProxy.fields(f, &localProxyNames)
	e.RemoteProxy.fields(f, &remoteProxyNames)
}
func (e *DynamicEntryDeleted) Fields(f *Fields) {
	f.Str("crypto_map", &e.Map)
	f.U32("number", &e.Number)
	f.Str("dynamic_map", &e.DynamicMap)
	f.U32("dynamic_number", &e.DynamicNumber)
}
func (e *DynamicEntryRefused) Fields(f *Fields) {
	f.Str("crypto_map", &e.Map)
	f.Str("dynamic_map", &e.DynamicMap)
	f.U32("count", &e.Count)
}
func (e *ReverseRouteChanged) Fields(f *Fields) {
	f.Bool("added", &e.Added)
	f.Addr("first", &e.Lo)
	f.Addr("last", &e.Hi)
	f.Addr("next_hop", &e.NextHop)
	f.U8("distance", &e.Distance)
	f.U32("tag", &e.Tag)
}

// reverseRoute prints the line of later releases, which is recalled.
func (w *iosWriter) reverseRoute(e *ReverseRouteChanged) {
	verb, in := "Removed", "from"
	if e.Added {
		verb, in = "Added", "in"
	}
	w.module("IPSEC(rte_mgr): VPN Route %s %s %s via %s %s IP DEFAULT TABLE with tag %d distance %d",
		verb, e.Lo, maskBetween(e.Lo, e.Hi), e.NextHop, in, e.Tag, e.Distance)
}
