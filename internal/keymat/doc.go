// Package keymat derives the keys of IKEv1: Diffie-Hellman, the negotiated PRF,
// SKEYID and what follows from it, the phase 1 cipher with its chain of IVs, the
// HASH_* authenticators and the KEYMAT of phase 2.
//
// It implements RFC 2409 sections 5, 5.1 to 5.5 and 5.7, its appendix B and the
// groups of section 6; RFC 3526 (MODP 5, 14, 15, 16), RFC 5114 section 2.3 (MODP
// 24), RFC 5903 (ECP 19, 20, 21); RFC 2404, 2403 and 4868 (lengths of integrity
// keys), RFC 3602 (AES-CBC) and RFC 4106 and 4543 (the salt of GCM and GMAC).
//
// It must not know what a payload looks like, which exchange is running, or
// whose policy allowed an algorithm: bytes come in as they were on the wire and
// go out as keys. It has no I/O, no clock and no random source of its own.
//
// # Misuse
//
// A function that is given an algorithm for which its Supported or Len function
// says no panics: a negotiated algorithm is checked once, by policy, before any
// key is made. Nothing here panics over what a peer chose, except Cipher over
// data that is not whole blocks, which the caller must refuse first.
//
// # Constant time
//
// MODP exponentiation is filippo.io/bigmod for every group, since its time does
// not depend on the exponent. With short exponents it is also the faster choice
// over math/big for the groups that are in use (2, 5, 14, 24), which its assembly
// covers. For groups 15 and 16 it costs 2.5 times math/big: accepted, because
// those who configure them ask for strength, an exponent that leaks once leaks a
// tunnel's life, and two implementations would be twice the code to trust.
// math/big is used nowhere. ECP is crypto/ecdh.
//
// # Secrets
//
// Skeyid, KeyPair and Cipher print nothing of themselves. Functions that return
// []byte return the bytes: their caller keeps them out of events.
package keymat
