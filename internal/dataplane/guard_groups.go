package dataplane

import (
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"qmidle/internal/ipsec"
)

// elementsAtOnce are intervals that fit one netlink attribute, of 64 KiB.
const elementsAtOnce = 500

// set is the networks of a group's peers.
func (g *group) set() *nftables.Set {
	return &nftables.Set{Table: guardTable(), Name: fmt.Sprintf("peers-%d", g.id), KeyType: nftables.TypeIPAddr, Interval: true}
}

// mark is how a group's rules are found again.
func (g *group) mark() []byte { return fmt.Appendf(nil, "peers-%d", g.id) }

// elements are ranges as intervals of a set. The last may have no end.
func elements(ranges []ipsec.Range) (all []nftables.SetElement) {
	for _, r := range ranges {
		all = append(all, nftables.SetElement{Key: r.Lo.AsSlice()})
		if end := r.Hi.Next(); end.IsValid() {
			all = append(all, nftables.SetElement{Key: end.AsSlice(), IntervalEnd: true})
		}
	}
	return all
}

// addGroup adds a group's set and rules to the transaction. Its chains are those
// of its template.
func (p *guardPlan) addGroup(g *group, blocked []ipsec.Range) error {
	set := g.set()
	if err := p.nft.AddSet(set, nil); err != nil {
		return err
	}
	if err := addElements(p.nft, set, blocked); err != nil {
		return err
	}
	for _, refuse := range []string{verdictIn, verdictOut} {
		p.groupLine(refuse, g, set)
	}
	return nil
}

func addElements(nft *nftables.Conn, set *nftables.Set, ranges []ipsec.Range) error {
	for some := range slices.Chunk(ranges, elementsAtOnce) {
		if err := nft.SetAddElements(set, elements(some)); err != nil {
			return err
		}
	}
	return nil
}

// groupLine adds the rules of a group in one direction.
func (p *guardPlan) groupLine(refuse string, g *group, set *nftables.Set) {
	k := g.key
	here, there, sport, dport := uint32(offsetSource), uint32(offsetDest), k.localPort, k.remotePort
	if refuse == verdictIn {
		here, there, sport, dport = there, here, dport, sport
	}
	match := addressWithin(here, k.local)
	if k.protocol != 0 {
		match = append(match, protocolIs(k.protocol)...)
	}
	match = append(match,
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: there, Len: lengthAddress},
		&expr.Lookup{SourceRegister: register, SetName: set.Name, SetID: set.ID})
	chain := lineChain(refuse, k.template)
	ports := append(portsWithin(0, sport), portsWithin(lengthPort, dport)...)
	p.markedRule(chain, g.mark(), match, ports, verdict(expr.VerdictGoto, refuse))
	if g.hasPorts() {
		p.markedRule(chain, g.mark(), match, laterFragment(), verdict(expr.VerdictGoto, refuse))
	}
}

// changeGroup brings the table in accord with a group, in one transaction.
func (g *guard) changeGroup(device string, x *group) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	want := x.union()
	err := g.prepareGroup(device, x, want)
	if err == nil {
		err = g.flush()
	}
	if err != nil {
		return fmt.Errorf("nftables set peers-%d: %w", x.id, err)
	}
	x.blocked = want
	return nil
}

func (g *guard) prepareGroup(device string, x *group, want []ipsec.Range) error {
	switch {
	case x.blocked == nil && want == nil:
		return nil
	case x.blocked == nil:
		p := guardPlan{nft: g.nft, table: guardTable(), device: device}
		return p.addGroup(x, want)
	case want == nil:
		return g.deleteGroup(x)
	}
	set := x.set()
	for some := range slices.Chunk(missing(x.blocked, want, compareRanges), elementsAtOnce) {
		if err := g.nft.SetDeleteElements(set, elements(some)); err != nil {
			return err
		}
	}
	return addElements(g.nft, set, missing(want, x.blocked, compareRanges))
}

// deleteGroup adds to the transaction that a group's rules and set go. After an
// error nothing is added.
func (g *guard) deleteGroup(x *group) error {
	var doomed []*nftables.Rule
	for _, refuse := range []string{verdictIn, verdictOut} {
		chain := &nftables.Chain{Table: guardTable(), Name: lineChain(refuse, x.key.template)}
		rules, err := g.nft.GetRules(guardTable(), chain)
		if err != nil {
			return err
		}
		for _, r := range rules {
			if string(r.UserData) == string(x.mark()) {
				doomed = append(doomed, &nftables.Rule{Table: guardTable(), Chain: chain, Handle: r.Handle})
			}
		}
	}
	for _, r := range doomed {
		if err := g.nft.DelRule(r); err != nil {
			return err
		}
	}
	g.nft.DelSet(x.set())
	return nil
}
