// Package pki judges certificates: whether a chain leads to a trusted CA and
// why not, whether an identity stands in a certificate, whether it is revoked,
// and which certificate map it matches. It reads revocation lists and OCSP
// responses, and makes certificate requests.
//
// Every answer is a Verdict with a typed Reason and what it is about: the
// caller's clock and the certificate's dates, the algorithm, the names. Bytes
// and a time go in; it has no clock, file, socket or goroutine, and must not
// know how certificates travel in IKE or SCEP, nor what a trustpoint is.
//
// It follows RFC 5280 (certificates and CRLs), RFC 4945 (their profile for
// IKE), RFC 6960 (OCSP), RFC 2986 (requests) and RFC 4514 (names as text, with
// IOS's own spelling).
package pki
