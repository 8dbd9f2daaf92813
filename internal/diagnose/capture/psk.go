package capture

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"qmidle/internal/diagnose"
	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/secret"
)

// PSK is a pre-shared key that may be the one in use, and what to call it.
type PSK struct {
	Key  secret.Secret
	Name string
}

// maxPSKs bounds the keys of a file.
const maxPSKs = 4096

// ReadPSKs reads pre-shared keys, one on each line just as it is configured. Empty
// lines do not count.
func ReadPSKs(r io.Reader) ([]PSK, error) {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 0, 1024), 4096)
	var all []PSK
	for n := 1; in.Scan(); n++ {
		key := strings.TrimSuffix(in.Text(), "\r")
		if key == "" {
			continue
		}
		if len(all) == maxPSKs {
			return nil, fmt.Errorf("it has more than %d keys", maxPSKs)
		}
		all = append(all, PSK{secret.FromString(key), fmt.Sprintf("line %d", n)})
	}
	if err := in.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return nil, errors.New("a line is too long for a pre-shared key")
		}
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("it has no key: there is one on each line")
	}
	return all, nil
}

// aggressiveProof is what HASH_R of aggressive mode covers, and itself (RFC 2409
// section 5.4).
type aggressiveProof struct{ sa, id, hash []byte }

func (r *reader) wantsProof(s *session) bool {
	return len(r.options.PSKs) > 0 && s.exchange == isakmp.ExchangeAggressive
}

// checkPSKs holds the pre-shared keys against the responder's hash. One that
// makes it is the one that the responder uses.
func (r *reader) checkPSKs(s *session, m *message) {
	k, p := &s.keys, &s.proof
	if !k.agreed || !keymat.HashSupported(k.hash) || !sharedKey(k.auth) || len(p.sa) == 0 || len(p.id) == 0 || len(p.hash) == 0 ||
		k.gxi == nil || k.gxr == nil || k.ni == nil || k.nr == nil || len(r.options.PSKs) > r.budget {
		return
	}
	r.budget -= len(r.options.PSKs)
	r.proofs++
	text := m.where(s.c) + ", aggressive mode, message 2: HASH_R "
	o := diagnose.Observation{Kind: diagnose.KeyDisproved, Phase: diagnose.Phase1, Message: 2, Session: s.id, Role: diagnose.Initiator, Count: uint64(len(r.options.PSKs))}
	for _, psk := range r.options.PSKs {
		skeyid := keymat.SkeyidPSK(k.hash, psk.Key.Reveal(), k.ni, k.nr)
		want := keymat.HashR(k.hash, skeyid, k.gxi, k.gxr, m.header.Initiator, m.header.Responder, p.sa, p.id)
		if keymat.Equal(want, p.hash) {
			o.Kind, o.Place = diagnose.KeyProved, psk.Name
			r.tell(s.c, s.from, r.at, text+"is made with the key of "+psk.Name, o)
			return
		}
	}
	r.tell(s.c, s.from, r.at, fmt.Sprintf("%sis made with none of the %d keys", text, len(r.options.PSKs)), o)
}

// sharedKey says whether a method's hashes are made with a pre-shared key.
func sharedKey(m isakmp.AuthMethod) bool {
	return m == isakmp.AuthPSK || m == isakmp.AuthXAUTHInitPSK || m == isakmp.AuthXAUTHRespPSK
}
