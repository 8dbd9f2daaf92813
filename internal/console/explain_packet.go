package console

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"qmidle/internal/config"
	"qmidle/internal/diagnose"
	"qmidle/internal/ike"
	"qmidle/internal/policy"
)

// PacketWay is explain packet: what becomes of a packet, and why.
type PacketWay struct{ diagnose.Way }

func explainPacket(r Router, a config.Args) (View, error) {
	survey, ok := r.(Surveyor)
	if !ok {
		return nil, errors.New("this router does not know its routes")
	}
	p := diagnose.Packet{From: a.Addr("from"), To: a.Addr("to"), Port: uint16(a.Number("port"))}
	if word := a.Text("protocol"); word != "" {
		if p.Protocol, ok = diagnose.ProtocolNumber(word); !ok {
			return nil, fmt.Errorf("%q is no protocol: write ip, icmp, tcp, udp, gre or a number", word)
		}
	}
	return PacketWay{sceneOf(r, survey, p).Trace(p)}, nil
}

// sceneOf gathers the routes that a packet may take: its own, the way back, and
// those to the peers.
func sceneOf(r Router, survey Surveyor, p diagnose.Packet) *diagnose.Scene {
	s := &diagnose.Scene{Situation: *situationOf(r), Hops: make(map[netip.Addr]diagnose.Hop), Ruled: survey.Ruled(), Report: explain(r).Report}
	targets := []netip.Addr{p.To, p.From}
	for _, sa := range s.Tunnels {
		targets = append(targets, sa.SA.Remote.Addr())
	}
	for _, to := range targets {
		if hop, ok := survey.RouteTo(to); ok {
			s.Hops[to] = hop
		}
	}
	for _, i := range s.Config.Interfaces {
		for _, own := range i.Addresses {
			if !i.Shutdown {
				s.Own = append(s.Own, own.Addr())
			}
		}
	}
	if e, ok := r.(EasyVPN); ok {
		for _, c := range e.EasyVPNClients() {
			addClient(s, c)
		}
	}
	return s
}

// addClient puts what leads into a client's tunnel in the place of what its SAs are
// for, which is everything.
func addClient(s *diagnose.Scene, c EasyVPNClient) {
	i := slices.IndexFunc(s.Connections, func(x *ike.Connection) bool { return x.EasyVPN != nil && x.Interface == c.Outside })
	if i < 0 || c.Network {
		return
	}
	s.Connections = slices.Clone(s.Connections)
	led := *s.Connections[i]
	s.Connections[i] = &led
	switch {
	case !c.Config.Address.IsValid():
		led.ACL = nil
		return
	case len(c.Config.Split) > 0:
		local := led.ACL[0].Local
		led.ACL = nil
		for _, n := range c.Config.Split {
			led.ACL = append(led.ACL, policy.ACLEntry{Permit: true, Local: local, Remote: policy.ProxyFromPrefix(n.Network, 0, 0)})
		}
	}
	s.Own = append(s.Own, c.Config.Address)
}
