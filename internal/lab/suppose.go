package lab

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/isakmp"
	"qmidle/internal/pki"
	"qmidle/internal/trustpoint"
)

// A configuration that is held against another says nothing of its private key, and
// mostly has no certificates. So that the rest can be tried, each end with a trustpoint
// is supposed to have a certificate that the other believes.

// supposedKeys are made once: all ends of all comparisons may have the same.
var supposedKeys = map[isakmp.AuthMethod]func() (crypto.Signer, error){
	isakmp.AuthRSASig: sync.OnceValues(func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, pki.MinRSABits) }),
	isakmp.AuthECDSA256: sync.OnceValues(func() (crypto.Signer, error) {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}),
}

// suppose gives a gateway a certificate for its first trustpoint and its first policy
// by signatures, where it has both.
func (c *gatewayConfig) suppose() error {
	i := slices.IndexFunc(c.cfg.ISAKMP.Policies, func(p config.Policy) bool { return supposedKeys[p.Auth] != nil })
	if i < 0 || len(c.cfg.Trustpoints) == 0 {
		return nil
	}
	key, err := supposedKeys[c.cfg.ISAKMP.Policies[i].Auth]()
	if err != nil {
		return fmt.Errorf("a key for the trial: %w", err)
	}
	der, err := supposedCertificate(c.cfg, key)
	if err != nil {
		return fmt.Errorf("a certificate for the trial: %w", err)
	}
	t, cfg := c.cfg.Trustpoints[0], *c.cfg
	cfg.Chains = append(slices.Clip(slices.DeleteFunc(slices.Clone(cfg.Chains), func(x *config.CertificateChain) bool { return x.Name == t.Name })),
		&config.CertificateChain{Name: t.Name, Certificates: []config.StoredCertificate{{Kind: config.OwnCertificate, Serial: "01", DER: der}}})
	c.cfg, c.supposed = &cfg, true
	c.keys = keys{trustpoint.KeyLabel(&cfg, t): key}
	return nil
}

// supposedCertificate has all names by which a gateway may call itself.
func supposedCertificate(c *config.Config, key crypto.Signer) ([]byte, error) {
	x := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: c.Hostname}, NotBefore: epoch.Add(-time.Hour), NotAfter: epoch.AddDate(10, 0, 0),
		DNSNames: []string{trustpoint.HostName(c)}}
	for _, i := range c.Interfaces {
		for _, a := range i.Addresses {
			x.IPAddresses = append(x.IPAddresses, a.Addr().AsSlice())
		}
	}
	for _, p := range c.Profiles {
		switch s := p.SelfIdentity; {
		case s.Type == config.SelfFQDN && s.Name != "":
			x.DNSNames = append(x.DNSNames, s.Name)
		case s.Type == config.SelfUserFQDN:
			x.EmailAddresses = append(x.EmailAddresses, s.Name)
		}
	}
	return x509.CreateCertificate(rand.Reader, x, x, key.Public(), key)
}
