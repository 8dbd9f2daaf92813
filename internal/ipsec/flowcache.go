package ipsec

import "encoding/binary"

const flowCacheSize = 1024

// cachedFlow remembers what a flow goes by under a policy, nil for nothing. It
// is never changed; another policy makes it void, and so does another set of
// instances.
type cachedFlow struct {
	policy     *policyState
	generation uint64
	flow       Flow
	target     *target
}

// lookup is policyState.find behind a direct-mapped cache: a packet of a known
// flow costs one comparison however long the policy is. A miss allocates.
func (p *Processor) lookup(f Flow) *target {
	policy, generation := p.policy.Load(), p.generation.Load()
	slot := &p.flows[f.hash()%flowCacheSize]
	if c := slot.Load(); c != nil && c.policy == policy && c.generation == generation && c.flow == f {
		return c.target
	}
	t := policy.find(f)
	slot.Store(&cachedFlow{policy, generation, f, t})
	return t
}

// hash spreads flows over the cache. It need not resist an adversary: a
// collision only costs the search that the cache spares.
func (f Flow) hash() uint32 {
	src, dst := f.Src.As16(), f.Dst.As16()
	h := binary.BigEndian.Uint64(src[8:])*0x9e3779b97f4a7c15 ^ binary.BigEndian.Uint64(dst[8:])
	h = (h ^ uint64(f.SrcPort)<<32 ^ uint64(f.DstPort)<<16 ^ uint64(f.Protocol)) * 0xff51afd7ed558ccd
	return uint32(h >> 32)
}
