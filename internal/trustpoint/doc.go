// Package trustpoint has a gateway's trustpoints at work: it authenticates CAs,
// enrols and renews certificates, and keeps revocation lists. It is the state
// machine between the configuration, which has the certificates, the keys and
// the CAs: handed a time and the answers to its questions, it returns what to
// fetch and what to store.
//
// It must not know how HTTP is spoken, where keys lie, or who asks: a console,
// or a timer. It has no goroutine, clock, file or socket.
package trustpoint
