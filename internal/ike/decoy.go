package ike

import (
	"crypto/hmac"
	"crypto/sha256"

	"qmidle/internal/policy"
	"qmidle/internal/secret"
)

// decoy is the key with which aggressive mode answers a peer whose identity has
// none: nobody knows it, and to the peer the answer is that of an identity whose
// key it does not have. It depends on the identity, as a key does, and on a secret
// that is drawn once in the engine's life. False is that there is no randomness.
func (e *Engine) decoy(who policy.Identity) (secret.Secret, bool) {
	if e.decoySecret.IsZero() {
		var b [32]byte
		if !e.random(b[:]) {
			return secret.Secret{}, false
		}
		e.decoySecret = secret.New(b[:])
	}
	mac := hmac.New(sha256.New, e.decoySecret.Reveal())
	mac.Write([]byte{byte(who.Type)})
	mac.Write([]byte(who.Data))
	return secret.New(mac.Sum(nil)), true
}
