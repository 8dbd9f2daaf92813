package trustpoint

import (
	"bytes"
	"crypto/x509"
	"slices"

	"qmidle/internal/config"
)

// Restore puts the certificates of trustpoints into a configuration that was
// saved before they came, and returns the names of those that it gave some to.
// A chain counts if it has a CA in common with the configuration's, and its own
// certificate is of the trustpoint's key and not older. Where a new key was made for
// it, the key is to take its place: those labels are returned, too.
func Restore(cfg *config.Config, keys Keys, kept []config.CertificateChain) (restored, promoted []string) {
	for _, x := range kept {
		t, saved := cfg.Trustpoint(x.Name), cfg.Chain(x.Name)
		if t == nil || !sharesCA(saved, &x) {
			continue
		}
		own := newest(&x)
		if before := newest(saved); own == nil || before != nil && own.NotBefore.Before(before.NotBefore) {
			continue
		}
		label := KeyLabel(cfg, t)
		switch {
		case isKey(keys, label, own):
		case isKey(keys, NextLabel(label), own):
			promoted = append(promoted, label)
		default:
			continue
		}
		saved.Certificates = slices.Clone(x.Certificates)
		restored = append(restored, x.Name)
	}
	return restored, promoted
}

// NextLabel is that of the key pair that is to take another's place with a
// renewal.
func NextLabel(label string) string { return label + "#" }

func isKey(keys Keys, label string, c *x509.Certificate) bool {
	k, ok := keys.Key(label)
	return ok && sameKey(k.Public(), c.PublicKey)
}

func sharesCA(a, b *config.CertificateChain) bool {
	return slices.ContainsFunc(a.Of(config.CACertificate), func(der []byte) bool {
		return slices.ContainsFunc(b.Of(config.CACertificate), func(o []byte) bool { return bytes.Equal(der, o) })
	})
}

// newest is a chain's own certificate that begins last.
func newest(x *config.CertificateChain) (found *x509.Certificate) {
	for _, der := range x.Of(config.OwnCertificate) {
		c, err := x509.ParseCertificate(der)
		if err == nil && (found == nil || found.NotBefore.Before(c.NotBefore)) {
			found = c
		}
	}
	return found
}
