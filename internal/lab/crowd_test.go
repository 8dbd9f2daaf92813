package lab

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"qmidle/internal/ike"
)

// crowdHub is a server of remote access whose users and groups a RADIUS server
// knows, with a branch beside.
const crowdHub = `hostname hub
aaa new-model
aaa authentication login USERS group radius
aaa authorization network GROUPS group radius
radius-server host 192.168.0.5 auth-port 1812 acct-port 1813 key lab-radius-key
crypto isakmp policy 10
 encr aes
 hash md5
 authentication pre-share
 group 2
crypto isakmp key lab-gateway-key address 192.1.0.2 no-xauth
crypto ipsec transform-set TSET esp-aes 256 esp-md5-hmac
crypto dynamic-map CLIENTS 10
 set transform-set TSET
crypto map CMAP client authentication list USERS
crypto map CMAP isakmp authorization list GROUPS
crypto map CMAP client configuration address respond
crypto map CMAP 10 ipsec-isakmp
 set peer 192.1.0.2
 set transform-set TSET
 match address toBranch
crypto map CMAP 65000 ipsec-isakmp dynamic CLIENTS
interface FastEthernet0/0
 ip address 192.1.0.1 255.255.0.0
 crypto map CMAP
interface FastEthernet0/1
 ip address 192.168.0.1 255.255.255.0
ip local pool VPNPOOL 10.55.0.1 10.55.3.254
ip access-list extended toBranch
 permit ip 192.168.0.0 0.0.0.255 192.168.2.0 0.0.0.255
ip route 192.168.2.0 255.255.255.0 192.1.0.2
`

const crowdBranch = `hostname branch
crypto isakmp policy 10
 encr aes
 hash md5
 authentication pre-share
 group 2
crypto isakmp key lab-gateway-key address 192.1.0.1
crypto ipsec transform-set TSET esp-aes 256 esp-md5-hmac
crypto map CMAP 10 ipsec-isakmp
 set peer 192.1.0.1
 set transform-set TSET
 match address toHub
interface FastEthernet0/0
 ip address 192.1.0.2 255.255.0.0
 crypto map CMAP
interface FastEthernet0/1
 ip address 192.168.2.1 255.255.255.0
ip access-list extended toHub
 permit ip 192.168.2.0 0.0.0.255 192.168.0.0 0.0.0.255
ip route 192.168.0.0 255.255.255.0 192.1.0.1
`

// crowdAt is the address of a client's host.
func crowdAt(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{192, 1, byte(1 + i/250), byte(1 + i%250)})
}

// TestACrowdLogsInBySlowRADIUS has five hundred clients log in within the same
// moment. The server takes two seconds for an answer and works on sixty-four
// requests at a time, or takes longer than it is waited for: all get in, each with
// an address of its own, and the tunnel of a branch neither loses a packet nor comes
// up late.
func TestACrowdLogsInBySlowRADIUS(t *testing.T) {
	for _, how := range []string{"slow 2s 64", "slow 7s"} {
		t.Run(how, func(t *testing.T) { crowdLogsIn(t, how) })
	}
}

func crowdLogsIn(t *testing.T, how string) {
	const crowd = 500
	gateways := []Gateway{{Name: "hub", Config: crowdHub}, {Name: "branch", Config: crowdBranch}}
	for i := range crowd {
		gateways = append(gateways, Gateway{Name: fmt.Sprintf("pc%03d", i), Config: fmt.Sprintf("hostname pc%03d\ninterface FastEthernet0/0\n ip address %s 255.255.0.0\n", i, crowdAt(i))})
	}
	var out strings.Builder
	w, err := NewWorld(gateways, Options{Seed: 1, Diagnostics: io.Discard}, blind{}, &out)
	if err != nil {
		t.Fatal(err)
	}
	do := func(line string) {
		if err := w.Do(line); err != nil {
			t.Fatal(err)
		}
	}
	do("radius 192.168.0.5 key lab-radius-key")
	do("radius 192.168.0.5 " + how)
	do("radius user sales cisco ipsec:tunnel-password=lab-group-key ipsec:addr-pool=VPNPOOL")
	for i := range crowd {
		do(fmt.Sprintf("radius user joe%03d lab-user-password", i))
	}
	began := w.Now()
	for i := range crowd {
		if err := w.l.host(fmt.Sprintf("pc%03d", i)).dial(netip.MustParseAddr("192.1.0.1"), "sales", "lab-group-key", fmt.Sprintf("joe%03d", i), "lab-user-password"); err != nil {
			t.Fatal(err)
		}
	}
	do("branch#ping 192.168.0.1 source 192.168.2.1 repeat 20")
	if !strings.Contains(out.String(), "Success rate is 100 percent (20/20)") || w.Now().Sub(began) > 3*time.Second {
		t.Errorf("the branch's tunnel, after %s:\n%s", w.Now().Sub(began), out.String())
	}
	hub := w.Router("hub")
	in := func() bool { return hub.Statistics().Phase2Up == crowd+1 }
	w.Run(began.Add(5*time.Minute), in)
	took := w.Now().Sub(began)
	t.Logf("all are in after %s", took)
	if !in() || took > 90*time.Second {
		t.Errorf("%d of %d are in after %s", hub.Statistics().Phase2Up-1, crowd, took)
	}
	given := map[string]bool{}
	for line := range strings.Lines(out.String()) {
		if _, address, ok := strings.Cut(line, ": address "); ok {
			given[address] = true
		}
	}
	if len(given) != crowd {
		t.Errorf("%d addresses for %d clients", len(given), crowd)
	}
	out.Reset()
	do("branch#ping 192.168.0.1 source 192.168.2.1 repeat 20")
	if !strings.Contains(out.String(), "Success rate is 100 percent (20/20)") {
		t.Error(out.String())
	}
	if err := w.Check(); err != nil {
		t.Error(err)
	}
	// All leave, and nothing of them is left but the order of the addresses.
	inUse := func() (n int) {
		for _, p := range hub.AddressPools() {
			n += len(p.InUse)
		}
		return n
	}
	if n := inUse(); n != crowd {
		t.Errorf("%d addresses in use", n)
	}
	for i := range crowd {
		w.l.host(fmt.Sprintf("pc%03d", i)).client.do(func(now time.Time, e *ike.Engine, fx *ike.Effects) { e.Shutdown(now, fx) })
	}
	w.Run(w.Now().Add(2*time.Minute), never)
	if h := hub.Holdings(); inUse() != 0 || h.Logins != 0 || h.Children != 1 {
		t.Errorf("%d addresses in use, left %+v", inUse(), h)
	}
}
