package ike

import (
	"net/netip"

	"qmidle/internal/ipsec"
	"qmidle/internal/keymat"
)

// Datagram is a UDP payload between two endpoints. On port 4500 the driver
// adds and strips the non-ESP marker (RFC 3948 section 2.2), except before a
// NAT keepalive, which is one octet 0xFF.
type Datagram struct {
	Local, Remote netip.AddrPort
	Data          []byte
	Keepalive     bool
}

// Effects is what an input causes, in order within each list. The caller keeps
// one and calls Reset between inputs.
type Effects struct {
	Added      []AddedInstance // before Install
	Send       []Datagram
	Install    []ipsec.SAParams
	Remove     []RemovedSA
	Moved      []MovedPeer
	Failed     []FailedAcquire
	Gone       []uint32 // tags of instances, behind Remove
	Questions  []Question
	Configured []ClientConfig    // by servers of ours
	Sessions   []SessionRecord   // of clients of remote access
	Released   []ReleasedAddress // behind the records

	taken []takenProxies // for the other engines
}

// Reset empties fx and keeps its memory.
func (fx *Effects) Reset() {
	*fx = Effects{fx.Added[:0], fx.Send[:0], fx.Install[:0], fx.Remove[:0], fx.Moved[:0], fx.Failed[:0], fx.Gone[:0], fx.Questions[:0],
		fx.Configured[:0], fx.Sessions[:0], fx.Released[:0], fx.taken[:0]}
}

// RemovedSA names one IPsec SA that ends. An inbound SA is known by our
// address and SPI, an outbound one by the peer's.
type RemovedSA struct {
	Direction     ipsec.Direction
	SPI           uint32
	Local, Remote netip.Addr
	ID            uint32 // SAParams.ID
	PairSPI       uint32 // of the other SA of the pair
	Connection    uint32 // Connection.Tag of the pair
	Line          int    // of its access list
	Session       uint64 // of the client; 0 for none
}

// FailedAcquire says that a request came to nothing: its packets can go.
type FailedAcquire struct {
	Connection uint32
	Line       int
}

// Acquire is the data plane's request for SAs: traffic matched line Line of
// the access list of the connection with tag Connection.
type Acquire struct {
	Connection uint32
	Line       int
}

// Question is what the engine cannot know or do at once: a computation of
// Diffie-Hellman or of a signature, or what AAA, trustpoints or an operator have to say. Its answer goes to
// Engine.Answer with the same ID.
type Question struct {
	ID uint64
	// Run computes; it may be called on another goroutine. It is nil where Ask is
	// set. Where it cannot be called, the answer is a DHResult with an error.
	Run func() Answer
	Ask Ask
}

// DHResult is what a Diffie-Hellman question yields.
type DHResult struct {
	KeyPair *keymat.KeyPair
	Shared  []byte // nil when only a key pair was asked for
	Err     error
}
