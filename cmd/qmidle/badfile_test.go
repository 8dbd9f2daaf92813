package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode"
)

// asProgram makes the test's own binary the program, in a process of its own.
const asProgram = "QMIDLE_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// underRace says that the race detector slows everything down.
var underRace bool

// process runs the program as a process. It fails the test if that takes a
// second of the processor or much memory, dies, or upsets a terminal.
func process(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	p := exec.CommandContext(t.Context(), self, args...)
	p.Env = append(os.Environ(), asProgram+"=1", "GOTRACEBACK=all")
	p.Stdout, p.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := p.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	t.Logf("%q took %v of the processor's time", args, p.ProcessState.UserTime()+p.ProcessState.SystemTime())
	if kib := p.ProcessState.SysUsage().(*syscall.Rusage).Maxrss; kib > 256<<10 && !underRace {
		t.Errorf("%q took %d MiB", args, kib>>10)
	}
	for _, text := range []string{out.String(), errs.String()} {
		for _, internal := range []string{"panic", "goroutine ", ".go:", "runtime error"} {
			if strings.Contains(text, internal) {
				t.Errorf("%q shows Go's own words:\n%.2000s", args, text)
			}
		}
		if i := strings.IndexFunc(text, func(r rune) bool {
			return r != '\n' && r != '\t' && !unicode.IsPrint(r) || r == unicode.ReplacementChar
		}); i >= 0 {
			t.Errorf("%q shows %q", args, text[max(0, i-20):i+4])
		}
	}
	return p.ProcessState.ExitCode(), out.String(), errs.String()
}

// tunnels is a configuration with as many peers as the lines allow.
func tunnels(lines int) string {
	var b strings.Builder
	b.WriteString(`hostname many
crypto isakmp policy 1
 encr aes 256
 hash sha256
 group 14
 authentication pre-share
crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac
interface Ethernet0
 ip address 192.0.2.1 255.255.255.0
 crypto map M
`)
	for i := range (lines - 10) / 7 {
		peer, net := fmt.Sprintf("10.0.%d.%d", i>>8, i&255), fmt.Sprintf("172.16.%d.%d", i>>8, i&255)
		fmt.Fprintf(&b, "crypto isakmp key secret address %[2]s\nip access-list extended L%[1]d\n permit ip 192.168.0.0 0.0.255.255 host %[3]s\n"+
			"crypto map M %[1]d ipsec-isakmp\n set peer %[2]s\n set transform-set T\n match address L%[1]d\n", i+1, peer, net)
	}
	return b.String()
}

// TestCheckOfBadFiles gives the program what is no configuration, as a process:
// it tells that in a few lines and by its exit status, at once.
func TestCheckOfBadFiles(t *testing.T) {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	const keyed = "crypto isakmp key BadFileKey address 192.0.2.1\n"
	for name, x := range map[string]struct {
		text string
		code int
		says string
	}{
		"ten thousand lines":     {tunnels(10000), exitOK, "can be used: 1427 crypto map entries in use"},
		"with a byte order mark": {"\ufeff" + tunnels(100), exitOK, "can be used: 12 crypto map entries in use"},
		"with CR LF":             {strings.ReplaceAll(tunnels(100), "\n", "\r\n"), exitOK, "can be used: 12 crypto map entries in use"},
		"ten thousand errors":    {strings.Repeat("frobnicate\n", 10000), exitFailed, "stopped after 20 errors"},
		"a program":              {string(self[:min(len(self), 1<<20)]), exitFailed, "not text"},
		"a long program":         {string(self), exitFailed, "more than any configuration"},
		"a NUL":                  {tunnels(100) + "\x00\n", exitFailed, ":95: error: the file is not text"},
		"CRs as line ends":       {strings.ReplaceAll(tunnels(100), "\n", "\r"), exitFailed, "byte 0x0d"},
		"a long line":            {keyed + "crypto isakmp key BadFileKey " + strings.Repeat("a", 3<<20) + "\n", exitFailed, ":2: error: the line has"},
		"a byte within a key":    {"crypto isakmp key BadFileKey\x1b1 address 192.0.2.1\n", exitFailed, ":1:29: error: byte 0x1b"},
		"escape sequences":       {keyed + "hostname \x1b]0;BadFileKey\x07\n", exitFailed, "byte 0x1b"},
		"Latin-1 in a name":      {"crypto map Z\xfcrich 1 ipsec-isakmp\n set transform-set Z\xfcrich\n", exitFailed, "does not exist"},
		"nothing":                {"", exitOK, "can be used: 0 crypto map entries in use"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := process(t, "check", write(t, x.text))
			if code != x.code || !strings.Contains(stdout, x.says) || stderr != "" {
				t.Errorf("exit status %d, %q is to be said:\n%.1000s%s", code, x.says, stdout, stderr)
			}
			if len(stdout) > 100000 || strings.Contains(stdout, "BadFileKey") {
				t.Errorf("it says %d octets:\n%.1000s", len(stdout), stdout)
			}
		})
	}
}

// TestCheckOfWhatIsNoFile: nor does a device that never ends, or a folder, upset
// it.
func TestCheckOfWhatIsNoFile(t *testing.T) {
	for file, says := range map[string]string{
		"/dev/zero":                          "more than any configuration",
		"/dev/null":                          "can be used: 0 crypto map entries",
		t.TempDir():                          "is a directory",
		filepath.Join(t.TempDir(), "absent"): "no such file",
	} {
		code, stdout, stderr := process(t, "check", file)
		want := exitFailed
		if file == "/dev/null" {
			want = exitOK
		}
		if code != want || !strings.Contains(stdout+stderr, says) {
			t.Errorf("%s: exit status %d, %q is to be said:\n%.1000s%s", file, code, says, stdout, stderr)
		}
	}
}
