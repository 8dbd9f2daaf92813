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

func needRemoteAccess(t *testing.T) {
	t.Helper()
	for _, tool := range []string{"vpnc", "freeradius"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is not installed: `make test-packages` installs what the tests need", tool)
		}
	}
}

// startRADIUS runs FreeRADIUS beside the hub, and returns its directory.
func startRADIUS(t *testing.T, l *lab) string { return startRADIUSWith(t, l, accessUsers) }

// startRADIUSWith is startRADIUS with users of the test's own.
func startRADIUSWith(t *testing.T, l *lab, users string) string {
	t.Helper()
	radius := filepath.Join(l.dir, "radius")
	if err := os.Mkdir(radius, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"radiusd.conf": strings.ReplaceAll(accessRADIUS, "DIR", radius), "users": users} {
		if err := os.WriteFile(filepath.Join(radius, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command(t, "ip", "-n", l.hub.ns, "link", "set", "lo", "up")
	server := start(t, "freeradius", l.hub.ns, nil, "freeradius", "-n", "radiusd", "-f", "-l", "stdout", "-d", radius)
	eventually(t, "FreeRADIUS", 30*time.Second, func() (bool, string) {
		return strings.Contains(server.output.String(), "Ready to process requests"), server.output.String()
	})
	return radius
}

// TestVPNCWithGroupsOfFreeRADIUS runs the texts of the guide for servers: the groups of vpnc's users, with their keys, are
// at FreeRADIUS, one of them as Cisco's pairs and one by Tunnel-Password. A group
// that is not there, and a wrong key, get nothing and look the same.
func TestVPNCWithGroupsOfFreeRADIUS(t *testing.T) {
	t.Parallel()
	needRemoteAccess(t)
	l := newLab(t)
	text, err := os.ReadFile("../../docs/getting-started/vpn-server.md")
	if err != nil {
		t.Fatal(err)
	}
	startRADIUSWith(t, l, block(t, string(text), "users"))
	q := newQmidle(t, l, l.hub, qmidlePath)
	q.run(t, "service timestamps debug datetime msec\n"+block(t, string(text), "ios"))
	for _, line := range []string{"debug aaa authorization", "debug radius", "debug crypto isakmp"} {
		q.do(t, line)
	}
	var refused []string
	for _, c := range [][2]string{{"sales", "wrong"}, {"strangers", "group-secret-8"}} {
		p, _ := dialVPNC(t, l, "alice", "alice-password", "IPSec ID "+c[0], "IPSec secret "+c[1])
		eventually(t, "the end of vpnc with a wrong key", 30*time.Second, func() (bool, string) { return p.exited(), p.output.String() })
		refused = append(refused, p.output.String())
	}
	if refused[0] != refused[1] || !strings.Contains(refused[0], "hash comparison failed") {
		t.Errorf("vpnc says of a wrong key:\n%s\nof an unknown group:\n%s", refused[0], refused[1])
	}
	for _, c := range [][2]string{{"sales", "group-secret-8"}, {"field", "group secret of more than fifteen octets"}} {
		p, connected := dialVPNC(t, l, "alice", "alice-password", "IPSec ID "+c[0], "IPSec secret "+c[1])
		eventually(t, "the tunnel of group "+c[0], 30*time.Second, func() (bool, string) {
			return carries(connected) || p.exited(), p.output.String()
		})
		got, err := os.ReadFile(connected)
		if err != nil || !strings.HasPrefix(string(got), "10.55.0.1") || !strings.HasSuffix(string(got), " 192.168.2.53 radius.example\n") {
			t.Fatalf("a client of group %s gets %q: %v\n%s", c[0], got, err, p.output)
		}
		if out, err := exec.Command("ip", "netns", "exec", l.spoke.ns, "ping", "-c", "3", "-i", "0.2", "-W", "5", l.hub.host).CombinedOutput(); err != nil {
			t.Errorf("group %s: %v\n%s", c[0], err, out)
		}
		if err := p.stop(t, syscall.SIGTERM); err != nil {
			t.Errorf("group %s: vpnc ends with %v\n%s", c[0], err, p.output)
		}
	}
	if text := q.debug(t); strings.Contains(text, "group-secret") || strings.Contains(text, "group secret") || !strings.Contains(text, "IKE_R_AM_AAA_AWAIT") {
		t.Error("the debug text has a key, or no wait for AAA")
	}
}

// TestVPNCAnswersAChallenge: FreeRADIUS asks vpnc's user for the code of a token
// behind the password. A wrong code gets nothing.
func TestVPNCAnswersAChallenge(t *testing.T) {
	t.Parallel()
	needRemoteAccess(t)
	l := newLab(t)
	startRADIUS(t, l)
	q := newQmidle(t, l, l.hub, qmidlePath)
	q.run(t, accessConfig)
	for code, lets := range map[string]bool{"123456": true, "654321": false} {
		helper := filepath.Join(l.dir, "type-"+code)
		if err := os.WriteFile(helper, []byte("#!/bin/sh\necho \"$1\" >> "+helper+".asked\necho "+code+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		p, connected := dialVPNC(t, l, "carol", "first-password", "+Password helper "+helper)
		eventually(t, "the end of the dialogue", 30*time.Second, func() (bool, string) {
			return carries(connected) || p.exited(), p.output.String()
		})
		if asked, err := os.ReadFile(helper + ".asked"); err != nil || !strings.HasPrefix(string(asked), "Answer for VPN carol@") {
			t.Errorf("the code %s: vpnc asks %q: %v", code, asked, err)
		}
		if carries(connected) != lets {
			t.Errorf("the code %s: vpnc says\n%s", code, p.output)
		}
		if !lets {
			if text := p.output.String(); !strings.Contains(text, "Enter the code of your token") || !strings.Contains(text, "authentication unsuccessful") {
				t.Errorf("vpnc says of a wrong code:\n%s", text)
			}
			continue
		}
		if err := p.stop(t, syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	}
}
