package ike

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"slices"

	"qmidle/internal/isakmp"
	"qmidle/internal/pki"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// Trustpoint is a CA, and what we have of it to prove ourselves with. What of a
// peer it proves, the answer to a JudgePeer says.
type Trustpoint struct {
	Name string
	// Authorities are the names of the CAs whose certificates are asked for, in DER.
	Authorities [][]byte
	// Certificate is ours, and Chain those between it and a root; nil for none.
	Certificate *x509.Certificate
	Chain       []*x509.Certificate
	// Key signs as Certificate; nil for none. It is used on other goroutines.
	Key crypto.Signer
}

// signs says whether an authentication method is one by signatures.
func signs(auth isakmp.AuthMethod) bool {
	switch proofOf(auth) {
	case isakmp.AuthRSASig, isakmp.AuthECDSA256, isakmp.AuthECDSA384, isakmp.AuthECDSA521:
		return true
	}
	return false
}

// fits says whether a key can make the signatures of a method (RFC 4754 section 3).
func fits(key any, auth isakmp.AuthMethod) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return proofOf(auth) == isakmp.AuthRSASig && k.N.BitLen() <= pki.MaxRSABits
	case *ecdsa.PublicKey:
		e, ok := ecdsaOf(auth)
		return ok && k.Curve == e.curve
	}
	return false
}

// trustpoints are those by which s proves itself and its peer: the profile's, or all.
func (s *sa) trustpoints() []*Trustpoint {
	if s.profile == nil || s.profile.Trustpoints == nil {
		return s.e.cfg.Trustpoints
	}
	var own []*Trustpoint
	for _, name := range s.profile.Trustpoints {
		for _, t := range s.e.cfg.Trustpoints {
			if t.Name == name {
				own = append(own, t)
			}
		}
	}
	return own
}

// credential chooses what s proves itself with by a method: of the trustpoints with
// a certificate and a key for it the first of a CA that the peer asks for, else the
// first. nil is that there is none; asked is false where the peer has asked for
// other CAs only.
func (s *sa) credential(auth isakmp.AuthMethod) (chosen *Trustpoint, asked bool) {
	var wanted [][]byte
	if s.handshake != nil {
		wanted = s.handshake.wanted
	}
	for _, t := range s.trustpoints() {
		if t.Key == nil || t.Certificate == nil || !fits(t.Key.Public(), auth) {
			continue
		}
		if len(wanted) == 0 || slices.ContainsFunc(wanted, t.isOf) {
			return t, true
		}
		if chosen == nil {
			chosen = t
		}
	}
	return chosen, false
}

// isOf says whether a certificate of a CA is asked for, and ours is, or one above.
func (t *Trustpoint) isOf(authority []byte) bool {
	if len(authority) == 0 || pki.SameName(authority, t.Certificate.RawIssuer) {
		return true
	}
	return slices.ContainsFunc(t.Chain, func(c *x509.Certificate) bool { return pki.SameName(authority, c.RawIssuer) })
}

// canProve says whether s has what a policy's method needs: a key for the peer, or a
// certificate.
func (s *sa) canProve(p policy.IKE, haveKey bool) bool {
	if signs(p.Auth) {
		t, _ := s.credential(p.Auth)
		return t != nil
	}
	if encrypts(p.Auth) {
		return s.canEncrypt()
	}
	return haveKey
}

// hasCertificate says whether s can prove itself by a certificate at all.
func (s *sa) hasCertificate() bool {
	return slices.ContainsFunc(s.trustpoints(), func(t *Trustpoint) bool { return t.Key != nil && t.Certificate != nil })
}

// maxRequests bounds the CAs that are asked for, and those that a peer asks for.
const maxRequests = 32

// addCertRequests asks for the peer's certificate, by the names of the CAs that may
// have issued it (RFC 2408 section 3.10). Some peers show theirs to who asks only.
func (s *sa) addCertRequests(b *isakmp.Builder) {
	if signs(s.suite.Auth) {
		s.requestCertificates(b)
	}
}

func (s *sa) requestCertificates(b *isakmp.Builder) {
	var names [][]byte
	for _, t := range s.trustpoints() {
		for _, n := range t.Authorities {
			if len(names) < maxRequests && !slices.ContainsFunc(names, func(x []byte) bool { return bytes.Equal(x, n) }) {
				names = append(names, n)
			}
		}
	}
	if len(names) == 0 {
		names = [][]byte{nil}
	}
	for _, n := range names {
		b.Add(isakmp.PayloadCertRequest, isakmp.AppendCertRequest(nil, isakmp.CertRequest{Encoding: isakmp.CertX509Signature, Data: n}))
	}
}

// takeCertRequests reads what the peer asks for.
func (m *message) takeCertRequests() {
	s := m.s
	for _, p := range m.payloads {
		if p.Type != isakmp.PayloadCertRequest {
			continue
		}
		r, err := isakmp.ParseCertRequest(p)
		if err != nil || len(s.handshake.wanted) >= maxRequests {
			continue
		}
		s.emit(&trace.PayloadProcessed{Payload: isakmp.PayloadCertRequest})
		s.emit(&trace.CertRequestReceived{Encoding: r.Encoding, Authority: authorityName(r.Data)})
		if r.Encoding == isakmp.CertX509Signature || r.Encoding == isakmp.CertPKCS7 {
			s.handshake.wanted = append(s.handshake.wanted, bytes.Clone(r.Data))
		}
	}
}

// authorityName is the name of a CA that is asked for, "" for any.
func authorityName(authority []byte) string {
	if len(authority) == 0 {
		return ""
	}
	return pki.RawName(authority)
}

// showIdentity chooses the identity that our certificate proves: the one that is
// configured if it stands there, else its host name, else its subject.
func (s *sa) showIdentity(t *Trustpoint) {
	h, own := s.handshake, t.Certificate
	id := s.identity()
	if s.configuredIdentity().Type == isakmp.IDDERASN1DN {
		h.identity = policy.Identity{Type: isakmp.IDDERASN1DN, Data: string(own.RawSubject)}
		return
	}
	if pki.CheckIdentity(own, id.Type, []byte(id.Data)).OK() {
		return
	}
	h.identity = policy.Identity{Type: isakmp.IDDERASN1DN, Data: string(own.RawSubject)}
	if names := pki.HostNames(own); len(names) > 0 {
		h.identity = policy.FQDNIdentity(names[0])
	}
	s.emit(&trace.OwnIdentityReplaced{Configured: id.Type, Used: h.identity.Type})
}

// addCertificates adds ours and those above it.
func (s *sa) addCertificates(b *isakmp.Builder, t *Trustpoint) {
	for _, c := range append([]*x509.Certificate{t.Certificate}, t.Chain...) {
		s.emit(&trace.CertificateSending{Subject: pki.RawName(c.RawSubject)})
		b.Add(isakmp.PayloadCert, isakmp.AppendCert(nil, isakmp.Cert{Encoding: isakmp.CertX509Signature, Data: c.Raw}))
	}
}
