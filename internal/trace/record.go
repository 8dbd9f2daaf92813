package trace

import (
	"net/netip"
	"time"
)

// Event is one thing that happened. Implementations are pointers to the
// structs of this package; a reader switches on the concrete type.
type Event interface {
	Code() Code
	// Fields visits every field in a fixed order with its stable name.
	Fields(f *Fields)
}

// Context says to what an event belongs.
type Context struct {
	Local, Remote netip.AddrPort
	// Peer and SA number the peer and the ISAKMP SA within this engine, from
	// 1; 0 means none. IOS prints memory addresses in their place.
	Peer, SA uint32
	// Conn is the conn-id of `show crypto isakmp sa`; 0 before it is allocated.
	Conn  uint32
	Role  Role
	State ShowState
}

// Record is an event with its time and its context.
type Record struct {
	Time time.Time
	Context
	Event Event
}

// Sink takes events as they happen. The record and its event are valid only
// during the call: a sink that keeps one copies or encodes it.
type Sink interface {
	Record(r *Record)
}
