package ike

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"

	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/policy"
	"qmidle/internal/trace"
)

// Signatures of phase 1. An RSA signature is over HASH_I or HASH_R itself, in the
// padding of PKCS #1 without the object identifier of a hash (RFC 2409 section 5.1).
// One by ECDSA is over a HASH that the method's own hash makes, and is the two
// numbers one behind the other (RFC 4754 sections 3 and 7).

// ecdsaMethod is what a method of RFC 4754 is tied to.
type ecdsaMethod struct {
	curve elliptic.Curve
	hash  crypto.Hash
	prf   isakmp.HashAlgorithm
}

func ecdsaOf(auth isakmp.AuthMethod) (m ecdsaMethod, ok bool) {
	switch auth {
	case isakmp.AuthECDSA256:
		return ecdsaMethod{elliptic.P256(), crypto.SHA256, isakmp.HashSHA256}, true
	case isakmp.AuthECDSA384:
		return ecdsaMethod{elliptic.P384(), crypto.SHA384, isakmp.HashSHA384}, true
	case isakmp.AuthECDSA521:
		return ecdsaMethod{elliptic.P521(), crypto.SHA512, isakmp.HashSHA512}, true
	}
	return m, false
}

// signedHash is the hash function of a suite's HASH_I and HASH_R: that of the method
// where it has one.
func signedHash(suite policy.IKE) isakmp.HashAlgorithm {
	if e, ok := ecdsaOf(suite.Auth); ok {
		return e.prf
	}
	return suite.Hash
}

// proofI and proofR are HASH_I and HASH_R over an identity's body, as they are
// proven by the method that was agreed.
func (s *sa) proofI(id []byte) []byte {
	gxi, gxr := s.publicValues()
	return keymat.HashI(signedHash(s.suite), s.skeyid.Base, gxi, gxr, s.cookieI, s.cookieR, s.handshake.saiB, id)
}

func (s *sa) proofR(id []byte) []byte {
	gxi, gxr := s.publicValues()
	return keymat.HashR(signedHash(s.suite), s.skeyid.Base, gxi, gxr, s.cookieI, s.cookieR, s.handshake.saiB, id)
}

func (s *sa) publicValues() (gxi, gxr []byte) {
	h := s.handshake
	if s.role == trace.RoleInitiator {
		return h.keys.Public(), h.peerPublic
	}
	return h.peerPublic, h.keys.Public()
}

var errWrongKey = errors.New("the key does not make signatures of this method")

// sign signs a HASH.
func sign(key crypto.Signer, auth isakmp.AuthMethod, hash []byte) ([]byte, error) {
	e, elliptic := ecdsaOf(auth)
	if !fits(key.Public(), auth) {
		return nil, errWrongKey
	}
	if !elliptic {
		return key.Sign(nil, hash, crypto.Hash(0))
	}
	// Without randomness the nonce is made of key and hash (RFC 6979): a run from a
	// seed is the same each time.
	der, err := key.Sign(nil, hash, e.hash)
	if err != nil {
		return nil, err
	}
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &sig); err != nil {
		return nil, err
	}
	size := (e.curve.Params().BitSize + 7) / 8
	out := make([]byte, 2*size)
	sig.R.FillBytes(out[:size])
	sig.S.FillBytes(out[size:])
	return out, nil
}

// check says what is wrong with a signature of a HASH; ok is nothing.
func check(c *x509.Certificate, auth isakmp.AuthMethod, hash, signature []byte) (p trace.SignatureProblem, ok bool) {
	if !fits(c.PublicKey, auth) {
		return trace.SignatureWrongKey, false
	}
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if len(signature) != key.Size() {
			return trace.SignatureLength, false
		}
		return trace.SignatureDiffers, rsa.VerifyPKCS1v15(key, crypto.Hash(0), hash, signature) == nil
	case *ecdsa.PublicKey:
		size := (key.Curve.Params().BitSize + 7) / 8
		if len(signature) != 2*size {
			return trace.SignatureLength, false
		}
		r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
		return trace.SignatureDiffers, ecdsa.Verify(key, hash, r, s)
	}
	return trace.SignatureWrongKey, false
}

// Signed is what a question about a signature of ours yields.
type Signed struct {
	Signature []byte
	Err       error
}

// Verified is what a question about the peer's signature yields.
type Verified struct {
	OK      bool
	Problem trace.SignatureProblem // where it is not
	Leaf    *x509.Certificate      // whose key was tried; nil for none
	Offered []*x509.Certificate    // beside it
}

func (Signed) answer()   {}
func (Verified) answer() {}

// Bounds of what one message has: the certificates that are read, and those whose
// key is tried.
const (
	maxCertificates = 32
	maxTried        = 4
)

// verify finds the certificate whose key has made a signature: the first of those
// that are no CA's, or the first where all are.
func verify(encoded [][]byte, auth isakmp.AuthMethod, hash, signature []byte) Verified {
	all, malformed := parseCertificates(encoded)
	if len(all) == 0 {
		if malformed {
			return Verified{Problem: trace.SignatureBadCertificate}
		}
		return Verified{Problem: trace.SignatureNoCertificate}
	}
	var first Verified
	for n, i := range leaves(all) {
		leaf := all[i]
		problem, ok := check(leaf, auth, hash, signature)
		v := Verified{OK: ok, Problem: problem, Leaf: leaf, Offered: append(all[:i:i], all[i+1:]...)}
		if ok {
			return v
		}
		if n == 0 {
			first = v
		}
	}
	return first
}

// leaves are the places of those that may be the peer's own.
func leaves(all []*x509.Certificate) (places []int) {
	for i, c := range all {
		if !c.IsCA && len(places) < maxTried {
			places = append(places, i)
		}
	}
	if len(places) == 0 {
		return []int{0}
	}
	return places
}

func parseCertificates(encoded [][]byte) (all []*x509.Certificate, malformed bool) {
	for _, der := range encoded {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			malformed = true
			continue
		}
		if len(all) < maxCertificates {
			all = append(all, c)
		}
	}
	return all, malformed
}
