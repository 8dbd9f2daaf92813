// Package gateway is the daemon: it opens the sockets and the data plane, owns
// the goroutines and the real time, and drives one router.Router with them.
//
// One goroutine, the loop, owns the router; while messages and answers wait, the
// router's engines handle them at the same time, each on a goroutine of the crew, and
// the loop goes on when all are done. Everything reaches it as an input
// over a bounded queue: datagrams, what the data plane tells, commands from the
// control socket, and the results of Diffie-Hellman computations, which run on
// a pool of workers. What does not fit into a queue is dropped and counted;
// IKE repeats itself, and the data plane asks again.
//
// It must not know the protocol: it neither reads a message, beyond the marker
// that tells IKE from ESP on the NAT-T port (RFC 3948 section 2.2), nor decides
// on one. Keys and policies are the router's.
package gateway
