package capture

import (
	"bytes"
	"fmt"

	"qmidle/internal/diagnose"
	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
)

// phase1Keys is what a negotiation has agreed, as far as it was captured, and
// the cipher where its key is known.
type phase1Keys struct {
	agreed   bool
	encr     isakmp.EncryptionAlgorithm
	bits     uint16
	hash     isakmp.HashAlgorithm
	auth     isakmp.AuthMethod
	gxi, gxr []byte
	ni, nr   []byte
	iv       keymat.IV // of phase 1, then its last block
	chained  bool      // iv is set
	cipher   *keymat.Cipher
	wrong    bool // the key of this cookie decrypts nothing
}

// maxPublic bounds a public value, in octets: 8192 bits.
const maxPublic = 1024

// agree reads the chosen suite.
func (k *phase1Keys) agree(chosen []isakmp.Attribute) {
	k.agreed = true
	for _, a := range chosen {
		v, _ := a.Uint()
		switch a.Type {
		case isakmp.AttrEncryption:
			k.encr = isakmp.EncryptionAlgorithm(v)
		case isakmp.AttrKeyLength:
			k.bits = uint16(v)
		case isakmp.AttrHash:
			k.hash = isakmp.HashAlgorithm(v)
		case isakmp.AttrAuthMethod:
			k.auth = isakmp.AuthMethod(v)
		}
	}
}

func (k *phase1Keys) public(initiator bool, b []byte) {
	if len(b) == 0 || len(b) > maxPublic {
		return
	}
	if p := k.half(initiator, &k.gxi, &k.gxr); *p == nil {
		*p = bytes.Clone(b)
	}
}

func (k *phase1Keys) nonce(initiator bool, b []byte) {
	if len(b) == 0 || len(b) > isakmp.MaxNonceLen {
		return
	}
	if p := k.half(initiator, &k.ni, &k.nr); *p == nil {
		*p = bytes.Clone(b)
	}
}

func (k *phase1Keys) half(initiator bool, i, r *[]byte) *[]byte {
	if initiator {
		return i
	}
	return r
}

// chain makes the first IV of phase 1 (RFC 2409 appendix B). It is false where
// the capture lacks what it is made of.
func (k *phase1Keys) chain() bool {
	size := keymat.CipherBlockSize(k.encr)
	if !k.chained && k.agreed && size > 0 && keymat.HashSupported(k.hash) && k.gxi != nil && k.gxr != nil {
		k.iv, k.chained = keymat.Phase1IV(k.hash, k.gxi, k.gxr, size), true
	}
	return k.chained
}

// ivFor is the first IV of an exchange after phase 1, none where phase 1 was not
// captured.
func (k *phase1Keys) ivFor(id uint32) keymat.IV {
	if !k.chained {
		return keymat.IV{}
	}
	return k.iv.ForMessage(k.hash, id, keymat.CipherBlockSize(k.encr))
}

// ciphers are those that may be the session's: the one that is known, else of
// each key that may fit.
func (r *reader) ciphers(s *session) []*keymat.Cipher {
	k := &s.keys
	if k.cipher != nil {
		return []*keymat.Cipher{k.cipher}
	}
	keys := r.options.Keys
	if keys == nil || k.wrong {
		return nil
	}
	want, ok := keymat.CipherKeyLen(k.encr, k.bits)
	if !ok {
		return nil
	}
	candidates := keys.loose
	if key, found := keys.byCookie[s.initiator]; found {
		candidates = append(candidates[:len(candidates):len(candidates)], key)
	}
	var all []*keymat.Cipher
	for _, key := range candidates {
		if len(key.Reveal()) != want || r.budget == 0 {
			continue
		}
		r.budget--
		if c, err := keymat.NewCipher(k.encr, key.Reveal()); err == nil {
			all = append(all, c)
		}
	}
	return all
}

// decryptPhase1 reads an encrypted message of phase 1 where a key for it is
// known.
func (r *reader) decryptPhase1(s *session, m *message) {
	if !s.keys.chain() {
		r.unchained(s)
		return
	}
	iv := s.keys.iv
	s.keys.iv.Advance(m.body)
	ok := r.decrypt(s, m, iv, func(list []isakmp.Payload) bool {
		for _, p := range list {
			if p.Type == isakmp.PayloadHash && len(p.Body) == keymat.HashSize(s.keys.hash) || p.Type == isakmp.PayloadSignature {
				return true
			}
		}
		return false
	})
	if !ok && r.options.Keys != nil && !s.keys.wrong {
		_, named := r.options.Keys.byCookie[s.initiator]
		if s.keys.wrong = named; named {
			r.wrongKeys++
		}
	}
}

// decryptLater reads a message of an exchange after phase 1, and takes the
// exchange's IV on.
func (r *reader) decryptLater(s *session, m *message, iv *keymat.IV) {
	if len(iv.Bytes()) == 0 {
		r.unchained(s)
		return
	}
	r.decrypt(s, m, *iv, func(list []isakmp.Payload) bool {
		return list[0].Type == isakmp.PayloadHash && len(list[0].Body) == keymat.HashSize(s.keys.hash)
	})
	iv.Advance(m.body)
}

// unchained counts a key that is of no use for want of the beginning.
func (r *reader) unchained(s *session) {
	if keys := r.options.Keys; keys != nil && !s.keys.wrong {
		if _, found := keys.byCookie[s.initiator]; found {
			s.keys.wrong = true
			r.noBeginning++
		}
	}
}

// decrypt tries the ciphers until the payloads make sense.
func (r *reader) decrypt(s *session, m *message, iv keymat.IV, sense func([]isakmp.Payload) bool) bool {
	size := len(iv.Bytes())
	if len(m.body) == 0 || len(m.body)%size != 0 {
		return false
	}
	for _, c := range r.ciphers(s) {
		plain := bytes.Clone(m.body)
		c.Decrypt(iv.Bytes(), plain)
		list, _, err := isakmp.ParsePayloads(m.header.NextPayload, plain, true, nil)
		if err != nil || len(list) == 0 || !sense(list) {
			continue
		}
		s.keys.cipher, m.payloads, m.decrypted = c, list, true
		r.result.Decrypted++
		return true
	}
	return false
}

// quickPayloads reads a message of quick mode or of a transaction.
func (r *reader) quickPayloads(s *session, q *quick, m *message, n int) {
	var ids []isakmp.ID
	var offer isakmp.SA
	for _, p := range m.payloads {
		switch p.Type {
		case isakmp.PayloadID:
			if id, err := isakmp.ParseID(p); err == nil {
				ids = append(ids, id)
			}
		case isakmp.PayloadAttributes:
			r.attributes(s, m, p)
		case isakmp.PayloadSA:
			offer, _ = isakmp.ParseSA(p)
		}
	}
	if n == 1 && len(ids) == 2 {
		q.pair = diagnose.PairOf(ids[0], ids[1])
		q.where += ", " + q.pair
	}
	if n == 1 {
		r.quickOffer(s, q, offer)
	}
	if n == 1 && q.pair != "" {
		r.tell(s.c, q.from, r.at, q.where, diagnose.Observation{Kind: diagnose.Asked, Phase: diagnose.Phase2, Session: s.id, Role: diagnose.Initiator, Pair: q.pair, Authentic: true})
	}
}

// maxQuickOffers bounds the suites of one quick mode that are told of.
const maxQuickOffers = 16

// quickOffer tells of the suites for ESP that a quick mode offers.
func (r *reader) quickOffer(s *session, q *quick, offer isakmp.SA) {
	told := 0
	for _, p := range offer.Proposals {
		if p.Protocol != isakmp.ProtocolESP {
			continue
		}
		for _, t := range p.Transforms {
			if told++; told > maxQuickOffers {
				return
			}
			suite := diagnose.QuickSuiteOf(t)
			r.tell(s.c, q.from, r.at, q.where+": "+suite, diagnose.Observation{Kind: diagnose.QuickOffer, Phase: diagnose.Phase2, Session: s.id, Role: diagnose.Initiator,
				Pair: q.pair, Detail: suite, Authentic: true})
		}
	}
}

// attributes reads what XAUTH says of a user.
func (r *reader) attributes(s *session, m *message, p isakmp.Payload) {
	a, err := isakmp.ParseAttributes(p)
	if err != nil {
		return
	}
	for _, x := range a.Attributes {
		if v, ok := x.Uint(); ok && x.Type == isakmp.XAUTHStatus && v == uint64(isakmp.XAUTHFail) {
			r.tell(s.c, 1-m.from, r.at, m.where(s.c)+": XAUTH-STATUS fail", diagnose.Observation{Kind: diagnose.XauthRejected, Phase: diagnose.PhaseConfig, Session: s.id})
		}
	}
}

// infoPayloads reads a decrypted informational message.
func (r *reader) infoPayloads(s *session, m *message) {
	for _, p := range m.payloads {
		switch p.Type {
		case isakmp.PayloadNotify:
			if n, err := isakmp.ParseNotify(p); err == nil {
				r.readNotify(s, m, n)
			}
		case isakmp.PayloadDelete:
			if d, err := isakmp.ParseDelete(p); err == nil {
				phase := diagnose.Phase2
				if d.Protocol == isakmp.ProtocolISAKMP {
					phase = diagnose.Phase1
				}
				r.tell(s.c, 1-m.from, r.at, fmt.Sprintf("%s: delete of %d %s SAs", m.where(s.c), len(d.SPIs), d.Protocol),
					diagnose.Observation{Kind: diagnose.DeleteReceived, Phase: phase, Session: s.id, Authentic: true})
			}
		}
	}
}

// readNotify takes a notify under the keys of phase 1.
func (r *reader) readNotify(s *session, m *message, n isakmp.Notify) {
	text := fmt.Sprintf("%s: notify %s", m.where(s.c), notifyWords(n))
	o := diagnose.Observation{Phase: diagnose.PhaseLife, Session: s.id, Detail: n.Type.String(), Authentic: true}
	switch n.Type {
	case isakmp.NotifyRUThere:
		asked := &s.infos[m.from]
		if asked.count == 0 || s.c.heard[1-m.from].number > asked.last.number {
			*asked = questions{first: r.at}
		}
		asked.count, asked.last, asked.digest = asked.count+1, r.at, m.digest
		return
	case isakmp.NotifyRUThereAck:
		o.Kind = diagnose.DPDAnswered
	case isakmp.NotifyResponderLifetime:
		o.Kind = diagnose.LifetimeShorter
	case isakmp.NotifyInitialContact:
		o.Kind, o.Phase = diagnose.InitialContactSeen, diagnose.Phase1
	case isakmp.NotifyInvalidSPI, isakmp.NotifyInvalidCookie:
		o.Kind = diagnose.InvalidSPITold
	default:
		if n.Type >= isakmp.NotifyConnected {
			return
		}
		if !s.up {
			s.notified = 2 - m.from
			s.note(event{kind: told, phase: diagnose.Phase1, message: s.max, from: m.from, at: r.at, detail: n.Type.String(), text: text, auth: true})
			return
		}
		o.Kind, o.Phase = diagnose.NotifyReceived, diagnose.Phase2
		for _, q := range s.quicks {
			if q.from != m.from && q.max == 1 {
				q.told, o.Pair = true, q.pair
			}
		}
	}
	r.tell(s.c, 1-m.from, r.at, text, o)
}

func (r *reader) keyRemarks() {
	if r.wrongKeys > 0 {
		r.remark("%d keys of the key file decrypt nothing of the negotiations that they are for", r.wrongKeys)
	}
	if r.noBeginning > 0 {
		r.remark("%d negotiations with a key cannot be decrypted: the capture lacks their messages 1 to 4, of which the first IV is made", r.noBeginning)
	}
	if r.options.Keys != nil && r.result.Decrypted == 0 && r.result.IKE > 0 {
		r.remark("no key of the key file has decrypted anything")
	}
	if len(r.options.PSKs) > 0 && r.proofs == 0 {
		r.remark("the pre-shared keys could not be checked: that needs the first two messages of an aggressive mode; in main mode a pre-shared key alone tells nothing")
	}
}
