package router

import (
	"crypto/ecdsa"
	"fmt"
	"net/netip"
	"slices"

	"qmidle/internal/config"
	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/policy"
)

// LocalAddress returns an interface's address: the configured one, or what the
// host has where the configuration names none. False is an interface that has
// no address now: what its crypto map protects is blocked until it has one.
type LocalAddress func(*config.Interface) (netip.Addr, bool)

// ConfiguredAddress is the LocalAddress of interfaces with `ip address A M`.
func ConfiguredAddress(i *config.Interface) (netip.Addr, bool) {
	if len(i.Addresses) == 0 {
		return netip.Addr{}, false
	}
	return i.Addresses[0].Addr(), true
}

// present drops the address of an interface that has none now.
func present(local LocalAddress, i *config.Interface) netip.Addr {
	if i == nil {
		return netip.Addr{}
	}
	if a, ok := local(i); ok {
		return a
	}
	return netip.Addr{}
}

// UnsupportedError is a configuration that is valid IOS and cannot run here.
type UnsupportedError struct{ What, Hint string }

// Error says what cannot run and what to write instead.
func (e *UnsupportedError) Error() string { return e.What + ": " + e.Hint }

// Connections makes one connection of each complete crypto map entry on each
// interface that is up, in the map's order. A crypto map with a local address of
// its own makes one for all its interfaces. Peers that are known by a name only
// have no address yet.
func Connections(c *config.Config, local LocalAddress) ([]*ike.Connection, error) {
	return connections(c, local, nil)
}

func connections(c *config.Config, local LocalAddress, known *names) ([]*ike.Connection, error) {
	var all []*ike.Connection
	shared := make(map[string][]*ike.Connection) // of the crypto maps with a local address of their own
	for _, i := range c.Interfaces {
		m := c.CryptoMap(i.CryptoMap)
		if i.CryptoMap == "" || i.Shutdown || m == nil {
			continue
		}
		if first := shared[m.Name]; len(first) > 0 {
			for _, conn := range first {
				conn.MoreInterfaces = append(conn.MoreInterfaces, i.Name)
			}
			continue
		}
		begun := len(all)
		for _, e := range m.Entries {
			conns, err := entryConnections(c, m, e, known)
			if err != nil {
				return nil, err
			}
			for _, conn := range conns {
				conn.Tag, conn.Interface = uint32(len(all)+1), i.Name
				conn.LocalInterface, conn.Local = m.LocalAddress, present(local, c.Endpoint(i))
				// A name may have an address of ours.
				conn.Peers = slices.DeleteFunc(conn.Peers, func(a netip.Addr) bool { return a == conn.Local })
				if conn.Profile == "" {
					conn.Profile = m.Profile
				}
				conn.Clients = clients(c, m.Client)
				all = append(all, conn)
			}
		}
		if m.LocalAddress != "" {
			shared[m.Name] = all[begun:]
		}
	}
	for _, i := range c.Interfaces {
		if v := c.OutsideOf(i); v != nil && !i.Shutdown {
			conn := clientConnection(c, v, local, known)
			conn.Tag, conn.Interface = uint32(len(all)+1), i.Name
			conn.Map = i.Name + clientMap
			all = append(all, conn)
		}
	}
	return all, nil
}

// entryConnections are the connection of a complete crypto map entry, or those
// of the complete entries of the dynamic crypto map that it names.
func entryConnections(c *config.Config, m *config.CryptoMap, e *config.CryptoMapEntry, known *names) (conns []*ike.Connection, err error) {
	if e.Dynamic == "" {
		if !e.Complete() {
			return nil, nil
		}
		conn, err := connection(c, e, known)
		if err != nil {
			return nil, err
		}
		conn.Map, conn.Seq = m.Name, e.Seq
		return []*ike.Connection{conn}, nil
	}
	for _, t := range e.Templates.Entries {
		if !t.TemplateComplete() {
			continue
		}
		conn, err := connection(c, t, known)
		if err != nil {
			return nil, err
		}
		conn.Map, conn.Seq = m.Name, e.Seq
		conn.Dynamic, conn.DynamicMap, conn.DynamicSeq = true, e.Dynamic, t.Seq
		if len(t.Peers) > 0 && len(conn.Peers) == 0 {
			conn.Peers = []netip.Addr{nobody}
		}
		if t.ACL != "" && len(conn.ACL) == 0 {
			conn.ACL = []policy.ACLEntry{nothing}
		}
		conns = append(conns, conn)
	}
	return conns, nil
}

// nobody stands for peers whose names have no address: no peer would be anybody.
var nobody = netip.IPv4Unspecified()

// nothing stands for an access list without a line: no list would allow all.
var nothing = policy.ACLEntry{Local: policy.ProxyFromPrefix(allIPv4, 0, 0), Remote: policy.ProxyFromPrefix(allIPv4, 0, 0)}

var allIPv4 = netip.MustParsePrefix("0.0.0.0/0")

// connection is what an entry says, of a crypto map or of a dynamic one.
func connection(c *config.Config, e *config.CryptoMapEntry, known *names) (*ike.Connection, error) {
	conn := &ike.Connection{Profile: e.Profile, PFS: e.PFS, ReplayWindow: int(c.IPsec.ReplayWindow),
		Lives:    policy.Lives{Seconds: c.IPsec.LifetimeSeconds, Kilobytes: c.IPsec.LifetimeKilobytes},
		IdleTime: c.IPsec.IdleTime, Timed: c.IPsec.LifetimeSeconds != config.New().IPsec.LifetimeSeconds}
	if e.ReplayWindow != nil {
		conn.ReplayWindow = int(*e.ReplayWindow)
	}
	if conn.ReplayWindow == 0 {
		conn.ReplayWindow = ipsec.ReplayOff
	}
	if e.IdleTime > 0 {
		conn.IdleTime, conn.IdleToDefault = e.IdleTime, e.IdleToDefault
	}
	if e.LifetimeSeconds != nil {
		conn.Lives.Seconds, conn.Timed = *e.LifetimeSeconds, true
	}
	if e.LifetimeKilobytes != nil {
		conn.Lives.Kilobytes = *e.LifetimeKilobytes
	}
	conn.Peers, conn.Preferred = known.peers(e.Peers)
	for _, t := range e.Sets {
		conn.TransformSets = append(conn.TransformSets, policy.TransformSet{Name: t.Name, Cipher: t.Cipher,
			KeyBits: t.KeyBits, Auth: t.Auth, Transport: t.Transport})
	}
	if e.AccessList == nil {
		return conn, nil
	}
	for _, line := range e.AccessList.Entries {
		x, err := aclEntry(e.ACL, line)
		if err != nil {
			return nil, err
		}
		conn.ACL = append(conn.ACL, x)
	}
	return conn, nil
}

// aclEntry turns a line into a pair of proxy identities. A permit line becomes
// an offer, which can carry one port at most; a deny line is ours alone.
func aclEntry(list string, l *config.ACLEntry) (policy.ACLEntry, error) {
	where := fmt.Sprintf("access list %s, line %d", list, l.Seq)
	src, okSrc := l.Src.Prefix()
	dst, okDst := l.Dst.Prefix()
	if !okSrc || !okDst {
		return policy.ACLEntry{}, &UnsupportedError{where, "a proxy identity is a subnet; the wildcard has holes"}
	}
	if l.ICMP.HasType || l.Established {
		return policy.ACLEntry{}, &UnsupportedError{where, "an ICMP type and `established` are not supported in a crypto access list; leave them out"}
	}
	srcPort, srcPorts, okSrc := ports(l.SrcPort, l.Permit)
	dstPort, dstPorts, okDst := ports(l.DstPort, l.Permit)
	if !okSrc || !okDst {
		return policy.ACLEntry{}, &UnsupportedError{where, "ports are one port (`eq`) or none; a deny line may also have `gt`, `lt` and `range`"}
	}
	return policy.ACLEntry{Permit: l.Permit,
		Local:      policy.ProxyFromPrefix(src, l.Protocol, srcPort),
		Remote:     policy.ProxyFromPrefix(dst, l.Protocol, dstPort),
		LocalPorts: srcPorts, RemotePorts: dstPorts}, nil
}

// ports splits a comparison into the one port that an identity carries and the
// range that only our own policy database knows.
func ports(m config.PortMatch, permit bool) (one uint16, several ipsec.PortRange, ok bool) {
	switch m.Op {
	case config.PortAny:
		return 0, several, true
	case config.PortEq:
		return m.Lo, several, m.Lo != 0
	case config.PortGt:
		return 0, ipsec.PortRange{Lo: m.Lo + 1, Hi: 65535}, !permit && m.Lo < 65535
	case config.PortLt:
		return 0, ipsec.PortRange{Lo: 0, Hi: m.Lo - 1}, !permit && m.Lo > 1
	case config.PortRange:
		return 0, ipsec.PortRange{Lo: m.Lo, Hi: m.Hi}, !permit && m.Hi >= m.Lo
	}
	return 0, several, false
}

// anything is what a template without an access list is for.
var anything = ipsec.Selector{LocalNet: ipsec.RangeOf(allIPv4), RemoteNet: ipsec.RangeOf(allIPv4)}

// PolicyEntries is the security policy database of the connections, but for those
// of Easy VPN clients: theirs is as their tunnel is.
func PolicyEntries(conns []*ike.Connection) []ipsec.PolicyEntry { return policyEntries(conns, nil) }

// policyEntries is PolicyEntries with the addresses that clients may get: what goes to
// one of them goes to its client, or nowhere while nobody has it.
func policyEntries(conns []*ike.Connection, pools []ipsec.Range) []ipsec.PolicyEntry {
	var all []ipsec.PolicyEntry
	for _, c := range conns {
		if c.EasyVPN != nil {
			continue
		}
		if c.Dynamic && len(c.ACL) == 0 {
			all = append(all, ipsec.PolicyEntry{Tag: c.Tag, Permit: true, Selector: anything, Dynamic: true, Open: true})
			if c.ServesPools() {
				all = append(all, poolEntries(c.Tag, pools)...)
			}
		}
		for i, l := range c.ACL {
			all = append(all, ipsec.PolicyEntry{Tag: c.Tag, Line: uint32(i), Permit: l.Permit,
				Selector: l.Selector(), Dynamic: c.Dynamic && l.Permit})
		}
	}
	return all
}

// poolEntries are the lines of a template behind the one that is open.
func poolEntries(tag uint32, pools []ipsec.Range) (all []ipsec.PolicyEntry) {
	for i, r := range pools {
		to := ipsec.Selector{LocalNet: anything.LocalNet, RemoteNet: r}
		all = append(all, ipsec.PolicyEntry{Tag: tag, Line: uint32(1 + i), Permit: true, Selector: to, Dynamic: true})
	}
	return all
}

// poolRanges are the addresses of all pools.
func poolRanges(c *config.Config) (all []ipsec.Range) {
	for _, r := range c.PoolRanges() {
		all = append(all, ipsec.Range{Lo: r.Low, Hi: r.High})
	}
	return all
}

// IKEPolicies are the configured ISAKMP policies, by priority.
func IKEPolicies(c *config.Config) []policy.IKE {
	var all []policy.IKE
	for _, p := range c.ISAKMP.Policies {
		all = append(all, policy.IKE{Priority: uint16(p.Priority), Encryption: p.Encryption, KeyBits: p.KeyBits,
			Hash: p.Hash, Auth: p.Auth, Group: p.Group, Lifetime: p.Lifetime})
	}
	return all
}

// ofCurves are policies with one for each curve of our keys in the place of
// `ecdsa-sig`: each has a method of its own (RFC 4754).
func ofCurves(all []policy.IKE, points []*ike.Trustpoint) (out []policy.IKE) {
	for _, p := range all {
		if p.Auth != isakmp.AuthECDSA256 {
			out = append(out, p)
			continue
		}
		methods := ecdsaMethods(points)
		if len(methods) == 0 {
			methods = []isakmp.AuthMethod{p.Auth}
		}
		for _, m := range methods {
			p.Auth = m
			out = append(out, p)
		}
	}
	return out
}

func ecdsaMethods(points []*ike.Trustpoint) (all []isakmp.AuthMethod) {
	byBits := map[int]isakmp.AuthMethod{256: isakmp.AuthECDSA256, 384: isakmp.AuthECDSA384, 521: isakmp.AuthECDSA521}
	for _, t := range points {
		if t.Certificate == nil {
			continue
		}
		key, ok := t.Certificate.PublicKey.(*ecdsa.PublicKey)
		if !ok {
			continue
		}
		if m := byBits[key.Curve.Params().BitSize]; m != 0 && !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}
