package dataplane

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"pgregory.net/rapid"

	"qmidle/internal/ipsec"
)

// lookup is what the kernel asks its rules for.
type lookup struct {
	mark         uint32
	iif          string
	src, dst     netip.Addr
	protocol     int
	sport, dport uint16
}

// judge walks the rules as the kernel does and returns the table of the first
// one that looks something up, 0 if none does.
func judge(t interface{ Fatalf(string, ...any) }, rules []netlink.Rule, l lookup) int {
	for i := 0; i < len(rules); i++ {
		r := rules[i]
		if !ruleMatches(r, l) || r.Type == nl.FR_ACT_NOP {
			continue
		}
		if r.Goto < 0 {
			return r.Table
		}
		if r.Goto <= r.Priority {
			t.Fatalf("rule %d jumps back to %d", r.Priority, r.Goto)
		}
		target := i
		for target < len(rules) && rules[target].Priority != r.Goto {
			target++
		}
		if target == len(rules) {
			t.Fatalf("rule %d jumps to %d, which is not there", r.Priority, r.Goto)
		}
		i = target - 1
	}
	return 0
}

func ruleMatches(r netlink.Rule, l lookup) bool {
	in := func(p *netlink.RulePortRange, port uint16) bool { return p == nil || p.Start <= port && port <= p.End }
	return (r.Mark == 0 || r.Mark == l.mark) &&
		(r.IifName == "" || r.IifName == l.iif) &&
		(r.Src == nil || r.Src.Contains(l.src.AsSlice())) &&
		(r.Dst == nil || r.Dst.Contains(l.dst.AsSlice())) &&
		(r.IPProto == 0 || r.IPProto == l.protocol) && in(r.Sport, l.sport) && in(r.Dport, l.dport)
}

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func netOf(s string) ipsec.Range { return ipsec.RangeOf(netip.MustParsePrefix(s)) }

func aclLine(tag, line uint32, permit bool, local, remote string) ipsec.PolicyEntry {
	return ipsec.PolicyEntry{Tag: tag, Line: line, Permit: permit, Selector: ipsec.Selector{LocalNet: netOf(local), RemoteNet: netOf(remote)}}
}

func plan(t testing.TB, entries []ipsec.PolicyEntry, sources map[int]sourceRoute) []netlink.Rule {
	t.Helper()
	rules, _, err := planRules(rulePriorityA, "qmidle0", entries, sources, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestRulesOfAPlainPolicy(t *testing.T) {
	entries := []ipsec.PolicyEntry{
		aclLine(10, 0, false, "192.168.2.7/32", "192.168.3.0/24"),
		aclLine(10, 1, true, "192.168.2.0/24", "192.168.3.0/24"),
		aclLine(20, 0, true, "192.168.2.0/29", "192.168.3.0/25"),
	}
	rules := plan(t, entries, map[int]sourceRoute{1: {netOf("192.168.3.0/24"), ip("192.168.2.1")}})
	cases := []struct {
		name string
		l    lookup
		want int
	}{
		{"from a host", lookup{iif: "lan0", src: ip("192.168.2.10"), dst: ip("192.168.3.10")}, RouteTable},
		{"from the gateway with a source", lookup{iif: "lo", src: ip("192.168.2.1"), dst: ip("192.168.3.10")}, RouteTable},
		{"from the gateway without a source", lookup{iif: "lo", src: ip("0.0.0.0"), dst: ip("192.168.3.10")}, SourceTable},
		{"to elsewhere without a source", lookup{iif: "lo", src: ip("0.0.0.0"), dst: ip("192.168.4.10")}, 0},
		{"not selected", lookup{iif: "lan0", src: ip("192.168.2.10"), dst: ip("192.168.4.10")}, 0},
		{"denied, then wanted by the next map entry", lookup{iif: "lan0", src: ip("192.168.2.7"), dst: ip("192.168.3.10")}, RouteTable},
		{"denied", lookup{iif: "lan0", src: ip("192.168.2.7"), dst: ip("192.168.3.210")}, 0},
		{"our own ESP", lookup{iif: "lo", mark: Mark, src: ip("192.168.2.1"), dst: ip("192.168.3.10"), protocol: protoESP}, 0},
		{"our own IKE from an unmarked socket", lookup{iif: "lo", src: ip("192.168.2.1"), dst: ip("192.168.3.10"), protocol: 17, sport: 500, dport: 500}, 0},
		{"ESP of a host behind us", lookup{iif: "lan0", src: ip("192.168.2.10"), dst: ip("192.168.3.10"), protocol: protoESP}, RouteTable},
		{"decrypted", lookup{iif: "qmidle0", src: ip("192.168.3.10"), dst: ip("192.168.2.10")}, 0},
		{"decrypted and for another tunnel", lookup{iif: "qmidle0", src: ip("192.168.2.10"), dst: ip("192.168.3.10")}, RouteTable},
		{"in clear from the protected net", lookup{iif: "wan0", src: ip("192.168.3.10"), dst: ip("192.168.2.10")}, RouteTable},
		{"in clear as denied", lookup{iif: "wan0", src: ip("192.168.3.210"), dst: ip("192.168.2.7")}, 0},
		{"asked by the reverse path filter of the LAN", lookup{iif: "lo", src: ip("192.168.3.10"), dst: ip("192.168.2.10")}, 0},
	}
	for _, c := range cases {
		if got := judge(t, rules, c.l); got != c.want {
			t.Errorf("%s: table %d, want %d", c.name, got, c.want)
		}
	}
}

// TestRulesAgreeWithTheSPD lets random policies judge random packets.
func TestRulesAgreeWithTheSPD(t *testing.T) {
	addrs := []string{"10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.7"}
	ports := []uint16{1, 2, 79, 80, 81, 1024, 65534, 65535}
	rangeOf := rapid.Custom(func(t *rapid.T) ipsec.Range {
		i, j := rapid.IntRange(0, 5).Draw(t, "i"), rapid.IntRange(0, 5).Draw(t, "j")
		return ipsec.Range{Lo: ip(addrs[min(i, j)]), Hi: ip(addrs[max(i, j)])}
	})
	portRange := rapid.Custom(func(t *rapid.T) ipsec.PortRange {
		if rapid.Bool().Draw(t, "any") {
			return ipsec.PortRange{}
		}
		i, j := rapid.IntRange(0, 7).Draw(t, "i"), rapid.IntRange(0, 7).Draw(t, "j")
		return ipsec.PortRange{Lo: ports[min(i, j)], Hi: ports[max(i, j)]}
	})
	rapid.Check(t, func(t *rapid.T) {
		var entries []ipsec.PolicyEntry
		tag := uint32(0)
		for n := rapid.IntRange(0, 6).Draw(t, "lines"); n > 0; n-- {
			tag += rapid.Uint32Range(0, 1).Draw(t, "next")
			e := ipsec.PolicyEntry{Tag: tag, Permit: rapid.Bool().Draw(t, "permit")}
			e.Selector = ipsec.Selector{LocalNet: rangeOf.Draw(t, "local"), RemoteNet: rangeOf.Draw(t, "remote")}
			if rapid.Bool().Draw(t, "tcp") {
				e.Selector.Protocol = 6
				e.Selector.LocalPort, e.Selector.RemotePort = portRange.Draw(t, "lport"), portRange.Draw(t, "rport")
			}
			entries = append(entries, e)
		}
		rules, _, err := planRules(rulePriorityB, "qmidle0", entries, nil, nil)
		if err != nil {
			t.Fatalf("%v", err)
		}
		checkPlan(t, rules)
		spd := ipsec.NewSPD(entries)
		f := ipsec.Flow{
			Src: ip(rapid.SampledFrom(addrs).Draw(t, "src")), Dst: ip(rapid.SampledFrom(addrs).Draw(t, "dst")),
			Protocol: rapid.SampledFrom([]uint8{6, 17}).Draw(t, "protocol"),
			SrcPort:  rapid.SampledFrom(ports).Draw(t, "sport"), DstPort: rapid.SampledFrom(ports).Draw(t, "dport"),
		}
		_, protect := spd.Lookup(f)
		_, reverse := spd.Lookup(f.Reverse())
		l := lookup{iif: "lan0", src: f.Src, dst: f.Dst, protocol: int(f.Protocol), sport: f.SrcPort, dport: f.DstPort}
		if got := judge(t, rules, l) == RouteTable; got != (protect || reverse) {
			t.Fatalf("%+v goes into the tunnel: %v; the SPD protects it: %v, its answer: %v\n%v", l, got, protect, reverse, rules)
		}
		l.iif = "qmidle0"
		if got := judge(t, rules, l) == RouteTable; got != protect {
			t.Fatalf("decrypted %+v goes into the tunnel: %v; the SPD protects it: %v", l, got, protect)
		}
	})
}

// checkPlan checks what the kernel demands of rules.
func checkPlan(t *rapid.T, rules []netlink.Rule) {
	for i, r := range rules {
		if r.Priority != rulePriorityB+i || r.Protocol != RouteProtocol || r.Family != netlink.FAMILY_V4 {
			t.Fatalf("rule %d: %+v", i, r)
		}
		for _, p := range []*netlink.RulePortRange{r.Sport, r.Dport} {
			if p != nil && (p.Start == 0 || p.End == 65535 || p.Start > p.End) {
				t.Fatalf("ports %d to %d are not for the kernel", p.Start, p.End)
			}
		}
	}
}

func TestLinesWithAnySource(t *testing.T) {
	rules := plan(t, []ipsec.PolicyEntry{aclLine(10, 0, true, "0.0.0.0/0", "192.168.3.0/24")},
		map[int]sourceRoute{0: {netOf("192.168.3.0/24"), ip("192.168.2.1")}})
	if got := judge(t, rules, lookup{iif: "lo", src: ip("0.0.0.0"), dst: ip("192.168.3.1")}); got != RouteTable {
		t.Errorf("table %d", got)
	}
}

func TestPoliciesThatCannotBeRules(t *testing.T) {
	six := aclLine(10, 3, true, "2001:db8::/32", "2001:db8::/32")
	if _, _, err := planRules(rulePriorityA, "qmidle0", []ipsec.PolicyEntry{six}, nil, nil); err == nil || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("IPv6: %v", err)
	}
	if _, _, err := planRules(rulePriorityA, "qmidle0", []ipsec.PolicyEntry{{Permit: true}}, nil, nil); err == nil {
		t.Error("no selector")
	}
	var many []ipsec.PolicyEntry
	for i := range uint32(6000) {
		many = append(many, aclLine(i, 0, true, "192.168.2.0/24", fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255)))
	}
	if _, _, err := planRules(rulePriorityA, "qmidle0", many, nil, nil); err == nil {
		t.Error("more rules than there are priorities")
	}
	if got := len(plan(t, many[:4000], nil)); got != 4000*2+7 {
		t.Errorf("%d rules for 4000 lines", got)
	}
}

// What the networks inside of a client send to its server's goes into the device, and
// nothing else of theirs; the address from the server is a source like any.
func TestRulesOfAClient(t *testing.T) {
	entries := []ipsec.PolicyEntry{aclLine(10, 0, true, "10.55.0.10/32", "192.168.2.0/24")}
	client := ClientNetwork{Address: ip("10.55.0.10"), Inside: []netip.Prefix{netip.MustParsePrefix("192.168.7.0/24")}, Remote: []ipsec.Range{netOf("192.168.2.0/24")}}
	rules, _, err := planRules(rulePriorityA, "qmidle0", entries, map[int]sourceRoute{0: {netOf("192.168.2.0/24"), ip("10.55.0.10")}}, []ClientNetwork{client})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		l    lookup
		want int
	}{
		"a host inside":                {lookup{iif: "lan0", src: ip("192.168.7.2"), dst: ip("192.168.2.10")}, RouteTable},
		"a host inside, to elsewhere":  {lookup{iif: "lan0", src: ip("192.168.7.2"), dst: ip("192.0.2.1")}, 0},
		"a host of another network":    {lookup{iif: "lan1", src: ip("192.168.8.2"), dst: ip("192.168.2.10")}, 0},
		"this host without a source":   {lookup{iif: "lo", src: ip("0.0.0.0"), dst: ip("192.168.2.10")}, SourceTable},
		"this host with the address":   {lookup{iif: "lo", src: ip("10.55.0.10"), dst: ip("192.168.2.10")}, RouteTable},
		"an answer that was decrypted": {lookup{iif: "qmidle0", src: ip("192.168.2.10"), dst: ip("192.168.7.2")}, 0},
		"clear text for the address":   {lookup{iif: "wan0", src: ip("192.168.2.10"), dst: ip("10.55.0.10")}, RouteTable},
		"IKE to the server":            {lookup{iif: "lo", mark: Mark, src: ip("192.1.1.42"), dst: ip("192.168.2.10"), protocol: 17, sport: 500, dport: 500}, 0},
	} {
		if got := judge(t, rules, c.l); got != c.want {
			t.Errorf("%s: table %d, want %d", name, got, c.want)
		}
	}
}
