//go:build guest

package guest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// again gives a gateway another configuration.
func (d *daemon) again(t *testing.T, config string) {
	t.Helper()
	before := strings.Count(d.out.String(), "was read anew")
	write(t, filepath.Join(d.dir, "config"), config)
	if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, d.name+" reads its configuration", func() bool { return strings.Count(d.out.String(), "was read anew") > before })
}

// TestMoreTransforms has the hub's kernel and a spoke in user space do every transform.
func TestMoreTransforms(t *testing.T) {
	t.Parallel()
	l := network(t)
	with := func(name, transforms string) string {
		more := ""
		if name == "spoke" {
			more = string(userSpace)
		}
		return strings.Replace(config(name, more, ""), "esp-aes esp-sha-hmac", transforms, 1)
	}
	hub, spoke := l.gateway(t, "hub", config("hub", "", "")), l.gateway(t, "spoke", config("spoke", string(userSpace), ""))
	wire := l.listen(t)
	for _, x := range []struct{ transforms, kernel string }{
		{"esp-gcm", "aead rfc4106(gcm(aes))"},
		{"esp-gcm 256", "aead rfc4106(gcm(aes))"},
		{"esp-aes 256 esp-sha256-hmac", "auth-trunc hmac(sha256)"},
		{"esp-aes 192 esp-sha512-hmac", "auth-trunc hmac(sha512)"},
		{"esp-aes esp-sha384-hmac", "auth-trunc hmac(sha384)"},
		{"esp-3des esp-md5-hmac", "enc cbc(des3_ede)"},
		{"esp-des esp-sha-hmac", "enc cbc(des)"},
		{"esp-null esp-sha-hmac", "enc ecb(cipher_null)"},
		{"esp-aes", "enc cbc(aes)"},
	} {
		hub.again(t, with("hub", x.transforms))
		spoke.again(t, with("spoke", x.transforms))
		l.connect(t, "lh", "192.168.3.10")
		l.wantEchoes(t, "ls", echo{to: "192.168.2.10", count: 3, size: 1000}, 3)
		if s := l.states(t, "hub"); !strings.Contains(s, x.kernel) {
			t.Errorf("%s: the hub has the states\n%s", x.transforms, s)
		}
		if s := wire.look(); s.clear != 0 || s.udp != 0 || s.esp < 8 {
			t.Errorf("%s: on the wire: %+v", x.transforms, s)
		}
	}
}

// TestMoreTransport protects what the gateways themselves send to each other.
func TestMoreTransport(t *testing.T) {
	t.Parallel()
	l := network(t)
	hosts := func(name string) string {
		c := config(name, "", "")
		c = strings.Replace(c, "esp-aes esp-sha-hmac\n", "esp-aes esp-sha-hmac\n mode transport\n", 1)
		i, end := strings.Index(c, "access-list 101"), strings.Index(c, "end\n")
		local, remote := "192.1.1.40", "192.1.1.42"
		if name == "spoke" {
			local, remote = remote, local
		}
		return c[:i] + "access-list 101 permit ip host " + local + " host " + remote + "\n" + c[end:]
	}
	hub, spoke := l.gateway(t, "hub", hosts("hub")), l.gateway(t, "spoke", hosts("spoke"))
	wire := l.listen(t)
	l.connect(t, "hub", "192.1.1.42")
	l.wantEchoes(t, "hub", echo{to: "192.1.1.42", count: 3}, 3)
	l.wantEchoes(t, "spoke", echo{to: "192.1.1.40", count: 3, size: 3000}, 3)
	if s := l.states(t, "hub"); strings.Count(s, "mode transport") != 2 {
		t.Errorf("the hub has the states:\n%s", s)
	}
	in, out := counts(t, hub)
	if there, back := counts(t, spoke); in != back || out != there || in < 7 {
		t.Errorf("the hub has received %d and sent %d packets, the spoke %d and %d", in, out, there, back)
	}
	if s := wire.look(); s.icmp != 0 || s.esp < 14 {
		t.Errorf("on the wire: %+v", s)
	}
	spoke.ask(t, "clear crypto sa")
	l.connect(t, "spoke", "192.1.1.40")
	hub.end(t, syscall.SIGTERM)
	l.echo(t, "hub", echo{to: "192.1.1.42", count: 2, wait: unanswered})
	l.echo(t, "spoke", echo{to: "192.1.1.40", count: 2, wait: unanswered})
	if s := wire.look(); s.icmp != 0 {
		t.Errorf("on the wire: %+v", s)
	}
}

// leaving is the SPI by which the hub sends.
func leaving(states string) string {
	m := regexp.MustCompile(`src 192\.1\.1\.40 dst 192\.1\.1\.42\s+proto esp spi (0x\w+)`).FindStringSubmatch(states)
	if m == nil {
		return ""
	}
	return m[1]
}

// TestMoreKilobytes keeps IKE from renewing SAs whose kilobytes run out.
func TestMoreKilobytes(t *testing.T) {
	t.Parallel()
	l := network(t)
	l.gateway(t, "hub", config("hub", "", few))
	l.gateway(t, "spoke", config("spoke", "", few))
	wire := l.listen(t)
	l.connect(t, "lh", "192.168.3.10")
	l.command(t, "hub", "nft", "add table ip t; add chain ip t c { type filter hook output priority -500; }; add rule ip t c udp sport 500 drop")
	before := leaving(l.states(t, "hub"))
	eventually(t, "the SAs have reached their end", func() bool {
		return l.echo(t, "lh", echo{to: "192.168.3.10", count: 10, size: 8000, wait: unanswered}) == 0
	})
	if s := l.states(t, "hub"); before == "" || strings.Contains(s, before) {
		t.Errorf("the hub has SPI %s still:\n%s", before, s)
	}
	if s := wire.look(); s.clear != 0 {
		t.Errorf("on the wire: %+v", s)
	}
	l.command(t, "hub", "nft", "delete", "table", "ip", "t")
	l.connect(t, "lh", "192.168.3.10")
	if s := wire.look(); s.clear != 0 {
		t.Errorf("on the wire: %+v", s)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestMoreInterface has the hub's kernel do ESP by an xfrm interface.
func TestMoreInterface(t *testing.T) {
	t.Parallel()
	l := network(t)
	const byInterface = "qmidle data-plane kernel if-id 77"
	hub := l.gateway(t, "hub", config("hub", byInterface, ""))
	l.gateway(t, "spoke", config("spoke", "", ""))
	wire := l.listen(t)
	l.connect(t, "lh", "192.168.3.10")
	l.wantEchoes(t, "lh", echo{to: "192.168.3.10", count: 5}, 5)
	l.wantEchoes(t, "ls", echo{to: "192.168.2.10", count: 5}, 5)
	l.wantEchoes(t, "hub", echo{to: "192.168.3.10", count: 2}, 2) // from an inside address
	if s, p := l.states(t, "hub"), l.policies(t, "hub"); strings.Count(s, "if_id 0x4d") < 2 || strings.Count(p, "if_id 0x4d") != 3 {
		t.Errorf("states and policies:\n%s\n%s", s, p)
	}
	l.ip(t, "hub", "link del qmidle0")
	l.connect(t, "lh", "192.168.3.10")
	hub.end(t, syscall.SIGKILL)
	hub = l.gateway(t, "hub", config("hub", byInterface, ""))
	l.connect(t, "lh", "192.168.3.10")
	hub.end(t, syscall.SIGTERM)
	if links, p := l.show(t, "hub", "link"), l.policies(t, "hub"); strings.Contains(links, "qmidle0") || strings.TrimSpace(p) != "" {
		t.Errorf("it leaves:\n%s\n%s", links, p)
	}
	l.wantEchoes(t, "lh", echo{to: "192.168.3.10", count: 2}, 0)
	if s := wire.look(); s.clear != 0 || s.udp != 0 || s.esp < 24 {
		t.Errorf("on the wire: %+v", s)
	}
}

// TestMoreDynamic has a spoke that the hub does not know by its address.
func TestMoreDynamic(t *testing.T) {
	t.Parallel()
	l := network(t)
	c := config("hub", "", "")
	c = strings.Replace(c, "key guest-key address 192.1.1.42", "key guest-key address 0.0.0.0 0.0.0.0", 1)
	from, to := strings.Index(c, "crypto map M 10"), strings.Index(c, "interface Ethernet0/0")
	c = c[:from] + "crypto dynamic-map D 10\n set transform-set T\ncrypto map M 10 ipsec-isakmp dynamic D\n" + c[to:]
	hub := l.gateway(t, "hub", c)
	l.gateway(t, "spoke", config("spoke", "", ""))
	wire := l.listen(t)
	l.connect(t, "ls", "192.168.2.10")
	l.wantEchoes(t, "lh", echo{to: "192.168.3.10", count: 5}, 5)
	if p := l.policies(t, "hub"); strings.Count(p, "src 192.168.2.0/24 dst 192.168.3.0/24") != 1 || strings.Count(p, "dir ") != 3 {
		t.Errorf("with a spoke the hub has the policies\n%s", p)
	}
	hub.ask(t, "clear crypto sa")
	eventually(t, "the instance's policies are gone", func() bool { return !strings.Contains(l.policies(t, "hub"), "192.168.3.0/24") })
	l.connect(t, "ls", "192.168.2.10")
	if s := wire.look(); s.clear != 0 || s.esp < 14 {
		t.Errorf("on the wire: %+v", s)
	}
	if strings.Contains(hub.out.String(), "which no SA here has") {
		t.Error("the hub misses an SA that it had")
	}
}
