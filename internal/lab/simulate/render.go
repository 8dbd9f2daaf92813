package simulate

import (
	"fmt"
	"net/netip"
	"strings"
)

// mapName is every site's crypto map.
const mapName = "VPN"

// outerInterface is the one on the outside link.
const outerInterface = "Ethernet0/0"

// setName is a tunnel's transform set.
func (t *tunnel) setName(i int) string { return fmt.Sprintf("T%d-%d", t.id, i+1) }

// setNames are all of a tunnel's transform sets.
func (t *tunnel) setNames() string {
	names := make([]string, len(t.sets))
	for i := range names {
		names[i] = t.setName(i)
	}
	return strings.Join(names, " ")
}

// render is a site's configuration.
func (s *site) render() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("version 15.2\nservice timestamps debug datetime msec\nhostname %s", s.name)
	if s.certified {
		line("%s", s.trustpoint())
	}
	s.renderPhase1(line)
	switch {
	case s.client:
		s.renderClient(line)
		s.renderNetworks(line, 1)
		s.renderRoutes(line)
		return b.String()
	case s.server:
		s.renderServer(line)
		s.renderOuter(line)
		s.renderRoutes(line)
		return b.String()
	}
	for _, e := range s.peers {
		for i, set := range e.setsOf() {
			line("%s", e.tunnel.renderSet(i, set))
		}
	}
	for _, e := range s.peers {
		e.render(line)
	}
	s.renderOuter(line)
	s.renderRoutes(line)
	for _, e := range s.peers {
		line("ip access-list extended ACL%d", e.seq)
		for _, l := range e.lines {
			line(" permit ip %s %s", wildcard(l.local), wildcard(l.remote))
		}
	}
	return b.String()
}

// renderOuter are the interfaces of a site with a crypto map.
func (s *site) renderOuter(line func(string, ...any)) {
	line("interface %s\n ip address %s 255.255.255.0\n crypto map %s", outerInterface, s.addr, mapName)
	s.renderNetworks(line, 0)
}

// renderNetworks are a site's own networks, from one on.
func (s *site) renderNetworks(line func(string, ...any), from int) {
	for i, net := range s.nets[from:] {
		line("interface Loopback%d\n ip address %s 255.255.255.0", from+i, own(net))
	}
}

func (s *site) renderPhase1(line func(string, ...any)) {
	policies := s.policies
	if o := s.peers[0].odd; o != nil && o.policy != "" {
		policies = []string{o.policy}
	}
	for i, p := range policies {
		line("crypto isakmp policy %d\n %s\n authentication %s\n lifetime %d", 10*(i+1), p, s.authentication(), s.policyLife)
	}
	for _, e := range s.peers {
		if e.tunnel.access() || s.certified {
			continue
		}
		for _, peer := range e.peers {
			if key := e.keyOf(); key != "" {
				line("crypto isakmp key %s address %s", key, peer.seen)
			}
			if e.tunnel.aggressive[s] {
				line("%s", s.aggressivePeer(peer, e.tunnel.key))
			}
		}
	}
	if k := s.keepalive; k != nil {
		line("%s", k)
	}
	if s.natKeepalive > 0 {
		line("crypto isakmp nat keepalive %d", s.natKeepalive)
	}
	if s.fragments > 0 {
		line("crypto isakmp fragmentation mtu %d", s.fragments)
	}
	if s.recovery {
		line("crypto isakmp invalid-spi-recovery")
	}
	if s.hostname {
		// One name in either mode: behind NATs at both ends a peer with two is taken
		// for two, which one address outside may have.
		line("ip domain name example.com\ncrypto isakmp identity hostname")
	}
	line("qmidle retransmission interval %d tries %d", s.retransmit.interval, s.retransmit.tries)
	if s.replay == 0 {
		line("crypto ipsec security-association replay disable")
	} else {
		line("crypto ipsec security-association replay window-size %d", s.replay)
	}
}

// aggressivePeer has phase 1 with a peer begin in aggressive mode.
func (s *site) aggressivePeer(peer *site, key string) string {
	endpoint := "ipv4-address " + s.addr.String()
	if s.hostname {
		endpoint = "fqdn " + s.name + ".example.com"
	}
	return fmt.Sprintf("crypto isakmp peer address %s\n set aggressive-mode password %s\n set aggressive-mode client-endpoint %s", peer.seen, key, endpoint)
}

func (k *keepalive) String() string {
	text := fmt.Sprintf("crypto isakmp keepalive %d %d", k.interval, k.retry)
	if k.periodic {
		text += " periodic"
	}
	return text
}

func (t *tunnel) renderSet(i int, transforms string) string {
	text := fmt.Sprintf("crypto ipsec transform-set %s %s", t.setName(i), transforms)
	if t.transport {
		text += "\n mode transport"
	}
	return text
}

func (e *entry) render(line func(string, ...any)) {
	line("crypto map %s %d ipsec-isakmp", mapName, e.seq)
	for i, peer := range e.peers {
		suffix := ""
		if i == 0 && e.tunnel.prefer && len(e.peers) > 1 {
			suffix = " default"
		}
		line(" set peer %s%s", peer.seen, suffix)
	}
	line(" set transform-set %s", e.setNames())
	if pfs := e.pfsOf(); pfs != "" {
		line(" set pfs %s", pfs)
	}
	line(" set security-association lifetime seconds %d", e.life)
	if e.kilobytes > 0 {
		line(" set security-association lifetime kilobytes %d", e.kilobytes)
	}
	line(" match address ACL%d", e.seq)
}

// renderRoutes sends what a tunnel carries towards its peer, which may be a
// gateway that stands in for others.
func (s *site) renderRoutes(line func(string, ...any)) {
	for _, e := range s.peers {
		for _, l := range e.lines {
			if !outside.Overlaps(l.remote) {
				line("ip route %s %s %s", l.remote.Addr(), mask(l.remote), e.peers[0].seen)
			}
		}
	}
}

func mask(p netip.Prefix) netip.Addr {
	bits := ^uint32(0) << (32 - p.Bits())
	return netip.AddrFrom4([4]byte{byte(bits >> 24), byte(bits >> 16), byte(bits >> 8), byte(bits)})
}

func wildcard(p netip.Prefix) string {
	if p.Bits() == 32 {
		return "host " + p.Addr().String()
	}
	m := mask(p).As4()
	return fmt.Sprintf("%s %s", p.Addr(), netip.AddrFrom4([4]byte{^m[0], ^m[1], ^m[2], ^m[3]}))
}
