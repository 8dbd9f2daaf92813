package dataplane

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"

	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
)

// planRules turns policy entries into policy routing rules with priorities
// from base on. In the order in which the kernel tries them:
//
//  1. The gateway's own ESP and IKE packets, which bear Mark, leave the plan. So
//     do those without it, by protocol and source port: a reverse path filter
//     asks about a peer's packets as if the gateway sent the answer, unmarked.
//  2. Each line, from its local to its remote network: permit looks up
//     RouteTable, deny goes to the lines of the next crypto map entry. Behind a
//     permit line with an address of this host in its local network stands one
//     for packets that have no source address yet; SourceTable gives them one.
//     Behind all lines, what the networks inside of a client send to its server's:
//     it looks up RouteTable, and its source is translated on the way into the device.
//  3. What was decrypted (it comes in from the TUN device) leaves the plan, and
//     so does what the gateway itself sends. The kernel's reverse path filter
//     asks as if from the gateway itself, and is content too.
//  4. Each line in reverse, from remote to local: this is clear text of what
//     the policy protects. It goes into the TUN device to be counted and dropped.
//  5. A rule that does nothing, the end of the plan.
//
// sources has the source address of entries by their index.
//
// An open line has no rule of its own but one that does nothing. It keeps the
// place for the rules of its instances, which may share a priority: places has it
// by the line's Tag.
func planRules(base int, tun string, entries []ipsec.PolicyEntry, sources map[int]sourceRoute, clients []ClientNetwork) (rules []netlink.Rule, places map[uint32]int, err error) {
	p := rulePlan{base: base, labels: map[label]int{}, jumps: map[int]label{}}
	places = make(map[uint32]int)
	own := *netlink.NewRule()
	own.Mark = Mark
	p.jump(own, planEnd)
	p.exempt(protoESP, 0)
	p.exempt(protoUDP, isakmp.PortIKE)
	p.exempt(protoUDP, isakmp.PortNATT)
	for i, e := range entries {
		if !e.Selector.Valid() || !e.Selector.LocalNet.Lo.Is4() {
			return nil, nil, fmt.Errorf("policy entry %d line %d: %v is not IPv4", e.Tag, e.Line, e.Selector)
		}
		p.mark(label{outbound, i})
		if e.Open {
			places[e.Tag] = p.nop()
			continue
		}
		p.line(e, outbound, i, nextEntry(entries, i))
		if s, ok := sources[i]; ok && e.Permit {
			p.sourceLine(e, i, s)
		}
	}
	p.mark(label{outbound, len(entries)})
	for _, c := range clients {
		p.client(c)
	}
	for _, from := range []string{tun, "lo"} {
		r := *netlink.NewRule()
		r.IifName = from
		p.jump(r, planEnd)
	}
	for i, e := range entries {
		p.mark(label{inbound, i})
		if !e.Open { // what comes in clear is the guard's alone
			p.line(e, inbound, i, nextEntry(entries, i))
		}
	}
	p.mark(label{inbound, len(entries)})
	p.mark(planEnd)
	p.nop()
	rules, err = p.finish()
	return rules, places, err
}

// nop adds a rule that does nothing and returns its priority.
func (p *rulePlan) nop() int {
	r := *netlink.NewRule()
	r.Type = nl.FR_ACT_NOP
	p.add(r)
	return p.base + len(p.rules) - 1
}

// exempt lets what the gateway itself sends leave the plan. Port 0 is any.
func (p *rulePlan) exempt(protocol int, sport uint16) {
	r := *netlink.NewRule()
	r.IifName, r.IPProto = "lo", protocol
	if sport != 0 {
		r.Sport = netlink.NewRulePortRange(sport, sport)
	}
	p.jump(r, planEnd)
}

// nextEntry returns the index of the first line behind those of line i's
// crypto map entry.
func nextEntry(entries []ipsec.PolicyEntry, i int) int {
	tag := entries[i].Tag
	for i < len(entries) && entries[i].Tag == tag {
		i++
	}
	return i
}

// label is a place in the plan: a line in one of the two passes.
type label struct {
	pass section
	line int
}

type section uint8

const (
	outbound section = iota
	inbound
	after
)

var planEnd = label{after, 0}

const protoUDP = 17

// rulePlan is rules in the making, with jumps to places not yet reached.
type rulePlan struct {
	base   int
	rules  []netlink.Rule
	labels map[label]int
	jumps  map[int]label
}

func (p *rulePlan) mark(l label) { p.labels[l] = len(p.rules) }

func (p *rulePlan) add(r netlink.Rule) {
	r.Family, r.Protocol, r.Priority = netlink.FAMILY_V4, RouteProtocol, p.base+len(p.rules)
	p.rules = append(p.rules, r)
}

func (p *rulePlan) jump(r netlink.Rule, to label) {
	p.jumps[len(p.rules)] = to
	p.add(r)
}

func (p *rulePlan) finish() ([]netlink.Rule, error) {
	if len(p.rules) > rulesPerBank {
		return nil, fmt.Errorf("the policy needs %d routing rules, more than %d", len(p.rules), rulesPerBank)
	}
	for at, to := range p.jumps {
		p.rules[at].Goto = p.base + p.labels[to]
	}
	return p.rules, nil
}

// line adds the rules of an ACL line in one direction.
func (p *rulePlan) line(e ipsec.PolicyEntry, pass section, i, next int) {
	s := e.Selector
	src, dst, sport, dport := s.LocalNet, s.RemoteNet, s.LocalPort, s.RemotePort
	if pass == inbound {
		src, dst, sport, dport = dst, src, dport, sport
	}
	for _, from := range src.Prefixes() {
		for _, to := range dst.Prefixes() {
			r := match(from, to, s.Protocol)
			p.portLine(r, sport, dport, label{pass, i + 1}, func(r netlink.Rule) {
				if !e.Permit {
					p.jump(r, label{pass, next})
					return
				}
				r.Table = RouteTable
				p.add(r)
			})
		}
	}
}

// sourceLine adds the rules for packets of the gateway's own that have no
// source yet, which is what the unspecified address means here.
func (p *rulePlan) sourceLine(e ipsec.PolicyEntry, i int, s sourceRoute) {
	if len(e.Selector.LocalNet.Prefixes()) > 0 && e.Selector.LocalNet.Contains(netip.IPv4Unspecified()) {
		return // the line's own rules catch them
	}
	for _, to := range s.remote.Prefixes() {
		r := match(netip.PrefixFrom(netip.IPv4Unspecified(), 32), to, e.Selector.Protocol)
		r.IifName = "lo"
		p.portLine(r, ipsec.PortRange{}, e.Selector.RemotePort, label{outbound, i + 1}, func(r netlink.Rule) {
			r.Table = SourceTable
			p.add(r)
		})
	}
}

func match(from, to netip.Prefix, protocol uint8) netlink.Rule {
	r := *netlink.NewRule()
	if from.Bits() > 0 {
		r.Src = ipNet(from)
	}
	if to.Bits() > 0 {
		r.Dst = ipNet(to)
	}
	r.IPProto = int(protocol)
	return r
}

// portLine gives add the rule with its ports. The kernel takes no range that
// ends with 65535; there the ports below it jump past the line instead. That
// lets port 0 in too, which internal/ipsec refuses.
func (p *rulePlan) portLine(r netlink.Rule, sport, dport ipsec.PortRange, past label, add func(netlink.Rule)) {
	if sport.Hi == 65535 && sport.Lo > 1 {
		below := r
		below.Sport = netlink.NewRulePortRange(1, sport.Lo-1)
		p.jump(below, past)
	} else if !sport.Any() && sport.Hi != 65535 {
		r.Sport = netlink.NewRulePortRange(max(1, sport.Lo), sport.Hi)
	}
	if dport.Hi == 65535 && dport.Lo > 1 {
		below := r
		below.Dport = netlink.NewRulePortRange(1, dport.Lo-1)
		p.jump(below, past)
	} else if !dport.Any() && dport.Hi != 65535 {
		r.Dport = netlink.NewRulePortRange(max(1, dport.Lo), dport.Hi)
	}
	add(r)
}
