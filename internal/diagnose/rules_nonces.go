package diagnose

import "slices"

// nonceRules are about encrypted nonces. Nobody tells the other what could not be
// decrypted, so that each end knows half of it.
var nonceRules = []rule{
	{"nonce-unreadable", PublicKeyMismatch, []Kind{NonceUnreadable}, Certain, seen, nonceUnreadable},
	{"no-public-key", PublicKeyMismatch, []Kind{PublicKeyMissing}, Certain, seen, noPublicKey},
	{"nonce-read-proof-not", PublicKeyMismatch, []Kind{NonceRead}, Likely, seen, nonceReadProofNot},
}

// nonceUnreadable is a peer that encrypts for another key than this end's.
func nonceUnreadable(c *Case) *Finding {
	on := c.Phase1.Of(NonceUnreadable)
	if len(on) == 0 {
		return nil
	}
	return find(PublicKeyMismatch, Likely, on, "the peer's nonce is not encrypted for the RSA key of this end: the peer has another public key of this end, such as an older one").in(Phase1, on.Last().Message).
		or("Octets that were damaged on their way cannot be decrypted either; the next attempt would then succeed.", MalformedOrCorrupt)
}

func noPublicKey(c *Case) *Finding {
	on := c.Phase1.Of(PublicKeyMissing)
	if len(on) == 0 {
		return nil
	}
	who := c.Peer.String()
	if name := on.Last().Detail; name != "" {
		who += ", nor for the identity that it presents"
	}
	return find(PublicKeyMismatch, Certain, on, "there is no RSA public key for "+who+" here").in(Phase1, 3)
}

// nonceReadProofNot is a peer whose nonce could be read and whose proof cannot: it
// could not read this end's.
func nonceReadProofNot(c *Case) *Finding {
	wrong := c.Phase1.Of(Undecryptable, HashMismatch)
	if len(wrong) == 0 || c.Phase1.Has(NonceUnreadable, PublicKeyMissing) {
		return nil
	}
	on := append(slices.Clone(c.Phase1.Of(NonceRead)), wrong...)
	return find(PublicKeyMismatch, Likely, on, "the peer's nonce could be read here, and its proof cannot: the peer could not read this end's. The RSA public key of the peer that this end has is not the peer's").in(Phase1, wrong.Last().Message).
		or("Octets that were damaged on their way look the same; the next attempt would then succeed.", MalformedOrCorrupt)
}

// fixPublicKey has the public keys of both ends compared and typed anew.
func fixPublicKey(x *fixer) {
	x.ios("the peer's key, as `show crypto key mypubkey rsa` shows it there", "crypto key pubkey-chain rsa", " addressed-key "+x.peer, "  key-string", "   HEXADECIMAL DIGITS", "  quit")
	x.say(AtPeer, IOS, "this end's key, as `show crypto key mypubkey rsa` shows it here", "crypto key pubkey-chain rsa", " addressed-key "+x.here, "  key-string", "   HEXADECIMAL DIGITS", "  quit")
}
