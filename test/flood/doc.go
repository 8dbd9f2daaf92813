// Package flood sends IKE messages and ESP from addresses that are nobody's, as an
// attacker would, for tests that made the network which they go to. It is bounded in
// rate, number and time.
//
// It must not know the engine: what it sends is made of octets here (RFC 2408
// section 3, RFC 2409 section 5).
package flood
