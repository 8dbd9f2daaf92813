//go:build interop

package interop

import (
	"strings"
	"testing"
)

const libreswanClient = `config setup
    ikev1-policy=accept

conn clients
    ikev2=no
    authby=secret
    aggressive=yes
    left=192.1.1.42
    leftid=@[clients]
    leftxauthclient=yes
    leftmodecfgclient=yes
    leftusername=alice
    modecfgpull=yes
    remote-peer-type=cisco
    right=192.1.1.40
    rightid=192.1.1.40
    rightxauthserver=yes
    rightmodecfgserver=yes
    rightsubnet=0.0.0.0/0
    ike=aes128-sha1-modp2048
    esp=aes128-sha1
    pfs=no
    leftupdown=/bin/true
    rightupdown=/bin/true
`

// TestLibreswanLogsIn: libreswan is a client of remote access, with aggressive mode,
// XAUTH, mode config and quick mode; no packet passes, for want of the kernel's ESP.
func TestLibreswanLogsIn(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	p := newLibreswan(t, l, l.spoke, libreswanClient, "@[clients] 192.1.1.40 : PSK \"group-secret-7\"\n")
	q := newQmidle(t, l, l.hub, raceDetector)
	q.run(t, strings.Replace(usersConfig, " group 2\n", " group 14\n", 1))
	p.addConnection(t, "clients")

	if out, err := p.tryWhack("--initiate", "--name", "clients", "--xauthname", "alice", "--xauthpass", "guess"); err == nil {
		t.Errorf("libreswan logs in with a wrong password:\n%s", out)
	}
	if out := q.do(t, "explain"); !strings.Contains(out, "xauth-failed") {
		t.Errorf("of a wrong password:\n%s", out)
	}
	p.tryWhack("--terminate", "--name", "clients")
	q.do(t, "clear crypto session")
	p.forget()

	p.whack(t, "--initiate", "--name", "clients", "--xauthname", "alice", "--xauthpass", "alice-password")
	p.waitLog(t, "Received IPv4 address", "10.55.0.10")
	p.waitLog(t, "IPsec SA established tunnel mode")
	q.waitSAs(t, 1, 1)
	if out := q.do(t, "show crypto session detail"); !strings.Contains(out, "Username: alice") || !strings.Contains(out, "Assigned address: 10.55.0.10") {
		t.Errorf("the session:\n%s", out)
	}
	p.whack(t, "--terminate", "--name", "clients")
	q.waitSAs(t, 0, 0)
	q.end(t)
	p.end(t)
}
