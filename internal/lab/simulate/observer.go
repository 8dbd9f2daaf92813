package simulate

import (
	"encoding/binary"
	"net/netip"

	"qmidle/internal/ike"
	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// observer takes what the lab shows to the invariants.
type observer struct{ r *run }

// Started implements lab.Watcher.
func (o observer) Started(gateway string) {
	o.r.endings.started(gateway)
	o.r.debugOn(gateway)
}

// Record implements lab.Watcher.
func (o observer) Record(gateway string, rec *trace.Record) {
	o.r.endings.record(gateway, rec)
	o.r.tables.touched(gateway)
}

// Installed implements lab.Watcher.
func (o observer) Installed(gateway string, sa ipsec.SAParams) {
	o.r.detail("%s installs %v SA %#x with %v", gateway, sa.Direction, sa.SPI, sa.Remote)
	o.r.keys.installed(gateway, sa)
}

// Removed implements lab.Watcher.
func (o observer) Removed(gateway string, sa ike.RemovedSA) {
	o.r.detail("%s removes %v SA %#x with %v", gateway, sa.Direction, sa.SPI, sa.Remote)
	o.r.keys.removed(gateway, sa)
	o.r.endings.removed(gateway, sa)
}

// Sent implements lab.Watcher.
func (o observer) Sent(gateway, iface string, packet []byte) {
	if o.r.tap != nil {
		o.r.tap(packet)
	}
	p := ip(packet)
	if esp, ok := p.esp(); ok {
		o.r.detail("%s sends ESP of SA %#x to %s", gateway, esp[:4], p.to())
		o.r.keys.sentESP(gateway, esp)
		return
	}
	if message, ok := p.ike(); ok {
		o.r.keys.sentIKE(gateway, message)
		return
	}
	o.r.clear.sent(o.r.sites[gateway], iface, p)
}

// Arrived implements lab.Watcher.
func (o observer) Arrived(gateway string, packet []byte, clear bool) {
	p := ip(packet)
	_, esp := p.esp()
	_, message := p.ike()
	if clear && (esp || message) {
		return
	}
	s := o.r.sites[gateway]
	if clear {
		o.r.clear.arrived(s, p)
	}
	o.r.delivery.arrived(s, p, clear, o.r.world.Owns(gateway, p.dst()))
}

// Answered implements lab.Watcher.
func (o observer) Answered(gateway string, sent int) { o.r.work.answered(o.r.sites[gateway], sent) }

// Stepped implements lab.Watcher.
func (o observer) Stepped() {
	o.r.numbers.Steps++
	o.r.endings.stepped()
	o.r.tables.stepped()
}

// ip is an IPv4 packet without options.
type ip []byte

const (
	ipHeader, udpHeader = 20, 8
	protocolICMP        = 1
	protocolUDP         = 17
	protocolESP         = 50
)

func (p ip) src() netip.Addr { return netip.AddrFrom4([4]byte(p[12:])) }
func (p ip) dst() netip.Addr { return netip.AddrFrom4([4]byte(p[16:])) }

// to is where a packet goes, with UDP's port.
func (p ip) to() string {
	if p[9] != protocolUDP || len(p) < ipHeader+udpHeader {
		return p.dst().String()
	}
	return netip.AddrPortFrom(p.dst(), binary.BigEndian.Uint16(p[ipHeader+2:])).String()
}

// udp returns the data of a packet from or to one of IKE's ports.
func (p ip) udp() (data []byte, port uint16) {
	if p[9] != protocolUDP || len(p) < ipHeader+udpHeader {
		return nil, 0
	}
	from, to := binary.BigEndian.Uint16(p[ipHeader:]), binary.BigEndian.Uint16(p[ipHeader+2:])
	for _, port := range []uint16{isakmp.PortIKE, isakmp.PortNATT} {
		if from == port || to == port {
			return p[ipHeader+udpHeader:], port
		}
	}
	return nil, 0
}

// esp returns an ESP packet, with UDP around it or not.
func (p ip) esp() ([]byte, bool) {
	if p[9] == protocolESP {
		return p[ipHeader:], true
	}
	data, port := p.udp()
	return data, port == isakmp.PortNATT && ipsec.ClassifyUDP(data) == ipsec.UDPESP
}

// ike returns an IKE message, or the octet of a NAT keepalive.
func (p ip) ike() ([]byte, bool) {
	data, port := p.udp()
	if port == isakmp.PortNATT && ipsec.ClassifyUDP(data) == ipsec.UDPIKE {
		return data[ipsec.NonESPMarkerLen:], true
	}
	return data, port != 0
}
