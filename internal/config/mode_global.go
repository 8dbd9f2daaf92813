package config

import (
	"math"
	"net/netip"
	"slices"
	"strings"
)

// node is a row of the configuration grammar.
type node = Node[*Editor]

var globalMode = mode{name: "Global configuration", prompt: "config", nodes: slices.Concat(
	[]*node{
		{Text: "aaa", Help: "Authentication, Authorization and Accounting.", Open: true, Next: aaaNodes},
		{Text: "access-list", Help: "Add an access list entry", Next: numberedACL},
		{Text: "crypto", Help: "Encryption module", Next: []*node{
			{Text: "isakmp", Help: "Configure ISAKMP policy", Next: isakmpNodes},
			{Text: "ipsec", Help: "Configure IPSEC policy", Next: ipsecNodes},
			{Text: "map", Help: "Enter a crypto map", Next: cryptoMapNodes},
			{Text: "dynamic-map", Help: "Specify a dynamic crypto map template", Next: dynamicMapNodes},
			{Text: "keyring", Help: "Key ring commands", Next: keyringNodes},
			{Text: "pki", Help: "Public Key components", Next: pkiNodes},
			{Text: "ca", Help: "Certification authority", Next: pkiNodes},
			{Text: "key", Help: "Long term key operations", Next: cryptoKeyNodes},
			{Text: "identity", Help: "Enter a crypto identity list", Unsupported: "a crypto identity list", Block: true},
			{Text: "engine", Help: "Crypto engine", Unsupported: "choosing a crypto engine"},
			{Text: "logging", Help: "Logging messages", Next: []*node{
				{Text: "session", Help: "Log the tunnels that come up and go down", Do: setSessionLog(true), No: setSessionLog(false)},
				{Text: "ezvpn", Help: "Log Easy VPN connections", Unsupported: "Easy VPN"},
			}},
			{Text: "call", Help: "Configure Crypto Call Admission Control", Next: admissionNodes},
			{Text: "gdoi", Help: "Configure GDOI policy", Unsupported: "GDOI", Block: true},
			{Text: "ikev2", Help: "Configure IKEv2 options", Unsupported: "IKEv2", Block: true},
			{Text: "xauth", Help: "X-Auth parameters", Unsupported: "XAUTH"},
		}},
		{Text: "hostname", Help: "Set system's network name", No: noHostname, Next: []*node{
			{Kind: Host, Text: "WORD", Arg: "name", Help: "This system's network name", Do: setHostname},
		}},
		{Text: "interface", Help: "Select an interface to configure", Next: []*node{
			{Kind: Word, Text: "WORD", Arg: "name", Help: "IOS or Linux interface name", Do: enterInterface, No: noInterface, Next: []*node{
				{Text: "multipoint", Help: "Treat as a multipoint link", Do: enterInterface},
				{Text: "point-to-point", Help: "Treat as a point-to-point link", Do: enterInterface},
				{Kind: Word, Text: "N/N", Arg: "number", Help: "Interface number", Do: enterInterface, No: noInterface},
			}},
		}},
		{Text: "ip", Help: "Global IP configuration subcommands", Open: true, Next: []*node{
			{Text: "access-list", Help: "Named access-list", Next: namedACL},
			{Text: "address"}, // stands below an interface: wrong here, not foreign
			{Text: "domain", Help: "IP DNS Resolver", Open: true, Next: append(domainName("name"), domainLookup("lookup"))},
			domainLookup("domain-lookup"),
			{Text: "domain-name", Help: "Define the default domain name", No: noDomainName, Next: domainWord},
			{Text: "host", Help: "Add an entry to the ip hostname table", Next: hostNodes},
			{Text: "local", Help: "Specify local options", Open: true, Next: []*node{
				{Text: "pool", Help: "IP Local address pool lists", Next: poolNodes},
			}},
			{Text: "name-server", Help: "Specify address of name server to use", No: noNameServers, Next: nameServerNodes},
			{Text: "route", Help: "Establish static routes", Next: routeNodes},
			{Text: "vrf", Help: "Configure an IP VPN Routing/Forwarding instance", Unsupported: "a VRF", Block: true},
			// Words that only resemble the ones above.
			{Text: "domain-list", Foreign: true},
			{Text: "host-routing", Foreign: true},
			{Text: "mroute", Foreign: true},
			{Text: "routing", Foreign: true},
			{Text: "router", Foreign: true},
			{Text: "nat", Foreign: true},
		}},
		{Text: "qmidle", Help: "What IOS has no command for", Next: []*node{
			{Text: "data-plane", Help: "Who encrypts and decrypts packets", No: noDataPlane, Next: []*node{
				{Text: "kernel", Help: "The Linux kernel", Do: setDataPlane(DataPlaneKernel), Next: []*node{
					{Text: "if-id", Help: "By an xfrm interface", Next: []*node{
						{Kind: Number, Lo: 1, Hi: math.MaxUint32, Arg: "if-id", Help: "The ID of the interface", Do: setDataPlane(DataPlaneKernel)},
					}},
				}},
				{Text: "user-space", Help: "This program", Do: setDataPlane(DataPlaneUserSpace)},
			}},
			{Text: "radius", Help: "RADIUS", Next: []*node{
				{Text: "chap", Help: "Send CHAP-Password in the place of User-Password", Do: setCHAP(true), No: setCHAP(false)},
				{Text: "message-authenticator", Help: "The Message-Authenticator of answers (RFC 3579)", No: setMessageAuthenticator(true), Next: []*node{
					{Text: "optional", Help: "Take answers without it, which others can forge", Do: setMessageAuthenticator(false)},
					{Text: "required", Help: "Drop answers without it, the default", Do: setMessageAuthenticator(true), No: setMessageAuthenticator(true)},
				}},
			}},
			{Text: "retransmission", Help: "Retransmission of IKE messages", No: noRetransmission, Next: []*node{
				{Text: "interval", Help: "Time between two sendings", Next: []*node{
					{Kind: Number, Lo: 1, Hi: 60, Arg: "interval", Help: "Seconds", Next: []*node{
						{Text: "tries", Help: "Number of retransmissions", Next: []*node{
							{Kind: Number, Lo: 1, Hi: 20, Arg: "tries", Help: "Retransmissions before giving up", Do: setRetransmission},
						}},
					}},
				}},
			}},
		}},
		{Text: "radius", Help: "RADIUS server configuration command", Open: true, Next: radiusNodes},
		{Text: "radius-server", Help: "Modify RADIUS query parameters", Open: true, Next: radiusServerNodes},
		{Text: "service", Help: "Modify use of network based services", Open: true, Next: []*node{
			{Text: "timestamps", Help: "Timestamp debug/log messages", Do: setTimestamps, No: noTimestamps, Next: []*node{
				{Text: "debug", Help: "Timestamp debug messages", Do: setTimestamps, Next: []*node{
					{Text: "datetime", Arg: "form", Lo: uint64(TimestampsDatetime), Help: "Timestamp with date and time", Do: setTimestamps, Next: timestampOptions},
					{Text: "uptime", Arg: "form", Lo: uint64(TimestampsUptime), Help: "Timestamp with system uptime", Do: setTimestamps},
				}},
				{Text: "log", Foreign: true},
			}},
		}},
		{Text: "username", Help: "Establish User Name Authentication", Next: userNodes},
		{Text: "version", Help: "Version of IOS that wrote the file", No: noVersion, Next: []*node{
			{Kind: Rest, Text: "LINE", Arg: "version", Help: "Version", Do: setVersion},
		}},
		{Text: "vrf", Help: "VRF commands", Next: []*node{
			{Text: "definition", Help: "VRF definition", Unsupported: "a VRF", Block: true},
		}},
	},
	foreignNodes(foreignLines, false),
	foreignNodes(foreignBlocks, true),
)}

// foreignNodes are the commands outside VPN.
func foreignNodes(words string, block bool) []*node {
	var nodes []*node
	for _, word := range strings.Fields(words) {
		nodes = append(nodes, &node{Text: word, Foreign: true, Block: block})
	}
	return nodes
}

var timestampOptions = loop([]*node{
	{Text: "msec", Arg: "msec", Help: "Include milliseconds in timestamp", Do: setTimestamps},
	{Text: "localtime", Arg: "localtime", Help: "Use local time zone for timestamps", Do: setTimestamps},
	{Text: "show-timezone", Arg: "show-timezone", Help: "Add time zone information to timestamp", Do: setTimestamps},
	{Text: "year", Arg: "year", Help: "Include year in timestamp", Do: setTimestamps},
})

// loop lets the nodes follow each other in any order.
func loop(nodes []*node) []*node {
	for _, n := range nodes {
		if n.Unsupported == "" {
			n.Next = nodes
		}
	}
	return nodes
}

var domainWord = []*node{{Kind: Host, Text: "WORD", Arg: "domain", Help: "Default domain name", Do: setDomainName}}

func domainName(keyword string) []*node {
	return []*node{{Text: keyword, Help: "Define the default domain name", No: noDomainName, Next: domainWord}}
}

var routeNodes = []*node{
	{Text: "vrf", Help: "Configure static route for a VRF", Unsupported: "a route in a VRF"},
	{Kind: Address, Text: "A.B.C.D", Arg: "prefix", Help: "Destination prefix", Next: []*node{
		{Kind: Netmask, Text: "A.B.C.D", Arg: "mask", Help: "Destination prefix mask", No: noRoute, Next: []*node{
			{Text: "dhcp", Help: "Default gateway obtained from DHCP", Unsupported: "a route whose gateway comes from DHCP", Scope: ScopeAlways},
			{Kind: Address, Text: "A.B.C.D", Arg: "nexthop", Help: "Forwarding router's address", Do: addRoute, Next: routeOptions},
			{Kind: Word, Text: "WORD", Arg: "interface", Help: "Interface name", Do: addRoute, Next: slices.Concat(routeNextHop, routeOptions)},
		}},
	}},
}

var routeNextHop = []*node{
	{Kind: Address, Text: "A.B.C.D", Arg: "nexthop", Help: "Forwarding router's address", Do: addRoute, Next: routeOptions},
}

var routeOptions = loop([]*node{
	{Kind: Number, Lo: 1, Hi: 255, Arg: "distance", Help: "Distance metric for this route", Do: addRoute},
	{Text: "name", Help: "Specify name of the next hop"},
	{Text: "tag", Help: "Set tag for this route"},
	{Text: "permanent", Help: "Permanent route", Unsupported: "a permanent route", Scope: ScopeAlways},
	{Text: "track", Help: "Install route depending on tracked item", Unsupported: "a tracked route", Scope: ScopeAlways},
})

func init() {
	for _, n := range routeOptions {
		switch n.Text {
		case "name":
			n.Next = []*node{{Kind: Word, Text: "WORD", Arg: "name", Help: "Name of the next hop", Do: addRoute, Next: routeOptions}}
		case "tag":
			n.Next = []*node{{Kind: Number, Lo: 1, Hi: 4294967295, Arg: "tag", Help: "Tag value", Do: addRoute, Next: routeOptions}}
		}
	}
}

func setHostname(e *Editor, a Args) *Problem {
	e.cfg.Hostname = a.Text("name")
	e.remember("hostname", a, "name")
	return nil
}

func noHostname(e *Editor, _ Args) *Problem {
	e.cfg.Hostname = New().Hostname
	return nil
}

func setVersion(e *Editor, a Args) *Problem {
	e.cfg.Version = a.Text("version")
	return nil
}

func noVersion(e *Editor, _ Args) *Problem {
	e.cfg.Version = ""
	return nil
}

func setDomainName(e *Editor, a Args) *Problem {
	e.cfg.DomainName = a.Text("domain")
	e.remember("domain", a, "domain")
	return nil
}

func noDomainName(e *Editor, _ Args) *Problem {
	e.cfg.DomainName = ""
	return nil
}

func setTimestamps(e *Editor, a Args) *Problem {
	e.cfg.TimestampsDebug = Timestamps{
		Form:         TimestampForm(a.Number("form")),
		Msec:         a.Has("msec"),
		Localtime:    a.Has("localtime"),
		ShowTimezone: a.Has("show-timezone"),
		Year:         a.Has("year"),
	}
	if !a.Has("form") {
		e.cfg.TimestampsDebug.Form = TimestampsUptime
	}
	return nil
}

func noTimestamps(e *Editor, _ Args) *Problem {
	e.cfg.TimestampsDebug = Timestamps{}
	return nil
}

func setDataPlane(kind DataPlaneKind) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		e.cfg.DataPlane = DataPlane{kind, uint32(a.Number("if-id"))}
		return nil
	}
}

func noDataPlane(e *Editor, _ Args) *Problem {
	e.cfg.DataPlane = DataPlane{}
	return nil
}

func setRetransmission(e *Editor, a Args) *Problem {
	e.cfg.ISAKMP.Retransmission = Retransmission{Interval: seconds(a, "interval"), Tries: int(a.Number("tries"))}
	return nil
}

func noRetransmission(e *Editor, _ Args) *Problem {
	e.cfg.ISAKMP.Retransmission = defaultRetransmission
	return nil
}

// addRoute reads `ip route`. A route to the same prefix through the same hop is
// replaced, as in IOS.
func addRoute(e *Editor, a Args) *Problem {
	r, p := route(a)
	if p != nil {
		return p
	}
	e.remember(routeMark(r), a, "prefix")
	same := func(o Route) bool {
		return o.Prefix == r.Prefix && o.NextHop == r.NextHop && o.Interface == r.Interface
	}
	if i := slices.IndexFunc(e.cfg.Routes, same); i >= 0 {
		e.cfg.Routes[i] = r
		return nil
	}
	e.cfg.Routes = append(e.cfg.Routes, r)
	return nil
}

func routeMark(r Route) string {
	return "route " + r.Prefix.String() + " " + r.NextHop.String() + " " + r.Interface
}

func route(a Args) (Route, *Problem) {
	prefix, p := prefixOf(a, "prefix", "mask")
	if p != nil {
		return Route{}, p
	}
	r := Route{Prefix: prefix, NextHop: a.Addr("nexthop"), Distance: 1, Name: a.Text("name"), Tag: uint32(a.Number("tag"))}
	if a.Has("distance") {
		r.Distance = uint8(a.Number("distance"))
	}
	if a.Has("interface") {
		long, _, ok := InterfaceName(a.Text("interface"))
		if !ok {
			return Route{}, &Problem{Code: CodeInvalid, Arg: "interface", Message: "neither a next hop nor an interface"}
		}
		r.Interface = long
	}
	return r, nil
}

// prefixOf reads a network that has no host bits, as IOS's routes want it.
func prefixOf(a Args, addr, netmask string) (netip.Prefix, *Problem) {
	bits, _ := maskBits(a.Addr(netmask))
	prefix := netip.PrefixFrom(a.Addr(addr), bits)
	if prefix != prefix.Masked() {
		return prefix, &Problem{Code: CodeValue, Arg: netmask, Message: "%Inconsistent address and mask",
			Hint: "the network is " + prefix.Masked().Addr().String() + " " + mask(bits).String()}
	}
	return prefix, nil
}

func noRoute(e *Editor, a Args) *Problem {
	prefix, p := prefixOf(a, "prefix", "mask")
	if p != nil {
		return p
	}
	long, _, _ := InterfaceName(a.Text("interface"))
	before := len(e.cfg.Routes)
	e.cfg.Routes = slices.DeleteFunc(e.cfg.Routes, func(r Route) bool {
		return r.Prefix == prefix &&
			(!a.Has("nexthop") || r.NextHop == a.Addr("nexthop")) &&
			(!a.Has("interface") || r.Interface == long)
	})
	if len(e.cfg.Routes) == before {
		return &Problem{Code: CodeReference, Arg: "prefix", Message: "%No matching route to delete"}
	}
	return nil
}

func setSessionLog(on bool) Action[*Editor] {
	return func(e *Editor, _ Args) *Problem {
		e.cfg.LogSessions = on
		return nil
	}
}
