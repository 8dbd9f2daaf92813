// Package isakmp is the wire codec of IKEv1: the ISAKMP header, its payloads
// and data attributes, the IPsec DOI's numbers, and the vendor IDs.
//
// It knows bytes and nothing else: no cryptography, no I/O, no policy, no
// state. Parsed messages are views into the datagram that they came from.
//
// It implements RFC 2408 sections 3.1 to 3.16, the DOI of RFC 2407 sections
// 4.4 to 4.6, the attribute numbers of RFC 2409 appendix A, RFC 3947 and its
// drafts' payloads, RFC 3706's notify types, the attributes payload of the
// ISAKMP configuration method draft, and Cisco's fragment payload.
package isakmp
