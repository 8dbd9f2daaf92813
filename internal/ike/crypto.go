package ike

import (
	"slices"

	"qmidle/internal/trace"
)

// The work of the crypto engine, as `debug crypto engine` tells it. From where
// it stops an operator reads how far a negotiation came: nothing is done before
// a policy is agreed, the HASH of the peer is the last thing where it cannot
// prove itself, and no flow is allocated without a common transform.

// works tells one piece of work for s.
func (s *sa) works(op trace.CryptoOp) {
	if s.e.cfg.Events == nil {
		return
	}
	ev := trace.CryptoOperation{Op: op}
	if op == trace.CryptoCreateSKEYID || op == trace.CryptoHMACContext {
		ev.Conn = s.conn
	}
	s.emit(&ev)
}

// expectsProof tells the context for the HASH of the peer in message 5 or 6. It
// is made once, ahead of the payloads: with another key they are noise, and the
// output ends here whichever way the noise is refused.
func (s *sa) expectsProof() {
	if !s.handshake.expectsProof {
		s.handshake.expectsProof = true
		s.works(trace.CryptoHMACContext)
	}
}

// dhNumbers are the places of the Diffie-Hellman key pairs that are in use. IOS
// counts them apart from its SAs, from 1 on, and gives the lowest that is free.
type dhNumbers []bool

// take returns a free number.
func (d *dhNumbers) take() uint32 {
	i := slices.Index(*d, false)
	if i < 0 {
		i = len(*d)
		*d = append(*d, false)
	}
	(*d)[i] = true
	return uint32(i + 1)
}

// free takes a number back; 0 is none.
func (d dhNumbers) free(n uint32) {
	if n != 0 {
		d[n-1] = false
	}
}

// count is how many are taken.
func (d dhNumbers) count() (n int) {
	for _, taken := range d {
		if taken {
			n++
		}
	}
	return n
}

// clearDH takes a key pair's number back that has done its work, and tells it.
// One whose negotiation failed goes without a word: the last line is to be what
// the negotiation came to.
func (s *sa) clearDH(number *uint32) {
	s.e.dhNumbers.free(*number)
	if *number != 0 && s.e.cfg.Events != nil {
		s.emit(&trace.CryptoOperation{Op: trace.CryptoClearDH, Conn: *number})
	}
	*number = 0
}
