package dataplane

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"qmidle/internal/dataplane/xfrm"
	"qmidle/internal/ipsec"
)

// claim is what one place, or one instance, wants of the policy for a selector.
// That with the lowest priority has its way, and of those the newest.
type claim struct {
	priority uint32
	serial   uint64
	tag      uint32
	action   action
}

type action uint8

const (
	protect action = iota
	block          // a dynamic line without an instance
	pass           // a deny line
)

func compareClaims(a, b claim) int {
	if c := cmp.Compare(a.priority, b.priority); c != 0 {
		return c
	}
	return cmp.Compare(b.serial, a.serial)
}

// way is how the packets of a crypto map entry go: to where its newest SA leads.
type way struct {
	local, remote netip.Addr
	mode          xfrm.Mode
}

// nowhere is the way of an entry that had no SA yet. A policy must name addresses;
// there is no state for these.
var nowhere = way{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.AddrFrom4([4]byte{127, 0, 0, 1}), xfrm.Tunnel}

type kernelInstance struct {
	template uint32
	entry    ipsec.PolicyEntry
	serial   uint64
}

// kernelPolicies are the policies that we have, or want to have, in the kernel.
type kernelPolicies struct {
	ifID      uint32 // of the xfrm interface; 0 without one
	places    []place
	instances map[uint32]kernelInstance // by tag
	reqids    map[uint32]uint32         // by tag
	tags      map[uint32]uint32         // by reqid
	ways      map[uint32]way            // by tag
	claims    map[policyKey][]claim     // sorted
	keys      map[uint32][]policyKey    // with a claim of this tag's
	there     map[policyKey]xfrm.Policy
	serial    uint64
	lastReqid uint32
}

// policyWriter is an xfrm.Conn.
type policyWriter interface {
	PutPolicy(xfrm.Policy) error
	DeletePolicy(xfrm.Policy) error
}

func newKernelPolicies() kernelPolicies {
	return kernelPolicies{instances: map[uint32]kernelInstance{}, reqids: map[uint32]uint32{}, tags: map[uint32]uint32{}, ways: map[uint32]way{},
		claims: map[policyKey][]claim{}, keys: map[uint32][]policyKey{}, there: map[policyKey]xfrm.Policy{}}
}

// readPolicies begins with what an earlier run has left.
func readPolicies(conn *xfrm.Conn, ifID uint32) (kernelPolicies, error) {
	p := newKernelPolicies()
	p.ifID = ifID
	all, err := ourPolicies(conn)
	for _, x := range all {
		if x.Interface != ifID {
			err = errors.Join(err, deletePolicy(conn, x))
			continue
		}
		p.there[policyKey{x.Direction, x.Selector}] = x
	}
	return p, err
}

// ourPolicies lists those in the kernel that a gateway has made.
func ourPolicies(conn *xfrm.Conn) (ours []xfrm.Policy, err error) {
	all, err := conn.Policies()
	if err != nil {
		return nil, fmt.Errorf("list the kernel's policies: %w", err)
	}
	for _, x := range all {
		if _, _, ok := placeOf(x.Priority); ok && (x.Template.Reqid == 0 || isOurs(x.Template.Reqid)) {
			ours = append(ours, x)
		}
	}
	return ours, nil
}

func removePolicies(conn *xfrm.Conn) error {
	all, err := ourPolicies(conn)
	errs := []error{err}
	for _, x := range all {
		errs = append(errs, deletePolicy(conn, x))
	}
	return errors.Join(errs...)
}

func deletePolicy(conn policyWriter, x xfrm.Policy) error {
	if err := conn.DeletePolicy(x); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove the policy for %v to %v of the kernel: %w", x.Selector.Source, x.Selector.Destination, err)
	}
	return nil
}

// reqidOf is the number of a crypto map entry or an instance.
func (p *kernelPolicies) reqidOf(tag uint32) uint32 {
	n, ok := p.reqids[tag]
	if !ok {
		n = p.freeReqid()
		p.reqids[tag], p.tags[n] = n, tag
	}
	return n
}

// freeReqid is the next number that nobody has. It does not begin with those of
// instances that are gone: states of theirs may still be there.
func (p *kernelPolicies) freeReqid() uint32 {
	for {
		if p.lastReqid++; p.lastReqid <= reqidFirst || p.lastReqid >= reqidEnd {
			p.lastReqid = reqidFirst + 1
		}
		if _, taken := p.tags[p.lastReqid]; !taken {
			return p.lastReqid
		}
	}
}

// forget forgets an instance.
func (p *kernelPolicies) forget(tag uint32) {
	delete(p.instances, tag)
	delete(p.keys, tag)
	delete(p.tags, p.reqids[tag])
	delete(p.reqids, tag)
	delete(p.ways, tag)
}

// set replaces the places. Instances stay, as far as a dynamic line leads to them.
func (p *kernelPolicies) set(conn policyWriter, places []place) error {
	p.places = places
	clear(p.claims)
	clear(p.keys)
	for i, x := range places {
		if x.entry.Open {
			continue
		}
		c := claim{tag: x.entry.Tag}
		switch {
		case !x.entry.Permit:
			c.action = pass
		case x.entry.Dynamic:
			c.action = block
		}
		p.claim(i, false, x.selector, c)
	}
	for tag, x := range p.instances {
		if !p.claimInstance(tag, x) {
			p.forget(tag)
		}
	}
	return p.applyAll(conn)
}

// claim adds a claim for each of the kernel's selectors.
func (p *kernelPolicies) claim(place int, instance bool, s ipsec.Selector, c claim) {
	for _, sel := range selectorsOf(s) {
		c.priority = priorityOf(place, sel.Destination, instance)
		for _, k := range []policyKey{{xfrm.Out, sel}, {xfrm.In, reversed(sel)}, {xfrm.Forward, reversed(sel)}} {
			at, _ := slices.BinarySearchFunc(p.claims[k], c, compareClaims)
			p.claims[k] = slices.Insert(p.claims[k], at, c)
			p.keys[c.tag] = append(p.keys[c.tag], k)
		}
	}
}

// claimInstance does so at each place that leads to it; false says that there is
// none.
func (p *kernelPolicies) claimInstance(tag uint32, x kernelInstance) (some bool) {
	for i, at := range p.places {
		if !at.entry.Dynamic || at.entry.Tag != x.template {
			continue
		}
		some = true
		if both, overlaps := at.selector.Intersect(x.entry.Selector); overlaps {
			p.claim(i, true, both, claim{tag: tag, serial: x.serial})
		}
	}
	return some
}

func (p *kernelPolicies) addInstance(conn policyWriter, template uint32, e ipsec.PolicyEntry) error {
	if _, there := p.instances[e.Tag]; there {
		return ipsec.ErrInstanceTag
	}
	p.serial++
	x := kernelInstance{template, e, p.serial}
	if !p.claimInstance(e.Tag, x) {
		return ipsec.ErrNoTemplate
	}
	p.instances[e.Tag] = x
	if err := p.apply(conn, p.keys[e.Tag]); err != nil {
		return errors.Join(err, p.removeInstance(conn, e.Tag))
	}
	return nil
}

// removeInstance takes one back; it is no error that there is none.
func (p *kernelPolicies) removeInstance(conn policyWriter, tag uint32) error {
	if _, there := p.instances[tag]; !there {
		return nil
	}
	keys := p.keys[tag]
	for _, k := range keys {
		p.claims[k] = slices.DeleteFunc(p.claims[k], func(c claim) bool { return c.tag == tag })
		if len(p.claims[k]) == 0 {
			delete(p.claims, k)
		}
	}
	err := p.apply(conn, keys)
	p.forget(tag)
	return err
}

// follow leads the packets of an entry to where its new SA leads.
func (p *kernelPolicies) follow(conn policyWriter, sa ipsec.SAParams) error {
	now, known := p.ways[sa.Tag]
	if !known {
		now = nowhere
	}
	old := now
	now.mode = modeOf(sa.Mode)
	if sa.Direction == ipsec.Outbound {
		now.local, now.remote = sa.Local, sa.Remote
	}
	if now == old {
		return nil
	}
	p.ways[sa.Tag] = now
	return p.apply(conn, p.keys[sa.Tag])
}

func (p *kernelPolicies) applyAll(conn policyWriter) error {
	keys := slices.Collect(maps.Keys(p.claims))
	for k := range p.there {
		if len(p.claims[k]) == 0 {
			keys = append(keys, k)
		}
	}
	return p.apply(conn, keys)
}

// apply brings the kernel's policies in accord with the claims: first those that are
// to be, then those that are not.
func (p *kernelPolicies) apply(conn policyWriter, keys []policyKey) error {
	var superfluous []policyKey
	for _, k := range keys {
		if len(p.claims[k]) == 0 {
			superfluous = append(superfluous, k)
			continue
		}
		want := p.policy(k, p.claims[k][0])
		if old, ok := p.there[k]; ok && old == want {
			continue
		}
		if err := conn.PutPolicy(want); err != nil {
			return fmt.Errorf("policy for %v to %v: %w", k.selector.Source, k.selector.Destination, err)
		}
		p.there[k] = want
	}
	var errs []error
	for _, k := range superfluous {
		if old, ok := p.there[k]; ok {
			errs = append(errs, deletePolicy(conn, old))
			delete(p.there, k)
		}
	}
	return errors.Join(errs...)
}

// policy is what a claim wants. What comes in may have come from any address: the
// SA's selector and its reqid say enough.
func (p *kernelPolicies) policy(k policyKey, c claim) xfrm.Policy {
	x := xfrm.Policy{Direction: k.direction, Selector: k.selector, Interface: p.ifID, Priority: c.priority, Block: c.action == block}
	if c.action != protect {
		return x
	}
	w, ok := p.ways[c.tag]
	if !ok {
		w = nowhere
	}
	x.Template = xfrm.Template{Mode: w.mode, Reqid: p.reqidOf(c.tag), Source: unspecified, Destination: unspecified}
	if k.direction == xfrm.Out {
		x.Template.Source, x.Template.Destination = w.local, w.remote
	}
	return x
}

var unspecified = netip.IPv4Unspecified()

// entryOf finds what a policy of ours stands for.
func (p *kernelPolicies) entryOf(x xfrm.Policy) (ipsec.PolicyEntry, bool) {
	at, instance, ok := placeOf(x.Priority)
	if !ok || at >= len(p.places) {
		return ipsec.PolicyEntry{}, false
	}
	if !instance {
		return p.places[at].entry, true
	}
	known, ok := p.instances[p.tags[x.Template.Reqid]]
	return known.entry, ok
}
