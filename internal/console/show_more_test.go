package console

import (
	"net/netip"
	"strings"
	"testing"

	"qmidle/internal/trace"
)

const routedConfig = `hostname hub
interface FastEthernet0/0
 ip address 192.1.1.40 255.255.255.0
interface Loopback0
 ip address 10.1.1.1 255.255.255.0
interface Loopback1
 ip address 172.16.1.1 255.255.255.252
interface Loopback2
 ip address 10.9.9.9 255.255.255.0
 shutdown
interface Dialer1
 ip address negotiated
interface eth5
ip route 0.0.0.0 0.0.0.0 192.1.1.1
ip route 10.2.0.0 255.255.0.0 192.1.1.2
ip route 172.16.2.0 255.255.255.252 FastEthernet0/0 192.1.1.3
ip route 192.168.7.0 255.255.255.0 192.1.1.4 5
ip route 192.168.7.0 255.255.255.0 192.1.1.5 5
ip route 192.168.7.0 255.255.255.0 192.1.1.6 200
ip route 10.3.0.0 255.255.0.0 Loopback2
ip route 192.0.0.0 255.0.0.0 Null0
`

func routedRouter(t *testing.T) *liveRouter {
	return &liveRouter{fakeRouter: &fakeRouter{cfg: load(t, routedConfig)}, down: "Loopback1"}
}

func TestRoutes(t *testing.T) {
	out := New(routedRouter(t)).Run("show ip route").Output
	_, table, _ := strings.Cut(out, routeCodes)
	equal(t, `Gateway of last resort is 192.1.1.1 to network 0.0.0.0

     10.0.0.0/8 is variably subnetted, 2 subnets, 2 masks
C       10.1.1.0/24 is directly connected, Loopback0
S       10.2.0.0/16 [1/0] via 192.1.1.2
     172.16.0.0/30 is subnetted, 2 subnets
C       172.16.1.0 is directly connected, Loopback1
S       172.16.2.0 [1/0] via 192.1.1.3, FastEthernet0/0
S    192.0.0.0/8 is directly connected, Null0
C    192.1.1.0/24 is directly connected, FastEthernet0/0
S    192.168.7.0/24 [5/0] via 192.1.1.4
                    [5/0] via 192.1.1.5
S*   0.0.0.0/0 [1/0] via 192.1.1.1
`, table)
}

func TestInterfaceBrief(t *testing.T) {
	equal(t, `Interface                  IP-Address      OK? Method Status                Protocol
FastEthernet0/0            192.1.1.40      YES NVRAM  up                    up      
Loopback0                  10.1.1.1        YES NVRAM  up                    up      
Loopback1                  172.16.1.1      YES NVRAM  down                  down    
Loopback2                  10.9.9.9        YES NVRAM  administratively down down    
Dialer1                    unassigned      YES IPCP   up                    up      
eth5                       unassigned      YES unset  up                    up      
`, New(routedRouter(t)).Run("show ip interface brief").Output)
}

func TestAccessListMatches(t *testing.T) {
	f := many(t)
	f.line = map[string]Counters{
		"1/0": {EncapsPackets: 9}, // a deny line
		"1/1": {EncapsPackets: 2, DecapsPackets: 3},
		"1/2": {DecapsPackets: 1},
	}
	equal(t, `Extended IP access list BRANCH
    10 deny ip 192.168.2.0 0.0.0.255 192.168.3.128 0.0.0.127
    20 permit ip 192.168.2.0 0.0.0.255 192.168.3.0 0.0.0.255 (5 matches)
    30 permit tcp host 192.168.2.9 host 192.168.3.9 eq www (1 match)
`, run(t, f, "show access-lists BRANCH").Output)
	equal(t, "", run(t, f, "show access-lists NONE").Output)
}

func TestLoggingHasMessagesAndDebugsThatAreOn(t *testing.T) {
	l := &liveRouter{fakeRouter: policyMismatch(t)}
	l.records = append(l.records, record(1, 0, trace.MMNoState, &trace.ModeFailure{}))
	message := func() string { return New(l).Run("show logging").Output }
	quiet := message()
	if !strings.Contains(quiet, "level debugging, 1 messages logged\n\nLog Buffer:\n\n") || !strings.Contains(quiet, "%CRYPTO-6-IKMP_MODE_FAILURE") {
		t.Errorf("without debug:\n%s", quiet)
	}
	l.debug.ISAKMP = true
	loud := message()
	if !strings.Contains(loud, "ISAKMP") || strings.Count(loud, "\n") <= strings.Count(quiet, "\n")+3 {
		t.Errorf("with debug:\n%s", loud)
	}
	l.condition.Peers = []netip.Addr{netip.MustParseAddr("192.1.1.99")}
	equal(t, quiet, message())
}

func TestShortUptime(t *testing.T) {
	for seconds, want := range map[int64]string{0: "00:00:00", 653: "00:10:53", 86399: "23:59:59", 86400: "1d00h", 6*86400 + 7200: "6d02h", 49 * 86400: "7w0d"} {
		if got := shortUptime(seconds); got != want {
			t.Errorf("%d s is %s, want %s", seconds, got, want)
		}
	}
}

func TestKeysByHostNameAndForOneHost(t *testing.T) {
	f := &fakeRouter{cfg: load(t, `crypto isakmp key cisco address 10.10.10.2
crypto isakmp key Cisco!23 address 0.0.0.0 0.0.0.0
crypto isakmp key byname hostname branch.example
`)}
	r := run(t, f, "show crypto isakmp key")
	equal(t, `Keyring      Hostname/Address                            Preshared Key

default      10.10.10.2                                  cisco
default      0.0.0.0        [0.0.0.0        ]            Cisco!23
default      branch.example                              byname
`, r.Output)
	equal(t, `console.ISAKMPKeys {"keys":[{"keyring":"default","prefix":"10.10.10.2/32","no_xauth":false},`+
		`{"keyring":"default","prefix":"0.0.0.0/0","no_xauth":false},`+
		`{"keyring":"default","key_hostname":"branch.example","no_xauth":false}]}`, encode(t, r.JSON))
}

// The table is that of Cisco's command reference.
func TestPeerKeys(t *testing.T) {
	f := &fakeRouter{cfg: load(t, `crypto key pubkey-chain rsa
 named-key otherpeer.example.com
  address 10.5.5.1
  key-string
   305C300D 06092A86 4886F70D 01010105 00034B00 30480241 00C5E23B 55D6AB22
   04AEF1BA A54028A6 9ACC01C5 129D99E4 64CAB820 847EDAD9 DF0B4E4C 73A05DD2
   BD62A8A9 FA603DD2 E2A8A6F8 98F76E28 D58AD221 B583D7A4 71020301 0001
  quit
 addressed-key 10.1.1.2
`)}
	r := run(t, f, "show crypto key pubkey-chain rsa")
	equal(t, `Codes: M - Manually Configured, C - Extracted from certificate

Code   Usage        IP-address       Name
M      General      10.5.5.1         otherpeer.example.com
M      General      10.1.1.2
`, r.Output)
	equal(t, `console.PeerKeys {"keys":[{"address":"10.5.5.1","name":"otherpeer.example.com","bits":512},{"address":"10.1.1.2","bits":0}]}`, encode(t, r.JSON))
}
