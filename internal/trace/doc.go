// Package trace holds the typed events that the protocol core emits, the
// flight recorder that keeps the last of them per peer, and the renderers:
// IOS debug text and JSON.
//
// Every decision of the core is one event with a stable code. Nothing else in
// the core formats text. An event is a small struct; its Fields method names
// its fields once, and that one method serves the recorder's compact form,
// the JSON renderer and the documentation.
//
// The data attributes of RFC 2408 section 3.3 are the one wire form that it
// reads, to print those of RFC 2409 appendix A and RFC 2407 section 4.5.
//
// The package must not know how exchanges run, and has no I/O, no clock and no
// goroutine: the caller passes the time.
package trace
