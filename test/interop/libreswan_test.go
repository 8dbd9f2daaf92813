//go:build interop

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// libreswanRoot is where `make test-packages` unpacks libreswan: its package and
// strongSwan's exclude each other.
const libreswanRoot = "../../bin/peers/libreswan"

// libreswan is pluto at a site. It has no ESP in user space, and the kernel's is
// not asked for: negotiations are real, and no packet passes.
type libreswan struct {
	*process
	site                   *site
	dir, programs, control string
	mark                   int // octets of the log that are of no interest any more
}

// newLibreswan starts pluto with a configuration and secrets, whose connections
// are loaded by addConnection.
func newLibreswan(t *testing.T, l *lab, s *site, config, secrets string) *libreswan {
	t.Helper()
	root, err := filepath.Abs(libreswanRoot)
	if err != nil {
		t.Fatal(err)
	}
	p := &libreswan{site: s, dir: filepath.Join(l.dir, "p-"+s.name), programs: filepath.Join(root, "usr/libexec/ipsec")}
	if _, err := os.Stat(filepath.Join(p.programs, "pluto")); err != nil {
		t.Fatalf("%v: `make test-packages` unpacks libreswan there", err)
	}
	run, nss := filepath.Join(p.dir, "run"), filepath.Join(p.dir, "nss")
	for _, dir := range []string{filepath.Join(run, "pluto"), nss} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p.write(t, "ipsec.conf", config)
	p.write(t, "ipsec.secrets", secrets)
	p.control = filepath.Join(run, "pluto", "pluto.ctl")
	shim := filepath.Join(p.dir, "noesp.so")
	command(t, "gcc", "-shared", "-fPIC", "-o", shim, "testdata/noesp.c", "-ldl")
	command(t, "certutil", "-N", "-d", "sql:"+nss, "--empty-password")
	// pluto looks for its helpers where they would be installed.
	script := fmt.Sprintf("mount --bind %s /run && mount -t tmpfs none /usr/libexec && mkdir /usr/libexec/ipsec && mount --bind %s /usr/libexec/ipsec && "+
		"LD_PRELOAD=%s exec %s/pluto --nofork --stderrlog --config %s/ipsec.conf --secretsfile %s/ipsec.secrets --nssdir %s --rundir /run/pluto --listen %s",
		run, p.programs, shim, p.programs, p.dir, p.dir, nss, s.outside)
	p.process = start(t, "pluto at the "+s.name, s.ns, nil, "unshare", "-m", "sh", "-c", script)
	eventually(t, "pluto's answer", 10*time.Second, func() (bool, string) {
		out, err := p.tryWhack("--listen")
		return err == nil || p.exited(), out
	})
	return p
}

func (p *libreswan) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// addConnection loads one connection of the configuration.
func (p *libreswan) addConnection(t *testing.T, name string) {
	t.Helper()
	command(t, "ip", "netns", "exec", p.site.ns, filepath.Join(p.programs, "addconn"), "--config", filepath.Join(p.dir, "ipsec.conf"),
		"--ctlsocket", p.control, "--verbose", name)
}

func (p *libreswan) whack(t *testing.T, args ...string) string {
	t.Helper()
	out, err := p.tryWhack(args...)
	if err != nil {
		t.Fatalf("whack %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (p *libreswan) tryWhack(args ...string) (string, error) {
	args = append([]string{"netns", "exec", p.site.ns, "timeout", "20", filepath.Join(p.programs, "whack"), "--ctlsocket", p.control}, args...)
	out, err := exec.Command("ip", args...).CombinedOutput()
	return string(out), err
}

// waitLog waits for a line with all of some words.
func (p *libreswan) waitLog(t *testing.T, words ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("pluto's line with %q", words), 20*time.Second, func() (bool, string) {
		for line := range strings.Lines(p.log()) {
			if containsAll(line, words) {
				return true, ""
			}
		}
		return false, p.log()
	})
}

func (p *libreswan) log() string {
	s := p.output.String()
	return s[min(p.mark, len(s)):]
}

// forget leaves out what has been logged so far.
func (p *libreswan) forget() { p.mark += len(p.log()) }

func (p *libreswan) end(t *testing.T) {
	t.Helper()
	if err := p.stop(t, syscall.SIGTERM); err != nil {
		t.Errorf("pluto at the %s: %v", p.site.name, err)
	}
}
