package router

import (
	"crypto"
	"crypto/rsa"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/policy"
	"qmidle/internal/trustpoint"
)

// nonceKeys are the RSA keys of encrypted nonces: the gateway's general one, which
// has its name, and the peers'; nil where one of both is missing.
func nonceKeys(c *config.Config, keys Keys) *ike.NonceKeys {
	if keys == nil || len(c.PeerKeys) == 0 {
		return nil
	}
	key, ok := keys(trustpoint.HostName(c))
	if !ok {
		return nil
	}
	own, decrypts := key.(crypto.Decrypter)
	if _, isRSA := key.Public().(*rsa.PublicKey); !decrypts || !isRSA {
		return nil
	}
	all := &ike.NonceKeys{Own: own}
	for _, k := range c.PeerKeys {
		public := k.Public()
		if public == nil {
			continue
		}
		peer := ike.PeerKey{Address: k.Address, Key: public}
		if k.Name != "" {
			peer.Identity = policy.FQDNIdentity(k.Name)
		}
		all.Peers = append(all.Peers, peer)
	}
	return all
}
