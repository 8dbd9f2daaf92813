package ike

import (
	"net/netip"

	"qmidle/internal/trace"
)

// maxFirst bounds the first messages of main mode that lack fragments. Anybody
// can send such fragments: the oldest message leaves.
const maxFirst = 64

// firstKey is what the fragments of one first message have in common.
type firstKey struct {
	initialKey
	local netip.AddrPort
}

// firstAssembler assembles a first message, for which there is no SA yet. Some
// peers send long ones in fragments, without knowing whether we take any.
type firstAssembler struct {
	e   *Engine
	key firstKey
}

func (f firstAssembler) assembling() *assembly { return f.e.firstParts[f.key] }

func (f firstAssembler) startAssembly(id uint16) *assembly {
	if len(f.e.firstParts) >= maxFirst {
		f.e.oldestFirst().dropAssembly()
		f.e.stats.Floods.Fragments++
		f.e.stats.Floods.LastFragment = f.e.now
	}
	if f.e.firstParts == nil {
		f.e.firstParts = make(map[firstKey]*assembly)
	}
	a := f.e.newAssembly(id, f)
	f.e.firstParts[f.key] = a
	return a
}

func (f firstAssembler) dropAssembly() {
	if a := f.e.firstParts[f.key]; a != nil {
		f.e.timers.clear(&a.end)
		delete(f.e.firstParts, f.key)
	}
}

func (f firstAssembler) giveUpAssembly() {
	ctx := trace.Context{Local: f.key.local, Remote: f.key.remote}
	f.e.emit(&ctx, f.assembling().missing())
	f.dropAssembly()
}

func (e *Engine) oldestFirst() (oldest firstAssembler) {
	for key, a := range e.firstParts {
		if oldest.e == nil || a.began < e.firstParts[oldest.key].began {
			oldest = firstAssembler{e, key}
		}
	}
	return oldest
}
