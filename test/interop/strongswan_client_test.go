//go:build interop

package interop

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// usersConfig is a server of remote access that knows its users itself.
const usersConfig = `hostname hub
service timestamps debug datetime msec
aaa new-model
aaa authentication login USERS local
aaa authorization network GROUPS local
username alice password 0 alice-password
crypto isakmp policy 10
 encr aes
 authentication pre-share
 group 2
crypto isakmp key main-mode-secret-7 address 192.1.1.42
crypto isakmp keepalive 10 3
crypto isakmp client configuration group clients
 key group-secret-7
 dns 192.168.2.53
 domain corp.example
 pool POOL
 acl 150
crypto ipsec transform-set A esp-aes esp-sha-hmac
crypto dynamic-map DYN 10
 set transform-set A
crypto map M client authentication list USERS
crypto map M isakmp authorization list GROUPS
crypto map M client configuration address respond
crypto map M 100 ipsec-isakmp dynamic DYN
interface wan0
 ip address 192.1.1.40 255.255.255.0
 crypto map M
ip local pool POOL 10.55.0.10 10.55.0.20
access-list 150 permit ip 192.168.2.0 0.0.0.255 any
`

// clientSettings make charon a client as Cisco's are: with the split networks that
// the server names.
const clientSettings = "  cisco_unity = yes\n  i_dont_care_about_security_and_use_aggressive_mode_psk = yes\n"

// clientOfUsers logs a user in. charon offers its own attributes in its own order.
func clientOfUsers(mode, password string) string {
	return fmt.Sprintf(`connections {
  peer {
    version = 1
    aggressive = %s
    local_addrs  = 192.1.1.42
    remote_addrs = 192.1.1.40
    proposals = aes128-sha1-modp1024
    vips = 0.0.0.0
    encap = yes
    local-psk {
      auth = psk
      id = keyid:clients
    }
    local-xauth {
      auth = xauth
      xauth_id = alice
    }
    remote-psk {
      auth = psk
      id = 192.1.1.40
    }
    children {
      net {
        remote_ts = 0.0.0.0/0
        esp_proposals = aes128-sha1
      }
    }
  }
}
secrets {
  ike-clients {
    id-1 = keyid:clients
    id-2 = 192.1.1.40
    secret = "group-secret-7"
  }
  xauth-alice {
    id = alice
    secret = "%s"
  }
}
`, mode, password)
}

// TestStrongswanLogsIn: charon is a client of remote access. It gets an address of
// the pool and the split network, passes packets both ways, and gives the address
// back; a wrong password gets nothing.
func TestStrongswanLogsIn(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c := loadCharon(t, l, l.spoke, charonModules+" xauth-generic unity", clientSettings)
	q := newQmidle(t, l, l.hub, raceDetector)
	q.run(t, usersConfig)

	c.loadText(t, clientOfUsers("yes", "guess"))
	if out, err := c.trySwanctl("--initiate", "--child", "net", "--timeout", "20"); err == nil {
		t.Errorf("charon logs in with a wrong password:\n%s", out)
	}
	if out := q.do(t, "explain"); !strings.Contains(out, "xauth-failed") {
		t.Errorf("of a wrong password:\n%s", out)
	}
	q.do(t, "clear crypto session")
	c.waitSAs(t, 0, 0)

	c.loadText(t, clientOfUsers("yes", "alice-password"))
	c.initiate(t)
	q.waitSAs(t, 1, 1)
	if list := c.waitSAs(t, 1, 1); !strings.Contains(list, "10.55.0.10/32") || !strings.Contains(list, "192.168.2.0/24") {
		t.Errorf("charon's SAs:\n%s", list)
	}
	if out, err := exec.Command("ip", "netns", "exec", l.spoke.ns, "ping", "-c", "3", "-i", "0.2", "-W", "5", "-I", "10.55.0.10", l.hub.host).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if out := q.do(t, "show crypto session detail"); !strings.Contains(out, "Username: alice") || !strings.Contains(out, "Assigned address: 10.55.0.10") {
		t.Errorf("the session:\n%s", out)
	}
	// The pair is replaced: charon takes another one of the server's making.
	q.do(t, "clear crypto sa")
	eventually(t, "another pair", 40*time.Second, func() (bool, string) {
		list := q.do(t, "show crypto ipsec sa")
		return strings.Count(list, "outbound esp sas:\n      spi:") == 1 && strings.Contains(list, "conn id: 2003,") && !strings.Contains(list, "conn id: 2001,"), list
	})
	c.waitSAs(t, 1, 1)
	if out, err := exec.Command("ip", "netns", "exec", l.spoke.ns, "ping", "-c", "3", "-i", "0.2", "-W", "5", "-I", "10.55.0.10", l.hub.host).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	c.terminate(t, "--ike", "peer")
	q.waitSAs(t, 0, 0)
	var pools accessPool
	q.ask(t, "show ip local pool", &pools)
	if len(pools.Pools) != 1 || len(pools.Pools[0].InUse) != 0 {
		t.Errorf("the pool after the logout: %+v", pools)
	}

	c.initiate(t) // who returns gets what he had
	if list := c.waitSAs(t, 1, 1); !strings.Contains(list, "10.55.0.10/32") {
		t.Errorf("charon's SAs at the second time:\n%s", list)
	}
	q.do(t, "clear crypto session")
	c.waitSAs(t, 0, 0)

	// Main mode: the key is that of the address, the group that of the identity.
	c.loadText(t, strings.ReplaceAll(clientOfUsers("no", "alice-password"), "group-secret-7", "main-mode-secret-7"))
	c.initiate(t)
	q.waitSAs(t, 1, 1)
	if list := c.waitSAs(t, 1, 1); !strings.Contains(list, "10.55.0.10/32") {
		t.Errorf("charon's SAs by main mode:\n%s", list)
	}
	c.terminate(t, "--ike", "peer")
	q.waitSAs(t, 0, 0)
	q.end(t)
	c.end(t)
	if text := q.debug(t); strings.Contains(text, "alice-password") || strings.Contains(text, "guess") || strings.Contains(text, "group-secret-7") {
		t.Error("the debug text has a secret")
	}
}
