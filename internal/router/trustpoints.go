package router

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/trace"
	"qmidle/internal/trustpoint"
)

// Keys finds the key pair of a label; false is that there is none.
type Keys func(label string) (crypto.Signer, bool)

// KeysOf are those of a store that hands out keys of a kind of its own.
func KeysOf[K crypto.Signer](find func(label string) (K, bool)) Keys {
	return func(label string) (crypto.Signer, bool) { return find(label) }
}

// trustpoints are what the configuration has of CAs and of certificates of ours. A
// certificate whose key is not there proves nothing.
func trustpoints(c *config.Config, keys Keys) (all []*ike.Trustpoint) {
	for _, t := range c.Trustpoints {
		chain := c.Chain(t.Name)
		x := &ike.Trustpoint{Name: t.Name}
		for _, ca := range certificates(chain.Of(config.CACertificate)) {
			x.Authorities = append(x.Authorities, ca.RawSubject)
		}
		if keys != nil {
			if key, ok := keys(trustpoint.KeyLabel(c, t)); ok {
				x.Certificate, x.Key = certificateOf(key, chain), key
			}
		}
		if x.Certificate != nil {
			x.Chain = above(c, t)
		}
		if len(x.Authorities) > 0 || x.Certificate != nil {
			all = append(all, x)
		}
	}
	return all
}

// certificateOf is the certificate of a key; nil is none. Of several the one that is
// valid longest counts: it is the newest.
func certificateOf(key crypto.Signer, chain *config.CertificateChain) (best *x509.Certificate) {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return nil
	}
	for _, kind := range []config.CertificateKind{config.OwnCertificate, config.SelfSignedCertificate} {
		for _, c := range certificates(chain.Of(kind)) {
			if public.Equal(c.PublicKey) && (best == nil || c.NotAfter.After(best.NotAfter)) {
				best = c
			}
		}
	}
	return best
}

// above are the CAs of a trustpoint and of those with which its chain goes on, but
// for roots: those whoever is to believe them has.
func above(c *config.Config, t *config.Trustpoint) (all []*x509.Certificate) {
	const most = 8
	for range most {
		for _, ca := range certificates(c.Chain(t.Name).Of(config.CACertificate)) {
			if !bytes.Equal(ca.RawSubject, ca.RawIssuer) {
				all = append(all, ca)
			}
		}
		if t = c.Trustpoint(t.ChainParent); t == nil {
			break
		}
	}
	return all
}

func certificates(ders [][]byte) (all []*x509.Certificate) {
	for _, der := range ders {
		if c, err := x509.ParseCertificate(der); err == nil {
			all = append(all, c)
		}
	}
	return all
}

// Inquiry is what trustpoints are asked for a question of the engine's.
func Inquiry(q ike.JudgePeer) trustpoint.Inquiry {
	return trustpoint.Inquiry{Trustpoints: q.Trustpoints, Leaf: q.Leaf, Offered: q.Offered, Kind: q.Identity.Type, Identity: []byte(q.Identity.Data)}
}

// Judged is what trustpoints have answered.
func Judged(j trustpoint.Judgement) ike.Judged {
	return ike.Judged{Verdict: j.Verdict, Trustpoint: j.Trustpoint}
}

// KeysChanged is for key pairs that came or went: what is negotiated next is proven
// by those that are there.
func (r *Router) KeysChanged(now time.Time) Output {
	r.engines.Reconfigure(now, r.engineConfig(), trace.ReasonReconfigured, r.begin(now))
	return r.finish()
}
