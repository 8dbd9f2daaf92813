//go:build interop

package interop

import (
	"os"
	"strings"
	"testing"
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
	ping := q.client("ping", p.site.host, "source", q.site.inside)
	if err := ping.Start(); err != nil {
		t.Fatal(err)
	}
	q.waitSAs(t, 1, 1)
	ping.Process.Kill() // it waits for its answers
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
