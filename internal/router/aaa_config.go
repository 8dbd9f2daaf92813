package router

import (
	"net/netip"
	"slices"

	"qmidle/internal/aaa"
	"qmidle/internal/config"
	"qmidle/internal/ike"
)

// aaaConfig is a configuration in AAA's terms.
func aaaConfig(c *config.Config, o Options, events *Router) aaa.Config {
	x := aaa.Config{
		Enabled: c.AAA.NewModel, Login: methodLists(c.AAA.Login), Authorization: methodLists(c.AAA.Network), Accounting: methodLists(c.AAA.Accounting),
		Users: map[string]aaa.User{}, Groups: map[string]aaa.Group{}, DefaultPool: c.ISAKMP.AddressPool, Interim: c.AAA.Interim,
		RADIUS:   aaa.RADIUS{Groups: map[string]aaa.ServerGroup{}, Unsigned: c.AAA.RADIUS.Unsigned, CHAP: c.AAA.RADIUS.CHAP, Dead: aaa.DeadCriteria(c.AAA.RADIUS.Dead)},
		Hostname: c.Hostname, Rand: o.Rand, Events: events, Epoch: uint32(events.started.Unix()),
	}
	x.SplitList = func(name string) []ike.SplitNetwork {
		if l := c.AccessList(name); l != nil {
			return splitNetworks(l)
		}
		return nil
	}
	for _, u := range c.AAA.Users {
		x.Users[u.Name] = aaa.User{Password: u.Password}
	}
	for _, g := range c.ClientGroups {
		x.Groups[g.Name] = aaa.Group{Key: g.Key, Policy: clientPolicy(c, g), Lock: g.GroupLock, MaxUsers: g.MaxUsers, MaxLogins: g.MaxLogins}
	}
	for _, p := range c.Pools {
		pool := aaa.Pool{Name: p.Name, Recycle: p.Recycle}
		for _, r := range p.Ranges {
			pool.Ranges = append(pool.Ranges, aaa.Range(r))
		}
		x.Pools = append(x.Pools, pool)
	}
	x.RADIUS.Groups[config.GroupRADIUS] = serverGroup(c, config.GroupRADIUS)
	for _, g := range c.AAA.ServerGroups {
		x.RADIUS.Groups[g.Name] = serverGroup(c, g.Name)
	}
	return x
}

// UDPPorts are those of Cisco's encapsulation of ESP, each once.
func UDPPorts(c *config.Config) (ports []uint16) {
	for _, g := range c.ClientGroups {
		if g.UDPPort != 0 && !slices.Contains(ports, g.UDPPort) {
			ports = append(ports, g.UDPPort)
		}
	}
	return ports
}

// application is what clients are told of the gateway.
const application = "qmidle"

func methodLists(all []*config.MethodList) map[string]aaa.List {
	lists := make(map[string]aaa.List, len(all))
	for _, l := range all {
		list := aaa.List{StopOnly: l.StopOnly}
		for _, m := range l.Methods {
			list.Methods = append(list.Methods, method(m))
		}
		lists[l.Name] = list
	}
	return lists
}

func method(m config.Method) aaa.Method {
	x := aaa.Method{Kind: aaa.Other, Name: m.String()}
	switch m.Kind {
	case config.MethodLocal:
		x.Kind = aaa.Local
		if m.Name == "local-case" {
			x.Kind = aaa.LocalCase
		}
	case config.MethodGroup:
		x.Kind, x.Group = aaa.Servers, m.Name
	case config.MethodNone:
		x.Kind = aaa.None
	}
	return x
}

func serverGroup(c *config.Config, name string) aaa.ServerGroup {
	list, dead := c.AAA.ServersOf(name)
	return aaa.ServerGroup{Servers: servers(c, list), DeadTime: dead}
}

// servers leaves out those that cannot be asked: without address or key.
func servers(c *config.Config, list []*config.RADIUSServer) (all []aaa.Server) {
	r := &c.AAA.RADIUS
	for _, s := range list {
		if !s.Addr.IsValid() || r.KeyOf(s).IsZero() {
			continue
		}
		x := aaa.Server{Name: s.Name, Auth: netip.AddrPortFrom(s.Addr, s.AuthPort), Acct: netip.AddrPortFrom(s.Addr, s.AcctPort),
			Key: r.KeyOf(s), Timeout: r.Timeout, Retransmit: r.Retransmit}
		if s.Timeout > 0 {
			x.Timeout = s.Timeout
		}
		if s.Retransmit != nil {
			x.Retransmit = *s.Retransmit
		}
		all = append(all, x)
	}
	return all
}

// clientPolicy is what a group's clients get.
func clientPolicy(c *config.Config, g *config.ClientGroup) ike.ClientPolicy {
	p := ike.ClientPolicy{
		Pool: g.Pool, Netmask: g.Netmask, DNS: g.DNS, WINS: g.WINS, Domain: g.Domain, SplitDNS: g.SplitDNS, Banner: g.Banner,
		SavePassword: g.SavePassword, IncludeLocalLAN: g.IncludeLocalLAN, PFS: g.PFS, UDPPort: g.UDPPort,
	}
	for _, b := range g.Backup {
		if a, err := netip.ParseAddr(b); err == nil {
			p.BackupServers = append(p.BackupServers, a)
		}
	}
	if l := c.AccessList(g.ACL); l != nil {
		p.SplitName, p.Split = l.Name, splitNetworks(l)
	}
	return p
}

func splitNetworks(l *config.AccessList) (all []ike.SplitNetwork) {
	for _, e := range l.Entries {
		if n, ok := splitNetwork(e); ok {
			all = append(all, n)
		}
	}
	return all
}

// splitNetwork is what an entry of a split tunnel's list tells a client: the
// network that is behind the gateway is its source.
func splitNetwork(e *config.ACLEntry) (ike.SplitNetwork, bool) {
	network, ok := e.Src.Prefix()
	if !e.Permit || !ok {
		return ike.SplitNetwork{}, false
	}
	n := ike.SplitNetwork{Network: network, Protocol: e.Protocol}
	if e.SrcPort.Op == config.PortEq {
		n.SourcePort = e.SrcPort.Lo
	}
	if e.DstPort.Op == config.PortEq {
		n.DstPort = e.DstPort.Lo
	}
	return n, true
}

// clients is how a crypto map or a profile treats clients; nil is that there are
// none.
func clients(c *config.Config, x config.Client) *ike.Clients {
	if x == (config.Client{}) {
		return nil
	}
	return &ike.Clients{Authentication: x.Login, Authorization: x.Network, AskGroups: c.AAA.NetworkList(x.Network).AsksServers(),
		Accounting: x.Accounting, Respond: x.Respond, Initiate: x.Initiate}
}
