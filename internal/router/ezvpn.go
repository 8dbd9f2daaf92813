package router

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
)

// What an Easy VPN client (`crypto ipsec client ezvpn`) is made of: one connection
// with its server, and what of the data plane is its own.

// clientMap ends the name of the crypto map that IOS makes for a client.
const clientMap = "-head-0"

// clientVersion is what a client tells its server of itself.
const clientVersion = "qmidle"

// clientSuites are what a client offers in phase 1: what Cisco's does, and then what
// older servers have.
var clientSuites = append(slices.Clone(CiscoClient),
	ClientSuite{isakmp.Encr3DESCBC, 0, isakmp.HashSHA1, true}, ClientSuite{isakmp.Encr3DESCBC, 0, isakmp.HashMD5, true},
	ClientSuite{isakmp.Encr3DESCBC, 0, isakmp.HashSHA1, false}, ClientSuite{isakmp.Encr3DESCBC, 0, isakmp.HashMD5, false})

// clientAggressive is how aggressive mode with a client's server begins.
func clientAggressive(v *config.EasyVPN) *ike.Aggressive {
	g := cmp.Or(v.DHGroup, isakmp.GroupMODP1024)
	return &ike.Aggressive{Identity: policy.Identity{Type: isakmp.IDKeyID, Data: v.Group}, Secret: v.Key, XAUTH: true,
		Policies: ClientPolicies(clientSuites, g), Offer: ClientOffer(clientSuites, g)}
}

// clientSets are the transform sets that a client offers.
func clientSets() (all []policy.TransformSet) {
	for _, c := range []struct {
		cipher isakmp.ESPTransform
		bits   uint16
	}{{isakmp.ESPAES, 256}, {isakmp.ESPAES, 128}, {isakmp.ESP3DES, 0}} {
		for _, auth := range []isakmp.AuthAlgorithm{isakmp.AuthAlgHMACSHA1, isakmp.AuthAlgHMACMD5} {
			all = append(all, policy.TransformSet{Cipher: c.cipher, KeyBits: c.bits, Auth: auth})
		}
	}
	return all
}

// clientConnection is a client's with its server. In client mode there is one pair
// of SAs, from the address that the server gives to everything; the routes say what
// goes there. With network extension there is one for each network inside.
func clientConnection(c *config.Config, v *config.EasyVPN, local LocalAddress, known *names) *ike.Connection {
	i := c.Interface(outsideName(c, v))
	conn := &ike.Connection{TransformSets: clientSets(), PFS: v.PFS, Lives: policy.Lives{Seconds: ClientLife}, ReplayWindow: int(c.IPsec.ReplayWindow),
		IdleTime:       time.Duration(v.Idle) * time.Second,
		LocalInterface: v.Local, Local: present(local, c.Endpoint(i)), Seq: 1,
		EasyVPN: &ike.EasyVPN{Network: v.Mode == config.ModeNetworkExtension, Version: clientVersion}}
	if conn.ReplayWindow == 0 {
		conn.ReplayWindow = ipsec.ReplayOff
	}
	conn.Peers, conn.Preferred = known.peers(v.Peers)
	conn.Peers = slices.DeleteFunc(conn.Peers, func(a netip.Addr) bool { return a == conn.Local })
	anything := policy.ProxyFromPrefix(allIPv4, 0, 0)
	if len(v.Targets) == 1 {
		anything = policy.ProxyFromPrefix(v.Targets[0], 0, 0)
	}
	if !conn.EasyVPN.Network {
		conn.ACL = []policy.ACLEntry{{Permit: true, Local: policy.ProxyFromPrefix(netip.PrefixFrom(netip.IPv4Unspecified(), 32), 0, 0), Remote: anything}}
		return conn
	}
	inside := insideNetworks(c, v)
	for _, from := range inside {
		for _, to := range inside {
			conn.ACL = append(conn.ACL, policy.ACLEntry{Local: policy.ProxyFromPrefix(from, 0, 0), Remote: policy.ProxyFromPrefix(to, 0, 0)})
		}
	}
	for _, from := range inside {
		conn.ACL = append(conn.ACL, policy.ACLEntry{Permit: true, Local: policy.ProxyFromPrefix(from, 0, 0), Remote: anything})
	}
	return conn
}

func outsideName(c *config.Config, v *config.EasyVPN) string {
	for _, i := range c.Interfaces {
		if c.OutsideOf(i) == v {
			return i.Name
		}
	}
	return ""
}

// besideNetworks are those on interfaces that are not inside: a server may let a
// client reach them directly.
func besideNetworks(c *config.Config, v *config.EasyVPN) []netip.Prefix {
	all := slices.Clone(v.Beside)
	for _, i := range c.Interfaces {
		if len(i.Addresses) > 0 && !i.Shutdown && !(i.EasyVPN == v.Name && i.EasyVPNInside) {
			all = append(all, i.Addresses[0].Masked())
		}
	}
	return all
}

func insideNetworks(c *config.Config, v *config.EasyVPN) (all []netip.Prefix) {
	for _, i := range c.InsideOf(v) {
		if len(i.Addresses) > 0 && !i.Shutdown {
			all = append(all, i.Addresses[0].Masked())
		}
	}
	return all
}

// clientOf is the client that a connection was made of; nil where it is none's.
func clientOf(cfg *config.Config, c *ike.Connection) *config.EasyVPN {
	if c.EasyVPN == nil {
		return nil
	}
	if i := cfg.Interface(c.Interface); i != nil {
		return cfg.OutsideOf(i)
	}
	return nil
}

// ClientNetwork is what a server gave to a client in client mode, for the data
// plane.
type ClientNetwork struct {
	Address netip.Addr
	// Inside are the networks whose packets to Remote leave by Address.
	Inside []netip.Prefix
	Remote []ipsec.Range
}

// ClientPlane is a DataPlane that can have a client's address. Both lists are all
// that hold; policies are those of the whole router.
type ClientPlane interface {
	SetClients(policies []ipsec.PolicyEntry, clients []ClientNetwork) error
}

// ClientError is what a data plane could not have of what a server gave.
type ClientError struct{ Err error }

// Error implements error.
func (e *ClientError) Error() string { return "Easy VPN client: " + e.Err.Error() }

// Unwrap implements errors.Wrapper.
func (e *ClientError) Unwrap() error { return e.Err }

// unicast is everything that can be reached by a tunnel.
var unicast = ipsec.Range{Lo: netip.MustParseAddr("0.0.0.0"), Hi: netip.MustParseAddr("223.255.255.255")}

// remotes are what a client in client mode reaches by its tunnel: what it has
// chosen or the server has named, or everything; but for what it reaches directly.
func remotes(v *config.EasyVPN, split []ike.SplitNetwork, direct []netip.Prefix) (all []ipsec.Range) {
	for _, p := range v.Targets {
		all = append(all, ipsec.RangeOf(p))
	}
	for _, n := range split {
		if len(v.Targets) == 0 {
			all = append(all, ipsec.RangeOf(n.Network))
		}
	}
	if len(all) == 0 {
		all = append(all, unicast)
	}
	for _, p := range direct {
		all = without(all, ipsec.RangeOf(p))
	}
	return all
}

// without takes a range out of some.
func without(list []ipsec.Range, hole ipsec.Range) (rest []ipsec.Range) {
	for _, r := range list {
		if !r.Overlaps(hole) {
			rest = append(rest, r)
			continue
		}
		if r.Lo.Less(hole.Lo) {
			rest = append(rest, ipsec.Range{Lo: r.Lo, Hi: hole.Lo.Prev()})
		}
		if hole.Hi.Less(r.Hi) {
			rest = append(rest, ipsec.Range{Lo: hole.Hi.Next(), Hi: r.Hi})
		}
	}
	return rest
}
