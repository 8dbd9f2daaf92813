package dataplane

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// elementsAtOnce are what fits one netlink attribute, of 64 KiB.
const elementsAtOnce = 1000

// set is the networks of a group's peers that have prefixes of one length, by their
// first addresses.
func (g *group) set(length int) *nftables.Set {
	return &nftables.Set{Table: guardTable(), Name: fmt.Sprintf("peers-%d-%d", g.id, length), KeyType: nftables.TypeIPAddr}
}

// mark is how the rules of a length are found again.
func (g *group) mark(length int) []byte { return fmt.Appendf(nil, "peers-%d-%d", g.id, length) }

func elements(prefixes []netip.Prefix) (all []nftables.SetElement) {
	for _, p := range prefixes {
		all = append(all, nftables.SetElement{Key: p.Addr().AsSlice()})
	}
	return all
}

// ofLength are those prefixes that have one length.
func ofLength(prefixes []netip.Prefix, length int) (some []netip.Prefix) {
	for _, p := range prefixes {
		if p.Bits() == length {
			some = append(some, p)
		}
	}
	return some
}

// addGroup adds a group's sets and rules to the transaction. Its chains are those
// of its template.
func (p *guardPlan) addGroup(g *group) error {
	wanted := g.wanted()
	for length := range g.sets {
		if some := ofLength(wanted, length); len(some) > 0 {
			if err := p.addLength(g, length, some); err != nil {
				return err
			}
		}
	}
	return nil
}

// wanted are the prefixes that an instance has.
func (g *group) wanted() []netip.Prefix {
	return slices.DeleteFunc(g.all(), func(p netip.Prefix) bool { return g.peers[keyOfPrefix(p)].instances == 0 })
}

func (p *guardPlan) addLength(g *group, length int, prefixes []netip.Prefix) error {
	set := g.set(length)
	if err := p.nft.AddSet(set, nil); err != nil {
		return err
	}
	if err := addElements(p.nft, set, prefixes); err != nil {
		return err
	}
	for _, refuse := range []string{verdictIn, verdictOut} {
		p.groupLine(refuse, g, length, set)
	}
	return nil
}

func addElements(nft *nftables.Conn, set *nftables.Set, prefixes []netip.Prefix) error {
	for some := range slices.Chunk(prefixes, elementsAtOnce) {
		if err := nft.SetAddElements(set, elements(some)); err != nil {
			return err
		}
	}
	return nil
}

func deleteElements(nft *nftables.Conn, set *nftables.Set, prefixes []netip.Prefix) error {
	for some := range slices.Chunk(prefixes, elementsAtOnce) {
		if err := nft.SetDeleteElements(set, elements(some)); err != nil {
			return err
		}
	}
	return nil
}

// groupLine adds the rules of a group and a length in one direction.
func (p *guardPlan) groupLine(refuse string, g *group, length int, set *nftables.Set) {
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
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: lengthAddress, Mask: net.CIDRMask(length, 32), Xor: make([]byte, lengthAddress)},
		&expr.Lookup{SourceRegister: register, SetName: set.Name, SetID: set.ID})
	chain := lineChain(refuse, k.template)
	ports := append(portsWithin(0, sport), portsWithin(lengthPort, dport)...)
	p.markedRule(chain, g.mark(length), match, ports, verdict(expr.VerdictGoto, refuse))
	if g.hasPorts() {
		p.markedRule(chain, g.mark(length), match, laterFragment(), verdict(expr.VerdictGoto, refuse))
	}
}

// changeGroup brings the table in accord with a group whose prefixes have changed,
// in one transaction.
func (g *guard) changeGroup(device string, x *group, changed []netip.Prefix) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var come, gone []netip.Prefix
	for _, p := range changed {
		switch y := x.peers[keyOfPrefix(p)]; {
		case y.instances > 0 && !y.blocked:
			come = append(come, p)
		case y.instances == 0 && y.blocked:
			gone = append(gone, p)
		}
	}
	if len(come)+len(gone) == 0 {
		return nil
	}
	err := g.prepareGroup(device, x, come, gone)
	if err == nil {
		err = g.flush()
	}
	if err != nil {
		return fmt.Errorf("nftables sets peers-%d: %w", x.id, err)
	}
	x.blocked(come, gone)
	return nil
}

// blocked notes what the guard's sets have more, and no longer.
func (g *group) blocked(come, gone []netip.Prefix) {
	for _, p := range come {
		y := g.peers[keyOfPrefix(p)]
		y.blocked = true
		g.note(p, y)
		g.sets[p.Bits()] = true
	}
	for _, p := range gone {
		y := g.peers[keyOfPrefix(p)]
		y.blocked = false
		g.note(p, y)
		g.sets[p.Bits()] = g.lengths[p.Bits()] > 0
	}
}

// prepareGroup adds to the transaction what comes and goes. After an error of the
// kernel nothing is added.
func (g *guard) prepareGroup(device string, x *group, come, gone []netip.Prefix) error {
	doomed, err := g.doomedRules(x, gone)
	if err != nil {
		return err
	}
	for _, r := range doomed {
		if err := g.nft.DelRule(r); err != nil {
			return err
		}
	}
	p := guardPlan{nft: g.nft, table: guardTable(), device: device}
	for length := range x.sets {
		switch some := ofLength(gone, length); {
		case len(some) == 0:
		case x.lengths[length] == 0:
			g.nft.DelSet(x.set(length))
		default:
			err = errors.Join(err, deleteElements(g.nft, x.set(length), some))
		}
		switch some := ofLength(come, length); {
		case len(some) == 0:
		case x.sets[length]:
			err = errors.Join(err, addElements(g.nft, x.set(length), some))
		default:
			err = errors.Join(err, p.addLength(x, length, some))
		}
	}
	return err
}

// doomedRules are those of the lengths of which nothing is left.
func (g *guard) doomedRules(x *group, gone []netip.Prefix) (doomed []*nftables.Rule, err error) {
	var marks []string
	for length := range x.sets {
		if x.lengths[length] == 0 && len(ofLength(gone, length)) > 0 {
			marks = append(marks, string(x.mark(length)))
		}
	}
	if len(marks) == 0 {
		return nil, nil
	}
	for _, refuse := range []string{verdictIn, verdictOut} {
		chain := &nftables.Chain{Table: guardTable(), Name: lineChain(refuse, x.key.template)}
		rules, err := g.nft.GetRules(guardTable(), chain)
		if err != nil {
			return nil, err
		}
		for _, r := range rules {
			if slices.Contains(marks, string(r.UserData)) {
				doomed = append(doomed, &nftables.Rule{Table: guardTable(), Chain: chain, Handle: r.Handle})
			}
		}
	}
	return doomed, nil
}
