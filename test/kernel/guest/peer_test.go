//go:build guest

package guest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// peer is a foreign daemon at the spoke.
type peer interface {
	// rekey renews the IPsec SAs from that side; remove deletes them.
	rekey(t *testing.T)
	remove(t *testing.T)
}

func TestPeerStrongSwan(t *testing.T)      { withPeer(t, strongSwan, false) }
func TestPeerStrongSwanInUDP(t *testing.T) { withPeer(t, strongSwan, true) }
func TestPeerLibreswan(t *testing.T)       { withPeer(t, libreswan, false) }
func TestPeerLibreswanInUDP(t *testing.T)  { withPeer(t, libreswan, true) }
func ends(udp bool, s seen) (ok, clear bool) {
	return udp == (s.udp > 0) && udp == (s.esp == 0), s.clear > 0
}

// withPeer has the hub's kernel do ESP with the peer's: the peer's packets begin, and
// the hub's after a delete; renewals and deletes come from both ends.
func withPeer(t *testing.T, start func(t *testing.T, l *lab, udp bool) peer, udp bool) {
	l := network(t)
	hub := l.gateway(t, "hub", config("hub", "", few))
	other := start(t, l, udp)
	wire := l.listen(t)
	l.connect(t, "ls", "192.168.2.10")
	l.wantEchoes(t, "ls", echo{to: "192.168.2.10", count: 5}, 5)
	l.wantEchoes(t, "lh", echo{to: "192.168.3.10", count: 5}, 5)
	if in, out := counts(t, hub); in < 11 || out < 11 {
		t.Errorf("the hub counts %d and %d packets", in, out)
	}
	before := spis(l.states(t, "hub"))
	other.rekey(t)
	eventually(t, "the peer has renewed the SAs", func() bool { return spis(l.states(t, "hub")) != before })
	l.wantEchoes(t, "lh", echo{to: "192.168.3.10", count: 3}, 3)

	before = spis(l.states(t, "hub"))
	eventually(t, "the hub has renewed the SAs", func() bool {
		l.echo(t, "lh", echo{to: "192.168.3.10", count: 50, size: 8000})
		return spis(l.states(t, "hub")) != before
	})
	l.wantEchoes(t, "ls", echo{to: "192.168.2.10", count: 3}, 3)

	other.remove(t)
	eventually(t, "the hub has no SAs", func() bool { return l.sas(t, "hub") == 0 })
	l.connect(t, "lh", "192.168.3.10")
	hub.ask(t, "clear crypto sa")
	eventually(t, "the peer has no SAs", func() bool { return l.sas(t, "spoke") == 0 })
	l.connect(t, "ls", "192.168.2.10")
	l.wantEchoes(t, "lh", echo{to: "192.168.3.10", count: 3}, 3)
	s := wire.look()
	if ok, clear := ends(udp, s); !ok || clear {
		t.Errorf("on the wire: %+v", s)
	}
}

// charon is strongSwan's daemon.
type charon struct{ *daemon }

func strongSwan(t *testing.T, l *lab, udp bool) peer {
	t.Helper()
	dir := t.TempDir()
	conf, connections := filepath.Join(dir, "strongswan.conf"), filepath.Join(dir, "swanctl.conf")
	write(t, conf, `charon {
  load = random nonce aesni openssl aes sha1 sha2 md5 hmac gmp gcm drbg kdf pem pkcs1 pubkey x509 constraints kernel-netlink socket-default vici
  filelog {
    stderr {
      ike = 1
      knl = 1
    }
  }
}
`)
	write(t, connections, fmt.Sprintf(`connections {
  peer {
    version = 1
    local_addrs = 192.1.1.42
    remote_addrs = 192.1.1.40
    proposals = aes128-sha1-ecp256
    encap = %v
    local {
      auth = psk
    }
    remote {
      auth = psk
    }
    children {
      net {
        local_ts = 192.168.3.0/24
        remote_ts = 192.168.2.0/24
        esp_proposals = aes128-sha1
        start_action = trap
      }
    }
  }
}
secrets {
  ike-1 {
    id-1 = 192.1.1.42
    id-2 = 192.1.1.40
    secret = "guest-key"
  }
}
`, udp))
	t.Setenv("STRONGSWAN_CONF", conf)
	l.ip(t, "spoke", "route replace default via 192.1.1.40")
	c := charon{l.launch(t, "charon", "spoke", "/usr/lib/ipsec/charon")}
	eventually(t, "charon answers", func() bool { return strings.Contains(c.out.String(), "spawning") })
	c.do(t, "--load-creds", "--noprompt", "--file", connections)
	c.do(t, "--load-conns", "--file", connections)
	t.Cleanup(func() { os.RemoveAll("/run/charon.pid") })
	return c
}

func (c charon) rekey(t *testing.T)  { c.do(t, "--rekey", "--child", "net") }
func (c charon) remove(t *testing.T) { c.do(t, "--terminate", "--child", "net") }

func (c charon) do(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("swanctl", args...).CombinedOutput(); err != nil {
		t.Fatalf("swanctl %v: %v\n%s", args, err, out)
	}
}

// pluto is libreswan's daemon.
type pluto struct {
	*daemon
	l *lab
}

func libreswan(t *testing.T, l *lab, udp bool) peer {
	t.Helper()
	dir := t.TempDir()
	conf, secrets := filepath.Join(dir, "ipsec.conf"), filepath.Join(dir, "ipsec.secrets")
	encapsulation := map[bool]string{false: "auto", true: "yes"}[udp]
	write(t, conf, `config setup
    logtime=no
    ikev1-policy=accept
conn net
    ikev2=no
    authby=secret
    left=192.1.1.42
    leftsubnet=192.168.3.0/24
    right=192.1.1.40
    rightsubnet=192.168.2.0/24
    ike=aes128-sha1-dh19
    esp=aes128-sha1
    pfs=no
    encapsulation=`+encapsulation+`
    leftupdown=/bin/true
    rightupdown=/bin/true
    auto=ondemand
`)
	write(t, secrets, `192.1.1.42 192.1.1.40 : PSK "guest-key"`+"\n")
	if err := errors.Join(os.MkdirAll("/run/pluto", 0o755), os.RemoveAll("/bin/true"), os.Symlink("busybox", "/bin/true")); err != nil {
		t.Fatal(err)
	}
	l.ip(t, "spoke", "route replace default via 192.1.1.40")
	p := pluto{l: l, daemon: l.launch(t, "pluto", "spoke", "/usr/libexec/ipsec/pluto", "--nofork", "--stderrlog", "--config", conf, "--secretsfile", secrets,
		"--nssdir", "/etc/nss", "--rundir", "/run/pluto", "--listen", "192.1.1.42")}
	eventually(t, "pluto answers", func() bool { return p.whack("--listen") == nil })
	l.command(t, "spoke", "/usr/libexec/ipsec/addconn", "--config", conf, "--ctlsocket", "/run/pluto/pluto.ctl", "net")
	if err := p.whack("--route", "--name", "net"); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p pluto) whack(args ...string) error {
	args = append([]string{"/usr/libexec/ipsec/whack", "--ctlsocket", "/run/pluto/pluto.ctl"}, args...)
	if out, err := p.l.run("spoke", args...); err != nil {
		return fmt.Errorf("whack %v: %w\n%s", args, err, out)
	}
	return nil
}

// rekey begins a further quick mode: pluto renews SAs of IKEv1 by itself only.
func (p pluto) rekey(t *testing.T) { p.do(t, "--initiate", "--asynchronous", "--name", "net") }

// remove ends phase 1 too, and the watch for packets, which begins anew.
func (p pluto) remove(t *testing.T) {
	p.do(t, "--terminate", "--name", "net")
	p.do(t, "--route", "--name", "net")
}

func (p pluto) do(t *testing.T, args ...string) {
	t.Helper()
	if err := p.whack(args...); err != nil {
		t.Fatal(err)
	}
}

// vpncScript is what vpnc runs to set its device up.
const vpncScript = `#!/bin/sh
test "$reason" = connect || exit 0
/bin/ip link set dev "$TUNDEV" up mtu 1390
/bin/ip addr add "$INTERNAL_IP4_ADDRESS/32" dev "$TUNDEV"
/bin/ip route replace "$CISCO_SPLIT_INC_0_ADDR/$CISCO_SPLIT_INC_0_MASKLEN" dev "$TUNDEV"
`

// TestPeerVPNC has the hub's kernel serve vpnc behind a NAT, which then changes its ports.
func TestPeerVPNC(t *testing.T) {
	l := translated(t)
	l.gateway(t, "hub", server("", splitTunnel, few))
	dir := t.TempDir()
	script, conf := filepath.Join(dir, "script"), filepath.Join(dir, "vpnc.conf")
	write(t, script, vpncScript)
	if err := os.Chmod(script, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, conf, `No Detach
Noninteractive
IPSec gateway 192.1.1.40
IPSec ID clients
IPSec secret guest-key
IKE Authmode psk
IKE DH Group dh2
Perfect Forward Secrecy nopfs
Xauth username alice
Xauth password guest-password
NAT Traversal Mode natt
Local Port 0
Interface name qmidle0
Pidfile `+dir+`/pid
Script `+script+`
`)
	wire := l.listen(t)
	vpnc := l.launch(t, "vpnc", "spoke", "vpnc", conf)
	address := l.assigned(t, "spoke")
	l.connect(t, "spoke", "192.168.2.10")
	l.wantEchoes(t, "lh", echo{to: address, count: 5}, 5)
	l.translate(t, "192.1.1.42:30000-39999")
	l.connect(t, "spoke", "192.168.2.10")
	l.connect(t, "lh", address)
	if s := l.states(t, "hub"); !strings.Contains(s, "encap type espinudp sport 4500 dport 3") {
		t.Errorf("the hub has the states:\n%s", s)
	}
	before := spis(l.states(t, "hub"))
	eventually(t, "the SAs are renewed", func() bool {
		l.echo(t, "lh", echo{to: address, count: 100, size: 1300})
		return spis(l.states(t, "hub")) != before
	})
	l.wantEchoes(t, "lh", echo{to: address, count: 5}, 5)
	vpnc.end(t, syscall.SIGTERM)
	// The pool's addresses, of which its prefixes have two at least, stay blocked.
	eventually(t, "the hub has no SAs", func() bool { return l.sas(t, "hub") == 0 && !strings.Contains(l.policies(t, "hub"), address+"/32") })
	if s := wire.look(); s.clear != 0 || s.esp != 0 {
		t.Errorf("on the wire: %+v", s)
	}
}
