package ike

import (
	"qmidle/internal/isakmp"
	"qmidle/internal/keymat"
	"qmidle/internal/secret"
)

// EncryptionKey is what the messages of one ISAKMP SA are encrypted with (RFC
// 2409 appendix B), by the cookie that names it in a capture. It opens quick
// modes, notifies and XAUTH, and no ESP.
type EncryptionKey struct {
	Initiator isakmp.Cookie
	Key       secret.Secret
}

// EncryptionKeys are those of the ISAKMP SAs that have one, oldest first.
func (e *Engine) EncryptionKeys() []EncryptionKey { return several{e}.encryptionKeys() }

func (x several) encryptionKeys() []EncryptionKey {
	var list []EncryptionKey
	for _, s := range x.sorted() {
		if s.skeyid == nil || s.cipher == nil || s.dead {
			continue
		}
		if n, ok := keymat.CipherKeyLen(s.suite.Encryption, s.suite.KeyBits); ok {
			list = append(list, EncryptionKey{s.cookieI, secret.New(keymat.EncryptionKey(s.suite.Hash, s.suite.Encryption, n, s.skeyid.E))})
		}
	}
	return list
}
