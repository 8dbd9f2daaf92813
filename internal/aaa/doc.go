// Package aaa knows who may log in and what he gets: local users, groups of
// clients, address pools, and the RADIUS servers that it asks. It answers the
// engine's questions (ike.Ask) and keeps the accounts of sessions.
//
// It is a state machine like the engine: inputs with their time, effects in
// return. It must not know sockets, clocks, files and goroutines; a server's
// silence is a deadline, a slow hash is Work for the driver, a lease that is to
// outlive the process is a LeaseChange. It must not know IKE messages either.
//
// RADIUS is RFC 2865, RFC 2866, RFC 3579 section 3.2 (Message-Authenticator) and
// RFC 5080 (retransmission); Cisco's attribute pairs are those of its VPN
// groups, "ipsec:NAME=VALUE".
package aaa
