package ike

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"net/netip"
	"strings"
	"time"

	"qmidle/internal/isakmp"
	"qmidle/internal/pki"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// The proofs of a phase 1 by signatures. Making one and checking one is a question
// that computes; whether the certificate is good is one that the driver's
// trustpoints answer, perhaps after having asked others. It is put only about a peer
// that has the certificate's key: for nobody else does the gateway ask anybody.

// JudgePeer asks whether a peer's certificate proves what the peer says that it is.
// The answer is a Judged.
type JudgePeer struct {
	Local, Remote netip.AddrPort
	Trustpoints   []string // that may prove it, in the order of preference; nil is every one
	Leaf          *x509.Certificate
	Offered       []*x509.Certificate // that came beside it
	Identity      policy.Identity
}

// Judged answers JudgePeer.
type Judged struct {
	Verdict    pki.Verdict
	Trustpoint string // whose CA it is of; "" for none
}

func (JudgePeer) ask() {}
func (Judged) answer() {}

// DefaultJudgeTimeout is how long the engine waits for a Judged: longer than who
// asks several places in turn, and not as long as peers wait.
const DefaultJudgeTimeout = 45 * time.Second

func (c *Config) judgeTimeout() time.Duration {
	if c.JudgeTimeout > 0 {
		return c.JudgeTimeout
	}
	return DefaultJudgeTimeout
}

// ourProof is our identity's body and what goes behind it to prove it.
type ourProof struct {
	body []byte
	add  func(*isakmp.Builder)
}

// prove makes our proof of an exchange, over an identity that hash takes, and that
// is followed by next: 0 is the proof. use is called with it, at once or once it is
// signed.
func (s *sa) prove(next isakmp.PayloadType, hash func(id []byte) []byte, use func(ourProof)) {
	if signs(s.suite.Auth) {
		if t, _ := s.credential(s.suite.Auth); t != nil {
			s.showIdentity(t)
		}
		body := s.ourIdentity(s.suite.Auth, cmp.Or(next, isakmp.PayloadCert))
		s.signed(body, hash(body), use)
		return
	}
	body := s.sealedIdentity()
	if !encrypts(s.suite.Auth) {
		body = s.ourIdentity(s.suite.Auth, cmp.Or(next, isakmp.PayloadHash))
	}
	s.works(trace.CryptoHMACContext)
	own := hash(body)
	use(ourProof{body, func(b *isakmp.Builder) { b.Add(isakmp.PayloadHash, own) }})
}

// sealedIdentity is the body of the identity that we have sent already, where
// identities are encrypted.
func (s *sa) sealedIdentity() []byte {
	if s.role == trace.RoleInitiator {
		return s.handshake.idI
	}
	return s.handshake.idR
}

// chosen is the event of a trustpoint that is used.
func chosen(t *Trustpoint, asked bool, now time.Time) *trace.TrustpointChosen {
	c := t.Certificate
	e := &trace.TrustpointChosen{Name: t.Name, Unasked: !asked, Subject: pki.RawName(c.RawSubject), Issuer: pki.RawName(c.RawIssuer), Clock: pki.DateText(now)}
	switch {
	case now.After(c.NotAfter):
		e.Limit = pki.DateText(c.NotAfter)
	case now.Before(c.NotBefore):
		e.Early, e.Limit = true, pki.DateText(c.NotBefore)
	}
	return e
}

// signed makes our signature of a HASH, over an identity's body. Without a
// certificate the exchange ends.
func (s *sa) signed(body, own []byte, use func(ourProof)) {
	t, asked := s.credential(s.suite.Auth)
	if t == nil {
		s.emit(&trace.CertificateMissing{Method: s.suite.Auth})
		s.deleteSA(trace.ReasonNoCertificate)
		return
	}
	s.emit(chosen(t, asked, s.e.now))
	s.works(trace.CryptoHMACContext)
	auth, key := s.suite.Auth, t.Key
	s.handshake.busy = true
	s.e.compute(func() Answer {
		signature, err := sign(key, auth, own)
		return Signed{signature, err}
	}, func(a Answer) {
		if s.dead || s.handshake == nil {
			return
		}
		s.handshake.busy = false
		r, ok := a.(Signed)
		if !ok || r.Err != nil {
			s.deleteSA(trace.ReasonInternal)
			return
		}
		use(ourProof{body, func(b *isakmp.Builder) {
			s.addCertificates(b, t)
			s.emit(&trace.SignatureMade{Trustpoint: t.Name})
			b.Add(isakmp.PayloadSignature, r.Signature)
		}})
	})
}

// keep is a message that outlives the driver's buffer. It has been decrypted.
func (m *message) keep() *message {
	kept := *m
	kept.raw, kept.payloads = bytes.Clone(m.raw), nil
	kept.parse(m.header.Encrypted())
	return &kept
}

// takeCertificates reads the certificates of a message, in DER.
func (m *message) takeCertificates() (all [][]byte) {
	for _, p := range m.payloads {
		if p.Type != isakmp.PayloadCert {
			continue
		}
		c, err := isakmp.ParseCert(p)
		if err != nil {
			m.malformed(err)
			continue
		}
		m.s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadCert})
		m.s.emit(&trace.CertificateReceived{Encoding: c.Encoding, Octets: uint16(len(c.Data))})
		switch left := maxCertificates - len(all); {
		case left <= 0:
		case c.Encoding == isakmp.CertX509Signature:
			all = append(all, c.Data)
		case c.Encoding == isakmp.CertPKCS7:
			all = append(all, pki.Wrapped(c.Data, left)...)
		}
	}
	return all
}

// claim is a peer's identity whose signature is looked at, and its certificate.
type claim struct {
	m        *message
	method   isakmp.AuthMethod
	before   trace.State // where the message was awaited
	who      policy.Identity
	verified Verified
	proven   func() bool    // takes over what the signature proves; false is a fault of ours
	then     func(*message) // goes on where the claim is proven
}

// takeSigned begins to look at the signature of main mode's message 5 or 6. The IV
// and the state go on only when it is the certificate's.
func (m *message) takeSigned(state trace.State, then func(*message)) {
	s := m.s
	before := s.state
	p, _ := m.find(isakmp.PayloadID)
	id, err := isakmp.ParseID(p)
	if err != nil {
		m.malformed(err)
		return
	}
	if s.role == trace.RoleResponder {
		s.move(trace.FromPeer, trace.InputMMExch, state)
	}
	m.tellPeerIdentity()
	who, ok := policy.IdentityFromID(id)
	if !ok {
		m.dropPayload(trace.DropIdentity, isakmp.PayloadID, p.Offset)
		m.revert(before)
		return
	}
	m.verify(s.suite.Auth, s.expectedHash(p.Body), &claim{before: before, who: who, then: then})
}

// verify has a message's signature of a HASH looked at, by a method.
func (m *message) verify(auth isakmp.AuthMethod, hash []byte, c *claim) {
	s := m.s
	c.m = m.keep()
	certificates := c.m.takeCertificates()
	c.m.takeCertRequests()
	s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadSignature})
	signature, _ := c.m.find(isakmp.PayloadSignature)
	c.method = auth
	s.handshake.busy = true
	s.e.compute(func() Answer { return verify(certificates, auth, hash, signature.Body) }, func(a Answer) {
		if s.dead || s.handshake == nil {
			return
		}
		s.handshake.busy = false
		var ok bool
		if c.verified, ok = a.(Verified); !ok {
			c.verified.Problem = trace.SignatureInternal
		}
		if !c.verified.OK {
			c.refuse()
			return
		}
		c.judge()
	})
}

// refuse goes on waiting for a true message: who has seen this one under way can
// have changed it. The peer is told, for it to give up where it was its own.
func (c *claim) refuse() {
	s, m := c.m.s, c.m
	e := &trace.SignatureRefused{Method: c.method, Problem: c.verified.Problem}
	if leaf := c.verified.Leaf; leaf != nil {
		e.Subject = pki.RawName(leaf.RawSubject)
	}
	s.emit(e)
	s.emit(&trace.AuthenticationFailed{Method: c.method})
	m.dropPayload(trace.DropBadSignature, isakmp.PayloadSignature, 0)
	s.countError(trace.ErrorAuth)
	m.revert(c.before)
	if !m.header.Encrypted() {
		return
	}
	iv := s.iv
	s.iv.Advance(m.nextIV.b[:m.nextIV.n]) // as the peer has it
	s.sendNotify(isakmp.ProtocolISAKMP, s.spi(), signatureNotify(c.verified.Problem), nil)
	s.iv = iv
}

// signatureNotify is what a peer is told of a signature (RFC 2408 sections 5.9, 5.11
// and 5.12).
func signatureNotify(p trace.SignatureProblem) isakmp.NotifyType {
	switch p {
	case trace.SignatureBadCertificate:
		return isakmp.NotifyInvalidCertificate
	case trace.SignatureNoCertificate:
		return isakmp.NotifyCertUnavailable
	}
	return isakmp.NotifyInvalidSignature
}

// judge asks for a verdict on the certificate. The message is the peer's: no other
// is awaited any more.
func (c *claim) judge() {
	s, m := c.m.s, c.m
	m.accept()
	if c.proven != nil && !c.proven() {
		s.deleteSA(trace.ReasonInternal)
		return
	}
	s.followPorts(m)
	s.lastOut = nil // a duplicate is not to be answered by what was before
	s.peerCertificate = c.verified.Leaf
	q := JudgePeer{Local: s.local, Remote: s.remote, Leaf: c.verified.Leaf, Offered: c.verified.Offered, Identity: c.who}
	if p := s.profileOf(c.who); p != nil {
		q.Trustpoints = p.Trustpoints
	}
	s.handshake.busy = true
	s.handshake.withdraw = s.e.ask(q, s.e.cfg.judgeTimeout(), c.judged)
}

func (c *claim) judged(a Answer) {
	s, m := c.m.s, c.m
	if s.dead || s.handshake == nil {
		return
	}
	s.handshake.busy, s.handshake.withdraw = false, nil
	j, ok := a.(Judged)
	if !ok {
		j.Verdict = pki.Verdict{Reason: pki.RevocationUnreachable, Certificate: c.verified.Leaf, Problem: "there was no answer in time", Now: s.e.now}
	}
	s.emit(judgement(j, c))
	if !j.Verdict.OK() {
		s.sendNotify(isakmp.ProtocolISAKMP, s.spi(), verdictNotify(j.Verdict.Reason), nil)
		s.refusePeer(trace.ReasonCertificate)
		return
	}
	s.peerID = c.who
	profile, refused := s.judgeProfile(c.who)
	if refused != trace.ReasonNone {
		s.refusePeer(refused)
		return
	}
	s.profile = profile
	if m.header.Encrypted() {
		m.takePhase1Notifies()
	}
	c.then(m)
}

// withdrawJudgement takes back what was asked about the peer's certificate.
func (s *sa) withdrawJudgement() {
	if h := s.handshake; h != nil && h.withdraw != nil {
		h.withdraw()
		h.withdraw, h.busy = nil, false
	}
}

// judgement is the event of a verdict.
func judgement(j Judged, c *claim) *trace.CertificateJudged {
	v, about := j.Verdict, c.verified.Leaf
	if v.Certificate != nil {
		about = v.Certificate
	}
	e := &trace.CertificateJudged{Trustpoint: j.Trustpoint, Subject: pki.RawName(about.RawSubject), Issuer: pki.RawName(about.RawIssuer),
		Serial: pki.SerialText(about.SerialNumber), Reason: v.Reason.String(), Clock: pki.DateText(v.Now), IDType: c.who.Type,
		ID: c.who.String(), Names: strings.Join(v.Names, " "), Text: v.Text()}
	switch v.Reason {
	case pki.Expired, pki.RevocationStale:
		e.Limit = pki.DateText(v.NotAfter)
	case pki.NotYetValid:
		e.Limit = pki.DateText(v.NotBefore)
	case pki.Revoked:
		e.Limit = pki.DateText(v.RevokedAt)
	}
	return e
}

// verdictNotify is what a peer is told of its certificate (RFC 2408 sections 3.14.1
// and 5.9).
func verdictNotify(r pki.Reason) isakmp.NotifyType {
	switch r {
	case pki.UnknownCA:
		return isakmp.NotifyInvalidCertAuthority
	case pki.IdentityNotInCertificate:
		return isakmp.NotifyInvalidIDInfo
	case pki.RevocationStale, pki.RevocationUnreachable, pki.RevocationInvalid:
		return isakmp.NotifyAuthFailed
	}
	return isakmp.NotifyInvalidCertificate
}
