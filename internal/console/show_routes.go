package console

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Routes is show ip route: the networks of the interfaces that are up, the
// static routes and the reverse ones. What else the host has is not listed.
type Routes struct {
	Routes []Route `json:"routes"` // sorted by address, longer prefixes last
}

// Route is one route. NextHop and Interface may be absent, not both.
type Route struct {
	Source    string       `json:"source"` // connected or static
	Prefix    netip.Prefix `json:"prefix"`
	Distance  uint8        `json:"distance"`
	NextHop   netip.Addr   `json:"next_hop,omitzero"`
	Interface string       `json:"interface,omitempty"`
}

func routes(r Router) Routes {
	cfg := r.Config()
	view := Routes{Routes: []Route{}}
	for _, i := range cfg.Interfaces {
		if i.Shutdown {
			continue
		}
		for _, a := range i.Addresses {
			view.Routes = append(view.Routes, Route{Source: "connected", Prefix: a.Masked(), Interface: i.Name})
		}
	}
	for _, s := range cfg.Routes {
		if i := cfg.Interface(s.Interface); i == nil || !i.Shutdown {
			view.Routes = append(view.Routes, Route{"static", s.Prefix, s.Distance, s.NextHop, s.Interface})
		}
	}
	for _, s := range r.ReverseRoutes() {
		view.Routes = append(view.Routes, Route{"static", s.Prefix, s.Distance, s.NextHop, ""})
	}
	view.Routes = best(view.Routes)
	return view
}

// best keeps, of the routes to one prefix, those of the least distance.
func best(all []Route) []Route {
	slices.SortStableFunc(all, func(a, b Route) int {
		return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()),
			cmp.Compare(a.Distance, b.Distance))
	})
	kept := []Route{}
	for _, r := range all {
		if n := len(kept); n > 0 && kept[n-1].Prefix == r.Prefix && kept[n-1].Distance < r.Distance {
			continue
		}
		kept = append(kept, r)
	}
	return kept
}

const routeCodes = `Codes: C - connected, S - static, R - RIP, M - mobile, B - BGP
       D - EIGRP, EX - EIGRP external, O - OSPF, IA - OSPF inter area 
       N1 - OSPF NSSA external type 1, N2 - OSPF NSSA external type 2
       E1 - OSPF external type 1, E2 - OSPF external type 2
       i - IS-IS, su - IS-IS summary, L1 - IS-IS level-1, L2 - IS-IS level-2
       ia - IS-IS inter area, * - candidate default, U - per-user static route
       o - ODR, P - periodic downloaded static route

`

// Text is IOS's table, which is recalled: subnets stand below the network of
// their class, and the default route comes last.
func (v Routes) Text() string {
	var b strings.Builder
	b.WriteString(routeCodes)
	b.WriteString(v.lastResort() + "\n\n")
	var defaults []Route
	for from := 0; from < len(v.Routes); {
		class := classful(v.Routes[from].Prefix)
		to := from
		for to < len(v.Routes) && classful(v.Routes[to].Prefix) == class {
			to++
		}
		if class.Bits() == 0 {
			defaults = v.Routes[from:to]
		} else {
			writeNetwork(&b, class, v.Routes[from:to])
		}
		from = to
	}
	writeRoutes(&b, defaults, "", true)
	return b.String()
}

// lastResort is the line about the default route.
func (v Routes) lastResort() string {
	for _, r := range v.Routes {
		if r.Prefix.Bits() != 0 {
			continue
		}
		if r.NextHop.IsValid() {
			return fmt.Sprintf("Gateway of last resort is %s to network 0.0.0.0", r.NextHop)
		}
		return "Gateway of last resort is 0.0.0.0 to network 0.0.0.0"
	}
	return "Gateway of last resort is not set"
}

// classful is the class A, B or C network that a prefix is a part of; the
// prefix itself where it is larger.
func classful(p netip.Prefix) netip.Prefix {
	bits := 24
	switch first := p.Addr().As4()[0]; {
	case first < 128:
		bits = 8
	case first < 192:
		bits = 16
	}
	return netip.PrefixFrom(p.Addr(), min(bits, p.Bits())).Masked()
}

// writeNetwork writes the routes to a network and to its subnets.
func writeNetwork(b *strings.Builder, class netip.Prefix, all []Route) {
	subnets, masks := 0, map[int]bool{}
	for i, r := range all {
		masks[r.Prefix.Bits()] = true
		if i == 0 || all[i-1].Prefix != r.Prefix {
			subnets++
		}
	}
	switch {
	case subnets == 1 && all[0].Prefix == class:
		writeRoutes(b, all, "", true)
	case len(masks) == 1:
		fmt.Fprintf(b, "     %s/%d is subnetted, %d subnets\n", class.Addr(), all[0].Prefix.Bits(), subnets)
		writeRoutes(b, all, "   ", false)
	default:
		fmt.Fprintf(b, "     %s is variably subnetted, %d subnets, %d masks\n", class, subnets, len(masks))
		writeRoutes(b, all, "   ", true)
	}
}

// writeRoutes writes a line for each route; the further ones to one prefix have
// its way only.
func writeRoutes(b *strings.Builder, all []Route, indent string, withMask bool) {
	for i, r := range all {
		head := fmt.Sprintf("%-5s%s%s", r.code(), indent, r.Prefix.Addr())
		if withMask {
			head += fmt.Sprintf("/%d", r.Prefix.Bits())
		}
		if i > 0 && all[i-1].Prefix == r.Prefix {
			head = strings.Repeat(" ", len(head))
		}
		fmt.Fprintf(b, "%s %s\n", head, r.way())
	}
}

func (r Route) code() string {
	switch {
	case r.Source == "connected":
		return "C"
	case r.Prefix.Bits() == 0:
		return "S*"
	}
	return "S"
}

// way is how the route leads on.
func (r Route) way() string {
	if !r.NextHop.IsValid() {
		return "is directly connected, " + r.Interface
	}
	text := fmt.Sprintf("[%d/0] via %s", r.Distance, r.NextHop)
	if r.Interface != "" {
		text += ", " + r.Interface
	}
	return text
}
