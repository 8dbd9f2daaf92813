package ike

import (
	"bytes"
	"errors"
	"io"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
)

// question is what an open one waits with.
type question struct {
	id     uint64
	resume func(Answer)
	silent timer // of an Ask
}

// open asks a question.
func (e *Engine) open(q Question, resume func(Answer)) *question {
	q.ID = e.serials.question.Add(1)
	open := &question{id: q.ID, resume: resume}
	e.questions[q.ID] = open
	e.fx.Questions = append(e.fx.Questions, q)
	return open
}

// dh asks for a Diffie-Hellman computation: a new key pair of group g when
// pair is nil, and the secret shared with peer when peer is not nil. resume is
// called with the result, at once or when the driver answers.
//
// The exponent's randomness is drawn here, so that a deferred computation
// leaves the order of draws, and with it a replayed run, as it is.
func (e *Engine) dh(g isakmp.Group, pair *keymat.KeyPair, peer []byte, resume func(DHResult)) {
	e.stats.Exponentiation++
	if !e.cfg.DeferDH {
		resume(computeDH(g, pair, peer, e.cfg.Rand))
		return
	}
	seed := make([]byte, exponentSeed)
	if !e.random(seed) {
		resume(DHResult{Err: errNoRandomness})
		return
	}
	peer = bytes.Clone(peer)
	e.open(Question{Run: func() Answer { return computeDH(g, pair, peer, bytes.NewReader(seed)) }}, func(a Answer) {
		r, ok := a.(DHResult)
		if !ok {
			r.Err = errWrongAnswer
		}
		resume(r)
	})
}

// compute asks for another computation, which draws no randomness. resume is called
// with what it yields, or with another answer where the driver could not do it.
func (e *Engine) compute(run func() Answer, resume func(Answer)) {
	if !e.cfg.DeferDH {
		resume(run())
		return
	}
	e.open(Question{Run: run}, resume)
}

// ask asks what no computation answers. resume is called with nil when nobody
// has answered for as long as wait; the function that ask returns takes the
// question back.
func (e *Engine) ask(q Ask, wait time.Duration, resume func(Answer)) (withdraw func()) {
	open := e.open(Question{Ask: q}, nil)
	withdraw = func() {
		e.timers.clear(&open.silent)
		delete(e.questions, open.id)
	}
	open.resume = func(a Answer) {
		withdraw()
		resume(a)
	}
	open.silent.owner = then(func(time.Time) { open.resume(nil) })
	e.timers.set(&open.silent, e.now.Add(wait))
	return withdraw
}

// Answer continues what waits for question id. An answer that nothing waits for
// any more is ignored, but for an address in it, which is given back.
func (e *Engine) Answer(now time.Time, id uint64, a Answer, fx *Effects) {
	e.begin(now, fx)
	if open := e.questions[id]; open != nil {
		delete(e.questions, id)
		open.resume(a)
		return
	}
	if late, ok := a.(Allocated); ok && late.Address.IsValid() {
		e.fx.Released = append(e.fx.Released, ReleasedAddress{late.Session, late.Address})
	}
}

var (
	errNoRandomness = errors.New("the source of randomness fails")
	errWrongAnswer  = errors.New("the answer is another question's")
)

// exponentSeed is enough for several draws of the longest exponent, since one
// out of range is drawn again.
const exponentSeed = 512

func computeDH(g isakmp.Group, pair *keymat.KeyPair, peer []byte, rand io.Reader) DHResult {
	if pair == nil {
		var err error
		if pair, err = keymat.GenerateKeyPair(g, rand); err != nil {
			return DHResult{Err: err}
		}
	}
	if peer == nil {
		return DHResult{KeyPair: pair}
	}
	shared, err := pair.SharedSecret(peer)
	return DHResult{KeyPair: pair, Shared: shared, Err: err}
}
