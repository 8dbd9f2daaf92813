//go:build guest

package guest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// splitTunnel has the server name the network behind it.
const splitTunnel = " acl 150\n"

// extended lets a client have its network reached.
const extended = " match address 151"

// server is the hub as Easy VPN server; more stands at its top, group in its group of
// clients and set in its dynamic crypto map.
func server(more, group, set string) string {
	return fmt.Sprintf(`hostname hub
%s
aaa new-model
aaa authentication login USERS local
aaa authorization network GROUPS local
username alice password 0 guest-password
username bob password 0 guest-password
crypto isakmp policy 1
 encr aes
 authentication pre-share
 group 2
crypto isakmp client configuration group clients
 key guest-key
 pool POOL
 save-password
%scrypto ipsec transform-set T esp-aes esp-sha-hmac
crypto dynamic-map D 10
 set transform-set T
 reverse-route
%s
crypto map M client authentication list USERS
crypto map M isakmp authorization list GROUPS
crypto map M client configuration address respond
crypto map M 10 ipsec-isakmp dynamic D
interface Ethernet0/0
 ip address 192.1.1.40 255.255.255.0
 crypto map M
interface Ethernet0/1
 ip address 192.168.2.1 255.255.255.0
ip local pool POOL 10.55.0.10 10.55.0.20
access-list 150 permit ip 192.168.2.0 0.0.0.255 any
access-list 151 permit ip any 192.168.3.0 0.0.0.255
end
`, more, group, set)
}

// client is a client of it at an address, with a network behind it where inside has its
// address there.
func client(user, more, mode, outside, inside string) string {
	c := fmt.Sprintf(`hostname %[1]s
%[2]s
crypto ipsec client ezvpn OFFICE
 connect auto
 group clients key guest-key
 mode %[3]s
 peer 192.1.1.40
 username %[1]s password guest-password
 xauth userid mode local
interface Ethernet0/0
 ip address %[4]s 255.255.255.0
 crypto ipsec client ezvpn OFFICE
`, user, more, mode, outside)
	if inside != "" {
		c += "interface Ethernet0/1\n ip address " + inside + " 255.255.255.0\n crypto ipsec client ezvpn OFFICE inside\n"
	}
	return c + "end\n"
}

// assigned waits for the address that a client gets.
func (l *lab) assigned(t *testing.T, role string) (address string) {
	t.Helper()
	eventually(t, role+" has an address", func() bool {
		m := regexp.MustCompile(`inet (10\.55\.0\.\d+)/32 .*qmidle0`).FindStringSubmatch(l.show(t, role, "-4", "addr"))
		if m != nil {
			address = m[1]
		}
		return m != nil
	})
	return address
}

// remains is what a gateway has of ours in the kernel, but for what blocks.
func (l *lab) remains(t *testing.T, role string) string {
	rules := regexp.MustCompile(`(?m)^(0|32766|32767):.*$`).ReplaceAllString(l.show(t, role, "rule"), "")
	return strings.TrimSpace(l.policies(t, role) + spis(l.states(t, role)) + rules + l.show(t, role, "route", "show", "table", "all", "proto", "171"))
}

// TestKernelEasyVPN has the hub's kernel serve two clients behind one NAT, one by its
// kernel with a host behind it and one in user space: all that they send goes by the hub.
// The NAT changes their ports, kilobytes run out, and either end ends it.
func TestKernelEasyVPN(t *testing.T) {
	t.Parallel()
	l := translated(t, "laptop")
	l.behind(t, "laptop", "10.0.1")
	l.ip(t, "laptop", "link set lo up\naddr add 10.0.1.2/24 dev wan0\nlink set wan0 up\nroute add default via 10.0.1.1")
	hub := l.gateway(t, "hub", server("", "", few))
	spoke := l.gateway(t, "spoke", client("alice", "", "client", "10.0.0.2", "192.168.3.1"))
	wire := l.listen(t)
	alice := l.assigned(t, "spoke")
	l.gateway(t, "laptop", client("bob", string(userSpace), "client", "10.0.1.2", ""))
	bob := l.assigned(t, "laptop")
	for _, role := range []string{"spoke", "ls", "laptop"} {
		l.connect(t, role, "192.168.2.10")
		l.wantEchoes(t, role, echo{to: "192.168.2.10", count: 3}, 3)
	}
	l.wantEchoes(t, "hub", echo{to: alice, count: 1}, 1)
	for _, address := range []string{alice, bob} {
		l.wantEchoes(t, "lh", echo{to: address, count: 3}, 3)
		if p, r := l.policies(t, "hub"), l.show(t, "hub", "route"); strings.Count(p, "dst "+address+"/32") != 1 || strings.Count(p, "src "+address+"/32") != 2 ||
			!strings.Contains(r, address+" via 192.1.1.42") {
			t.Errorf("for %s the hub has\n%s\n%s", address, p, r)
		}
	}
	if here, there := l.sas(t, "hub"), l.sas(t, "spoke"); here < 4 || there < 2 {
		t.Errorf("the hub has %d states and the spoke %d", here, there)
	}

	l.translate(t, "192.1.1.42:30000-39999")
	moved := regexp.MustCompile(`encap type espinudp sport (4500 dport )?3`)
	eventually(t, "the hub follows both", func() bool {
		for _, role := range []string{"spoke", "laptop"} {
			l.echo(t, role, echo{to: "192.168.2.10", count: 1, wait: unanswered})
		}
		s := l.states(t, "hub")
		return len(moved.FindAllString(s, -1)) == count(s)
	})
	for _, address := range []string{alice, bob} {
		l.wantEchoes(t, "lh", echo{to: address, count: 3}, 3)
	}

	l.renewed(t, "spoke", alice)
	hub.ask(t, "clear crypto session")
	for _, role := range []string{"ls", "laptop"} {
		l.connect(t, role, "192.168.2.10")
	}
	alice = l.assigned(t, "spoke")
	its := strings.Fields(strings.ReplaceAll(spis(l.states(t, "spoke")), "spi ", ""))
	spoke.end(t, syscall.SIGTERM)
	// The pool's addresses, of which its prefixes have two at least, stay blocked.
	its = append(its, alice+"/32", alice+" via")
	eventually(t, "the hub has nothing of the spoke's", func() bool {
		left := l.policies(t, "hub") + l.show(t, "hub", "route") + l.states(t, "hub")
		return !slices.ContainsFunc(its, func(one string) bool { return strings.Contains(left, one) })
	})
	if s := l.remains(t, "spoke"); s != "" {
		t.Errorf("the spoke leaves:\n%s", s)
	}
	l.wantEchoes(t, "laptop", echo{to: "192.168.2.10", count: 1}, 1)
	l.echo(t, "ls", echo{to: "192.168.2.10", count: 2, wait: unanswered})
	if s := wire.look(); s.clear != 0 || s.esp != 0 {
		t.Errorf("on the wire: %+v", s)
	}
}

// TestKernelEasyVPNNetwork has a spoke's kernel send what comes from the network behind
// it to a server in user space; then the spoke is killed.
func TestKernelEasyVPNNetwork(t *testing.T) {
	t.Parallel()
	l := network(t)
	l.ip(t, "spoke", "route add default via 192.1.1.40")
	hub := l.gateway(t, "hub", server(string(userSpace), "", extended))
	extension := client("bob", "", "network-extension", "192.1.1.42", "192.168.3.1")
	spoke := l.gateway(t, "spoke", extension)
	wire := l.listen(t)
	l.connect(t, "ls", "192.168.2.10")
	l.wantEchoes(t, "lh", echo{to: "192.168.3.10", count: 5}, 5)
	if n := l.sas(t, "spoke"); n != 2 {
		t.Errorf("the spoke has %d states", n)
	}
	spoke.end(t, syscall.SIGKILL)
	l.wantEchoes(t, "lh", echo{to: "192.168.3.10", count: 3}, 3)
	spoke = l.gateway(t, "spoke", extension)
	l.connect(t, "ls", "192.168.2.10")
	hub.ask(t, "clear crypto session")
	l.connect(t, "ls", "192.168.2.10")
	spoke.end(t, syscall.SIGTERM)
	if s := l.remains(t, "spoke"); s != "" {
		t.Errorf("the spoke leaves:\n%s", s)
	}
	l.wantEchoes(t, "ls", echo{to: "192.168.2.10", count: 1}, 0)
	if s := wire.look(); s.clear != 0 || s.udp != 0 || s.esp < 16 {
		t.Errorf("on the wire: %+v", s)
	}
}

// TestMoreEasyVPNInterface has server and client do ESP by xfrm interfaces.
func TestMoreEasyVPNInterface(t *testing.T) {
	t.Parallel()
	l := network(t)
	const byInterface = "qmidle data-plane kernel if-id 77"
	l.gateway(t, "hub", server(byInterface, splitTunnel, ""))
	spoke := l.gateway(t, "spoke", client("alice", byInterface, "client", "192.1.1.42", "192.168.3.1"))
	wire := l.listen(t)
	address := l.assigned(t, "spoke")
	l.connect(t, "ls", "192.168.2.10")
	l.wantEchoes(t, "spoke", echo{to: "192.168.2.10", count: 3}, 3)
	l.wantEchoes(t, "lh", echo{to: address, count: 3}, 3)
	l.ip(t, "spoke", "link del qmidle0")
	l.connect(t, "ls", "192.168.2.10")
	spoke.end(t, syscall.SIGTERM)
	if s := l.remains(t, "spoke"); s != "" {
		t.Errorf("the spoke leaves:\n%s", s)
	}
	if s := wire.look(); s.clear != 0 || s.udp != 0 || s.esp < 14 {
		t.Errorf("on the wire: %+v", s)
	}
}
