package config

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

const (
	maxHostAddresses = 8 // of one `ip host`
	maxNameServers   = 6
)

// hostNodes follow `ip host`.
var hostNodes = []*node{
	{Text: "vrf", Help: "Specify VRF", Unsupported: "a host in a VRF"},
	{Kind: Host, Text: "WORD", Arg: "name", Help: "Name of host", No: noHost, Next: []*node{
		{Kind: Number, Lo: 1, Hi: 65535, Arg: "port", Help: "Default telnet port number", Next: []*node{hostAddress}},
		hostAddress,
	}},
}

var hostAddress = &node{Kind: Address, Text: "A.B.C.D", Arg: "address", Help: "Host IP address", Do: setHost, No: noHost}

func init() { loop([]*node{hostAddress}) }

// nameServerNodes follow `ip name-server`.
var nameServerNodes = append([]*node{
	{Text: "vrf", Help: "Specify VRF", Unsupported: "a name server in a VRF"},
}, loop([]*node{
	{Kind: Address, Text: "A.B.C.D", Arg: "address", Help: "Domain server IP address (maximum of 6)", Do: addNameServers, No: noNameServers},
})...)

// domainLookup is `ip domain lookup`, which older releases write as one word.
func domainLookup(word string) *node {
	return &node{Text: word, Help: "Enable IP Domain Name System hostname translation", Do: setLookup(true), No: setLookup(false), Reset: setLookup(true), Next: []*node{
		{Text: "source-interface", Help: "Specify source interface for DNS resolver", Unsupported: "a source interface of the resolver"},
	}}
}

func setLookup(on bool) Action[*Editor] {
	return func(e *Editor, a Args) *Problem {
		e.cfg.NoLookup = !on
		return nil
	}
}

// addrs returns every value of a repeated address.
func (as Args) addrs(name string) []netip.Addr {
	var all []netip.Addr
	for _, a := range as {
		if a.Name == name && !slices.Contains(all, a.Addr) {
			all = append(all, a.Addr)
		}
	}
	return all
}

// setHost reads `ip host`, which replaces what the name had.
func setHost(e *Editor, a Args) *Problem {
	h := HostEntry{Name: a.Text("name"), Port: uint16(a.Number("port")), Addrs: a.addrs("address")}
	for _, addr := range h.Addrs {
		if !unicast(addr) {
			return &Problem{Code: CodeValue, Arg: "address", Message: "% Invalid IP address: a host has a unicast address"}
		}
	}
	if len(h.Addrs) > maxHostAddresses {
		return &Problem{Code: CodeValue, Message: "a host takes 8 addresses at most"}
	}
	e.remember(hostMark(h.Name), a, "name")
	if old := e.cfg.Host(h.Name); old != nil {
		*old = h
		return nil
	}
	e.cfg.Hosts = append(e.cfg.Hosts, h)
	return nil
}

func hostMark(name string) string { return "host " + strings.ToLower(name) }

// noHost takes away a name, or those of its addresses that the line has.
func noHost(e *Editor, a Args) *Problem {
	h := e.cfg.Host(a.Text("name"))
	if h == nil {
		return &Problem{Code: CodeReference, Arg: "name", Message: "there is no such host"}
	}
	gone := a.addrs("address")
	h.Addrs = slices.DeleteFunc(h.Addrs, func(x netip.Addr) bool { return len(gone) == 0 || slices.Contains(gone, x) })
	e.cfg.Hosts = slices.DeleteFunc(e.cfg.Hosts, func(x HostEntry) bool { return len(x.Addrs) == 0 })
	return nil
}

// addNameServers reads `ip name-server`, which adds to the list.
func addNameServers(e *Editor, a Args) *Problem {
	servers := slices.Clone(e.cfg.NameServers)
	for _, s := range a.addrs("address") {
		if !unicast(s) {
			return &Problem{Code: CodeValue, Arg: "address", Message: "% Invalid IP address: a name server has a unicast address"}
		}
		if !slices.Contains(servers, s) {
			servers = append(servers, s)
		}
	}
	if len(servers) > maxNameServers {
		return &Problem{Code: CodeValue, Message: "there are 6 name servers at most"}
	}
	e.cfg.NameServers = servers
	return nil
}

// noNameServers takes away those that the line has, or all.
func noNameServers(e *Editor, a Args) *Problem {
	gone := a.addrs("address")
	e.cfg.NameServers = slices.DeleteFunc(slices.Clone(e.cfg.NameServers), func(s netip.Addr) bool { return len(gone) == 0 || slices.Contains(gone, s) })
	if len(e.cfg.NameServers) == 0 {
		e.cfg.NameServers = nil
	}
	return nil
}

// QualifiedName is a name as DNS is asked for it: a name without a dot is in the
// configured domain.
func (c *Config) QualifiedName(name string) string {
	if c.DomainName != "" && !strings.Contains(name, ".") {
		return name + "." + c.DomainName
	}
	return name
}

func (c *Config) writeNames(w *writer) {
	if c.NoLookup {
		w.line("no ip domain lookup")
	}
	if c.DomainName != "" {
		w.line("ip domain name %s", c.DomainName)
	}
	for _, h := range c.Hosts {
		w.line("ip host %s%s", h.Name, h.words())
	}
	for _, s := range c.NameServers {
		w.line("ip name-server %s", s)
	}
	if c.NoLookup || c.DomainName != "" || len(c.Hosts)+len(c.NameServers) > 0 {
		w.line("!")
	}
}

func (h HostEntry) words() string {
	var s strings.Builder
	if h.Port != 0 {
		s.WriteString(" " + strconv.Itoa(int(h.Port)))
	}
	for _, a := range h.Addrs {
		s.WriteString(" " + a.String())
	}
	return s.String()
}
