package ike

import (
	"bytes"
	"errors"
	"io"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
)

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
	e.lastQuestion++
	e.questions[e.lastQuestion] = resume
	e.fx.Questions = append(e.fx.Questions, Question{
		ID:  e.lastQuestion,
		Run: func() DHResult { return computeDH(g, pair, peer, bytes.NewReader(seed)) },
	})
}

var errNoRandomness = errors.New("the source of randomness fails")

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
