package config

import "strings"

// write shows a keyring with the blanks that IOS leaves: two before its lines,
// two behind its name.
func (k *Keyring) write(w *writer) {
	w.line("crypto keyring %s  ", k.Name)
	if k.Description != "" {
		w.line("  description %s", k.Description)
	}
	if k.Local != (LocalEndpoint{}) {
		w.line("  local-address %s", k.Local)
	}
	for _, key := range k.Keys {
		w.line("  pre-shared-key %s key %s", key.keyringPeer(), key.word())
	}
}

// keyringPeer names the key's peers in a keyring.
func (k PresharedKey) keyringPeer() string {
	switch {
	case k.Hostname != "":
		return "hostname " + k.Hostname
	case k.Mask == 32:
		return "address " + k.Addr.String()
	}
	return "address " + k.Addr.String() + " " + mask(k.Mask).String()
}

// String is the address, or the interface's name.
func (l LocalEndpoint) String() string {
	if l.Addr.IsValid() {
		return l.Addr.String()
	}
	return l.Interface
}

// write shows a profile as IOS does, with three blanks before its lines. The
// comment is IOS's own.
func (p *ISAKMPProfile) write(w *writer) {
	w.line("crypto isakmp profile %s", p.Name)
	if len(p.Match) == 0 && len(p.CertMaps) == 0 {
		w.line("! This profile is incomplete (no match identity statement)")
	}
	if p.Description != "" {
		w.line("   description %s", p.Description)
	}
	if len(p.Keyrings) > 0 {
		w.line("   keyring %s", strings.Join(p.Keyrings, " "))
	}
	if p.SelfIdentity.Type != SelfGlobal {
		w.line("   self-identity %s", p.SelfIdentity)
	}
	for _, t := range p.Trustpoints {
		w.line("   ca trust-point %s", t)
	}
	for _, m := range p.Match {
		w.line("   match identity %s", m)
	}
	for _, m := range p.CertMaps {
		w.line("   match certificate %s", m)
	}
	p.Client.write(w, "   ")
	if p.Group != "" {
		w.line("   client configuration group %s", p.Group)
	}
	if k := p.Keepalive; k != nil {
		w.line("   keepalive %d retry %d", inSeconds(k.Interval), inSeconds(k.Retry))
	}
	if p.Aggressive {
		w.line("   initiate mode aggressive")
	}
	if p.Local != (LocalEndpoint{}) {
		w.line("   local-address %s", p.Local)
	}
}

// String is the words behind `self-identity`.
func (s SelfIdentity) String() string {
	switch {
	case s.Type == SelfAddress && s.Addr.IsValid():
		return s.Addr.String()
	case s.Type == SelfAddress:
		return "address"
	case s.Type == SelfFQDN && s.Name == "":
		return "fqdn"
	case s.Type == SelfFQDN:
		return "fqdn " + s.Name
	case s.Type == SelfUserFQDN:
		return "user-fqdn " + s.Name
	}
	return ""
}

// String is the words behind `match identity`, with the blank that IOS leaves
// behind an address.
func (m IdentityMatch) String() string {
	switch m.Kind {
	case MatchHost:
		return "host " + m.Name
	case MatchHostDomain:
		return "host domain " + m.Name
	case MatchUser:
		return "user " + m.Name
	case MatchUserDomain:
		return "user domain " + m.Name
	case MatchGroup:
		return "group " + m.Name
	}
	if m.Prefix.Bits() == 0 {
		return "address " + m.Prefix.Addr().String() + " "
	}
	return "address " + prefixWords(m.Prefix) + " "
}

// trimmed is String for a sentence.
func (m IdentityMatch) trimmed() string { return strings.TrimSpace(m.String()) }
