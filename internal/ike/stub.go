package ike

import (
	"net/netip"
	"time"
)

// stub is a first message of main mode that was answered and has no SA.
type stub struct {
	key           cookiePair
	local, remote netip.AddrPort
	at            time.Time
	raw           []byte
	taken         bool // it has become an SA
	next          *stub
}

// stubs are bounded in number and octets: the oldest leaves.
type stubs struct {
	e           *Engine
	byCookies   map[cookiePair]*stub
	first, last *stub // by age; those taken stay until they are the oldest
	count       int   // those taken included
	octets      int
	end         timer // of the oldest
}

func (t *stubs) add(x *stub) {
	if t.byCookies == nil {
		t.byCookies = make(map[cookiePair]*stub)
	}
	t.byCookies[x.key] = x
	t.e.keepCookie(x.key.r)
	if t.last == nil {
		t.first = x
	} else {
		t.last.next = x
	}
	t.last = x
	t.count++
	t.octets += len(x.raw)
	for t.count > t.e.place.part(maxStubs) || t.octets > t.e.place.part(maxStubOctets) {
		t.dropFirst()
	}
}

func (t *stubs) dropFirst() {
	x := t.first
	t.first = x.next
	if t.first == nil {
		t.last = nil
	}
	t.count--
	t.octets -= len(x.raw)
	if !x.taken {
		t.forget(x)
	}
}

// take gives a stub to its SA.
func (t *stubs) take(x *stub) {
	x.taken = true
	t.forget(x)
}

func (t *stubs) forget(x *stub) {
	delete(t.byCookies, x.key)
	t.e.forgetCookie(x.key.r)
}
