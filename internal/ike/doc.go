// Package ike is the IKEv1 engine: main, aggressive and quick mode, informational
// exchanges, retransmission, dead peer detection and NAT traversal, for many
// peers.
//
// An Engine is handed inputs (a datagram, a passed deadline, a request of the
// data plane, a command, an answer to a question) with the time, and returns
// effects: datagrams to send, SAs to install or remove, questions to ask. What
// it decides it tells as trace events. It has no goroutine, socket, clock, file
// or logger; its only randomness is the reader that it is given. It must not
// know what a configuration file looks like.
//
// Engines are several of them side by side, each with peers of its own, which a driver
// may run on several cores (engines.go, engines_share.go).
//
// It implements RFC 2408 and RFC 2409 for pre-shared keys, signatures and encrypted nonces, RFC 2407's phase 2
// identities and RESPONDER-LIFETIME, RFC 3947 with its drafts 02, 03 and 07, RFC
// 3706, and Cisco's fragments. The exchanges are rows of one table (table.go); a
// file is named for its exchange. What aggressive mode may cost before the peer has
// answered is bounded by shared key pairs (dhpool.go); an identity without a key
// (decoy.go) is answered as any other; the key of a group that AAA knows is asked for
// (groupkey.go). The life of an SA is in files of its own:
// renewal and collisions (rekey.go), what is asked for and of whom (request.go,
// failover.go), lifetimes (lifetime.go), peers that move (moved.go) and SAs that
// only the peer has (invalid_spi.go).
package ike
