//go:build interop

package interop

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qmidle/test/printed"
)

// TestStrongswanGuide runs the configurations of the guide as they stand there:
// its addresses are the lab's.
func TestStrongswanGuide(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/getting-started/strongswan.md")
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t)
	capture := startCapture(t, l)
	c := newCharon(t, l, l.spoke, "")
	c.loadText(t, block(t, string(text), "swanctl"))
	q := newQmidle(t, l, l.hub, raceDetector)
	q.run(t, block(t, string(text), "ios"))
	wake(t, l.hub)
	wantPing(t, l.hub, 3)
	wantPing(t, l.spoke, 3)
	q.do(t, "clear crypto sa")
	q.do(t, "clear crypto isakmp")
	c.waitSAs(t, 0, 0)
	c.initiate(t)
	q.waitSAs(t, 1, 1)
	wantPing(t, l.spoke, 3)
	wantPing(t, l.hub, 3)
	q.end(t)
	c.waitSAs(t, 0, 0)
	c.end(t)
	capture.end(t).wantProtected(t, 12)
	c.wantNoComplaint(t)
}

// TestLibreswanGuide runs the guide's configurations: both phases, begun by either
// end, and deleted.
func TestLibreswanGuide(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/getting-started/libreswan.md")
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t)
	// Its script would set routes for ESP that is not there.
	config := strings.TrimSpace(block(t, string(text), "libreswan")) + "\n    leftupdown=/bin/true\n"
	p := newLibreswan(t, l, l.spoke, config, block(t, string(text), "secrets"))
	q := newQmidle(t, l, l.hub, raceDetector)
	q.run(t, block(t, string(text), "ios"))
	p.addConnection(t, "hub")
	p.whack(t, "--initiate", "--name", "hub")
	p.waitLog(t, "IPsec SA established tunnel mode")
	q.waitSAs(t, 1, 1)
	p.whack(t, "--terminate", "--name", "hub")
	q.waitSAs(t, 0, 0)
	p.forget()
	// One echo request, which nobody answers: another behind the clear commands would
	// ask for a tunnel again.
	ping := q.client("ping", p.site.host, "source", q.site.inside, "repeat", "1")
	if err := ping.Start(); err != nil {
		t.Fatal(err)
	}
	q.waitSAs(t, 1, 1)
	ping.Wait()
	p.waitLog(t, "IPsec SA established tunnel mode")
	q.do(t, "clear crypto sa")
	q.do(t, "clear crypto isakmp")
	q.waitSAs(t, 0, 0)
	p.waitLog(t, "received Delete SA")
	q.end(t)
	p.end(t)
}

// block is the only fenced block of a language in a Markdown text.
func block(t *testing.T, text, language string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, "```"+language+"\n")
	code, rest, closed := strings.Cut(rest, "```\n")
	if !found || !closed || strings.Contains(rest, "```"+language+"\n") {
		t.Fatalf("not one block of %s", language)
	}
	return code
}

// TestCertificatesGuide makes the guide's CA and certificates, carries the gateway's by
// hand, and runs the configurations as they stand there.
func TestCertificatesGuide(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/getting-started/strongswan-certificates.md")
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t)
	dir := t.TempDir()
	command(t, "sh", "-e", "-c", "cd "+dir+"\n"+block(t, string(text), "sh"))
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	capture := startCapture(t, l)
	c := loadCharon(t, l, l.spoke, strings.Replace(charonModules, "pkcs1", "pkcs1 pkcs8", 1), "")
	for name, folder := range map[string]string{"ca.pem": "x509ca", "spoke.pem": "x509", "spoke-key.pem": "private"} {
		if err := os.MkdirAll(filepath.Join(c.dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
		c.write(t, filepath.Join(folder, name), read(name))
	}
	c.loadText(t, block(t, string(text), "swanctl"))
	q := newQmidle(t, l, l.hub, raceDetector)
	q.run(t, block(t, string(text), "ios"))
	typed := strings.Replace(block(t, string(text), "console"), "...\n", read("hub.p12.txt"), 1)
	if out := q.sit(t, typed); !strings.Contains(out, "[OK]") {
		t.Errorf("the console says\n%s", out)
	}
	if shown := q.do(t, "show crypto pki certificates LAB"); !strings.Contains(shown, "cn=hub.example.com") {
		t.Fatalf("show crypto pki certificates:\n%s", shown)
	}
	wake(t, l.hub)
	wantPing(t, l.hub, 3)
	q.do(t, "clear crypto sa")
	q.do(t, "clear crypto isakmp")
	c.waitSAs(t, 0, 0)
	c.initiate(t)
	q.waitSAs(t, 1, 1)
	wantPing(t, l.spoke, 3)
	q.end(t)
	c.waitSAs(t, 0, 0)
	c.end(t)
	capture.end(t).wantProtected(t, 6)
}

// sit types lines at the daemon's console, which wants a terminal, and returns what it
// shows.
func (q *qmidle) sit(t *testing.T, lines string) string {
	t.Helper()
	cmd := exec.Command("script", "-qec", q.path+" -s "+q.socket+" console", "/dev/null")
	cmd.Env = append(os.Environ(), raceOptions)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out printed.Output
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the console's prompt", 15*time.Second, func() (bool, string) { return strings.Contains(out.String(), "#"), out.String() })
	io.WriteString(in, lines+"exit\n")
	if err := cmd.Wait(); err != nil {
		t.Errorf("the console: %v", err)
	}
	return out.String()
}
