package config

import (
	"crypto/rsa"
	"crypto/x509"
	"net/netip"
)

// PeerKey is a key of `crypto key pubkey-chain rsa`: the public key of a peer that
// authenticates by encrypted nonces.
type PeerKey struct {
	Address netip.Addr // of an addressed key, or of the peer with a named one; invalid for none
	Name    string     // of a named key
	DER     []byte     // SubjectPublicKeyInfo of an RSA key; nil for none yet
}

// Public is the key itself; nil for none.
func (k *PeerKey) Public() *rsa.PublicKey {
	public, err := x509.ParsePKIXPublicKey(k.DER)
	if err != nil {
		return nil
	}
	key, _ := public.(*rsa.PublicKey)
	return key
}

// owner is by what a key is found.
func (k *PeerKey) owner() string {
	if k.Name != "" {
		return k.Name
	}
	return k.Address.String()
}

// PeerKey returns the key of a name or an address, or nil.
func (c *Config) PeerKey(owner string) *PeerKey {
	return find(c.PeerKeys, func(k *PeerKey) bool { return k.owner() == owner })
}
