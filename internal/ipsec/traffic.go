package ipsec

import (
	"encoding/binary"
	"net/netip"
)

// traffic is a Selector in a quarter of its memory, where it is one of IPv4: every SA
// and every instance has one.
type traffic struct {
	localLo, localHi, remoteLo, remoteHi uint32
	localPort, remotePort                PortRange
	protocol                             uint8
	wide                                 *Selector // of IPv6, instead of all these
}

func trafficOf(s Selector) traffic {
	if !s.LocalNet.is4() || !s.RemoteNet.is4() {
		wide := s
		return traffic{wide: &wide}
	}
	return traffic{localLo: number4(s.LocalNet.Lo), localHi: number4(s.LocalNet.Hi), remoteLo: number4(s.RemoteNet.Lo), remoteHi: number4(s.RemoteNet.Hi),
		localPort: s.LocalPort, remotePort: s.RemotePort, protocol: s.Protocol}
}

func (r Range) is4() bool { return r.Lo.Is4() && r.Hi.Is4() }

// number4 is an IPv4 address as a number.
func number4(a netip.Addr) uint32 {
	raw := a.As4()
	return binary.BigEndian.Uint32(raw[:])
}

func addr4(n uint32) netip.Addr {
	var raw [4]byte
	binary.BigEndian.PutUint32(raw[:], n)
	return netip.AddrFrom4(raw)
}

func (t *traffic) selector() Selector {
	if t.wide != nil {
		return *t.wide
	}
	return Selector{Range{addr4(t.localLo), addr4(t.localHi)}, Range{addr4(t.remoteLo), addr4(t.remoteHi)}, t.protocol, t.localPort, t.remotePort}
}

// matches is Selector.Matches.
func (t *traffic) matches(f Flow) bool {
	if t.wide != nil {
		return t.wide.Matches(f)
	}
	if !f.Src.Is4() || !f.Dst.Is4() || t.protocol != 0 && t.protocol != f.Protocol {
		return false
	}
	src, dst := number4(f.Src), number4(f.Dst)
	if src < t.localLo || src > t.localHi || dst < t.remoteLo || dst > t.remoteHi {
		return false
	}
	return f.PortsUnknown || t.localPort.Contains(f.SrcPort) && t.remotePort.Contains(f.DstPort)
}

func (t *traffic) hasPorts() bool {
	if t.wide != nil {
		return t.wide.HasPorts()
	}
	return !t.localPort.Any() || !t.remotePort.Any()
}
