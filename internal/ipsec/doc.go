// Package ipsec is the ESP data path without I/O: security associations with
// their transforms and replay windows, the security policy database built
// from crypto map ACLs, and the processor that joins the two.
//
// It must not know sockets, interfaces, clocks, loggers or IKE: it is handed
// packets and parameters, and answers with packets and typed results.
// Randomness is an injected io.Reader.
//
// It implements RFC 4303 (ESP, without extended sequence numbers), RFC 3948
// (the forms of datagrams on the NAT-T port; the checksum rule of transport
// mode), RFC 4301 sections 4.4, 5, 7 and 8 as far as crypto maps need them, RFC 6040
// (ECN), RFC 791 section 3.2 (fragments), and the
// transforms of RFC 2405 (DES), RFC 2410 (NULL), RFC 2451 (3DES), RFC 3602
// (AES-CBC), RFC 4106 (AES-GCM with a 16-octet ICV), RFC 2403 (HMAC-MD5-96),
// RFC 2404 (HMAC-SHA-1-96) and RFC 4868 (HMAC-SHA-256-128 and its kin).
package ipsec
