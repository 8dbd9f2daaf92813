//go:build interop

package interop

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// serverSettings let charon be a server of Cisco's clients: it tells them DNS, and
// with its plugin unity the split networks, which are local_ts.
const serverSettings = `  cisco_unity = yes
  i_dont_care_about_security_and_use_aggressive_mode_psk = yes
  plugins {
    attr {
      dns = 192.168.2.53
      28674 = corp.example
    }
  }
`

// TestConnectToStrongswan: charon is the server of `qmidle connect`. It tells what
// Cisco's servers do, or nothing of it, and then the profile names the network.
func TestConnectToStrongswan(t *testing.T) {
	for name, c := range map[string]struct{ modules, profile, line string }{
		"with Cisco's attributes": {" xauth-generic attr unity", profileOfAlice(t), connected},
		"without":                 {" xauth-generic", profileOfAlice(t) + "IPSEC target network 192.168.2.0/24\nIKE DH Group dh14\n", "connected to 192.1.1.40: address 10.55.0.10"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			server := loadCharon(t, l, l.hub, charonModules+c.modules, serverSettings)
			server.loadText(t, clientGuide(t, "swanctl"))
			x := newConnection(t, l)
			x.connect(t, c.profile)
			x.printed(t, c.line)
			server.waitSAs(t, 1, 1)
			pingFrom(t, l.spoke.ns, l.hub.host)
			rate := transfer(t, asHost(l.spoke, "10.55.0.10"), l.hub, 20<<20, 3*time.Minute)
			t.Logf("%.0f Mbit/s", rate)
			if err := x.stop(t, syscall.SIGTERM); err != nil {
				t.Errorf("it ends with %v", err)
			}
			x.wantRestored(t, "its end")
			server.waitSAs(t, 0, 0)
			server.end(t)
		})
	}
}

// TestStrongswanRefusesAPassword: charon asks no second time.
func TestStrongswanRefusesAPassword(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	server := loadCharon(t, l, l.hub, charonModules+" xauth-generic attr unity", serverSettings)
	server.loadText(t, clientGuide(t, "swanctl"))
	x := newConnection(t, l)
	x.connect(t, strings.Replace(profileOfAlice(t), "alice-password", "guess", 1))
	eventually(t, "its end", 30*time.Second, func() (bool, string) { return x.exited(), x.output.String() })
	if out := x.output.String(); !strings.Contains(out, "xauth-failed") {
		t.Errorf("it says\n%s", out)
	}
	x.wantRestored(t, "a refusal")
}
