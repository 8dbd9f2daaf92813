package ike

import (
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
)

// In aggressive mode the responder's public value goes into its first message, the
// second of all, when the peer's address may still be another's. Drawing one for
// each would let anybody have us exponentiate. So exchanges that begin close to each
// other share a key pair, as RFC 7296 section 2.12 allows: g^xy, which each does for
// itself, waits for message 3. The pair is gone with the last exchange that has it.

// pairAge is how long a key pair is given to exchanges that begin: there are ten a
// second and group at most.
const pairAge = 100 * time.Millisecond

// sharedPair is a responder's key pair of aggressive mode.
type sharedPair struct {
	keys    *keymat.KeyPair // nil while it is made
	made    time.Time
	users   int
	waiting []func(*sharedPair, error)
}

// fresh says whether an exchange that begins now may have the pair. One that is
// being made is for all that come until then.
func (p *sharedPair) fresh(now time.Time) bool {
	age := now.Sub(p.made)
	return p.keys == nil || age >= 0 && age < pairAge
}

// sharePair gives a key pair of a group to resume, at once or when it is made. It
// must be given back by releasePair, if there was no error.
func (e *Engine) sharePair(g isakmp.Group, resume func(*sharedPair, error)) {
	p := e.pairs[g]
	if p != nil && p.fresh(e.now) {
		p.users++
		if p.keys == nil {
			p.waiting = append(p.waiting, resume)
			return
		}
		resume(p, nil)
		return
	}
	p = &sharedPair{made: e.now, users: 1, waiting: []func(*sharedPair, error){resume}}
	e.pairs[g] = p
	e.dh(g, nil, nil, func(r DHResult) {
		p.keys = r.KeyPair
		if r.Err != nil {
			delete(e.pairs, g)
		}
		waiting := p.waiting
		p.waiting = nil
		for _, resume := range waiting {
			resume(p, r.Err)
		}
	})
}

// releasePair takes a key pair back.
func (e *Engine) releasePair(p *sharedPair) {
	p.users--
	if p.users > 0 {
		return
	}
	g := p.keys.Group()
	if e.pairs[g] == p {
		delete(e.pairs, g)
	}
	p.keys.Clear()
}

// clearKeys forgets the key pair of a phase 1.
func (s *sa) clearKeys() {
	h := s.handshake
	switch {
	case h.shared != nil:
		s.e.releasePair(h.shared)
		h.shared, h.keys = nil, nil
	case h.keys != nil:
		h.keys.Clear()
	}
}
