package ipsec

import (
	"fmt"
	"net/netip"

	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
)

// Direction is which way an SA protects: an SA is one-way (RFC 4301 section 4.1).
type Direction uint8

// Directions.
const (
	Inbound Direction = iota
	Outbound
)

// String returns "inbound" or "outbound".
func (d Direction) String() string {
	if d == Inbound {
		return "inbound"
	}
	return "outbound"
}

// Mode is tunnel or transport mode (RFC 4303 section 3.1).
type Mode uint8

// Modes.
const (
	Tunnel Mode = iota
	Transport
)

// String returns "tunnel" or "transport".
func (m Mode) String() string {
	if m == Tunnel {
		return "tunnel"
	}
	return "transport"
}

// Replay window sizes in packets. ReplayOff in SAParams turns the check off.
const (
	DefaultReplayWindow = 64
	MaxReplayWindow     = 1024
	ReplayOff           = -1
)

// SAParams is all that an SA is made of. Local and Remote are the tunnel's
// ends (in transport mode the hosts themselves), whatever the direction.
type SAParams struct {
	SPI           uint32
	Direction     Direction
	Local, Remote netip.Addr

	// UDPEncap carries ESP in UDP between these ports (RFC 3948).
	UDPEncap              bool
	LocalPort, RemotePort uint16

	Mode      Mode
	Transform isakmp.ESPTransform
	KeyBits   uint16 // of AES, without the salt; 0 is 128
	Auth      isakmp.AuthAlgorithm
	EncKey    secret.Secret // for AES-GCM with the 4 octets of salt behind it (RFC 4106 section 8.1)
	AuthKey   secret.Secret

	Selector Selector

	ReplayWindow  int    // packets, 64 to 1024; 0 is 64, negative is off; ignored without integrity
	LifeSeconds   uint32 // kept for its owner, who has the clock; 0 is no limit
	LifeKilobytes uint32 // of 1,024 octets of inner packets; 0 is no limit

	Tag uint32 // crypto map entry that the SA belongs to
	ID  uint32 // owner's handle
}

// ParamError says which part of SAParams cannot be used, and why.
type ParamError struct{ Field, Reason string }

// Error implements error.
func (e *ParamError) Error() string { return "ipsec: SA parameter " + e.Field + ": " + e.Reason }

func (p *SAParams) validate() error {
	switch {
	case p.SPI < 256:
		return &ParamError{"SPI", fmt.Sprintf("%d is reserved (RFC 4303 section 2.1)", p.SPI)}
	case !p.Local.IsValid() || !p.Remote.IsValid() || p.Local.BitLen() != p.Remote.BitLen():
		return &ParamError{"Local, Remote", "not two addresses of one family"}
	case p.Direction > Outbound:
		return &ParamError{"Direction", "unknown"}
	case p.Mode > Transport:
		return &ParamError{"Mode", "unknown"}
	case p.UDPEncap && (p.LocalPort == 0 || p.RemotePort == 0):
		return &ParamError{"LocalPort, RemotePort", "UDP encapsulation without ports"}
	case !p.Selector.Valid():
		return &ParamError{"Selector", "not two ranges of one family"}
	case p.ReplayWindow > MaxReplayWindow || p.ReplayWindow > 0 && p.ReplayWindow < DefaultReplayWindow:
		return &ParamError{"ReplayWindow", fmt.Sprintf("%d is not between %d and %d", p.ReplayWindow, DefaultReplayWindow, MaxReplayWindow)}
	}
	return nil
}
