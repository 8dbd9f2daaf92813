package config

import "net/netip"

// Line is a line of a configuration's file, as it may be shown: secrets are
// replaced. The zero Line is one that was not written.
type Line struct {
	Number int // from 1
	Text   string
}

// Written says whether there is such a line.
func (l Line) Written() bool { return l.Number > 0 }

// Source tells where in its file each part of a configuration was written.
type Source struct {
	File        string
	Unsupported []Unsupported
	marks       map[string]mark
}

// Unsupported is a construct that IOS knows and this does not yet. One that is
// in use stops Load, and not LoadSource.
type Unsupported struct {
	Feature string
	InUse   bool
	Owner   string // the crypto map, access list, interface or ISAKMP profile; "" for none
	Line    Line
}

// LoadSource is Load for who compares a configuration and does not run it: the
// configuration comes also where all that is wrong with it is not supported
// yet, without those parts.
func LoadSource(file string, text []byte) (*Config, *Source, Diagnostics) {
	e, ds := load(file, text)
	s := &Source{File: file, marks: e.marks}
	for _, u := range e.uses {
		s.Unsupported = append(s.Unsupported, Unsupported{u.feature, e.inUse(u), u.owner, u.at.shown()})
	}
	if !e.checked {
		return nil, s, ds
	}
	for _, d := range ds.Of(Error) {
		if d.Code != CodeUnsupported {
			return nil, s, ds
		}
	}
	return e.cfg, s, ds
}

func (m mark) shown() Line { return Line{m.line, m.text} }

// first is the first of some parts that was written.
func (s *Source) first(keys ...string) Line {
	for _, key := range keys {
		if m, ok := s.marks[key]; ok && m.line > 0 {
			return m.shown()
		}
	}
	return Line{}
}

// Hostname, and so on, are the lines of the global settings.
func (s *Source) Hostname() Line       { return s.first("hostname") }
func (s *Source) DomainName() Line     { return s.first("domain") }
func (s *Source) Enabled() Line        { return s.first("isakmp enable") }
func (s *Source) Identity() Line       { return s.first("isakmp identity") }
func (s *Source) Keepalive() Line      { return s.first("isakmp keepalive") }
func (s *Source) Fragmentation() Line  { return s.first("isakmp fragmentation") }
func (s *Source) DefaultPolicy() Line  { return s.first("isakmp default") }
func (s *Source) AggressiveMode() Line { return s.first("isakmp aggressive") }
func (s *Source) DFBit() Line          { return s.first("ipsec df-bit") }

// Policy is the line of a policy's part, "encryption", "hash", "group",
// "authentication" or "lifetime"; that of the policy where the part is left at
// its default, or is "".
func (s *Source) Policy(priority int, part string) Line {
	return s.first(policyMark(priority)+" "+part, policyMark(priority))
}

// Key is the line of a key in a keyring, DefaultKeyring for those in none.
func (s *Source) Key(keyring string, k PresharedKey) Line { return s.first(keyMark(keyring, k)) }

// Keyring is the line that begins one.
func (s *Source) Keyring(name string) Line { return s.first(keyringMark(name)) }

// Profile is the line that begins an ISAKMP profile; ProfileIdentity what it
// presents; ProfileKeepalive and ProfileMatch one of its other lines.
func (s *Source) Profile(name string) Line { return s.first(profileMark(name)) }
func (s *Source) ProfileIdentity(name string) Line {
	return s.first(profileMark(name)+" identity", profileMark(name))
}
func (s *Source) ProfileKeepalive(name string) Line {
	return s.first(profileMark(name) + " keepalive")
}
func (s *Source) ProfileMatch(name string, m IdentityMatch) Line {
	return s.first(matchMark(name, m))
}

// ProfileAggressive is the line by which a profile begins in aggressive mode, Peer
// that by which an ISAKMP peer does, PeerPassword that of its key.
func (s *Source) ProfileAggressive(name string) Line {
	return s.first(profileMark(name) + " aggressive")
}
func (s *Source) Peer(p *ISAKMPPeer) Line { return s.first(peerMark(p)+" endpoint", peerMark(p)) }
func (s *Source) PeerPassword(p *ISAKMPPeer) Line {
	return s.first(peerMark(p)+" password", peerMark(p))
}

// TransformSet is the line of a set, or of its "mode".
func (s *Source) TransformSet(name, part string) Line {
	return s.first(setMark(name)+" "+part, setMark(name))
}

// Map is the line that begins a crypto map, DynamicMap one that is dynamic.
func (s *Source) Map(name string) Line { return s.first(mapMark(name)) }

// Entry is the line of a crypto map entry's part: "peer A", "list", "pfs",
// "set NAME", "profile", "seconds", "kilobytes", "replay"; that of the entry
// where it has none. The map is a dynamic one where that is said.
func (s *Source) Entry(name string, dynamic bool, seq int, part string) Line {
	if dynamic {
		name = dynamicOwner(name)
	}
	return s.first(entryMark(name, seq)+" "+part, entryMark(name, seq))
}

// Lifetime is the line of an entry's "seconds" or "kilobytes", or "replay": its
// own, else the global one; not written where it is IOS's default.
func (s *Source) Lifetime(name string, dynamic bool, seq int, part string) Line {
	if dynamic {
		name = dynamicOwner(name)
	}
	return s.first(entryMark(name, seq)+" "+part, "ipsec "+part)
}

// MapProfile, MapLogin and MapLocal are the lines of a crypto map's
// `isakmp-profile`, `client authentication list` and `local-address`.
func (s *Source) MapProfile(name string) Line { return s.first(mapMark(name) + " profile") }
func (s *Source) MapLogin(name string) Line {
	return s.first(clientMark(mapMark(name), "authentication"))
}
func (s *Source) MapLocal(name string) Line { return s.first(mapMark(name) + " local") }

// ACL is the line of an access list's entry, or of the list.
func (s *Source) ACL(list string, seq int) Line {
	return s.first(aclEntryMark(list, seq), aclMark(list))
}

// Interface is the line of an interface's "map", "shutdown" or "learned"; that
// of the interface where it has none.
func (s *Source) Interface(name, part string) Line {
	return s.first(interfaceMark(name)+" "+part, interfaceMark(name))
}

// Address is the line that gives an interface an address.
func (s *Source) Address(name string, a netip.Addr) Line {
	return s.first(interfaceMark(name)+" address "+a.String(), interfaceMark(name)+" learned", interfaceMark(name))
}

// Route is the line of an `ip route`, Host that of an `ip host`.
func (s *Source) Route(r Route) Line    { return s.first(routeMark(r)) }
func (s *Source) Host(name string) Line { return s.first(hostMark(name)) }
