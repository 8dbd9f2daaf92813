package ike

import (
	"net/netip"
	"strings"

	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// configFor makes the attributes that a client gets of those that it asked for,
// in that order, and tells each of them.
func (s *sa) configFor(l *login, wanted []isakmp.AttributeType) (list []isakmp.Attribute) {
	for _, t := range wanted {
		got, known := s.attributesOf(l, t)
		if !known || len(got) == 0 && t == isakmp.UnityBanner {
			s.emit(&trace.ConfigAttributeUnknown{Attr: trace.ConfigAttr(t)})
		}
		list = append(list, got...)
	}
	return list
}

// attributesOf makes the attributes of one type that a client gets, and tells
// them. known is false for a type that has no meaning here.
func (s *sa) attributesOf(l *login, t isakmp.AttributeType) (list []isakmp.Attribute, known bool) {
	p := &l.policy
	switch t {
	case isakmp.ConfigIP4Address:
		return s.addresses(t, l.address), true
	case isakmp.ConfigIP4Netmask:
		return s.addresses(t, l.netmask()), true
	case isakmp.ConfigIP4DNS:
		return s.addresses(t, p.DNS...), true
	case isakmp.ConfigIP4NBNS:
		return s.addresses(t, p.WINS...), true
	case isakmp.ConfigAddressExpiry:
		return s.expiry(l), true
	case isakmp.ConfigApplication:
		return s.text(t, s.e.cfg.Application), true
	case isakmp.UnityBanner:
		return s.text(t, p.Banner), true
	case isakmp.UnitySavePassword:
		return s.flag(t, p.SavePassword, true), true
	case isakmp.UnityDefaultDomain:
		return s.text(t, p.Domain), true
	case isakmp.UnitySplitInclude:
		return s.split(p), true
	case isakmp.UnitySplitDNS:
		return s.text(t, strings.Join(p.SplitDNS, ",")), true
	case isakmp.UnityLocalLAN:
		return s.flag(t, p.IncludeLocalLAN, false), true
	case isakmp.UnityPFS:
		return s.flag(t, p.PFS, false), true
	case isakmp.UnityBackupServers:
		return s.backup(p), true
	case isakmp.UnityNATTPort:
		return s.tellUDPPort(l), true
	case isakmp.UnityFirewallType, isakmp.UnityDDNSHostname:
		return nil, true // understood, and left out
	}
	return nil, false
}

// netmask is the one that goes with the client's address; invalid without it.
func (l *login) netmask() netip.Addr {
	if !l.address.IsValid() {
		return netip.Addr{}
	}
	return l.policy.Netmask
}

// addresses makes an attribute of each address that is one of IPv4.
func (s *sa) addresses(t isakmp.AttributeType, all ...netip.Addr) (list []isakmp.Attribute) {
	for _, a := range all {
		if a.Is4() {
			list = append(list, isakmp.Attribute{Type: t, Value: a.AsSlice()})
			s.emit(&trace.ConfigAttributeSent{Attr: trace.ConfigAttr(t), Address: a})
		}
	}
	return list
}

// expiry is how long the address may be used: as long as the ISAKMP SA, by which
// it is asked for again.
func (s *sa) expiry(l *login) []isakmp.Attribute {
	if !l.address.IsValid() {
		return nil
	}
	left := max(s.e.timers.time(s.expires).Sub(s.e.now), 0).Seconds()
	s.emit(&trace.ConfigAttributeSent{Attr: trace.ConfigAttr(isakmp.ConfigAddressExpiry), Number: uint32(left)})
	return []isakmp.Attribute{isakmp.VariableAttribute(isakmp.ConfigAddressExpiry, uint64(left), 4)}
}

func (s *sa) text(t isakmp.AttributeType, text string) []isakmp.Attribute {
	if text == "" {
		return nil
	}
	text = bounded(text)
	s.emit(&trace.ConfigAttributeSent{Attr: trace.ConfigAttr(t), Text: text})
	return []isakmp.Attribute{textAttribute(t, text)}
}

// flag makes an attribute of a truth, which where it does not hold is left out
// unless it goes always.
func (s *sa) flag(t isakmp.AttributeType, holds, always bool) []isakmp.Attribute {
	if !holds && !always {
		return nil
	}
	var v uint16
	if holds {
		v = 1
	}
	s.emit(&trace.ConfigAttributeSent{Attr: trace.ConfigAttr(t), Number: uint32(v)})
	return []isakmp.Attribute{isakmp.BasicAttribute(t, v)}
}

// splitLen is the length of one network of UNITY-SPLIT-INCLUDE: address, mask, and
// protocol and ports, of which clients take zeros.
const splitLen = 14

// maxSplit bounds the networks of one client.
const maxSplit = 128

// split makes one attribute of all networks that go through the tunnel.
func (s *sa) split(p *ClientPolicy) []isakmp.Attribute {
	var value []byte
	for _, n := range p.Split[:min(len(p.Split), maxSplit)] {
		if !n.Network.Addr().Is4() {
			continue
		}
		m := mask(n.Network.Bits())
		value = append(value, n.Network.Masked().Addr().AsSlice()...)
		value = append(value, m.AsSlice()...)
		value = append(value, 0, n.Protocol)
		value = append(value, byte(n.SourcePort>>8), byte(n.SourcePort), byte(n.DstPort>>8), byte(n.DstPort))
		s.emit(&trace.ConfigAttributeSent{Attr: trace.ConfigAttr(isakmp.UnitySplitInclude), Text: p.SplitName, Address: n.Network.Masked().Addr(), Mask: m,
			Protocol: n.Protocol, SourcePort: n.SourcePort, Destination: n.DstPort})
	}
	if value == nil {
		return nil
	}
	return []isakmp.Attribute{{Type: isakmp.UnitySplitInclude, Value: value}}
}

// backup makes one attribute of all backup servers.
func (s *sa) backup(p *ClientPolicy) []isakmp.Attribute {
	var value []byte
	for _, a := range p.BackupServers {
		if a.Is4() {
			value = append(value, a.AsSlice()...)
			s.emit(&trace.ConfigAttributeSent{Attr: trace.ConfigAttr(isakmp.UnityBackupServers), Address: a})
		}
	}
	if value == nil {
		return nil
	}
	return []isakmp.Attribute{{Type: isakmp.UnityBackupServers, Value: value}}
}
