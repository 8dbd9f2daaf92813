package ipsec

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"sync/atomic"
)

// Errors of instances.
var (
	ErrNoTemplate  = errors.New("ipsec: the policy has no dynamic line with this tag")
	ErrInstanceTag = errors.New("ipsec: an instance with this tag is there")
)

const instanceBuckets = 1024

// instance is an entry that was made of a dynamic line.
type instance struct {
	template uint32
	target   target
}

// prefixes are those of its remote network, which it is found by.
func (x *instance) prefixes() []netip.Prefix {
	return x.target.traffic.selector().RemoteNet.Prefixes()
}

// instanceTable finds the instance of a dynamic crypto map entry that covers a
// flow: the one with the smallest remote network, and the newest of those. It is
// a table of buckets by remote prefix, each a list. Readers take no lock: a place that
// was taken out of its list still leads on to those behind it, and is in none again. A
// change costs one bucket for each prefix however many instances there are.
type instanceTable struct {
	lengths [129]atomic.Int32 // how many prefixes have this length
	buckets [instanceBuckets]atomic.Pointer[place]
}

// place is an instance in the bucket of one of its prefixes.
type place struct {
	of   *instance
	next atomic.Pointer[place]
	bits uint8
	some *netip.Prefix // nil where the instance has but one
}

// has says whether the place is that of a prefix with an address that the instance
// covers.
func (a *place) has(p netip.Prefix) bool {
	return int(a.bits) == p.Bits() && (a.some == nil || *a.some == p)
}

func instanceBucket(p netip.Prefix) uint64 {
	b := p.Addr().As16()
	h := binary.BigEndian.Uint64(b[:8])*0x9e3779b97f4a7c15 ^ binary.BigEndian.Uint64(b[8:])
	return (h ^ uint64(p.Bits())<<56) * 0xff51afd7ed558ccd >> 54
}

func (t *instanceTable) add(x *instance) {
	list := x.prefixes()
	for i, p := range list {
		added := &place{of: x, bits: uint8(p.Bits())}
		if len(list) > 1 {
			added.some = &list[i]
		}
		first := &t.buckets[instanceBucket(p)]
		added.next.Store(first.Load())
		first.Store(added)
		t.lengths[p.Bits()].Add(1)
	}
}

func (t *instanceTable) remove(x *instance) {
	for _, p := range x.prefixes() {
		at := &t.buckets[instanceBucket(p)]
		for a := at.Load(); a != nil; a = at.Load() {
			if a.of == x && a.has(p) {
				at.Store(a.next.Load())
				t.lengths[p.Bits()].Add(-1)
				break
			}
			at = &a.next
		}
	}
}

func (t *instanceTable) covering(f Flow) *target {
	for bits := f.Dst.BitLen(); bits >= 0; bits-- {
		if t.lengths[bits].Load() == 0 {
			continue
		}
		p, _ := f.Dst.Prefix(bits)
		for a := t.buckets[instanceBucket(p)].Load(); a != nil; a = a.next.Load() {
			if a.has(p) && a.of.target.traffic.matches(f) {
				return &a.of.target
			}
		}
	}
	return nil
}

// AddInstance adds an entry that the dynamic lines with a template's Tag lead
// to. SAs with the entry's own Tag are its SAs.
func (p *Processor) AddInstance(template uint32, entry PolicyEntry) error {
	table := p.policy.Load().instances[template]
	switch {
	case table == nil:
		return ErrNoTemplate
	case p.instances[entry.Tag] != nil:
		return ErrInstanceTag
	case !entry.Selector.Valid():
		return &ParamError{"Selector", "not two ranges of one family"}
	}
	x := &instance{template: template}
	x.target.set(entry)
	p.instances[entry.Tag] = x
	table.add(x)
	p.generation.Add(1)
	return nil
}

// RemoveInstance removes the entry with a Tag; it is no error that there is
// none.
func (p *Processor) RemoveInstance(tag uint32) {
	x := p.instances[tag]
	if x == nil {
		return
	}
	delete(p.instances, tag)
	if table := p.policy.Load().instances[x.template]; table != nil {
		table.remove(x)
	}
	p.generation.Add(1)
}
