package xfrm

import (
	"net/netip"

	"qmidle/internal/secret"
)

// Mode is a state's or template's mode.
type Mode uint8

// Modes, as the kernel numbers them.
const (
	Transport Mode = 0
	Tunnel    Mode = 1
)

// Direction is which packets a policy is asked for.
type Direction uint8

// Directions, as the kernel numbers them.
const (
	In      Direction = 0 // to this host
	Out     Direction = 1 // from this host, and forwarded by it
	Forward Direction = 2 // forwarded by this host, as they come in
)

// Port is the ports that equal Value where Mask is set. The zero Port is any.
type Port struct{ Value, Mask uint16 }

// Selector says which packets a policy or a state is for, as the packet has its
// addresses. The zero Selector is any in a state.
type Selector struct {
	Source, Destination         netip.Prefix
	Protocol                    uint8 // 0 is any
	SourcePort, DestinationPort Port
}

// Limits end a state; 0 is none. Soft ones are only told of.
type Limits struct {
	SoftBytes, HardBytes     uint64
	SoftPackets, HardPackets uint64
	SoftSeconds, HardSeconds uint64 // since the state was added
}

// Algorithm is a transform by the kernel's name. The key of an AEAD ends with its
// salt.
type Algorithm struct {
	Name string
	Key  secret.Secret
	Bits uint32 // of the integrity check value that is sent; 0 for a cipher
}

// Encapsulation is ESP in UDP (RFC 3948), with the ports as in the packets.
type Encapsulation struct{ Source, Destination uint16 }

// ID is what a state is found by.
type ID struct {
	SPI         uint32
	Destination netip.Addr
}

// State is an SA for the kernel.
type State struct {
	ID
	Source        netip.Addr
	Mode          Mode
	Reqid         uint32
	Interface     uint32 // ID of xfrm interfaces; 0 is none
	Mark          uint32 // of the packets that leave by it; 0 leaves theirs
	Selector      Selector
	Limits        Limits
	ReplayWindow  uint32 // packets; 0 is off
	FragmentAfter bool   // never DF in the outer header
	Encapsulation Encapsulation
	Cipher        Algorithm // one of Cipher with Integrity, and AEAD
	Integrity     Algorithm
	AEAD          Algorithm
}

// Status is a state as the kernel has it, without keys.
type Status struct {
	ID
	Source         netip.Addr
	Reqid          uint32
	Interface      uint32
	Packets, Bytes uint64
	Sequence       uint32 // last sent
	Highest        uint32 // authenticated
	// What the state has dropped.
	Late, Replayed, Forged uint32
}

// Template is what a policy asks of packets: to leave by a state like this, or
// to have come by one. Unspecified addresses are any in the directions In and
// Forward.
type Template struct {
	Source, Destination netip.Addr
	Mode                Mode
	Reqid               uint32
}

// Policy says what happens to the packets that it selects: they pass in clear,
// are dropped, or go by a template. Of those that select a packet the one with
// the lowest priority counts.
type Policy struct {
	Direction Direction
	Selector  Selector
	Interface uint32
	Priority  uint32
	Block     bool
	Template  Template // with Reqid 0: none
}

// Events are what the kernel tells.
type Events struct {
	// Acquire asks for a state: no state serves a policy's template. flow is the
	// packet's.
	Acquire func(policy Policy, flow Selector)
	// Expire tells of a limit that was reached; hard says that the state is gone.
	Expire func(id ID, reqid uint32, hard bool)
	// Mapping tells that an authentic packet in UDP came from elsewhere.
	Mapping func(id ID, reqid uint32, from netip.AddrPort)
}
