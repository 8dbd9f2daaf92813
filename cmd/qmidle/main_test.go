package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"qmidle/internal/gateway"
)

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "router.cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// call runs the program.
func call(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(args, &out, &err)
	return code, out.String(), err.String()
}

// daemon answers every request with p, and keeps the requests.
func daemon(t *testing.T, p gateway.Response) (socket string, requests chan gateway.Request) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	requests = make(chan gateway.Request, 8)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(conn).ReadBytes('\n')
			var q gateway.Request
			if json.Unmarshal(line, &q) == nil {
				requests <- q
			}
			b, _ := json.Marshal(p)
			conn.Write(append(b, '\n'))
			conn.Close()
		}
	}()
	return socket, requests
}

// The ends of the first tunnel.
const (
	gatewayFile = "../../examples/first-tunnel/gateway.cfg"
	ciscoFile   = "../../examples/first-tunnel/cisco.cfg"
)

func TestExitStatusTellsSuccess(t *testing.T) {
	good := write(t, "hostname r\n")
	weak := write(t, "crypto isakmp policy 1\n encr des\n authentication pre-share\n group 1\n!\ncrypto isakmp key k address 192.0.2.1\nntp server 192.0.2.5\n")
	bad := write(t, "hostname r\ncrypto isakmp policy 1\n group 99\n")
	cannotRun := write(t, `crypto isakmp policy 1
 authentication pre-share
crypto isakmp key k hostname hub.example.com
crypto ipsec transform-set T esp-aes esp-sha-hmac
crypto map M 10 ipsec-isakmp
 set peer hub.example.com
 set transform-set T
 match address 101
access-list 101 deny tcp any any established
access-list 101 permit ip 10.0.0.0 0.0.0.255 any
interface Ethernet0
 ip address 192.0.2.2 255.255.255.0
 crypto map M
`)
	none := filepath.Join(t.TempDir(), "none")
	cisco, err := os.ReadFile(ciscoFile)
	if err != nil {
		t.Fatal(err)
	}
	otherKey := write(t, strings.Replace(string(cisco), "example-key-change-me", "another-key", 1))
	for _, x := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"check", good}, 0, ": can be used: 0 crypto map entries in use, 0 warnings\n", ""},
		{[]string{"check", weak}, 0, "warning: ", ""},
		{[]string{"check", weak}, 0, "1 line that has nothing to do with VPN was skipped", ""},
		{[]string{"check", bad}, 1, bad + ":3:8: error: ", ""},
		{[]string{"check", bad}, 1, "     group 99\n           ^\n", ""},
		{[]string{"check", cannotRun}, 1, "access list 101, line 10: an ICMP type and `established` are not supported", ""},
		{[]string{"check", none}, 1, "", "qmidle: cannot read " + none + ": no such file or directory\n"},
		{[]string{"check"}, 2, "", "qmidle check: a file is needed\n  hint: `qmidle check --help`"},
		{[]string{"check", "--help"}, 0, "usage: qmidle check FILE", ""},
		{[]string{"check", "--json", good}, 2, "", "qmidle check: --json is for several files\n"},
		{[]string{"check", gatewayFile, ciscoFile}, 0, "    begun by gateway or cisco: comes up; packets pass both ways\n", ""},
		{[]string{"check", gatewayFile, otherKey}, 1, "does not come up: psk-mismatch\n", ""},
		{[]string{"check", gatewayFile, none}, 2, "", "qmidle check: cannot read " + none + ": no such file or directory\n"},
		{[]string{"check", gatewayFile, "/dev/zero"}, 2, "", "qmidle check: /dev/zero cannot be compared:\n"},
		{[]string{"check", gatewayFile, bad}, 2, "", "qmidle check: " + bad + " cannot be compared:\n" + bad + ":3:8: error: "},
		{[]string{"check", gatewayFile, cannotRun}, 2, "", "access list 101, line 10: an ICMP type and `established` are not supported"},
		{[]string{"check", "--color", good}, 2, "", "flag provided but not defined"},
		{[]string{"run"}, 2, "", "qmidle run: -c FILE is needed\n"},
		{[]string{"run", "-h"}, 0, "usage: qmidle run -c FILE", ""},
		{[]string{"run", "-c", good, "extra"}, 2, "", `"extra" is too much`},
		{[]string{"run", "-c", good, "--interface", "Gi0/1"}, 2, "", "it is written IOS=LINUX"},
		{[]string{"run", "-c", none}, 1, "", "no such file or directory"},
		{[]string{"run", "-c", bad}, 1, "", "qmidle: " + bad + " cannot be used:\n" + bad + ":3:8: error: "},
		{[]string{"run", "-c", good, "--log", none + "/log"}, 1, "", "cannot write the log " + none + "/log: no such file or directory\n"},
		{[]string{"run", "-c", good, "-s", good + "/s"}, 1, "", "not a directory"},
		{[]string{"-s", none, "show", "version"}, 1, "", "qmidle: no daemon answers at " + none + "\n  hint: start it with `qmidle run -c FILE`"},
		{[]string{"shwo", "version"}, 2, "", `there is no command "shwo"`},
		{[]string{"--colour", "show"}, 2, "", "flag provided but not defined"},
		{[]string{""}, 2, "", "there is no command"},
		{[]string{"-s", none, "explain", "last", "--json"}, 1, "", "qmidle: no daemon answers at " + none + "\n"},
		{[]string{"explain", "--colour"}, 2, "", "flag provided but not defined"},
		{[]string{"version"}, 0, "qmidle " + release + ", go", ""},
		{[]string{"help"}, 0, "  ping A.B.C.D OPTIONS", ""},
		{[]string{"--help"}, 0, "  show crypto isakmp sa ", ""},
		{nil, 2, "", "usage:\n  qmidle run -c FILE"},
	} {
		code, stdout, stderr := call(x.args...)
		if code != x.code || !strings.Contains(stdout, x.stdout) || !strings.Contains(stderr, x.stderr) {
			t.Errorf("qmidle %q: status %d, want %d\nstdout: %s\nwant: %s\nstderr: %s\nwant: %s",
				x.args, code, x.code, stdout, x.stdout, stderr, x.stderr)
		}
		if x.stdout == "" && stdout != "" || x.stderr == "" && stderr != "" {
			t.Errorf("qmidle %q prints more: %q, %q", x.args, stdout, stderr)
		}
	}
}

// The members of the JSON that programs read.
func TestComparisonAsJSON(t *testing.T) {
	cisco, err := os.ReadFile(ciscoFile)
	if err != nil {
		t.Fatal(err)
	}
	other := write(t, strings.NewReplacer("example-key-change-me", "another-key", " set pfs group14\n", "").Replace(string(cisco)))
	code, stdout, _ := call("check", gatewayFile, other, "--json")
	var got struct {
		OK    bool
		Pairs []struct {
			Gateways []string
			Tunnels  []struct {
				Protects string
				Begun    []struct {
					By      string
					ComesUp bool `json:"comes_up"`
					Tried   bool
					Cause   string
				}
			}
			Findings []struct {
				Kind, Cause string
				Stops       []string `json:"stops_begun_by"`
				Lines       []struct {
					File string
					Line int
					Text string
				}
				Fix []struct{ Commands []string }
			}
		}
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("%v in %s", err, stdout)
	}
	if code != 1 || got.OK || len(got.Pairs) != 1 || len(got.Pairs[0].Tunnels) != 1 || len(got.Pairs[0].Findings) != 2 {
		t.Fatalf("status %d, %+v", code, got)
	}
	p := got.Pairs[0]
	if way := p.Tunnels[0].Begun; len(way) != 2 || way[0].By != "gateway" || way[0].ComesUp || !way[0].Tried || way[0].Cause != "psk-mismatch" {
		t.Errorf("begun: %+v", way)
	}
	for i, want := range []string{"psk-mismatch", "pfs-mismatch"} {
		f := p.Findings[i]
		if f.Kind != "mismatch" || f.Cause != want || len(f.Lines) != 2 || f.Lines[0].File != gatewayFile || f.Lines[0].Line == 0 || f.Lines[1].File != other || len(f.Fix) != 2 {
			t.Errorf("finding: %+v, want %s", f, want)
		}
	}
	if strings.Contains(stdout, "another-key") || strings.Contains(stdout, "example-key-change-me") {
		t.Error("the JSON shows a key")
	}
}

func TestCommandsGoToTheDaemon(t *testing.T) {
	for name, x := range map[string]struct {
		args           []string
		response       gateway.Response
		line           string
		code           int
		stdout, stderr string
	}{
		"text":    {[]string{"sh", "cry", "isa", "sa"}, gateway.Response{OK: true, Output: "dst src\n"}, "sh cry isa sa", 0, "dst src\n", ""},
		"filter":  {[]string{"show", "version", "| include qmidle"}, gateway.Response{OK: true}, "show version | include qmidle", 0, "", ""},
		"json":    {[]string{"--json", "show", "version"}, gateway.Response{OK: true, JSON: []byte(`{"version":"1"}`)}, "show version", 0, "{\n  \"version\": \"1\"\n}\n", ""},
		"failed":  {[]string{"clear", "crypto", "isakmp", "9"}, gateway.Response{Error: "% no ISAKMP SA with connection id 9"}, "clear crypto isakmp 9", 1, "", "% no ISAKMP SA with connection id 9\n"},
		"no ping": {[]string{"ping", "192.0.2.1"}, gateway.Response{Output: "....."}, "ping 192.0.2.1", 1, ".....", ""},
		"no":      {[]string{"no", "debug", "all"}, gateway.Response{OK: true, Output: "off\n"}, "no debug all", 0, "off\n", ""},
	} {
		socket, requests := daemon(t, x.response)
		code, stdout, stderr := call(append([]string{"-s", socket}, x.args...)...)
		if code != x.code || stdout != x.stdout || stderr != x.stderr {
			t.Errorf("%s: status %d, %q, %q", name, code, stdout, stderr)
		}
		if q := <-requests; q.Line != x.line || q.JSON != (x.args[0] == "--json") {
			t.Errorf("%s: request %+v", name, q)
		}
	}
}

func TestDaemonThatGoesAwayIsReported(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if conn, err := l.Accept(); err == nil {
			conn.Close()
		}
	}()
	code, _, stderr := call("-s", socket, "show", "version")
	if code != 1 || !strings.Contains(stderr, "the daemon at "+socket+" gave no answer\n  hint: ") {
		t.Errorf("status %d, %q", code, stderr)
	}
}
