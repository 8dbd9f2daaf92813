//go:build interop

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// charon is strongSwan's daemon at a site, with ESP in user space, which it
// can only do in UDP; it has its own /run.
type charon struct {
	*process
	site *site
	dir  string
	mark int // octets of the log that are of no interest any more
}

// Modules in their order: of two that do the same, the first is used, and
// kernel-libipsec has to come before kernel-netlink.
const charonModules = "random nonce aesni openssl aes sha1 sha2 md5 hmac gmp gcm drbg kdf " +
	"pem pkcs1 pubkey x509 constraints kernel-libipsec kernel-netlink socket-default updown vici"

func startCharon(t *testing.T, l *lab, s *site, x setup) *charon {
	t.Helper()
	c := newCharon(t, l, s, x.daemon)
	c.load(t, x)
	return c
}

// newCharon starts the daemon with no connection; settings are added to those of
// strongswan.conf.
func newCharon(t *testing.T, l *lab, s *site, settings string) *charon {
	t.Helper()
	return loadCharon(t, l, s, charonModules, settings)
}

// loadCharon is newCharon with other modules than those that every test needs.
func loadCharon(t *testing.T, l *lab, s *site, modules, settings string) *charon {
	t.Helper()
	c := &charon{site: s, dir: filepath.Join(l.dir, "c-"+s.name)}
	run := filepath.Join(c.dir, "run")
	if err := os.MkdirAll(run, 0o755); err != nil {
		t.Fatal(err)
	}
	c.write(t, "strongswan.conf", fmt.Sprintf(`charon {
  load = %s
%s  filelog {
    file {
      path = %s/charon.log
      flush_line = yes
      time_format = %%H:%%M:%%S
      time_add_ms = yes
      default = 1
      ike = 2
      cfg = 2
    }
  }
}
`, modules, settings, c.dir))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("charon's log at the %s:\n%s", s.name, c.log(t))
		}
	})
	// `ip netns exec` has given the shell a mount namespace of its own.
	c.process = start(t, "charon at the "+s.name, s.ns, []string{"STRONGSWAN_CONF=" + filepath.Join(c.dir, "strongswan.conf")},
		"sh", "-c", "mount --bind "+run+" /run && exec "+charonPath)
	eventually(t, "charon's answer", 10*time.Second, func() (bool, string) {
		out, err := c.trySwanctl("--version", "--daemon")
		return err == nil || c.exited(), out
	})
	t.Cleanup(func() { // before the daemon is killed
		if t.Failed() && !c.exited() {
			out, _ := c.trySwanctl("--list-sas")
			t.Logf("charon's SAs at the %s:\n%s", s.name, out)
		}
	})
	return c
}

// load replaces the configuration. SAs that are up keep theirs.
func (c *charon) load(t *testing.T, x setup) {
	t.Helper()
	c.loadText(t, c.config(x))
}

func (c *charon) config(x setup) string {
	s := c.site
	local, remote := s.network+"/24", s.remoteNet+"/24"
	if x.transport {
		local, remote = s.outside, s.remoteGateway
		x.child += "        mode = transport\n"
	}
	return fmt.Sprintf(`connections {
  peer {
    version = 1
    local_addrs  = %[1]s
    remote_addrs = %[2]s
    proposals = %[3]s
    encap = yes
%[8]s    local {
      auth = psk
    }
    remote {
      auth = psk
    }
    children {
      net {
        local_ts  = %[4]s
        remote_ts = %[5]s
        esp_proposals = %[6]s
%[9]s      }
    }
  }
}
secrets {
  ike-1 {
    id-1 = %[1]s
    id-2 = %[2]s
    id-3 = %[10]s
    secret = "%[7]s"
  }
}
`, s.outside, s.remoteGateway, x.charonIKE(), local, remote, x.charonESP(), presharedKey, x.connection, x.child, s.remoteIdentity)
}

func (c *charon) loadText(t *testing.T, text string) {
	t.Helper()
	c.write(t, "swanctl.conf", text)
	c.swanctl(t, "--load-all", "--noprompt")
}

func (c *charon) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c *charon) swanctl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.trySwanctl(args...)
	if err != nil {
		t.Fatalf("swanctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (c *charon) trySwanctl(args ...string) (string, error) {
	cmd := exec.Command("swanctl", append(args, "--uri", "unix://"+filepath.Join(c.dir, "run", "charon.vici"))...)
	cmd.Env = append(os.Environ(), "SWANCTL_DIR="+c.dir, "STRONGSWAN_CONF="+filepath.Join(c.dir, "strongswan.conf"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// initiate negotiates both phases and returns when they are up.
func (c *charon) initiate(t *testing.T) {
	t.Helper()
	c.swanctl(t, "--initiate", "--child", "net", "--timeout", "20")
}

// terminate deletes the IPsec SAs ("--child", "net") or all ("--ike", "peer").
func (c *charon) terminate(t *testing.T, what ...string) {
	t.Helper()
	c.swanctl(t, append([]string{"--terminate", "--timeout", "20"}, what...)...)
}

// waitSAs waits until charon has so many ISAKMP SAs and pairs of IPsec SAs.
func (c *charon) waitSAs(t *testing.T, isakmp, ipsec int) string {
	t.Helper()
	var list string
	eventually(t, fmt.Sprintf("%d ISAKMP and %d pairs of IPsec SAs at charon", isakmp, ipsec), 20*time.Second, func() (bool, string) {
		out, err := c.trySwanctl("--list-sas")
		list = out
		return err == nil && strings.Count(out, ", ESTABLISHED,") == isakmp && strings.Count(out, ", INSTALLED,") == ipsec, out
	})
	return list
}

func (c *charon) log(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, "charon.log"))
	if err != nil {
		t.Errorf("charon's log: %v", err)
	}
	return string(b[min(c.mark, len(b)):])
}

// forget leaves out what has been logged so far.
func (c *charon) forget(t *testing.T) { c.mark += len(c.log(t)) }

// complaints are what charon logs about a peer that does not do as it should.
var complaints = regexp.MustCompile(`(?i)invalid|no matching|none of|ignor|received .* error|error notify|malformed|parsing .*failed|` +
	`fail|retransmit|unable|not found|no .* found|unexpected|mismatch|differ|violat|unsupported|unhandled|discard|giving up|corrupt|` +
	`verification|not allowed|does not match|could not|can't|too (short|long|many)`)

// wantNoComplaint fails for each line of the log that complains, but for those
// that a test expects.
func (c *charon) wantNoComplaint(t *testing.T, expected ...string) {
	t.Helper()
	for line := range strings.Lines(c.log(t)) {
		if complaints.MatchString(line) && !containsAny(line, expected) {
			t.Errorf("charon at the %s complains: %s", c.site.name, strings.TrimSpace(line))
		}
	}
}

func containsAny(s string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}

// end stops the daemon, which deletes its SAs.
func (c *charon) end(t *testing.T) {
	t.Helper()
	if err := c.stop(t, syscall.SIGTERM); err != nil {
		t.Errorf("charon at the %s: %v", c.site.name, err)
	}
}
