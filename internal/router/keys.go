package router

import (
	"net/netip"

	"qmidle/internal/config"
	"qmidle/internal/secret"
)

// keyRing finds `crypto isakmp key` lines; the longest mask that covers the
// peer wins.
type keyRing []config.PresharedKey

// PresharedKey implements ike.KeyStore.
func (k keyRing) PresharedKey(_, remote netip.Addr) (secret.Secret, bool) {
	best := -1
	var found secret.Secret
	for _, key := range k {
		if key.Addr.IsValid() && key.Mask > best && key.Prefix().Contains(remote) {
			best, found = key.Mask, key.Key
		}
	}
	return found, best >= 0
}
