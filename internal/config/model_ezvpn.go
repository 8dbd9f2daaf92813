package config

import (
	"net/netip"

	"qmidle/internal/isakmp"
	"qmidle/internal/secret"
)

// EasyVPN is a `crypto ipsec client ezvpn`: this gateway as a client of an Easy VPN
// server.
type EasyVPN struct {
	Name     string
	Connect  EasyVPNConnect
	ACL      string // of ConnectACL
	Group    string
	Key      secret.Secret
	Mode     EasyVPNMode
	Peers    []Peer // in the order of preference
	User     string // "" asks the operator
	Password secret.Secret
	Local    string // `local-address`: the interface whose address is the local endpoint; "": the outside one
	Idle     int    // seconds; 0: none
	// Stored says that the user and the password are those of the configuration
	// (`xauth userid mode local`), else the operator is asked.
	Stored bool

	// What no line of IOS says, and a profile of another client does. Zero values
	// are what Cisco's clients have.
	DHGroup isakmp.Group   // of phase 1
	PFS     isakmp.Group   // of quick mode; GroupNone: none
	Targets []netip.Prefix // what goes through the tunnel; none: as the server says
	Beside  []netip.Prefix // networks on the outside interface and others, for a server that lets them be reached
}

// EasyVPNConnect is what brings the tunnel up.
type EasyVPNConnect uint8

// Ways to connect.
const (
	ConnectAuto   EasyVPNConnect = iota
	ConnectManual                // `crypto ipsec client ezvpn connect`
	ConnectACL                   // traffic that an access list permits
)

// EasyVPNMode is whose addresses the server sees.
type EasyVPNMode uint8

// Modes.
const (
	ModeClient           EasyVPNMode = iota // the one that it gives
	ModeNetworkExtension                    // those of the networks inside
)

// OutsideOf is the Easy VPN client that goes out by an interface; nil for none.
func (c *Config) OutsideOf(i *Interface) *EasyVPN {
	if i.EasyVPN == "" || i.EasyVPNInside {
		return nil
	}
	return c.EasyVPNFor(i.EasyVPN)
}

// InsideOf are the interfaces whose networks are inside of an Easy VPN client.
func (c *Config) InsideOf(v *EasyVPN) (all []*Interface) {
	for _, i := range c.Interfaces {
		if i.EasyVPN == v.Name && i.EasyVPNInside {
			all = append(all, i)
		}
	}
	return all
}

// EasyVPNFor returns the Easy VPN client of a name; nil for none.
func (c *Config) EasyVPNFor(name string) *EasyVPN {
	return find(c.EasyVPNs, func(v *EasyVPN) bool { return v.Name == name })
}
