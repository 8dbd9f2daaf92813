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
	prefixes []netip.Prefix // its remote network
}

// instanceTable finds the instance of a dynamic crypto map entry that covers a
// flow: the one with the smallest remote network, and the newest of those. It is
// a table of buckets by remote prefix, each a short slice that is replaced as a
// whole. Readers take no lock, and a change costs one bucket for each prefix
// however many instances there are.
type instanceTable struct {
	lengths [129]atomic.Int32 // how many prefixes have this length
	buckets [instanceBuckets]atomic.Pointer[[]remotePrefix]
}

type remotePrefix struct {
	prefix netip.Prefix
	of     *instance
}

func instanceBucket(p netip.Prefix) uint64 {
	b := p.Addr().As16()
	h := binary.BigEndian.Uint64(b[:8])*0x9e3779b97f4a7c15 ^ binary.BigEndian.Uint64(b[8:])
	return (h ^ uint64(p.Bits())<<56) * 0xff51afd7ed558ccd >> 54
}

func (t *instanceTable) load(at uint64) []remotePrefix {
	if list := t.buckets[at].Load(); list != nil {
		return *list
	}
	return nil
}

func (t *instanceTable) add(x *instance) {
	for _, p := range x.prefixes {
		at := instanceBucket(p)
		list := append([]remotePrefix{{p, x}}, t.load(at)...)
		t.buckets[at].Store(&list)
		t.lengths[p.Bits()].Add(1)
	}
}

func (t *instanceTable) remove(x *instance) {
	for _, p := range x.prefixes {
		at := instanceBucket(p)
		var list []remotePrefix
		for _, r := range t.load(at) {
			if r.of != x || r.prefix != p {
				list = append(list, r)
			}
		}
		t.buckets[at].Store(&list)
		t.lengths[p.Bits()].Add(-1)
	}
}

func (t *instanceTable) covering(f Flow) *target {
	for bits := f.Dst.BitLen(); bits >= 0; bits-- {
		if t.lengths[bits].Load() == 0 {
			continue
		}
		p, _ := f.Dst.Prefix(bits)
		for _, r := range t.load(instanceBucket(p)) {
			if r.prefix == p && r.of.target.entry.Selector.Matches(f) {
				return &r.of.target
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
	x := &instance{template: template, prefixes: entry.Selector.RemoteNet.Prefixes()}
	x.target.entry = entry
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
