//go:build integration

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"qmidle/test/flood"
)

// Peers of other makes come up in a flood of first messages as this gateway's own do:
// strongSwan by main mode, and vpnc, a client, by aggressive mode and with a user.
func TestFloodPeers(t *testing.T) {
	for _, tool := range []string{charon, "swanctl", "vpnc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is not installed: `make test-packages` installs what the tests need", tool)
		}
	}
	binary := attackedNetwork(t)
	for who, comeUp := range map[string]func(*testing.T) time.Duration{"strongSwan": newStrongSwan, "vpnc": newVPNC} {
		t.Run(who, func(t *testing.T) {
			a := newAttack(t, binary, hubOfClients(t))
			a.flood(t, flood.FirstMessages, who, comeUp)
			a.end(t)
		})
	}
}

// hubOfClients is attackedHub, which has users too.
func hubOfClients(t *testing.T) string {
	t.Helper()
	file := attackedHub(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer("key-change-me address 0.0.0.0 0.0.0.0\n", "key-change-me address 0.0.0.0 0.0.0.0 no-xauth\n",
		"crypto dynamic-map ANY 10\n", users+"crypto dynamic-map ANY 10\n").Replace(string(text))
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const users = `aaa new-model
aaa authentication login USERS local
aaa authorization network GROUPS local
username alice password 0 alice-password
ip local pool POOL 10.55.0.10 10.55.0.20
access-list 150 permit ip 192.168.2.0 0.0.0.255 any
crypto isakmp client configuration group clients
 key group-secret-7
 pool POOL
 acl 150
crypto map SITES client authentication list USERS
crypto map SITES isakmp authorization list GROUPS
crypto map SITES client configuration address respond
`

const charon = "/usr/lib/ipsec/charon"

// newStrongSwan is a site with strongSwan, which does ESP by itself and can do that in
// UDP only. The time counts from its first message on.
func newStrongSwan(t *testing.T) time.Duration {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	settings := write("strongswan.conf", `charon {
  load = random nonce openssl aes sha1 hmac gmp kdf kernel-libipsec kernel-netlink socket-default updown vici
}
`)
	connections := write("swanctl.conf", `connections {
  hub {
    version = 1
    local_addrs  = 192.1.9.2
    remote_addrs = 192.1.1.40
    proposals = aes128-sha1-modp1024
    encap = yes
    local {
      auth = psk
    }
    remote {
      auth = psk
    }
    children {
      net {
        local_ts  = 192.168.9.0/24
        remote_ts = 192.168.2.0/24
        esp_proposals = aes128-sha1
      }
    }
  }
}
secrets {
  ike-1 {
    secret = "example-key-change-me"
  }
}
`)
	run := filepath.Join(dir, "run")
	if err := os.Mkdir(run, 0o755); err != nil {
		t.Fatal(err)
	}
	// The namespace's mounts are its own: so is this /run.
	daemon := begin(t, "new", "env", "STRONGSWAN_CONF="+settings, "sh", "-c", "mount --bind "+run+" /run && exec "+charon)
	swanctl := func(args ...string) (string, error) {
		out, err := exec.Command("swanctl", append(args, "--uri", "unix://"+run+"/charon.vici")...).CombinedOutput()
		return string(out), err
	}
	eventually(t, "charon", func() bool { _, err := swanctl("--version", "--daemon"); return err == nil })
	if out, err := swanctl("--load-all", "--noprompt", "--file", connections); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	begun := time.Now()
	if out, err := swanctl("--initiate", "--child", "net"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	reaches(t, "192.168.9.1")
	took := time.Since(begun)
	daemon.end(t, syscall.SIGTERM)
	return took
}

// newVPNC is a user with vpnc.
func newVPNC(t *testing.T) time.Duration {
	t.Helper()
	dir := t.TempDir()
	script, conf := filepath.Join(dir, "script"), filepath.Join(dir, "vpnc.conf")
	for file, text := range map[string]string{
		script: "#!/bin/sh\n[ \"$reason\" = connect ] || exit 0\nip addr add $INTERNAL_IP4_ADDRESS/32 dev $TUNDEV\nip link set $TUNDEV up mtu 1300\nip route add 192.168.2.0/24 dev $TUNDEV\n",
		conf: "No Detach\nNoninteractive\nIPSec gateway 192.1.1.40\nIPSec ID clients\nIPSec secret group-secret-7\nIKE Authmode psk\nIKE DH Group dh2\n" +
			"Perfect Forward Secrecy nopfs\nXauth username alice\nXauth password alice-password\nNAT Traversal Mode natt\nLocal Port 0\nInterface name vpn0\nScript " + script + "\nPidfile " + dir + "/pid\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	begun := time.Now()
	client := begin(t, "new", "vpnc", conf)
	eventually(t, "vpnc's address", func() bool {
		out, _ := exec.Command("ip", "-n", "qgw-new", "addr", "show", "dev", "vpn0").CombinedOutput()
		return strings.Contains(string(out), "10.55.0.10")
	})
	reaches(t, "10.55.0.10")
	took := time.Since(begun)
	client.end(t, syscall.SIGTERM)
	return took
}
