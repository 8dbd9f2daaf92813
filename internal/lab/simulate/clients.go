package simulate

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// A site may be an Easy VPN client of another: it logs in by aggressive mode and
// XAUTH, and extends its network, so that packets keep their addresses, or has an
// address that its server gives. The server has an access list for all of them.

const (
	clientGroup = "clients"
	clientName  = "OFFICE"
	dynamicName = "CLIENTS"
	// clientInside is a client's interface with the network that it extends.
	clientInside = "Ethernet1/0"
)

// What clients offer, of both phases.
var (
	clientPhase1 = []string{"encr aes 256\n hash sha\n group 2", "encr aes\n hash md5\n group 2"}
	clientPhase2 = []string{"esp-aes 256 esp-sha-hmac", "esp-aes esp-md5-hmac"}
)

// clients are a server with some who log in to it.
func (d *draw) clients(n int) {
	server := d.site()
	server.server = true
	for range n {
		s := d.site()
		s.client, s.alone = true, d.oneIn(2)
		d.tunnel(s, server)
	}
}

// clientPool is where a server's addresses are.
var clientPool = netip.MustParsePrefix("172.16.0.0/24")

// access says whether a tunnel is a client's.
func (t *tunnel) access() bool { return t.near.client }

// accessible says whether a plan has clients.
func (p *Plan) accessible() bool {
	return slices.ContainsFunc(p.sites, func(s *site) bool { return s.client })
}

// steady has both ends of clients' tunnels find out that the other is gone: a
// client's lifetime is that of Cisco's, weeks.
func (d *draw) steady() *keepalive {
	return &keepalive{interval: d.between(10, 20), retry: d.between(2, 4), periodic: true}
}

// clientKey is the key of the group, and of every user.
func (t *tunnel) clientKey() string { return "key-of-" + t.far[0].name }

// renderServer is what a server has for its clients, who share a crypto map entry.
func (s *site) renderServer(line func(string, ...any)) {
	if s.radius {
		line("aaa new-model\naaa authentication login USERS group radius\naaa authorization network GROUPS local")
		line("radius-server host %s auth-port 1812 acct-port 1813 key %s", radiusServer, radiusKey)
	} else {
		line("aaa new-model\naaa authentication login USERS local\naaa authorization network GROUPS local")
		for _, e := range s.peers {
			line("username %s password %s", e.peers[0].name, e.tunnel.clientKey())
		}
	}
	first := s.peers[0]
	line("crypto isakmp client configuration group %s\n key %s\n pool POOL\n save-password", clientGroup, first.tunnel.clientKey())
	for i, set := range first.tunnel.sets {
		line("%s", first.tunnel.renderSet(i, set))
	}
	line("crypto dynamic-map %s 10\n set transform-set %s\n match address %s", dynamicName, first.tunnel.setNames(), dynamicName)
	for _, l := range []string{"client authentication list USERS", "isakmp authorization list GROUPS", "client configuration address respond",
		"10 ipsec-isakmp dynamic " + dynamicName} {
		line("crypto map %s %s", mapName, l)
	}
	line("ip local pool POOL 172.16.0.1 172.16.0.4\nip access-list extended %s", dynamicName)
	for _, e := range s.peers {
		for _, l := range e.lines {
			line(" permit ip any %s", wildcard(l.remote))
		}
	}
}

// renderClient is a client's own.
func (s *site) renderClient(line func(string, ...any)) {
	t, mode := s.peers[0].tunnel, "network-extension"
	if s.alone {
		mode = "client"
	}
	line("crypto ipsec client ezvpn %s\n connect auto\n group %s key %s\n mode %s\n peer %s", clientName, clientGroup, t.clientKey(), mode, t.far[0].seen)
	line(" username %s password %s\n xauth userid mode local", s.name, t.clientKey())
	line("interface %s\n ip address %s 255.255.255.0\n crypto ipsec client ezvpn %s", outerInterface, s.addr, clientName)
	line("interface %s\n ip address %s 255.255.255.0\n crypto ipsec client ezvpn %s inside", clientInside, own(s.nets[0]), clientName)
}

// clientRetry is how long a client rests at most between two tries.
const clientRetry = time.Minute

// loggedOut is the lines that take a client's tunnel away for good; none of another
// site.
func (s *site) loggedOut() []string {
	if !s.client {
		return nil
	}
	return []string{s.name + "# configure terminal", s.name + "# interface " + outerInterface,
		fmt.Sprintf("%s# no crypto ipsec client ezvpn %s", s.name, clientName), s.name + "# end"}
}
