package ike

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/trace"
)

// chainFor is the IV under which s expects a message.
func (s *sa) chainFor(h isakmp.Header) keymat.IV {
	if ofPhase1(h.Exchange) {
		return s.iv
	}
	if n := s.nodes[nodeKey(h.Exchange, h.MessageID)]; n != nil {
		return n.iv
	}
	return s.iv.ForMessage(s.suite.Hash, h.MessageID, s.cipher.BlockSize())
}

func ofPhase1(x isakmp.ExchangeType) bool {
	return x == isakmp.ExchangeIdentity || x == isakmp.ExchangeAggressive
}

// inClear is the payloads of a message that s is about to receive.
func inClear(t testing.TB, s *sa, data []byte) (isakmp.Header, []isakmp.Payload) {
	t.Helper()
	data = slices.Clone(data)
	h, err := isakmp.ParseHeader(data)
	if err != nil {
		t.Fatal(err)
	}
	encrypted := h.Flags&isakmp.FlagEncryption != 0
	if encrypted {
		iv := s.chainFor(h)
		s.cipher.Decrypt(iv.Bytes(), data[isakmp.HeaderLen:])
	}
	payloads, _, err := isakmp.ParsePayloads(h.NextPayload, data[isakmp.HeaderLen:], encrypted, nil)
	if err != nil {
		t.Fatal(err)
	}
	return h, payloads
}

// asItsPeer makes a message of payloads in clear, whatever they are, into one of
// s's peer: with a true HASH, if one stands first, and encrypted, if s has keys.
func (s *sa) asItsPeer(h isakmp.Header, body []byte) []byte {
	if h.Flags&isakmp.FlagEncryption == 0 || s == nil || s.cipher == nil {
		return setLength(append(h.AppendTo(nil), body...))
	}
	size := keymat.HashSize(s.suite.Hash)
	if !ofPhase1(h.Exchange) && h.NextPayload == isakmp.PayloadHash && len(body) >= 4+size {
		copy(body[4:4+size], s.peersHash(h, body[4+size:]))
	}
	for len(body)%s.cipher.BlockSize() != 0 {
		body = append(body, 0)
	}
	iv := s.chainFor(h)
	s.cipher.Encrypt(iv.Bytes(), body)
	return setLength(append(h.AppendTo(nil), body...))
}

func (s *sa) peersHash(h isakmp.Header, rest []byte) []byte {
	n := s.nodes[nodeKey(h.Exchange, h.MessageID)]
	switch {
	case n == nil || h.Exchange != isakmp.ExchangeQuick:
		return keymat.QuickHash1(s.suite.Hash, s.skeyid.A, h.MessageID, rest)
	case n.role == trace.RoleInitiator:
		return keymat.QuickHash2(s.suite.Hash, s.skeyid.A, n.id, n.nonceI, rest)
	}
	return keymat.QuickHash3(s.suite.Hash, s.skeyid.A, n.id, n.nonceI, n.nonceR)
}

// chained is the payloads in wire form.
func chained(payloads []isakmp.Payload) (first isakmp.PayloadType, body []byte) {
	b := isakmp.NewBuilder(nil, isakmp.Header{})
	for _, p := range payloads {
		b.Add(p.Type, p.Body)
	}
	if len(payloads) > 0 {
		first = payloads[0].Type
	}
	return first, slices.Clone(b.Payloads())
}

// bend changes one thing of a message: a payload or a field of one.
func bend(r *rand.Rand, h isakmp.Header, list []isakmp.Payload) (what string, _ isakmp.Header, body []byte) {
	list = slices.Clone(list)
	i := r.IntN(len(list))
	p := &list[i]
	p.Body = slices.Clone(p.Body)
	what = fmt.Sprintf("%s %d", p.Type, i)
	switch r.IntN(10) {
	case 0:
		what += " left out"
		list = slices.Delete(list, i, i+1)
	case 1:
		what += " twice"
		list = slices.Insert(list, i, list[i])
	case 2:
		j := r.IntN(len(list))
		list[i], list[j] = list[j], list[i]
		what += fmt.Sprintf(" in the place of %d", j)
	case 3:
		p.Type = isakmp.PayloadType(r.IntN(256))
		what += fmt.Sprintf(" as type %d", p.Type)
	case 4:
		p.Body = p.Body[:r.IntN(len(p.Body)+1)]
		what += fmt.Sprintf(" cut to %d", len(p.Body))
	case 5:
		p.Body = append(p.Body, make([]byte, 1+r.IntN(300))...)
		what += " longer"
	case 6, 7:
		if len(p.Body) > 0 {
			at, value := r.IntN(len(p.Body)), []byte{0, 1, 0x7f, 0x80, 0xff, byte(r.IntN(256))}[r.IntN(6)]
			p.Body[at] = value
			what += fmt.Sprintf(" with octet %d = %02x", at, value)
		}
	default:
		h.NextPayload, body = chained(list)
		at := genericHeader(body, i) + r.IntN(4)
		body[at] = []byte{0, 1, 3, 4, 0xff, byte(r.IntN(256))}[r.IntN(6)]
		return what + fmt.Sprintf(" with generic header octet %d = %02x", at, body[at]), h, body
	}
	h.NextPayload, body = chained(list)
	return what, h, body
}

// genericHeader is where payload i begins.
func genericHeader(body []byte, i int) (at int) {
	for range i {
		at += int(binary.BigEndian.Uint16(body[at+2:]))
	}
	return at
}

// One thing bent in one message of an otherwise true exchange, the keys of the
// peer included: no panic, one datagram at most in answer, one exponentiation at
// most, and all of it is gone in the end.
func TestOneThingBent(t *testing.T) {
	const runs = 60
	for n := 1; n <= tunnelDatagrams; n++ {
		for seed := range uint64(runs) {
			r := rand.New(rand.NewPCG(seed, uint64(n)))
			what := ""
			p := at(t, n, withPFS, func(p *pair, d Datagram) {
				to := p.sideAt(d.Remote.Addr())
				var s *sa
				if n > 1 {
					s = to.newest()
				}
				h, payloads := inClear(t, s, d.Data)
				var body []byte
				what, h, body = bend(r, h, payloads)
				before := to.engine.Statistics()
				up := to.upSAs()
				p.hand(d, s.asItsPeer(h, body))
				after := to.engine.Statistics()
				if got := after.DatagramsOut - before.DatagramsOut; got > 2 {
					t.Errorf("message %d, seed %d, %s: %d datagrams in answer", n, seed, what, got)
				}
				if got := after.Exponentiation - before.Exponentiation; got > 1 {
					t.Errorf("message %d, seed %d, %s: %d exponentiations", n, seed, what, got)
				}
				if to.upSAs() < up {
					t.Errorf("message %d, seed %d, %s: an ISAKMP SA that was up is gone", n, seed, what)
				}
			})
			p.advance(25 * time.Hour)
			p.hub.engine.checkQuiet(t)
			p.spoke.engine.checkQuiet(t)
			if t.Failed() {
				t.Fatalf("message %d, seed %d: %s", n, seed, what)
			}
		}
	}
}
