package ike

import (
	"net/netip"
	"testing"

	"qmidle/internal/ipsec"
	"qmidle/internal/isakmp"
	"qmidle/internal/trace"
)

// ciscoUDP is a client whose group has a port, which then asks for attributes
// besides its address and offers a second pair.
func ciscoUDP(t testing.TB, open []uint16, wanted ...isakmp.AttributeType) (r *remote, inbound ipsec.SAParams) {
	r = newRemote(t, func(hub, _ *Config) { hub.UDPPorts = open })
	r.office.policy.UDPPort = 10000
	r.connect()
	first := r.hub.engine.IPsecSAs()[0].InSPI
	list := []isakmp.Attribute{{Type: isakmp.ConfigIP4Address}}
	for _, a := range wanted {
		list = append(list, isakmp.Attribute{Type: a})
	}
	r.asClient(isakmp.ExchangeTransaction, 21, config(isakmp.ConfigRequest, 3, list...))
	r.asClient(isakmp.ExchangeQuick, 22, r.offer(hostProxy(clientAddr))...)
	for spi, sa := range r.hub.sas {
		if spi != first && sa.Direction == ipsec.Inbound {
			return r, sa
		}
	}
	t.Fatal("no second pair")
	return r, inbound
}

func (r *remote) toldPort() (ports []uint32) {
	for _, e := range r.hub.events.list {
		if x, ok := e.Event.(*trace.ConfigAttributeSent); ok && x.Attr == trace.ConfigAttr(isakmp.UnityNATTPort) {
			ports = append(ports, x.Number)
		}
	}
	return ports
}

func TestCiscosEncapsulationGoesByItsOwnPort(t *testing.T) {
	r, sa := ciscoUDP(t, []uint16{9999, 10000}, isakmp.UnityNATTPort)
	if told := r.toldPort(); len(told) != 1 || told[0] != 10000 {
		t.Errorf("told %v, want 10000", told)
	}
	if !sa.UDPEncap || sa.LocalPort != 10000 || sa.RemotePort != 10000 {
		t.Errorf("the SA goes in UDP: %v, ports %d and %d", sa.UDPEncap, sa.LocalPort, sa.RemotePort)
	}
	ike := r.hubSA().Remote
	at := netip.AddrPortFrom(spokeAddr, 30000)
	moved := func(from netip.AddrPort) (list []MovedPeer) {
		r.do(r.hub, func(e *Engine, fx *Effects) {
			e.PeerMoved(r.now, sa.SPI, from, fx)
			list = fx.Moved
		})
		return list
	}
	if list := moved(at); len(list) != 2 || list[0].To != at || list[1].To != at || r.hubSA().Remote != ike {
		t.Errorf("of ESP from elsewhere the data plane is told %+v; IKE is at %v, want %v", list, r.hubSA().Remote, ike)
	}
	if list := moved(netip.MustParseAddrPort("203.0.113.1:10000")); len(list) != 0 {
		t.Errorf("another address is followed: %+v", list)
	}

	// Its IKE may move apart from that.
	s := r.hub.newest()
	notify := isakmp.AppendNotify(nil, isakmp.Notify{DOI: isakmp.DOIIPsec, Protocol: isakmp.ProtocolISAKMP, SPI: s.spi(), Type: isakmp.NotifyRUThere, Data: []byte{0, 0, 0, 9}})
	data := r.fromClient(s, isakmp.ExchangeInformational, 23, isakmp.Payload{Type: isakmp.PayloadNotify, Body: notify})
	later := netip.AddrPortFrom(spokeAddr, 31000)
	r.do(r.hub, func(e *Engine, fx *Effects) {
		e.Datagram(r.now, s.local, later, data, fx)
		if len(fx.Moved) != 0 || s.remote != later {
			t.Errorf("IKE is at %v, want %v; of its ESP the data plane is told %+v", s.remote, later, fx.Moved)
		}
	})

	cfg := r.hub.engine.cfg
	cfg.UDPPorts = []uint16{9999}
	r.do(r.hub, func(e *Engine, fx *Effects) { e.Reconfigure(r.now, cfg, trace.ReasonReconfigured, fx) })
	if n := len(r.hub.engine.logins); n != 0 {
		t.Errorf("%d logins by a port that is gone", n)
	}
}

func TestWhoHasNoEncapsulationOfCiscos(t *testing.T) {
	for name, c := range map[string]struct {
		open   []uint16
		wanted []isakmp.AttributeType
	}{
		"does not ask":       {[]uint16{10000}, nil},
		"the port is closed": {nil, []isakmp.AttributeType{isakmp.UnityNATTPort}},
	} {
		r, sa := ciscoUDP(t, c.open, c.wanted...)
		if told := r.toldPort(); len(told) != 0 || sa.UDPEncap {
			t.Errorf("%s: told %v, in UDP: %v", name, told, sa.UDPEncap)
		}
	}
}

// vpnc keeps the mapping of a NAT for IKE by messages that hold nothing but a HASH,
// which is over other octets than anybody else's.
func TestAMessageOfNothingIsNoFault(t *testing.T) {
	r := newRemote(t, nil)
	r.connect()
	r.asClient(isakmp.ExchangeInformational, 7)
	last := r.hub.events.list[len(r.hub.events.list)-1].Event
	if d, ok := last.(*trace.PacketDropped); !ok || d.Reason != trace.DropEmpty {
		t.Errorf("the last event is %T %+v", last, last)
	}
}
