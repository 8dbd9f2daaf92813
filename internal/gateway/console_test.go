package gateway

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"qmidle/internal/ipsec"
	"qmidle/test/printed"
)

// seat is an operator at a console of a site.
type seat struct {
	*Console
	screen *printed.Output
	left   chan error
}

func sit(t *testing.T, s *site) *seat {
	t.Helper()
	c, err := OpenConsole(s.socket, Screen{Width: 80})
	if err != nil {
		t.Fatal(err)
	}
	x := &seat{Console: c, screen: &printed.Output{}, left: make(chan error, 1)}
	go func() {
		_, err := io.Copy(x.screen, c)
		x.left <- err
	}()
	t.Cleanup(func() {
		c.Close()
		if t.Failed() {
			t.Logf("screen:\n%s", x.screen)
		}
	})
	return x
}

// typed types lines, and waits until the last one's end is on the screen.
func (x *seat) typed(t *testing.T, lines, want string) {
	t.Helper()
	before := len(x.screen.String())
	if _, err := x.Write([]byte(strings.ReplaceAll(lines, "\n", "\r"))); err != nil {
		t.Fatal(err)
	}
	waitFor(t, fmt.Sprintf("%q after %q", want, lines), func() bool { return strings.Contains(x.screen.String()[before:], want) })
}

func TestConsoleConfiguresTheGatewayWhileItsTunnelsAreUp(t *testing.T) {
	wantNoLeak(t)
	one, two := twoSites(t, "")
	one.acquire()
	waitFor(t, "SAs at one", up(one))
	waitFor(t, "SAs at two", up(two))
	kept := one.plane.SAs()[0].Params.SPI

	x := sit(t, one)
	x.typed(t, "configure terminal\nhostname first\nip route 10.9.0.0 255.255.0.0 Null0\nend\n", "first#")
	if len(one.plane.SAs()) != 2 || one.plane.SAs()[0].Params.SPI != kept {
		t.Errorf("SAs that nothing changed are gone: %+v", one.plane.SAs())
	}
	x.typed(t, "configure terminal\ncrypto ipsec transform-set T esp-aes 256 esp-sha-hmac\nend\n",
		"% crypto map M 10: the transform set changed: its SAs are cleared")
	waitFor(t, "no SAs at one", down(one))
	waitFor(t, "no SAs at two", down(two))

	x.typed(t, "configure terminal\naccess-list 101 permit ip 10.7.0.0 0.0.255.255 10.2.0.0 0.0.255.255\nend\n", "first#")
	one.do(t, "show version") // the loop is done with it
	if n := len(one.plane.policies); n != 2 {
		t.Errorf("%d policies in the data plane, want 2", n)
	}
	x.typed(t, "configure terminal\ncrypto nonsense\nend\nexit\n", "Invalid input")
	if err := <-x.left; err != nil {
		t.Errorf("after exit: %v", err)
	}
}

func TestSocketsFollowTheCryptoMap(t *testing.T) {
	wantNoLeak(t)
	one, two := twoSites(t, "")
	one.acquire()
	waitFor(t, "SAs at two", up(two))
	x := sit(t, one)
	x.typed(t, "configure terminal\ninterface Ethernet0/0\nno crypto map\nend\n", "its SAs are cleared")
	waitFor(t, "the delete at two", down(two))
	if n := len(one.sockets.all()); n != 0 {
		t.Errorf("%d sockets without a crypto map", n)
	}
	waitFor(t, "the message", func() bool { return strings.Contains(one.log.String(), "%CRYPTO-6-ISAKMP_ON_OFF: ISAKMP is OFF") })
	// What cannot be had keeps the old configuration.
	x.typed(t, "configure terminal\ninterface Ethernet0/0\nip address 127.0.0.9 255.0.0.0\ncrypto map M\nend\n", "% Not in effect: ")
	x.typed(t, "abort\nshow running-config | include ip address\n", "ip address 127.0.0.1 255.0.0.0")
}

func TestConsolesAreBoundedAndSeveral(t *testing.T) {
	wantNoLeak(t)
	one, _ := twoSites(t, "")
	var seats []*seat
	for range maxConsoles {
		seats = append(seats, sit(t, one))
	}
	for _, x := range seats {
		x.typed(t, "show version\n", "one#")
	}
	if _, err := OpenConsole(one.socket, Screen{Width: 80, Height: 24}); err == nil || err.Error() != "Too many consoles: leave one of them first" {
		t.Errorf("one more: %v", err)
	}
	seats[0].typed(t, "exit\n", "exit")
	if err := <-seats[0].left; err != nil {
		t.Error(err)
	}
	waitFor(t, "room for one more", func() bool {
		c, err := OpenConsole(one.socket, Screen{Width: 80, Height: 24})
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	// The end of the gateway ends the others.
	one.stop(t)
	if err := <-seats[1].left; err != nil {
		t.Error(err)
	}
}

func TestDebugIsShownOnTheConsolesThatMonitor(t *testing.T) {
	wantNoLeak(t)
	one, two := twoSites(t, "")
	watching, busy := sit(t, one), sit(t, one)
	watching.typed(t, "terminal monitor\ndebug crypto isakmp\n", "debugging is on\r\n")
	busy.typed(t, "show debugging\n", "debugging is on")
	one.acquire()
	waitFor(t, "debug text", func() bool { return strings.Contains(watching.screen.String(), "New State = IKE_P1_COMPLETE") })
	waitFor(t, "SAs at two", up(two))
	if strings.Contains(busy.screen.String(), "New State") {
		t.Error("debug text without `terminal monitor`")
	}
	watching.typed(t, "debug crypto condition peer ipv4 192.0.2.1\nclear crypto isakmp\nshow crypto debug-condition\n", "192.0.2.1\r\n")
	if strings.Contains(watching.screen.String(), "IKE_DEST_SA") {
		t.Error("debug text about a peer that no condition names")
	}
}

func TestKeysOfTheConsole(t *testing.T) {
	one, _ := twoSites(t, "")
	x := sit(t, one)
	x.typed(t, "show nonsense\x03", "one#")
	x.typed(t, "sh\t", "show ")
	x.typed(t, "\x03configure terminal\nhostname x\x1a", "x#")
	if err := x.Resize(132, 3); err != nil {
		t.Fatal(err)
	}
	x.typed(t, "show running-config\n", "--More--")
	x.typed(t, "q", "x#")
	x.typed(t, "show ip interface brief\n", "Ethernet0/0")
	x.typed(t, "\x04", "")
	if err := <-x.left; err != nil {
		t.Errorf("after Ctrl-D: %v", err)
	}
}

func TestBadFramesEndTheConsole(t *testing.T) {
	wantNoLeak(t)
	one, _ := twoSites(t, "")
	for _, frame := range [][]byte{{frameKeys, 0xff, 0xff}, {frameKeys}, {frameKeys, 0, 9, 'x'}} {
		x := sit(t, one)
		if _, err := x.conn.Write(append([]byte{'?', 0, 1, 0, frameSize, 0, 1, 0}, frame...)); err != nil {
			t.Fatal(err)
		}
		if err := x.conn.(*net.UnixConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		<-x.left // whether with an error depends on what was still to be read
	}
	one.do(t, "show version")
}

func TestWriteMemoryReplacesTheFileInOneStep(t *testing.T) {
	one, _ := twoSites(t, "")
	dir := t.TempDir()
	one.opts.File = filepath.Join(dir, "hub.cfg")
	if err := os.WriteFile(one.opts.File, []byte("hostname old\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := one.do(t, "write memory"); out != "Building configuration...\n[OK]\n" {
		t.Errorf("write memory says %q", out)
	}
	text, err := os.ReadFile(one.opts.File)
	if err != nil || !strings.Contains(string(text), "hostname one\n") || !strings.Contains(string(text), "example-key") {
		t.Errorf("the file holds %q, %v", text, err)
	}
	info, err := os.Stat(one.opts.File)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("left in the folder: %v", files)
	}
	one.opts.File = filepath.Join(dir, "none", "hub.cfg")
	if p, err := Ask(one.socket, Request{Line: "write memory"}); err != nil || p.OK || !strings.Contains(p.Error, "the startup configuration was not written: no such file or directory") {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestReloadKeepsTunnelsThatTheFileDoesNotChange(t *testing.T) {
	wantNoLeak(t)
	one, two := twoSites(t, "")
	one.acquire()
	waitFor(t, "SAs at one", up(one))
	waitFor(t, "SAs at two", up(two))
	text := fmt.Sprintf(siteConfig, "renamed", addrOne, addrTwo, "10.1.0.0", "10.2.0.0", "")
	one.opts.File = filepath.Join(t.TempDir(), "hub.cfg")
	write := func(text string) {
		if err := os.WriteFile(one.opts.File, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	spi := one.plane.SAs()[0].Params.SPI
	write(text)
	if err := one.Reload(); err != nil {
		t.Fatal(err)
	}
	if sas := one.plane.SAs(); len(sas) != 2 || sas[0].Params.SPI != spi {
		t.Errorf("SAs %+v", sas)
	}
	if out := one.do(t, "show running-config | include hostname"); out != "hostname renamed\n" {
		t.Errorf("the configuration is %q", out)
	}
	for what, bad := range map[string]string{
		"syntax":  text + "crypto isakmp policy x\n",
		"address": strings.Replace(text, "127.0.0.1", "127.0.0.77", 1),
	} {
		write(bad)
		if err := one.Reload(); err == nil {
			t.Errorf("%s: a bad file is taken", what)
		}
	}
	os.Remove(one.opts.File)
	if err := one.Reload(); err == nil {
		t.Error("no file is taken")
	}
	if out := one.do(t, "show running-config | include hostname"); out != "hostname renamed\n" || len(one.plane.SAs()) != 2 {
		t.Errorf("after bad files %q and %d SAs", out, len(one.plane.SAs()))
	}
	for _, want := range []string{"hub.cfg was read anew", "it cannot be used", "the old one runs on", "no such file or directory"} {
		waitFor(t, want, func() bool { return strings.Contains(one.log.String(), want) })
	}
	if p, err := Ask(one.socket, Request{Line: "reload"}); err != nil || p.OK || !strings.Contains(p.Error, "no such file or directory") {
		t.Errorf("reload without a file: %+v, %v", p, err)
	}
	write(strings.Replace(text, "renamed", "again", 1))
	if out := one.do(t, "reload"); !strings.HasSuffix(out, "warning: policy 1 uses group 2: 1024 bits are within a state's reach (RFC 8247)\n     group 2\n           ^\n") || len(one.plane.SAs()) != 2 || one.do(t, "show running-config | include hostname") != "hostname again\n" {
		t.Errorf("reload says %q, with %d SAs", out, len(one.plane.SAs()))
	}
	write(text + "crypto map M 10 ipsec-isakmp\n set pfs group2\n")
	if err := one.Reload(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "no SAs at two", down(two))
	waitFor(t, "the notice", func() bool {
		return strings.Contains(one.log.String(), "qmidle: crypto map M 10: PFS changed: its SAs are cleared")
	})
}

func TestAFaultInACommandIsContained(t *testing.T) {
	wantNoLeak(t)
	one, _ := twoSites(t, "")
	v := &view{Router: one.router, g: one.Gateway}
	if err := v.lease(func() { panic("broken on purpose") }); err != errFault {
		t.Errorf("%v", err)
	}
	waitFor(t, "the notice", func() bool { return strings.Contains(one.log.String(), "broken on purpose at ") })
	if err := v.lease(func() { v.Aside(func() error { panic("broken aside") }) }); err != errFault {
		t.Errorf("aside: %v", err)
	}
	waitFor(t, "the notice", func() bool { return strings.Contains(one.log.String(), "broken aside at ") })
	one.do(t, "show version")
	one.stop(t)
	if err := v.lease(func() { t.Error("it runs after the end") }); err != errStopping {
		t.Errorf("%v", err)
	}
}

func TestReplacedPoliciesAreSetOnlyWhenTheyChange(t *testing.T) {
	one, _ := twoSites(t, "")
	same := make([]ipsec.PolicyEntry, 1)
	one.plane.policies = same
	x := sit(t, one)
	x.typed(t, "configure terminal\nhostname x\nend\n", "x#")
	one.do(t, "show version")
	if &one.plane.policies[0] != &same[0] {
		t.Error("a change of the name replaced the policies, at which waiting packets are dropped")
	}
}

func TestKeysAreWrittenToANewFileOfTheOwners(t *testing.T) {
	wantNoLeak(t)
	one, two := twoSites(t, "")
	file := filepath.Join(t.TempDir(), "keys")
	if out := one.do(t, "copy isakmp-keys "+file+" reveal"); !strings.Contains(out, "nothing was written") {
		t.Errorf("without an SA: %q", out)
	}
	one.acquire()
	waitFor(t, "SAs at one", up(one))
	waitFor(t, "SAs at two", up(two))
	if p, err := Ask(one.socket, Request{Line: "copy isakmp-keys keys reveal"}); err != nil || p.OK || !strings.Contains(p.Error, "needs its whole path") {
		t.Errorf("%+v, %v", p, err)
	}
	out := one.do(t, "copy isakmp-keys "+file+" reveal")
	if !strings.HasPrefix(out, "Wrote the encryption keys of 1 ISAKMP SAs to "+file) {
		t.Errorf("it says %q", out)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	table, err := os.ReadFile(file)
	if err != nil || !regexp.MustCompile(`^[0-9a-f]{16},([0-9a-f]{32}|[0-9a-f]{48}|[0-9a-f]{64})\n$`).Match(table) {
		t.Errorf("%d octets, %v", len(table), err)
	}
	waitFor(t, "a line in the log", func() bool { return strings.Contains(one.log.String(), "keys of 1 ISAKMP SAs were written to "+file) })
	_, key, _ := strings.Cut(strings.TrimSpace(string(table)), ",")
	if strings.Contains(out+one.log.String()+one.do(t, "show logging"), key) {
		t.Error("the key is shown")
	}
	other := filepath.Join(t.TempDir(), "keys")
	two.do(t, "copy isakmp-keys "+other+" reveal")
	if same, err := os.ReadFile(other); err != nil || string(same) != string(table) {
		t.Errorf("the two ends have different keys: %v", err)
	}
	for what, bad := range map[string]string{"a file that is there": file, "no folder": filepath.Join(file, "x")} {
		if p, err := Ask(one.socket, Request{Line: "copy isakmp-keys " + bad + " reveal"}); err != nil || p.OK || !strings.Contains(p.Error, "the keys were not written") {
			t.Errorf("%s: %+v, %v", what, p, err)
		}
	}
}
