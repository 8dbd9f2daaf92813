//go:build interop

package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// accessConfig is a server of remote access whose users FreeRADIUS knows.
const accessConfig = `hostname hub
service timestamps debug datetime msec
aaa new-model
aaa authentication login USERS group radius
aaa authorization network GROUPS local
aaa accounting network BILLING start-stop group radius
crypto isakmp policy 10
 encr aes
 authentication pre-share
 group 2
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
crypto map M client accounting list BILLING
crypto map M isakmp authorization list GROUPS
crypto map M client configuration address respond
crypto map M 100 ipsec-isakmp dynamic DYN
interface wan0
 ip address 192.1.1.40 255.255.255.0
 crypto map M
ip local pool POOL 10.55.0.10 10.55.0.20
access-list 150 permit ip 192.168.2.0 0.0.0.255 any
radius-server host 127.0.0.1 auth-port 1812 acct-port 1813 timeout 3 retransmit 1 key radius-secret-7
`

const accessRADIUS = `
prefix = /usr
libdir = /usr/lib/freeradius
raddbdir = DIR
logdir = DIR
run_dir = DIR
pidfile = DIR/pid
max_requests = 1024
hostname_lookups = no
proxy_requests = no
log {
  destination = stdout
}
security {
  allow_core_dumps = no
  reject_delay = 0
}
modules {
  pap {
  }
  files {
    usersfile = DIR/users
  }
  detail {
    filename = DIR/detail
    permissions = 0600
  }
  always handled {
    rcode = handled
  }
}
client hub {
  ipaddr = 127.0.0.1
  secret = radius-secret-7
}
server access {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = 1812
  }
  listen {
    type = acct
    ipaddr = 127.0.0.1
    port = 1813
  }
  authorize {
    if (&User-Name == "carol" && !&State) {
      update control {
        Auth-Type := Ask
      }
    }
    else {
      files
      pap
    }
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
    Auth-Type Ask {
      update reply {
        Reply-Message := "Enter the code of your token"
        State := 0x746f6b656e
      }
      update control {
        Response-Packet-Type := Access-Challenge
      }
      handled
    }
  }
  post-auth {
    update reply {
      Message-Authenticator := 0x00
    }
    Post-Auth-Type REJECT {
      update reply {
        Message-Authenticator := 0x00
      }
    }
    Post-Auth-Type Challenge {
      update reply {
        Message-Authenticator := 0x00
      }
    }
  }
  accounting {
    detail
  }
}
`

const accessUsers = `alice Cleartext-Password := "alice-password"
	Framed-IP-Address = 10.55.0.77,
	Class = 0x676f6c64
bob Cleartext-Password := "bob-password"
carol Cleartext-Password := "123456"
`

// accessScript configures vpnc's device, and nothing else of the host.
const accessScript = `#!/bin/sh
case "$reason" in
connect)
  ip link set dev "$TUNDEV" up mtu 1390
  ip addr add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
  ip route replace "$CISCO_SPLIT_INC_0_ADDR/$CISCO_SPLIT_INC_0_MASKLEN" dev "$TUNDEV"
  echo "$INTERNAL_IP4_ADDRESS $INTERNAL_IP4_DNS $CISCO_DEF_DOMAIN" > DIR/connected ;;
esac
exit 0
`

// dialVPNC starts vpnc at the spoke as a user.
func dialVPNC(t *testing.T, l *lab, user, password string, settings ...string) (p *process, connected string) {
	t.Helper()
	return dialVPNCIn(t, l, l.spoke.ns, user, password, settings...)
}

// dialVPNCIn starts it in a namespace. A setting takes the place of the one whose
// name it begins with; one with a plus comes in addition.
func dialVPNCIn(t *testing.T, l *lab, ns, user, password string, settings ...string) (p *process, connected string) {
	t.Helper()
	dir, err := os.MkdirTemp(l.dir, "vpnc-")
	if err != nil {
		t.Fatal(err)
	}
	connected = filepath.Join(dir, "connected")
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte(strings.ReplaceAll(accessScript, "DIR", dir)), 0o700); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "vpnc.conf")
	lines := [][2]string{{"IPSec gateway", "192.1.1.40"}, {"IPSec ID", "clients"}, {"IPSec secret", "group-secret-7"}, {"IKE Authmode", "psk"},
		{"IKE DH Group", "dh2"}, {"Perfect Forward Secrecy", "nopfs"}, {"Xauth username", user}, {"Xauth password", password},
		{"NAT Traversal Mode", "natt"}, {"Local Port", "0"}, {"Interface name", "vpn0"}, {"Script", script}, {"Pidfile", dir + "/pid"}}
	text := "No Detach\n"
	for _, s := range settings {
		if rest, ok := strings.CutPrefix(s, "+"); ok {
			text += rest + "\n"
		}
	}
	if !strings.Contains(text, "Password helper") {
		text += "Noninteractive\n"
	}
	for _, line := range lines {
		for _, s := range settings {
			if rest, ok := strings.CutPrefix(s, line[0]+" "); ok {
				line[1] = rest
			}
		}
		text += line[0] + " " + line[1] + "\n"
	}
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, "vpnc as "+user, ns, nil, "vpnc", conf), connected
}

// carries says whether vpnc has configured its device and is at work: it writes its
// process ID then, and only then it has a handler for the signal that ends it.
func carries(connected string) bool {
	_, err := os.Stat(filepath.Join(filepath.Dir(connected), "pid"))
	return err == nil
}

// waitConnected waits until vpnc is at work.
func waitConnected(t *testing.T, p *process, connected string) {
	t.Helper()
	eventually(t, "the tunnel of "+p.name, 30*time.Second, func() (bool, string) {
		return carries(connected) || p.exited(), p.output.String()
	})
	if p.exited() {
		t.Fatalf("%s has ended:\n%s", p.name, p.output)
	}
}

// connectVPNC starts the daemon at the hub, and has alice connect to it by vpnc.
func connectVPNC(t *testing.T, config string, settings ...string) (l *lab, q *qmidle, p *process) {
	t.Helper()
	l = newLab(t)
	q = newQmidle(t, l, l.hub, raceDetector)
	q.run(t, config)
	p, connected := dialVPNC(t, l, "alice", "alice-password", settings...)
	waitConnected(t, p, connected)
	return l, q, p
}

// accessPool is what the test wants of `show ip local pool`.
type accessPool struct {
	Pools []struct {
		InUse []struct{ Address, User, Group string } `json:"in_use"`
	}
}

// TestVPNCWithFreeRADIUS: vpnc's users are those of FreeRADIUS. They get their own
// address or one of the pool, pass packets, and leave with a record of what they
// carried; a wrong password gets nothing.
func TestVPNCWithFreeRADIUS(t *testing.T) {
	t.Parallel()
	needRemoteAccess(t)
	l := newLab(t)
	radius := startRADIUS(t, l)
	q := newQmidle(t, l, l.hub, qmidlePath)
	q.run(t, accessConfig)
	for _, line := range []string{"debug aaa authentication", "debug radius"} {
		q.do(t, line)
	}

	wrong, _ := dialVPNC(t, l, "mallory", "guess")
	eventually(t, "the end of a login with a wrong password", 30*time.Second, func() (bool, string) { return wrong.exited(), wrong.output.String() })
	// It is asked again, and has nobody to ask.
	if !strings.Contains(wrong.output.String(), "can't reuse password") {
		t.Errorf("vpnc says of a wrong password:\n%s", wrong.output)
	}

	for _, c := range []struct{ user, password, address string }{{"alice", "alice-password", "10.55.0.77"}, {"bob", "bob-password", "10.55.0.10"}} {
		p, connected := dialVPNC(t, l, c.user, c.password)
		waitConnected(t, p, connected)
		got, err := os.ReadFile(connected)
		if want := c.address + " 192.168.2.53 corp.example\n"; err != nil || string(got) != want {
			t.Fatalf("%s gets %q, want %q: %v\n%s", c.user, got, want, err, p.output)
		}
		if out, err := exec.Command("ip", "netns", "exec", l.spoke.ns, "ping", "-c", "3", "-i", "0.2", "-W", "5", l.hub.host).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", c.user, err, out)
		}
		if out := q.do(t, "show crypto session detail"); !strings.Contains(out, "Username: "+c.user) || !strings.Contains(out, "Assigned address: "+c.address) {
			t.Errorf("%s's session:\n%s", c.user, out)
		}
		if c.user == "bob" {
			var pools accessPool
			q.ask(t, "show ip local pool", &pools)
			if len(pools.Pools) != 1 || len(pools.Pools[0].InUse) != 1 || pools.Pools[0].InUse[0].User != "bob" {
				t.Errorf("the pool: %+v", pools)
			}
		}
		if err := p.stop(t, syscall.SIGTERM); err != nil {
			t.Errorf("%s: vpnc ends with %v\n%s", c.user, err, p.output)
		}
		eventually(t, c.user+"'s last record", 15*time.Second, func() (bool, string) {
			detail, _ := os.ReadFile(filepath.Join(radius, "detail"))
			return strings.Count(string(detail), "Acct-Status-Type = Stop") == strings.Count(string(detail), "Acct-Status-Type = Start") &&
				strings.Contains(string(detail), `User-Name = "`+c.user), string(detail)
		})
	}
	detail, err := os.ReadFile(filepath.Join(radius, "detail"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"Class = 0x676f6c64", "Framed-IP-Address = 10.55.0.77", "Framed-IP-Address = 10.55.0.10", "Acct-Input-Packets = 3",
		"Acct-Output-Octets = 252", "Acct-Terminate-Cause = User-Request"} {
		if !strings.Contains(string(detail), "\t"+line) {
			t.Errorf("the records have no %s:\n%s", line, detail)
		}
	}
	if text := q.debug(t); strings.Contains(text, "-password") || strings.Contains(text, "guess") || !strings.Contains(text, "User-Password       [2]   18  *") {
		t.Error("the debug text has a password, or no RADIUS packet")
	}
}
