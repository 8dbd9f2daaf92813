package lab

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// files writes a folder and returns its path.
func files(t *testing.T, content map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range content {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// example is the shipped pair with changes in the spoke's configuration.
func example(t *testing.T, change func(string) string) string {
	t.Helper()
	return files(t, map[string]string{
		"hub.cfg":   read(t, filepath.Join(exampleDir, "hub.cfg")),
		"spoke.cfg": change(read(t, filepath.Join(exampleDir, "spoke.cfg"))),
	})
}

func same(text string) string { return text }

func TestWithoutScriptTheExitCodeTellsWhetherEveryPingWasAnswered(t *testing.T) {
	otherKey := func(text string) string {
		return strings.Replace(text, "example-key-change-me", "another-example-key", 1)
	}
	for name, tt := range map[string]struct {
		change func(string) string
		code   int
	}{"up": {same, 0}, "wrong key": {otherKey, 1}} {
		var out bytes.Buffer
		code, err := Run(Options{Dir: example(t, tt.change), Seed: 1}, &out)
		if code != tt.code || err != nil {
			t.Errorf("%s: exit code %d, error %v, want %d", name, code, err, tt.code)
		}
		for _, want := range []string{"hub#debug crypto isakmp\n", "spoke#ping 192.168.2.1 source 192.168.3.1\n",
			"hub#ping 192.168.3.1 source 192.168.2.1\n", "spoke#show crypto isakmp sa\n", "hub#show crypto ipsec sa\n"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in the transcript", name, want)
			}
		}
	}
}

func TestAScriptThatRanEndsWithZeroWhateverItFound(t *testing.T) {
	dir := example(t, same)
	script := filepath.Join(dir, "test.script")
	if err := os.WriteFile(script, []byte("block esp\nspoke# ping 192.168.2.1 source 192.168.3.1\nhub# no such command\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	code, err := Run(Options{Dir: dir, Script: script, Seed: 1}, &out)
	if code != 0 || err != nil {
		t.Errorf("exit code %d, error %v", code, err)
	}
	if !strings.Contains(out.String(), ".....\nSuccess rate is 0 percent (0/5)\n") {
		t.Errorf("the ping was answered:\n%s", out.String())
	}
}

func TestRunRefuses(t *testing.T) {
	const plain = "hostname %s\ninterface Ethernet0/0\n ip address 192.1.1.1 255.255.255.0\n"
	named := func(name string) string { return strings.Replace(plain, "%s", name, 1) }
	for name, tt := range map[string]struct {
		dir  string
		want string
	}{
		"nothing there": {filepath.Join(t.TempDir(), "none"), "no such file"},
		"no folder":     {filepath.Join(exampleDir, "hub.cfg"), "is not a folder"},
		"empty folder":  {t.TempDir(), "has no *.cfg file"},
		"same name":     {files(t, map[string]string{"a.cfg": named("r"), "b.cfg": strings.Replace(named("r"), "1.1 ", "1.2 ", 1)}), "two configurations have the hostname r"},
		"same address":  {files(t, map[string]string{"a.cfg": named("a"), "b.cfg": named("b")}), "a and b both have the address 192.1.1.1"},
		"bad line":      {files(t, map[string]string{"a.cfg": "crypto isakmp policy ten\n"}), "a.cfg:1:22: error:"},
		"no ISAKMP policy": {example(t, func(text string) string {
			from, to := strings.Index(text, "crypto isakmp policy"), strings.Index(text, "crypto isakmp key")
			return text[:from] + text[to:]
		}), "no ISAKMP policy can be used"},
	} {
		var out bytes.Buffer
		code, err := Run(Options{Dir: tt.dir, Seed: 1}, &out)
		if code != 1 || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: exit code %d, error %v, want 1 and %q", name, code, err, tt.want)
		}
		if out.Len() > 0 {
			t.Errorf("%s: something ran:\n%s", name, out.String())
		}
	}
}

func TestAFileWithoutHostnameNamesItsGateway(t *testing.T) {
	c, err := loadGateway("some/where/branch-7.cfg", []byte("version 12.3\n"), nil)
	if err != nil || c.name != "branch-7" || c.cfg.Hostname != "branch-7" {
		t.Errorf("name %q, hostname %q, error %v", c.name, c.cfg.Hostname, err)
	}
}

// A line that is not understood stops the script before anything is run, and
// the error says where it is and what could stand there.
func TestScriptErrors(t *testing.T) {
	for line, want := range map[string]string{
		"frobnicate":                         "unknown command \"frobnicate\": a line is `GATEWAY# COMMAND`",
		"spoke ping 192.168.2.1":             "unknown command \"spoke\"",
		"branch# show version":               "no gateway \"branch\"; there are hub, spoke",
		"tick":                               "wrong number of words; write `tick DURATION`",
		"tick 30":                            "\"30\" is no duration",
		"tick -3s":                           "\"-3s\" is no duration",
		"drop 3":                             "write `drop WHAT N [from GATEWAY]`",
		"drop messages 3":                    "unknown packets \"messages\"; there are esp, fragment, informational, main-mode, message, quick-mode",
		"drop esp 3-2":                       "\"2\" is no number from 3",
		"corrupt quick-mode 2 1s":            "unexpected \"1s\"",
		"drop message 0":                     "\"0\" is no number from 1",
		"drop message 1 from branch":         "no gateway \"branch\"",
		"drop message 1 on 192.1.1.0/24":     "a message is not on one link",
		"drop message 1 from hub from spoke": "unexpected \"from\"",
		"delay message 1":                    "write `delay WHAT N DURATION [from GATEWAY]`",
		"block tcp 500":                      "write `block udp PORT [on SUBNET] [from GATEWAY]` or `block esp",
		"block udp 70000":                    "\"70000\" is no number from 1 to 65535",
		"block udp 500 on 10.0.0.0/8":        "no link \"10.0.0.0/8\"; there are 192.1.1.0/24",
		"block udp 500 to hub":               "unexpected \"to\"",
		"block udp 500 from":                 "unexpected \"from\"",
		"unblock udp 500":                    "write `unblock`",
		"loss 101":                           "\"101\" is no number from 0 to 100",
		"repeat 101":                         "\"101\" is no number from 0 to 100",
		"noise 5% from hub":                  "noise is a link's",
		"jitter 192.1.1.0/24":                "write `jitter SUBNET DURATION`",
		"jitter 192.1.1.0/24 -1s":            "\"-1s\" is no duration such as 200ms, or 0s",
		"loss 10 from hub":                   "loss is a link's",
		"latency 192.1.1.0/24 0s":            "\"0s\" is no duration",
		"nat spoke":                          "write `nat GATEWAY ADDRESS`",
		"nat spoke 10.0.0.1":                 "spoke has no interface on a link with 10.0.0.1",
		"nat spoke 192.1.1.40":               "192.1.1.40 is taken",
		"nat spoke here":                     "\"here\" is no IPv4 address",
		"partition":                          "write `partition GATEWAY`",
		"heal branch":                        "no gateway \"branch\"",
		"restart hub softly":                 "write `restart GATEWAY` or `restart GATEWAY graceful`",
	} {
		dir := example(t, same)
		script := filepath.Join(dir, "bad.script")
		if err := os.WriteFile(script, []byte("# a comment\n\nspoke# show version\n"+line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		code, err := Run(Options{Dir: dir, Script: script, Seed: 1}, &out)
		if code != 1 || err == nil || !strings.HasPrefix(err.Error(), script+":4: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: exit code %d, error %v, want 1 and %q", line, code, err, want)
		}
		if strings.Contains(out.String(), "show version") {
			t.Errorf("%s: a line before it was run", line)
		}
	}
}
