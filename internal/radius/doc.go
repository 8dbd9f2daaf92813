// Package radius reads and writes RADIUS packets: RFC 2865 (authentication), RFC
// 2866 (accounting), the Message-Authenticator of RFC 3579 section 3.2, and
// Cisco's vendor-specific attribute pairs.
//
// It must not know sockets, clocks, servers or who is asked what. A reply is
// believed only where its authenticators fit the request and the shared key:
// an answer without a Message-Authenticator can be forged by who stands between
// (CVE-2024-3596).
package radius
